"""The environment: gymnasium's own checker, the same flight from the same seed, and the real pipeline underneath."""

from __future__ import annotations

import threading

import gymnasium
import numpy as np
import policy_worlds
import pytest
from gymnasium.utils.env_checker import check_env

import navisplit.environments
from navisplit.environments.navigation import Commands, NavigationEnv, Rewards
from navisplit.errors import UsageError
from navisplit.evaluate.flight import Limits
from navisplit.sim.worlds.registry import families

AHEAD = np.array([1.0, 0, 0, 0], np.float32)
ROUTE = {"options": {"world": 0, "route": 0}}


@pytest.fixture(scope="module")
def posts():
    with pytest.MonkeyPatch.context() as patch:
        policy_worlds.register(patch)
        yield policy_worlds.FAMILY


@pytest.fixture(scope="module")
def env(posts):
    made = NavigationEnv(posts, worlds=1, routes=2, render_mode="rgb_array", limits=Limits(6.0, 0.5))
    yield made
    made.close()


def flown(env, action=AHEAD, **reset):
    observation, info = env.reset(**reset)
    rows, over = [(observation, 0.0)], False
    while not over:
        observation, reward, terminated, truncated, info = env.step(action)
        rows.append((observation, reward))
        over = terminated or truncated
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), info


def test_gymnasiums_own_checker_finds_nothing(env):
    check_env(env)


def test_every_family_has_an_id():
    assert set(navisplit.environments.FAMILIES) == set(families) - {policy_worlds.FAMILY}
    for family in navisplit.environments.FAMILIES:
        assert navisplit.environments.environment_id(family) in gymnasium.registry
    assert gymnasium.spec("navisplit/World-v0").entry_point


def test_the_same_seed_and_actions_give_the_same_flight_to_the_bit(env):
    first, second = flown(env, seed=3), flown(env, seed=3)
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_progress_is_rewarded_and_a_step_is_a_camera_frame(env):
    _, start = env.reset(seed=0, **ROUTE)
    for _ in range(10):
        _, reward, _, _, info = env.step(AHEAD)
    moved = info["position"] - start["position"]
    assert 0.5 < np.linalg.norm(moved) < 4.0  # a second at up to 4 m/s
    assert (reward > 0) == (info["cost_to_go_m"] < start["cost_to_go_m"])
    picture = env.render()
    assert picture.shape == (144, 256, 3) and picture.std() > 0


def test_an_agent_that_does_nothing_ends_in_a_timeout_and_is_not_punished_as_for_a_crash(env):
    _, rewards, info = flown(env, np.zeros(4, np.float32), seed=0, **ROUTE)
    assert info["outcome"] == "timeout"
    assert rewards.min() > Rewards().crash / 2


def test_the_expert_reaches_the_goal_through_the_environment(env, monkeypatch):
    """The wrapper's choices are the expert's rows: what it advises is what is flown."""
    from navisplit.train.expert import Expert

    monkeypatch.setattr(env, "_limits", Limits())
    wrapped = Commands(env)
    _, info = wrapped.reset(seed=0, **ROUTE)
    place = env._places[0]
    expert, over = Expert(place.renderer.query, place.routes[0], env._policy), False
    while not over:
        advice = expert.advise(env._state, env._last.velocity)
        _, _, terminated, truncated, info = wrapped.step(np.array([advice.best, 3 + round(3 * advice.yaw)]))
        over = terminated or truncated
    assert info["outcome"] == "success"


def test_leaving_a_flight_leaves_no_thread_behind(env):
    before = threading.active_count()
    for _ in range(3):
        env.reset(seed=1)
    assert threading.active_count() <= before + 1
    env.close()
    assert not [t for t in threading.enumerate() if t.name == "flight"]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(AHEAD)


@pytest.mark.parametrize("action", [np.zeros(3), np.array([np.nan, 0, 0, 0]), np.zeros((2, 2))])
def test_an_action_that_is_none_is_refused(env, action):
    env.reset(seed=0)
    with pytest.raises(UsageError, match="four finite numbers"):
        env.step(action)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"family": "forest", "world": "forest"},
        {"family": "forest", "worlds": 0},
        {"family": "f", "render_mode": "x"},
    ],
)
def test_options_that_do_not_fit_are_refused(wrong):
    with pytest.raises(UsageError):
        NavigationEnv(**wrong)


def test_a_route_that_is_none_is_refused(env):
    with pytest.raises(UsageError, match="route below 2"):
        env.reset(options={"world": 0, "route": 5})
