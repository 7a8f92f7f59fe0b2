"""Sweeps: the same routes at several values of a setting, each point an ordinary evaluation in a folder of its own."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from navisplit.config import FlightConfig
from navisplit.errors import UsageError, nearest_name
from navisplit.evaluate.episode import Episode
from navisplit.evaluate.fleet import Hangar, hire
from navisplit.evaluate.metrics import percentiles
from navisplit.evaluate.runner import WORLDS, Evaluation, Result, evaluate
from navisplit.evaluate.sites import Recipe, parse_world
from navisplit.link import SETTINGS, profile, quantity
from navisplit.sim.worlds import families, family_options

POLICY = {"speed": "speed_mps", "policy": "name"}
FLIGHT = {"branch": "branch", "link": "link", "byte_weight": "byte_weight", "max_bytes": "max_frame_bytes",
          "models": "models"}  # fmt: skip
FIGURES = ("success_rate", "collision_rate", "timeout_rate", "spl", "bytes_per_frame", "bytes_per_metre")


@dataclass(frozen=True)
class Axis:
    """A setting and the values that it takes, as they were given."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One evaluation of a sweep."""

    values: dict[str, str]  # by axis
    evaluation: Evaluation

    @property
    def name(self) -> str:
        """For people: ``speed=4, branch=gate``."""
        return ", ".join(f"{axis}={value}" for axis, value in self.values.items())

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return "_".join(f"{axis}={re.sub('[^A-Za-z0-9.=-]', '-', value)}" for axis, value in self.values.items())


@dataclass(frozen=True)
class Flown:
    """A point and what came of it."""

    point: Point
    result: Result
    folder: Path


def parse_axis(text: str) -> Axis:
    """``speed=2,4,6,8``. Raises UsageError."""
    name, equals, values = text.partition("=")
    name, parts = name.strip(), tuple(value.strip() for value in values.split(","))
    options = {option for family in families for option in family_options(family)}
    known = {*POLICY, *FLIGHT, *SETTINGS, *options}
    if not equals or not all(parts):
        raise UsageError(f"sweep: expected AXIS=V1,V2,..., as speed=2,4,6,8; got '{text}'.")
    if name not in known:
        raise UsageError(f"sweep: there is no axis '{name}'.{nearest_name(name, known)}")
    if len(set(parts)) < len(parts):
        raise UsageError(f"sweep: a value of {name} is there twice: {values}.")
    return Axis(name, parts)


def points_of(base: Evaluation, axes: Sequence[Axis]) -> list[Point]:
    """Every combination, the first axis last to change. Raises UsageError for values that do not fit."""
    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        raise UsageError(f"sweep: an axis is there twice: {', '.join(names)}.")
    points = []
    for combination in itertools.product(*(axis.values for axis in axes)):
        evaluation = base
        for name, value in zip(names, combination, strict=True):
            evaluation = _set(evaluation, name, value)
        profile(evaluation.flight.link)
        points.append(Point(dict(zip(names, combination, strict=True)), evaluation))
    return points


def _set(evaluation: Evaluation, name: str, value: str) -> Evaluation:
    flight = evaluation.flight
    if name in POLICY:
        field = POLICY[name]
        policy = dataclasses.replace(flight.policy, **{field: _typed(type(flight.policy), field, name, value)})
        flight = dataclasses.replace(flight, policy=policy)
    elif name in FLIGHT:
        field = FLIGHT[name]
        flight = dataclasses.replace(flight, **{field: _typed(FlightConfig, field, name, value)})
    elif name in SETTINGS:
        link = f"{name}={value}" if flight.link == "none" else f"{flight.link},{name}={value}"
        flight = dataclasses.replace(flight, link=link)
    else:
        return dataclasses.replace(evaluation, worlds=tuple(_with_option(w, name, value) for w in evaluation.worlds))
    return dataclasses.replace(evaluation, flight=flight)


def _typed(owner: type, field: str, name: str, value: str) -> Any:
    kind = type(getattr(owner(), field))
    try:
        return kind(value)
    except ValueError:
        raise UsageError(f"sweep: {name} expects numbers, got '{value}'.") from None


def _with_option(world: str, name: str, value: str) -> str:
    changed = f"{world},{name}={value}"
    if not isinstance(parse_world(changed)[0], Recipe):
        raise UsageError(
            f"sweep: {name} is an option of new worlds; expected --world FAMILY:SEED as forest:9500, got '{world}'."
        )
    return changed


def sweep(
    points: Sequence[Point],
    out: Path,
    *,
    workers: str | int = 1,
    on_point: Callable[[str], None] | None = None,
    on_episode: Callable[[Episode, int, int], None] | None = None,
    on_result: Callable[[Result, Path], Any] | None = None,
) -> tuple[list[Flown], bool]:
    """Fly all points that ``out`` does not hold yet; whether all are complete. Ctrl-C ends it with what is finished."""
    hangar, flown, complete = Hangar(), [], True
    fleet = hire(workers, hangar)
    try:
        for point in points:
            if on_point is not None:
                on_point(point.name)
            folder = out / point.folder
            result = evaluate(
                point.evaluation, folder, hangar=hangar, fleet=fleet, worlds=out / WORLDS, on_episode=on_episode
            )
            flown.append(Flown(point, result, folder))
            if on_result is not None:
                on_result(result, folder)
            if not result.complete:
                complete = False
                break
    except KeyboardInterrupt:
        complete = False
    finally:
        fleet.close()
    return flown, complete


def write_sweep(flown: Sequence[Flown], out: Path) -> tuple[Path, dict[str, Any]]:
    """Write sweep.csv, sweep.json and report.html; the report's path and the table."""
    from navisplit.evaluate.sweep_report import render_sweep

    rows = [_row(f, out) for f in flown]
    table = {"axes": list(flown[0].point.values) if flown else [], "points": rows}
    out.mkdir(parents=True, exist_ok=True)
    (out / "sweep.json").write_text(json.dumps(table, indent=1) + "\n")
    with (out / "sweep.csv").open("w", newline="") as file:
        flat = [_flat(row) for row in rows]
        writer = csv.DictWriter(file, list(flat[0]) if flat else ["name"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
    report = out / "report.html"
    report.write_text(render_sweep(table, [f.folder for f in flown]), encoding="utf-8")
    return report, table


def _row(f: Flown, out: Path) -> dict[str, Any]:
    summary, episodes = f.result.summary, f.result.episodes
    times = [e.metrics.time_to_goal_s for e in episodes if e.metrics.time_to_goal_s is not None]
    clearances = [e.metrics.clearance_min_m for e in episodes if e.metrics.clearance_min_m is not None]
    return {
        "name": f.point.name,
        "values": f.point.values,
        "folder": str(f.folder.relative_to(out)),
        "episodes": summary["episodes"],
        "successes": sum(e.success for e in episodes),
        "success_ci95": summary["success_ci95"],
        **{name: summary[name] for name in FIGURES},
        "time_to_goal_p50_s": percentiles(times, 50)[0],  # of the flights that got there
        "clearance_p50_m": percentiles(clearances, 50)[0],
        "age_p95_ms": summary["latency_ms"]["p95"],
        "lost_packets": sum(e.metrics.lost_packets or 0 for e in episodes),
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row["success_ci95"]
    rest = {k: v for k, v in row.items() if k not in ("name", "values", "success_ci95")}
    return {**row["values"], **rest, "success_low": low, "success_high": high}


def position(axis: str, value: str) -> float | None:
    """Where a value lies on a numeric axis; None for a name."""
    try:
        return quantity(axis, value) if axis in SETTINGS else float(value)
    except (UsageError, ValueError):
        return None
