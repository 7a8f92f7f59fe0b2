"""What the learned policy sees: a panorama of the nearest surfaces around the vehicle, and its own state.

It is made of what the packet carries and nothing else: depth, state, goal. The panorama is level and turned with the
heading. In view it shows the newest image; what left the view is remembered for a few seconds and shown from where the
vehicle is now. All figures are our choice.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.config import PolicyConfig
from navisplit.edge.commands import map_to_heading
from navisplit.edge.policies import DepthImage, State, View
from navisplit.frames import Vector, VelocityCommand, rotation_matrix, yaw_of

Array = NDArray[np.float32]

AZIMUTH_EDGES = np.radians(np.concatenate([np.arange(-180, -60, 20), np.arange(-60, 60, 5), np.arange(60, 181, 20)]))
ELEVATION_EDGES = np.radians([-60.0, -25.0, -8.0, 8.0, 25.0, 60.0])
BEARINGS, LEVELS = len(AZIMUTH_EDGES) - 1, len(ELEVATION_EDGES) - 1  # 36, 5
RANGE_M = 15.0
NEAREST_M = 0.5
KEPT_RANGE_M = 10.0
MEMORY_S = 4.0
KEEP_EVERY_S = 0.2
SEEN_AT_M = 3.0  # a bearing is known when a point this far along it was in view
STATE = ("goal_x", "goal_y", "goal_z", "goal_near", "goal_far", "velocity_x", "velocity_y", "velocity_z",
         "command_x", "command_y", "command_z", "yaw_rate", "lean_x", "lean_y", "floor", "ceiling", "cruise",
         "spread")  # fmt: skip
SIDEWAYS = ("goal_y", "velocity_y", "command_y", "yaw_rate", "lean_y")  # what a mirror turns round
SIZE = LEVELS * BEARINGS + BEARINGS + len(STATE)


@dataclass(frozen=True)
class _Glance:
    """One image, as it is remembered."""

    stamp_ns: int
    points: NDArray[np.float64]  # (N, 3) odom m, nearest of each cell of the panorama
    camera: Vector  # (3,) odom m
    rotation: NDArray[np.float64]  # (3, 3) body to odom
    tangents: tuple[float, float]  # of half the field of view, horizontally and vertically


class Surroundings:
    """Observations (SIZE,) float32 of one flight: panorama (LEVELS, BEARINGS), bearings known (BEARINGS,), STATE."""

    def __init__(self, config: PolicyConfig) -> None:
        self.config = config
        self._glances: deque[_Glance] = deque()

    def reset(self) -> None:
        """Forget what was seen."""
        self._glances.clear()

    def observe(
        self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int, last: VelocityCommand
    ) -> Array:
        """Take an image in (None: none came) and describe what is known; ``last`` is the command before."""
        position, yaw = np.asarray(state.position, np.float64), yaw_of(state.orientation)
        while self._glances and stamp_ns - self._glances[0].stamp_ns > MEMORY_S * 1e9:
            self._glances.popleft()
        now: _Glance | None = None
        panorama = np.zeros(LEVELS * BEARINGS)
        if image is not None and view is not None:
            now = self._glance(image, view, state, stamp_ns)
        old = [g.points for g in self._glances]
        remembered = np.concatenate(old) if old else np.empty((0, 3))
        if now is not None:
            remembered = remembered[~_in_view(remembered, now)]
            _paint(panorama, map_to_heading(now.points - position, yaw))
        _paint(panorama, map_to_heading(remembered - position, yaw))
        known = self._known(position, yaw, now)
        if now is not None and (not self._glances or stamp_ns - self._glances[-1].stamp_ns >= KEEP_EVERY_S * 1e9 - 1):
            near = np.linalg.norm(now.points - position, axis=1) < KEPT_RANGE_M
            self._glances.append(_Glance(stamp_ns, now.points[near], now.camera, now.rotation, now.tangents))
        spread = 0.0 if image is None or image.spread is None else float(np.median(image.spread))
        return np.concatenate([panorama, known, self._state(state, position, yaw, last, spread)]).astype(np.float32)

    def _glance(self, image: DepthImage, view: View, state: State, stamp_ns: int) -> _Glance:
        """The nearest point of every cell of the panorama as seen from the body."""
        k, depth = view.intrinsics, np.asarray(image.depth, np.float64)
        rotation, position = rotation_matrix(state.orientation), np.asarray(state.position, np.float64)
        left = -(np.arange(k.width) - k.cx)[None, :] / k.fx * depth
        up = -(np.arange(k.height) - k.cy)[:, None] / k.fy * depth
        points = np.stack([depth + view.offset_x_m, left, up], axis=-1)[depth < RANGE_M]
        points = points @ rotation.T
        level = map_to_heading(points, yaw_of(state.orientation))
        cells, distance = _cells(level)
        order = np.lexsort((distance, cells))
        _, first = np.unique(cells[order], return_index=True)
        nearest = order[first]
        nearest = nearest[cells[nearest] >= 0]
        camera = position + rotation[:, 0] * view.offset_x_m
        tangents = (0.5 * k.width / k.fx, 0.5 * k.height / k.fy)
        return _Glance(stamp_ns, position + points[nearest], camera, rotation, tangents)

    def _known(self, position: Vector, yaw: float, now: _Glance | None) -> NDArray[np.float64]:
        """Whether a point on each bearing (BEARINGS,) was in view lately."""
        middle = 0.5 * (AZIMUTH_EDGES[1:] + AZIMUTH_EDGES[:-1]) + yaw
        points = position + SEEN_AT_M * np.stack([np.cos(middle), np.sin(middle), np.zeros(BEARINGS)], axis=-1)
        known = np.zeros(BEARINGS, bool)
        for glance in [*self._glances, *([] if now is None else [now])]:
            known |= _in_view(points, glance)
        return known.astype(np.float64)

    def _state(
        self, state: State, position: Vector, yaw: float, last: VelocityCommand, spread: float
    ) -> NDArray[np.float64]:
        config = self.config
        goal = map_to_heading(np.asarray(state.goal, np.float64) - position, yaw)
        distance = float(np.linalg.norm(goal))
        velocity, command = map_to_heading(state.velocity, yaw), map_to_heading(last.velocity, yaw)
        lean = map_to_heading(rotation_matrix(state.orientation)[:, 2], yaw)[:2]
        floor, ceiling = position[2] - config.min_z_m, config.max_z_m - position[2]
        return np.array([
            *(goal / max(distance, 1e-6)), min(distance, 5.0) / 5.0, math.log1p(min(distance, 200.0)) / 4.0,
            *np.clip(velocity / 4.0, -3.0, 3.0), *np.clip(command / 4.0, -3.0, 3.0),
            last.yaw_rate / config.max_yaw_rate_rps, *(3.0 * lean), min(max(floor, 0.0), 3.0) / 3.0,
            min(max(ceiling, 0.0), 3.0) / 3.0, min(config.speed_mps, 12.0) / 4.0, min(spread, 1.0),
        ])  # fmt: skip


def mirrored(observations: Array) -> Array:
    """The same scenes (N, SIZE) with left and right exchanged."""
    out, cells = observations.copy(), LEVELS * BEARINGS
    out[:, :cells] = observations[:, :cells].reshape(-1, LEVELS, BEARINGS)[:, :, ::-1].reshape(-1, cells)
    out[:, cells : cells + BEARINGS] = observations[:, cells : cells + BEARINGS][:, ::-1]
    for name in SIDEWAYS:
        out[:, cells + BEARINGS + STATE.index(name)] *= -1
    return out


def _cells(points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cell of the panorama (N,), -1 outside of it, and distance (N,) of points (N, 3) in the heading's frame."""
    flat = np.hypot(points[:, 0], points[:, 1])
    column = np.searchsorted(AZIMUTH_EDGES, np.arctan2(points[:, 1], points[:, 0]), side="right") - 1
    row = np.searchsorted(ELEVATION_EDGES, np.arctan2(points[:, 2], flat), side="right") - 1
    inside = (row >= 0) & (row < LEVELS)
    cells = row * BEARINGS + np.clip(column, 0, BEARINGS - 1)
    return np.where(inside, cells, -1), np.hypot(flat, points[:, 2])


def _paint(panorama: NDArray[np.float64], points: NDArray[np.float64]) -> None:
    """Let points (N, 3) of the heading's frame raise the nearness (0 nothing within RANGE_M .. 1) of their cells."""
    cells, distance = _cells(points)
    inside = cells >= 0
    nearness = np.clip(NEAREST_M / np.maximum(distance[inside], NEAREST_M) - NEAREST_M / RANGE_M, 0.0, 1.0)
    np.maximum.at(panorama, cells[inside], 2.0 * nearness)


def _in_view(points: NDArray[np.float64], glance: _Glance) -> NDArray[np.bool_]:
    """Which points (N, 3) of odom an image shows."""
    seen = (points - glance.camera) @ glance.rotation
    ahead = np.maximum(seen[:, 0], 1e-6)
    inside = (np.abs(seen[:, 1]) < ahead * glance.tangents[0]) & (np.abs(seen[:, 2]) < ahead * glance.tangents[1])
    return inside & (seen[:, 0] > 0.1)
