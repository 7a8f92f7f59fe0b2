"""Routes of drones that fly at once: apart at both ends, in one airspace, and near each other on the way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from navisplit.errors import RouteError
from navisplit.sim.worlds import Route, find_world, read_routes, routes_for, world_names
from navisplit.sim.worlds.company import APART_M, company, nearest_approach_m, shared_airspace


def route(number: int, start: tuple, goal: tuple, low: float | None = 0.5, high: float | None = 6.0) -> Route:
    return Route(number, np.array(start, float), 0.0, np.array(goal, float), None, low, high)


EAST = route(0, (0, 0, 2), (40, 0, 2))


def test_routes_that_cross_in_time_are_chosen_before_routes_that_cross_only_in_space():
    north = route(1, (20, -20, 2), (20, 20, 2))  # both are at (20, 0) after 20 m
    late = route(2, (20, -38, 2), (20, 2, 2))  # its way crosses too, 18 m later
    far = route(3, (0, 60, 2), (40, 60, 2))
    assert [r.id for r in company([EAST, far, late, north], 0, 2)] == [0, 1]
    assert nearest_approach_m(EAST, north) == pytest.approx(0.0, abs=0.3)
    assert nearest_approach_m(EAST, late) == pytest.approx(18 / math.sqrt(2), abs=0.3)


@pytest.mark.parametrize(
    "wrong",
    [
        route(1, (0, 5, 2), (20, 20, 2)),
        route(1, (20, -20, 2), (40, 5, 2)),
        route(1, (20, -20, 2), (20, 20, 2), low=1.8),
        route(1, (20, -20, 5), (20, 20, 5), high=5.2),
    ],
    ids=["starts too near", "goals too near", "floor too high", "ceiling too low"],
)
def test_routes_that_do_not_go_together_are_refused_by_name(wrong):
    with pytest.raises(RouteError, match="Only 1 of 2 routes .* expected 2"):
        company([EAST, wrong], 0, 2)


def test_an_unknown_first_route_is_named():
    with pytest.raises(RouteError, match="no route 7: ids go from 0 to 0"):
        company([EAST], 7, 1)


def test_the_airspace_of_all_is_what_each_allows():
    assert shared_airspace([EAST, route(1, (0, 0, 2), (1, 0, 2), 1.0, 9.0)]) == (1.0, 6.0)
    assert shared_airspace([route(1, (0, 0, 2), (1, 0, 2), None, None)]) == (None, None)


@pytest.mark.parametrize("world", world_names())
def test_in_every_world_that_ships_three_drones_meet(world):
    chosen = company(read_routes(routes_for(find_world(world))), 0, 3)
    for a, b in itertools.combinations(chosen, 2):
        assert math.dist(a.start, b.start) >= APART_M and math.dist(a.goal, b.goal) >= APART_M
    nearest = min(nearest_approach_m(a, b) for a, b in itertools.combinations(chosen, 2))
    assert nearest < 2.5  # the farthest are those of ruins, 2.0 m
