"""Training of the policy: the expert, lessons that continue, fits that learn, fine-tuning and what is written."""

from __future__ import annotations

import json
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import policy_worlds
import pytest
from policy_worlds import random_net

from navisplit.config import PolicyConfig
from navisplit.edge.commands import VELOCITIES, YAW_RATES
from navisplit.edge.surroundings import SIZE
from navisplit.errors import ConfigError, RouteError, UsageError
from navisplit.sim.worlds.routes import Route
from navisplit.train import policy_run
from navisplit.train.blur import Blur
from navisplit.train.cost_field import CostField
from navisplit.train.expert import Expert, yaw_weights
from navisplit.train.imitation_fit import Data, FitSettings, exported, fit, imported, score
from navisplit.train.policy_run import PolicyTraining, train_policy
from navisplit.wire import VehicleState

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Wall:
    """A wall at x = 6 that ends at y = 3."""

    def nearest(self, points, reach):
        points = np.asarray(points, float)
        distance = np.hypot(points[:, 0] - 6.0, np.maximum(points[:, 1] - 3.0, 0.0))
        return (np.minimum(distance, reach).astype(np.float32),)


class Open:
    """Nothing anywhere."""

    def nearest(self, points, reach):
        return (np.full(len(points), reach, np.float32),)


def route(start=(0, 0, 3), goal=(12, 0, 3), length=14.0):
    return Route(0, np.asarray(start, float), 0.0, np.asarray(goal, float), length, 1.0, 7.0)


def state(position=(0, 0, 3), velocity=(0, 0, 0), goal=(12, 0, 3)):
    return VehicleState(*(np.asarray(v, float) for v in (position, (0, 0, 0, 1), velocity, goal)))


def test_the_cost_to_go_in_the_open_is_the_distance_in_every_direction():
    field = CostField.of(Open(), route())
    angles = np.radians(np.arange(0, 360, 15))
    ring = np.array([12.0, 0, 3]) + 9.0 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1)
    assert field.at(ring) == pytest.approx(9.0, rel=0.05)  # first order on half a metre


def test_the_cost_to_go_leads_around_what_is_in_the_way():
    field = CostField.of(Wall(), route())
    around = 2 * math.hypot(6.0, 3.6)
    assert around < field.at(np.array([[0.0, 0, 3]]))[0] < around + 3.0
    assert field.way(np.array([4.5, 0, 3.0]), 4.0)[-1][1] > 2.0


def test_the_expert_turns_away_from_a_wall_and_prices_a_hit():
    expert = Expert(Wall(), route(), PolicyConfig(speed_mps=4.0, min_z_m=1.0, max_z_m=7.0))
    advice = expert.advise(state((1.5, 0, 3), (3.5, 0, 0)), np.array([3.5, 0, 0]))
    assert VELOCITIES[advice.best][1] > 0.3  # the opening is on the left
    straight = int(np.argmin(np.linalg.norm(VELOCITIES - [1.0, 0, 0], axis=1)))
    assert advice.costs[straight] > 4.0 and advice.costs.min() == 0.0
    assert advice.yaw > 0.3


def test_the_expert_flies_straight_at_full_speed_in_the_open():
    expert = Expert(Open(), route(), PolicyConfig(speed_mps=4.0, min_z_m=1.0, max_z_m=7.0))
    best = VELOCITIES[expert.advise(state(), np.zeros(3)).best]
    assert best[0] > 0.95 and abs(best[1]) < 0.15


def test_a_route_without_a_way_is_told():
    class Shut:
        def nearest(self, points, reach):
            return (np.minimum(np.abs(np.asarray(points)[:, 0] - 6.0) * 0.01, reach).astype(np.float32),)

    with pytest.raises(RouteError, match="no way"):
        CostField.of(Shut(), route(length=12.0))


def test_two_yaw_rates_make_any_in_between():
    for share in (-1.0, -0.7, -0.1, 0.0, 0.33, 1.0):
        weights = yaw_weights(share)
        assert weights @ YAW_RATES == pytest.approx(share) and weights.sum() == pytest.approx(1.0)
        assert (weights > 0).sum() <= 2


