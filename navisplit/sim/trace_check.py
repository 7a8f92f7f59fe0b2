"""How closely the dynamics follow AirSim's own SimpleFlight: flies recorded manoeuvres again and compares.

``python -m navisplit.sim.trace_check FILE.csv``: FILE has flights of the real stack (25 Hz; columns t, segment, x, y,
z, vx, vy, vz, roll_deg, pitch_deg, yaw_deg, yawrate_deg_s; NED). Each manoeuvre starts from the recorded state.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import quaternion_from_euler
from navisplit.sim import commands, path
from navisplit.sim.autopilot import Autopilot
from navisplit.sim.commands import Routine, YawMode
from navisplit.sim.contact import FlatGround
from navisplit.sim.controller import ANGLE, PASSTHROUGH
from navisplit.sim.vehicle import Vehicle

AFTER_S = 3.0  # of the "+after" rows; later ones may hold unrecorded commands

COLUMNS = ("t", "x", "y", "z", "vx", "vy", "vz", "roll_deg", "pitch_deg", "yaw_deg", "yawrate_deg_s")

MANOEUVRES: dict[str, Callable[[Autopilot], Routine]] = {
    "takeoff": lambda p: path.takeoff(p, 20.0),
    "vel_x_1": lambda p: commands.move_by_velocity(p, (1.0, 0.0, 0.0), 6.0),
    "vel_x_5": lambda p: commands.move_by_velocity(p, (5.0, 0.0, 0.0), 6.0),
    "vel_x_12": lambda p: commands.move_by_velocity(p, (12.0, 0.0, 0.0), 6.0),
    "vel_z_down2": lambda p: commands.move_by_velocity(p, (0.0, 0.0, 2.0), 3.0),
    "moveToPos_20_v5": lambda p: path.move_on_path(p, [np.array([20.0, 0.0, -10.0])], 5.0),
    "moveToPos_back_v2": lambda p: path.move_on_path(p, [np.array([10.0, 0.0, -10.0])], 2.0),
    "rotateToYaw90": lambda p: commands.rotate_to_yaw(p, 90.0, commands.FOREVER_S, 5.0),
    "rotateByYawRate30x3": lambda p: commands.rotate_by_yaw_rate(p, 30.0, 3.0),
    "rotateByYawRate180x2": lambda p: commands.rotate_by_yaw_rate(p, 180.0, 2.0),
    "vel_fwdonly": lambda p: commands.move_by_velocity(
        p, (3.0, 3.0, 0.0), 5.0, forward_only=True, yaw_mode=YawMode(False, 0.0)
    ),
    "rpythrottle": lambda p: commands.move_by_attitude(
        p, (ANGLE, ANGLE, ANGLE, PASSTHROUGH), (0.0, -0.2, 0.0, 0.6), 2.0
    ),
    "moveByMotorPWMs_0.6": lambda p: commands.move_by_motors(p, (0.62, 0.62, 0.62, 0.62), 1.0),
    "goHome": lambda p: path.go_home(p, commands.FOREVER_S),
    "moveto_0_0_-5": lambda p: path.move_on_path(p, [np.array([0.0, 0.0, -5.0])], 5.0),
    "land": lambda p: commands.land(p, 60.0),
}
"""The recorded calls that start and end in the trace, as our commands."""


@dataclass(frozen=True)
class Comparison:
    """Ours against the recording, during the call and in the seconds after it. RMS."""

    name: str
    position_m: float
    velocity_mps: float
    yaw_deg: float
    position_after_m: float
    duration_s: float
    recorded_duration_s: float


def read_traces(file: Path) -> dict[str, NDArray[np.float64]]:
    """Rows of every segment, (N, len(COLUMNS)), by name."""
    segments: dict[str, list[list[float]]] = {}
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            segments.setdefault(row["segment"], []).append([float(row[column]) for column in COLUMNS])
    return {name: np.array(rows) for name, rows in segments.items()}


def compare(name: str, during: NDArray[np.float64], after: NDArray[np.float64]) -> Comparison:
    """Fly manoeuvre ``name`` from the first recorded row and compare at every recorded time."""
    vehicle = Vehicle(name, FlatGround(), origin=np.zeros(3), yaw=np.pi / 2)
    pilot = vehicle.pilot
    start = during[0]
    if name == "takeoff":
        pilot.enable_api_control(True)
    else:
        pilot.place(start[1:4], quaternion_from_euler(*np.radians(start[7:10])))
        pilot.trim()
        pilot.velocity[:] = start[4:7]
        pilot.angular_rate[2] = np.radians(start[10])
    task = vehicle.start(MANOEUVRES[name](pilot))
    ended: list[float] = []
    task.when_done(lambda _: ended.append(pilot.time_ns / 1e9))
    rows = []
    after = after[after[:, 0] < after[0, 0] + AFTER_S]
    recorded = np.concatenate([during, after])
    for t in recorded[:, 0] - start[0]:
        vehicle.advance(round((t - pilot.time_ns / 1e9) / 0.003))
        rows.append([*pilot.position, *pilot.velocity, np.degrees(pilot.yaw)])
    error = np.array(rows) - recorded[:, [1, 2, 3, 4, 5, 6, 9]]
    error[:, 6] = (error[:, 6] + 180.0) % 360.0 - 180.0
    n = len(during)
    return Comparison(
        name,
        _rms(error[:n, :3]),
        _rms(error[:n, 3:6]),
        _rms(error[:n, 6:]),
        _rms(error[n:, :3]),
        ended[0] if ended else float("nan"),
        float(after[0, 0] - start[0]),
    )


def _rms(error: NDArray[np.float64]) -> float:
    return float(np.sqrt((error**2).sum(1).mean())) if len(error) else float("nan")


def compare_all(file: Path) -> list[Comparison]:
    """Every manoeuvre that the file holds."""
    traces = read_traces(file)
    return [compare(name, traces[name], traces[f"{name}+after"]) for name in MANOEUVRES if name in traces]


def main(arguments: list[str]) -> int:
    """Print the table."""
    if len(arguments) != 1:
        print("usage: python -m navisplit.sim.trace_check FILE.csv", file=sys.stderr)
        return 2
    print(f"{'manoeuvre':22s} {'pos m':>7s} {'vel m/s':>8s} {'yaw deg':>8s} {'after m':>8s} {'s':>7s} {'rec. s':>7s}")
    for c in compare_all(Path(arguments[0])):
        print(
            f"{c.name:22s} {c.position_m:7.3f} {c.velocity_mps:8.3f} {c.yaw_deg:8.2f} {c.position_after_m:8.3f} "
            f"{c.duration_s:7.2f} {c.recorded_duration_s:7.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
