"""One flying body with its controller: state arrays, set-point, stepping. NED relative to its start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Quaternion, Vector
from navisplit.sim.flight import controller, quadrotor
from navisplit.sim.flight.contact import LEGS_M
from navisplit.sim.flight.quadrotor import STEP_NS

NANOSECONDS = 1_000_000_000
_LONGEST_S = 1e9


def nanoseconds(seconds: float) -> int:
    """A duration or time-out that a client gives; thirty years stand for everything that is longer.

    So they do before now: a time-out that is far in the past is over, and no number that overflows.
    """
    return int(min(max(seconds, -_LONGEST_S), _LONGEST_S) * NANOSECONDS)


@dataclass(frozen=True)
class Kinematics:
    """AirSim's KinematicsState: NED world (relative to the start), angular values in the FRD body."""

    position: Vector  # (3,) m
    orientation: Quaternion  # (4,) x, y, z, w, body to world
    linear_velocity: Vector  # (3,) m/s
    angular_velocity: Vector  # (3,) rad/s, body
    linear_acceleration: Vector  # (3,) m/s^2
    angular_acceleration: Vector  # (3,) rad/s^2, body
    resting: bool = False  # on the floor

    @property
    def airframe(self) -> Vector:
        """(3,) m: the middle of what is drawn and carries cameras and range sensors; at rest it stands on legs."""
        return self.position - (0.0, 0.0, LEGS_M if self.resting else 0.0)


@dataclass(frozen=True)
class RemoteControl:
    """AirSim's RCData: what moveByRC sends in the place of a radio."""

    stamp_ns: int = 0
    pitch: float = 0.0  # -1..1, forward positive
    roll: float = 0.0  # -1..1, right positive
    throttle: float = 0.0  # 0..1
    yaw: float = 0.0  # -1..1, clockwise positive
    left_z: float = 0.0
    right_z: float = 0.0
    switches: int = 0
    vendor_id: str = ""
    is_initialized: bool = False
    is_valid: bool = False


