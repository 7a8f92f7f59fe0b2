"""The quadrotor's body: AirSim's default airframe, rotors, drag and velocity Verlet at 3 ms, as one numba kernel.

State lives in flat float64 arrays (NED world relative to the vehicle's start, FRD body, SI units) so that many steps
run inside one call. ``fly`` is the loop: rotors, forces, integration, failsafe timeout, controller, mixer.
Numbers: AirSim 1.8.1's generic quadrotor as printed by the real build.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.sim.flight.controller import PASSTHROUGH, POSITION, RATE, mix, rotate_into_body, run_cascade

STEP_NS = 3_000_000
STEP_S = 0.003
STEP_MS = 3

# Body state: offsets into one array of BODY_SIZE numbers.
POSITION_AT, ORIENTATION_AT, VELOCITY_AT, ANGULAR_RATE_AT, ACCELERATION_AT, ANGULAR_ACCELERATION_AT = (
    0,
    3,
    7,
    10,
    13,
    16,
)
GROUNDED_AT = 19
BODY_SIZE = 20

# Rotors: rows of a (3, 4) array. Thrust is made from OUTPUT, which lags FILTERED by a step, as in AirSim.
SIGNAL, FILTERED, OUTPUT = 0, 1, 2

# Pilot flags: offsets into one array of PILOT_SIZE numbers.
API_CONTROL, SETPOINT_AGE_MS, TIMED_OUT, TAKEN_OFF = 0, 1, 2, 3
PILOT_SIZE = 4

# Surroundings: offsets into one array of AIR_SIZE numbers.
WIND_AT, ALTITUDE_AT = 0, 3  # wind NED m/s; altitude of the NED origin above the sea, m
AIR_SIZE = 4

HISTORY_STEPS = 512  # of the recent past that is kept, 1.5 s: what late sensors measure

MASS = 1.0  # kg
INERTIA_X, INERTIA_Y, INERTIA_Z = 0.006721, 0.008041, 0.014279  # kg m^2
ARM = 0.2275 * math.sqrt(0.5)  # rotor offset along x and along y, m
MAX_THRUST, MAX_TORQUE, MAX_SPEED = 4.17945, 0.055562, 669.86  # N, N m, rad/s, per rotor at signal 1
ROTOR_KEEP = math.exp(-STEP_S / 0.005)  # first order lag of 5 ms
DRAG_X, DRAG_Y, DRAG_Z = 0.005383, 0.005838, 0.10993  # force / (density * speed^2), m^2
DRAG_MIN_SPEED = 0.1  # m/s
RESTITUTION, FRICTION = 0.55, 0.5
GRAVITY = 9.80665
SEA_LEVEL_DENSITY = 1.225  # kg/m^3

IDLE_SIGNAL = 0.1 / 1.5  # of each rotor when armed and without a set-point
SETPOINT_TIMEOUT_MS = 60  # after this without a command: hold the position reached
TAKEOFF_SIGNAL, TAKEOFF_CLIMB = 0.1, 0.01  # flying once mean signal and |vertical speed| exceed these
REST_TOLERANCE = 0.08  # m/s and rad/s, below which a body with idle rotors has landed


def density_ratio(altitude_m: float) -> float:
    """Air density relative to the sea level in the standard troposphere."""
    return (1.0 - 2.25577e-5 * altitude_m) ** 4.2559


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _drag(speed: float, factor: float) -> float:
    return -factor * speed * abs(speed) if abs(speed) > DRAG_MIN_SPEED else 0.0


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _turn(q: NDArray[np.float64], wx: float, wy: float, wz: float) -> None:
    """Rotate orientation ``q`` by the body rate over one step, in place."""
    rate = math.sqrt(wx * wx + wy * wy + wz * wz)
    if rate <= 1e-12:
        return
    half = 0.5 * rate * STEP_S
    s, dw = math.sin(half) / rate, math.cos(half)
    dx, dy, dz = wx * s, wy * s, wz * s
    x, y, z, w = q[0], q[1], q[2], q[3]
    nx = w * dx + x * dw + y * dz - z * dy
    ny = w * dy - x * dz + y * dw + z * dx
    nz = w * dz + x * dy - y * dx + z * dw
    nw = w * dw - x * dx - y * dy - z * dz
    norm = math.sqrt(nx * nx + ny * ny + nz * nz + nw * nw)
    q[0], q[1], q[2], q[3] = nx / norm, ny / norm, nz / norm, nw / norm


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _move(body: NDArray[np.float64], rotors: NDArray[np.float64], air: NDArray[np.float64]) -> float:
    """One step of the rigid body; returns the distance moved, m."""
    ratio = (1.0 - 2.25577e-5 * (air[ALTITUDE_AT] - body[2])) ** 4.2559
    thrust = MAX_THRUST * ratio
    out = rotors[OUTPUT]
    lift = thrust * (out[0] + out[1] + out[2] + out[3])
    if body[GROUNDED_AT] > 0:
        body[VELOCITY_AT:GROUNDED_AT] = 0.0
        if lift >= MASS * GRAVITY:
            body[GROUNDED_AT] = 0.0
        return 0.0
    q = body[ORIENTATION_AT:VELOCITY_AT]
    half = 0.5 * STEP_S
    vx, vy, vz = body[7] + body[13] * half, body[8] + body[14] * half, body[9] + body[15] * half
    wx, wy, wz = body[10] + body[16] * half, body[11] + body[17] * half, body[12] + body[18] * half
    bx, by, bz = rotate_into_body(q, vx - air[0], vy - air[1], vz - air[2])
    density = SEA_LEVEL_DENSITY * ratio
    fx, fy, fz = _drag(bx, DRAG_X * density), _drag(by, DRAG_Y * density), _drag(bz, DRAG_Z * density) - lift
    # body to world: the inverse rotation, by the conjugate
    qx, qy, qz, qw = q[0], q[1], q[2], q[3]
    tx, ty, tz = 2 * (qy * fz - qz * fy), 2 * (qz * fx - qx * fz), 2 * (qx * fy - qy * fx)
    ax = (fx + qw * tx + qy * tz - qz * ty) / MASS
    ay = (fy + qw * ty + qz * tx - qx * tz) / MASS
    az = (fz + qw * tz + qx * ty - qy * tx) / MASS + GRAVITY
    lever = ARM * thrust
    mx = lever * (-out[0] + out[1] + out[2] - out[3])
    my = lever * (out[0] - out[1] + out[2] - out[3])
    mz = MAX_TORQUE * ratio * (out[0] + out[1] - out[2] - out[3])
    aax = (mx - (INERTIA_Z - INERTIA_Y) * wy * wz) / INERTIA_X
    aay = (my - (INERTIA_X - INERTIA_Z) * wz * wx) / INERTIA_Y
    aaz = (mz - (INERTIA_Y - INERTIA_X) * wx * wy) / INERTIA_Z
    body[7] += (body[13] + ax) * half
    body[8] += (body[14] + ay) * half
    body[9] += (body[15] + az) * half
    body[10] += (body[16] + aax) * half
    body[11] += (body[17] + aay) * half
    body[12] += (body[18] + aaz) * half
    body[13], body[14], body[15] = ax, ay, az
    body[16], body[17], body[18] = aax, aay, aaz
    body[0] += vx * STEP_S
    body[1] += vy * STEP_S
    body[2] += vz * STEP_S
    _turn(q, wx, wy, wz)
    return math.sqrt(vx * vx + vy * vy + vz * vz) * STEP_S


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _supervise(
    body: NDArray[np.float64],
    rotors: NDArray[np.float64],
    pilot: NDArray[np.float64],
    goal: NDArray[np.float64],
    mode: NDArray[np.int64],
) -> None:
    """Set-point timeout (hold the position) and take-off and landing detection."""
    pilot[SETPOINT_AGE_MS] += STEP_MS
    late = pilot[SETPOINT_AGE_MS] > SETPOINT_TIMEOUT_MS
    if pilot[API_CONTROL] > 0 and pilot[TAKEN_OFF] > 0 and late and pilot[TIMED_OUT] == 0:
        goal[0], goal[1], goal[2], goal[3] = body[1], body[0], 0.0, body[2]
        mode[0], mode[1], mode[2], mode[3] = POSITION, POSITION, RATE, POSITION
        pilot[TIMED_OUT] = 1.0
    turning = rotors[SIGNAL].mean() > TAKEOFF_SIGNAL
    if pilot[TAKEN_OFF] == 0:
        if turning and abs(body[9]) > TAKEOFF_CLIMB:
            pilot[TAKEN_OFF] = 1.0
    elif not turning and np.abs(body[VELOCITY_AT:ACCELERATION_AT]).max() < REST_TOLERANCE:
        pilot[TAKEN_OFF] = 0.0


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def fly(
    body: NDArray[np.float64],
    rotors: NDArray[np.float64],
    pilot: NDArray[np.float64],
    goal: NDArray[np.float64],
    mode: NDArray[np.int64],
    last_mode: NDArray[np.int64],
    memory: NDArray[np.float64],
    gains: NDArray[np.float64],
    air: NDArray[np.float64],
    history: NDArray[np.float64],
    newest: int,
    steps: int,
    free_path_m: float,
) -> tuple[int, float]:
    """Up to ``steps`` steps, ending early once the path flown exceeds ``free_path_m``; (steps done, path flown m).

    ``history`` (HISTORY_STEPS, BODY_SIZE) is a ring of the last states; ``newest`` the number of steps ever done.
    """
    output = np.zeros(4)
    path = 0.0
    for done in range(steps):
        moved = _move(body, rotors, air)
        rotors[OUTPUT] = rotors[FILTERED]
        rotors[FILTERED] = rotors[FILTERED] * ROTOR_KEEP + rotors[SIGNAL] * (1.0 - ROTOR_KEEP)
        path += moved
        history[(newest + done + 1) % HISTORY_STEPS] = body
        _supervise(body, rotors, pilot, goal, mode)
        run_cascade(body, goal, mode, last_mode, memory, gains, output, STEP_S)
        if mode[0] == PASSTHROUGH and mode[1] == PASSTHROUGH and mode[2] == PASSTHROUGH and mode[3] == PASSTHROUGH:
            for i in range(4):
                rotors[SIGNAL, i] = min(max(output[i], 0.0), 1.0)
        else:
            mix(output, rotors[SIGNAL])
        if path > free_path_m and moved > 0:
            return done + 1, path
    return steps, path
