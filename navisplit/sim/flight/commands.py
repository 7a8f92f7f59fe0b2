"""Flight commands: each is a generator that gives the autopilot a set-point and yields until its next 20 ms tick.

A command's return value is AirSim's: usually "the time ran out". ``Task`` runs one; the vehicle runs the latest only.
Semantics (durations in simulated time, look-ahead, early ends) follow AirSim 1.8.1 as measured on the real stack.
All vectors NED relative to the vehicle's start; yaw degrees clockwise, as in AirSim's API.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from navisplit.frames import Vector, rotation_matrix
from navisplit.sim.flight.autopilot import Autopilot, nanoseconds
from navisplit.sim.flight.controller import ANGLE, PASSTHROUGH, POSITION, RATE, VELOCITY

Routine = Generator[None, None, bool]

TICK_NS = 20_000_000
TICK_S = 0.02
FOREVER_S = 3.0e38
AT_REST_MPS, AT_REST_RPS = 0.05, 0.01
MAX_STICK, MAX_REMOTE_AGE_NS = 10_000.0, 100_000_000
TAKEOFF_CLIMB_M, TAKEOFF_SPEED, LANDING_SPEED = 2.0, 0.5, 0.2


class CommandError(ValueError):
    """A command that AirSim refuses with an exception; the text is AirSim's."""


@dataclass(frozen=True)
class YawMode:
    """Yaw as a rate (deg/s) or an angle (deg)."""

    is_rate: bool = True
    yaw_or_rate: float = 0.0

    @property
    def mode(self) -> int:
        """The controller's mode for the yaw axis."""
        return RATE if self.is_rate else ANGLE

    @property
    def value(self) -> float:
        """Radians or radians a second."""
        return math.radians(self.yaw_or_rate)

    def along(self, heading: Vector, forward_only: bool) -> YawMode:
        """In forward-only mode an angle is relative to the direction of travel; too short a way keeps the yaw."""
        if not forward_only or self.is_rate:
            return self
        if float(np.linalg.norm(heading)) <= 0.5:
            return YawMode()
        yaw = self.yaw_or_rate + math.degrees(math.atan2(heading[1], heading[0]))
        return YawMode(False, (yaw + 180.0) % 360.0 - 180.0)


class Task:
    """A running command. ``result`` is False when it was superseded, cancelled or reset."""

    def __init__(self, routine: Routine) -> None:
        self._routine: Routine | None = routine
        self._watchers: list[Callable[[Task], Any]] = []
        self.done = False
        self.result = False
        self.error: Exception | None = None

    def tick(self) -> None:
        """Run the command up to its next tick."""
        if self._routine is None:
            return
        try:
            next(self._routine)
        except StopIteration as end:
            self._finish(bool(end.value))
        except CommandError as error:
            self.error = error
            self._finish(False)

    def cancel(self) -> None:
        """End it now with result False; no effect when it is done."""
        if self._routine is not None:
            self._routine.close()
            self._finish(False)

    def when_done(self, watcher: Callable[[Task], Any]) -> None:
        """Call ``watcher(task)`` at the end, at once when it is done already."""
        if self.done:
            watcher(self)
        else:
            self._watchers.append(watcher)

    def _finish(self, result: bool) -> None:
        self._routine, self.done, self.result = None, True, result
        for watcher in self._watchers:
            watcher(self)


def during(pilot: Autopilot, duration_s: float, act: Callable[[], None]) -> Routine:
    """Call ``act`` every tick for ``duration_s`` of simulated time; True at the end."""
    if duration_s <= 0:
        return True
    end = pilot.clock_ns + nanoseconds(duration_s)
    while True:
        act()
        if pilot.time_ns >= end:
            return True
        yield


def set_velocity(pilot: Autopilot, velocity: Sequence[float], yaw: YawMode) -> None:
    """One set-point: world velocity and yaw."""
    pilot.set_point((VELOCITY, VELOCITY, yaw.mode, VELOCITY), velocity[1], velocity[0], yaw.value, velocity[2])


def set_position(pilot: Autopilot, position: Sequence[float], yaw: YawMode) -> None:
    """One set-point: position hold and yaw."""
    pilot.set_point((POSITION, POSITION, yaw.mode, POSITION), position[1], position[0], yaw.value, position[2])


def _into_world(pilot: Autopilot, vx: float, vy: float) -> tuple[float, float]:
    """Body-frame horizontal velocity turned by the present yaw only."""
    c, s = math.cos(pilot.yaw), math.sin(pilot.yaw)
    return vx * c - vy * s, vx * s + vy * c


