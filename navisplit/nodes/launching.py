"""From the graph as data to ROS launch actions; the files in ``launch/`` are one line of it each."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, OpaqueFunction
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription
from navisplit.arguments import Side, arguments_for
from navisplit.graph import MISSION, RESPAWN_DELAY_S, Graph, NodeSpec, flight_graph

REPORT_PATIENCE_S = "20"  # between SIGINT and SIGTERM: mission_node writes the report meanwhile


def launch_description(*sides: Side) -> LaunchDescription:
    """The launch of these sides' nodes, with every argument declared."""
    arguments = [
        DeclareLaunchArgument(argument.name, default_value=argument.default, description=argument.description)
        for argument in arguments_for(sides)
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_build, args=[sides])])


def _build(context: LaunchContext, sides: Iterable[Side]) -> list[Any]:
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in arguments_for(sides)}
    return launch_actions(flight_graph(values, stamp=time.strftime("%Y-%m-%d_%H-%M-%S"), sides=sides))


def launch_actions(graph: Graph) -> list[Any]:
    """Actions that start a graph. The end of a required process ends the launch, the last mission's where all fly."""
    flying = {spec.label for spec in graph.nodes if spec.executable == MISSION}

    def on_exit(spec: NodeSpec) -> Any:
        def ended(event: Any, context: LaunchContext) -> Any:
            flying.discard(spec.label)
            return _end(spec.label) if event.returncode != 0 or not flying else None

        return ended if spec.executable == MISSION else _on_exit(spec)

    actions: list[Any] = [_node(spec, on_exit(spec)) for spec in graph.nodes]
    if graph.simulator is not None:
        command = [sys.executable, "-m", "navisplit", *graph.simulator.arguments]
        patient = {"sigterm_timeout": REPORT_PATIENCE_S, "output": "screen"}
        actions.insert(0, ExecuteProcess(cmd=command, name="simulator", on_exit=_end("simulator"), **patient))
    return actions


def _node(spec: NodeSpec, on_exit: Any) -> Node:
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        parameters=[{name: _exact(value) for name, value in spec.parameters.items()}],
        remappings=list(spec.remappings),
        output="screen",
        sigterm_timeout=REPORT_PATIENCE_S,
        respawn=spec.respawn,
        respawn_delay=RESPAWN_DELAY_S,
        on_exit=on_exit,
    )


def _on_exit(spec: NodeSpec) -> Any:
    """What launch does at a process's end, beside starting a respawned one again (it does so whatever the end)."""
    if not spec.required:
        return None
    if not spec.respawn:
        return _end(spec.label)

    def on_exit(event: Any, _: LaunchContext) -> EmitEvent | None:
        return None if event.returncode < 0 else _end(spec.label)  # an error of its own would only come again

    return on_exit


def _exact(value: Any) -> Any:
    """Text stays text: launch would read '0' as a number."""
    return ParameterValue(value, value_type=str) if isinstance(value, str) else value


def _end(name: str) -> EmitEvent:
    return EmitEvent(event=Shutdown(reason=f"{name} has ended"))
