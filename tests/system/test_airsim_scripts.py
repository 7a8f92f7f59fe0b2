"""Scripts as people write them for AirSim run against ``navisplit sim`` as they are, with AirSim's own client."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulator import Simulator

from navisplit.airsim.install import write_stand_in

pytest.importorskip("airsim", reason="AirSim's client is not installed", exc_type=ImportError)

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "scripts"
RUN = "import airsim, runpy, sys; airsim.VehicleClient.__init__.__defaults__ = ('', int(sys.argv[1]), 60);"
RUN += "airsim.MultirotorClient.__init__.__defaults__ = ('', int(sys.argv[1]), 60); runpy.run_path(sys.argv[2])"
"""A free port instead of 41451 is all that differs from ``python script.py``."""

WORLD = """<?xml version="1.0"?>
<sdf version="1.9"><world name="yard">
  <light type="directional" name="sun"><direction>-0.4 -0.3 -0.8</direction></light>
  <frame name="player_start"><pose>0 0 0 0 0 1.5707963</pose></frame>
  <model name="ground"><static>true</static><pose>0 0 -0.5 0 0 0</pose><link name="l">
    <visual name="v"><geometry><box><size>300 300 1</size></box></geometry></visual></link></model>
  <model name="wall"><static>true</static><pose>0 40 5 0 0 0</pose><link name="l">
    <visual name="v"><geometry><box><size>60 1 10</size></box></geometry></visual></link></model>
  <model name="crate"><static>true</static><pose>5 20 0.5 0 0 1.5707963</pose><link name="l">
    <visual name="v"><geometry><box><size>1 1 1</size></box></geometry></visual></link></model>
</world></sdf>
"""

SAYS = {
    "hello_drone": ["landed: True", "imu stamp: True", "gps stamp: True", "armed: True", "near the target: True",
                    "pictures: 4", "back at the start: True"],
    "square_path": ["path: True", "home: True", "landed: True"],
    "survey": ["survey: True", "at the last corner: True", "home: True"],
    "move_objects": ["objects: ['crate', 'wall']", "crate at: [20.0, 5.0, -0.5]", "moved: True",
                     "crate at: [20.0, 8.0, -2.5] 0.5", "stopped before the wall: True", "missing is nan: True False",
                     "has a cube: True", "spawned: tower 6.0 -3.0", "listed: True", "scaled: True",
                     "destroyed: True False"],
    "segmentation": ["all set to 0: True", "one colour: 1", "wall: True 20", "ground: True", "three colours: 3 True",
                     "nothing: False -1"],
    "two_drones": ["vehicles: True", "both arrive: True True", "second is beside: True",
                   "its home is to the east: True", "it has cameras: True", "the latest wins: False True"],
    "voxel_grid": ["written: True", "magic: #binvox 1", "dims: [100, 100, 100] occupied: True",
                   "wall at 40 m, 5 m up: True False"],
    "plot_markers": ["plotted everything"],
    "record_flight": ["recording: True", "recording: False"],
    "pause_and_step": ["paused: True True", "exactly: True", "stepped: 3.0 True", "flew on: True", "frames: True",
                       "cancelled: False"],
}  # fmt: skip
"""Lines that each script must print, in this order."""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "yard.sdf").write_text(WORLD)
    settings = {"ClockSpeed": 10, "Recording": {"Folder": str(folder / "recordings")}}
    started = Simulator("--world", folder / "yard.sdf", "--port", 0, "--settings", json.dumps(settings), "--headless")
    started.port = int(started.wait_for_line(r"ready on 127\.0\.0\.1:(\d+)").group(1))
    started.folder = folder
    write_stand_in(folder)
    yield started
    assert started.end() == 0
    assert not any("Traceback" in line for line in started.lines), started.lines


def run(simulator, name):
    paths = os.pathsep.join([str(simulator.folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-W",
        "error::SyntaxWarning",
        "-c",
        RUN,
        str(simulator.port),
        str(SCRIPTS / f"{name}.py"),
    ]
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=120, check=False
    )


def test_every_script_is_run():
    assert {path.stem for path in SCRIPTS.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_a_script_for_airsim_runs_as_it_is(simulator, name):
    done = run(simulator, name)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = iter(done.stdout.splitlines())
    for line in SAYS[name]:
        assert line in printed, f"{line!r} is missing in:\n{done.stdout}"
    if name == "record_flight":
        (recording,) = (simulator.folder / "recordings").iterdir()
        rows = (recording / "airsim_rec.txt").read_text().splitlines()[1:]
        assert len(rows) > 3 and all((recording / "images" / row.split("\t")[-1]).is_file() for row in rows)
    if name == "plot_markers":
        simulator.wait_for_line("plotted everything", 5.0)
