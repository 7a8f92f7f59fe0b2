"""``navisplit train policy``: rounds of flights and fits, fine-tuning by reinforcement, and the folder that flies."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import ConfigError, NaviSplitError
from navisplit.nets.policy import PolicyNet, save_policy
from navisplit.train.progress import Log, Progress

if TYPE_CHECKING:
    from navisplit.train.imitation_fit import Data

FIRST_SEED = 4000  # no other training, validation or test uses these worlds
HELD_OUT_SEED = 4900
DEPTH_ONLY: dict[str, Any] = {"shadow_resolution": 16, "ao": False}  # no light to work out: nobody looks at pictures
HELD_OUT_FLIGHTS = 2  # in one world of each family


@dataclass(frozen=True)
class PolicyTraining:
    """What ``navisplit train policy`` does; all our choice."""

    families: tuple[str, ...] = ("forest", "neighbourhood", "urban", "warehouse")
    rounds: int = 4
    worlds: int = 4  # in a round; none comes twice
    flights: int = 6  # in a world
    speeds_mps: tuple[float, ...] = (4.0, 3.0, 4.0, 5.0)  # in turn
    hidden: int = 256
    steps: int = 2500  # of the fit in a round
    rl_steps: int = 0  # frames flown in reinforcement learning
    seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.rounds, self.worlds, self.flights, self.steps, self.hidden) < 1 or self.rl_steps < 0:
            raise ConfigError("PolicyTraining: expected rounds, worlds, flights, steps, hidden >= 1 and rl_steps >= 0.")


@dataclass(frozen=True)
class Trained:
    """A trained policy, and how the training went."""

    net: PolicyNet
    curves: list[dict[str, float]] = field(default_factory=list)  # a row a report: round, step, losses
    rounds: list[dict[str, float]] = field(default_factory=list)  # a row a round: flights, successes, frames, score


def train_policy(run: Path, settings: PolicyTraining, workers: int, log: Log) -> Trained:
    """Imitate in rounds. What ``run`` holds already (flights of a world, the fit of a round) is not done again."""
    from navisplit.sim.worlds.registry import check_trainable

    check_trainable(settings.families)
    _claim(run, settings)
    held_out = _lessons(run, settings, None, None, workers, log)
    net, curves, rounds = None, [], []
    for number in range(settings.rounds):
        folder = run / f"round-{number}"
        _lessons(run, settings, number, net, workers, log)
        if not (folder / "policy.json").is_file():
            _fit_round(run, settings, number, net, held_out, log)
        net, meta = load_checked(folder), _meta(folder)
        curves += meta["curves"]
        rounds.append(meta["summary"])
        log(f"round {number}: " + ", ".join(f"{k} {v:.4g}" for k, v in meta["summary"].items()))
    assert net is not None
    return Trained(net, curves, rounds)


def load_checked(folder: Path) -> PolicyNet:
    """A network of this version's sizes. Raises ModelError."""
    from navisplit.edge.learned import load_learned

    return load_learned(str(folder))


def _meta(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "policy.json").read_text())


def _claim(run: Path, settings: PolicyTraining) -> None:
    """Refuse to continue a run of other settings: its flights would not be these. More rounds are no other settings."""
    wanted = json.loads(json.dumps(dataclasses.asdict(settings)))
    for free in ("rounds", "rl_steps"):
        wanted.pop(free)
    file = run / "settings.json"
    if file.is_file() and (found := json.loads(file.read_text())) != wanted:
        names = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
        raise ConfigError(
            f"{run} holds a training with other settings ({', '.join(names)} differ). Give another --run."
        )
    run.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(wanted, indent=1) + "\n")


