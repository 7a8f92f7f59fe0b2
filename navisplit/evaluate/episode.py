"""One flight, as it is recorded: outcome, figures, and the samples that a report draws.

A row of ``episodes.csv`` holds nothing that depends on the machine, so that the file is the same to the bit for any
number of workers. Figures that do not apply are empty, never a sentinel number.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError


class Outcome(str, Enum):
    """How a flight ended."""

    SUCCESS = "success"
    COLLISION = "collision"
    TIMEOUT = "timeout"
    OUT_OF_BOUNDS = "out_of_bounds"
    FAILSAFE = "failsafe"
    ERROR = "error"


@dataclass(frozen=True)
class Sample:
    """One camera frame of a flight."""

    time_s: float  # since the start
    position: tuple[float, float, float]  # ENU m
    velocity: tuple[float, float, float]  # ENU m/s
    branch: str
    bytes: int  # sent for this frame, headers included
    latency_ms: float = float("nan")  # capture to the first command flown on it; nan: none was
    stage: str = "edge"  # who flew: navisplit.vehicle.guard.Stage


@dataclass(frozen=True)
class Picture:
    """What was seen near the end of a flight, encoded for a report."""

    time_s: float
    rgb_jpeg: bytes  # what the drone saw; empty: none
    depth_png: bytes  # what the edge thought; empty: none
    truth_png: bytes = b""  # what was there; empty: not known
    branch: str = ""  # sent for this frame


@dataclass(frozen=True)
class Metrics:
    """Figures of one flight; see ``navisplit.evaluate.metrics.measure`` for their definitions."""

    time_s: float
    path_m: float
    shortest_m: float
    goal_distance_m: float
    spl: float
    soft_spl: float
    time_to_goal_s: float | None
    speed_mean_mps: float
    speed_max_mps: float
    clearance_min_m: float | None
    clearance_p5_m: float | None
    crowding: float | None
    frames: int
    bytes: int
    bytes_per_frame: float | None
    bytes_per_metre: float | None
    age_p50_ms: float | None
    age_p95_ms: float | None
    age_p99_ms: float | None
    stale_commands: int
    refused_packets: int
    energy_j: float
    difficulty: float | None = None  # of the route, where its file states it
    sct: float = 0.0
    barn: float = 0.0
    jerk_rms_mps3: float | None = None
    guarded_s: float = 0.0
    lost_packets: int | None = None  # of the uplink: in the air and at its full queue; None: not known


@dataclass(frozen=True)
class Episode:
    """One flight."""

    route_id: int
    seed: int
    outcome: Outcome
    metrics: Metrics
    branch_use: dict[str, int]  # frames by choice
    detail: str = ""  # what was hit, or the error
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)
    goal: tuple[float, float, float] = (0.0, 0.0, 0.0)
    samples: tuple[Sample, ...] = ()
    pictures: tuple[Picture, ...] = field(default=(), compare=False)
    world: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """World, route and seed: flights with the same key are the same task."""
        return self.world, self.route_id, self.seed

    def in_world(self, name: str) -> Episode:
        """The same flight, said to be of that world."""
        return dataclasses.replace(self, world=name)

    @property
    def success(self) -> bool:
        """Whether the goal was reached."""
        return self.outcome is Outcome.SUCCESS

    def row(self) -> dict[str, str]:
        """The row of ``episodes.csv``."""
        values: dict[str, Any] = {"world": self.world, "route_id": self.route_id, "seed": self.seed}
        values["outcome"] = self.outcome.value
        values.update(dataclasses.asdict(self.metrics))
        values["branch_use"] = ";".join(f"{name}:{count}" for name, count in sorted(self.branch_use.items()))
        values["detail"] = self.detail
        return {name: _text(value) for name, value in values.items()}

    def positions(self) -> NDArray[np.float64]:
        """Trajectory (N, 3) ENU m."""
        return np.array([s.position for s in self.samples]).reshape(-1, 3)


COLUMNS = (
    "world", "route_id", "seed", "outcome", *(f.name for f in dataclasses.fields(Metrics)), "branch_use", "detail",
)  # fmt: skip


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_csv(episodes: Iterable[Episode], path: Path) -> None:
    """Write ``episodes.csv``, by world and route."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(e.row() for e in sorted(episodes, key=lambda e: e.key))


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of an ``episodes.csv``. Raises UsageError when there is none or it is another file."""
    if not path.is_file():
        raise UsageError(f"{path} does not exist: expected a folder written by `navisplit evaluate --out`.")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"route_id", "seed", "outcome"} <= rows[0].keys():
        raise UsageError(f"{path}: expected the columns route_id, seed and outcome, found {', '.join(rows[0])}.")
    return rows


def save(episode: Episode, path: Path) -> None:
    """Keep a finished flight (npz, no pickle), to resume an evaluation or draw it again."""
    meta = {
        "world": episode.world,
        "route_id": episode.route_id,
        "seed": episode.seed,
        "outcome": episode.outcome.value,
        "metrics": dataclasses.asdict(episode.metrics),
        "branch_use": episode.branch_use,
        "detail": episode.detail,
        "start": episode.start,
        "goal": episode.goal,
        "branches": [s.branch for s in episode.samples],
        "stages": [s.stage for s in episode.samples],
        "pictures": [(p.time_s, p.branch) for p in episode.pictures],
    }
    table = np.array([(s.time_s, *s.position, *s.velocity, s.bytes, s.latency_ms) for s in episode.samples], float)
    images = {}
    for i, picture in enumerate(episode.pictures):
        images[f"rgb{i}"] = np.frombuffer(picture.rgb_jpeg, np.uint8)
        images[f"depth{i}"] = np.frombuffer(picture.depth_png, np.uint8)
        images[f"truth{i}"] = np.frombuffer(picture.truth_png, np.uint8)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, meta=np.array(json.dumps(meta)), samples=table.reshape(-1, 9), **images)
    partial.replace(path)  # a flight is either there as a whole or not at all


def load(path: Path) -> Episode:
    """The inverse of ``save``. Raises UsageError when the file cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as data:
            meta = json.loads(str(data["meta"]))
            table = data["samples"]
            pictures = tuple(
                Picture(time_s, *(data[f"{kind}{i}"].tobytes() for kind in ("rgb", "depth", "truth")), branch)
                for i, (time_s, branch) in enumerate(meta["pictures"])
            )
        samples = _samples(table, meta["branches"], meta["stages"])
        return Episode(
            route_id=meta["route_id"],
            seed=meta["seed"],
            outcome=Outcome(meta["outcome"]),
            metrics=Metrics(**meta["metrics"]),
            branch_use=meta["branch_use"],
            detail=meta["detail"],
            start=tuple(meta["start"]),
            goal=tuple(meta["goal"]),
            samples=samples,
            pictures=pictures,
            world=meta["world"],
        )
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise UsageError(
            f"{path} is not a recorded flight ({error}). Delete it, and the route is flown again."
        ) from error


def _samples(table: NDArray[np.float64], branches: Sequence[str], stages: Sequence[str]) -> tuple[Sample, ...]:
    rows = zip(table.tolist(), branches, stages, strict=True)
    return tuple(Sample(r[0], tuple(r[1:4]), tuple(r[4:7]), b, int(r[7]), r[8], s) for r, b, s in rows)
