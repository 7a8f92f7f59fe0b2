"""Many flights: over routes and worlds, in parallel, to be stopped and resumed at will.

Every flight depends on its world, its route, the configuration and the seed alone, and is kept in ``DIR/flights`` as
soon as it is done; the order in which workers finish does not matter.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from navisplit.config import FlightConfig, to_mapping
from navisplit.errors import UsageError
from navisplit.evaluate import episode as record
from navisplit.evaluate.episode import Episode
from navisplit.evaluate.fleet import Fleet, Hangar, Job, hire
from navisplit.evaluate.flight import Limits
from navisplit.evaluate.metrics import EnergyModel
from navisplit.evaluate.sites import LENGTH_M, Site, open_sites, routes_digest
from navisplit.evaluate.summary import summarise
from navisplit.link import profile

if TYPE_CHECKING:
    from navisplit.sim.worlds.routes import Route

CONFIG_FILE, TIMES_FILE, FLIGHTS, WORLDS = "config.json", "times.json", "flights", "worlds"
Sites = Sequence[tuple[Site, Sequence["Route"]]]


@dataclass(frozen=True)
class Evaluation:
    """All that defines the result of an evaluation."""

    worlds: tuple[str, ...]  # names, files, or FAMILY:FIRST..LAST
    routes: str  # number, or a CSV file
    flight: FlightConfig = field(default_factory=FlightConfig)
    seed: int = 0
    length_m: tuple[float, float] = LENGTH_M  # of routes through new worlds
    limits: Limits = field(default_factory=Limits)
    energy: EnergyModel = field(default_factory=EnergyModel)

    def mapping(self, sites: Sites) -> dict[str, Any]:
        """As written into summary.json, with the routes by id and digests of what worlds, routes and own radios are."""
        radio = profile(self.flight.link)
        return {
            "world": ", ".join(self.worlds),
            "routes": self.routes,
            "sites": {
                site.name: {"world": site.digest, "ways": routes_digest(routes), "route_ids": [r.id for r in routes]}
                for site, routes in sites
            },
            "flight": to_mapping(self.flight),
            **({"link_digest": radio.digest} if radio.file else {}),
            "seed": self.seed,
            "limits": asdict(self.limits),
            "energy": asdict(self.energy),
        }


@dataclass(frozen=True)
class Result:
    """What was flown, and where."""

    episodes: list[Episode]
    summary: dict[str, Any]
    sites: list[Site]
    complete: bool  # False after Ctrl-C


def evaluate(
    evaluation: Evaluation,
    out: Path,
    *,
    workers: str | int = 1,
    hangar: Hangar | None = None,
    fleet: Fleet | None = None,
    worlds: Path | None = None,
    on_episode: Callable[[Episode, int, int], None] | None = None,
) -> Result:
    """Fly all routes that ``out`` does not hold yet, and write episodes.csv and summary.json.

    Several evaluations may share a ``hangar``, a ``fleet`` and the folder of new ``worlds``. Ctrl-C ends it with what
    is finished. Raises UsageError when ``out`` holds another evaluation, and whatever is wrong with world, routes,
    policy or models before the first flight.
    """
    hangar = hangar or Hangar()
    own = None if fleet else hire(workers, hangar)
    try:
        models, policy, sites = _prepare(evaluation, hangar, worlds or out / WORLDS)
        config = json.loads(json.dumps(evaluation.mapping(sites)))
        if (weights := getattr(policy, "hash", None)) is not None:
            config["policy_hash"] = f"{weights:08x}"
        flights = _open(out, {**config, "model_hash": models.model_hash})
        paths = {(site.name, r.id): _path(flights, site.name, r.id) for site, routes in sites for r in routes}
        missing = [
            Job(site, route, evaluation.flight, evaluation.seed, evaluation.limits, evaluation.energy)
            for site, routes in sites
            for route in routes
            if not paths[site.name, route.id].is_file()
        ]
        complete, factor = _fly(missing, paths, fleet or own, out, on_episode)
    finally:
        if own is not None:
            own.close()
    # Read back, so that a resumed evaluation and an uninterrupted one go through the same files.
    episodes = [record.load(path) for path in paths.values() if path.is_file()]
    summary = summarise(episodes, config, models.model_hash, factor)
    record.write_csv(episodes, out / "episodes.csv")
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return Result(episodes, summary, [site for site, _ in sites], complete)


def _prepare(evaluation: Evaluation, hangar: Hangar, folder: Path) -> tuple[Any, Any, Sites]:
    """Models, a policy and worlds with their routes, all checked; kernels are compiled once for all workers."""
    from navisplit.edge.policies import make_policy
    from navisplit.sim.worlds import check_route

    policy = make_policy(evaluation.flight.policy)  # a wrong name is told now
    models = hangar.models(evaluation.flight)
    models.crew(evaluation.flight, np.random.default_rng(0))
    sites = open_sites(evaluation.worlds, evaluation.routes, folder, evaluation.length_m)
    for site, routes in sites:
        query = hangar.query(site)
        for route in routes:
            check_route(route, query)
    return models, policy, sites


def _fly(
    jobs: Sequence[Job],
    paths: Mapping[tuple[str, int], Path],
    fleet: Fleet,
    out: Path,
    on_episode: Callable[[Episode, int, int], None] | None,
) -> tuple[bool, float | None]:
    """Whether all were flown, and the real-time factor of all runs that wrote into ``out``."""
    finished, flown_s, started = len(paths) - len(jobs), 0.0, time.monotonic()

    def note(job: Job, flown: Episode) -> None:
        nonlocal finished, flown_s
        record.save(flown, paths[job.site.name, job.route.id])
        finished, flown_s = finished + 1, flown_s + flown.metrics.time_s
        if on_episode is not None:
            on_episode(flown, finished, len(paths))

    try:
        fleet.run(jobs, note)
    except KeyboardInterrupt:
        pass  # what is finished is kept; the result says that it is not complete
    return finished == len(paths), _real_time_factor(out, flown_s, time.monotonic() - started)


def _path(flights: Path, world: str, route_id: int) -> Path:
    return flights / world / f"{route_id:06d}.npz"


def _open(out: Path, config: dict[str, Any]) -> Path:
    """The folder of flights, new or of the same evaluation."""
    flights, file = out / FLIGHTS, out / CONFIG_FILE
    if file.is_file():
        before = json.loads(file.read_text())
        if before != config:
            names = sorted(k for k in before.keys() | config.keys() if before.get(k) != config.get(k))
            raise UsageError(
                f"{out} holds an evaluation with other settings ({', '.join(names)} differ). "
                "Give another --out, or the same settings to resume it."
            )
    for name in config["sites"]:
        (flights / name).mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config, indent=1) + "\n")
    return flights


def _real_time_factor(out: Path, flown_s: float, wall_s: float) -> float | None:
    """Simulated over wall seconds, over all runs that wrote into ``out``."""
    file = out / TIMES_FILE
    before = json.loads(file.read_text()) if file.is_file() else {"flown_s": 0.0, "wall_s": 0.0}
    total = {"flown_s": before["flown_s"] + flown_s, "wall_s": before["wall_s"] + (wall_s if flown_s else 0.0)}
    file.write_text(json.dumps(total) + "\n")
    return total["flown_s"] / total["wall_s"] if total["wall_s"] > 0 else None
