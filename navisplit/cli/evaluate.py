"""``navisplit evaluate``: offline flights, figures with intervals, a report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from navisplit.evaluate.episode import Episode
    from navisplit.evaluate.runner import Result


def evaluate(
    context: typer.Context,
    world: Annotated[str, typer.Option(help="A name of worlds/, or an .sdf file.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; an unfinished evaluation in it is resumed.")],
    routes: Annotated[str, typer.Option(help="The world's first N routes, or a .csv file.")] = "20",
    branch: Annotated[
        str,
        typer.Option(
            help="gate, a branch that `navisplit branches` lists, random, oracle-depth, or a method of `bench codec`: "
            "jpeg:40, webp:20/2, avif:30, crbq:b0, teacher:"
        ),
    ] = "gate",
    policy: Annotated[
        str, typer.Option(help="Policy of the edge: planner, reactive, learned or learned:FOLDER.")
    ] = "planner",
    link: Annotated[str, typer.Option(help="Radio: none, wifi-near, wifi-far, lte, lora.")] = "none",
    weather: Annotated[
        str, typer.Option(help="In place of the world's: rain=0.5,fog=0.2 (0..1), seed=7, or none.")
    ] = "",
    speed: Annotated[float, typer.Option(help="Cruise speed, m/s.")] = 3.0,
    models: Annotated[str, typer.Option(help="Branch set: a name of models/, or a folder.")] = "default",
    byte_weight: Annotated[float, typer.Option(help="The gate's price of bytes; 0 sends the best branch.")] = 1.0,
    max_bytes: Annotated[int, typer.Option(help="Trim each frame to this many bytes; 0 never does.", min=0)] = 0,
    config: Annotated[Path | None, typer.Option(help="YAML with settings of the flight; options go over it.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of links and random gates.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes to fly in.", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json on standard output.")] = False,
) -> None:
    """Fly routes offline, in simulated time, and write episodes.csv, summary.json and report.html."""
    from navisplit.config import FlightConfig, from_mapping
    from navisplit.evaluate.runner import Evaluation
    from navisplit.evaluate.runner import evaluate as run

    given = {"branch": branch, "models": models, "link": link, "byte_weight": byte_weight, "weather": weather}
    given["max_frame_bytes"] = max_bytes
    flight = from_mapping(FlightConfig, _merged(context, config, given, {"name": policy, "speed_mps": speed}))
    evaluation = Evaluation(world=world, routes=routes, flight=flight, seed=seed)
    with _Progress(quiet=as_json) as progress:
        result = run(evaluation, out, workers=workers, on_episode=progress.note)
    report = _write_report(result, out)
    if as_json:
        print(json.dumps(result.summary, indent=1))
    else:
        _print(result, report)
    if not result.complete:
        print(f"Stopped after {len(result.episodes)} flights; the same command resumes.", file=sys.stderr)
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def _merged(
    context: typer.Context, config: Path | None, given: dict[str, Any], policy: dict[str, Any]
) -> dict[str, Any]:
    """Settings of the file, and the options that were given over them."""
    if config is None:
        return {**given, "policy": policy}
    from navisplit.arguments import read_settings

    values = read_settings(config)
    names = {"name": "policy", "speed_mps": "speed"}  # of options, where they differ from the setting's

    def chosen(settings: dict[str, Any]) -> dict[str, Any]:
        sources = {key: context.get_parameter_source(names.get(key, key)) for key in settings}
        return {key: value for key, value in settings.items() if sources[key] and sources[key].name != "DEFAULT"}

    return {**values, **chosen(given), "policy": {**(values.get("policy") or {}), **chosen(policy)}}


def _write_report(result: Result, out: Path) -> Path:
    from navisplit.evaluate.report import write_report
    from navisplit.evaluate.topdown import survey_flights

    policy = result.summary["config"]["flight"]["policy"]
    return write_report(
        result.episodes, result.summary, out, survey_flights(result.query, result.episodes, policy["max_z_m"])
    )


def _print(result: Result, report: Path) -> None:
    from collections import Counter

    s = result.summary
    if not result.episodes:
        print("No flight was finished.")
        return
    low, high = s["success_ci95"]
    counts = ", ".join(f"{n} {o.value}" for o, n in Counter(e.outcome for e in result.episodes).items())
    age = {k: "-" if v is None else f"{v:.0f}" for k, v in s["latency_ms"].items()}
    use = ", ".join(f"{name} {share:.0%}" for name, share in s["branch_use"].items())
    print(f"success    {s['success_rate']:.1%}  (95 % interval {low:.1%} to {high:.1%}; {counts})")
    print(f"SPL        {s['spl']:.3f}")
    if s["bytes_per_frame"] is not None:
        print(f"bytes      {s['bytes_per_frame']:.0f} a frame, {s['bytes_per_metre'] or 0:.0f} a metre  ({use})")
    print(f"latency    p50 {age['p50']}, p95 {age['p95']}, p99 {age['p99']} ms")
    if s["real_time_factor"] is not None:
        print(f"real time  x{s['real_time_factor']:.1f}")
    print(f"report     {report}")


class _Progress:
    """A bar on standard error, where that is a terminal; a line for each flight elsewhere."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, quiet=quiet)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=quiet or not console.is_terminal)
        self._lines = not quiet and not console.is_terminal
        self._task = self._bar.add_task("loading", total=None)
        self._successes = self._flown = 0

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def note(self, episode: Episode, done: int, total: int) -> None:
        """One more flight."""
        self._flown += 1
        self._successes += episode.success
        text = f"{self._successes} of {self._flown} reached the goal"
        self._bar.update(self._task, completed=done, total=total, description=text)
        if self._lines:
            line = f"[{done}/{total}] route {episode.route_id}: {episode.outcome.value} {episode.detail}".rstrip()
            print(line, file=sys.stderr, flush=True)
