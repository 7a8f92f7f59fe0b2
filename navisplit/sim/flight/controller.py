"""SimpleFlight's cascade controller as numba kernels: position -> velocity -> angle -> rate -> rotor signals.

Behaviour and numbers follow AirSim 1.8.1's SimpleFlight (MIT), read in source and measured in flight; the code is ours.
Its known habits are kept: no integral on x and y (a steady speed error remains), a fresh controller whenever the mode
of an axis changes (so the vertical integral restarts), position hold that feeds each world axis only through its own
body axis (so at a heading of 90 degrees it only damps). Axes are ordered roll, pitch, yaw, throttle; roll moves along
y, pitch along x (NED world, FRD body).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

ROLL, PITCH, YAW, THROTTLE = 0, 1, 2, 3

PASSTHROUGH, ANGLE, RATE, VELOCITY, POSITION = 1, 2, 3, 4, 5
"""What the set-point of an axis means (AirSim's GoalModeType)."""

HOVER_MODES = (POSITION, POSITION, RATE, POSITION)
VELOCITY_MODES = (VELOCITY, VELOCITY, RATE, VELOCITY)
IDLE_MODES = (ANGLE, ANGLE, RATE, PASSTHROUGH)

P_GAIN, I_GAIN, D_GAIN = 0, 1, 2
INTEGRAL, LAST_ERROR, STARTED = 0, 1, 2

MAX_RATE = 2.5  # rad/s
MAX_TILT = math.pi / 5.5  # rad, 32.7 degrees
MAX_HOLD_SPEED = 6.0  # m/s, position hold only
MIN_THROTTLE = 0.3  # under vertical velocity control
MIN_MIXING_THROTTLE = 0.05  # below it all rotors just follow the throttle
CLIMB_INTEGRAL_DISCOUNT = 0.9999  # per step, vertical velocity only


def default_gains() -> NDArray[np.float64]:
    """SimpleFlight's gains (loop, term, axis): loops by mode, terms P, I, D, axes roll, pitch, yaw, throttle."""
    gains = np.zeros((6, 3, 4))
    gains[RATE, P_GAIN] = (0.25, 0.25, 0.25, 1.0)
    gains[ANGLE, P_GAIN] = (2.5, 2.5, 2.5, 1.0)
    gains[VELOCITY, P_GAIN] = (0.2, 0.2, 0.0, 2.0)
    gains[VELOCITY, I_GAIN] = (0.0, 0.0, 0.0, 2.0)
    gains[POSITION, P_GAIN] = (0.25, 0.25, 0.0, 0.25)
    return gains


def fresh_memory() -> NDArray[np.float64]:
    """Memory of all loops, (loop, axis, [integral, last error, started]), as after a reset."""
    return np.zeros((6, 4, 3))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def rotate_into_body(q: NDArray[np.float64], x: float, y: float, z: float) -> tuple[float, float, float]:
    """World vector in body axes; ``q`` is (x, y, z, w), body to world."""
    qx, qy, qz, qw = -q[0], -q[1], -q[2], q[3]
    tx, ty, tz = 2 * (qy * z - qz * y), 2 * (qz * x - qx * z), 2 * (qx * y - qy * x)
    return x + qw * tx + qy * tz - qz * ty, y + qw * ty + qz * tx - qx * tz, z + qw * tz + qx * ty - qy * tx


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _pid(
    gains: NDArray[np.float64], memory: NDArray[np.float64], loop: int, axis: int, error: float, dt: float
) -> float:
    cell = memory[loop, axis]
    derivative = 0.0
    if cell[STARTED] > 0:  # the first update after a reset has no elapsed time
        discount = CLIMB_INTEGRAL_DISCOUNT if loop == VELOCITY and axis == THROTTLE else 1.0
        cell[INTEGRAL] = _clip(cell[INTEGRAL] * discount + dt * error * gains[loop, I_GAIN, axis], -1.0, 1.0)
        derivative = (error - cell[LAST_ERROR]) / dt
        cell[LAST_ERROR] = error
    cell[STARTED] = 1.0
    output = gains[loop, P_GAIN, axis] * error + cell[INTEGRAL] + gains[loop, D_GAIN, axis] * derivative
    return _clip(output, -1.0, 1.0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def euler_angles(q: NDArray[np.float64]) -> tuple[float, float, float]:
    """Roll, pitch, yaw of an (x, y, z, w) quaternion."""
    x, y, z, w = q[0], q[1], q[2], q[3]
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(_clip(2 * (w * y - z * x), -1.0, 1.0))
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return roll, pitch, yaw


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _velocity_loop(
    gains: NDArray[np.float64], memory: NDArray[np.float64], axis: int, goal: float, measured: float, dt: float
) -> float:
    """Velocity error in body axes to a tilt (roll, pitch; rad) or a throttle (0..1)."""
    output = _pid(gains, memory, VELOCITY, axis, goal - measured, dt)
    if axis == ROLL:
        return output * MAX_TILT
    if axis == PITCH:
        return -output * MAX_TILT
    return max((1.0 - output) / 2.0, MIN_THROTTLE)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def run_cascade(
    body: NDArray[np.float64],
    goal: NDArray[np.float64],
    mode: NDArray[np.int64],
    last_mode: NDArray[np.int64],
    memory: NDArray[np.float64],
    gains: NDArray[np.float64],
    output: NDArray[np.float64],
    dt: float,
) -> None:
    """One update of all four axes: fills ``output`` (roll, pitch, yaw, throttle). ``body`` is quadrotor's state."""
    q, rate = body[3:7], body[10:13]
    angles = euler_angles(q)
    measured = rotate_into_body(q, body[7], body[8], body[9])
    wanted = rotate_into_body(q, goal[PITCH], goal[ROLL], goal[THROTTLE])
    for axis in range(4):
        if mode[axis] != last_mode[axis]:
            memory[:, axis, :] = 0.0
            last_mode[axis] = mode[axis]
        kind, value = mode[axis], goal[axis]
        place = 1 if axis == ROLL else (0 if axis == PITCH else 2)  # roll acts on y, pitch on x, throttle on z
        if kind == POSITION:
            hold = _pid(gains, memory, POSITION, axis, value - body[place], dt) * MAX_HOLD_SPEED
            local = rotate_into_body(
                q, hold if place == 0 else 0.0, hold if place == 1 else 0.0, hold if place == 2 else 0.0
            )
            value = _velocity_loop(gains, memory, axis, local[place], measured[place], dt)
        elif kind == VELOCITY:
            value = _velocity_loop(gains, memory, axis, wanted[place], measured[place], dt)
        if axis == THROTTLE or kind == PASSTHROUGH:
            output[axis] = value
            continue
        if kind != RATE:
            error = value - angles[axis]
            error -= 2 * math.pi * math.floor((error + math.pi) / (2 * math.pi))
            value = _pid(gains, memory, ANGLE, axis, error, dt) * MAX_RATE
        output[axis] = _pid(gains, memory, RATE, axis, value - rate[axis], dt)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def mix(output: NDArray[np.float64], signal: NDArray[np.float64]) -> None:
    """Roll, pitch, yaw, throttle to four rotor signals (front right, rear left, front left, rear right), 0..1."""
    roll, pitch, yaw, throttle = output[ROLL], output[PITCH], output[YAW], output[THROTTLE]
    if throttle < MIN_MIXING_THROTTLE:
        signal[:] = throttle
    else:
        signal[0] = throttle - roll + pitch + yaw
        signal[1] = throttle + roll - pitch + yaw
        signal[2] = throttle + roll + pitch - yaw
        signal[3] = throttle - roll - pitch - yaw
        lowest = min(min(signal[0], signal[1]), min(signal[2], signal[3]))
        if lowest < 0.0:
            signal -= lowest
        highest = max(max(signal[0], signal[1]), max(signal[2], signal[3]))
        if highest > 1.0:
            signal /= highest
    for i in range(4):
        signal[i] = _clip(signal[i], 0.0, 1.0)
