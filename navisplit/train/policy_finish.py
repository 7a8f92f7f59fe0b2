"""The end of a training: fine-tuning, flights that check it, and the folder that flies, with card and curves."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from navisplit.config import FlightConfig, PolicyConfig
from navisplit.evaluate.metrics import wilson
from navisplit.nets.policy import PolicyNet, save_policy
from navisplit.train.policy_run import DEPTH_ONLY, HELD_OUT_SEED, PolicyTraining, Trained
from navisplit.train.progress import Log

CURVES_FILE, PICTURE_FILE, CARD_FILE = "curves.json", "curves.svg", "MODEL_CARD.md"
CHECK_SPEED_MPS = 4.0


@dataclass(frozen=True)
class Checked:
    """Flights of a network in worlds that it was not trained in."""

    flights: int
    successes: int

    def words(self) -> str:
        """With the Wilson interval."""
        low, high = wilson(self.successes, self.flights)
        return f"{self.successes} of {self.flights} ({low:.0%} to {high:.0%})"


def check_flights(net: PolicyNet, families: tuple[str, ...], flights: int, seed: int) -> Checked:
    """Fly a network by itself on true depth: ``flights`` in one held-out world of every family."""
    from navisplit.edge.learned import Learned
    from navisplit.evaluate.crew import Models
    from navisplit.evaluate.flight import fly
    from navisplit.evaluate.oracle import ORACLE
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds import build_scene, generate, plan_routes

    config = FlightConfig(branch=ORACLE, policy=PolicyConfig(name="learned", speed_mps=CHECK_SPEED_MPS))
    models = Models(0, (ORACLE,), make_policy=lambda policy: Learned(policy, net))
    flown = successes = 0
    for number, family in enumerate(families):
        world_seed = HELD_OUT_SEED + 50 + 10_000 * seed + number
        renderer = RayCaster(build_scene(generate(family, world_seed)), **DEPTH_ONLY)
        for route in plan_routes(renderer.scene, renderer.query, flights, np.random.default_rng(world_seed)):
            flown += 1
            successes += fly(renderer, route, config, models, seed).success
    return Checked(flown, successes)


def finish(run: Path, out: Path, trained: Trained, settings: PolicyTraining, checks: int, log: Log) -> PolicyNet:
    """Fine-tune where ``settings`` ask for it, keep the better of both, write ``out``; returns what flies.

    ``checks``: flights in a held-out world of each family, for either network; 0 checks nothing and keeps the last.
    """
    net, checked, curve = trained.net, {}, []
    if checks:
        checked["imitation"] = check_flights(net, settings.families, checks, settings.seed)
        log(f"imitation: {checked['imitation'].words()} reach the goal")
    kept = "imitation"
    if settings.rl_steps:
        from navisplit.train.reinforce import Reinforcement, reinforce

        tuning = Reinforcement(families=settings.families, steps=settings.rl_steps, seed=settings.seed)
        tuned, curve = reinforce(net, tuning, run, log)
        if checks:
            checked["reinforcement"] = check_flights(tuned, settings.families, checks, settings.seed)
            log(f"reinforcement: {checked['reinforcement'].words()} reach the goal")
        if not checks or checked["reinforcement"].successes >= checked["imitation"].successes:
            net, kept = tuned, "reinforcement"
    notes = {
        "kept": kept,
        "settings": dataclasses.asdict(settings),
        "rounds": trained.rounds,
        "checks": {name: dataclasses.asdict(c) for name, c in checked.items()},
    }
    save_policy(net, out, **notes)
    curves = {"imitation": trained.curves, "rounds": trained.rounds, "reinforcement": curve}
    (out / CURVES_FILE).write_text(json.dumps(curves, indent=1) + "\n")
    draw_curves(curves, out / PICTURE_FILE, log)
    (out / CARD_FILE).write_text(card(out.name, net, kept, settings, trained, checked))
    log(f"wrote {out} (hash {net.hash:08x}, {kept})")
    return net


def draw_curves(curves: dict[str, Any], path: Path, log: Log) -> None:
    """Curves of a training as a picture; without matplotlib only a word about it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        log(f"{path.name} is not drawn, as matplotlib is missing (pip install 'navisplit[train]')")
        return
    tuned = [r for r in curves["reinforcement"] if "return" in r]
    figure = Figure(figsize=(11.0 if tuned else 7.5, 3.2), layout="constrained")
    left, middle, *rest = figure.subplots(1, 3 if tuned else 2)
    rows = curves["imitation"]
    left.plot([r["step"] for r in rows], [r["expected_cost_m"] for r in rows], label="expected cost")
    left.plot([r["step"] for r in rows], [r["chosen_cost_m"] for r in rows], label="cost of the choice")
    left.set(
        title="Imitation: cost beyond the expert's", xlabel="step of the fit", ylabel="metres of way", yscale="log"
    )
    left.legend(frameon=False)
    rounds = curves["rounds"]
    x = [r["round"] for r in rounds]
    middle.bar(x, [r["successes"] / max(r["flights"], 1) for r in rounds], width=0.6, color="#9bb7d4")
    middle.set(title="Lessons that reach the goal\n(round 0: the expert's)", xlabel="round", ylim=(0, 1.05), xticks=x)
    middle.set_xlim(-1.0, max(x) + 1.0)
    for axes in rest:
        axes.plot([r["frames"] for r in tuned], [r["return"] for r in tuned], color="#c45b3c")
        axes.set(title="PPO: return of a flight\n(mean of the last 60)", xlabel="camera frames flown")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def card(
    name: str, net: PolicyNet, kept: str, settings: PolicyTraining, trained: Trained, checked: dict[str, Checked]
) -> str:
    """MODEL_CARD.md, from what was measured."""
    rounds = "\n".join(
        f"| {r['round']:.0f} | {r['flights']:.0f} | {r['successes']:.0f} | {r['frames']:.0f} | "
        f"{r['held_out_chosen_cost_m']:.3f} | {r['held_out_chosen_hits']:.3%} |"
        for r in trained.rounds
    )
    checks = "\n".join(f"- {stage}: {result.words()}" for stage, result in checked.items()) or "- not checked"
    worlds = settings.rounds * settings.worlds
    flown_in = ", ".join(settings.families[:worlds])  # they take turns
    again = f"navisplit train policy --out models/{name} --families {','.join(settings.families)}"
    again += f" --rounds {settings.rounds} --worlds {settings.worlds} --flights {settings.flights}"
    again += f" --steps {settings.steps} --rl-steps {settings.rl_steps} --seed {settings.seed}"
    tuned = f", then {settings.rl_steps} camera frames of PPO" if settings.rl_steps else ""
    parts = [
        "---\nlicense: apache-2.0\ntags: [navigation, imitation-learning, drone]\n---",
        f"# Policy `{name}` ({net.hash:08x})",
        f"A perceptron of {net.parameter_count:,} weights: from what the edge knows (docs/policies.md) to one of "
        f"{net.commands} velocity commands and a yaw rate. Flown with `--policy learned:{name}`. Licence: Apache-2.0.",
        "## Training",
        f"Families {flown_in}; rounds: {settings.rounds}, of {settings.worlds} worlds with {settings.flights} flights "
        f"each, at {', '.join(f'{v:g}' for v in settings.speeds_mps)} m/s{tuned}; seed "
        f"{settings.seed}. What flies is the result of: {kept}.",
        "| round | flights | reached the goal | frames so far | cost on held-out frames (m) | choices that hit |\n"
        f"|---|---|---|---|---|---|\n{rounds}",
        "In round 0 the expert flies; later the student, whom the expert rescues in most flights. Held-out frames are "
        "the expert's, in worlds of other seeds.",
        "## Flights by itself",
        f"On true depth at {CHECK_SPEED_MPS:g} m/s, in a world of each family with a seed not trained on:\n{checks}",
        "## Limits",
        "Trained in rendered, still worlds: it has not learned to wait for what moves. Made for the default camera.",
        "## Train it again",
        f"```\n{again}\n```",
    ]
    return "\n\n".join(parts) + "\n"
