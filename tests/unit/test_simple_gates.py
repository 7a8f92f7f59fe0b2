"""The gates that a learned one is measured against: chance at exactly the given rate, and a rule of thumb."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from navisplit.errors import UsageError
from navisplit.frames import Odometry, VelocityCommand
from navisplit.vehicle.gate import SKIP, GateInput
from navisplit.vehicle.simple_gates import HeuristicGate, RandomGate, parse_shares
from navisplit.wire import AnswerPacket


def seen(clearance_m=4.0, speed=3.0, age_s=0.1, answered=True):
    odometry = Odometry(0, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.array([speed, 0.0, 0.0]), np.zeros(3))
    answer = AnswerPacket(7, 0, 0, VelocityCommand.zero(), clearance_m, 0.5, 0, 1) if answered else None
    return GateInput(np.zeros(0, np.float32), odometry, np.zeros(3), answer, age_s if answered else float("inf"))


def drawn(shares, frames=400, seed=0):
    """Choices in a flight where a skipped frame makes the next one unsafe to skip."""
    gate = RandomGate(shares, np.random.default_rng(seed), 0.1, 0.25)
    chosen = []
    for _ in range(frames):
        skipped = bool(chosen) and chosen[-1] == SKIP
        chosen.append(gate.choose(seen(age_s=0.23 if skipped else 0.13, answered=bool(chosen))))
    return chosen


def test_chance_sends_each_branch_as_often_as_the_gate_that_it_is_compared_with():
    shares = {"b0": 0.44, "b2": 0.19, SKIP: 0.37}
    for frames in (40, 400):
        counts = Counter(drawn(shares, frames))
        assert all(abs(counts[name] - share * frames) <= 2.5 for name, share in shares.items())


def test_chance_is_chance_and_the_same_from_a_seed():
    shares = {"b0": 0.5, "b1": 0.5}
    assert drawn(shares, seed=1) == drawn(shares, seed=1) != drawn(shares, seed=2)
    chosen = drawn(shares)
    alike = sum(a == b for a, b in zip(chosen, chosen[1:], strict=False))
    assert 40 < alike < 280  # neither one after the other in turns, nor in long runs


def test_chance_never_makes_the_vehicle_brake():
    chosen = drawn({"b0": 0.1, SKIP: 0.9})
    assert chosen[0] == "b0" and not any(a == b == SKIP for a, b in zip(chosen, chosen[1:], strict=False))


def test_the_rule_of_thumb_spends_bytes_where_something_is_near_for_the_speed():
    gate = HeuristicGate(("b0", "b1", "b2"), 0.1, 0.25)
    assert [gate.choose(seen(m)) for m in (1.0, 7.0, 11.5, 30.0)] == ["b2", "b1", "b0", SKIP]
    assert gate.choose(seen(7.0, speed=8.0)) == "b2" and gate.choose(seen(7.0, speed=0.0)) == SKIP
    assert gate.choose(seen(30.0, age_s=0.2)) == "b0"  # skipping once more would make the guard brake
    assert gate.choose(seen(answered=False)) == "b2"


def test_shares_add_up_and_are_checked():
    assert parse_shares("", ("b0", "b1")) == {"b0": 0.5, "b1": 0.5}
    assert parse_shares("b0=3,skip=1", ("b0", "b1")) == {"b0": 0.75, SKIP: 0.25}
    for text, told in (
        ("b9=1", "no branch b9"),
        ("b0", "NAME=SHARE"),
        ("skip=1", "a branch that is sent"),
        ("b0=-1", "from 0"),
    ):
        with pytest.raises(UsageError, match=told):
            parse_shares(text, ("b0", "b1"))
