"""``navisplit fly``: one flight through the real ROS 2 nodes, from the same graph as ``launch/flight.launch.py``."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navisplit.arguments import ARGUMENTS, Side
from navisplit.errors import NaviSplitError

if TYPE_CHECKING:
    from rich.console import Console

HELP = {argument.name: argument.description[0].upper() + argument.description[1:] + "." for argument in ARGUMENTS}
INTERRUPTED = 1


def register(app: typer.Typer) -> None:
    """Add ``fly``."""
    app.command()(fly)


def fly(
    context: typer.Context,
    world: Annotated[str, typer.Option(help=HELP["world"])] = "forest",
    route: Annotated[int, typer.Option(help=HELP["route"])] = 0,
    goal: Annotated[tuple[float, float, float] | None, typer.Option(metavar="X Y Z", help=HELP["goal"])] = None,
    branch: Annotated[str | None, typer.Option(help=HELP["branch"])] = None,
    models: Annotated[str | None, typer.Option(help=HELP["models"])] = None,
    link: Annotated[str | None, typer.Option(help=HELP["link"])] = None,
    weather: Annotated[str | None, typer.Option(help=HELP["weather"])] = None,
    fault: Annotated[str | None, typer.Option(help=HELP["fault"])] = None,
    policy: Annotated[str | None, typer.Option(help=HELP["policy"])] = None,
    speed: Annotated[float | None, typer.Option(help=HELP["speed"])] = None,
    exit: Annotated[bool | None, typer.Option("--exit/--no-exit", help=HELP["exit"])] = None,
    config: Annotated[Path | None, typer.Option(help=HELP["config"])] = None,
    namespace: Annotated[str, typer.Option(help=HELP["namespace"])] = "drone_1",
    drones: Annotated[str, typer.Option(help=HELP["drones"])] = "1",
    max_drones: Annotated[int, typer.Option(help=HELP["max_drones"])] = 0,
    airsim: Annotated[str | None, typer.Option(metavar="HOST:PORT", help=HELP["airsim"])] = None,
    port: Annotated[int, typer.Option(help=HELP["port"])] = 41451,
    headless: Annotated[bool, typer.Option(help=HELP["headless"])] = True,
    view: Annotated[bool, typer.Option(help=HELP["view"])] = False,
    view_port: Annotated[int, typer.Option(help=HELP["view_port"])] = 8080,
    timeout: Annotated[float | None, typer.Option(help=HELP["timeout"])] = None,
    autostart: Annotated[bool, typer.Option(help=HELP["autostart"])] = True,
    respawn: Annotated[bool, typer.Option(help=HELP["respawn"])] = True,
    seed: Annotated[int, typer.Option(help=HELP["seed"])] = 0,
    record: Annotated[Path | None, typer.Option(help=HELP["record"])] = None,
    out: Annotated[Path | None, typer.Option(help=HELP["out"])] = None,
    side: Annotated[
        Side | None, typer.Option(help="Only this half of the flight; the other is on another machine.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the summary as JSON, the rest on stderr.")] = False,
) -> None:
    """Fly one route through the real ROS 2 nodes and write a report.

    Starts the simulator (unless --airsim names a running one), the vehicle's nodes and the edge server's node, and
    ends when the mission does; Ctrl-C ends the flight early and still writes the report. Exit code 0: the flight was
    flown and reported, whatever its outcome; 1: it could not be flown, or was interrupted; 2: wrong usage.

    With --side vehicle or --side edge it is what vehicle.launch.py and edge.launch.py start: two machines in one
    network and one ROS_DOMAIN_ID. The edge's half runs until Ctrl-C.
    """
    options = context.params
    given = {name: as_argument(options[name]) for name in HELP if options[name] is not None}
    if side is Side.EDGE:
        asked = {name for name in given if (s := context.get_parameter_source(name)) and s.name != "DEFAULT"}
        raise typer.Exit(_serve({name: given[name] for name in asked}))
    raise typer.Exit(_fly(given, json_output, (side,) if side else tuple(Side)))


def as_argument(value: Any) -> str:
    """An option's value as the text of a launch argument."""
    if isinstance(value, tuple):
        return " ".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _serve(given: Mapping[str, str]) -> int:
    """The edge's half, until it is interrupted."""
    from rich.console import Console

    from navisplit.cli.checks import check_before_flight
    from navisplit.cli.flight import Display, run_flight
    from navisplit.graph import flight_graph

    console = Console(highlight=False)
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    graph = flight_graph(given, stamp=stamp, sides=(Side.EDGE,))
    check_before_flight(graph)
    out = Path("runs", f"{stamp}_edge")
    console.print(f"Edge server, until Ctrl-C. Logs: {shown(out / 'log')}", markup=False, soft_wrap=True)
    display = StatusLine(console, lambda _: None)
    run_flight(graph, out, Display(display.message, display), alone=False)
    return 0