def test_blurred_depth_is_as_wrong_as_it_says_and_exact_at_none():
    depth = np.full((72, 128), 6.0, np.float32)
    assert Blur(0.0, np.random.default_rng(0))(depth).spread is None
    blur = Blur(0.3, np.random.default_rng(0))
    errors = np.concatenate([np.log(blur(depth).depth / 6.0).ravel() for _ in range(200)])
    assert 0.2 < errors.std() < 0.4
    again = Blur(0.3, np.random.default_rng(0))(depth)
    assert np.array_equal(again.depth, Blur(0.3, np.random.default_rng(0))(depth).depth)


def lessons(n=600):
    """Frames in which the best command is told by the first number of the observation."""
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(n, SIZE)).astype(np.float32)
    costs = np.full((n, len(VELOCITIES)), 5.0, np.float32)
    best = np.where(observations[:, -1] > 0, 0, len(VELOCITIES) - 1)  # spread: a mirror leaves it as it is
    costs[np.arange(n), best] = 0.0
    mirror = np.where(best == 0, 0, best)
    assert (mirror == best).all()
    return Data(observations, costs, np.tile(yaw_weights(0.0), (n, 1)).astype(np.float32))


def test_a_fit_learns_the_cheap_commands_and_the_same_seed_the_same_weights():
    settings = FitSettings(hidden=16, steps=60, batch_size=128, learning_rate=1e-2)
    data, told = lessons(), []
    before = score(random_net(), data)["chosen_cost_m"]
    first = fit(data, settings, None, 1, lambda step, values: told.append((step, values)))
    assert score(first, data)["chosen_cost_m"] < 0.6 * before
    assert told[-1][0] == 60 and told[-1][1]["expected_cost_m"] > 0
    again = fit(data, settings, None, 1, lambda step, values: None)
    other = fit(data, settings, None, 2, lambda step, values: None)
    assert again.hash == first.hash != other.hash


def test_weights_survive_the_way_to_torch_and_back():
    import torch
    from torch import nn

    net = random_net()
    network = nn.Sequential(nn.Linear(SIZE, 8), nn.ReLU(), nn.Linear(8, 170))
    imported(net, [network[0], network[2]])
    assert exported(network).hash == net.hash
    x = np.random.default_rng(1).normal(size=SIZE).astype(np.float32)
    with torch.no_grad():
        assert np.concatenate(net.scores(x)) == pytest.approx(network(torch.from_numpy(x)).numpy(), abs=1e-4)


@pytest.fixture
def flights(monkeypatch):
    """Lessons without flights: what would be flown is noted."""
    asked: list[dict] = []

    def fly_world(job):
        asked.append(job)
        rng = np.random.default_rng(job["seed"])
        np.savez(
            job["path"],
            observations=rng.normal(size=(40, SIZE)).astype(np.float32),
            costs=rng.uniform(0, 9, (40, len(VELOCITIES))).astype(np.float16),
            yaw=np.zeros(40, np.float32),
            successes=np.ones(job["flights"], bool),
        )
        return "flown"

    monkeypatch.setattr(policy_run, "_fly_world", fly_world)
    return asked


SMALL = PolicyTraining(families=("forest", "urban"), rounds=2, worlds=2, flights=1, steps=5, hidden=8)


def test_rounds_continue_where_they_stopped_and_end_the_same(tmp_path, flights):
    whole = train_policy(tmp_path / "whole", SMALL, 1, lambda text: None)
    assert [Path(j["path"]).parent.name for j in flights] == ["held-out"] * 2 + ["round-0"] * 2 + ["round-1"] * 2
    assert len({(j["family"], j["seed"]) for j in flights}) == 6  # no world comes twice
    assert all(j["student"] is None for j in flights[:4]) and flights[4]["student"].endswith("round-0")
    part = tmp_path / "part"
    train_policy(part, PolicyTraining(**{**vars(SMALL), "rounds": 1}), 1, lambda text: None)
    flights.clear()
    resumed = train_policy(part, SMALL, 1, lambda text: None)
    assert [Path(j["path"]).parent.name for j in flights] == ["round-1"] * 2
    assert resumed.net.hash == whole.net.hash
    assert [r["round"] for r in resumed.rounds] == [0, 1] and resumed.curves[-1]["step"] == 10


