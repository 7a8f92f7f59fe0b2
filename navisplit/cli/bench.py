"""``navisplit bench``: how fast each part is on this machine, and how close the flight is to AirSim's.

Speeds are medians of CPU time on one core; those of the whole loop are of the wall clock.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navisplit.cli.bench_codec import codec
from navisplit.cli.bench_loop import loop

if TYPE_CHECKING:
    from navisplit.sim.bench import Row

JsonOption = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
WorldOption = Annotated[str, typer.Option("--world", help="A name of worlds/, or an .sdf file.")]
ModelsOption = Annotated[str, typer.Option("--models", help="Branch set: a name of models/, or a folder.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    group = typer.Typer(no_args_is_help=True, help="Measure speed on this machine.")
    group.command("sim")(sim)
    group.command("head")(head)
    group.command("loop")(loop)
    group.command("flight")(flight)
    group.command("codec")(codec)
    app.add_typer(group, name="bench")


def sim(
    world: Annotated[str | None, typer.Option("--world", help="Only this world: a name, or an .sdf file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The simulator's whole table, each figure beside its target: pictures, depth batches, threads, loading, client."""
    from navisplit.sim.bench import bench_steps

    rows = []
    for what, measure in bench_steps(world):
        typer.echo(f"measuring {what} ...", err=True)
        for row in measure():
            rows.append(row.as_dict())
            if not as_json:
                typer.echo(_line(row))
    if as_json:
        typer.echo(json.dumps({"sim": rows}, indent=1))


def _line(row: Row) -> str:
    """One row of the table: what, figure, target, verdict, note."""
    figure = "-" if row.value is None else f"{row.value:.3g}" if row.value < 100 else f"{row.value:.0f}"
    goal = "" if row.target is None else f"{'<=' if row.at_most else '>='} {row.target:g}"
    verdict = {True: "met", False: "MISSED", None: ""}[row.met]
    return f"{row.name:46s} {figure:>7s} {row.unit:9s} {goal:>8s} {verdict:6s} {row.note}".rstrip()


def head(
    world: WorldOption = "forest",
    models: ModelsOption = "default",
    frames: Annotated[int, typer.Option("--frames", min=2, help="Pictures to measure on.")] = 40,
    runtimes: Annotated[
        bool, typer.Option("--runtimes", help="Compare torch, TorchScript, torch.compile, ONNX Runtime instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Head and tail of every branch on rendered pictures: milliseconds, and bytes on the wire."""
    from navisplit.evaluate.bench import bench_branches

    if runtimes:
        _runtimes(world, models, frames, as_json)
        return
    _print(bench_branches(world, models, frames), as_json)


def _runtimes(world: str, models: str, frames: int, as_json: bool) -> None:
    """Of the lightest and the richest branch: the others lie between."""
    from dataclasses import asdict

    from navisplit.evaluate.bench import pictures
    from navisplit.evaluate.runtimes import compare_runtimes
    from navisplit.nets.branch_set import load_branch_set

    branch_set = load_branch_set(models, runtime="torch")  # the others are made of it
    by_rate = sorted(branch_set.branches, key=lambda b: b.expected_bytes)
    timings = compare_runtimes(branch_set, pictures(world, frames), [by_rate[0].name, by_rate[-1].name])
    if as_json:
        typer.echo(json.dumps([asdict(t) for t in timings], indent=1))
        return
    for timing in timings:
        typer.echo(f"{timing.part:10s} {timing.runtime:14s} {timing.ms:8.3f} ms  {timing.note}")


def flight(
    trace: Annotated[Path, typer.Option("--trace", help="CSV of flights recorded in AirSim (docs/simulator.md).")],
    as_json: JsonOption = False,
) -> None:
    """Fly the manoeuvres of a recording of AirSim's SimpleFlight again: differences, and whether they are small."""
    from dataclasses import asdict

    from navisplit.sim.flight.trace_check import compare_all, read_traces, table

    found = compare_all(read_traces(trace))
    if as_json:
        typer.echo(json.dumps([{**asdict(each), "passed": each.passed} for each in found], indent=1))
    else:
        typer.echo(table(found))
    if not all(each.passed for each in found):
        raise typer.Exit(1)


def _print(tables: dict[str, dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(tables, indent=1))
        return
    for title, table in tables.items():
        typer.echo(title)
        for name, value in table.items():
            typer.echo(f"  {name:24s} {value:12.3f}" if isinstance(value, float) else f"  {name:24s} {value!s:>12s}")
