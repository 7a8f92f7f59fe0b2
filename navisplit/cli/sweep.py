"""``navisplit sweep``: success against speed, density, bandwidth, latency, loss or any of the flight's settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from navisplit.cli import evaluation as options
from navisplit.errors import UsageError


def sweep(
    context: typer.Context,
    axes: Annotated[
        list[str],
        typer.Argument(
            metavar="AXIS=V1,V2,...",
            help="speed, density (of new worlds, or another option of their family), bandwidth, latency, jitter, loss, "
            "burst, link, branch, policy, byte_weight, max_bytes. The first is drawn along, others are curves.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; an unfinished sweep in it is resumed.")],
    world: options.WorldOption,
    routes: options.RoutesOption = "20",
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
    as_json: Annotated[bool, typer.Option("--json", help="Print sweep.json on standard output.")] = False,
) -> None:
    """Fly the same routes at several values of a setting and write sweep.csv, sweep.json and report.html.

    Each point is an ordinary evaluation in a folder of its own:
    navisplit sweep speed=2,4,6,8 branch=gate,b1 --world forest --routes 30 --out runs/speeds
    """
    from navisplit.evaluate.runner import Evaluation
    from navisplit.evaluate.sweep import parse_axis, points_of, write_sweep
    from navisplit.evaluate.sweep import sweep as run

    if not axes:
        raise UsageError("sweep: expected at least one AXIS=V1,V2, as speed=2,4,6,8.")
    base = Evaluation(tuple(world), routes, options.flight_config(context), seed, length)
    points = points_of(base, [parse_axis(text) for text in axes])
    with options.Progress(quiet=as_json) as progress:
        flown, complete = run(
            points, out, workers=workers, on_point=progress.begin, on_episode=progress.note,
            on_result=options.write_report,
        )  # fmt: skip
    report, table = write_sweep(flown, out)
    if as_json:
        print(json.dumps(table, indent=1))
    else:
        for row in table["points"]:
            low, high = row["success_ci95"]
            rate = "-" if row["success_rate"] is None else f"{row['success_rate']:.1%}"
            print(f"{row['name']:32} success {rate:>6}  ({low:.1%} to {high:.1%})  {row['bytes_per_frame'] or 0:.0f} B")
        print(f"report     {report}")
    if not complete:
        print(f"Stopped after {len(flown)} of {len(points)} points; the same command resumes.", file=sys.stderr)
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sweep")(sweep)
