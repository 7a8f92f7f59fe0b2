"""What the rolling map and the cost to go promise, cell by cell."""

from __future__ import annotations

import numpy as np
import pytest
from map_fixtures import EAST, HERE, VIEW, cell, centred
from scipy.ndimage import distance_transform_edt

from navisplit.edge.local_map import FREE_LOG_ODDS, OCCUPIED_LOG_ODDS, LocalMap, MapConfig
from navisplit.edge.tail import Depth
from navisplit.edge.wavefront import FAR, Wavefront


def wall(distance_m, spread=None):
    """The picture of a wall across the view."""
    shape = (72, 128)
    return Depth(np.full(shape, distance_m, np.float32), None if spread is None else np.full(shape, spread, np.float32))


def test_clearance_is_the_distance_to_the_nearest_occupied_cell():
    local_map = centred()
    local_map.log_odds[:] = np.where(np.random.default_rng(1).random(local_map.log_odds.shape) < 0.004, 1.0, -1.0)
    local_map.update_clearance()
    exact = distance_transform_edt(local_map.log_odds < 0) * local_map.config.cell_m
    assert local_map.max_clearance_m == pytest.approx(1.8)
    assert np.abs(local_map.clearance - np.minimum(exact, 1.8)).max() < 1e-5


def test_what_is_known_stays_where_it_is_in_the_world_while_the_vehicle_moves():
    local_map = centred()
    point = (3.05, -2.0, 2.5)
    local_map.log_odds[cell(local_map, *point)] = 2.0
    for position in ([1.7, -0.9, 2.8], [-4.0, 3.0, 1.0], [0.4, 0.2, 2.1]):
        local_map.centre_on(np.array(position), 0)
        occupied = np.argwhere(local_map.log_odds > 1.0)
        assert len(occupied) == 1 and tuple(occupied[0]) == cell(local_map, *point)


def test_what_left_the_window_comes_back_as_unknown():
    local_map = centred()
    local_map.log_odds[:] = 2.0
    local_map.centre_on(np.array([100.0, 0, 2]), 0)
    assert not (local_map.log_odds > 0).any()
    local_map.centre_on(HERE, 0)
    assert not (local_map.log_odds > 0).any()


@pytest.mark.parametrize(("after_s", "share"), [(1.0, 0.98), (5.0, 0.9), (60.0, 0.8), (-3.0, 1.0)])
def test_knowledge_fades_slowly_with_time_and_never_grows(after_s, share):
    local_map = centred()
    local_map.centre_on(HERE, 10 * 10**9)
    local_map.log_odds[:] = 2.0
    local_map.centre_on(HERE, int((10 + after_s) * 1e9))
    assert np.allclose(local_map.log_odds, 2.0 * share)


def test_the_vehicles_own_place_counts_as_free_but_a_known_obstacle_there_is_kept():
    local_map = LocalMap()
    local_map.centre_on(HERE, 0)
    assert local_map.log_odds[cell(local_map, *HERE)] < FREE_LOG_ODDS
    assert local_map.log_odds[cell(local_map, 0.0, 1.0, 2.0)] == 0.0  # further than the body: nobody looked
    local_map.log_odds[cell(local_map, 0.3, 0.0, 2.0)] = 1.5
    local_map.centre_on(HERE, 0)
    assert local_map.log_odds[cell(local_map, 0.3, 0.0, 2.0)] == 1.5


@pytest.mark.parametrize("far", [14.0, 50.0, 65504.0])
def test_what_is_out_of_range_frees_the_way_there_and_puts_nothing_anywhere(far):
    local_map = centred()
    local_map.insert(wall(far), VIEW, HERE, EAST)
    assert not (local_map.log_odds > 0).any()
    assert local_map.log_odds[cell(local_map, 8.0, 0.0, 2.0)] < FREE_LOG_ODDS


def test_a_wall_is_occupied_where_it_stands_free_before_and_unknown_behind():
    local_map = centred()
    local_map.insert(wall(5.0), VIEW, HERE, EAST)
    x = 5.0 + VIEW.offset_x_m
    assert local_map.log_odds[cell(local_map, x, 0.0, 2.0)] > OCCUPIED_LOG_ODDS
    assert local_map.log_odds[cell(local_map, x - 1.5, 0.0, 2.0)] < FREE_LOG_ODDS
    assert local_map.log_odds[cell(local_map, x + 1.5, 0.0, 2.0)] == 0.0


def test_a_wall_that_is_gone_is_given_up_within_a_second_of_looking():
    local_map = centred()
    for _ in range(30):
        local_map.insert(wall(5.0), VIEW, HERE, EAST)
    assert local_map.log_odds.max() <= MapConfig().max_log_odds
    for _ in range(10):
        local_map.insert(wall(12.0), VIEW, HERE, EAST)
    assert not (local_map.log_odds[:, :, cell(local_map, *HERE)[2]] > OCCUPIED_LOG_ODDS)[:62].any()
    assert local_map.log_odds.min() >= MapConfig().min_log_odds


def test_uncertain_depth_says_less_of_both_obstacles_and_free_space():
    certain, vague = centred(), centred()
    certain.insert(wall(5.0), VIEW, HERE, EAST)
    vague.insert(wall(5.0, spread=0.2), VIEW, HERE, EAST)
    at = cell(certain, 5.0 + VIEW.offset_x_m, 0.0, 2.0)
    before = cell(certain, 3.0, 0.0, 2.0)
    assert 0 < vague.log_odds[at] < 0.7 * certain.log_odds[at]
    assert certain.log_odds[before] < vague.log_odds[before] < 0
    assert vague.log_odds[cell(certain, 4.7, 0.0, 2.0)] == 0.0  # within one spread of the wall: it may be there