def _lessons(
    run: Path, settings: PolicyTraining, number: int | None, student: PolicyNet | None, workers: int, log: Log
) -> Data:
    """Fly the lessons of a round that are not there yet; None: those that only check (the expert's)."""
    folder = run / ("held-out" if number is None else f"round-{number}")
    folder.mkdir(parents=True, exist_ok=True)
    worlds = len(settings.families) if number is None else settings.worlds
    first = HELD_OUT_SEED if number is None else FIRST_SEED + number * settings.worlds
    weights = None if student is None or number is None else str(run / f"round-{number - 1}")
    flights = HELD_OUT_FLIGHTS if number is None else settings.flights
    jobs: list[dict[str, Any]] = []
    for i in range(worlds):
        turn = i + (number or 0) * settings.worlds  # families take turns over the rounds, too
        family, seed = settings.families[turn % len(settings.families)], first + 10_000 * settings.seed + i
        job = {"path": str(folder / f"{family}-{seed}.npz"), "family": family, "seed": seed, "flights": flights}
        jobs.append({**job, "speeds": settings.speeds_mps, "student": weights})
    missing = [job for job in jobs if not Path(job["path"]).is_file()]
    if workers <= 1:
        for job in missing:
            log(_fly_world(job))
    elif missing:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for line in pool.map(_fly_world, missing):
                log(line)
    return load_lessons([Path(job["path"]) for job in jobs])


def _fly_world(job: dict[str, Any]) -> str:
    """One world: generate, plan routes, fly them, write the lessons. Returns a line for the log."""
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds import build_scene, generate, plan_routes
    from navisplit.sim.worlds.registry import family_variation
    from navisplit.train.imitation import Lessons, fly_lesson

    rng = np.random.default_rng(job["seed"])
    world = generate(job["family"], job["seed"], **family_variation(job["family"], rng))
    renderer = RayCaster(build_scene(world), **DEPTH_ONLY)
    routes = plan_routes(renderer.scene, renderer.query, job["flights"], rng)
    student = load_checked(Path(job["student"])) if job["student"] else None
    lessons, outcomes = Lessons(), []
    for route in routes:
        speed = job["speeds"][route.id % len(job["speeds"])]
        try:
            outcomes.append(fly_lesson(renderer, route, speed, student, lessons, rng).outcome.value)
        except NaviSplitError as error:  # a route around which the expert finds no way teaches nothing
            outcomes.append(type(error).__name__)
    path = Path(job["path"])
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        observations=np.array(lessons.observations, np.float32),
        costs=np.array(lessons.costs, np.float16),
        yaw=np.array(lessons.yaw, np.float32),
        successes=np.array([o == "success" for o in outcomes]),
    )
    partial.rename(path)
    return f"{path.parent.name} {path.stem}: {len(lessons.yaw)} frames, {outcomes.count('success')} of {len(routes)}"


def load_lessons(paths: list[Path]) -> Data:
    """Lessons of several files as one ``Data``."""
    from navisplit.train.expert import yaw_weights
    from navisplit.train.imitation_fit import Data

    parts = [np.load(path, allow_pickle=False) for path in paths]
    joined: dict[str, NDArray[np.float32]] = {
        name: np.concatenate([part[name] for part in parts]).astype(np.float32)
        for name in ("observations", "costs", "yaw")
    }
    yaw = np.array([yaw_weights(float(share)) for share in joined["yaw"]], np.float32)
    return Data(joined["observations"], joined["costs"], yaw)


def _fit_round(
    run: Path, settings: PolicyTraining, number: int, start: PolicyNet | None, held_out: Data, log: Log
) -> None:
    """Fit on the lessons of all rounds so far, and keep the result as a policy that can fly."""
    from navisplit.train.imitation_fit import FitSettings, fit, score

    folders = [run / f"round-{n}" for n in range(number + 1)]
    data = load_lessons(sorted(p for folder in folders for p in folder.glob("*-*.npz")))
    progress = Progress(f"round-{number}", run, log)
    curves: list[dict[str, float]] = []

    def report(step: int, values: dict[str, float]) -> None:
        curves.append({"round": number, "step": number * settings.steps + step, **values})
        progress.validation(step, {"fit": values}, ", ".join(f"{k} {v:.4g}" for k, v in values.items()))

    fitting = FitSettings(hidden=settings.hidden, steps=settings.steps)
    net = fit(data, fitting, start, settings.seed + number, report)
    progress.close()
    flown = [np.load(p, allow_pickle=False)["successes"] for p in folders[-1].glob("*-*.npz")]
    successes = np.concatenate(flown)
    summary = {"round": number, "flights": len(successes), "successes": int(successes.sum()), "frames": len(data)}
    summary |= {f"held_out_{name}": value for name, value in score(net, held_out).items()}
    save_policy(net, folders[-1], curves=curves, summary=summary)
