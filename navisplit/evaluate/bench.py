"""Speed of head, link format, tail and policy: the figures of ``navisplit bench head`` and ``bench loop``."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from navisplit import wire
from navisplit.config import CameraConfig, FlightConfig

T = TypeVar("T")
WARM_UP = 5


class Stopwatch:
    """CPU time of this thread, by stage, in milliseconds."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, list[float]] = defaultdict(list)

    def time(self, stage: str, call: Callable[[], T]) -> T:
        """Call, and note how long it took."""
        started = time.thread_time_ns()
        result = call()
        self.spent[stage].append((time.thread_time_ns() - started) * 1e-6)
        return result

    def medians(self) -> dict[str, float]:
        """Median of each stage, after the warm-up."""
        return {f"{stage}_ms": float(np.median(times[WARM_UP:] or times)) for stage, times in self.spent.items()}


def pictures(world: str, count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Camera pictures of a world from random clear places at flying height."""
    from navisplit.sim.bench import sample_views
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds import load_scene

    caster = RayCaster(load_scene(world))
    views = sample_views(caster.query, count, np.random.default_rng(seed), CameraConfig().intrinsics)
    return [caster.render(view).rgb for view in views]


def bench_branches(world: str, models: str, frames: int) -> dict[str, dict[str, float]]:
    """Per branch: trunk, encode, decode and tail in milliseconds (medians, one core), and mean bytes on the wire."""
    import torch

    from navisplit.edge.tail import Tail
    from navisplit.nets.branch_set import load_branch_set
    from navisplit.vehicle.head import Head

    torch.set_num_threads(1)
    branch_set = load_branch_set(models)
    head, tail = Head(branch_set), Tail(branch_set)
    shots = pictures(world, frames)
    tables: dict[str, dict[str, float]] = {}
    for spec in branch_set.branches:
        watch, sizes = Stopwatch(), []
        for rgb in [*shots[:WARM_UP], *shots]:
            activations = watch.time("trunk", lambda rgb=rgb: head.trunk(rgb))
            encoded = watch.time("encode", lambda a=activations, b=spec.name: head.encode(a, b))
            symbols, mask = watch.time(
                "decode", lambda e=encoded: tail.decode(e.branch_id, e.codec_id, e.shape, e.slices)
            )
            watch.time("tail", lambda b=encoded.branch_id, s=symbols, m=mask: tail.infer(b, s, m))
            sizes.append(sum(map(len, encoded.slices)) + wire.FEATURE_OVERHEAD * len(encoded.slices))
        figures = watch.medians()
        figures["head_and_encode_ms"] = figures["trunk_ms"] + figures["encode_ms"]
        figures["decode_and_tail_ms"] = figures["decode_ms"] + figures["tail_ms"]
        tables[spec.name] = {**figures, "wire_bytes": float(np.mean(sizes[WARM_UP:]))}
    return tables


def bench_loop(world: str, models: str, branch: str, route: int = 0) -> dict[str, float]:
    """Stages of one offline flight, milliseconds of CPU time a frame (medians), and the flight's real-time factor."""
    from navisplit.evaluate.crew import load_models
    from navisplit.evaluate.flight import Flight, Limits
    from navisplit.evaluate.metrics import EnergyModel
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds import load_scene, select_routes

    config = FlightConfig(branch=branch, models=models)
    renderer = RayCaster(load_scene(world))
    flight = Flight(
        renderer, select_routes(str(route + 1), world)[route], config, load_models(config), 0, Limits(), EnergyModel()
    )
    watch = Stopwatch()
    onboard, server = flight.crew.onboard, flight.crew.server
    _watch(watch, renderer, "render", "render")
    _watch(watch, onboard.head, "trunk", "trunk")
    _watch(watch, onboard.head, "encode", "encode")
    _watch(watch, onboard.gate, "choose", "gate")
    _watch(watch, server.depth_source, "decode", "decode")
    _watch(watch, server.depth_source, "infer", "tail")
    _watch(watch, server.session().policy, "act", "policy")
    _watch(watch, flight.simulation, "steps", "physics_per_event")
    started = time.perf_counter()
    episode = flight.run()
    wall_s = time.perf_counter() - started
    return {**watch.medians(), "flight_s": episode.metrics.time_s, "real_time_factor": episode.metrics.time_s / wall_s}


def _watch(watch: Stopwatch, owner: Any, method: str, stage: str) -> None:
    """Replace a bound method of this one object by a timed one."""
    call = getattr(owner, method)

    def timed(*arguments: Any, **named: Any) -> Any:
        return watch.time(stage, lambda: call(*arguments, **named))

    object.__setattr__(owner, method, timed)
