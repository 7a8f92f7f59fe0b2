"""The neural gate: its price, its limits, its file, and that training finds what matters."""

import dataclasses
import json

import numpy as np
import pytest

from navisplit.errors import ConfigError, ModelError
from navisplit.frames import Odometry, VelocityCommand
from navisplit.nets.gate import META_FILE, WEIGHTS_FILE, RegretNet, load_gate, save_gate
from navisplit.train.gate import GateTraining, fit_gate
from navisplit.vehicle.gate import SKIP, GateInput
from navisplit.vehicle.neural_gate import SAMPLES, NeuralGate, gate_features
from navisplit.wire import AnswerPacket

CHOICES = (SKIP, "b0", "b1")
BYTES = {SKIP: 0.0, "b0": 150.0, "b1": 1000.0}
SUMMARY = 4


def net(regrets, price=1e-3):
    """A network that predicts these regrets whatever it sees."""
    size = len(SAMPLES) + SUMMARY
    bias = np.log(np.expm1(np.asarray(regrets, np.float32)))  # softplus undone
    layers = ((np.zeros((size, len(CHOICES)), np.float32), bias),)
    return RegretNet(CHOICES, np.zeros(size, np.float32), np.ones(size, np.float32), layers, 7, price)


def gate(regrets, byte_weight=1.0, price=1e-3):
    return NeuralGate(net(regrets, price), BYTES, byte_weight, frame_period_s=0.1, brake_after_s=0.25)


def inputs(**changes):
    odometry = Odometry(0, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.array([3.0, 0.0, 0.0]), np.zeros(3))
    answer = AnswerPacket(7, 0, 0, VelocityCommand.zero(), 4.0, 0.5, 0, 1)
    plain = GateInput(
        np.zeros(SUMMARY, np.float32), odometry, np.array([10.0, 0.0, 0.0]), answer,
        answer_age_s=0.1, since_sent_s=0.1, round_trip_s=0.03,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def test_without_a_price_the_smallest_regret_wins():
    assert gate([0.5, 0.4, 0.1], byte_weight=0.0).choose(inputs()) == "b1"


def test_the_price_of_bytes_is_a_knob_at_run_time():
    chosen = [gate([2.0, 0.4, 0.1], byte_weight=w).choose(inputs()) for w in (0.1, 1.0)]
    assert chosen == ["b1", "b0"]


def test_skipping_never_lets_the_command_grow_older_than_the_guard_allows():
    thrifty = gate([0.01, 0.4, 0.4])
    assert thrifty.choose(inputs()) == SKIP
    assert thrifty.choose(inputs(answer_age_s=0.2)) != SKIP  # the frame before was skipped
    assert thrifty.choose(inputs(round_trip_s=0.06)) != SKIP  # a slow link: 0.1 + 0.1 + 0.06 s is too old
    assert thrifty.choose(inputs(answer=None, answer_age_s=float("inf"))) != SKIP


def test_the_links_budget_is_respected_and_something_is_always_sent():
    rich = gate([2.0, 1.0, 0.01], byte_weight=0.0)
    assert rich.choose(inputs(budget_bps=20_000)) == "b0"  # b1 needs 80 kbit/s
    assert rich.choose(inputs(budget_bps=100, answer=None, answer_age_s=float("inf"))) == "b0"


def test_features_are_finite_before_the_first_answer_and_carry_the_summary():
    first = gate_features(inputs(answer=None, answer_age_s=float("inf"), since_sent_s=float("inf")))
    assert first.shape == (len(SAMPLES) + SUMMARY,) and np.isfinite(first).all()
    summary = np.array([1, 2, 3, 4], np.float32)
    assert np.array_equal(gate_features(inputs(summary=summary))[-SUMMARY:], summary)


def test_a_saved_gate_predicts_the_same(tmp_path):
    saved = net([0.5, 0.4, 0.1])
    save_gate(saved, tmp_path, rows=3)
    loaded = load_gate(tmp_path, models_hash=7)
    x = np.arange(len(SAMPLES) + SUMMARY, dtype=np.float32)
    assert loaded.choices == CHOICES and loaded.price_per_byte == saved.price_per_byte
    assert np.array_equal(loaded.regret(x), saved.regret(x))
    assert json.loads((tmp_path / META_FILE).read_text())["training"] == {"rows": 3}


def test_a_missing_foreign_or_broken_gate_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError, match="has no gate"):
        load_gate(tmp_path, models_hash=7)
    save_gate(net([0.5, 0.4, 0.1]), tmp_path)
    with pytest.raises(ModelError, match="00000008"):
        load_gate(tmp_path, models_hash=8)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be read"):
        load_gate(tmp_path, models_hash=7)


def decisions(count=3000, seed=0):
    """Worlds where the light branch is dangerous when the first feature is high, and only then."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, len(SAMPLES) + SUMMARY)).astype(np.float32)
    danger = features[:, 0] > 0.5
    regrets = np.stack([np.where(danger, 2.0, 0.3), np.where(danger, 1.5, 0.02), np.full(count, 0.01)], axis=1)
    return features, regrets.astype(np.float32), rng.integers(0, 5, count)


def test_training_spends_bytes_only_where_they_matter():
    features, regrets, worlds = decisions()
    fit = fit_gate(features, regrets, worlds, CHOICES, BYTES, 7, GateTraining(epochs=15, thrift=0.1))
    unseen, _, _ = decisions(seed=1)
    costs = [fit.net.regret(x)[1:] + fit.net.price_per_byte * np.array([150.0, 1000.0]) for x in unseen]
    rich = np.argmin(costs, axis=1) == 1
    assert np.mean(rich == (unseen[:, 0] > 0.5)) > 0.88  # always light: 0.69
    assert fit.bytes_per_frame < 0.6 * BYTES["b1"] and fit.mean_regret < fit.mean_regret_best + 0.06


def test_a_gate_is_not_checked_on_the_worlds_it_learned_from():
    features, regrets, worlds = decisions(200)
    with pytest.raises(ConfigError, match="two worlds"):
        fit_gate(features, regrets, np.zeros_like(worlds), CHOICES, BYTES, 7)