class Autopilot:
    """Body, rotors and SimpleFlight-like controller of one quadrotor."""

    def __init__(
        self, *, yaw_ned: float = 0.0, altitude_m: float = 122.0, time_ns: int = 0, armed: bool = True
    ) -> None:
        """Stand at the origin with heading ``yaw_ned`` (rad), ``altitude_m`` above the sea, ``armed`` or not."""
        self.time_ns = time_ns  # of the newest step
        self.lead_ns = 0  # by which the simulation's clock is ahead of it, less than a step
        self.gains = controller.default_gains()
        self.air = np.zeros(quadrotor.AIR_SIZE)
        self.air[quadrotor.ALTITUDE_AT] = altitude_m
        self._start_yaw = yaw_ned
        self._start_armed = self.armed = armed
        self.remote = RemoteControl()
        self.body = np.zeros(quadrotor.BODY_SIZE)
        self.rotors = np.zeros((3, 4))
        self.pilot = np.zeros(quadrotor.PILOT_SIZE)
        self._goal = np.zeros(4)
        self._mode = np.array(controller.IDLE_MODES, np.int64)
        self._last_mode = np.zeros(4, np.int64)
        self._memory = controller.fresh_memory()
        self._history = np.zeros((quadrotor.HISTORY_STEPS, quadrotor.BODY_SIZE))
        self._steps = 0  # ever done
        self.jumps = 0  # how often its motion was changed by something else than flying
        self.reset()

    def reset(self) -> None:
        """Back to the start, on the ground, without API control."""
        self.body[:] = 0.0
        self.body[5:7] = math.sin(self._start_yaw / 2), math.cos(self._start_yaw / 2)
        self.body[quadrotor.GROUNDED_AT] = 1.0
        self.rotors[:] = 0.0
        self.pilot[:] = 0.0
        self._memory[:] = 0.0
        self._last_mode[:] = 0
        self.armed, self.remote = self._start_armed, RemoteControl()
        self._follow_remote()
        self._forget()

    def _follow_remote(self) -> None:
        """Levelling sticks, as far as a remote control is there; without one the rotors idle."""
        rc = self.remote if self.remote.is_valid else RemoteControl()
        self._goal[:] = (
            rc.roll * controller.MAX_TILT,
            -rc.pitch * controller.MAX_TILT,
            rc.yaw * controller.MAX_RATE,
            0.0,
        )
        if self.armed:
            self._goal[controller.THROTTLE] = max(rc.throttle, quadrotor.IDLE_SIGNAL)
        self._mode[:] = controller.IDLE_MODES

    # Views of the state -------------------------------------------------------------------------------------------
    @property
    def position(self) -> Vector:
        """(3,) m, a view."""
        return self.body[0:3]

    @property
    def orientation(self) -> Quaternion:
        """(4,) x, y, z, w, a view."""
        return self.body[3:7]

    @property
    def velocity(self) -> Vector:
        """(3,) m/s, a view."""
        return self.body[7:10]

    @property
    def angular_rate(self) -> Vector:
        """(3,) rad/s in the body, a view."""
        return self.body[10:13]

    @property
    def yaw(self) -> float:
        """Heading, rad clockwise from north."""
        x, y, z, w = self.orientation.tolist()
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    @property
    def grounded(self) -> bool:
        """Whether it rests on the floor."""
        return bool(self.body[quadrotor.GROUNDED_AT] > 0)

    @property
    def landed(self) -> bool:
        """AirSim's landed_state: stays flying after a landing until the rotors idle."""
        return bool(self.pilot[quadrotor.TAKEN_OFF] == 0)

    @property
    def clock_ns(self) -> int:
        """The simulation's clock: the stamp of what is seen now."""
        return self.time_ns + self.lead_ns

    def kinematics(self) -> Kinematics:
        """A copy of the state."""
        return _kinematics(self.body)

    def state_at(self, time_ns: int) -> Kinematics:
        """The state at a step of the last 1.5 s; the oldest that is known for a time before."""
        ago = (self.time_ns - time_ns) // STEP_NS
        if ago <= 0:
            return self.kinematics()
        return _kinematics(self._history[(self._steps - min(ago, len(self._history) - 1)) % len(self._history)])

    def _forget(self) -> None:
        """The past was as the present."""
        self.jumps += 1
        self._history[:] = self.body

    # Set-points ---------------------------------------------------------------------------------------------------
    @property
    def api_control(self) -> bool:
        """Whether commands reach the controller."""
        return bool(self.pilot[quadrotor.API_CONTROL] > 0)

    def enable_api_control(self, enabled: bool) -> None:
        """Take or release control; either way the remote control's sticks count until the next set-point."""
        if enabled != self.api_control:
            self.pilot[quadrotor.API_CONTROL] = 1.0 if enabled else 0.0
            self.pilot[quadrotor.SETPOINT_AGE_MS] = self.pilot[quadrotor.TIMED_OUT] = 0.0
            self._follow_remote()

    def steer(self, remote: RemoteControl) -> None:
        """Sticks of a remote control; they fly the drone only while the API does not."""
        self.remote = remote
        if not self.api_control:
            self._follow_remote()

    def arm(self, armed: bool) -> bool:
        """AirSim's armDisarm: disarming stops the rotors, arming idles them; a later set-point flies in either state.

        False without API control, and when what is disarmed is to be disarmed. What is armed already is left alone.
        """
        if not self.api_control or not (armed or self.armed):
            return False
        if armed != self.armed:
            self._goal[:] = 0.0, 0.0, 0.0, quadrotor.IDLE_SIGNAL if armed else 0.0
            self._mode[:] = (controller.RATE, controller.RATE, controller.RATE, controller.PASSTHROUGH)
        self.armed = armed
        return True

    def set_point(self, modes: Sequence[int], roll: float, pitch: float, yaw: float, throttle: float) -> None:
        """Give the controller its next set-point, one mode and value an axis; ignored without API control."""
        if not self.api_control:
            return
        self._goal[:] = roll, pitch, yaw, throttle
        self._mode[:] = modes
        self.pilot[quadrotor.SETPOINT_AGE_MS] = self.pilot[quadrotor.TIMED_OUT] = 0.0

    def restart_controllers(self) -> None:
        """Forget all integrals, as after a change of gains."""
        self._last_mode[:] = 0

    # Motion -------------------------------------------------------------------------------------------------------
    def fly(self, steps: int, free_path_m: float = math.inf) -> tuple[int, float]:
        """Up to ``steps`` steps of 3 ms, fewer once the path exceeds ``free_path_m``: (steps done, path m)."""
        done, path = quadrotor.fly(
            self.body,
            self.rotors,
            self.pilot,
            self._goal,
            self._mode,
            self._last_mode,
            self._memory,
            self.gains,
            self.air,
            self._history,
            self._steps,
            steps,
            free_path_m,
        )
        self.time_ns += done * STEP_NS
        self._steps += done
        return done, path

    def place(self, position: Vector, orientation: Quaternion) -> None:
        """Put the body somewhere, keeping its velocity; a held position moves along (AirSim's would fly back)."""
        self.body[0:3], self.body[3:7] = position, orientation
        self.body[quadrotor.GROUNDED_AT] = 0.0
        self.jumps += 1
        if self._mode[0] == controller.POSITION:
            self.pilot[quadrotor.TIMED_OUT] = 0.0

    def trim(self) -> None:
        """Still air hover: at rest, level rotors carrying the weight, vertical integral settled, holding this place."""
        self.body[quadrotor.VELOCITY_AT : quadrotor.BODY_SIZE] = 0.0
        signal = self.hover_signal
        self.rotors[:] = signal
        self.enable_api_control(True)
        north, east, down = self.position.tolist()
        self.set_point(controller.HOVER_MODES, east, north, 0.0, down)
        self.pilot[quadrotor.TAKEN_OFF] = self.pilot[quadrotor.TIMED_OUT] = 1.0
        self._memory[:] = 0.0
        self._memory[controller.VELOCITY, controller.THROTTLE, controller.INTEGRAL] = 1.0 - 2.0 * signal
        self._memory[:, :, controller.STARTED] = 1.0
        self._last_mode[:] = self._mode

    @property
    def hover_signal(self) -> float:
        """Rotor signal that carries the weight here."""
        ratio = quadrotor.density_ratio(self.air[quadrotor.ALTITUDE_AT] - self.body[2])
        return quadrotor.MASS * quadrotor.GRAVITY / (4 * quadrotor.MAX_THRUST * ratio)


def _kinematics(body: NDArray[np.float64]) -> Kinematics:
    b = body.copy()
    return Kinematics(b[0:3], b[3:7], b[7:10], b[10:13], b[13:16], b[16:19], bool(b[quadrotor.GROUNDED_AT] > 0))
