"""What `navisplit evaluate` promises as a program: any number of workers, Ctrl-C at any time, clear refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOX = """<model name="{name}"><static>true</static><pose>{pose}</pose><link name="link"><visual name="visual">
<geometry><box><size>{size}</size></box></geometry></visual></link></model>"""
WORLD = """<?xml version="1.0"?><sdf version="1.9"><world name="yard">{models}</world></sdf>"""
HEADER = "id,start_x,start_y,start_z,start_yaw,goal_x,goal_y,goal_z,min_z,max_z\n"


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a yard")  # with a space
    posts = [
        BOX.format(name=f"post_{i}", pose=f"{4 + 3 * i} {i % 2 - 0.4} 3 0 0 0", size="0.5 0.5 6") for i in range(3)
    ]
    ground = BOX.format(name="ground", pose="0 0 -0.5 0 0 0", size="80 80 1")
    (folder / "yard.sdf").write_text(WORLD.format(models=ground + "".join(posts)))
    rows = [f"{i},0,{y},2,0,{14 + i},{-y},2,0.5,5" for i, y in enumerate((0, 1.5, -1.5, 3))]
    (folder / "yard.routes.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return folder


def command(yard, *options):
    return [
        sys.executable,
        "-m",
        "navisplit",
        "evaluate",
        "--world",
        str(yard / "yard.sdf"),
        "--branch",
        "oracle-depth",
        *options,
    ]


def run(yard, *options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command(yard, *options), capture_output=True, text=True, env=environment, timeout=280)


def test_the_number_of_workers_changes_nothing_but_the_time(yard, tmp_path):
    for workers in "12":
        done = run(
            yard, "--routes", "4", "--link", "lte", "--workers", workers, "--out", str(tmp_path / workers), "--json"
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["episodes"] == 4
    one, two = tmp_path / "1", tmp_path / "2"
    assert (one / "episodes.csv").read_bytes() == (two / "episodes.csv").read_bytes()
    summaries = [json.loads((d / "summary.json").read_text()) for d in (one, two)]
    for summary in summaries:
        assert summary.pop("real_time_factor") > 0
    assert summaries[0] == summaries[1]
    assert all((d / "report.html").stat().st_size > 1e6 for d in (one, two))


def test_ctrl_c_writes_the_report_of_what_was_flown_and_the_same_command_goes_on(yard, tmp_path):
    options = ("--routes", "4", "--workers", "2", "--speed", "1", "--out", str(tmp_path / "out"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command(yard, *options), stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    try:
        first = next(line for line in process.stderr if line.startswith("[1/4]"))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers
        rest = process.stderr.read()
        assert process.wait(timeout=120) == 1
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in first + rest and "the same command resumes" in rest
    kept = json.loads((tmp_path / "out/summary.json").read_text())["episodes"]
    assert 1 <= kept < 4 and (tmp_path / "out/report.html").is_file()
    assert run(yard, *options).returncode == 0
    assert json.loads((tmp_path / "out/summary.json").read_text())["episodes"] == 4


@pytest.mark.parametrize(
    "options, code, text",
    [
        (("--branch", "b9", "--models", "no-such-set"), None, "no-such-set"),
        (("--policy", "planer"), 2, "Did you mean 'planner'"),
        (("--link", "ltee"), 2, "Did you mean 'lte'"),
        (("--routes", "9"), 1, "4 routes"),
        (("--world", "no-such-world"), 1, "no-such-world"),
        (("--speed", "-1"), 2, "speed_mps"),
    ],
)
def test_bad_input_is_one_clear_message(yard, tmp_path, options, code, text):
    done = run(yard, "--routes", "4", "--out", str(tmp_path / "out"), *options)
    assert text in done.stderr and "Traceback" not in done.stderr
    assert done.returncode == code or (code is None and done.returncode in (1, 2))
    assert not (tmp_path / "out" / "episodes.csv").exists()
