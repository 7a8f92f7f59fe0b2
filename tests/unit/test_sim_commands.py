"""Tasks, yaw modes and the path follower's rules, without a simulation around them."""

import math

import numpy as np
import pytest

from navisplit.sim.flight import commands, path
from navisplit.sim.flight.autopilot import Autopilot
from navisplit.sim.flight.commands import CommandError, Task, YawMode
from navisplit.sim.flight.controller import POSITION, RATE, VELOCITY


@pytest.fixture
def pilot():
    pilot = Autopilot()
    pilot.position[2] = -10.0
    pilot.trim()
    return pilot


def ticks(count, result):
    for _ in range(count):
        yield
    return result


def test_a_task_tells_its_watchers_once_and_latecomers_at_once():
    told = []
    task = Task(ticks(2, True))
    task.when_done(told.append)
    task.tick()
    task.tick()
    assert not task.done and told == []
    for _ in range(3):
        task.tick()
    task.cancel()  # too late
    task.when_done(told.append)
    assert told == [task, task] and (task.done, task.result, task.error) == (True, True, None)


def test_a_cancelled_task_is_false_and_cleans_up():
    closed = []

    def routine():
        try:
            yield
            yield
        finally:
            closed.append(True)
        return True

    task = Task(routine())
    task.tick()
    task.cancel()
    task.tick()
    assert closed == [True] and (task.done, task.result) == (True, False)


def test_a_refused_command_is_done_with_its_error_and_a_mistake_of_ours_is_not_hidden():
    def refused():
        raise CommandError("no")
        yield

    def broken():
        raise KeyError("ours")
        yield

    task = Task(refused())
    task.tick()
    assert (task.done, task.result, str(task.error)) == (True, False, "no")
    with pytest.raises(KeyError):
        Task(broken()).tick()


@pytest.mark.parametrize(
    ("mode", "heading", "forward_only", "expected"),
    [
        (YawMode(False, 10.0), (1.0, 1.0, 0.0), True, YawMode(False, 55.0)),
        (YawMode(False, 170.0), (-1.0, 0.1, 0.0), True, YawMode(False, 170.0 + 174.29 - 360.0)),
        (YawMode(False, 10.0), (1.0, 1.0, 0.0), False, YawMode(False, 10.0)),
        (YawMode(True, 10.0), (1.0, 1.0, 0.0), True, YawMode(True, 10.0)),
        (YawMode(False, 10.0), (0.3, 0.3, 0.0), True, YawMode(True, 0.0)),
    ],
    ids=["relative", "wrapped", "free", "rate", "too short"],
)
def test_the_yaw_of_a_move_is_airsims(mode, heading, forward_only, expected):
    found = mode.along(np.array(heading), forward_only)
    assert found.is_rate == expected.is_rate
    assert found.yaw_or_rate == pytest.approx(expected.yaw_or_rate, abs=0.01)


def test_a_move_acts_every_tick_and_once_more_at_its_end(pilot):
    calls = []
    routine = commands.during(pilot, 0.1, lambda: calls.append(pilot.time_ns))
    task = Task(routine)
    task.tick()
    while not task.done:
        pilot.time_ns += commands.TICK_NS
        task.tick()
    assert task.result is True and calls == [n * commands.TICK_NS for n in range(6)]


def test_land_counts_its_still_ticks_from_the_first_one_and_gives_up_in_time(pilot):
    task = Task(commands.land(pilot, 10.0))
    for _ in range(11):
        assert not task.done
        task.tick()  # at rest in the air, as on the real stack: "landed"
    assert task.result is True
    pilot.velocity[2] = 0.2
    late = Task(commands.land(pilot, 0.04))
    for _ in range(3):
        late.tick()
        pilot.time_ns += commands.TICK_NS
    assert (late.done, late.result) == (True, False)
    zero = Task(commands.land(pilot, 0.0))
    zero.tick()
    assert (zero.done, zero.result) == (True, False)


def test_turning_stops_at_the_margin_only_when_it_turns_no_more(pilot):
    pilot.angular_rate[2] = 0.1
    task = Task(commands.rotate_to_yaw(pilot, 3.0, 100.0, 5.0))
    task.tick()
    assert not task.done and pilot._mode.tolist() == [POSITION, POSITION, RATE, POSITION]
    pilot.angular_rate[2] = 0.001
    task.tick()
    assert task.result is True


def test_a_yaw_beyond_half_a_turn_is_the_same_heading(pilot):
    task = Task(commands.rotate_to_yaw(pilot, 360.0 - 170.0, 1.0, 5.0))
    task.tick()
    assert pilot._goal[2] == pytest.approx(math.radians(-170.0))
    assert not task.done


def test_the_chased_point_runs_along_the_legs_and_stops_at_the_end():
    way = path._Path([np.zeros(3), np.array([10.0, 0, 0]), np.array([10.0, 0, 0]), np.array([10.0, 6.0, 0])])
    start = path._Place(0, 0.0, way.points[0])
    for distance, point in ((0.0, (0, 0)), (4.0, (4, 0)), (10.0, (10, 0)), (13.0, (10, 3)), (99.0, (10, 6))):
        found = way.ahead(start, distance)
        assert found.point[:2] == pytest.approx(point)
        assert way.ahead(way.ahead(start, distance / 2), distance / 2).point == pytest.approx(found.point)
    assert way.ahead(start, 99.0).leg == way.end


@pytest.mark.parametrize(
    ("arguments", "reach"),
    [((5.0, -1.0, 1.0), 3.0), ((5.0, -1.0, 0.0), 4.0), ((0.5, -1.0, 1.0), 0.75), ((5.0, 2.5, 1.0), 2.5)],
)
def test_the_look_ahead_is_airsims(arguments, reach):
    assert path._lookahead(*arguments) == pytest.approx(reach)


def test_the_follower_flies_at_its_speed_and_leaves_small_height_errors(pilot):
    pilot.position[:] = 0.0
    path._chase(pilot, np.array([3.0, 4.0, 0.4]), 2.5, False, YawMode())
    assert pilot._mode.tolist() == [VELOCITY, VELOCITY, RATE, VELOCITY]
    east, north, _, down = pilot._goal.tolist()
    assert (north, east) == pytest.approx((1.5, 2.0), abs=0.02) and down == 0.0
    path._chase(pilot, np.array([0.0, 0.0, -0.6]), 2.5, False, YawMode())
    assert pilot._goal[3] == pytest.approx(-2.5)
    path._chase(pilot, np.array([0.2, 0.2, 0.2]), 2.5, False, YawMode())
    assert pilot._goal.tolist() == [0.0, 0.0, 0.0, 0.0]  # there