def test_clearance_outside_of_the_map_saturates_and_between_cells_it_is_smooth():
    local_map = centred()
    local_map.log_odds[cell(local_map, 0.15, 0.15, 2.25)] = 2.0
    local_map.update_clearance()
    assert local_map.clearance_at(np.array([[500.0, 0, 2], [0, 0, -50.0]])) == pytest.approx([1.8, 1.8])
    line = np.array([[x, 0.15, 2.25] for x in np.arange(0.15, 1.5, 0.05)])
    values = local_map.clearance_at(line)
    assert values == pytest.approx(line[:, 0] - 0.15, abs=0.02)


def test_a_new_flight_remembers_nothing_of_the_last():
    local_map = centred()
    local_map.insert(wall(4.0), VIEW, HERE, EAST)
    local_map.update_clearance()
    local_map.reset()
    assert not local_map.log_odds.any() and (local_map.clearance == np.float32(1.8)).all()
    with pytest.raises(RuntimeError, match="centre_on"):
        _ = local_map.origin


# The cost to go -------------------------------------------------------------------------------------------------------


def flooded(local_map, goal, min_z=1.0, max_z=6.0):
    local_map.update_clearance()
    front = Wavefront()
    front.update(local_map, np.asarray(goal, float), min_z, max_z, HERE)
    return front


def free():
    local_map = centred()
    local_map.log_odds[:] = -1.0
    return local_map


def test_high_over_a_hedge_is_no_cheaper_than_just_over_it():
    """Wires and the arms of lamps are overhead, and the depth does not always show them."""
    local_map, front = free(), Wavefront()
    i, _, k = cell(local_map, 2.0, 0.0, 1.0)
    local_map.log_odds[i : i + 20, :, : k + 1] = 1.0
    local_map.update_clearance()
    front.update(local_map, np.array([40.0, 0.0, 2.0]), 0.3, 6.0, HERE)
    assert front.at(HERE + [0.0, 0.0, 2.5]) > front.at(HERE) + 0.5


@pytest.mark.parametrize("goal", [(8.0, 0.0, 2.0), (5.0, -6.0, 3.0), (-7.0, 4.0, 2.0), (30.0, 0.0, 2.0)])
def test_in_the_open_the_cost_to_go_is_about_the_straight_distance(goal):
    straight = np.linalg.norm(np.array(goal) - HERE)
    assert 0.93 * straight < flooded(free(), goal).at(HERE) < 1.2 * straight


def test_what_was_never_seen_costs_more_than_what_is_known_to_be_free():
    ratio = flooded(centred(), (9.0, 0, 2)).at(HERE) / flooded(free(), (9.0, 0, 2)).at(HERE)
    assert 1.2 < ratio < 1.45


def blocked_up_to(z):
    """A wall across the whole map, up to a height."""
    local_map = free()
    i, top = cell(local_map, 4.0, 0.0, 0.0)[0], cell(local_map, 0.0, 0.0, z)[2]
    local_map.log_odds[i : i + 2, :, :top] = 2.0
    return local_map


def test_the_way_goes_over_a_wall_only_where_the_airspace_allows_it():
    over = flooded(blocked_up_to(3.5), (8.0, 0, 2), max_z=6.0)
    through = flooded(blocked_up_to(3.5), (8.0, 0, 2), max_z=3.6)
    assert over.at(HERE) < 15.0 < 26.0 < through.at(HERE)  # 26 m: out of the map and around the wall's end
    way = over.way(HERE, 12.0)
    crossing = way[np.abs(way[:, 0] - 4.3).argmin()]
    assert 3.5 < crossing[2] < 5.8


def test_inside_a_false_obstacle_there_is_still_a_way_out():
    local_map = free()
    i, j, k = cell(local_map, *HERE)
    local_map.log_odds[i - 4 : i + 4, j - 4 : j + 4, k - 4 : k + 4] = 2.0
    front = flooded(local_map, (9.0, 0, 2))
    assert 9.0 < front.at(HERE) < FAR / 100
    assert np.linalg.norm(front.way(HERE, 4.0)[-1] - HERE) > 1.5


def length(way):
    return np.linalg.norm(np.diff(way, axis=0), axis=1).sum()


def test_the_way_starts_here_is_as_long_as_asked_and_always_leads_down():
    front = flooded(blocked_up_to(3.5), (8.0, 2.0, 2))
    way = front.way(HERE, 4.5)
    assert np.array_equal(way[0], HERE) and 4.5 <= length(way) < 2 * 4.5
    assert np.linalg.norm(front.way(HERE, 50.0)[-1] - [8.0, 2.0, 2.0]) < 0.9  # it ends at the goal
    costs = [front.at(p) for p in way[1:]]
    assert len(costs) > 4 and all(a > b for a, b in zip(costs[:-1], costs[1:], strict=True))


def test_a_goal_beyond_the_map_is_flown_towards():
    for bearing in np.radians([0, 70, 160, -110]):
        goal = HERE + 60.0 * np.array([np.cos(bearing), np.sin(bearing), 0.0])
        ahead = flooded(free(), goal).way(HERE, 6.0)[-1] - HERE
        assert np.dot(ahead / np.linalg.norm(ahead), (goal - HERE) / 60.0) > 0.85


def test_the_vehicle_keeps_off_walls_when_there_is_room():
    local_map = free()
    for y in (-1.9, 1.0):  # a corridor whose middle is not on the straight line
        local_map.log_odds[cell(local_map, 1.0, y, 0)[0] :, cell(local_map, 0, y, 0)[1], :] = 2.0
    way = flooded(local_map, (9.0, 0.6, 2.0)).way(HERE, 6.0)
    inside = way[(way[:, 0] > 2.0) & (way[:, 0] < 6.0)]
    assert len(inside) > 3 and inside[:, 1].max() < 0.45
