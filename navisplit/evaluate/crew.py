"""Who flies: the vehicle's and the edge's objects of one flight, made from models that are loaded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from navisplit.config import FlightConfig, PolicyConfig
from navisplit.edge.policies import Policy, make_policy
from navisplit.edge.server import EdgeServer
from navisplit.evaluate.oracle import ORACLE, Oracle
from navisplit.vehicle.gate import Gate
from navisplit.vehicle.onboard import Exit, FeatureHead, Onboard
from navisplit.vehicle.simple_gates import HeuristicGate, RandomGate, parse_shares

GATE, RANDOM, HEURISTIC = "gate", "random", "heuristic"


@dataclass
class Crew:
    """The objects of one flight. ``oracle`` is None when the network flies."""

    onboard: Onboard
    server: EdgeServer
    oracle: Oracle | None


@dataclass
class Models:
    """Head, tail and gates of a branch set; every flight gets its own small objects around them."""

    model_hash: int
    branches: tuple[str, ...]  # from the lightest to the heaviest
    head: FeatureHead | None = None  # None: oracle depth
    tail: Any = None
    make_gate: Callable[[FlightConfig], Gate] | None = None
    make_exit: Callable[[FlightConfig], Exit] | None = None  # None: the set has none
    make_policy: Callable[[PolicyConfig], Policy] = make_policy
    expected_bytes: Mapping[str, float] = field(default_factory=dict)  # of a frame on the wire, by branch

    def crew(self, config: FlightConfig, rng: np.random.Generator) -> Crew:
        """Fresh objects for a flight; the branch set's name in ``config`` has been resolved already."""
        oracle = Oracle() if self.head is None else None
        head = oracle or self.head
        gate, period_s = self._gate(config, rng), config.camera.period_ns * 1e-9
        escape = self.make_exit(config) if self.make_exit is not None and config.exit else None
        onboard = Onboard(
            head, gate, self.model_hash, max_frame_bytes=config.max_frame_bytes, period_s=period_s, exit=escape
        )
        server = EdgeServer(
            oracle or self.tail, lambda: self.make_policy(config.policy), config.camera, self.model_hash
        )
        return Crew(onboard, server, oracle)

    def _gate(self, config: FlightConfig, rng: np.random.Generator) -> Gate | str:
        period_s, brake_s = config.camera.period_ns * 1e-9, config.guard.brake_after_s
        kind, _, shares = config.branch.partition(":")
        if kind == RANDOM:
            return RandomGate(parse_shares(shares, self.branches), rng, period_s, brake_s)
        if config.branch == HEURISTIC:
            return HeuristicGate(self.branches, period_s, brake_s, self.expected_bytes)
        if config.branch == GATE and self.make_gate is not None:
            return self.make_gate(config)
        return config.branch


def load_models(config: FlightConfig) -> Models:
    """Models that fly ``config.branch``. Raises ModelError or UsageError (unknown branch) before any flight."""
    if config.branch == ORACLE:
        return Models(model_hash=0, branches=(ORACLE,))
    import torch

    from navisplit.edge.tail import Tail
    from navisplit.nets.branch_set import load_branch_set
    from navisplit.vehicle.head import Head
    from navisplit.vehicle.neural_gate import wire_bytes
    from navisplit.vehicle.onboard_exit import exit_factory

    torch.set_num_threads(1)  # one flight a process: more threads would only contend
    kind, colon, _ = config.branch.partition(":")
    if colon and kind != RANDOM:
        return _compared_models(config)
    branch_set = load_branch_set(config.models)
    make_gate = None
    if config.branch == GATE:
        make_gate = _gate_factory(branch_set)
        make_gate(config)  # a missing or foreign gate is told before the first flight
    elif kind not in (RANDOM, HEURISTIC):
        branch_set.branch(config.branch)
    sizes = {b.name: wire_bytes(b) for b in sorted(branch_set.branches, key=wire_bytes)}
    head, tail = Head(branch_set), Tail(branch_set)
    return Models(branch_set.hash, tuple(sizes), head, tail, make_gate, exit_factory(branch_set), expected_bytes=sizes)


def _compared_models(config: FlightConfig) -> Models:
    """A method of the codec benchmark, ``FAMILY:ARGUMENT``, in the place of head and tail."""
    from navisplit.evaluate.codecbench.context import Context
    from navisplit.evaluate.codecbench.flying import FlyingMethod
    from navisplit.evaluate.codecbench.methods import make

    context = Context.load(config.models)
    method = FlyingMethod(make(config.branch, context))
    return Models(context.models.hash, (config.branch,), method, method)


def _gate_factory(branch_set: Any) -> Callable[[FlightConfig], Gate]:
    from navisplit.vehicle.neural_gate import load_neural_gate

    return lambda config: load_neural_gate(branch_set, config)
