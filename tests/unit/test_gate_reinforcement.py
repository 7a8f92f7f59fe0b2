"""Reinforcement of the gate: what it is rewarded for, what it may draw, and that it moves towards what paid."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from navisplit.evaluate.episode import Outcome, Sample
from navisplit.nets.gate import RegretNet
from navisplit.train import gate_rounds
from navisplit.train.gate_reinforcement import (
    FAILURE_COST,
    DrawingGate,
    Reinforcement,
    Trace,
    advantages,
    improved,
    rewards,
)
from tests.unit.test_gate import gate, inputs, net


def drawing(trace: Trace, temperature: float = 0.05, **changes) -> DrawingGate:
    return DrawingGate(gate((0.3, 0.2, 0.1), **changes), temperature, np.random.default_rng(0), trace)


def frames(sizes: list[int], outcome: Outcome = Outcome.SUCCESS):
    samples = tuple(Sample(0.1 * i, (0, 0, 2), (3, 0, 0), "b0", size) for i, size in enumerate(sizes))
    return SimpleNamespace(samples=samples, outcome=outcome)


def test_bytes_crowding_and_the_end_are_what_a_flight_is_rewarded_for():
    wide = np.full(3, 2.0)
    assert rewards(frames([100, 0, 50]), wide, 0.1, 0.01) == pytest.approx([-1.0, 0.0, -0.5])
    crowded = rewards(frames([0, 0, 0]), np.array([2.0, 0.45, 2.0]), 0.1, 0.01)
    assert crowded[0] < 0.0 and crowded[1:] == [0.0, 0.0]  # what a frame led to
    assert rewards(frames([0, 0], Outcome.COLLISION), wide[:2], 0.1, 0.01)[-1] == -FAILURE_COST[Outcome.COLLISION]


def test_a_flight_is_worth_nothing_beyond_its_end():
    settings = Reinforcement(discount=0.5, trace=1.0)
    gain = advantages(np.array([0.0, 1.0, 8.0]), np.zeros(3), [2, 3], settings)
    assert gain == pytest.approx([0.5, 1.0, 8.0])  # the eight of the next flight is not the first one's


def test_what_is_not_allowed_is_never_drawn_and_probabilities_are_those_of_the_costs():
    trace = Trace()
    made = drawing(trace, temperature=1e3)  # nearly uniform
    drawn = {made.choose(inputs(answer_age_s=0.2)) for _ in range(50)}  # too old to skip
    assert drawn == {"b0", "b1"}
    assert np.isinf(trace.prices[0][0]) and np.exp(trace.log_probabilities[0]) == pytest.approx(0.5, abs=0.01)
    assert drawing(trace).choose(inputs(budget_bps=100, answer=None, answer_age_s=float("inf"))) == "b0"


def test_a_round_makes_what_paid_more_likely():
    trace, settings = Trace(), Reinforcement(learning_rate=1e-2)
    made = drawing(trace, temperature=0.1, price=0.0)
    for _ in range(400):
        choice = made.choose(inputs())
        trace.rewards.append(1.0 if choice == "b0" else 0.0)
        trace.ends.append(len(trace.rewards))
    before, after = made.gate.net, improved(made.gate.net, trace.arrays(), settings, seed=0)
    seen = trace.features[0]
    margin = [float(n.regret(seen)[2] - n.regret(seen)[1]) for n in (before, after)]
    assert margin[1] > margin[0] + 0.01
    assert after.choices == before.choices and after.price_per_byte == before.price_per_byte


@pytest.mark.parametrize("pays", [True, False])
def test_the_gate_that_flew_best_on_held_out_worlds_is_kept(monkeypatch, pays):
    """Every round returns more, or less, than the one before."""
    told = []

    class Pool:
        def __init__(self, *args, **kwargs): ...
        def __enter__(self):
            return self

        def __exit__(self, *args): ...
        def map(self, work, jobs):
            return [work(job) for job in jobs]

    def flown(job):
        worth = float(job["net"].models_hash) * (1.0 if pays else -1.0)
        trace = {name: np.zeros(1) for name in ("features", "prices", "picks", "log_probabilities", "rewards")}
        return trace | {"ends": np.array([1]), "returns": np.array([worth]), "bytes_per_frame": 7.0}

    def renamed(before, trace, settings, seed):
        assert len(trace["picks"]) == 4 and trace["ends"].tolist() == [1, 2, 3, 4]
        return RegretNet(before.choices, before.mean, before.scale, before.layers, before.models_hash + 1)

    monkeypatch.setattr(gate_rounds, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(gate_rounds, "_flown", flown)
    monkeypatch.setattr(gate_rounds, "improved", renamed)
    jobs = [{"seed": number} for number in range(5)]
    best, history = gate_rounds.reinforced(net([0.3, 0.2, 0.1]), jobs, 3, Reinforcement(), 1, told.append)
    assert best.models_hash == (10 if pays else 7) and len(history) == len(told) == 4


def test_a_choice_without_a_frame_is_forgotten():
    trace = Trace()
    made = drawing(trace)
    for _ in range(3):
        made.choose(inputs())
    trace.forget_beyond(2)
    assert len(trace.picks) == len(trace.features) == len(trace.prices) == len(trace.log_probabilities) == 2
