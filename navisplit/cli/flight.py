"""Run a flight graph as plain processes: what ``ros2 launch`` does, where ROS's launch package is not installed."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from navisplit.cli.processes import Child, Ended, Interrupted, Line, ProcessGroup
from navisplit.errors import NaviSplitError, SimulatorError, UsageError
from navisplit.graph import ENTRY_POINTS, MISSION, RESPAWN_DELAY_S, Graph, NodeSpec

LOG_FORMAT = "[{severity}] {date_time_with_ms} {name}: {message}"
LOG_LINE = re.compile(r"\[(?P<severity>[A-Z]+)\] \S+ \S+ (?P<name>\S+): (?P<message>.*)")
SIMULATOR = "simulator"
VIEW, READY = "view on ", "ready on "  # how the simulator begins the line that names its page, and its last one
STATUS_LOGGER = "status"  # last part of the logger's name on which mission_node tells how the flight goes
HIGHEST_SAFE_DOMAIN = 101  # above it, DDS ports run into Linux's ephemeral ones (ROS 2 documentation, "ROS_DOMAIN_ID")
RESPAWNS = 5  # of one node in one flight
REPORT_PATIENCE_S = (20.0, 3.0)  # mission_node writes the report after the first signal


@dataclass(frozen=True)
class Display:
    """Where the flight's news go."""

    message: Callable[[str], None]  # a line that stays
    status: Callable[[str], None]  # replaces the one before


def ros_environment(environment: Mapping[str, str], *, alone: bool = True) -> dict[str, str]:
    """The children's environment, unless the user chose: on this machine only and in a ROS domain of their own.

    Not ``alone``, they look for the other half of the flight in the network, in ROS's usual domain.
    """
    child = {**environment, "PYTHONUNBUFFERED": "1", "RCUTILS_CONSOLE_OUTPUT_FORMAT": LOG_FORMAT}
    if alone:
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
    path = folder / f"{spec.label}.yaml"
    path.write_text(json.dumps({"/**": {"ros__parameters": dict(spec.parameters)}}, indent=2) + "\n")
    return path


def run_flight(graph: Graph, out: Path, display: Display, *, alone: bool = True) -> bool:
    """Start all processes, wait for the mission's end, bring all down. Returns whether it ended by itself.

    A graph without a mission, the edge's half, runs until it is interrupted. ``alone`` as in ``ros_environment``.
    False: the user interrupted it (the report is written all the same). Raises NaviSplitError where a process that
    the flight needs has failed; no process is left behind either way.
    """
    environment = ros_environment(os.environ, alone=alone)
    if alone:  # for ros2, navisplit nodes and navisplit fault --domain in another terminal
        display.message(f"ROS_DOMAIN_ID={environment['ROS_DOMAIN_ID']}")
    with ProcessGroup(out / "log", environment) as group, group.interrupts_as_events():
        if graph.simulator is not None:
            group.start(SIMULATOR, [sys.executable, "-m", "navisplit", *graph.simulator.arguments])

        def start(spec: NodeSpec) -> None:
            group.start(spec.label, node_command(spec, write_parameters(spec, out / "parameters")))

        for spec in graph.nodes:
            start(spec)
        try:
            complete = _watch(group, graph, Respawner(graph, start, display), display)
            if not complete and _has_mission(graph):
                display.message("Interrupted: ending the flight, writing the report.")
                group.stop([child for child in group.children if is_mission(child.name)], REPORT_PATIENCE_S)
        finally:  # before the simulator: they talk to it to the last
            group.stop([child for child in group.children if child.name != SIMULATOR])
        return complete


def is_mission(label: str) -> bool:
    """Whether that is a mission's process, of one drone or of one of many."""
    return label.rpartition(".")[2] == MISSION


def _has_mission(graph: Graph) -> bool:
    return any(spec.executable == MISSION for spec in graph.nodes)


class Respawner:
    """Starts nodes again that were killed: after a moment, and not for ever."""

    def __init__(self, graph: Graph, start: Callable[[NodeSpec], None], display: Display) -> None:
        self._specs = {spec.label: spec for spec in graph.nodes if spec.respawn}
        self._start, self._display = start, display
        self._left = dict.fromkeys(self._specs, RESPAWNS)
        self._due: list[tuple[float, NodeSpec]] = []

    def takes(self, event: Ended) -> bool:
        """Whether the node that has ended will be started again; one that failed with an error would do so again."""
        name = event.child.name
        if event.exit_code >= 0 or not self._left.get(name):
            return False
        self._left[name] -= 1
        self._due.append((time.monotonic() + RESPAWN_DELAY_S, self._specs[name]))
        self._display.message(f"{name} was killed (signal {-event.exit_code}); starting it again")
        return True

    def work(self) -> float:
        """Start what is due; how long to wait until the next look."""
        for due_s, spec in list(self._due):
            if time.monotonic() >= due_s:
                self._due.remove((due_s, spec))
                self._start(spec)
        return 0.05 if self._due else 0.5


def _watch(group: ProcessGroup, graph: Graph, respawner: Respawner, display: Display) -> bool:
    """Pass on what happens until all missions have ended (True) or the user interrupts them (False)."""
    required = {SIMULATOR} | {spec.label for spec in graph.nodes if spec.required or not _has_mission(graph)}
    flying = {spec.label for spec in graph.nodes if spec.executable == MISSION}
    preparing = True  # the simulator, whose lines are news until it is ready; from then on the mission's are
    while True:
        event = group.next_event(respawner.work())
        if isinstance(event, Line):
            of_simulator = event.child.name == SIMULATOR
            if preparing or not of_simulator:
                show(event, display)
            preparing = preparing and not (of_simulator and event.text.startswith(READY))
        elif isinstance(event, Interrupted):
            return False
        elif isinstance(event, Ended) and respawner.takes(event):
            pass
        elif isinstance(event, Ended) and event.child.name in required:
            if event.child.name not in flying or event.exit_code != 0:
                raise failure(event)
            flying = flying - {event.child.name}
            if not flying:
                return True
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
    drone = line.child.name.rpartition(".")[0]
    message = f"{drone}: {match['message']}" if drone and is_mission(line.child.name) else match["message"]
    if match["name"].endswith("." + STATUS_LOGGER):
        display.status(message)
    elif match["severity"] in ("WARN", "ERROR", "FATAL"):
        display.message(f"{line.child.name}: {match['message']}")
    elif is_mission(line.child.name):
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
