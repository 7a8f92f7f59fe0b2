"""The expert that the learned policy imitates: it knows the whole world and judges every command at every frame.

Privileged: exact distances to all surfaces, and the cost to go of the shortest way with clearance (``CostField``). Each
command is flown for a moment by the vehicle's response (``navisplit.edge.primitives.follow``), once on and once with a
brake after it. The price of a command is in metres of way; weights are our choice. Moving things are not foreseen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.config import PolicyConfig
from navisplit.edge.commands import VELOCITIES, YAW_RATES
from navisplit.edge.learned import steer
from navisplit.edge.policies import State
from navisplit.edge.primitives import follow
from navisplit.frames import Vector, rotation_matrix, wrap_angle, yaw_of
from navisplit.train.cost_field import CostField

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds.routes import Route

STEP_S, HORIZON, COMMIT, BRAKING = 0.1, 14, 4, 16  # s; steps flown on; flown before a brake; of the brake
LATENCY_S = 0.08
SLEW_MPS2 = 8.0  # the guard's
ROOMY_M, TOUCH_M = 1.1, 0.45  # clearance of the body's centre
LOOK_AHEAD_M, YAW_GAIN = 3.5, 2.2


@dataclass(frozen=True)
class Prices:
    """Metres of way that each of these is worth."""

    tight: float = 1.6  # per second at no spare room
    hit: float = 8.0  # anything, later
    hit_now: float = 12.0  # more, at once
    trapped: float = 6.0  # cannot stop any more
    change: float = 0.10  # per m/s of change of command
    airspace: float = 6.0  # per metre and second outside of it


@dataclass(frozen=True)
class Advice:
    """What the expert thinks at one frame."""

    costs: NDArray[np.float64]  # (163,) m, of the commands; 0 is the best
    yaw: float  # share of the highest yaw rate, -1..1

    @property
    def best(self) -> int:
        """Row of the best command."""
        return int(np.argmin(self.costs))


class Expert:
    """Advises on one route."""

    def __init__(self, query: SceneQuery, route: Route, config: PolicyConfig, prices: Prices | None = None) -> None:
        """``config`` with the route's airspace in it. Raises RouteError when there is no way."""
        self.config, self.prices = config, prices or Prices()
        self.field = CostField.of(query, route)
        self._query = query

    def cost_to_go(self, position: Vector) -> float:
        """Metres of way with clearance from a position to the goal."""
        return float(self.field.at(np.asarray(position, float)[None])[0])

    def advise(self, state: State, last: Vector) -> Advice:
        """Judge all commands for a state (odom) whose last command was ``last`` (3,) m/s."""
        commands = np.array([steer(v, 0.0, state, self.config).velocity for v in VELOCITIES])
        start = np.zeros(8)
        start[:3], start[3:6] = state.position, state.velocity
        up = rotation_matrix(state.orientation)[:, 2]
        start[6:8] = np.clip(9.80665 * up[:2] / max(up[2], 0.3), -6.0, 6.0)
        for_now = np.asarray(last, float)
        follow(start, for_now[0], for_now[1], for_now[2], LATENCY_S)
        flown = np.empty((len(commands), HORIZON + BRAKING, 4))
        _fly(start, for_now, commands, flown)
        room = self._query.nearest(flown[..., :3].reshape(-1, 3), ROOMY_M)[0].reshape(flown.shape[:2]).astype(float)
        costs = self._price(commands, flown, room, for_now)
        return Advice(np.minimum(costs - costs.min(), 50.0), self._look(state))

    def _price(
        self, commands: NDArray[np.float64], flown: NDArray[np.float64], room: NDArray[np.float64], last: Vector
    ) -> NDArray[np.float64]:
        price, on, brake = self.prices, flown[:, :HORIZON], room[:, HORIZON:]
        need = min(TOUCH_M, float(room[:, 0].max()))  # already too near: at least do not come nearer
        costs = self.field.at(np.ascontiguousarray(on[:, -1, :3]))
        lack = np.clip((ROOMY_M - room[:, :HORIZON]) / (ROOMY_M - TOUCH_M), 0.0, 1.5)
        costs += price.tight * (lack**2 * (0.3 + on[..., 3])).sum(1) * STEP_S
        touched = room[:, :HORIZON] < need
        when = np.where(touched.any(1), touched.argmax(1), HORIZON) / HORIZON
        costs += np.where(touched.any(1), price.hit + price.hit_now * (1.0 - when), 0.0)
        costs += price.trapped * (brake < need).any(1)
        low, high = self.config.min_z_m + 0.3, self.config.max_z_m - 0.3
        outside = np.maximum(low - on[..., 2], 0.0) + np.maximum(on[..., 2] - high, 0.0)
        costs += price.airspace * outside.sum(1) * STEP_S
        return costs + price.change * np.linalg.norm(commands - last, axis=1)

    def _look(self, state: State) -> float:
        """Share of the highest yaw rate that turns to where the way leads."""
        position = np.asarray(state.position, float)
        ahead = (self.field.way(position, LOOK_AHEAD_M)[-1] - position)[:2]
        if np.hypot(*ahead) < 0.6:
            return 0.0
        error = wrap_angle(math.atan2(ahead[1], ahead[0]) - yaw_of(state.orientation))
        return float(np.clip(YAW_GAIN * error / self.config.max_yaw_rate_rps, -1.0, 1.0))


def yaw_weights(share: float) -> NDArray[np.float64]:
    """Weights (7,) of the two ``YAW_RATES`` around a share, so that their mean is it."""
    weights = np.zeros(len(YAW_RATES))
    right = int(np.clip(np.searchsorted(YAW_RATES, share), 1, len(YAW_RATES) - 1))
    part = (share - YAW_RATES[right - 1]) / (YAW_RATES[right] - YAW_RATES[right - 1])
    weights[right - 1], weights[right] = 1.0 - part, part
    return weights


@njit(cache=True, nogil=True, error_model="numpy")
def _fly(start, last, commands, flown):  # noqa: ANN001, ANN202 - numba kernel
    """Position and speed (K, HORIZON + BRAKING, 4) under each command (K, 3): flown on, then flown and braked."""
    state = np.empty(8)
    for n in range(len(commands)):
        for braking in range(2):
            state[:] = start
            ux, uy, uz = last[0], last[1], last[2]
            for s in range(HORIZON if braking == 0 else COMMIT + BRAKING):
                if braking == 1 and s >= COMMIT:
                    ux, uy, uz = 0.0, 0.0, 0.0
                else:
                    dx, dy, dz = commands[n, 0] - ux, commands[n, 1] - uy, commands[n, 2] - uz
                    change = np.sqrt(dx * dx + dy * dy + dz * dz)
                    share = min(1.0, SLEW_MPS2 * STEP_S / max(change, 1e-6))
                    ux, uy, uz = ux + share * dx, uy + share * dy, uz + share * dz
                follow(state, ux, uy, uz, STEP_S)
                row = s if braking == 0 else HORIZON + s - COMMIT
                if braking == 0 or s >= COMMIT:
                    flown[n, row, 0], flown[n, row, 1], flown[n, row, 2] = state[0], state[1], state[2]
                    flown[n, row, 3] = np.sqrt(state[3] ** 2 + state[4] ** 2 + state[5] ** 2)


__all__ = ["Advice", "Expert", "Prices", "yaw_weights"]
