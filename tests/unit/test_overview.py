"""What the planner promises about places that it has not seen, and about walls larger than its map."""

from __future__ import annotations

import numpy as np
import pytest
from map_fixtures import EAST, HERE, VIEW, cell, centred

from navisplit.config import PolicyConfig
from navisplit.edge.local_map import FREE_LOG_ODDS, OCCUPIED_LOG_ODDS
from navisplit.edge.overview import CELLS, Overview
from navisplit.edge.planner import PATIENCE_S, Planner
from navisplit.edge.tail import Depth
from navisplit.edge.wavefront import Wavefront

FAR = 65504.0


def test_a_wall_along_which_the_camera_looks_is_not_seen_through():
    """0.8 m to the right of a camera that looks along it: few pixels fall on its cells, many pass close by."""
    k = VIEW.intrinsics
    right = (np.arange(k.width) - k.cx) / k.fx
    with np.errstate(divide="ignore"):
        depth = np.where(right > 0, 0.8 / right, FAR)
    picture = Depth(np.broadcast_to(np.minimum(depth, FAR), (72, 128)).astype(np.float32))
    local_map = centred()
    for _ in range(20):
        local_map.insert(picture, VIEW, HERE, EAST)
    for x in np.arange(2.0, 10.0, 0.3):
        assert local_map.log_odds[cell(local_map, x, -0.85, 2.0)] > FREE_LOG_ODDS


def test_what_is_right_before_the_lens_is_marked_though_its_centre_is_out_of_view():
    local_map = centred()
    local_map.insert(Depth(np.full((72, 128), 0.2, np.float32)), VIEW, HERE, EAST)
    ahead = HERE[0] + VIEW.offset_x_m + 0.2
    assert (local_map.log_odds[cell(local_map, ahead, 0.0, 2.0)[0]] > OCCUPIED_LOG_ODDS).any()


# The overview ---------------------------------------------------------------------------------------------------------


def plan_with_wall(half_m, at_x=10.0):
    """An overview around (0, 0) in which a wall across the way to the east is known."""
    plan = Overview(0.6)
    plan.window(np.array([-12.0, -12.0, 0.0]), (40, 40))
    middle, reach = CELLS // 2, int(half_m / 0.6)
    plan.price[middle + int(at_x / 0.6), middle - reach : middle + reach + 1] = 60.0
    return plan


def detour_here(plan, goal):
    plan.search(np.zeros(3), np.asarray(goal, float))
    return plan.window(np.array([-12.0, -12.0, 0.0]), (40, 40))[2][20, 20]


def test_nothing_known_is_no_detour():
    plan = plan_with_wall(0.0, at_x=100.0)
    assert detour_here(plan, (80.0, 30.0, 2.0)) == pytest.approx(0.0, abs=0.1)


def test_the_detour_around_a_known_wall_is_what_it_takes_to_fly_around_it():
    straight, around = 40.0, np.hypot(10, 25) + np.hypot(30, 25)
    assert detour_here(plan_with_wall(25.0), (40.0, 0.0, 2.0)) == pytest.approx(around - straight, rel=0.3)


def test_the_overview_remembers_what_left_the_window_and_forgets_with_a_new_flight():
    front, local_map = Wavefront(), centred()
    local_map.log_odds[:] = -1.0
    i = cell(local_map, 5.0, 0, 0)[0]
    local_map.log_odds[i : i + 2] = 2.0
    local_map.update_clearance()
    goal = np.array([100.0, 0.0, 2.0])
    front.update(local_map, goal, 1.0, 6.0, HERE)
    away = np.array([-60.0, 0.0, 2.0])
    local_map.centre_on(away, 0)
    local_map.update_clearance()
    front.update(local_map, goal, 1.0, 6.0, away)
    assert front.overview is not None and (front.overview.price > 50.0).sum() > 40
    front.reset()
    assert not front.overview.price.any()


def test_the_plan_follows_a_vehicle_that_flies_out_of_it():
    plan = plan_with_wall(5.0)
    cost = plan.window(np.array([150.0, -12.0, 0.0]), (40, 40))[0]
    assert cost.shape == (40, 40) and (plan.price > 50.0).any()
    plan.window(np.array([5000.0, 0.0, 0.0]), (40, 40))
    assert not plan.price.any()


# The way --------------------------------------------------------------------------------------------------------------


def test_the_unseen_foot_of_a_wall_is_no_gate():
    """A wall seen in its upper part, with a gate 4 m aside that was seen through: the way leads through the gate."""
    local_map = centred()
    local_map.log_odds[:] = -1.0
    i, top = cell(local_map, 4.0, 0, 0)[0], cell(local_map, 0, 0, 2.4)[2]
    local_map.log_odds[i : i + 4, :, top:] = 2.0
    local_map.log_odds[i : i + 4, :, :top] = 0.0
    gate = slice(cell(local_map, 0, 3.0, 0)[1], cell(local_map, 0, 6.0, 0)[1])
    local_map.log_odds[i : i + 4, gate] = -1.0
    local_map.update_clearance()
    front = Wavefront()
    front.update(local_map, np.array([10.0, 0, 2.0]), 0.0, 4.0, HERE)
    way = front.way(HERE, 8.0)
    crossing = way[np.abs(way[:, 0] - 4.3).argmin()]
    assert 3.0 < crossing[1] < 6.0


def test_a_way_that_was_tried_in_vain_is_given_up_for_another():
    local_map = centred()
    local_map.log_odds[:] = -1.0
    i = cell(local_map, 3.0, 0, 0)[0]
    local_map.log_odds[i : i + 2] = 2.0
    for y in (0.0, 6.0):  # two gates, one straight ahead
        j = cell(local_map, 0, y, 0)[1]
        local_map.log_odds[i : i + 2, j - 4 : j + 4] = -1.0
    local_map.update_clearance()
    front, goal = Wavefront(), np.array([9.0, 0.0, 2.0])
    crossings = []
    for _ in range(60):
        front.update(local_map, goal, 1.0, 6.0, HERE)
        way = front.way(HERE, 7.0)
        crossings.append(way[np.abs(way[:, 0] - 3.3).argmin()][1])
        front.discourage(way[1:], 0.4)
    assert abs(crossings[0]) < 1.0 and max(crossings) > 4.0


def test_a_vehicle_that_does_not_get_on_becomes_bolder_and_calms_down_when_it_does():
    policy = Planner(PolicyConfig())
    calm = policy.weights
    assert policy._bold(PATIENCE_S) == calm
    bold = policy._bold(30.0)
    assert 0.3 < bold.body_m < calm.body_m and calm.blind_mps < bold.blind_mps <= 0.5
    assert policy._still_s(HERE, 0) == 0.0
    assert policy._still_s(HERE + 0.2, 5_000_000_000) == 5.0
    assert policy._still_s(HERE + 2.0, 6_000_000_000) == 0.0
