"""What the vehicle model, the fan of commands and their judgement promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from navisplit.config import GuardConfig
from navisplit.edge.local_map import LocalMap
from navisplit.edge.primitives import MAX_ACCELERATION, SLEW, STEP_S, Weights, fan, follow, judge

CELLS, CELL_M = (80, 80, 24), 0.3
ORIGIN = np.array([-12.0, -12.0, -1.6])
CENTRE = np.array([0.0, 0.0, 2.0])


def flown(command, time_s, velocity=(0.0, 0.0, 0.0), step=0.02):
    """States (N, 8) of the vehicle under one command."""
    state = np.zeros(8)
    state[3:6] = velocity
    states = [state.copy()]
    for _ in range(round(time_s / step)):
        follow(state, *map(float, command), step)
        states.append(state.copy())
    return np.array(states)


@pytest.mark.parametrize("command", [(5.0, 0, 0), (-2.0, 3.0, 0.5), (0, 0, -1.0), (0, 0, 0)])
def test_the_vehicle_comes_to_the_commanded_velocity_and_stays_there(command):
    states = flown(command, 6.0, velocity=(1.0, -1.0, 0.0))
    assert states[-1, 3:6] == pytest.approx(np.array(command, float), abs=0.06)
    assert np.ptp(states[-20:, 3:6], axis=0).max() < 0.01


def test_the_vehicle_never_accelerates_harder_than_it_can():
    states = flown((-10.0, 8.0, 6.0), 3.0, velocity=(10.0, -8.0, -4.0))
    assert np.hypot(states[:, 6], states[:, 7]).max() <= MAX_ACCELERATION + 1e-9
    assert np.abs(np.diff(states[:, 5])).max() / 0.02 <= 4.6 + 1e-6


def test_the_vehicle_flies_the_same_in_every_direction():
    east, turned = flown((3.0, 1.0, 0.4), 1.5), flown((-1.0, 3.0, 0.4), 1.5)
    assert turned[:, 0] == pytest.approx(-east[:, 1]) and turned[:, 1] == pytest.approx(east[:, 0])
    assert turned[:, 2] == pytest.approx(east[:, 2])


def test_the_path_does_not_depend_much_on_the_step():
    coarse, fine = flown((4.0, 0, 0), 1.2, step=STEP_S), flown((4.0, 0, 0), 1.2, step=0.01)
    assert coarse[-1, 0] == pytest.approx(fine[-1, 0], rel=0.08)


def test_the_fan_has_the_wanted_command_first_and_standing_still_last():
    commands = fan(math.radians(30), math.radians(10), 4.0)
    straight = 4.0 * np.array([math.cos(0.1745329) * math.cos(math.pi / 6), math.cos(0.1745329) / 2, 0.1736482])
    assert commands[0] == pytest.approx(straight, abs=1e-5)
    assert not commands[-1].any()
    assert np.linalg.norm(commands, axis=1).max() <= 4.0 + 1e-9


def test_the_fan_reaches_all_around_and_never_straight_up():
    commands = fan(0.0, math.radians(60), 3.0)[:-1]
    azimuths = np.degrees(np.arctan2(commands[:, 1], commands[:, 0]))
    assert np.abs(azimuths).max() > 179 and azimuths.min() < -140
    elevation = np.degrees(np.arcsin(commands[:, 2] / np.linalg.norm(commands, axis=1)))
    assert elevation.max() <= 70.01


def test_the_planner_counts_on_the_guards_own_limit_of_change():
    assert SLEW == GuardConfig().max_acceleration_mps2


# The judgement --------------------------------------------------------------------------------------------------------


class Place:
    """A map that is known to be free, and a cost to go that falls to the east."""

    def __init__(self):
        self.log_odds = np.full(CELLS, -1.0, np.float32)
        east = (np.arange(40) + 0.5) * 0.6
        self.cost = np.broadcast_to((24.0 - east)[:, None, None], (40, 40, 12)).astype(np.float32).copy()
        self.airspace = (-50.0, 50.0)

    def wall(self, x):
        self.log_odds[int((x - ORIGIN[0]) / CELL_M), :, :] = 2.0
        return self

    def judge(self, commands, velocity=(0, 0, 0), previous=None, at=CENTRE, only_best=False, **weights):
        local_map = LocalMap()
        local_map.log_odds = self.log_odds
        local_map.update_clearance()
        start = np.zeros(8)
        start[:3], start[3:6] = at, velocity
        before = np.asarray(velocity if previous is None else previous, float)
        return judge(
            np.asarray(commands, float), start, before, local_map.clearance, self.log_odds, ORIGIN, CELL_M,
            local_map.max_clearance_m, self.cost, 0.6, *self.airspace, Weights(**weights).vector(),
            only_best,
        )  # fmt: skip


EAST, WEST, STILL = (3.0, 0, 0), (-3.0, 0, 0), (0, 0, 0)


def test_in_free_space_everything_is_safe_and_the_command_towards_the_goal_is_best():
    commands = fan(0.0, 0.0, 3.0)
    cost, safe = Place().judge(commands)
    assert safe.all() and commands[np.argmin(cost), 0] > 0.95 * 3.0


@pytest.mark.parametrize(("x", "expected"), [(1.6, False), (2.5, False), (5.5, True), (8.0, True)])
def test_only_what_can_still_stop_before_a_wall_is_safe(x, expected):
    _, safe = Place().wall(x).judge([EAST], velocity=EAST)
    assert safe[0] == expected


def test_what_is_called_safe_does_stop_in_time():
    """Flown on until the next command can arrive, then braked: the model's own vehicle keeps off the wall."""
    for x in np.arange(2.0, 5.0, 0.15):
        _, safe = Place().wall(x).judge([EAST], velocity=EAST)
        state = np.zeros(8)
        state[3] = 3.0
        for step in range(40):
            follow(state, 3.0 if step * STEP_S < Weights().commit_s else 0.0, 0.0, 0.0, STEP_S)
        surface = math.floor((x - ORIGIN[0]) / CELL_M) * CELL_M + ORIGIN[0]
        assert not safe[0] or surface - state[0] > 0.30  # the body's radius


