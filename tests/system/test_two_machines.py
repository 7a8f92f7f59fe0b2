"""Vehicle and edge with a network between them: namespaces, DDS over UDP, and the radio of `navisplit link`."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import nothing_left
from test_fly import PATIENT_GUARD

SCRIPT = Path(__file__).parents[2] / "examples" / "two_machines.sh"
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, env={**os.environ, "PATH": PATH})


def why_not() -> str:
    """Why this machine cannot make network namespaces; empty where it can."""
    if shutil.which("ip", path=PATH) is None:
        return "there is no `ip` (iproute2) here"
    name = f"nstest{os.getpid()}"
    made = subprocess.run(
        ["ip", "netns", "add", name], capture_output=True, text=True, env={**os.environ, "PATH": PATH}
    )
    if made.returncode:
        return f"network namespaces are not permitted here: {made.stderr.strip()}"
    linked = ip("-n", name, "link", "add", "near0", "type", "veth", "peer", "name", "far0")
    ip("netns", "del", name)
    return f"no veth interfaces here: {linked.stderr.strip()}" if linked.returncode else ""


@pytest.fixture(scope="module", autouse=True)
def namespaces():
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def two_machines(models, world, port, tmp_path):
    """Start the script with a radio; ended, with all it started, at the end of the test."""
    started = []

    def start(radio: str, *options: object) -> subprocess.Popen[str]:
        config = tmp_path / "flight.yaml"
        config.write_text(PATIENT_GUARD)
        flight = ["--world", world, "--models", models, "--branch", "b1", "--port", port, "--config", config]
        command = [SCRIPT, radio, *flight, "--out", tmp_path / "out", *options]
        chosen = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "", "PYTHON": sys.executable, "PATH": PATH}
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), **chosen},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def namespaces_of(process: subprocess.Popen[str]) -> list[str]:
    return re.findall(rf"\bns[vre]{process.pid}\b", ip("netns", "list").stdout)


def relayed(said: str) -> list[tuple[int, int, int]]:
    """(Frames, delivered, lost) of both directions, as the relay told last."""
    found = re.findall(r"^(->|<-) (\d+) frames, \d+ B: (\d+) delivered, (\d+) lost", said, re.MULTILINE)
    last = dict((arrow, tuple(map(int, numbers))) for arrow, *numbers in found)
    return [last["->"], last["<-"]]


def test_a_flight_crosses_the_network_between_vehicle_and_edge(two_machines, tmp_path):
    flight = two_machines("wifi-near,latency=40ms,loss=2%", "--timeout", "4")
    said = flight.communicate(timeout=600)[0]
    assert flight.returncode == 0, said
    with (tmp_path / "out" / "episodes.csv").open() as file:
        (row,) = csv.DictReader(file)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert float(row["time_s"]) > 3.0 and summary["branch_use"] == {"b1": 1.0}
    assert summary["latency_ms"]["p50"] > 80.0, "answers did not cross the radio twice"
    for frames, delivered, lost in relayed(said):
        assert frames > 50 and lost > 0 and delivered == pytest.approx(frames - lost, abs=60)
    assert namespaces_of(flight) == []
    nothing_left(tmp_path)


def test_when_the_radio_dies_the_vehicle_lands_by_itself(two_machines, tmp_path):
    flight = two_machines("wifi-near", "--timeout", "120")
    assert flight.stdout is not None
    said = ""
    for line in flight.stdout:
        said += line
        if "guard: edge" in line:
            break
    else:
        pytest.fail(f"it never flew:\n{said}")
    assert ip("-n", f"nsr{flight.pid}", "link", "set", "edge", "down").returncode == 0
    began = time.monotonic()
    said += flight.communicate(timeout=300)[0]
    assert flight.returncode == 0, said
    with (tmp_path / "out" / "episodes.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["outcome"] == "failsafe", said
    assert time.monotonic() - began < 200
    assert namespaces_of(flight) == []


def test_ctrl_c_leaves_no_process_and_no_namespace_behind(two_machines, tmp_path):
    flight = two_machines("lte")
    assert flight.stdout is not None
    for line in flight.stdout:
        if line.startswith("Edge server"):
            break
    assert len(namespaces_of(flight)) == 3
    os.killpg(flight.pid, signal.SIGINT)
    flight.communicate(timeout=120)
    assert namespaces_of(flight) == []
    nothing_left(tmp_path)


def test_without_a_radio_the_script_says_how_it_is_used():
    done = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "two_machines.sh RADIO" in done.stderr