def _fly(given: Mapping[str, str], json_output: bool, sides: tuple[Side, ...]) -> int:
    from rich.console import Console

    from navisplit.cli.checks import check_before_flight
    from navisplit.cli.flight import Display, run_flight
    from navisplit.graph import MISSION, flight_graph

    console = Console(stderr=json_output, highlight=False)
    graph = flight_graph(given, stamp=time.strftime("%Y-%m-%d_%H-%M-%S"), sides=sides)
    check_before_flight(graph)
    missions = [spec.parameters for spec in graph.nodes if spec.executable == MISSION]
    out = Path(missions[0]["out"]).parent if len(missions) > 1 else Path(missions[0]["out"])
    console.print(f"{_aim(missions)}. Logs: {shown(out / 'log')}", markup=False, soft_wrap=True)
    with console.status("Starting the simulator and the nodes ...") as status:
        display = Display(
            lambda text: console.print(text, markup=False, soft_wrap=True), StatusLine(console, status.update)
        )
        complete = run_flight(graph, out, display, alone=Side.EDGE in sides)
    if not (out / "summary.json").is_file():
        if not complete:
            console.print("Interrupted before the flight began: there is nothing to report.")
            return INTERRUPTED
        raise NaviSplitError(f"The flight ended without a report: expected {out / 'summary.json'}. See {out / 'log'}.")
    if json_output:
        print((out / "summary.json").read_text(), end="")
    print_summary(console, out)
    return 0 if complete else INTERRUPTED


def _aim(missions: Sequence[Mapping[str, Any]]) -> str:
    first = missions[0]
    world = Path(first["world"]).stem or "of the running AirSim"
    routes = ", ".join(str(mission["route"]) for mission in missions)
    way = f"to {first['goal']}" if first["route"] < 0 else f"route {routes}"
    if len(missions) > 1:
        way = f"{len(missions)} drones on routes {routes}"
    return f"World {world}, {way}, branch {first['flight.branch']}, link {first['flight.link']}"


class StatusLine:
    """The newest status: in place on a terminal, a line every few seconds elsewhere."""

    PERIOD_S = 5.0

    def __init__(self, console: Console, update: Any) -> None:
        self._console = console
        self._update = update
        self._last_s = -self.PERIOD_S

    def message(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, markup=False, soft_wrap=True)

    def __call__(self, text: str) -> None:
        """Show the newest status."""
        if self._console.is_terminal:
            self._update(text)
        elif time.monotonic() - self._last_s >= self.PERIOD_S:
            self._last_s = time.monotonic()
            self.message(text)


def print_summary(console: Console, out: Path) -> None:
    """The flight in ten lines, from the files of its report."""
    summary = json.loads((out / "summary.json").read_text())
    with (out / "episodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    use = ", ".join(f"{name} {share:.0%}" for name, share in summary["branch_use"].items())
    latency = summary["latency_ms"]
    per_frame, per_metre = _number(summary["bytes_per_frame"]), _number(summary["bytes_per_metre"])
    facts = {
        **({name: _of_drone(drone) for name, drone in summary.get("drones", {}).items()} or _of_flight(rows[0])),
        "sent": f"{per_frame} B a frame, {per_metre} B a metre",
        "branches": use or "none",
        "camera to command": f"p50 {_number(latency['p50'])} ms, p95 {_number(latency['p95'])} ms",
        "report": shown(out / "report.html"),
    }
    for name, value in facts.items():
        console.print(f"{name:<19}{value}", markup=False, soft_wrap=True)


def _of_flight(row: Mapping[str, str]) -> dict[str, str]:
    detail = f" ({row['detail']})" if row["detail"] else ""
    return {
        "outcome": f"{row['outcome']}{detail}",
        "time": f"{float(row['time_s']):.1f} s",
        "path": f"{float(row['path_m']):.1f} m (shortest {float(row['shortest_m']):.1f} m)",
    }


def _of_drone(drone: Mapping[str, Any]) -> str:
    detail = f" ({drone['detail']})" if drone["detail"] else ""
    near = drone["nearest"]
    met = "" if near is None else f", {near['distance_m']:.1f} m from {near['drone']} at the nearest"
    flown = f"{drone['time_s']:.1f} s, {drone['path_m']:.1f} m"
    return f"{drone['outcome']}{detail}, route {drone['route_id']}, {flown}{met}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
