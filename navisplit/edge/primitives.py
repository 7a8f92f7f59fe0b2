"""Motion primitives: what the vehicle would do under each of a fan of velocity commands, and what that would cost.

The vehicle's answer to a velocity command is modelled after SimpleFlight: horizontal acceleration 1.12 /s times the
velocity error, at most 6 m/s2, with a lag of 0.13 s (fitted to flights of the real one at 1 and 5 m/s, rms 2 % of the
command); vertical 3.5 /s and 4.6 m/s2. Each primitive is flown for a horizon, and once more as "this command until
the next one can arrive, then brake": only what can still stop in space that was seen to be free counts as safe, so
that the vehicle looks before it moves sideways, up or down. Weights are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.edge.local_map import FREE_LOG_ODDS, sample
from navisplit.edge.wavefront import cost_at

GAIN, GAIN_Z, LAG_S = 1.12, 3.5, 0.13
MAX_ACCELERATION, MAX_ACCELERATION_Z = 6.0, 4.6
LEAD_M = 0.45
"""So far ahead of the vehicle's centre, in the direction of its motion, space must have been seen to fly into it."""
SLEW = 8.0
"""m/s2: the guard's default limit on how fast a command may change (GuardConfig.max_acceleration_mps2)."""
STEP_S = 0.1
EDGE_M = 0.15
"""So far from the airspace's limits every command must still be able to stop."""

AZIMUTHS = np.radians(
    [0, 6, -6, 12, -12, 20, -20, 30, -30, 42, -42, 56, -56, 72, -72, 90, -90, 115, -115, 145, -145, 180]
)
ELEVATIONS = np.radians([0, 10, -10, 25, -25, 50, -50])
MAX_ELEVATION = math.radians(70)
SPEEDS = np.array([1.0, 0.75, 0.5, 0.25])


@dataclass(frozen=True)
class Weights:
    """How a primitive is judged. Costs are in metres of way."""

    horizon_s: float = 1.3
    commit_s: float = 0.35  # until the next command takes effect, with one frame lost
    body_m: float = 0.58  # clearance below this counts as a hit: body 0.30 + half a cell 0.15 + error
    roomy_m: float = 1.3
    tight: float = 1.2  # per second at no spare clearance, times speed
    unknown: float = 0.8  # per second in cells never seen, times speed
    change: float = 0.12  # per m/s of change of command
    unsafe: float = 50.0
    blind_mps: float = 0.1  # faster than this nothing is entered that was not seen, or could not be left in time
    blind: float = 60.0  # per metre of that, instead of ``unsafe``: it may well be free
    airspace: float = 30.0  # per metre outside the airspace
    margin_z_m: float = 0.45  # kept from the airspace's limits

    def vector(self) -> NDArray[np.float64]:
        """The same, for the kernel."""
        return np.array(
            [self.horizon_s, self.commit_s, self.body_m, self.roomy_m, self.tight, self.unknown, self.change,
             self.unsafe, self.blind_mps, self.blind, self.airspace, self.margin_z_m]
        )  # fmt: skip


