"""``navisplit train gate``: fly with random branches in generated worlds, learn regret, write the gate."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from navisplit.config import FlightConfig, PolicyConfig, from_mapping, to_mapping
from navisplit.train.gate import GateFit, GateTraining, fit_gate
from navisplit.train.gate_reinforcement import Reinforcement
from navisplit.train.gate_rounds import reinforced
from navisplit.train.progress import Log

FIRST_SEED = 2000  # no other training, validation or test uses these worlds


@dataclass(frozen=True)
class GateData:
    """Where the gate's decisions come from."""

    families: tuple[str, ...] = ("forest", "neighbourhood", "urban", "warehouse")
    worlds: int = 12  # shared out among the families
    flights: int = 4  # in each world
    speeds_mps: tuple[float, ...] = (2.5, 3.0, 4.0)  # in turn
    seed: int = 0


def train_gate(
    models: str, run: Path, data: GateData, settings: GateTraining, workers: int, log: Log, *, rounds: int = 0
) -> GateFit:
    """Collect decisions into ``run`` (worlds that are there are kept), fit, and write the gate beside its models.

    ``rounds`` of reinforcement follow, in the same worlds; the gate in the folder is replaced where one was better.
    """
    from navisplit.nets.branch_set import load_branch_set
    from navisplit.nets.gate import save_gate
    from navisplit.sim.worlds.registry import check_trainable
    from navisplit.vehicle.gate import SKIP
    from navisplit.vehicle.neural_gate import wire_bytes

    check_trainable(data.families)
    branch_set = load_branch_set(models)
    folder = run / f"decisions-{branch_set.hash:08x}"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [_job(folder, models, data, number) for number in range(data.worlds)]
    _collect([job for job in jobs if not Path(job["path"]).is_file()], workers, log)
    parts = [np.load(job["path"]) for job in jobs]
    fit = fit_gate(
        np.concatenate([p["features"] for p in parts]),
        np.concatenate([p["regrets"] for p in parts]),
        np.concatenate([np.full(len(p["features"]), i) for i, p in enumerate(parts)]),
        tuple(str(name) for name in parts[0]["choices"]),
        {SKIP: 0.0, **{spec.name: wire_bytes(spec) for spec in branch_set.branches}},
        branch_set.hash,
        settings,
    )
    notes = {k: v for k, v in dataclasses.asdict(fit).items() if k != "net"}
    notes |= {"data": dataclasses.asdict(data), "settings": dataclasses.asdict(settings)}
    save_gate(fit.net, branch_set.path, **notes)
    log(
        f"gate: {fit.net.parameter_count} weights, {fit.rows} decisions, {fit.held_out_rows} held out: regret "
        f"{fit.mean_regret:.3f} at {fit.bytes_per_frame:.0f} B a frame; of the best branch {fit.mean_regret_best:.3f}"
    )
    if rounds:
        reinforcement = Reinforcement()
        net, history = reinforced(fit.net, jobs, rounds, reinforcement, workers, log)
        save_gate(net, branch_set.path, **notes, reinforcement=dataclasses.asdict(reinforcement), rounds=history)
    return fit


def _job(folder: Path, models: str, data: GateData, number: int) -> dict[str, Any]:
    family = data.families[number % len(data.families)]
    seed = FIRST_SEED + 1000 * data.seed + number
    speed = data.speeds_mps[number % len(data.speeds_mps)]
    flight = FlightConfig(models=models, branch="random", policy=PolicyConfig(speed_mps=speed))
    return {
        "path": str(folder / f"{family}-{seed}.npz"),
        "family": family,
        "seed": seed,
        "flights": data.flights,
        "flight": to_mapping(flight),
    }


def _collect(jobs: Sequence[dict[str, Any]], workers: int, log: Log) -> None:
    """Run the jobs, several at a time; each writes its own file, so an interrupted collection continues."""
    if workers <= 1:
        for job in jobs:
            log(_fly_world(job))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for line in pool.map(_fly_world, jobs):
            log(line)


def _fly_world(job: dict[str, Any]) -> str:
    """One world: generate, plan routes, fly, write features and regrets. Returns a line for the log."""
    from navisplit.evaluate.crew import load_models
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds import build_scene, generate, plan_routes
    from navisplit.train.decisions import collect_decisions

    scene = build_scene(generate(job["family"], job["seed"]))
    renderer = RayCaster(scene)
    routes = plan_routes(scene, renderer.query, job["flights"], np.random.default_rng(job["seed"]))
    config = from_mapping(FlightConfig, job["flight"])
    rows = collect_decisions(renderer, routes, load_models(config), config, job["seed"])
    path = Path(job["path"])
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, features=np.array(rows.features), regrets=np.array(rows.regrets), choices=np.array(rows.choices))
    partial.rename(path)
    return f"{path.stem}: {len(rows.features)} decisions in {len(routes)} flights"
