"""Whose turn it is on a shared edge server: every drone degrades alike, none starves, nobody gets what is too late."""

from __future__ import annotations

from collections import Counter

import pytest

from navisplit.edge.schedule import Schedule

MS = 1_000_000


def served(drones: dict[str, int], cost_ms: float, seconds: float, max_batch: int = 8) -> tuple[Counter, list[float]]:
    """Answers of each drone (name: milliseconds between its frames), and ages at the answers, ms; simulated."""
    schedule: Schedule[int] = Schedule(150 * MS, max_batch)
    schedule.note(1, int(cost_ms * MS))
    now, count, ages = 0, Counter(), []
    due = {drone: k * 7 * MS for k, drone in enumerate(drones)}
    while now < seconds * 1e9:
        for drone, period_ms in drones.items():
            while due[drone] <= now:
                schedule.offer(drone, due[drone], due[drone])
                due[drone] += period_ms * MS
        turn = schedule.turn(now)
        now = now + int(len(turn) * cost_ms * MS) if turn else min(due.values())
        for drone, arrived in turn:
            count[drone] += 1
            ages.append((now - arrived) / MS)
    return count, ages


def test_a_machine_that_is_fast_enough_answers_every_frame():
    count, ages = served({f"d{k}": 100 for k in range(8)}, cost_ms=5, seconds=10)
    assert min(count.values()) >= 99
    assert max(ages) <= 8 * 5 + 5


@pytest.mark.parametrize("drones", [20, 40, 60])
def test_under_overload_every_drone_has_the_same_share_and_the_server_loses_nothing(drones):
    count, ages = served({f"d{k}": 100 for k in range(drones)}, cost_ms=10, seconds=30)
    assert len(count) == drones
    assert max(count.values()) - min(count.values()) <= 2
    assert sum(count.values()) == pytest.approx(30_000 / 10, rel=0.02)
    assert max(ages) <= 150 + 10  # a turn of one may begin just before the deadline


def test_a_drone_that_sends_ten_times_as_much_takes_nothing_from_the_others():
    count, _ = served({"loud": 10, **{f"d{k}": 100 for k in range(19)}}, cost_ms=10, seconds=20)
    assert count["loud"] <= 1.5 * min(count.values())
    assert min(count.values()) >= 20_000 / 10 / 20 * 0.8


def test_a_drone_that_sends_little_is_not_crowded_out():
    count, _ = served({"slow": 1000, **{f"d{k}": 100 for k in range(40)}}, cost_ms=10, seconds=20)
    assert count["slow"] >= 19


def test_only_the_newest_frame_of_a_drone_waits():
    schedule: Schedule[str] = Schedule(150 * MS, 8)
    schedule.offer("a", "old", 0)
    schedule.offer("a", "new", 50 * MS)
    assert schedule.turn(60 * MS) == [("a", "new")]
    assert schedule.turn(60 * MS) == []
    assert schedule.replaced == {"a": 1}


def test_what_is_too_old_when_its_turn_comes_is_dropped_and_counted():
    schedule: Schedule[str] = Schedule(150 * MS, 8)
    schedule.offer("a", "stale", 0)
    schedule.offer("b", "fresh", 100 * MS)
    assert schedule.turn(151 * MS) == [("b", "fresh")]
    assert schedule.stale == {"a": 1}


def test_a_turn_is_as_large_as_its_oldest_frame_can_wait():
    schedule: Schedule[int] = Schedule(150 * MS, 8)
    schedule.note(1, 40 * MS)
    for k in range(6):
        schedule.offer(str(k), k, k * MS)
    assert [drone for drone, _ in schedule.turn(20 * MS)] == ["0", "1", "2"]  # three take 120 ms: 140 of 150
    assert len(schedule.turn(140 * MS)) == 1  # nothing is in time any more but for one alone


def test_a_turn_has_at_most_max_batch_frames():
    schedule: Schedule[int] = Schedule(150 * MS, 3)
    for k in range(5):
        schedule.offer(str(k), k, 0)
    assert len(schedule.turn(0)) == 3 and len(schedule) == 2


def test_nothing_stays_of_a_drone_that_has_left():
    schedule: Schedule[int] = Schedule(150 * MS, 3)
    for k in range(3):
        schedule.offer("a", k, k)
    schedule.turn(0)
    schedule.offer("a", 4, 0)
    schedule.turn(200 * MS)
    schedule.forget("a")
    assert not schedule and not schedule.replaced and not schedule.stale and not schedule._served_ns
