"""What the edge's pilots promise beyond a good flight: limits, memory, honesty about what they do not know."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from navisplit.config import CameraConfig, PolicyConfig
from navisplit.edge.planner import Planner, _point_along
from navisplit.edge.policies import View, make_policy
from navisplit.edge.reactive import Reactive
from navisplit.edge.tail import Depth
from navisplit.frames import quaternion_from_euler
from navisplit.wire import VehicleState

VIEW = View.of(CameraConfig(), np.empty((72, 128), np.float32))
OPEN = 65504.0


def seen(distance_m=OPEN, spread=None):
    shape = (72, 128)
    return Depth(np.full(shape, distance_m, np.float32), None if spread is None else np.full(shape, spread, np.float32))


def state(goal=(30.0, 0, 2), velocity=(0, 0, 0), yaw=0.0, position=(0, 0, 2)):
    orientation = quaternion_from_euler(0, 0, yaw)
    return VehicleState(*(np.asarray(v, float) for v in (position, orientation, velocity, goal)))


def test_a_depth_pixel_looks_where_the_pictures_even_pixel_does():
    picture = CameraConfig().intrinsics
    for i, j in ((0, 0), (71, 127), (30, 5)):
        left = (j - VIEW.intrinsics.cx) / VIEW.intrinsics.fx
        up = (i - VIEW.intrinsics.cy) / VIEW.intrinsics.fy
        assert left == pytest.approx((2 * j - picture.cx) / picture.fx)
        assert up == pytest.approx((2 * i - picture.cy) / picture.fy)
    assert VIEW.offset_x_m == CameraConfig().offset_x_m


@pytest.mark.parametrize("name", ["planner", "reactive"])
def test_no_policy_asks_for_more_than_it_may(name):
    config = PolicyConfig(name=name, speed_mps=2.0, max_yaw_rate_rps=0.7)
    rng = np.random.default_rng(3)
    policy = make_policy(config)
    for frame in range(25):
        depth = Depth(rng.uniform(0.4, 15.0, (72, 128)).astype(np.float32), np.full((72, 128), 0.1, np.float32))
        now = state(rng.normal(0, 20, 3) + [0, 0, 3], rng.normal(0, 1, 3), rng.uniform(-3, 3))
        decision = policy.act(depth, VIEW, now, frame * 10**8)
        assert decision.command.finite
        assert np.linalg.norm(decision.command.velocity[:2]) <= 2.0 + 1e-9
        assert abs(decision.command.yaw_rate) <= 0.7 + 1e-9
        assert 0.0 <= decision.confidence <= 1.0 and decision.clearance_m >= 0.0


@pytest.mark.parametrize("name", ["planner", "reactive"])
def test_confidence_falls_with_the_spread_of_depth_and_is_whole_without(name):
    config = PolicyConfig(name=name)
    told = [make_policy(config).act(seen(8.0, s), VIEW, state(), 0).confidence for s in (None, 0.05, 0.5)]
    assert told[0] == 1.0 and told[0] > told[1] > told[2] > 0.0


@pytest.mark.parametrize("name", ["planner", "reactive"])
def test_a_new_flight_starts_as_the_first_one_did(name):
    def first(policy):
        decision = policy.act(seen(6.0), VIEW, state(velocity=(1.0, 0, 0)), 5 * 10**8)
        return [*decision.command.velocity, decision.command.yaw_rate, decision.clearance_m, decision.confidence]

    fresh, used = make_policy(PolicyConfig(name=name)), make_policy(PolicyConfig(name=name))
    for frame in range(4):
        used.act(seen(1.5, 0.4), VIEW, state((-20.0, 9.0, 3.0), (0, 1.0, 0), 0.8), frame * 10**8)
    used.reset()
    assert first(used) == first(fresh)


# The planner ----------------------------------------------------------------------------------------------------------


def test_the_planner_brakes_against_its_motion_when_nothing_can_stop_in_time():
    decision = Planner(PolicyConfig()).act(seen(1.0), VIEW, state(velocity=(4.0, 0, 0)), 0)
    assert decision.command.velocity == pytest.approx([-1.6, 0, 0])
    assert decision.clearance_m < 2.0  # along the motion, not along the command


@pytest.mark.parametrize("distance", [3.0, 6.0, 9.0])
def test_the_planner_tells_how_far_the_way_is_free(distance):
    policy, still = Planner(PolicyConfig()), state()
    policy.act(seen(distance), VIEW, still, 0)
    free = policy._free_ahead(still.position, np.array([1.0, 0, 0]), still)
    assert free == pytest.approx(distance + VIEW.offset_x_m, abs=0.35)
    assert policy._free_ahead(still.position, np.array([-1.0, 0, 0]), still) == 13.0  # nothing is known there


def test_the_planner_stands_still_at_the_goal_and_slows_down_before():
    speeds = []
    for remaining in (0.5, 1.5, 3.0, 12.0):
        policy = Planner(PolicyConfig(speed_mps=4.0))
        for frame in range(3):
            decision = policy.act(seen(), VIEW, state((remaining, 0, 2)), frame * 10**8)
        speeds.append(float(np.linalg.norm(decision.command.velocity)))
    assert speeds[0] == 0.0 and speeds == sorted(speeds)
    assert speeds[1] <= 0.7 * 1.5 + 1e-9


def test_the_planner_remembers_how_blind_it_was_when_a_frame_is_missing():
    policy = Planner(PolicyConfig())
    blurred = policy.act(seen(8.0, 0.5), VIEW, state(), 0)
    assert policy.act(None, None, state(), 10**8).confidence == blurred.confidence < 0.5


def test_the_planner_looks_where_it_is_going():
    left = Planner(PolicyConfig()).act(seen(), VIEW, state((0.0, 20.0, 2)), 0)
    right = Planner(PolicyConfig()).act(seen(), VIEW, state((0.0, -20.0, 2)), 0)
    assert left.command.yaw_rate > 0.5 and right.command.yaw_rate < -0.5


@pytest.mark.parametrize(
    ("length", "point"), [(0.0, [0, 0, 0]), (1.5, [1.5, 0, 0]), (3.0, [2, 1, 0]), (9.0, [2, 2, 0])]
)
def test_a_point_along_a_way_is_measured_along_it(length, point):
    way = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 2.0, 0]])
    assert _point_along(way, length) == pytest.approx(np.array(point, float))


# The baseline ---------------------------------------------------------------------------------------------------------


def test_the_baseline_stands_still_without_a_picture():
    decision = Reactive(PolicyConfig()).act(None, None, state(velocity=(3.0, 0, 0)), 0)
    assert not decision.command.velocity.any() and decision.confidence == 0.0


def test_the_baseline_flies_slower_the_nearer_the_wall_and_turns_on_the_spot_before_it():
    speeds = [
        np.linalg.norm(Reactive(PolicyConfig()).act(seen(d), VIEW, state(), 0).command.velocity[:2])
        for d in (1.0, 2.5, 3.5, 11.0)
    ]
    assert speeds[0] == 0.0 < speeds[1] < speeds[2] < speeds[3] == 3.0
    assert Reactive(PolicyConfig()).act(seen(1.0), VIEW, state(), 0).command.yaw_rate == 1.2


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_the_baseline_keeps_turning_to_the_side_it_had_begun_with(side):
    pilot = Reactive(PolicyConfig())
    pilot.act(seen(), VIEW, state((20.0, 3.0 * side, 2)), 0)
    for goal_y in (2.0, -2.0, 5.0):
        assert pilot.act(seen(0.9), VIEW, state((20.0, goal_y, 2)), 0).command.yaw_rate * side > 0


def test_the_baseline_turns_to_a_goal_behind_before_it_flies_there():
    decision = Reactive(PolicyConfig()).act(seen(), VIEW, state((-20.0, 4.0, 2)), 0)
    assert not decision.command.velocity[:2].any() and decision.command.yaw_rate == 1.2


def test_the_baseline_flies_along_its_bearing_whatever_its_heading():
    for yaw in (0.3, 2.0, -2.8):
        goal = np.array([20 * math.cos(yaw), 20 * math.sin(yaw), 2])
        velocity = Reactive(PolicyConfig()).act(seen(), VIEW, state(goal, yaw=yaw), 0).command.velocity
        assert math.remainder(math.atan2(velocity[1], velocity[0]) - yaw, math.tau) == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize(("z", "goal_z", "climb"), [(2, 30, 1.0), (5.3, 30, 0.2), (5.8, 30, -0.3), (1.4, -9, 0.1)])
def test_the_baseline_climbs_only_within_its_airspace(z, goal_z, climb):
    pilot = Reactive(dataclasses.replace(PolicyConfig(), min_z_m=1.0, max_z_m=6.0))
    velocity = pilot.act(seen(), VIEW, state((20.0, 0, goal_z), position=(0, 0, z)), 0).command.velocity
    assert velocity[2] == pytest.approx(climb)


def test_the_baseline_does_not_take_the_floor_for_an_obstacle():
    up = -(np.arange(72) - VIEW.intrinsics.cy)[:, None] / VIEW.intrinsics.fy
    floor = np.where(up < -1e-3, -2.0 / np.minimum(up, -1e-3), OPEN) * np.ones((1, 128))
    decision = Reactive(PolicyConfig()).act(Depth(floor.astype(np.float32), None), VIEW, state(), 0)
    assert decision.command.velocity[0] == pytest.approx(3.0)
