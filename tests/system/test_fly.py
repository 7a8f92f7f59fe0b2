"""`navisplit fly`: real processes from start to report, and nothing left behind however it ends."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from commands import nothing_left, pid_of

PATIENT_GUARD = "guard: {brake_after_s: 2.0, hold_after_s: 4.0, land_after_s: 6.0}\n"
"""A machine that runs other things too may take longer for a frame than a flight allows."""


@pytest.fixture
def fly(navisplit, models, world, port, tmp_path):
    """Start a flight over open ground with an untrained network."""

    def start(*arguments: object, route: int = 0):
        config = tmp_path / "flight.yaml"
        config.write_text(PATIENT_GUARD)
        options = ["--world", world, "--models", models, "--branch", "b1", "--port", port, "--route", route]
        return navisplit("fly", *options, "--config", config, "--out", tmp_path / "out", *arguments)

    return start


def row(out: Path) -> dict[str, str]:
    with (out / "episodes.csv").open() as file:
        (only,) = csv.DictReader(file)
    return only


def test_a_flight_ends_with_exit_0_a_summary_and_a_report(fly, tmp_path):
    out = tmp_path / "out"
    flight = fly("--timeout", "4", "--record", tmp_path / "f.mcap", "--link", "wifi-near")
    assert flight.wait() == 0, flight.output
    nothing_left(out)
    assert row(out)["outcome"] in ("timeout", "collision", "out_of_bounds", "failsafe")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["branch_use"] == {"b1": 1.0}
    assert summary["latency_ms"]["p95"] > 0
    assert summary["bytes_per_frame"] > 100
    assert "<html" in (out / "report.html").read_text()
    assert (tmp_path / "f.mcap").stat().st_size > 10_000
    for said in ("outcome", "path", "B a frame", "b1 100%", "camera to command", "report.html"):
        assert said in flight.output
    logs = {log.stem for log in (out / "log").iterdir()}
    nodes = {"airsim_node", "head_node", "guard_node", "tail_node", "link_node", "mission_node"}
    assert logs == {"simulator", *nodes}
    assert not [log for log in (out / "log").iterdir() if "Traceback" in log.read_text()]


@pytest.mark.fault(48, does="stops the vehicle, writes the report, leaves no process behind")
def test_ctrl_c_in_flight_brings_everything_down_with_the_report_written(fly, tmp_path):
    flight = fly()
    flight.read_until("guard: edge")
    for _ in range(2):  # people press it twice
        flight.process.send_signal(signal.SIGINT)
    assert flight.wait(60) == 1
    nothing_left(tmp_path / "out")
    assert row(tmp_path / "out")["detail"] == "interrupted"
    assert (tmp_path / "out" / "report.html").is_file()
    assert "Traceback" not in flight.output


@pytest.mark.fault(10, does="as for total loss; the flight is reported as a failsafe")
@pytest.mark.fault(11, does="as for total loss: a connection that is alive proves nothing")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_edge_server_is_a_failsafe_that_is_reported(fly, tmp_path, blow):
    flight = fly("--no-respawn")
    flight.read_until("guard: edge")
    os.kill(pid_of(flight, "tail_node"), blow)
    assert flight.wait(60) == 0, flight.output
    nothing_left(tmp_path / "out")
    assert row(tmp_path / "out")["outcome"] == "failsafe"
    assert ("tail_node has ended" in flight.output) == (blow == signal.SIGKILL)


@pytest.mark.parametrize("unit", ["camera", "link"])
def test_a_fault_is_ordered_in_a_running_flight_from_another_terminal(fly, navisplit, tmp_path, unit):
    flight = fly()
    flight.read_until("guard: edge")
    domain = re.search(r"ROS_DOMAIN_ID=(\d+)", flight.output)[1]
    other = navisplit("fault", unit, "off", "--domain", domain)
    assert other.wait(60) == 0 and f"ordered {unit}:off" in other.output, other.output
    assert flight.wait(60) == 0, flight.output
    assert row(tmp_path / "out")["outcome"] == "failsafe"
    assert "fault ordered" in flight.output


def test_a_fault_without_a_flight_says_so(navisplit):
    other = navisplit("fault", "camera", "off", "--domain", "99")
    assert other.wait(60) == 1 and "No airsim_node" in other.output


@pytest.mark.parametrize("name", ["airsim_node", "navisplit sim"])
def test_a_dead_part_of_the_vehicle_ends_the_flight_with_one_error(fly, tmp_path, name):
    flight = fly()
    flight.read_until("guard: edge")
    os.kill(pid_of(flight, name), signal.SIGKILL)
    assert flight.wait(60) == 1
    nothing_left(tmp_path / "out")
    assert re.search(r"navisplit: \w+ ended before the flight did \(exit code", flight.output)
    assert "Traceback" not in flight.output


def test_a_route_into_an_obstacle_is_refused(fly, tmp_path):
    flight = fly(route=1)
    assert flight.wait() in (1, 2)
    nothing_left(tmp_path / "out")
    assert "pillar" in flight.output
    assert "Traceback" not in flight.output


def test_a_busy_port_is_one_clear_error(fly, port, tmp_path):
    with socket.create_server(("127.0.0.1", port)):
        flight = fly()
        assert flight.wait() == 1
    assert f"Port {port}" in flight.output and "--airsim" in flight.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "defualt"], "branch set"),
        (["--branch", "b9"], "no branch 'b9'"),
        (["--airsim", "127.0.0.1:1"], "No AirSim answers on 127.0.0.1:1"),
    ],
)
def test_what_is_missing_is_told_before_any_process_starts(fly, tmp_path, arguments, said):
    flight = fly(*arguments)
    assert flight.wait() in (1, 2)
    assert said in flight.output
    assert "Traceback" not in flight.output
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(43, does="refused by its hash before anything starts")
def test_a_foreign_checkpoint_is_refused(fly, models, tmp_path):
    copy = tmp_path / "foreign"
    copy.mkdir()
    for file in models.iterdir():
        data = bytearray(file.read_bytes())
        if file.name == "head.safetensors":
            data[-1] ^= 1
        (copy / file.name).write_bytes(data)
    flight = fly("--models", copy)
    assert flight.wait() == 1
    assert "hash" in flight.output