def fan(azimuth: float, elevation: float, speed: float) -> NDArray[np.float64]:
    """Velocity commands (N, 3) m/s around a direction; the last one is to stand still."""
    azimuths = azimuth + AZIMUTHS[:, None, None]
    elevations = np.clip(elevation + ELEVATIONS, -MAX_ELEVATION, MAX_ELEVATION)[None, :, None]
    speeds = SPEEDS * speed
    horizontal = np.cos(elevations) * speeds
    commands = np.zeros((AZIMUTHS.size * ELEVATIONS.size * SPEEDS.size + 1, 3))
    grid = commands[:-1].reshape(AZIMUTHS.size, ELEVATIONS.size, SPEEDS.size, 3)
    grid[..., 0] = np.cos(azimuths) * horizontal
    grid[..., 1] = np.sin(azimuths) * horizontal
    grid[..., 2] = np.sin(elevations) * speeds
    return commands


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def follow(state, cx, cy, cz, step):  # noqa: ANN001, ANN201 - numba kernel
    """Advance (x, y, z, vx, vy, vz, ax, ay) under a velocity command by ``step`` seconds, in place."""
    wx, wy = GAIN * (cx - state[3]), GAIN * (cy - state[4])
    norm = np.sqrt(wx * wx + wy * wy)
    if norm > MAX_ACCELERATION:
        wx, wy = wx * MAX_ACCELERATION / norm, wy * MAX_ACCELERATION / norm
    blend = 1.0 - np.exp(-step / LAG_S)
    state[6] += (wx - state[6]) * blend
    state[7] += (wy - state[7]) * blend
    az = min(max(GAIN_Z * (cz - state[5]), -MAX_ACCELERATION_Z), MAX_ACCELERATION_Z)
    state[0] += step * (state[3] + 0.5 * step * state[6])
    state[1] += step * (state[4] + 0.5 * step * state[7])
    state[2] += step * (state[5] + 0.5 * step * az)
    state[3] += step * state[6]
    state[4] += step * state[7]
    state[5] += step * az


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _seen(log_odds, x, y, z):  # noqa: ANN001, ANN202
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if i < 0 or j < 0 or k < 0 or i >= log_odds.shape[0] or j >= log_odds.shape[1] or k >= log_odds.shape[2]:
        return False
    return log_odds[i, j, k] < FREE_LOG_ODDS


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _cells(state, origin, cell):  # noqa: ANN001, ANN202
    """Position of a state in cells from a grid's corner."""
    return (state[0] - origin[0]) / cell, (state[1] - origin[1]) / cell, (state[2] - origin[2]) / cell


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _sees_ahead(state, speed, log_odds, origin, cell):  # noqa: ANN001, ANN202
    """Whether the space that the vehicle moves into next has been seen to be free."""
    lead = LEAD_M / max(speed, 1e-6)
    x = (state[0] + lead * state[3] - origin[0]) / cell
    y = (state[1] + lead * state[4] - origin[1]) / cell
    z = (state[2] + lead * state[5] - origin[2]) / cell
    return _seen(log_odds, x, y, z)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _slewed(ux, uy, uz, cx, cy, cz):  # noqa: ANN001, ANN202
    """The command one step on its way from (ux, uy, uz) to (cx, cy, cz), as fast as the guard lets it change."""
    dx, dy, dz = cx - ux, cy - uy, cz - uz
    share = min(1.0, SLEW * STEP_S / max(np.sqrt(dx * dx + dy * dy + dz * dz), 1e-6))
    return ux + share * dx, uy + share * dy, uz + share * dz


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _flown(command, start, previous, need, field, cost, airspace, weights):  # noqa: ANN001, ANN202
    """What a command costs over the horizon, cost to go from its end included, m."""
    horizon, _, body, roomy, tight, unknown, _, unsafe, _, _, outside_price, margin = weights
    clearance, log_odds, origin, cell, outside, cost_cell = field
    min_z, max_z = airspace
    state, value = start.copy(), 0.0
    ux, uy, uz = previous[0], previous[1], previous[2]
    steps = int(horizon / STEP_S + 0.5)
    for s in range(steps):
        ux, uy, uz = _slewed(ux, uy, uz, command[0], command[1], command[2])
        follow(state, ux, uy, uz, STEP_S)
        speed = np.sqrt(state[3] ** 2 + state[4] ** 2 + state[5] ** 2)
        x, y, z = _cells(state, origin, cell)
        room = sample(clearance, x, y, z, outside)
        beyond = max(min_z + margin - state[2], state[2] - max_z + margin, 0.0)
        value += outside_price * beyond * STEP_S
        if room < roomy:
            lack = min((roomy - room) / (roomy - body), 1.5)
            value += tight * lack * lack * (0.3 + speed) * STEP_S
        if not _seen(log_odds, x, y, z):
            value += unknown * speed * STEP_S
        if room < body:
            value += unsafe * (body - room) * STEP_S
        if room < need:
            value += unsafe * 0.5 * (1.0 - s / steps) + 2.0
            break
    x, y, z = _cells(state, origin, cost_cell)
    return value + cost_at(cost, x, y, z, cost_cell)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _stopped(command, start, previous, need, field, airspace, weights):  # noqa: ANN001, ANN202
    """What it costs that a command, flown until the next one can take effect, cannot stop in time; 0: it can."""
    commit, unsafe, blind_mps, blind = weights[1], weights[7], weights[8], weights[9]
    clearance, log_odds, origin, cell, outside, _ = field
    low, high = min(airspace[0] + EDGE_M, start[2]), max(airspace[1] - EDGE_M, start[2])
    state, value = start.copy(), 0.0
    ux, uy, uz = previous[0], previous[1], previous[2]
    for s in range(int((commit + 2.5) / STEP_S + 0.5)):
        stop = s * STEP_S >= commit
        if stop:
            ux, uy, uz = 0.0, 0.0, 0.0  # the guard brakes at once
        else:
            ux, uy, uz = _slewed(ux, uy, uz, command[0], command[1], command[2])
        follow(state, ux, uy, uz, STEP_S)
        speed = np.sqrt(state[3] ** 2 + state[4] ** 2 + state[5] ** 2)
        if stop and speed < 0.25:
            break
        x, y, z = _cells(state, origin, cell)
        if sample(clearance, x, y, z, outside) < need or not low <= state[2] <= high:
            return value + unsafe * (1.0 + speed)
        if speed > blind_mps and not _sees_ahead(state, speed, log_odds, origin, cell):
            value += blind * (speed - blind_mps) * STEP_S
    return value


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def judge(  # noqa: ANN201
    commands, start, previous, clearance, log_odds, origin, cell, outside, cost, cost_cell, min_z, max_z, weights,  # noqa: ANN001
    only_best=False,  # noqa: ANN001
):  # fmt: skip
    """Cost (N,) of each command from ``start`` (8,), and whether it is safe (N,).

    With ``only_best`` a command that cannot be the best any more is not judged to its end: its cost is a lower bound.
    """
    body, change = weights[2], weights[6]
    n, best = len(commands), np.inf
    total, safe = np.zeros(n), np.zeros(n, np.bool_)
    field = (clearance, log_odds, origin, cell, outside, cost_cell)
    x, y, z = _cells(start, origin, cell)
    need = min(body, sample(clearance, x, y, z, outside))  # already too near: at least do not come nearer
    for p in range(n):
        command = commands[p]
        value = change * np.sqrt(((command - previous) ** 2).sum())
        value += _flown(command, start, previous, need, field, cost, (min_z, max_z), weights)
        if not only_best or value < best:
            penalty = _stopped(command, start, previous, need, field, (min_z, max_z), weights)
            value += penalty
            safe[p] = penalty == 0.0
        best = min(best, value)
        total[p] = value
    return total, safe
