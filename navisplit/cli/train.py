"""``navisplit train``: depth networks (``depth``, ``export``), gates, on-board exits and policies."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[Path, typer.Option("--data", help="Data set of `navisplit collect`.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder of the branch set to write, e.g. models/mine.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    group = typer.Typer(no_args_is_help=True, help="Train networks.")
    group.command("depth")(depth)
    group.command("export")(export)
    group.command("gate")(gate)
    group.command("exit")(onboard_exit)
    group.command("policy")(policy)
    app.add_typer(group, name="train")


def depth(
    data: DataOption,
    out: OutOption,
    config: Annotated[Path | None, typer.Option("--config", help="Settings, YAML; see config/depth.yaml.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="Total computing time of all stages.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of checkpoints; continued if it has any. [runs/train-NAME]")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads.")] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="Branch set to train further: a name of models/, or a folder.")
    ] = None,
) -> None:
    """Train teacher, branches and tail; then count tables, test, and write the branch set with its card.

    Interrupt it whenever you like: the same command continues from the last checkpoint.
    """
    import dataclasses

    from navisplit.train.depth import train_depth, with_minutes
    from navisplit.train.export import export as write
    from navisplit.train.settings import read_training

    settings = with_minutes(read_training(config), minutes)
    if threads is not None:
        settings = dataclasses.replace(settings, threads=threads)
    if start is not None:
        settings = dataclasses.replace(settings, start=start)
    folder = run or Path("runs") / f"train-{out.name}"
    log = _timed_log()
    train_depth(data, folder, settings, log)
    write(folder, data, out, settings, log)


def export(
    run: Annotated[Path, typer.Option("--run", help="Folder of checkpoints of `navisplit train depth`.")],
    data: DataOption,
    out: OutOption,
) -> None:
    """Write a branch set from checkpoints as they are, finished or not: tables, test metrics, card."""
    import torch

    from navisplit.train.depth import stored_settings
    from navisplit.train.export import export as write

    settings = stored_settings(run)
    torch.set_num_threads(settings.threads)
    write(run, data, out, settings, _timed_log())


def gate(
    models: Annotated[str, typer.Option("--models", help="Branch set: a name of models/, or a folder.")] = "default",
    families: Annotated[str, typer.Option("--families", help="Families of worlds, with commas.")] = (
        "forest,neighbourhood,urban,warehouse"
    ),
    worlds: Annotated[int, typer.Option("--worlds", min=2, help="Generated worlds; a fifth is held out.")] = 12,
    flights: Annotated[int, typer.Option("--flights", min=1, help="Flights in each world.")] = 4,
    thrift: Annotated[
        float, typer.Option("--thrift", min=0.01, max=1.0, help="Share of the richest branch's gain to give for bytes.")
    ] = 0.3,
    rounds: Annotated[
        int, typer.Option("--rounds", min=0, help="Rounds of reinforcement learning in whole flights; 0: none.")
    ] = 6,
    run: Annotated[Path | None, typer.Option("--run", help="Folder of decisions. [runs/gate-NAME]")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same gate.")] = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes to fly in.")] = 1,
) -> None:
    """Train the gate of a branch set and write it into the set's folder. Can be interrupted and continued."""
    from navisplit.train.gate import GateTraining
    from navisplit.train.gate_run import GateData, train_gate

    data = GateData(families=_listed(families), worlds=worlds, flights=flights, seed=seed)
    settings = GateTraining(thrift=thrift, seed=seed)
    folder = run or Path("runs") / f"gate-{Path(models).name}"
    train_gate(models, folder, data, settings, workers, _timed_log(), rounds=rounds)


def onboard_exit(
    data: DataOption,
    models: Annotated[str, typer.Option("--models", help="Branch set: a name of models/, or a folder.")] = "default",
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames to learn from.")] = 20_000,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over them.")] = 24,
    quantile: Annotated[
        float, typer.Option("--quantile", min=0.01, max=0.99, help="Of the distances; lower is more careful.")
    ] = 0.25,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same exit.")] = 0,
) -> None:
    """Train the on-board exit of a branch set and write it into the set's folder (minutes)."""
    from navisplit.train.exit import ExitTraining, train_exit

    settings = ExitTraining(frames=frames, epochs=epochs, quantile=quantile, seed=seed)
    train_exit(models, data, settings, _timed_log())


def policy(
    out: Annotated[Path, typer.Option("--out", help="Folder to write; fly it with --policy learned:FOLDER.")],
    families: Annotated[str, typer.Option("--families", help="Families of worlds, with commas.")] = (
        "forest,neighbourhood,urban,warehouse"
    ),
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds of flights and fits; the expert's first.")] = 4,
    worlds: Annotated[int, typer.Option("--worlds", min=1, help="Generated worlds in a round.")] = 4,
    flights: Annotated[int, typer.Option("--flights", min=1, help="Flights in each world.")] = 6,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of the fit in a round.")] = 2500,
    rl_steps: Annotated[
        int, typer.Option("--rl-steps", min=0, help="Camera frames of reinforcement learning after it; needs [rl].")
    ] = 0,
    checks: Annotated[
        int, typer.Option("--checks", min=0, help="Flights in a held-out world of each family, to choose what is kept.")
    ] = 6,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of lessons and checkpoints. [runs/policy-NAME]")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same policy.")] = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes to fly in.")] = 1,
) -> None:
    """Train the policy `learned`: imitation of an expert that knows the world (DAgger), then PPO where asked for.

    Can be interrupted: the same command goes on with the worlds, rounds and frames that are missing.
    """
    import torch

    from navisplit.train.policy_finish import finish
    from navisplit.train.policy_run import PolicyTraining, train_policy

    torch.set_num_threads(1)  # the network is small: more threads only wait for each other
    settings = PolicyTraining(
        families=_listed(families), rounds=rounds, worlds=worlds, flights=flights, steps=steps, rl_steps=rl_steps,
        seed=seed,
    )  # fmt: skip
    folder, log = run or Path("runs") / f"policy-{out.name}", _timed_log()
    finish(folder, out, train_policy(folder, settings, workers, log), settings, checks, log)


def _listed(names: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _timed_log() -> Callable[[str], None]:
    """Lines with minutes:seconds since now."""
    start = time.monotonic()

    def log(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - start), 60)
        typer.echo(f"{minutes:3d}:{seconds:02d}  {text}")

    return log