def move_by_velocity(
    pilot: Autopilot,
    velocity: Sequence[float],
    duration_s: float,
    *,
    forward_only: bool = False,
    yaw_mode: YawMode = YawMode(),  # noqa: B008 - frozen
    body_frame: bool = False,
) -> Routine:
    """Fly a velocity; in the body frame it is turned once, by the yaw at the start."""
    vx, vy, vz = velocity
    if body_frame:
        vx, vy = _into_world(pilot, vx, vy)
    yaw = yaw_mode.along(np.array([vx, vy, 0.0]), forward_only)
    return (yield from during(pilot, duration_s, lambda: set_velocity(pilot, (vx, vy, vz), yaw)))


def move_by_velocity_z(
    pilot: Autopilot,
    vx: float,
    vy: float,
    z: float,
    duration_s: float,
    *,
    forward_only: bool = False,
    yaw_mode: YawMode = YawMode(),  # noqa: B008 - frozen
    body_frame: bool = False,
) -> Routine:
    """Fly a horizontal velocity at height ``z``."""
    if duration_s <= 0:
        return body_frame  # AirSim: True in the body frame, False in the world frame
    if body_frame:
        vx, vy = _into_world(pilot, vx, vy)
    yaw = yaw_mode.along(np.array([vx, vy, 0.0]), forward_only)
    modes = (VELOCITY, VELOCITY, yaw.mode, POSITION)
    return (yield from during(pilot, duration_s, lambda: pilot.set_point(modes, vy, vx, yaw.value, z)))


def move_by_attitude(
    pilot: Autopilot, modes: tuple[int, int, int, int], values: tuple[float, float, float, float], duration_s: float
) -> Routine:
    """Roll, pitch, yaw and throttle or z, each as an angle, a rate, a position or passed through."""
    return (yield from during(pilot, duration_s, lambda: pilot.set_point(modes, *values)))


def move_by_motors(pilot: Autopilot, signals: tuple[float, float, float, float], duration_s: float) -> Routine:
    """Rotor signals 0..1: front right, rear left, front left, rear right."""
    return (yield from during(pilot, duration_s, lambda: pilot.set_point((PASSTHROUGH,) * 4, *signals)))


def move_by_manual(
    pilot: Autopilot,
    vx_max: float,
    vy_max: float,
    z_min: float,
    duration_s: float,
    *,
    forward_only: bool = False,
    yaw_mode: YawMode = YawMode(),  # noqa: B008 - frozen
) -> Routine:
    """Sticks as velocities, turned by the attitude at the start; without a fresh remote control the time just passes.

    Scales and frames are AirSim's, whose sticks reach from -10000 to 10000 here.
    """
    to_world = rotation_matrix(pilot.orientation)

    def act() -> None:
        rc = pilot.remote
        if not rc.is_valid or (rc.stamp_ns and pilot.time_ns - rc.stamp_ns > MAX_REMOTE_AGE_NS):
            return
        vx, vy, _ = to_world.T @ (rc.pitch * vy_max / MAX_STICK, rc.roll * vx_max / MAX_STICK, 0.0)
        turned = replace(yaw_mode, yaw_or_rate=yaw_mode.yaw_or_rate + rc.yaw * 100.0 / MAX_STICK)
        yaw = turned.along(np.array([vx, vy, 0.0]), forward_only)
        z = rc.throttle / MAX_STICK * z_min + float(pilot.position[2])
        pilot.set_point((VELOCITY, VELOCITY, yaw.mode, POSITION), vy, vx, yaw.value, z)

    return (yield from during(pilot, duration_s, act))


def land(pilot: Autopilot, timeout_s: float) -> Routine:
    """Descend at 0.2 m/s until the descent has stopped for ten ticks (counted from the first, as AirSim does)."""
    end = pilot.clock_ns + nanoseconds(timeout_s)
    still = 0
    while timeout_s > 0:
        set_velocity(pilot, (0.0, 0.0, LANDING_SPEED), YawMode())
        still = still + 1 if pilot.velocity[2] <= AT_REST_MPS else 0
        if still > 10:
            return True
        if pilot.time_ns >= end:
            break
        yield
    return False


def rotate_to_yaw(pilot: Autopilot, yaw_deg: float, timeout_s: float, margin_deg: float) -> Routine:
    """Hold the position and turn; True once within the margin and turning no more."""
    if timeout_s <= 0:
        return True
    here = pilot.position.copy()
    target = (yaw_deg + 180.0) % 360.0 - 180.0
    end = pilot.clock_ns + nanoseconds(timeout_s)
    while True:
        if abs(math.degrees(pilot.yaw) - target) <= margin_deg:
            set_position(pilot, here, YawMode())
            if abs(pilot.angular_rate[2]) <= AT_REST_RPS:
                return True
        else:
            set_position(pilot, here, YawMode(False, target))
        if pilot.time_ns >= end:
            return False
        yield


def rotate_by_yaw_rate(pilot: Autopilot, rate_deg_s: float, duration_s: float) -> Routine:
    """Hold the position and turn at a rate."""
    here = pilot.position.copy()
    return (yield from during(pilot, duration_s, lambda: set_position(pilot, here, YawMode(True, rate_deg_s))))
