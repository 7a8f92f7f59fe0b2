"""How closely the flight follows AirSim's own SimpleFlight: recorded manoeuvres flown again and compared.

A recording holds rows of a real flight (25 Hz; columns t, segment, x, y, z, vx, vy, vz, roll_deg, pitch_deg, yaw_deg,
yawrate_deg_s, landed; NED). A segment NAME is during a call, NAME+after the seconds following it. Each call starts
from its recorded state. Its time is known to a sample only, so the start is fitted within one (``start_ms``).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError
from navisplit.frames import Quaternion, Vector, quaternion_from_euler, quaternion_multiply
from navisplit.sim.flight.commands import Task
from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.flight.manoeuvres import MANOEUVRES, Lead, Manoeuvre
from navisplit.sim.flight.quadrotor import STEP_MS, STEP_S
from navisplit.sim.flight.vehicle import Vehicle

COLUMNS = ("t", "x", "y", "z", "vx", "vy", "vz", "roll_deg", "pitch_deg", "yaw_deg", "yawrate_deg_s")
T, POSITION, VELOCITY, ANGLES, YAW_RATE = 0, slice(1, 4), slice(4, 7), slice(7, 10), 10
SAMPLE_S = 0.045  # between rows
MAX_POSITION_M, MAX_VELOCITY_MPS, MAX_ATTITUDE_DEG, MAX_DURATION_S = 0.25, 0.25, 3.0, 0.1  # RMS; difference

Rows = NDArray[np.float64]  # (N, len(COLUMNS))


@dataclass(frozen=True)
class Comparison:
    """Ours against the recording of one segment."""

    name: str
    position_m: float  # RMS
    velocity_mps: float  # RMS
    attitude_deg: float  # RMS of the angle between the two attitudes
    duration_s: float | None = None  # of the call; None: not a call
    recorded_duration_s: float | None = None  # to a sample
    returned: bool | None = None  # None: it raised, or is not a call
    recorded_returned: bool | None = None
    start_ms: int = 0  # fitted: when the call came after the first row

    @property
    def passed(self) -> bool:
        """Whether all differences are within the limits."""
        late = 0.0
        if self.duration_s is not None and self.recorded_duration_s is not None:
            late = abs(self.duration_s - self.recorded_duration_s)
        return (
            self.position_m <= MAX_POSITION_M
            and self.velocity_mps <= MAX_VELOCITY_MPS
            and self.attitude_deg <= MAX_ATTITUDE_DEG
            and late <= MAX_DURATION_S
            and self.returned == self.recorded_returned
        )


def read_traces(file: Path) -> dict[str, Rows]:
    """Rows of every segment by name. Raises UsageError when the file is not such a recording."""
    segments: dict[str, list[list[float]]] = {}
    try:
        with file.open(newline="") as stream:
            for row in csv.DictReader(stream):
                segments.setdefault(row["segment"], []).append([float(row[column]) for column in COLUMNS])
    except FileNotFoundError:
        raise UsageError(f"There is no file {file}. Give a CSV of recorded flights.") from None
    except (KeyError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is not a recording of flights ({type(error).__name__}: {error}). Expected a CSV with the columns "
            f"segment, {', '.join(COLUMNS)}."
        ) from None
    return {name: np.array(rows) for name, rows in segments.items()}


def compare_all(traces: dict[str, Rows]) -> list[Comparison]:
    """Every manoeuvre of ``MANOEUVRES`` that the recording holds, in its order."""
    found: list[Comparison] = []
    for name in MANOEUVRES:
        if name in traces or f"{name}+after" in traces:
            found.extend(compare(name, traces))
    return found


def compare(name: str, traces: dict[str, Rows]) -> list[Comparison]:
    """Fly one manoeuvre: the comparison during the call, if rows were recorded in it, and after it."""
    start_ms, best = 0, _replay(name, traces, 0)
    while len(best.during) and start_ms + STEP_MS <= SAMPLE_S * 1000:
        later = _replay(name, traces, start_ms + STEP_MS)
        if later.misfit >= best.misfit:
            break
        start_ms, best = start_ms + STEP_MS, later
    return best.comparisons(name, start_ms)


@dataclass(frozen=True)
class _Replay:
    """A manoeuvre flown again: ours minus recorded, [position 3, velocity 3, attitude angle], during and after."""

    during: Rows  # (N, 7)
    after: Rows  # (M, 7)
    task: Task | None
    duration_s: float | None
    recorded_duration_s: float

    @property
    def misfit(self) -> float:
        position, velocity, attitude = _figures(self.during)
        return position / MAX_POSITION_M + velocity / MAX_VELOCITY_MPS + attitude / MAX_ATTITUDE_DEG

    def comparisons(self, name: str, start_ms: int) -> list[Comparison]:
        found = []
        if len(self.during):
            found.append(Comparison(name, *_figures(self.during), *self._call(name), start_ms))
        if len(self.after):
            call = self._call(name) if not len(self.during) else ()
            found.append(Comparison(f"{name}+after", *_figures(self.after), *call))
        return found

    def _call(self, name: str) -> tuple[float | None, float | None, bool | None, bool | None]:
        if self.task is None:
            return None, None, None, None
        returned = None if self.task.error is not None or not self.task.done else self.task.result
        duration = math.inf if self.duration_s is None else self.duration_s
        return duration, self.recorded_duration_s, returned, MANOEUVRES[name].returned


def _replay(name: str, traces: dict[str, Rows], start_ms: int) -> _Replay:
    manoeuvre = MANOEUVRES[name]
    nothing = np.empty((0, len(COLUMNS)))
    during, after = traces.get(name, nothing), traces.get(f"{name}+after", nothing)
    recorded = np.concatenate([during, after])
    start_s, n = recorded[0, T], len(during)
    recorded = recorded[: n + int((after[:, T] < (after[:1, T] + manoeuvre.after_s)).sum())]
    vehicle = _at(manoeuvre, recorded, traces)
    pilot, ended, task = vehicle.pilot, [], None
    zero_s = pilot.time_ns / 1e9
    vehicle.advance(start_ms // STEP_MS)
    if manoeuvre.command is not None:
        task = vehicle.start(manoeuvre.command(pilot))
        task.when_done(lambda _: ended.append(pilot.time_ns / 1e9 - zero_s - start_ms / 1000))
    if manoeuvre.after is not None:
        manoeuvre.after(vehicle)
    errors = []
    for row in recorded:
        vehicle.advance(round((row[T] - start_s - (pilot.time_ns / 1e9 - zero_s)) / STEP_S))
        errors.append(_difference(vehicle, row))
    recorded_s = (after[0, T] - start_s if len(after) and n else 0.0) - start_ms / 1000
    return _Replay(
        np.array(errors[:n]).reshape(-1, 7),
        np.array(errors[n:]).reshape(-1, 7),
        task,
        ended[0] if ended else None,
        max(0.0, recorded_s),
    )


def _at(manoeuvre: Manoeuvre, rows: Rows, traces: dict[str, Rows]) -> Vehicle:
    """A vehicle in the state of the first row."""
    vehicle = Vehicle("trace", FlatGround(), origin=np.zeros(3), yaw=np.pi / 2)
    start = rows[0]
    if manoeuvre.lead is not None and manoeuvre.lead.start in traces:
        _fly_lead(vehicle, manoeuvre.lead, traces)
    else:
        _hover_at(vehicle, start)
    pilot = vehicle.pilot
    pilot.position[:], pilot.orientation[:] = start[POSITION], _attitude(start)
    pilot.velocity[:] = start[VELOCITY]
    before = _row_before(start, traces)
    if before is not None:
        pilot.angular_rate[:] = _turning(before, start)
    elif manoeuvre.unsteered:
        pilot.angular_rate[:] = _turning(start, rows[1])
    else:
        pilot.angular_rate[:] = 0.0, 0.0, np.radians(start[YAW_RATE])
    if manoeuvre.before is not None:
        manoeuvre.before(vehicle)
    return vehicle


def _hover_at(vehicle: Vehicle, row: Rows) -> None:
    vehicle.pilot.place(row[POSITION], _attitude(row))
    vehicle.pilot.trim()


def _fly_lead(vehicle: Vehicle, lead: Lead, traces: dict[str, Rows]) -> None:
    row = traces[lead.start][-1]
    _hover_at(vehicle, row)
    vehicle.pilot.velocity[:] = row[VELOCITY]
    vehicle.start(lead.command(vehicle.pilot))
    vehicle.advance(round(lead.seconds / STEP_S))


def _row_before(start: Rows, traces: dict[str, Rows]) -> Rows | None:
    """The row recorded at most a sample before ``start``."""
    rows: Iterable[Rows] = traces.values()
    near = [row for segment in rows for row in segment if 0.0 < start[T] - row[T] <= SAMPLE_S + 1e-6]
    return max(near, key=lambda row: row[T]) if near else None


def _attitude(row: Rows) -> Quaternion:
    return quaternion_from_euler(*np.radians(row[ANGLES]))


def _turning(first: Rows, second: Rows) -> Vector:
    """Body rate (3,) rad/s that turns one row's attitude into the other's."""
    x, y, z, w = quaternion_multiply(_attitude(first) * [-1.0, -1.0, -1.0, 1.0], _attitude(second))
    return 2.0 * np.copysign(1.0, w) * np.array([x, y, z]) / (second[T] - first[T])


def _difference(vehicle: Vehicle, row: Rows) -> Vector:
    pilot = vehicle.pilot
    aligned = min(1.0, abs(float(pilot.orientation @ _attitude(row))))
    angle = math.degrees(2.0 * math.acos(aligned))
    return np.array([*(pilot.position - row[POSITION]), *(pilot.velocity - row[VELOCITY]), angle])


def _figures(errors: Rows) -> tuple[float, float, float]:
    return _rms(errors[:, :3]), _rms(errors[:, 3:6]), _rms(errors[:, 6:])


def _rms(errors: Rows) -> float:
    return float(np.sqrt((errors**2).sum(1).mean())) if len(errors) else math.inf


def table(found: list[Comparison]) -> str:
    """The comparisons for people to read."""
    head = f"{'segment':28s} {'pos m':>6s} {'vel m/s':>8s} {'att deg':>8s} {'s':>6s} {'rec. s':>7s} {'returned':>9s}"
    lines = [f"{head} {'rec.':>6s} {'start ms':>9s}"]
    for c in found:
        line = f"{c.name:28s} {c.position_m:6.3f} {c.velocity_mps:8.3f} {c.attitude_deg:8.2f}"
        if c.duration_s is not None:
            returned, recorded = (_shown(value) for value in (c.returned, c.recorded_returned))
            line += f" {c.duration_s:6.2f} {c.recorded_duration_s:7.2f} {returned:>9s} {recorded:>6s} {c.start_ms:9d}"
        lines.append(f"{line:84s} {'pass' if c.passed else 'FAIL'}")
    limits = f"{MAX_POSITION_M} m, {MAX_VELOCITY_MPS} m/s, {MAX_ATTITUDE_DEG} degrees RMS, {MAX_DURATION_S} s"
    passed = sum(c.passed for c in found)
    return "\n".join([*lines, f"{passed} of {len(found)} within {limits} and returning the same"])


def _shown(returned: bool | None) -> str:
    return "raised" if returned is None else str(returned)
