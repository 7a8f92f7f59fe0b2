"""The local planner: flies on estimated depth, the vehicle's state and the goal, and nothing else.

Each frame: fuse the depth into a rolling map, flood the cost to go through it, judge a fan of velocity commands by the
vehicle's response to them, and look where the way leads. Figures are our choice unless a source is named.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from navisplit.config import PolicyConfig
from navisplit.edge.local_map import LocalMap, free_along
from navisplit.edge.policies import Decision, DepthImage, State, View, register
from navisplit.edge.primitives import STEP_S, Weights, fan, follow, judge
from navisplit.edge.wavefront import Wavefront
from navisplit.frames import Vector, VelocityCommand, rotation_matrix, wrap_angle, yaw_of

GRAVITY = 9.80665
LATENCY_S = 0.08  # capture to effect: head, link, tail, guard
YAW_GAIN = 2.2  # 1/s; the vehicle's yaw rate lags 0.2 s
LOOK_AHEAD_M = 3.0
STOP_WITHIN_M = 0.8
STILL_M, PATIENCE_S, DARING_S = 1.0, 2.0, 4.0
"""No further than that for so long: the way is a vain one, and is made dearer; for longer: dare more."""
TRIED = 0.4  # a frame, on the price of a metre
DARING_MPS, DARING_BODY_M = 0.5, 0.48
SPARE_Z_M, SPARE_Z_S = 0.3, 0.05
"""Kept from the airspace's limits, and more for each m/s of speed over ground."""
DRIFT_S, LIMIT_GAIN = 0.2, 1.5  # for so long a climb goes on; 1/s: how fast it ends towards a limit


