"""Rounds of reinforcement: fly, improve, and keep the gate that flies best on held-out worlds."""

from __future__ import annotations

import dataclasses
import functools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.config import FlightConfig, from_mapping
from navisplit.nets.gate import RegretNet
from navisplit.train.gate_reinforcement import DrawingModels, Reinforcement, Trace, improved, rewards
from navisplit.train.progress import Log


def reinforced(
    net: RegretNet, jobs: list[dict[str, Any]], rounds: int, settings: Reinforcement, workers: int, log: Log
) -> tuple[RegretNet, list[dict[str, float]]]:
    """The best gate of these rounds (the given one, if none is better), and what each was worth on held-out worlds.

    ``jobs`` name worlds, as ``gate_run`` makes them; a fifth of them is held out.
    """
    held = max(1, round(0.2 * len(jobs)))
    training, checking = jobs[:-held], jobs[-held:]
    history: list[dict[str, float]] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        best, candidate = net, net
        for number in range(rounds + 1):
            parts = list(
                pool.map(_flown, [{**job, "net": candidate, "temperature": 0.0, "round": 0} for job in checking])
            )
            worth = float(np.concatenate([p["returns"] for p in parts]).mean())
            size = float(np.mean([p["bytes_per_frame"] for p in parts]))
            history.append({"round": number, "held_out_return": worth, "bytes_per_frame": size})
            log(f"reinforcement round {number}: return {worth:.3f} a flight at {size:.0f} B a frame, held-out worlds")
            if worth >= max(h["held_out_return"] for h in history):
                best = candidate
            if number == rounds:
                break
            drawn = {"net": candidate, "temperature": settings.temperature, "round": number + 1}
            parts = list(pool.map(_flown, [{**job, **drawn} for job in training]))
            candidate = improved(candidate, _joined(parts), settings, number)
    return best, history


def _joined(parts: list[dict[str, NDArray]]) -> dict[str, NDArray]:
    """Traces of several worlds as one; ends count rows of all before."""
    ends, rows = [], 0
    for part in parts:
        ends.append(part["ends"] + rows)
        rows += len(part["picks"])
    names = ("features", "prices", "picks", "log_probabilities", "rewards")
    return {name: np.concatenate([p[name] for p in parts]) for name in names} | {"ends": np.concatenate(ends)}


@functools.lru_cache(maxsize=4)
def _world(family: str, seed: int, flights: int) -> Any:
    """A renderer and routes; kept, as every round flies there again."""
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds import build_scene, generate, plan_routes

    scene = build_scene(generate(family, seed))
    renderer = RayCaster(scene)
    return renderer, plan_routes(scene, renderer.query, flights, np.random.default_rng(seed))


@functools.lru_cache(maxsize=1)
def _models(name: str) -> Any:
    from navisplit.evaluate.crew import load_models

    return load_models(FlightConfig(models=name, branch="gate"))


def _flown(job: dict[str, Any]) -> dict[str, NDArray]:
    """Flights of one world by one gate."""
    from navisplit.evaluate.flight import fly

    renderer, routes = _world(job["family"], job["seed"], job["flights"])
    config = dataclasses.replace(from_mapping(FlightConfig, job["flight"]), branch="gate")
    models, trace = _models(config.models), Trace()
    drawing = DrawingModels(
        models.model_hash, models.branches, models.head, models.tail, models.make_gate,
        net=job["net"], temperature=job["temperature"], trace=trace,
    )  # fmt: skip
    sizes = []
    for route in routes:
        episode = fly(renderer, route, config, drawing, job["seed"] + 7919 * job["round"])
        room = renderer.query.nearest(episode.positions(), 2.0)[0]
        gained = rewards(episode, room, config.camera.period_ns * 1e-9, job["net"].price_per_byte)
        trace.forget_beyond(len(trace.rewards) + len(gained))  # an error in a frame leaves a choice without a sample
        trace.rewards += gained
        trace.ends.append(len(trace.rewards))
        trace.returns.append(sum(gained))
        sizes.append(episode.metrics.bytes_per_frame or 0.0)
    return trace.arrays() | {"bytes_per_frame": np.array(sizes).mean()}