def test_a_slower_approach_is_safe_where_a_fast_one_is_not():
    place = Place().wall(2.6)
    _, fast = place.judge([EAST], velocity=EAST)
    _, slow = place.judge([(0.75, 0, 0)], velocity=(0.75, 0, 0))
    assert not fast[0] and slow[0]


def test_already_too_near_leaving_is_safe_and_coming_nearer_is_not():
    _, safe = Place().wall(0.5).judge([(1.5, 0, 0), (-1.5, 0, 0), (0, 1.5, 0)])
    assert safe.tolist() == [False, True, True]


def test_an_unsafe_command_costs_more_than_any_detour():
    cost, _ = Place().wall(2.0).judge([EAST, WEST], velocity=(1.5, 0, 0))
    assert cost[0] > cost[1] + 20.0


def test_flying_where_nobody_looked_costs_more_and_the_more_the_faster():
    known, unknown = Place(), Place()
    unknown.log_odds[:] = 0.0
    commands = [EAST, (1.0, 0, 0)]
    extra = unknown.judge(commands)[0] - known.judge(commands)[0]
    assert extra[0] > 2 * extra[1] > 0


@pytest.mark.parametrize("command", [(0, 3.0, 0), (0, 0, -1.5), (0, 0, 1.5), (-3.0, 0, 0)])
def test_sideways_up_down_and_back_nothing_is_entered_that_was_not_seen(command):
    place = Place()
    i, j, k = ((CENTRE - ORIGIN) / CELL_M).astype(int)
    place.log_odds[:] = 0.0
    place.log_odds[i - 1 :, j - 2 : j + 3, k - 2 : k + 3] = -1.0  # a corridor to the east has been seen
    _, safe = place.judge([EAST, command, STILL])
    assert safe.tolist() == [True, False, True]


def test_a_command_that_was_not_judged_to_its_end_is_not_the_best():
    commands, place = fan(0.3, 0.0, 3.0), Place().wall(3.4)
    cost, safe = place.judge(commands, velocity=EAST)
    short, short_safe = place.judge(commands, velocity=EAST, only_best=True)
    best = int(np.argmin(cost))
    assert int(np.argmin(short)) == best and short[best] == cost[best] and short_safe[best] == safe[best]
    assert (short <= cost).all() and (short < cost).any()


def test_flying_close_by_costs_more_than_flying_in_the_middle():
    place = Place()
    for y in (-1.5, 1.5):
        place.log_odds[:, int((y - ORIGIN[1]) / CELL_M), :] = 2.0
    (middle,), _ = place.judge([EAST], at=np.array([0, 0.15, 2.0]))
    (beside,), _ = place.judge([EAST], at=np.array([0, 0.7, 2.0]))
    assert beside > middle + 0.3


def test_leaving_the_airspace_costs_more_than_it_can_gain():
    place = Place()
    place.airspace = (1.0, 2.6)
    cost, safe = place.judge([(3.0, 0, 0), (2.0, 0, 2.2)], at=np.array([0, 0, 2.1]))
    assert safe.tolist() == [True, False] and cost[1] > cost[0] + 10.0


@pytest.mark.parametrize("climb", [2.5, -2.5])
def test_only_what_can_still_stop_within_the_airspace_is_safe(climb):
    place = Place()
    place.airspace = (1.4, 2.6)
    _, safe = place.judge([(1.0, 0, climb), (1.0, 0, 0)], velocity=(1.0, 0, climb / 5))
    assert safe.tolist() == [False, True]
    place.airspace = (2.6, 5.0)  # already outside of it: the way in is safe
    assert place.judge([(1.0, 0, 0.6)])[1][0]


def test_a_change_of_mind_has_a_price():
    (same,), _ = Place().judge([EAST], previous=EAST)
    (other,), _ = Place().judge([EAST], previous=EAST, change=0.0)
    assert same == other
    (turned,), _ = Place().judge([EAST], previous=(0, 3.0, 0))
    (free,), _ = Place().judge([EAST], previous=(0, 3.0, 0), change=0.0)
    assert turned - free == pytest.approx(Weights().change * math.hypot(3, 3))


def test_each_command_is_judged_by_itself():
    place = Place().wall(2.6)
    commands = fan(0.2, 0.0, 3.0)[::9]
    together = place.judge(commands, velocity=(1.0, 0.5, 0))
    alone = [place.judge(c[None], velocity=(1.0, 0.5, 0)) for c in commands]
    assert together[0].tolist() == [c[0] for c, _ in alone] and together[1].tolist() == [s[0] for _, s in alone]
