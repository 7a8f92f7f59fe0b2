"""The neural gate: predicted regret of each choice, plus the price of its bytes; the smallest sum wins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit import wire
from navisplit.config import FlightConfig
from navisplit.nets.gate import RegretNet, load_gate
from navisplit.vehicle.gate import SKIP, GateInput, affordable, may_skip
from navisplit.vehicle.head import MAX_PAYLOAD

if TYPE_CHECKING:
    from navisplit.nets.branch_set import BranchSet, BranchSpec

NO_ANSWER_M = 0.0  # clearance to assume before the first answer: nothing is known to be free
SAMPLES = (
    "speed",
    "climb",
    "goal_distance",
    "goal_cos",
    "goal_sin",
    "clearance",
    "confidence",
    "answer_age",
    "since_sent",
)


def gate_features(inputs: GateInput) -> NDArray[np.float32]:
    """The network's input (9 + D,): ``SAMPLES`` in that order (m, s, rad), then the head's summary."""
    odometry, answer = inputs.odometry, inputs.answer
    offset = np.asarray(inputs.goal, np.float64) - odometry.position
    bearing = math.atan2(offset[1], offset[0]) - odometry.yaw
    clearance = NO_ANSWER_M if answer is None else answer.clearance_m
    state = [
        math.hypot(odometry.velocity[0], odometry.velocity[1]),
        float(odometry.velocity[2]),
        math.log1p(float(np.linalg.norm(offset))),
        math.cos(bearing),
        math.sin(bearing),
        math.log1p(max(0.0, clearance)),
        0.0 if answer is None else answer.confidence,
        min(inputs.answer_age_s, 1.0),
        min(inputs.since_sent_s, 1.0),
    ]
    return np.concatenate([np.array(state, np.float32), inputs.summary.astype(np.float32)])


@dataclass(frozen=True)
class NeuralGate:
    """Chooses by ``regret + byte_weight * price_per_byte * bytes``.

    ``skip`` is offered only while the command in force stays younger than the guard's brake until the next frame has
    been answered: a choice that saves bytes never makes the vehicle brake.
    """

    net: RegretNet
    expected_bytes: Mapping[str, float]  # on the wire, headers included, by choice
    byte_weight: float  # times the price that the net was tuned to; 0 always sends what is safest
    frame_period_s: float
    brake_after_s: float

    def choose(self, inputs: GateInput) -> str:
        """The branch for this frame, or ``skip``."""
        costs = self.costs(inputs, gate_features(inputs))
        return self.net.choices[int(costs.argmin())] if np.isfinite(costs).any() else self.lightest

    def costs(self, inputs: GateInput, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Regret plus price of every choice (K,); infinite where it is not allowed now."""
        sizes = np.array([self.expected_bytes[name] for name in self.net.choices])
        skips = may_skip(inputs, self.frame_period_s, self.brake_after_s)
        fits = [affordable(inputs, size, self.frame_period_s) for size in sizes]
        allowed = [fit and (n != SKIP or skips) for n, fit in zip(self.net.choices, fits, strict=True)]
        costs = self.net.regret(features) + self.byte_weight * self.net.price_per_byte * sizes
        return np.where(allowed, costs, np.inf)

    @property
    def lightest(self) -> str:
        """The branch with the fewest bytes: sent where the link affords none."""
        return min((n for n in self.net.choices if n != SKIP), key=self.expected_bytes.__getitem__)


def wire_bytes(spec: BranchSpec) -> float:
    """Mean bytes of a branch's frame on the wire: coded slices and the packets around them."""
    packets = max(1, math.ceil(spec.expected_bytes / MAX_PAYLOAD))
    return spec.expected_bytes + packets * wire.FEATURE_OVERHEAD


def load_neural_gate(branch_set: BranchSet, config: FlightConfig) -> NeuralGate:
    """The gate in a branch set's folder. Raises ModelError where there is none, or one of other weights."""
    return NeuralGate(
        net=load_gate(branch_set.path, models_hash=branch_set.hash),
        expected_bytes={SKIP: 0.0, **{spec.name: wire_bytes(spec) for spec in branch_set.branches}},
        byte_weight=config.byte_weight,
        frame_period_s=1.0 / config.camera.rate_hz,
        brake_after_s=config.guard.brake_after_s,
    )
