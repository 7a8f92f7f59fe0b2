"""Where the gate's lessons come from: regrets against true depth, and a collection of worlds that continues."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from navisplit.config import CameraConfig, FlightConfig, from_mapping
from navisplit.edge.policies import Decision, View
from navisplit.edge.tail import Depth
from navisplit.errors import ConfigError
from navisplit.evaluate.crew import Models
from navisplit.frames import Intrinsics, Odometry, VelocityCommand
from navisplit.train import decisions, gate_run
from navisplit.train.gate import GateTraining, _price
from navisplit.vehicle.gate import SKIP, GateInput
from navisplit.wire import AnswerPacket, VehicleState

VIEW = View(Intrinsics(4, 2, 2.0, 2.0, 1.5, 0.5))
STATE = VehicleState(np.array([0, 0, 2.0]), np.array([0, 0, 0, 1.0]), np.array([3.0, 0, 0]), np.array([30.0, 0, 2]))
NEAR, FAR = 2.0, 40.0


class Query:
    """A wall at x = 3.5: distances to it."""

    def nearest(self, points, reach):
        return (np.minimum(np.abs(3.5 - points[:, 0]), reach),)


class Renderer:
    query = Query()

    def depth_batch(self, views):
        return np.full((1, 2, 4), NEAR, np.float32)


class Pilot:
    """Stops before what is near and flies on where the way is open; counts its frames, as a map would."""

    frames = 0

    def act(self, image, view, state, stamp_ns):
        self.frames += 1
        speed = 0.0 if image is None or image.depth.min() < 4.0 else 4.0
        return Decision(VelocityCommand(np.array([speed, 0, 0]), 0.0), 1.0, 1.0)

    def reset(self):
        self.frames = 0


class Head:
    """The richer the branch, the truer its depth."""

    def trunk(self, rgb):
        return "activations"

    def encode(self, activations, branch, max_bytes=None):
        assert activations == "activations"
        return SimpleNamespace(branch_id=int(branch[1]), codec_id=0, shape=(1, 1, 1), slices=[b""])

    def decode(self, branch_id, codec_id, shape, slices):
        return None, None

    def infer(self, branch_id, symbols, mask, memory=None):
        return Depth(np.full((2, 4), (FAR, NEAR)[branch_id], np.float32), None)


def probe(flying=(0.0, 0, 0)):
    rows = decisions.Rows((SKIP, "b0", "b1"))
    gate = SimpleNamespace(seen={5: np.ones(9, np.float32)})
    head = decisions._Recall(Head())
    head.trunk(None)
    made = decisions._Probing(Pilot(), head, Head(), gate, Renderer(), rows, CameraConfig())
    made.command = np.array(flying)
    return made, rows


def act(made, stamp_ns=5, image=NEAR):
    return made.act(Depth(np.full((2, 4), image, np.float32), None), VIEW, STATE, stamp_ns)


def test_a_branch_that_does_not_see_the_wall_is_regretted_and_one_that_does_is_not():
    made, rows = probe()
    act(made)
    skip, blind, seeing = rows.regrets[0]
    assert seeing == 0.0 and blind > 2.4  # it would fly into the wall
    assert 0 < skip < blind  # standing still was right, but the map learns nothing


def test_skipping_is_judged_by_the_command_in_force():
    standing, rows = probe()
    act(standing)
    charging, more = probe(flying=(4.0, 0, 0))
    act(charging)
    assert more.regrets[0][0] > rows.regrets[0][0] + 0.9


def test_asking_what_if_does_not_change_the_pilot_who_flies():
    made, rows = probe()
    assert act(made, image=FAR).command.velocity[0] == 4.0  # on the depth that was really sent
    assert made.inner.frames == 1 and made.command[0] == 4.0


def test_a_frame_counts_once_and_only_when_the_gate_saw_it():
    made, rows = probe()
    act(made)
    act(made)
    act(made, stamp_ns=6)
    made.act(None, None, STATE, 7)
    assert len(rows.features) == len(rows.regrets) == 1 and rows.regrets[0].dtype == np.float32


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (1.0, 1.0)])
def test_the_error_of_near_depth_counts_in_full_from_a_tenth_of_the_picture_on(share, expected):
    truth = np.full(100, 20.0)
    truth[: int(100 * share)] = 4.0
    error = decisions._near_error(truth * math.e, truth)
    assert error == pytest.approx(expected)


def gate_input(answered, since_sent_s):
    odometry = Odometry(5, np.zeros(3), np.array([0, 0, 0, 1.0]), np.zeros(3), np.zeros(3))
    answer = AnswerPacket(7, 0, 0, VelocityCommand.zero(), 4.0, 0.5, 0, 1) if answered else None
    return GateInput(np.zeros(2, np.float32), odometry, np.ones(3), answer, since_sent_s=since_sent_s)


@pytest.mark.parametrize(
    ("answered", "since_sent_s", "may"), [(True, 0.1, True), (True, 0.2, False), (False, 0.1, False)]
)
def test_exploring_skips_no_two_frames_in_a_row_and_none_before_the_first_answer(answered, since_sent_s, may):
    gate = decisions._Exploring(("b0", "b1"), np.array([0.3, 0.7]), np.random.default_rng(0))
    chosen = [gate.choose(gate_input(answered, since_sent_s)) for _ in range(300)]
    assert (SKIP in chosen) == may and {"b0", "b1"} <= set(chosen)
    assert set(gate.seen) == {5}


def test_exploring_flights_use_the_models_of_the_flight_and_an_own_mix_of_branches():
    rows = decisions.Rows((SKIP, "b0", "b1"))
    models = decisions._ProbeModels(7, ("b0", "b1"), Head(), Head(), renderer=Renderer(), rows=rows)
    crews = [models.crew(FlightConfig(), np.random.default_rng(seed)) for seed in (0, 1)]
    mixes = [crew.onboard.gate.weights for crew in crews]
    assert not np.allclose(*mixes) and all(m.sum() == pytest.approx(1.0) for m in mixes)
    assert crews[0].onboard.model_hash == 7 and isinstance(crews[0].server.session().policy, decisions._Probing)


# The runs -------------------------------------------------------------------------------------------------------------


def test_worlds_are_shared_out_among_families_and_speeds_and_never_used_twice(tmp_path):
    data = gate_run.GateData(worlds=8)
    jobs = [gate_run._job(tmp_path, "default", data, n) for n in range(data.worlds)]
    assert [j["family"] for j in jobs] == ["forest", "neighbourhood", "urban", "warehouse"] * 2
    flights = [from_mapping(FlightConfig, j["flight"]) for j in jobs]
    assert [f.policy.speed_mps for f in flights] == ([2.5, 3.0, 4.0] * 3)[:8]
    assert {f.branch for f in flights} == {"random"} and {f.models for f in flights} == {"default"}
    other = [gate_run._job(tmp_path, "default", gate_run.GateData(seed=1), n) for n in range(10)]
    assert not {j["seed"] for j in jobs} & {j["seed"] for j in other}
    assert min(j["seed"] for j in jobs) == gate_run.FIRST_SEED
    assert len({j["path"] for j in jobs}) == 8


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """A branch set without networks, and worlds that cost nothing: returns (run, flown, log)."""
    flown, log = [], []
    specs = tuple(SimpleNamespace(name=f"b{i}", expected_bytes=100.0 * (1 + 9 * i)) for i in range(2))
    branch_set = SimpleNamespace(hash=0xAB, path=tmp_path, branches=specs)
    monkeypatch.setattr("navisplit.nets.branch_set.load_branch_set", lambda name: branch_set)

    def world(job):
        flown.append(job["seed"])
        rng = np.random.default_rng(job["seed"])
        features = rng.normal(size=(40, 3)).astype(np.float32)
        regrets = np.tile(np.float32([1.0, 0.5, 0.0]), (40, 1))
        np.savez(job["path"], features=features, regrets=regrets, choices=np.array([SKIP, "b0", "b1"]))
        return f"world {job['seed']}"

    monkeypatch.setattr(gate_run, "_fly_world", world)

    def run(worlds):
        settings = GateTraining(epochs=2, hidden=4)
        return gate_run.train_gate("m", tmp_path / "run", gate_run.GateData(worlds=worlds), settings, 1, log.append)

    return run, flown, log


def test_a_collection_continues_with_the_worlds_that_are_missing(stand_in, tmp_path):
    run, flown, log = stand_in
    assert run(3).rows == 80
    run(5)
    assert flown == [2000, 2001, 2002, 2003, 2004]
    assert (tmp_path / "run" / "decisions-000000ab").is_dir() and "world 2004" in log
    assert log[-1].startswith("gate: ") and "held out" in log[-1]


def test_the_gates_file_tells_what_it_was_trained_on(stand_in, tmp_path):
    import json

    fit = stand_in[0](3)
    notes = json.loads((tmp_path / "gate.json").read_text())
    assert notes["models_hash"] == 0xAB and notes["choices"] == [SKIP, "b0", "b1"]
    training = notes["training"]
    assert (training["rows"], training["held_out_rows"], training["data"]["worlds"]) == (80, 40, 3)
    assert training["settings"]["epochs"] == 2 and "net" not in training
    assert sum(fit.use.values()) == pytest.approx(1.0) and fit.use[SKIP] == 0.0


def test_thrift_goes_as_far_as_it_may_and_no_further():
    sizes = np.array([100.0, 1000.0])
    regrets = np.stack([np.linspace(0, 1, 101), np.zeros(101)], axis=1).astype(np.float32)
    costs = []
    for thrift in (0.05, 0.2, 0.6):
        price = _price(regrets, regrets, sizes, thrift)
        picked = (regrets + price * sizes).argmin(1)
        costs.append(float(regrets[np.arange(101), picked].mean()))
        assert 0.4 * thrift < costs[-1] / 0.5 <= thrift  # the lightest branch costs 0.5
    assert costs == sorted(costs)


@pytest.mark.parametrize("changes", [{"held_out": 0.0}, {"held_out": 1.0}, {"epochs": 0}, {"thrift": 0.0}])
def test_settings_of_the_gates_training_are_checked(changes):
    with pytest.raises(ConfigError, match="GateTraining"):
        GateTraining(**changes)


def test_models_of_a_flight_are_handed_on_whole(monkeypatch):
    given = Models(7, ("b0", "b1"), head="head", tail="tail", make_gate=len)
    flights, heard = [], []
    monkeypatch.setattr(decisions, "fly", lambda renderer, route, config, models, seed: flights.append((route, models)))
    rows = decisions.collect_decisions(
        "renderer", ["r1", "r2"], given, FlightConfig(), 3, lambda done, count: heard.append((done, count))
    )
    assert rows.choices == (SKIP, "b0", "b1") and heard == [(1, 0), (2, 0)] and [r for r, _ in flights] == ["r1", "r2"]
    used = flights[0][1]
    assert (used.model_hash, used.head, used.tail, used.renderer, used.rows) == (7, "head", "tail", "renderer", rows)
