"""Several drones at once: real processes, one simulator, one edge server, one report of all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from commands import nothing_left

PATIENT = "camera: {rate_hz: 4.0}\nguard: {brake_after_s: 3.0, hold_after_s: 6.0, land_after_s: 20.0}\n"
"""Three drones on a machine that runs other things too."""
ROUTES = """id,start_x,start_y,start_z,start_yaw,goal_x,goal_y,goal_z,length_m,min_z,max_z
0,0,0,2,0,60,0,2,60,0.3,8
1,30,-30,2,1.57,30,30,2,60,0.3,8
2,0,12,2,0,60,12,2,60,0.3,8
"""


@pytest.fixture
def fly(navisplit, models, world: Path, port, tmp_path):
    """Start a flight of several over open ground with an untrained network."""

    def start(*arguments: object):
        world.with_name("open ground.routes.csv").write_text(ROUTES)
        config = tmp_path / "flight.yaml"
        config.write_text(PATIENT)
        options = ["--world", world, "--models", models, "--branch", "b1", "--port", port, "--config", config]
        return navisplit("fly", *options, "--out", tmp_path / "out", *arguments)

    return start


def test_three_drones_fly_at_once_the_one_without_a_seat_is_told_why_and_the_report_has_all(fly, tmp_path):
    out = tmp_path / "out"
    flight = fly("--drones", 3, "--max-drones", 2, "--timeout", 4)
    assert flight.wait() == 0, flight.output
    nothing_left(out)
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["drones"]) == ["drone_1", "drone_2", "drone_3"]
    refused = [name for name, drone in summary["drones"].items() if "does not serve" in drone["detail"]]
    assert len(refused) == 1 and "max_drones" in summary["drones"][refused[0]]["detail"]
    flown = [drone for name, drone in summary["drones"].items() if name not in refused]
    assert {drone["outcome"] for drone in flown} <= {"timeout", "collision", "out_of_bounds"}
    assert all(drone["latency_p95_ms"] > 0 for drone in flown)
    with (out / "episodes.csv").open(newline="") as file:
        assert sorted(row["route_id"] for row in csv.DictReader(file)) == ["0", "1", "2"]
    for name in summary["drones"]:
        assert (out / name / "report.html").is_file() and f"{name}/report.html" in (out / "report.html").read_text()
        assert name in flight.output
    assert (out / "log" / "drone_3.head_node.log").is_file() and (out / "log" / "tail_node.log").is_file()
    assert f"/{refused[0]} refused" in (out / "log" / "tail_node.log").read_text()
    assert not [log for log in (out / "log").iterdir() if "Traceback" in log.read_text()]
