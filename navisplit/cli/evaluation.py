"""What ``navisplit evaluate`` and ``navisplit sweep`` have in common: their options, and how flights are told of."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navisplit.errors import UsageError

if TYPE_CHECKING:
    from navisplit.config import FlightConfig
    from navisplit.evaluate.episode import Episode
    from navisplit.evaluate.runner import Result

WorldOption = Annotated[
    list[str],
    typer.Option(
        help="A name of worlds/, an .sdf file, or new worlds of a family by their seeds: forest:9500..9509, "
        "with options urban:7,density=1.4. Several times for several."
    ),
]
RoutesOption = Annotated[
    str, typer.Option(help="This many routes, shared among the worlds (the first of each), or a .csv file.")
]
LengthOption = Annotated[
    tuple[float, float], typer.Option("--length", help="Straight-line distances of routes through new worlds, m.")
]
BranchOption = Annotated[
    str,
    typer.Option(
        help="gate; a branch that `navisplit branches` lists; heuristic; random, random:b0=0.5,skip=0.5 or random:DIR "
        "(at the rates of an evaluation); oracle-depth; a method of `bench codec`: jpeg:40, webp:20/2, teacher:"
    ),
]
PolicyOption = Annotated[str, typer.Option(help="Policy of the edge: planner, reactive, learned or learned:FOLDER.")]
LinkOption = Annotated[
    str,
    typer.Option(
        help="Radio: none, wifi-near, wifi-far, lte, lora; mine.yaml:NAME; a trace radio.csv; with changes: "
        "lte,latency=80ms,loss=0.1,burst=0.3 or outage=1,every=4,backlog=1 (docs/link.md)."
    ),
]
WeatherOption = Annotated[str, typer.Option(help="In place of the world's: rain=0.5,fog=0.2 (0..1), seed=7, or none.")]
FaultOption = Annotated[
    str,
    typer.Option(
        help="Faults to order, UNIT:KIND[@START][+SECONDS]: camera:stuck@5+2,link:off@8. See docs/safety.md.",
    ),
]
SpeedOption = Annotated[float, typer.Option(help="Cruise speed, m/s.")]
ModelsOption = Annotated[str, typer.Option(help="Branch set: a name of models/, or a folder.")]
ByteWeightOption = Annotated[float, typer.Option(help="The gate's price of bytes; 0 sends the best branch.")]
MaxBytesOption = Annotated[int, typer.Option(help="Trim each frame to this many bytes; 0 never does.", min=0)]
ExitOption = Annotated[
    bool, typer.Option("--exit/--no-exit", help="While the edge is silent: fly the set's on-board exit, or brake.")
]
ConfigOption = Annotated[Path | None, typer.Option(help="YAML with settings of the flight; options go over it.")]
SeedOption = Annotated[int, typer.Option(help="Seed of links and random gates.", min=0)]
WorkersOption = Annotated[
    str, typer.Option(help="Processes to fly in, auto (one a core), ray (Ray on this machine) or ray:ADDRESS.")
]


def flight_config(context: typer.Context) -> FlightConfig:
    """The flight that a command's options describe, over those of its --config. Raises ConfigError."""
    from navisplit.config import FlightConfig, from_mapping

    options = context.params
    branch = with_rates(options["branch"])
    given = {"branch": branch, **{name: options[name] for name in ("models", "link", "byte_weight", "exit", "weather")}}
    given.update(max_frame_bytes=options["max_bytes"], faults=options["fault"])
    policy = {"name": options["policy"], "speed_mps": options["speed"]}
    return from_mapping(FlightConfig, _merged(context, options["config"], given, policy))


def with_rates(branch: str) -> str:
    """``random:DIR`` as the rates of the evaluation in that folder, so that a result says what was flown."""
    kind, _, folder = branch.partition(":")
    if kind != "random" or not folder or "=" in folder:
        return branch
    try:
        use = json.loads((Path(folder) / "summary.json").read_text())["branch_use"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"--branch {branch}: expected NAME=SHARE,... or the folder of an evaluation; {folder} is none ({error})."
        ) from error
    return "random:" + ",".join(f"{name}={share:.4f}" for name, share in use.items())


def _merged(
    context: typer.Context, config: Path | None, given: dict[str, Any], policy: dict[str, Any]
) -> dict[str, Any]:
    """Settings of the file, and the options that were given over them."""
    if config is None:
        return {**given, "policy": policy}
    from navisplit.arguments import read_settings

    values = read_settings(config)
    names = {
        "name": "policy",
        "speed_mps": "speed",
        "max_frame_bytes": "max_bytes",
        "faults": "fault",
    }  # of options of another name

    def chosen(settings: dict[str, Any]) -> dict[str, Any]:
        sources = {key: context.get_parameter_source(names.get(key, key)) for key in settings}
        return {key: value for key, value in settings.items() if sources[key] and sources[key].name != "DEFAULT"}

    return {**values, **chosen(given), "policy": {**(values.get("policy") or {}), **chosen(policy)}}


def write_report(result: Result, out: Path) -> Path:
    """The report of an evaluation, with a map of each world."""
    from navisplit.evaluate.fleet import Hangar
    from navisplit.evaluate.report import write_report as write
    from navisplit.evaluate.topdown import survey_flights

    ceiling_m = result.summary["config"]["flight"]["policy"]["max_z_m"]
    hangar, maps = Hangar(), {}
    for site in result.sites:
        flown = [e for e in result.episodes if e.world == site.name]
        top_down = survey_flights(hangar.query(site), flown, ceiling_m) if flown else None
        if top_down is not None:
            maps[site.name] = top_down
    return write(result.episodes, result.summary, out, maps)


def print_result(result: Result, report: Path) -> None:
    """An evaluation in a few lines."""
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


class Progress:
    """A bar on standard error, where that is a terminal; a line for each flight elsewhere."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True, quiet=quiet)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, disable=quiet or not console.is_terminal)
        self._lines = not quiet and not console.is_terminal
        self._task = self._bar.add_task("loading", total=None)
        self._successes = self._flown = 0
        self._name = ""

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def begin(self, name: str) -> None:
        """Another evaluation of a sweep."""
        self._name, self._successes, self._flown = f"{name}  ", 0, 0
        self._bar.reset(self._task, description=name, total=None)
        if self._lines:
            print(name, file=sys.stderr, flush=True)

    def note(self, episode: Episode, done: int, total: int) -> None:
        """One more flight."""
        self._flown += 1
        self._successes += episode.success
        text = f"{self._name}{self._successes} of {self._flown} reached the goal"
        self._bar.update(self._task, completed=done, total=total, description=text)
        if self._lines:
            where = f"{episode.world} route {episode.route_id}".strip()
            line = f"[{done}/{total}] {where}: {episode.outcome.value} {episode.detail}".rstrip()
            print(line, file=sys.stderr, flush=True)
