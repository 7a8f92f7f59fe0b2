"""Run a flight graph as plain processes: what ``ros2 launch`` does, where ROS's launch package is not installed."""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from navisplit.cli.processes import Child, Ended, Interrupted, Line, ProcessGroup
from navisplit.errors import NaviSplitError, SimulatorError, UsageError
from navisplit.graph import ENTRY_POINTS, Graph, NodeSpec

LOG_FORMAT = "[{severity}] {date_time_with_ms} {name}: {message}"
LOG_LINE = re.compile(r"\[(?P<severity>[A-Z]+)\] \S+ \S+ (?P<name>\S+): (?P<message>.*)")
SIMULATOR, MISSION = "simulator", "mission_node"
VIEW, READY = "view on ", "ready on "  # how the simulator begins the line that names its page, and its last one
STATUS_LOGGER = "status"  # last part of the logger's name on which mission_node tells how the flight goes
HIGHEST_SAFE_DOMAIN = 101  # above it, DDS ports run into Linux's ephemeral ones (ROS 2 documentation, "ROS_DOMAIN_ID")
REPORT_PATIENCE_S = (20.0, 3.0)  # mission_node writes the report after the first signal


@dataclass(frozen=True)
class Display:
    """Where the flight's news go."""

    message: Callable[[str], None]  # a line that stays
    status: Callable[[str], None]  # replaces the one before


def ros_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The children's environment: on this machine only and in a ROS domain of their own, unless the user chose."""
    child = {**environment, "PYTHONUNBUFFERED": "1", "RCUTILS_CONSOLE_OUTPUT_FORMAT": LOG_FORMAT}
    child.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    child.setdefault("ROS_DOMAIN_ID", str(random.SystemRandom().randint(1, HIGHEST_SAFE_DOMAIN)))
    child["RCUTILS_COLORIZED_OUTPUT"] = "0"
    return child


def node_command(spec: NodeSpec, parameters_file: Path) -> list[str]:
    """The command line that starts a node as ROS's launch would."""
    command = [sys.executable, "-m", ENTRY_POINTS, spec.executable, "--ros-args", "--disable-external-lib-logs"]
    command += ["-r", f"__node:={spec.name}", "-r", f"__ns:={spec.namespace}"]
    for topic, other in spec.remappings:
        command += ["-r", f"{topic}:={other}"]
    return [*command, "--params-file", str(parameters_file)]


def write_parameters(spec: NodeSpec, folder: Path) -> Path:
    """The node's parameters as a ROS parameter file (JSON is YAML)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{spec.name}.yaml"
    path.write_text(json.dumps({"/**": {"ros__parameters": dict(spec.parameters)}}, indent=2) + "\n")
    return path


def run_flight(graph: Graph, out: Path, display: Display) -> bool:
    """Start all processes, wait for the mission's end, bring all down. Returns whether it ended by itself.

    False: the user interrupted it (the report is written all the same). Raises NaviSplitError where a process that
    the flight needs has failed; no process is left behind either way.
    """
    environment = ros_environment(os.environ)
    display.message(f"ROS domain {environment['ROS_DOMAIN_ID']}: for ros2, and navisplit fault --domain")
    with ProcessGroup(out / "log", environment) as group, group.interrupts_as_events():
        if graph.simulator is not None:
            group.start(SIMULATOR, [sys.executable, "-m", "navisplit", *graph.simulator.arguments])
        nodes = [
            group.start(spec.name, node_command(spec, write_parameters(spec, out / "parameters")))
            for spec in graph.nodes
        ]
        required = {SIMULATOR} | {spec.name for spec in graph.nodes if spec.required}
        try:
            complete = _watch(group, required, display)
            if not complete:
                display.message("Interrupted: ending the flight, writing the report.")
                group.stop([child for child in nodes if child.name == MISSION], REPORT_PATIENCE_S)
        finally:
            group.stop(nodes)  # before the simulator: they talk to it to the last
        return complete


def _watch(group: ProcessGroup, required: set[str], display: Display) -> bool:
    """Pass on what happens until the mission has ended (True) or the user interrupts it (False)."""
    preparing = True  # the simulator, whose lines are news until it is ready; from then on the mission's are
    while True:
        event = group.next_event(0.5)
        if isinstance(event, Line):
            of_simulator = event.child.name == SIMULATOR
            if preparing or not of_simulator:
                show(event, display)
            preparing = preparing and not (of_simulator and event.text.startswith(READY))
        elif isinstance(event, Interrupted):
            return False
        elif isinstance(event, Ended) and event.child.name in required:
            if event.child.name == MISSION and event.exit_code == 0:
                return True
            raise failure(event)
        elif isinstance(event, Ended):
            display.message(f"{event.child.name} has ended (exit code {event.exit_code}); see {event.child.log}")


def show(line: Line, display: Display) -> None:
    """Pass on what mission and simulator say, and every node's warnings; the rest stays in the log."""
    match = LOG_LINE.fullmatch(line.text)
    if match is None:
        if line.child.name == SIMULATOR:
            tell = display.message if line.text.startswith(VIEW) else display.status
            tell(f"{SIMULATOR}: {line.text}")
        return
    message = match["message"]
    if match["name"].endswith("." + STATUS_LOGGER):
        display.status(message)
    elif match["severity"] in ("WARN", "ERROR", "FATAL"):
        display.message(f"{line.child.name}: {message}")
    elif line.child.name == MISSION:
        display.message(message)


def failure(event: Ended) -> NaviSplitError:
    """The error for a process that ended before the mission did: its own last word, and where to read more."""
    child = event.child
    kind = UsageError if event.exit_code == 2 else SimulatorError if child.name == SIMULATOR else NaviSplitError
    ended = f"{child.name} ended before the flight did (exit code {event.exit_code})"
    return kind(f"{ended}: {last_word(child.last_lines)}\nIts log: {child.log}")


def last_word(lines: Sequence[str]) -> str:
    """Why a program ended, from its last lines: its fatal message, or the last thing it said."""
    for text in reversed(lines):
        match = LOG_LINE.fullmatch(text)
        if match is not None and match["severity"] == "FATAL":
            return match["message"]
        if text.startswith("navisplit: "):
            return text.removeprefix("navisplit: ")
    return lines[-1] if lines else "it said nothing."


__all__ = ["Child", "Display", "run_flight"]
