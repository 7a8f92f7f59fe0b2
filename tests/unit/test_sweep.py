"""Sweeps: one command, points that are ordinary evaluations, a table and curves that say what was flown."""

from __future__ import annotations

import csv
import dataclasses
import json

import pytest

from navisplit.config import FlightConfig
from navisplit.errors import ConfigError, UsageError
from navisplit.evaluate import sweep as sweeps
from navisplit.evaluate.episode import Episode, Metrics, Outcome, Sample, write_csv
from navisplit.evaluate.runner import Evaluation, Result
from navisplit.evaluate.summary import summarise
from navisplit.evaluate.sweep import Flown, parse_axis, points_of, write_sweep
from navisplit.evaluate.sweep_report import curve

BASE = Evaluation(("forest:5",), "4", FlightConfig(branch="b1"))


def points(*axes, base=BASE):
    return points_of(base, [parse_axis(text) for text in axes])


def test_every_combination_is_an_evaluation_of_its_own():
    made = points("speed=2,8", "branch=gate,jpeg:40")
    flights = [(p.evaluation.flight.policy.speed_mps, p.evaluation.flight.branch) for p in made]
    assert flights == [(2.0, "gate"), (2.0, "jpeg:40"), (8.0, "gate"), (8.0, "jpeg:40")]
    assert made[1].folder == "speed=2_branch=jpeg-40" and made[1].name == "speed=2, branch=jpeg:40"


def test_settings_of_the_link_go_over_its_profile_and_options_into_the_worlds():
    lte = dataclasses.replace(BASE, flight=dataclasses.replace(BASE.flight, link="lte"))
    assert [p.evaluation.flight.link for p in points("loss=0,10%", base=lte)] == ["lte,loss=0", "lte,loss=10%"]
    assert points("bandwidth=50k", "latency=80ms")[0].evaluation.flight.link == "bandwidth=50k,latency=80ms"
    assert points("density=0.5")[0].evaluation.worlds == ("forest:5,density=0.5",)


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        (["sped=2"], "no axis 'sped'. Did you mean 'speed'"),
        (["speed"], "AXIS=V1,V2"),
        (["speed=2,,4"], "AXIS=V1,V2"),
        (["speed=2,2"], "twice"),
        (["speed=2", "speed=4"], "twice"),
        (["speed=fast"], "expects numbers"),
        (["loss=much"], "a number"),
        (["speed=-1"], "speed_mps"),
    ],
)
def test_axes_that_do_not_fit_are_told_before_the_first_flight(axes, told):
    with pytest.raises((UsageError, ConfigError), match=told):
        points(*axes)


def test_density_needs_new_worlds():
    with pytest.raises(UsageError, match="expected --world FAMILY:SEED"):
        points("density=1,2", base=dataclasses.replace(BASE, worlds=("forest",)))


def episode(route_id, outcome):
    metrics = Metrics(**{f.name: 1.0 for f in dataclasses.fields(Metrics)})
    metrics = dataclasses.replace(
        metrics, frames=1, bytes=200, time_to_goal_s=20.0 if outcome is Outcome.SUCCESS else None
    )
    samples = (Sample(0.0, (0.0, 0.0, 2.0), (0.0, 0.0, 0.0), "b0", 200, 30.0),)
    return Episode(route_id, 0, outcome, metrics, {"b0": 1}, samples=samples, world="w")


@pytest.fixture
def flown(tmp_path):
    """Four points, fewer successes the faster; the folders as evaluations write them."""
    found = []
    for point in points("speed=2,8", "branch=b0,b1"):
        lost = 3 if point.values["speed"] == "8" else 1
        flights = [episode(i, Outcome.COLLISION if i < lost else Outcome.SUCCESS) for i in range(8)]
        summary = summarise(flights, {"world": "w"}, 0, None)
        folder = tmp_path / point.folder
        folder.mkdir()
        write_csv(flights, folder / "episodes.csv")
        (folder / "summary.json").write_text(json.dumps(summary))
        found.append(Flown(point, Result(flights, summary, [], True), folder))
    return found


def test_the_table_the_csv_and_the_page_say_the_same(flown, tmp_path):
    report, table = write_sweep(flown, tmp_path)
    assert table == json.loads((tmp_path / "sweep.json").read_text()) and table["axes"] == ["speed", "branch"]
    assert [row["success_rate"] for row in table["points"]] == [0.875, 0.875, 0.625, 0.625]
    with (tmp_path / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[2]["speed"] == "8" and rows[2]["successes"] == "5" and float(rows[2]["success_low"]) < 0.625
    page = report.read_text()
    assert "href='speed=8_branch=b1/report.html'" in page and "5 of 8" in page
    assert "speed=2, branch=b0 against speed=2, branch=b1" in page and "All 8 flights ended alike" in page


def test_a_curve_runs_along_the_first_axis_with_its_band(flown, tmp_path):
    _, table = write_sweep(flown, tmp_path)
    band, line, *_ = curve(table["points"], table["axes"], "success_rate", "t", ".0%", True).data
    assert line.x == (2.0, 8.0) and line.y == (0.875, 0.625) and line.name == "branch=b0"
    low, high = table["points"][1]["success_ci95"]
    assert band.x == (2.0, 8.0, 8.0, 2.0) and (band.y[0], band.y[3]) == (high, low)


def test_ctrl_c_ends_a_sweep_with_the_points_so_far(monkeypatch, tmp_path):
    asked = []

    def evaluate(evaluation, folder, **given):
        asked.append(folder.name)
        return Result([], summarise([], {}, 0, None), [], complete=len(asked) < 2)

    monkeypatch.setattr(sweeps, "evaluate", evaluate)
    done, complete = sweeps.sweep(points("speed=2,4,8"), tmp_path)
    assert asked == ["speed=2", "speed=4"] and len(done) == 2 and not complete
