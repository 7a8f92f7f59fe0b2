"""A reactive baseline without memory: turn to the open direction nearest to the goal, as fast as it is far.

The depth image becomes a polar histogram of the obstacles at flight height (after VFH, Borenstein and Koren 1991), each
widened by the body's size; figures are our choice.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from navisplit.config import PolicyConfig
from navisplit.edge.policies import Decision, DepthImage, State, View, register
from navisplit.frames import VelocityCommand, rotation_matrix, wrap_angle, yaw_of

BIN_RAD = math.radians(3.0)
FIELD_RAD = math.radians(48.0)  # half width of the histogram around the heading
HALF_HEIGHT_M = 0.7
MARGIN_M = 0.8
RANGE_M = 12.0
BRAKING_S = 1.3  # metres of free way wanted per m/s


@register("reactive")
class Reactive:
    """Memoryless steering on one depth image (``Policy``)."""

    def __init__(self, config: PolicyConfig) -> None:
        self.config = config
        self._angles = np.arange(-FIELD_RAD, FIELD_RAD + 1e-9, BIN_RAD)
        self._turn = 1.0

    def reset(self) -> None:
        """Forget the preferred side."""
        self._turn = 1.0

    def act(self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int) -> Decision:
        """Decide on a command; without an image, stand still."""
        if image is None or view is None:
            return Decision(VelocityCommand.zero(), 0.0, 0.0)
        yaw = yaw_of(state.orientation)
        free = self._histogram(image, view, state, yaw)
        ahead = np.asarray(state.goal, float) - state.position
        remaining = float(np.linalg.norm(ahead))
        bearing = wrap_angle(math.atan2(ahead[1], ahead[0]) - yaw)
        wanted = min(remaining, 5.0)
        # Prefer what leads to the goal; a blocked direction costs by how much of the way is missing.
        score = (
            np.abs(self._angles - np.clip(bearing, -FIELD_RAD, FIELD_RAD))
            + 2.0 * np.maximum(0.0, wanted - free) / wanted
        )
        best = int(np.argmin(score))
        turn = float(self._angles[best]) if abs(bearing) < FIELD_RAD else bearing
        room = float(free[best])
        speed = min(self.config.speed_mps, max(0.0, (room - MARGIN_M) / BRAKING_S), 0.7 * remaining)
        if abs(bearing) > FIELD_RAD or room < 2.0 * MARGIN_M:
            speed = 0.0  # turn on the spot, always to the same side until something opens
            turn = self._turn * FIELD_RAD if room < 2.0 * MARGIN_M else turn
        else:
            self._turn = 1.0 if bearing >= 0 else -1.0
        heading = yaw + turn
        climb = float(np.clip(ahead[2], -1.0, 1.0))
        low, high = self.config.min_z_m + 0.5, self.config.max_z_m - 0.5
        climb = float(np.clip(climb, low - state.position[2], high - state.position[2]))
        velocity = np.array([speed * math.cos(heading), speed * math.sin(heading), climb])
        rate = float(np.clip(2.0 * turn, -self.config.max_yaw_rate_rps, self.config.max_yaw_rate_rps))
        spread = 0.0 if image.spread is None else float(np.median(image.spread))
        return Decision(VelocityCommand(velocity, rate), room, math.exp(-2.0 * spread))

    def _histogram(self, image: DepthImage, view: View, state: State, yaw: float) -> NDArray[np.float64]:
        """Free distance (bins,) m around the heading at flight height."""
        k = view.intrinsics
        depth = np.asarray(image.depth, np.float64)
        left = -(np.arange(k.width) - k.cx)[None, :] / k.fx * depth
        up = -(np.arange(k.height) - k.cy)[:, None] / k.fy * depth
        points = np.stack([depth + view.offset_x_m, left, up], axis=-1)[depth < RANGE_M]
        points = points @ rotation_matrix(state.orientation).T
        points = points[np.abs(points[:, 2]) < HALF_HEIGHT_M]
        distance = np.hypot(points[:, 0], points[:, 1])
        bearing = np.remainder(np.arctan2(points[:, 1], points[:, 0]) - yaw + math.pi, 2 * math.pi) - math.pi
        width = np.arcsin(np.clip(MARGIN_M / np.maximum(distance, MARGIN_M), 0.0, 1.0))
        free = np.full(len(self._angles), RANGE_M)
        for i, angle in enumerate(self._angles):
            blocking = np.abs(bearing - angle) < width
            if blocking.any():
                free[i] = distance[blocking].min()
        return free
