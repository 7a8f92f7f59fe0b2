"""AirSim's path follower: moveOnPath and what is built on it (moveToPosition, moveToZ, takeoff, goHome, hover).

It chases a point a look-ahead along the path with velocity set-points and ends when the look-ahead runs out of path:
at nearly full speed, as the real one does, since SimpleFlight sets the braking distances to zero. The rules
were read in AirSim 1.8.1's source; the code is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from navisplit.frames import Vector
from navisplit.sim.flight.autopilot import Autopilot, nanoseconds
from navisplit.sim.flight.commands import (
    AT_REST_MPS,
    FOREVER_S,
    TAKEOFF_CLIMB_M,
    TAKEOFF_SPEED,
    TICK_S,
    CommandError,
    Routine,
    YawMode,
    set_velocity,
)

ACCURACY_M = 0.5  # nearer than this counts as there
LOOKAHEAD_TICKS, LOOKAHEAD_TICKS_PLAIN = 30.0, 40.0  # automatic look-ahead with and without adaptation
STILL_M = 0.01 * TICK_S  # less than this in a tick, when it is there, counts as stopped: 1 cm/s, our choice
MAX_TICKS_ASTRAY = 100_000  # with an error from the path that grew at each of them
ASTRAY = "lookahead error is continually increasing so we do not have safe control, aborting moveOnPath operation"


@dataclass(frozen=True)
class _Place:
    """Somewhere on a path: leg number, metres along it, and the point."""

    leg: int
    offset: float
    point: Vector


class _Path:
    """Points joined by straight legs; the end counts as a leg of no length."""

    def __init__(self, points: Sequence[Vector]) -> None:
        self.points = [np.asarray(p, np.float64) for p in points]
        ways = [b - a for a, b in zip(self.points, self.points[1:], strict=False)]
        self.lengths = [float(np.linalg.norm(way)) for way in ways]
        self.directions = [way / length if length > 0 else way for way, length in zip(ways, self.lengths, strict=True)]

    @property
    def end(self) -> int:
        """The number of the end."""
        return len(self.lengths)

    def ahead(self, place: _Place, distance: float) -> _Place:
        """The place ``distance`` further along, at most the end."""
        leg, offset = place.leg, place.offset
        while leg < self.end:
            length = self.lengths[leg]
            if length > 0 and length >= distance + offset:
                offset += distance
                return _Place(leg, offset, self.points[leg] + self.directions[leg] * offset)
            distance -= length - offset
            leg, offset = leg + 1, 0.0
        return _Place(self.end, 0.0, self.points[-1])


def _lookahead(velocity: float, lookahead: float, adaptive: float) -> float:
    per_tick = velocity * TICK_S
    if lookahead == 0:
        raise CommandError("lookahead distance cannot be 0")
    if lookahead < 0:
        ticks = LOOKAHEAD_TICKS if adaptive > 0 else LOOKAHEAD_TICKS_PLAIN
        return max(per_tick * ticks, ACCURACY_M * 1.5)
    if per_tick > lookahead:
        raise CommandError(
            f"lookahead value {lookahead:f} is too small for velocity {velocity:f}. It must be at least {per_tick:f}"
        )
    if ACCURACY_M > lookahead:
        raise CommandError(f"lookahead value {lookahead:f} is smaller than drone's distance accuracy {ACCURACY_M:f}.")
    return lookahead


def _chase(pilot: Autopilot, point: Vector, speed: float, forward_only: bool, yaw_mode: YawMode) -> None:
    way = point - pilot.position
    distance = float(np.linalg.norm(way))
    yaw = yaw_mode.along(way, forward_only)
    velocity = np.zeros(3)
    if distance >= ACCURACY_M:
        velocity = way / distance * min(speed, distance / TICK_S)
    if abs(way[2]) <= ACCURACY_M:
        velocity[2] = 0.0
    set_velocity(pilot, velocity.tolist(), yaw)


def _stopped(pilot: Autopilot, path: _Path) -> float:
    """Progress in a tick, m, that ends a move whose look-ahead is at the end of its path.

    AirSim's is 0 everywhere. Its hover at a commanded velocity of zero sinks at 3 mm/s, so that a slanting
    way down would end only on the ground, minutes later.
    """
    there = float(np.linalg.norm(path.points[-1] - pilot.position)) < ACCURACY_M
    return STILL_M if there else 0.0


def move_on_path(
    pilot: Autopilot,
    points: Sequence[Vector],
    velocity: float,
    timeout_s: float = FOREVER_S,
    *,
    forward_only: bool = False,
    yaw_mode: YawMode = YawMode(),  # noqa: B008 - frozen
    lookahead: float = -1.0,
    adaptive_lookahead: float = 1.0,
) -> Routine:
    """Fly through ``points``; True when the end was reached by the follower's own measure."""
    if len(points) == 0:
        return True
    if forward_only and yaw_mode.is_rate:
        raise CommandError("Yaw cannot be specified as rate if drivetrain is ForwardOnly")
    reach = _lookahead(velocity, lookahead, adaptive_lookahead)
    path = _Path([pilot.position.copy(), *points])
    here = _Place(0, 0.0, path.points[0])
    target = path.ahead(here, reach)
    end = pilot.clock_ns + nanoseconds(timeout_s)
    complete, gained, error, astray = False, 0.0, 0.0, 0
    while pilot.time_ns < end and not complete and (target.leg < path.end or gained > _stopped(pilot, path)):
        _chase(pilot, target.point, velocity, forward_only, yaw_mode)
        yield
        way = target.point - here.point
        length = float(np.linalg.norm(way))
        if length > 0:
            made = pilot.position - here.point
            gained = float(made @ way) / length
            if adaptive_lookahead:
                before, error = error, float(np.linalg.norm(made - way / length * gained)) * adaptive_lookahead
                astray = astray + 1 if error > before else 0
                if astray > MAX_TICKS_ASTRAY:
                    raise CommandError(ASTRAY)
        else:
            gained, error, complete = 0.0, 0.0, True
        if gained >= 0:
            here = path.ahead(here, gained)
        target = path.ahead(here, reach + error)
    return complete


def takeoff(pilot: Autopilot, timeout_s: float) -> Routine:
    """Climb towards 2 m above here at 0.5 m/s; refused while moving."""
    speed = float(np.linalg.norm(pilot.velocity))
    if speed > AT_REST_MPS:
        raise CommandError(f"Cannot perform takeoff because vehicle is already moving with velocity {speed:f} m/s")
    above = pilot.position - np.array([0.0, 0.0, TAKEOFF_CLIMB_M])
    return (yield from move_on_path(pilot, [above], TAKEOFF_SPEED, timeout_s))


def go_home(pilot: Autopilot, timeout_s: float) -> Routine:
    """Straight to the start at 0.5 m/s."""
    return (yield from move_on_path(pilot, [np.zeros(3)], TAKEOFF_SPEED, timeout_s))


def hover(pilot: Autopilot) -> Routine:
    """A move to where it is: ends at once, False, and the set-point's timeout then holds the position."""
    return (
        yield from move_on_path(pilot, [pilot.position.copy()], TAKEOFF_SPEED, lookahead=1.0, adaptive_lookahead=0.0)
    )
