"""The joint report of drones that flew at once."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pytest
from test_report import flight as plain

from navisplit.config import FlightConfig
from navisplit.evaluate.episode import Outcome, Sample
from navisplit.evaluate.fleet_flight import Member, approaches, join, leave

SECOND = 1_000_000_000
DRONES = ("drone_1", "drone_2", "drone_3")


def flight(route: int, y: float, *, begins_x: float = 0.0, speed: float = 1.0, outcome: Outcome = Outcome.SUCCESS):
    """Ten seconds along x."""
    samples = tuple(Sample(t, (begins_x + speed * t, y, 2.0), (speed, 0.0, 0.0), "b1", 100, 30.0) for t in range(11))
    return dataclasses.replace(plain(route), route_id=route, outcome=outcome, samples=samples)


def member(number: int, start_s: float = 100.0) -> Member:
    return Member(DRONES[number - 1], round(start_s * SECOND), 7, 0.9)


def test_how_near_drones_came_is_of_one_moment_not_of_two_paths():
    together = [flight(0, 0.0), flight(1, 3.0)]
    near = approaches([member(1), member(2)], together)
    assert near["drone_1"].distance_m == pytest.approx(3.0) and near["drone_1"].drone == "drone_2"
    apart = [flight(0, 0.0), flight(1, 3.0)]
    later = approaches([member(1), member(2, start_s=104.0)], apart)  # 4 s, and so 4 m, behind on the same lane
    assert later["drone_1"].distance_m == pytest.approx(3.0)  # while it waited at its start the other passed it
    head_on = [flight(0, 0.0), flight(1, 1.0, begins_x=10.0, speed=-1.0)]
    met = approaches([member(1), member(2)], head_on)["drone_2"]
    assert (met.distance_m, met.time_s) == (pytest.approx(1.0), pytest.approx(5.0))


def test_each_drone_is_told_of_the_one_that_came_nearest():
    near = approaches([member(1), member(2), member(3)], [flight(0, 0.0), flight(1, 3.0), flight(2, 8.0)])
    assert [near[d].drone for d in DRONES] == ["drone_2", "drone_1", "drone_2"]


def joined(out: Path, number: int, flown) -> dict:
    join(out / DRONES[number - 1], DRONES, member(number), flown, world="", config=FlightConfig(), query=None)
    return json.loads((out / "summary.json").read_text())


def test_the_report_grows_with_every_drone_that_is_down(tmp_path):
    first = joined(tmp_path, 2, flight(1, 3.0, outcome=Outcome.COLLISION))
    assert first["episodes"] == 1 and list(first["drones"]) == ["drone_2"]
    page = (tmp_path / "report.html").read_text()
    assert page.count("still flies, or could not") == 2
    both = joined(tmp_path, 1, flight(0, 0.0))
    assert list(both["drones"]) == ["drone_1", "drone_2"]  # in the order of the fleet
    assert [d["outcome"] for d in both["drones"].values()] == ["success", "collision"]
    assert both["drones"]["drone_1"]["nearest"]["distance_m"] == pytest.approx(3.0)
    assert both["success_rate"] == 0.5
    with (tmp_path / "episodes.csv").open(newline="") as file:
        assert [row["route_id"] for row in csv.DictReader(file)] == ["0", "1"]
    assert "drone_1/report.html" in (tmp_path / "report.html").read_text()


def test_what_an_earlier_flight_left_is_not_taken_for_this_one(tmp_path):
    joined(tmp_path, 1, flight(0, 0.0))
    leave(tmp_path / "drone_1")
    leave(tmp_path / "drone_2")  # nothing there is no error
    assert list(joined(tmp_path, 2, flight(1, 3.0))["drones"]) == ["drone_2"]
