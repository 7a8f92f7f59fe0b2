"""The report of drones that flew at once: each writes its own, and the last to come down has joined them all.

Every drone has a folder in that of the flight. The joint report is an evaluation's, with one row and one line a drone.
"""

from __future__ import annotations

import fcntl
import html
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from navisplit.config import FlightConfig, to_mapping
from navisplit.evaluate import page
from navisplit.evaluate.episode import Episode, load, save, write_csv
from navisplit.evaluate.report import write_report
from navisplit.evaluate.summary import summarise
from navisplit.evaluate.topdown import survey_flights

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery

FLIGHT_FILE, MEMBER_FILE = "flight.npz", "member.json"


@dataclass(frozen=True)
class Member:
    """What the joint report needs of a drone besides its episode."""

    drone: str
    start_ns: int  # the simulator's clock, which all drones share
    model_hash: int
    real_time_factor: float


@dataclass(frozen=True)
class Approach:
    """How near a drone came to another one, centre to centre."""

    drone: str  # the other
    distance_m: float
    time_s: float  # on its own flight's clock


def leave(folder: Path) -> None:
    """A flight begins: what an earlier one left of this drone must not be taken for it."""
    (folder / FLIGHT_FILE).unlink(missing_ok=True)


def join(
    folder: Path,
    drones: Sequence[str],
    member: Member,
    episode: Episode,
    *,
    world: str,
    config: FlightConfig,
    query: SceneQuery | None,
) -> Path:
    """Keep a drone's flight in its ``folder``, and write the report of all that are down into the one above.

    ``drones``: names of all their folders, in order. Returns the report's path.
    """
    name = Path(world).stem if world else ""
    out = folder.parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MEMBER_FILE).write_text(json.dumps(asdict(member)))
    with _one_at_a_time(out):
        save(episode.in_world(name), folder / FLIGHT_FILE)
        down = [out / drone for drone in drones if (out / drone / FLIGHT_FILE).is_file()]
        members = [Member(**json.loads((each / MEMBER_FILE).read_text())) for each in down]
        episodes = [load(each / FLIGHT_FILE) for each in down]
        mapping = {"world": name or None, "route_ids": [e.route_id for e in episodes], "flight": to_mapping(config)}
        factor = min(each.real_time_factor for each in members)
        summary: dict[str, Any] = summarise(episodes, mapping, member.model_hash, factor)
        near = approaches(members, episodes)
        summary["drones"] = {m.drone: _row(e, near.get(m.drone)) for m, e in zip(members, episodes, strict=True)}
        write_csv(episodes, out / "episodes.csv")
        (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        top_down = survey_flights(query, episodes, config.policy.max_z_m) if query is not None else None
        maps = {} if top_down is None else {name: top_down}
        return write_report(episodes, summary, out, maps, more=_section(summary["drones"], drones))


def approaches(members: Sequence[Member], episodes: Sequence[Episode]) -> dict[str, Approach]:
    """By drone: the nearest that another one came to it while either flew. A drone waits where it starts and ends."""
    near: dict[str, Approach] = {}
    flown = [(m, *_track(m, e)) for m, e in zip(members, episodes, strict=True) if len(e.samples) > 1]
    for (a, times_a, path_a), (b, times_b, path_b) in itertools.combinations(flown, 2):
        times = np.union1d(times_a, times_b)
        apart = np.linalg.norm(_at(times, times_a, path_a) - _at(times, times_b, path_b), axis=1)
        k = int(apart.argmin())
        for own, other, first in ((a, b, times_a[0]), (b, a, times_b[0])):
            found = Approach(other.drone, float(apart[k]), float(times[k] - first))
            near[own.drone] = min(near.get(own.drone, found), found, key=lambda x: x.distance_m)
    return near


def _track(member: Member, episode: Episode) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the simulator's clock (N,), relative to no epoch that matters, and positions (N, 3)."""
    offset_s = (member.start_ns % 1_000_000_000_000_000) * 1e-9  # 11 days: exact enough as a float
    times = offset_s + np.array([s.time_s for s in episode.samples])
    ordered, first = np.unique(times, return_index=True)
    return ordered, episode.positions()[first]


def _at(times: np.ndarray, known: np.ndarray, path: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(times, known, path[:, axis]) for axis in range(3)], axis=1)


def _row(episode: Episode, near: Approach | None) -> dict[str, Any]:
    return {
        "outcome": episode.outcome.value,
        "detail": episode.detail,
        "route_id": episode.route_id,
        "time_s": episode.metrics.time_s,
        "path_m": episode.metrics.path_m,
        "latency_p95_ms": episode.metrics.age_p95_ms,
        "nearest": None if near is None else asdict(near),
    }


def _section(rows: dict[str, Any], drones: Sequence[str]) -> str:
    cells = []
    for drone in drones:
        row = rows.get(drone)
        if row is None:
            cells.append([html.escape(drone), "still flies, or could not", "", ""])
            continue
        near = row["nearest"]
        word = "–" if near is None else f"{near['distance_m']:.2f} m to {near['drone']} after {near['time_s']:.1f} s"
        outcome = f"<span class='{row['outcome']}'>{row['outcome']}</span> {html.escape(row['detail'])}"
        link = f"<a href='{html.escape(drone)}/report.html'>{html.escape(drone)}</a>"
        cells.append([link, outcome, f"route {row['route_id']}", html.escape(word)])
    return "<h2>Drones</h2>" + page.table(["drone", "outcome", "way", "nearest other drone"], cells, left=4)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Drones that come down together do not overwrite each other's report with an older one."""
    with (folder / ".report.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