def test_a_run_of_other_settings_is_not_continued(tmp_path, flights):
    train_policy(tmp_path, SMALL, 1, lambda text: None)
    with pytest.raises(ConfigError, match="flights differ"):
        train_policy(tmp_path, PolicyTraining(**{**vars(SMALL), "flights": 2}), 1, lambda text: None)


def test_families_kept_for_testing_are_not_trained_on(tmp_path):
    with pytest.raises(UsageError, match="kept for testing"):
        train_policy(tmp_path, PolicyTraining(families=("ruins",)), 1, lambda text: None)


def run_example(name, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.fixture
def posts(monkeypatch):
    """The small family behind the forest's id."""
    import gymnasium

    import navisplit.environments

    family = policy_worlds.register(monkeypatch)
    spec = gymnasium.spec(navisplit.environments.environment_id("forest"))
    monkeypatch.setitem(spec.kwargs, "family", family)
    return family


def test_the_random_agent_of_the_examples_flies(posts, monkeypatch, capsys):
    run_example("random_agent.py", monkeypatch, "--flights", "1")
    assert "m left of" in capsys.readouterr().out


def test_ppo_of_the_examples_writes_a_policy_that_loads(posts, monkeypatch, tmp_path):
    pytest.importorskip("stable_baselines3")
    run_example("train_with_sb3.py", monkeypatch, "--steps", "32", "--rollout", "32", "--out", str(tmp_path / "ppo"))
    assert policy_run.load_checked(tmp_path / "ppo").inputs == SIZE
    assert not list((tmp_path / "ppo").glob("*.zip"))


def test_the_imitation_of_the_examples_flies_fits_and_writes(posts, monkeypatch, tmp_path):
    arguments = ("--families", posts, "--rounds", "2", "--flights", "1", "--steps", "10", "--out", str(tmp_path))
    run_example("imitate_expert.py", monkeypatch, *arguments)
    assert policy_run.load_checked(tmp_path).inputs == SIZE
    meta = json.loads((tmp_path / "run" / "round-0" / "policy.json").read_text())
    assert meta["summary"]["successes"] == 1  # the expert's flight


def test_fine_tuning_continues_from_its_checkpoint_and_the_better_network_is_kept(posts, monkeypatch, tmp_path):
    pytest.importorskip("stable_baselines3")
    from navisplit.train import policy_finish
    from navisplit.train.policy_run import Trained
    from navisplit.train.reinforce import Reinforcement, reinforce

    net = random_net(hidden=16)
    settings = Reinforcement(families=("forest",), steps=64, rollout=32, value_share=0.5, worlds=1, learning_rate=1e-3)
    tuned, curve = reinforce(net, settings, tmp_path, lambda text: None)
    assert tuned.hash != net.hash and curve[-1]["frames"] == 64
    said: list[str] = []
    again, _ = reinforce(net, settings, tmp_path, said.append)
    assert again.hash == tuned.hash and any("resuming" in text for text in said)

    summary = {"round": 0, "flights": 2, "successes": 2, "frames": 9, "held_out_chosen_cost_m": 0.1}
    trained = Trained(
        net,
        [{"round": 0, "step": 1, "expected_cost_m": 1.0, "chosen_cost_m": 0.5}],
        [{**summary, "held_out_chosen_hits": 0.0}],
    )
    wins = {net.hash: 5, tuned.hash: 4}
    monkeypatch.setattr(policy_finish, "check_flights", lambda net, *_: policy_finish.Checked(6, wins[net.hash]))
    options = PolicyTraining(families=("forest",), rl_steps=64)
    monkeypatch.setattr("navisplit.train.reinforce.reinforce", lambda *_: (tuned, curve))
    kept = policy_finish.finish(tmp_path, tmp_path / "out", trained, options, 6, lambda text: None)
    assert kept.hash == net.hash  # the fine-tuned one reached the goal less often
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert "imitation: 5 of 6" in card and "reinforcement: 4 of 6" in card
    assert (tmp_path / "out" / "curves.svg").read_text().lstrip().startswith("<?xml")
