"""``navisplit bench loop``: from the camera to the command, and how many drones one edge server answers.

Times are of the wall clock: with other work on the machine they are upper bounds.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navisplit.errors import NaviSplitError

if TYPE_CHECKING:
    from navisplit.evaluate.edge_load import LoadRow
    from navisplit.evaluate.loop_stages import LoopTimes

NOTE = "Wall clock, all processes on this machine: with other work on it these are upper bounds."


def loop(
    world: Annotated[str, typer.Option("--world", help="A name of worlds/, or an .sdf file.")] = "forest",
    models: Annotated[str, typer.Option("--models", help="Branch set: a name of models/, or a folder.")] = "default",
    branch: Annotated[str, typer.Option("--branch", help="gate, or a branch.")] = "gate",
    rate: Annotated[float, typer.Option("--rate", min=1.0, help="Pictures a second to ask for.")] = 20.0,
    seconds: Annotated[float, typer.Option("--seconds", min=3.0, help="Simulated seconds of flight.")] = 20.0,
    port: Annotated[int, typer.Option("--port", help="Port of the simulator.")] = 41451,
    drones: Annotated[
        int, typer.Option("--drones", min=0, help="Instead: one edge server, and 1, 2, 4 .. this many drones at 10 Hz.")
    ] = 0,
    max_drones: Annotated[
        int, typer.Option("--max-drones", min=0, help="With --drones: its limit; 0: what it finds it can answer.")
    ] = 0,
    offline: Annotated[
        bool, typer.Option("--offline", help="Instead: one offline flight, CPU time of each stage, no processes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Camera to command through the real ROS processes and the simulator, stage by stage, beside its targets."""
    if offline:
        from navisplit.evaluate.bench import bench_loop

        figures: dict[str, Any] = {"loop": bench_loop(world, models, branch)}
        _print_figures(figures["loop"], figures, as_json)
    elif drones:
        _edge(models, world, branch, drones, max_drones, as_json)
    else:
        _live(world, models, branch, rate, seconds, port, as_json)


def _print_figures(values: dict[str, float], whole: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(whole, indent=1))
        return
    typer.echo("loop")
    for name, value in values.items():
        typer.echo(f"  {name:24s} {value:12.3f}")


def _live(world: str, models: str, branch: str, rate: float, seconds: float, port: int, as_json: bool) -> None:
    from navisplit.cli.checks import check_before_flight
    from navisplit.cli.flight import Display, run_flight
    from navisplit.evaluate.loop_stages import loop_times
    from navisplit.graph import flight_graph
    from navisplit.tracing import TRACE_VARIABLE, read_spans

    with tempfile.TemporaryDirectory(prefix="navisplit_loop_") as folder, _environment(TRACE_VARIABLE, folder):
        out = Path(folder) / "flight"
        settings = Path(folder) / "flight.yaml"
        settings.write_text(f"camera: {{rate_hz: {rate}}}\n")
        given = {"world": world, "models": models, "branch": branch, "port": str(port), "config": str(settings)}
        graph = flight_graph({**given, "timeout": str(seconds), "out": str(out)}, stamp="")
        check_before_flight(graph)
        typer.echo(f"flying {seconds:g} s at {rate:g} pictures a second ...", err=True)
        run_flight(graph, out, Display(_tell, lambda text: None))
        times = loop_times(read_spans(Path(folder)))
    if times is None:
        raise NaviSplitError("No frame crossed the whole loop: expected answers and commands. Try more --seconds.")
    if as_json:
        typer.echo(json.dumps({"loop": times.as_dict(), "note": NOTE}, indent=1))
    else:
        _print_loop(times)


def _tell(text: str) -> None:
    typer.echo(text, err=True)


def _print_loop(times: LoopTimes) -> None:
    from navisplit.evaluate.loop_stages import OVERHEAD, P50_MS, P99_MS, RATE_HZ

    typer.echo(f"{'stage':28s} {'p50 ms':>8s} {'p95 ms':>8s} {'p99 ms':>8s}")
    for row in (*times.stages, times.total):
        typer.echo(f"{row.name:28s} {row.p50_ms:8.2f} {row.p95_ms:8.2f} {row.p99_ms:8.2f}")
    goals = (
        ("camera to command, p50", times.total.p50_ms, "ms", P50_MS, True),
        ("camera to command, p99", times.total.p99_ms, "ms", P99_MS, True),
        ("pictures a second", times.rate_hz, "Hz", RATE_HZ, False),
        ("neither rendering nor networks", times.overhead, "share", OVERHEAD, True),
    )
    for name, value, unit, target, at_most in goals:
        met = value <= target if at_most else value >= target
        goal = f"{'<=' if at_most else '>='} {target:g}"
        typer.echo(f"{name:34s} {value:8.3g} {unit:6s} {goal:>8s} {'met' if met else 'MISSED'}")
    lost = times.pictures - times.frames - times.skipped
    typer.echo(f"{times.pictures} pictures: {times.frames} answered, {times.skipped} skipped, {lost} others. {NOTE}")


def _edge(models: str, world: str, branch: str, drones: int, max_drones: int, as_json: bool) -> None:
    from navisplit.cli.edge_load import measure

    rows = []
    if not as_json:
        head = f"{'drones':>6s} {'served':>6s} {'refused':>7s} {'Hz each (least)':>16s} {'p50 ms':>8s} {'p99 ms':>8s}"
        typer.echo(f"{head} {'edge CPU':>8s} {'10 Hz drones a core':>20s}")
    for row in measure(models, world, branch, drones, max_drones, _tell):
        rows.append(row)
        if not as_json:
            typer.echo(_load_line(row))
    if as_json:
        typer.echo(json.dumps({"edge": [row.as_dict() for row in rows], "note": NOTE}, indent=1))
    else:
        typer.echo(NOTE)


def _load_line(row: LoadRow) -> str:
    each = f"{row.rate_mean_hz:.1f} ({row.rate_least_hz:.1f})"
    return (
        f"{row.drones:6d} {row.served:6d} {row.refused:7d} {each:>16s} {row.p50_ms:8.1f} {row.p99_ms:8.1f} "
        f"{row.cpu:8.0%} {row.drones_per_core:20.1f}"
    )


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable that child processes inherit, while in this block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
