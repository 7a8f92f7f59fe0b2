"""Many flights: over routes, in parallel, to be stopped and resumed at will.

Every flight depends on its route, the configuration and the seed alone, and is kept in ``DIR/flights`` as soon as it is
done; the order in which workers finish does not matter.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from navisplit.config import FlightConfig, to_mapping
from navisplit.errors import NaviSplitError, UsageError
from navisplit.evaluate import episode as record
from navisplit.evaluate.episode import Episode
from navisplit.evaluate.flight import Limits, fly
from navisplit.evaluate.metrics import EnergyModel
from navisplit.evaluate.summary import summarise

if TYPE_CHECKING:
    from navisplit.evaluate.crew import Models
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds.routes import Route

CONFIG_FILE, TIMES_FILE, FLIGHTS = "config.json", "times.json", "flights"
SHADOW_RESOLUTION = 1024


@dataclass(frozen=True)
class Evaluation:
    """All that defines the result of an evaluation."""

    world: str  # name or path
    routes: str  # number, or a CSV file
    flight: FlightConfig = field(default_factory=FlightConfig)
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    energy: EnergyModel = field(default_factory=EnergyModel)

    def mapping(self, routes: Sequence[Route]) -> dict[str, Any]:
        """As written into summary.json, with the routes by id."""
        return {
            "world": self.world,
            "routes": self.routes,
            "route_ids": [r.id for r in routes],
            "flight": to_mapping(self.flight),
            "seed": self.seed,
            "limits": asdict(self.limits),
            "energy": asdict(self.energy),
        }


@dataclass(frozen=True)
class Result:
    """What was flown, and where."""

    episodes: list[Episode]
    summary: dict[str, Any]
    query: SceneQuery  # of the world, for the report's map
    complete: bool  # False after Ctrl-C


class Bench:
    """World and models, loaded once in each process."""

    def __init__(self, evaluation: Evaluation, models: Models, query: SceneQuery) -> None:
        from navisplit.sim.render.renderer import RayCaster

        self.evaluation, self.models = evaluation, models
        self.renderer = RayCaster(query.scene, shadow_resolution=SHADOW_RESOLUTION, query=query)

    @classmethod
    def load(cls, evaluation: Evaluation) -> Bench:
        """Everything from its files."""
        from navisplit.evaluate.crew import load_models

        return cls(evaluation, load_models(evaluation.flight), _load_query(evaluation.world))

    def fly(self, route: Route) -> Episode:
        """One flight."""
        e = self.evaluation
        return fly(self.renderer, route, e.flight, self.models, e.seed, limits=e.limits, energy=e.energy)


_bench: Bench | None = None  # of a worker process


def _start_worker(evaluation: Evaluation) -> None:
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _bench = Bench.load(evaluation)


def _fly_in_worker(route: Route, path: Path) -> Episode:
    if _bench is None:
        raise RuntimeError("The worker was not started with _start_worker.")
    flown = _bench.fly(route)
    record.save(flown, path)
    return flown


def evaluate(
    evaluation: Evaluation,
    out: Path,
    *,
    workers: int = 1,
    on_episode: Callable[[Episode, int, int], None] | None = None,
) -> Result:
    """Fly all routes that ``out`` does not hold yet, and write episodes.csv and summary.json.

    Ctrl-C ends it with what is finished. Raises UsageError when ``out`` holds another evaluation, and whatever is wrong
    with world, routes, policy or models before the first flight.
    """
    from navisplit.edge.policies import make_policy
    from navisplit.evaluate.crew import load_models
    from navisplit.sim.worlds import check_route, select_routes

    if workers < 1:
        raise UsageError(f"--workers: expected at least 1, got {workers}.")
    routes = select_routes(evaluation.routes, evaluation.world)
    models = load_models(evaluation.flight)
    query = _load_query(evaluation.world)
    for route in routes:
        check_route(route, query)
    # A wrong name is told now, and its kernels are compiled once for all workers.
    policy = make_policy(evaluation.flight.policy)
    models.crew(evaluation.flight, np.random.default_rng(0))
    config = json.loads(json.dumps(evaluation.mapping(routes)))
    if (weights := getattr(policy, "hash", None)) is not None:
        config["policy_hash"] = f"{weights:08x}"
    flights = _open(out, {**config, "model_hash": models.model_hash})
    paths = {r.id: flights / f"{r.id:06d}.npz" for r in routes}
    finished = sum(p.is_file() for p in paths.values())
    missing = [r for r in routes if not paths[r.id].is_file()]
    started, flown_s = time.monotonic(), 0.0
    try:
        with closing(_fly_all(evaluation, models, query, missing, paths, workers)) as flying:
            for flown in flying:
                finished, flown_s = finished + 1, flown_s + flown.metrics.time_s
                if on_episode is not None:
                    on_episode(flown, finished, len(routes))
    except KeyboardInterrupt:
        pass  # what is finished is kept; the result says that it is not complete
    # Read back, so that a resumed evaluation and an uninterrupted one go through the same files.
    episodes = [record.load(paths[i]) for i in sorted(paths) if paths[i].is_file()]
    factor = _real_time_factor(out, flown_s, time.monotonic() - started)
    summary = summarise(episodes, config, models.model_hash, factor)
    record.write_csv(episodes, out / "episodes.csv")
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return Result(episodes, summary, query, len(episodes) == len(routes))


def _load_query(world: str) -> SceneQuery:
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds import load_scene

    return SceneQuery(load_scene(world))


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
    flights.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config, indent=1) + "\n")
    return flights


def _fly_all(
    evaluation: Evaluation,
    models: Models,
    query: SceneQuery,
    routes: Sequence[Route],
    paths: Mapping[int, Path],
    workers: int,
) -> Generator[Episode, None, None]:
    """Episodes as they are finished; each is saved before it is yielded."""
    workers = min(workers, len(routes))
    if workers <= 1:
        bench = Bench(evaluation, models, query) if routes else None
        for route in routes:
            flown = bench.fly(route)
            record.save(flown, paths[route.id])
            yield flown
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (evaluation,))
    try:
        queue = iter(routes)
        waiting: set[Future[Episode]] = set()
        while True:
            with _sigint_deferred():
                # No more than one flight a worker, so that Ctrl-C waits only for those in the air.
                next_routes = itertools.islice(queue, workers - len(waiting))
                waiting |= {pool.submit(_fly_in_worker, r, paths[r.id]) for r in next_routes}
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise NaviSplitError(
            "A worker process died (out of memory?). Run it again to resume, with fewer --workers."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # what is in the air is flown to its end and kept


@contextmanager
def _sigint_deferred() -> Iterator[None]:
    """Ctrl-C waits until the end of the block; processes started in it never get one, as their mask is inherited."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # one that waited comes now
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _real_time_factor(out: Path, flown_s: float, wall_s: float) -> float | None:
    """Simulated over wall seconds, over all runs that wrote into ``out``."""
    file = out / TIMES_FILE
    before = json.loads(file.read_text()) if file.is_file() else {"flown_s": 0.0, "wall_s": 0.0}
    total = {"flown_s": before["flown_s"] + flown_s, "wall_s": before["wall_s"] + (wall_s if flown_s else 0.0)}
    file.write_text(json.dumps(total) + "\n")
    return total["flown_s"] / total["wall_s"] if total["wall_s"] > 0 else None
