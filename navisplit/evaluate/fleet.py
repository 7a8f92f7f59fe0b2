"""Who flies: this process, processes of this machine, or a Ray cluster, all by the same function.

A flight depends on its job alone. No more than one flight a worker is under way, so that Ctrl-C waits only for those
in the air; they are flown to their end and kept.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from navisplit.config import FlightConfig
from navisplit.errors import NaviSplitError, UsageError
from navisplit.evaluate.episode import Episode
from navisplit.evaluate.flight import Limits, fly
from navisplit.evaluate.metrics import EnergyModel
from navisplit.evaluate.sites import Site

if TYPE_CHECKING:
    from navisplit.evaluate.crew import Models
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds.routes import Route

SHADOW_RESOLUTION = 1024
WORLDS_KEPT = 2  # of the newest that a process has loaded


@dataclass(frozen=True)
class Job:
    """One flight to make."""

    site: Site
    route: Route
    flight: FlightConfig
    seed: int
    limits: Limits
    energy: EnergyModel


Note = Callable[[Job, Episode], None]


class Hangar:
    """Models and worlds that a process has loaded; the newest are kept."""

    def __init__(self) -> None:
        self._models: tuple[tuple[str, str], Models] | None = None
        self._queries: OrderedDict[Path, SceneQuery] = OrderedDict()
        self._renderers: OrderedDict[Path, RayCaster] = OrderedDict()

    def models(self, flight: FlightConfig) -> Models:
        """The models that fly a configuration. Raises ModelError or UsageError."""
        from navisplit.evaluate.crew import load_models

        key = (flight.branch, flight.models)
        if self._models is None or self._models[0] != key:
            self._models = key, load_models(flight)
        return self._models[1]

    def query(self, site: Site) -> SceneQuery:
        """Geometry of a world."""
        from navisplit.sim.render.query import SceneQuery
        from navisplit.sim.worlds import load_scene

        return _newest(self._queries, site.find(), lambda file: SceneQuery(load_scene(file)))

    def renderer(self, site: Site) -> RayCaster:
        """A world ready to be seen."""
        from navisplit.sim.render.renderer import RayCaster

        def light(_: Path) -> RayCaster:
            query = self.query(site)
            return RayCaster(query.scene, shadow_resolution=SHADOW_RESOLUTION, query=query)

        return _newest(self._renderers, site.find(), light)

    def fly(self, job: Job) -> Episode:
        """One flight."""
        models = self.models(job.flight)
        renderer = self.renderer(job.site)
        flown = fly(renderer, job.route, job.flight, models, job.seed, limits=job.limits, energy=job.energy)
        return flown.in_world(job.site.name)


def _newest(kept: OrderedDict[Path, Any], file: Path, load: Callable[[Path], Any]) -> Any:
    if file not in kept:
        kept[file] = load(file)
        if len(kept) > WORLDS_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(file)
    return kept[file]


_hangar = Hangar()  # of a worker process


def fly_here(job: Job) -> Episode:
    """One flight in whatever process this is; what it loads stays for the next."""
    return _hangar.fly(job)


class Fleet(Protocol):
    """Workers that fly jobs."""

    def run(self, jobs: Sequence[Job], note: Note) -> None:
        """Fly all, in any order; ``note`` gets each as soon as it is flown, those in the air at Ctrl-C too."""

    def close(self) -> None:
        """Send the workers home."""


class Alone:
    """Only this process, one flight after the other."""

    def __init__(self, hangar: Hangar) -> None:
        self._hangar = hangar

    def run(self, jobs: Sequence[Job], note: Note) -> None:
        """Fly all."""
        for job in jobs:
            episode = self._hangar.fly(job)
            with sigint_deferred():
                note(job, episode)

    def close(self) -> None:
        """Nothing to do."""


class Processes:
    """Processes of this machine; they stay between evaluations, with what they have loaded."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, context, _ignore_interrupts)

    def run(self, jobs: Sequence[Job], note: Note) -> None:
        """Fly all."""
        queue = iter(jobs)
        flying: dict[Future[Episode], Job] = {}
        try:
            while True:
                with sigint_deferred():  # the processes are started by the first jobs
                    for job in itertools.islice(queue, self._workers - len(flying)):
                        flying[self._pool.submit(fly_here, job)] = job
                if not flying:
                    return
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    with sigint_deferred():  # a flight is noted once, and whole
                        note(flying.pop(future), future.result())
        except KeyboardInterrupt:
            for future, job in flying.items():
                note(job, future.result())
            raise
        except BrokenProcessPool as error:
            raise NaviSplitError(
                "A worker process died (out of memory?). Run it again to resume, with fewer --workers."
            ) from error

    def close(self) -> None:
        """End the processes, once what is in the air has landed."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class RayCluster:
    """Workers of a Ray cluster: one flight a CPU. Every machine has NaviSplit, and the branch set, installed."""

    def __init__(self, address: str = "") -> None:
        try:
            import ray
        except ImportError as error:
            raise UsageError("--workers ray: the package ray is missing: `pip install 'navisplit[ray]'`.") from error
        self._ray = ray
        _knock(address)
        self._started = not ray.is_initialized()
        if self._started:
            try:
                ray.init(address=address or None, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise NaviSplitError(f"--workers ray: no cluster answers at '{address}': {error}") from error
        self._fly = ray.remote(num_cpus=1)(fly_here)

    def run(self, jobs: Sequence[Job], note: Note) -> None:
        """Fly all."""
        queue = iter(jobs)
        flying: dict[Any, Job] = {}
        try:
            while True:
                free = max(1, int(self._ray.cluster_resources().get("CPU", 1))) - len(flying)
                flying |= {self._fly.remote(job): job for job in itertools.islice(queue, free)}
                if not flying:
                    return
                for reference in self._ray.wait(list(flying), num_returns=1)[0]:
                    with sigint_deferred():
                        note(flying.pop(reference), self._result(reference))
        except KeyboardInterrupt:
            for reference, job in flying.items():
                note(job, self._result(reference))
            raise

    def _result(self, reference: Any) -> Episode:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise NaviSplitError(f"A worker failed: {str(error.cause or error).strip().splitlines()[-1]}") from error
        except self._ray.exceptions.RayError as error:
            raise NaviSplitError(f"A worker died ({type(error).__name__}). Run it again to resume.") from error

    def close(self) -> None:
        """Leave the cluster."""
        if self._started:
            self._ray.shutdown()


def _knock(address: str) -> None:
    """Raise NaviSplitError where nothing listens at HOST:PORT: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():  # empty, or a word of Ray's own, as auto
        return
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except OSError as error:
        raise NaviSplitError(f"--workers ray: no cluster answers at '{address}': {error}") from error


def hire(workers: str | int, hangar: Hangar) -> Fleet:
    """``"4"``, ``"auto"`` (one a core), ``"ray"`` (this machine) or ``"ray:ADDRESS"``. Raises UsageError."""
    text = str(workers).strip()
    if text == "ray" or text.startswith("ray:"):
        return RayCluster(text[4:])
    if text == "auto":
        text = str(len(os.sched_getaffinity(0)))
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--workers: expected a number from 1, auto, ray or ray:ADDRESS, got '{workers}'.")
    return Alone(hangar) if int(text) == 1 else Processes(int(text))


def _ignore_interrupts() -> None:
    """Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def sigint_deferred() -> Iterator[None]:
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
