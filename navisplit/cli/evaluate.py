"""``navisplit evaluate``: offline flights or a recorded one, figures with intervals, a report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from navisplit.cli import evaluation as options
from navisplit.errors import UsageError


def evaluate(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the results; an unfinished evaluation in it is resumed.")],
    world: options.WorldOption = [],  # noqa: B006 (typer's way of an option that may be missing)
    routes: options.RoutesOption = "20",
    bag: Annotated[
        Path | None,
        typer.Option(
            metavar="F.mcap",
            help="Score a flight recorded by `fly --record` in the same way; with --branch B0,B1 say as well what "
            "these would have sent and seen on its pictures.",
        ),
    ] = None,
    branch: options.BranchOption = "gate",
    policy: options.PolicyOption = "planner",
    link: options.LinkOption = "none",
    weather: options.WeatherOption = "",
    fault: options.FaultOption = "",
    speed: options.SpeedOption = 3.0,
    length: options.LengthOption = (60.0, 150.0),
    models: options.ModelsOption = "default",
    byte_weight: options.ByteWeightOption = 1.0,
    max_bytes: options.MaxBytesOption = 0,
    exit: options.ExitOption = True,
    config: options.ConfigOption = None,
    seed: options.SeedOption = 0,
    workers: options.WorkersOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json on standard output.")] = False,
) -> None:
    """Fly routes offline, in simulated time, and write episodes.csv, summary.json and report.html."""
    if bag is not None:
        from navisplit.cli.evaluate_bag import evaluate_bag

        evaluate_bag(context, bag, out, world, as_json=as_json)
        return
    from navisplit.evaluate.runner import Evaluation
    from navisplit.evaluate.runner import evaluate as run

    if not world:
        raise UsageError("evaluate: expected --world (or --bag), got none. `--world forest` ships with NaviSplit.")
    chosen = Evaluation(tuple(world), routes, options.flight_config(context), seed, length)
    with options.Progress(quiet=as_json) as progress:
        result = run(chosen, out, workers=workers, on_episode=progress.note)
    report = options.write_report(result, out)
    if as_json:
        print(json.dumps(result.summary, indent=1))
    else:
        options.print_result(result, report)
    if not result.complete:
        print(f"Stopped after {len(result.episodes)} flights; the same command resumes.", file=sys.stderr)
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)
