"""The manoeuvres of AirSim's recorded flights as our commands, with what preceded each and what it returned.

Names are those of the recording's ``segment`` column. A recording says where the body was, not what the controller
remembered; where that matters, ``before`` brings the controller into the state that the flight's script implies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from navisplit.sim.flight import commands, path
from navisplit.sim.flight.autopilot import NANOSECONDS, Autopilot
from navisplit.sim.flight.commands import FOREVER_S, Routine, YawMode
from navisplit.sim.flight.controller import ANGLE, PASSTHROUGH
from navisplit.sim.flight.quadrotor import GROUNDED_AT, TAKEN_OFF
from navisplit.sim.flight.vehicle import Vehicle

Command = Callable[[Autopilot], Routine]
Act = Callable[[Vehicle], object]

AFTER_S = 4.0  # of the "+after" rows that are compared; what a recording holds later may be the next command


@dataclass(frozen=True)
class Manoeuvre:
    """One recorded call and the seconds after it."""

    command: Command | None  # None: nothing was commanded
    returned: bool | None  # what the real call returned; None: it raised, or there was no call
    before: Act | None = None  # once the body is at the recorded start; None: it hovers there, trimmed
    after: Act | None = None  # what the script did as soon as the call was over
    after_s: float = AFTER_S
    lead: Lead | None = None
    unsteered: bool = False  # no controller changes the body's turning: its rate is that of the first rows


@dataclass(frozen=True)
class Lead:
    """A flight that was not recorded, flown from the end of a recorded one for the place that it leaves held."""

    start: str  # segment whose last row it starts from
    command: Command
    seconds: float  # until the manoeuvre that it leads to


def _velocity(x: float, y: float, z: float, duration_s: float) -> Command:
    return lambda p: commands.move_by_velocity(p, (x, y, z), duration_s)


def _to(x: float, y: float, z: float, speed: float) -> Command:
    return lambda p: path.move_on_path(p, [np.array([x, y, z])], speed)


def _flying(command: Command) -> Act:
    """In the middle of another command: its first tick gives the set-point that is still active."""

    def act(vehicle: Vehicle) -> None:
        vehicle.start(command(vehicle.pilot))

    return act


def _interrupted(command: Command, at_s: float, for_s: float) -> Command:
    """A command whose set-points stop for a while, as they do when the machine of the recording is busy."""

    def routine(pilot: Autopilot) -> Routine:
        inner, start_ns = command(pilot), pilot.time_ns
        while True:
            if not at_s <= (pilot.time_ns - start_ns) / NANOSECONDS < at_s + for_s:
                try:
                    next(inner)
                except StopIteration as end:
                    return bool(end.value)
            yield

    return routine


def _on_the_ground(api_control: bool = True, flying: bool = False, armed: bool = True) -> Act:
    """Resting, rotors idle; ``flying`` as in landed_state."""

    def act(vehicle: Vehicle) -> None:
        pilot = vehicle.pilot
        body = pilot.body.copy()
        pilot.reset()
        pilot.body[:] = body
        pilot.body[GROUNDED_AT] = 1.0
        pilot.enable_api_control(api_control)
        pilot.pilot[TAKEN_OFF] = float(flying)
        if not armed:
            pilot.arm(False)

    return act


def _disarmed(vehicle: Vehicle) -> None:
    vehicle.pilot.armed = False


_HOP_LEAD = Lead("moveToPos_back_v2+after", _to(40.0, 20.0, -15.0, 10.0), 4.67 + 4.04)

MANOEUVRES: dict[str, Manoeuvre] = {
    "move_without_api": Manoeuvre(_velocity(1.0, 0.0, -1.0, 1.0), True, _on_the_ground(api_control=False)),
    "takeoff": Manoeuvre(lambda p: path.takeoff(p, 20.0), False, _on_the_ground()),
    "takeoff_again_in_air": Manoeuvre(lambda p: path.takeoff(p, 20.0), False),
    "hover_idle": Manoeuvre(None, None, after_s=5.0),
    "vel_x_1": Manoeuvre(_velocity(1.0, 0.0, 0.0, 6.0), True),
    "vel_x_5": Manoeuvre(_velocity(5.0, 0.0, 0.0, 6.0), True),
    "vel_x_12": Manoeuvre(_velocity(12.0, 0.0, 0.0, 6.0), True),
    "vel_z_down2": Manoeuvre(_velocity(0.0, 0.0, 2.0, 3.0), True),
    "moveToPos_20_v5": Manoeuvre(_to(20.0, 0.0, -10.0, 5.0), True),
    "moveToPos_back_v2": Manoeuvre(_to(10.0, 0.0, -10.0, 2.0), True),
    "moveToPos_short_0.3m": Manoeuvre(_to(40.3, 20.0, -15.0, 3.0), False, lead=_HOP_LEAD),
    "rotateToYaw90": Manoeuvre(lambda p: commands.rotate_to_yaw(p, 90.0, FOREVER_S, 5.0), True),
    "rotateByYawRate30x3": Manoeuvre(lambda p: commands.rotate_by_yaw_rate(p, 30.0, 3.0), True),
    "rotateByYawRate180x2": Manoeuvre(lambda p: commands.rotate_by_yaw_rate(p, 180.0, 2.0), True),
    "vel_fwdonly": Manoeuvre(
        lambda p: commands.move_by_velocity(p, (3.0, 3.0, 0.0), 5.0, forward_only=True, yaw_mode=YawMode(False, 0.0)),
        True,
    ),
    "rpythrottle": Manoeuvre(
        lambda p: commands.move_by_attitude(p, (ANGLE, ANGLE, ANGLE, PASSTHROUGH), (0.0, -0.2, 0.0, 0.6), 2.0), True
    ),
    "hover_from_5": Manoeuvre(path.hover, False, _flying(_velocity(5.0, 0.0, 0.0, 5.0))),
    "after_cancel": Manoeuvre(None, None, _flying(_to(-50.0, 0.0, -12.0, 5.0)), after=Vehicle.cancel),
    "moveByMotorPWMs_0.6": Manoeuvre(
        lambda p: commands.move_by_motors(p, (0.62, 0.62, 0.62, 0.62), 1.0), True, unsteered=True
    ),
    "goHome": Manoeuvre(lambda p: path.go_home(p, FOREVER_S), False),
    "moveto_0_0_-5": Manoeuvre(_to(0.0, 0.0, -5.0, 5.0), True),
    # 12.97 s into the recorded landing the set-points were late by more than 60 ms: the vertical speed starts anew
    "land": Manoeuvre(_interrupted(lambda p: commands.land(p, 60.0), 12.9, 0.05), True),
    "disarm": Manoeuvre(None, None, _on_the_ground(flying=True), after=lambda v: v.pilot.arm(False)),
    "vel_when_disarmed": Manoeuvre(_velocity(1.0, 0.0, -1.0, 2.0), True, _on_the_ground(armed=False)),
    # the script arms again just before: the rotors idle, and it falls
    "takeoff2": Manoeuvre(lambda p: path.takeoff(p, 20.0), None, _disarmed, after=lambda v: v.pilot.arm(True)),
}
"""In the order in which they were flown."""
