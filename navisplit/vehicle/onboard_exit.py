"""The on-board exit: where to fly while the edge is silent, on a coarse picture of what is near.

It flies towards the goal only into what the camera sees now, and only as fast as it can stop short of the nearest thing
in its way; moving where the way is too short to stop, or where the camera does not look, it brakes first. It remembers
nothing and never flies backwards or sideways: it is a way to go on for some seconds, not a planner. Figures are our
choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from navisplit.config import CameraConfig, FlightConfig
from navisplit.frames import Odometry, Vector, VelocityCommand, rotation_matrix, wrap_angle

if TYPE_CHECKING:
    from navisplit.nets.branch_set import BranchSet
    from navisplit.nets.exit import ExitNet

SIDES = np.radians([0.0, 6.0, -6.0, 12.0, -12.0, 20.0, -20.0, 28.0, -28.0])
"""Directions to fly in, from the heading: all well inside the picture."""
BODY_M, BODY_HEIGHT_M = 0.6, 0.5  # half the width and height of the tube that has to be free
STOP_M, STOP_S = 1.2, 1.1  # kept from the nearest thing; way to a stop for each m/s, latency included
STILL_MPS = 0.5  # slower than this no way to a stop is asked for
LEAST_MPS = 0.3  # slower is not worth it: stop
SPEED_SHARE = 0.6  # of the cruise speed
SEEN = math.radians(38)  # from the heading: the body's tube is in the picture
TURN_FIRST = math.radians(50)  # a goal further aside is turned to on the spot
CLIMB_GAIN, MAX_CLIMB = 0.5, 0.3  # to the height of the goal
YAW_GAIN, MAX_YAW_RATE = 1.5, 1.0
RAYS = 3  # a side, through each cell


@dataclass(frozen=True)
class FreeSpace:
    """What the exit saw in one frame."""

    distances: NDArray[np.float32]  # (6, 16) planar m to the nearest thing in each cell
    reach: NDArray[np.float64]  # (9,) m that are free in each direction of ``SIDES``
    onward: float  # m that are free where it moves now; inf while it stands, 0 where the camera does not look


class OnboardExit:
    """Turns the trunk's features into a velocity command; ``net`` gives log distances (1, 6, 16)."""

    def __init__(self, net: Callable[[Any], Any], camera: CameraConfig, cruise_mps: float) -> None:
        self._net = net
        self._camera = camera
        self._speed_mps = SPEED_SHARE * cruise_mps
        self._rays: NDArray[np.float64] | None = None  # (R, C, RAYS^2, 3) FLU, planar distance 1

    def command(self, features: Any, odometry: Odometry, goal: Vector) -> VelocityCommand:
        """Velocity (ENU, m/s) and yaw rate for a frame whose trunk gave ``features`` (1, C, 18, 32)."""
        offset = np.asarray(goal, np.float64)[:2] - odometry.position[:2]
        remaining = float(np.hypot(*offset))
        if remaining < STOP_M:
            return VelocityCommand.zero()
        bearing = wrap_angle(math.atan2(offset[1], offset[0]) - odometry.yaw)
        space = self.look(features, odometry)
        speed = float(np.hypot(*odometry.velocity[:2]))
        speeds = np.clip((space.reach - STOP_M) / STOP_S, 0.0, min(self._speed_mps, 0.7 * remaining))
        best = int(np.argmax(speeds * np.cos(SIDES - bearing)))
        turns = abs(bearing) > TURN_FIRST
        yaw_rate = float(np.clip(YAW_GAIN * (bearing if turns else SIDES[best]), -MAX_YAW_RATE, MAX_YAW_RATE))
        if space.onward < STOP_M + STOP_S * speed:
            return VelocityCommand(np.zeros(3), yaw_rate)
        if turns or speeds[best] < LEAST_MPS:
            return VelocityCommand(np.zeros(3), yaw_rate if turns else 0.0)
        heading = odometry.yaw + SIDES[best]
        climb = float(np.clip(CLIMB_GAIN * (goal[2] - odometry.position[2]), -MAX_CLIMB, MAX_CLIMB))
        velocity = np.array([speeds[best] * math.cos(heading), speeds[best] * math.sin(heading), climb])
        return VelocityCommand(velocity, yaw_rate)

    def look(self, features: Any, odometry: Odometry) -> FreeSpace:
        """Distances, and how far each direction is free for the body."""
        distances = np.exp(np.asarray(self._net(features), np.float32)[0])
        points = (self._rays_of(distances.shape) * distances[:, :, None, None]).reshape(-1, 3)
        vx, vy = odometry.velocity[:2]
        moving = wrap_angle(math.atan2(vy, vx) - odometry.yaw)
        reach = free_reach(points, np.append(SIDES, moving), odometry, self._camera)
        onward = float(reach[-1]) if abs(moving) <= SEEN else 0.0
        return FreeSpace(distances, reach[:-1], onward if math.hypot(vx, vy) > STILL_MPS else math.inf)

    def _rays_of(self, grid: tuple[int, ...]) -> NDArray[np.float64]:
        if self._rays is None:
            rows, columns = grid[0] * RAYS, grid[1] * RAYS
            optical = self._camera.intrinsics.scaled(columns, rows).rays().astype(np.float64)
            flu = np.stack([optical[..., 2], -optical[..., 0], -optical[..., 1]], axis=-1)
            cells = flu.reshape(grid[0], RAYS, grid[1], RAYS, 3).transpose(0, 2, 1, 3, 4)
            self._rays = np.ascontiguousarray(cells.reshape(*grid, RAYS * RAYS, 3))
        return self._rays


def free_reach(
    points: NDArray[np.float64], directions: NDArray[np.float64], odometry: Odometry, camera: CameraConfig
) -> NDArray[np.float64]:
    """How far each direction (D,) from the heading is free for the body, m, among points (N, 3) seen: camera FLU, m."""
    c, s = math.cos(odometry.yaw), math.sin(odometry.yaw)
    heading = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    level = (points + [camera.offset_x_m, 0.0, 0.0]) @ (heading.T @ rotation_matrix(odometry.orientation)).T
    ahead = np.stack([np.cos(directions), np.sin(directions)])
    along = level[:, :2] @ ahead
    aside = np.abs(level[:, 1:2] * ahead[0] - level[:, 0:1] * ahead[1])
    hit = (along > 0) & (aside < BODY_M) & (np.abs(level[:, 2:3]) < BODY_HEIGHT_M)
    return np.where(hit, along, np.inf).min(axis=0)


def distances_by(net: ExitNet) -> Callable[[Any], NDArray[np.float32]]:
    """The network as ``OnboardExit`` wants it: the trunk's features (B, C, 18, 32) to log distances (B, 6, 16)."""
    import torch

    def run(features: Any) -> NDArray[np.float32]:
        with torch.inference_mode():
            return net(features.float()).numpy()

    return run


def exit_factory(branch_set: BranchSet) -> Callable[[FlightConfig], OnboardExit] | None:
    """Makes the branch set's on-board exit; None where it has none. Raises ModelError for a broken or foreign one."""
    from navisplit.nets.exit import META_FILE, load_exit

    if not (branch_set.path / META_FILE).is_file():
        return None
    channels = branch_set.head.trunk.channels
    see = distances_by(load_exit(branch_set.path, models_hash=branch_set.hash, channels=channels))
    return lambda config: OnboardExit(see, config.camera, config.policy.speed_mps)