@register("planner")
class Planner:
    """Receding-horizon planner with memory (``Policy``)."""

    def __init__(self, config: PolicyConfig) -> None:
        self.config = config
        self.weights = Weights()
        self.map = LocalMap()
        self.wavefront = Wavefront()
        self._command = np.zeros(3)
        self._blind = 1.0
        self._anchor: tuple[Vector, int] | None = None  # where and since when it has been about

    def reset(self) -> None:
        """Forget the map and the last command."""
        self.map.reset()
        self.wavefront.reset()
        self._command = np.zeros(3)
        self._blind = 1.0
        self._anchor = None

    def act(self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int) -> Decision:
        """Decide on a command from one depth image (None: from memory) and the state at its capture."""
        position, goal = np.asarray(state.position, float), np.asarray(state.goal, float)
        self.map.centre_on(position, stamp_ns)
        if image is not None and view is not None:
            self.map.insert(image, view, position, state.orientation)
            self._blind = 0.0 if image.spread is None else float(np.median(image.spread))
        self.map.update_clearance()
        self.wavefront.update(self.map, goal, self.config.min_z_m, self.config.max_z_m, position)
        way = self.wavefront.way(position, LOOK_AHEAD_M + 1.5)
        still_s = self._still_s(position, stamp_ns)
        if still_s > PATIENCE_S and np.linalg.norm(goal - position) > STOP_WITHIN_M:
            self.wavefront.discourage(way[1:5], TRIED)
        command = self._within_airspace(self._choose(state, position, goal, way, still_s), position, state)
        self._command = command
        yaw_rate = self._look(state, position, goal, way)
        confidence = math.exp(-2.0 * self._blind)
        return Decision(VelocityCommand(command, yaw_rate), self._free_ahead(position, command, state), confidence)

    def _still_s(self, position: Vector, stamp_ns: int) -> float:
        """For how long the vehicle has been where it is."""
        if self._anchor is None or np.linalg.norm(position - self._anchor[0]) > STILL_M:
            self._anchor = position.copy(), stamp_ns
        return (stamp_ns - self._anchor[1]) * 1e-9

    def _bold(self, still_s: float) -> Weights:
        """The weights, bolder the longer the vehicle has not got on: nearer to things, faster into the unseen."""
        share = min(max(still_s - DARING_S, 0.0) / DARING_S, 1.0)
        if share == 0.0:
            return self.weights
        body, blind = self.weights.body_m, self.weights.blind_mps
        return replace(
            self.weights,
            body_m=body + share * (DARING_BODY_M - body),
            blind_mps=blind + share * (DARING_MPS - blind),
        )

    def _choose(self, state: State, position: Vector, goal: Vector, way: NDArray[np.float64], still_s: float) -> Vector:
        remaining = float(np.linalg.norm(goal - position))
        if remaining < STOP_WITHIN_M:
            return np.zeros(3)
        start = self._predicted(state, position)
        target = _point_along(way, 2.0) if remaining > 2.5 else goal
        ahead = target - position
        azimuth = math.atan2(ahead[1], ahead[0])
        elevation = math.atan2(ahead[2], max(math.hypot(ahead[0], ahead[1]), 0.3))
        # A velocity loop of 1.1 /s overshoots unless asked for less as the goal nears.
        speed = min(self.config.speed_mps, max(0.5, 0.7 * remaining))
        speed *= 1.0 / (1.0 + 1.5 * max(0.0, self._blind - 0.15))
        commands = fan(azimuth, elevation, speed)
        local_map, front = self.map, self.wavefront
        cost, safe = judge(
            commands, start, self._command, local_map.clearance, local_map.log_odds, local_map.origin,
            local_map.config.cell_m, local_map.max_clearance_m, front.cost, front.cell_m,
            self.config.min_z_m, self.config.max_z_m, self._bold(still_s).vector(),
            only_best=True,
        )  # fmt: skip
        best = int(np.argmin(cost))
        if not safe[best]:
            # Nothing can stop in time: oppose the motion, which brakes harder than asking for zero.
            velocity = np.asarray(state.velocity, float)
            return -0.4 * velocity if np.linalg.norm(velocity) > 0.5 else commands[best] * 0.5
        return commands[best]

    def _within_airspace(self, command: Vector, position: Vector, state: State) -> Vector:
        """The command with a climb that ends below the airspace's top, and a descent above its bottom.

        Judged primitives have no lift: a vehicle that tilts hard, to turn or to brake, climbs by more than it was told
        to, the more the faster it is.
        """
        velocity = np.asarray(state.velocity, float)
        spare = SPARE_Z_M + SPARE_Z_S * float(np.hypot(velocity[0], velocity[1]))
        low, high = self.config.min_z_m + spare, self.config.max_z_m - spare
        if low >= high:
            low = high = 0.5 * (self.config.min_z_m + self.config.max_z_m)
        soon = float(position[2] + DRIFT_S * velocity[2])
        climb = float(np.clip(command[2], LIMIT_GAIN * (low - soon), LIMIT_GAIN * (high - soon)))
        return np.array([command[0], command[1], climb])

    def _predicted(self, state: State, position: Vector) -> NDArray[np.float64]:
        """State when the command takes effect: the last command flown on for the latency, (8,) as ``follow``."""
        up = rotation_matrix(state.orientation)[:, 2]
        start = np.zeros(8)
        start[:3], start[3:6] = position, state.velocity
        start[6:8] = np.clip(GRAVITY * up[:2] / max(up[2], 0.3), -6.0, 6.0)
        follow(start, self._command[0], self._command[1], self._command[2], LATENCY_S)
        return start

    def _look(self, state: State, position: Vector, goal: Vector, way: NDArray[np.float64]) -> float:
        """Yaw rate towards where the way leads."""
        target = _point_along(way, LOOK_AHEAD_M)
        ahead = target[:2] - position[:2]
        if np.hypot(*ahead) < 0.6:
            ahead = goal[:2] - position[:2]
        if np.hypot(*ahead) < 0.6:
            return 0.0
        error = wrap_angle(math.atan2(ahead[1], ahead[0]) - yaw_of(state.orientation))
        return float(np.clip(YAW_GAIN * error, -self.config.max_yaw_rate_rps, self.config.max_yaw_rate_rps))

    def _free_ahead(self, position: Vector, command: Vector, state: State) -> float:
        """Distance to the first occupied cell along the command, m; while it brakes, along the motion."""
        if float(np.dot(command, state.velocity)) <= 0 and np.linalg.norm(state.velocity) > 0.5:
            command = np.asarray(state.velocity, float)
        speed = float(np.linalg.norm(command))
        reach = self.map.config.max_range_m
        if speed < 1e-3:
            return reach
        start, direction = position - self.map.origin, command / speed
        return float(free_along(self.map.log_odds, start, direction, self.map.config.cell_m, reach))


def _point_along(way: NDArray[np.float64], length_m: float) -> Vector:
    """Point at a length along a polyline (N, 3), or its end."""
    walked = 0.0
    for a, b in zip(way[:-1], way[1:], strict=True):
        step = float(np.linalg.norm(b - a))
        if walked + step >= length_m:
            return a + (b - a) * ((length_m - walked) / step)
        walked += step
    return way[-1]


__all__ = ["STEP_S", "Planner"]
