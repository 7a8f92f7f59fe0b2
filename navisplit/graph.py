"""The ROS graph of a flight, as data: which nodes, where, with which parameters and remappings.

``launch/*.launch.py`` turns it into ROS launch actions, ``navisplit fly`` into plain processes, both from the same
arguments (``navisplit.arguments``), so that they cannot drift apart. Nothing here imports ROS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from navisplit.arguments import FlightPlan, Side, completed, flight_config, truth
from navisplit.config import FlightConfig, to_mapping
from navisplit.errors import UsageError, nearest_name
from navisplit.formation import ANYONE, drone_names, plans_for, seats, vehicle_name
from navisplit.frames import swap_ned_enu

PACKAGE = "navisplit"
EDGE_NAMESPACE = "/edge"  # of an edge server that belongs to no one drone
MISSION = "mission_node"
ENTRY_POINTS = "navisplit.nodes.start"
OWN_SIMULATOR_S = 600.0  # it may have to compile its kernels first, on a slow machine that does other things too
OUTSIDE_SIMULATOR_S = 30.0
RESPAWN_DELAY_S = 0.5  # the edge has five seconds to be back before the guard lands
START_S = 300.0  # to take off, and for the edge server to load its models and compile its policy


@dataclass(frozen=True)
class NodeSpec:
    """One node: ``ros2 run navisplit <executable>``, or ``python -m navisplit.nodes.start <executable>``."""

    executable: str
    namespace: str
    side: Side
    parameters: Mapping[str, Any] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    required: bool = True  # its end is the end of the flight, where it is not started again
    respawn: bool = False  # started again when it is killed (by a signal), but not when it fails with an error
    package: str = PACKAGE
    label: str = ""  # unique in the graph: of its process, its log, its parameter file; empty: its name

    def __post_init__(self) -> None:
        """A node that is alone of its kind needs no other label than its name."""
        object.__setattr__(self, "label", self.label or self.name)

    @property
    def name(self) -> str:
        """Name in the ROS graph."""
        return self.executable


@dataclass(frozen=True)
class SimulatorSpec:
    """The simulator, which is a process but not a ROS node."""

    world: str
    port: int
    headless: bool
    view_port: int | None = None  # of the live view; None: without one
    weather: str = ""  # empty: as the world has it
    vehicles: tuple[tuple[str, tuple[float, float, float]], ...] = ()  # name, start NED m from the player start's

    @property
    def arguments(self) -> tuple[str, ...]:
        """Words after ``python -m navisplit``."""
        words = ["sim", "--world", self.world, "--port", str(self.port)]
        if self.headless:
            words.append("--headless")
        if self.view_port is not None:
            words += ["--view", "--view-port", str(self.view_port)]
        if self.weather:
            words += ["--weather", self.weather]
        if self.vehicles:
            entries = {name: dict(zip("XYZ", place, strict=True)) for name, place in self.vehicles}
            words += ["--settings", json.dumps({"Vehicles": entries})]
        return tuple(words)


@dataclass(frozen=True)
class Graph:
    """All processes of one launch."""

    nodes: tuple[NodeSpec, ...]
    simulator: SimulatorSpec | None = None

    def node(self, executable: str) -> NodeSpec:
        """The node of that executable. Raises UsageError where the graph has none."""
        for spec in self.nodes:
            if spec.executable == executable:
                return spec
        known = [spec.executable for spec in self.nodes]
        raise UsageError(f"No '{executable}' in this graph.{nearest_name(executable, known)}")


def flight_graph(values: Mapping[str, str], *, stamp: str, sides: Iterable[Side] = tuple(Side)) -> Graph:
    """The graph for launch arguments (text, as ROS passes them; missing ones take their default).

    ``stamp`` (date and time) names the default report folder. Raises UsageError, WorldError or RouteError.
    """
    sides = tuple(sides)
    given = completed(values, sides)
    graph = _graph(given, stamp, sides)
    autostart, respawn = truth(given, "autostart"), truth(given, "respawn")
    if autostart and respawn:
        return graph
    nodes = [
        replace(
            spec,
            parameters=spec.parameters if autostart else {**spec.parameters, "autostart": False},
            respawn=spec.respawn and respawn,
        )
        for spec in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def _graph(given: Mapping[str, str], stamp: str, sides: tuple[Side, ...]) -> Graph:
    names = drone_names(given)
    if Side.VEHICLE not in sides:
        return Graph((_tail(names, flight_config(given), seats(given)),))
    if names == (ANYONE,):
        raise UsageError("drones: * is for an edge server alone; expected how many fly here, or their names.")
    plans = plans_for(names, given, stamp)
    nodes = [node for name, plan in zip(names, plans, strict=True) for node in _vehicle(name, names, plan, sides)]
    if Side.EDGE in sides:
        nodes.append(_tail(names, plans[0].config, seats(given)))
    return Graph(tuple(nodes), _simulator(names, plans) if plans[0].own_simulator else None)


def _vehicle(namespace: str, names: Sequence[str], plan: FlightPlan, sides: tuple[Side, ...]) -> list[NodeSpec]:
    """The nodes of one drone."""
    nodes = [_airsim(namespace, plan), _head(namespace, plan.config), _guard(namespace, plan.config)]
    if plan.config.link != "none":
        nodes.append(_link(namespace, plan))
    nodes.append(_mission(namespace, plan, edge_is_here=Side.EDGE in sides))
    if len(names) == 1:
        return nodes
    airsim, mission, name = nodes[0], nodes[-1], vehicle_name(namespace)
    # Frames of all drones have the same names, so each has a tree of its own, and one of them tells the time.
    own = [("/tf", "tf"), ("/tf_static", "tf_static")] + [("/clock", "clock")] * (namespace != names[0])
    nodes[0] = replace(airsim, parameters={**airsim.parameters, "vehicle": name}, remappings=tuple(own))
    fleet = ",".join(map(vehicle_name, names))
    nodes[-1] = replace(mission, parameters={**mission.parameters, "fleet": fleet})
    return [replace(node, label=f"{name}.{node.name}") for node in nodes]


def _simulator(names: Sequence[str], plans: Sequence[FlightPlan]) -> SimulatorSpec:
    plan = plans[0]
    view_port = plan.view_port if plan.view else None
    return SimulatorSpec(plan.world, plan.port, plan.headless, view_port, plan.config.weather, _starts(names, plans))


def _starts(names: Sequence[str], plans: Sequence[FlightPlan]) -> tuple[tuple[str, tuple[float, float, float]], ...]:
    if len(names) == 1:
        return ()
    from navisplit.sim.worlds import player_start

    zero = player_start(plans[0].world).position
    places = [swap_ned_enu(np.array(plan.origin) - zero).tolist() for plan in plans]
    return tuple((vehicle_name(name), (x, y, z)) for name, (x, y, z) in zip(names, places, strict=True))


def _airsim(namespace: str, plan: FlightPlan) -> NodeSpec:
    parameters = {
        "host": plan.host,
        "port": plan.port,
        "origin": list(plan.origin),
        "connect_timeout_s": _patience_s(plan),
        "show_branch": plan.view,
        **_camera(plan.config),
        **_start(plan),
    }
    return NodeSpec("airsim_node", namespace, Side.VEHICLE, parameters)


def _head(namespace: str, config: FlightConfig) -> NodeSpec:
    parameters = {"models": config.models, "branch": config.branch, "byte_weight": config.byte_weight}
    parameters |= {"max_frame_bytes": config.max_frame_bytes, "exit": config.exit}
    parameters["cruise_mps"] = config.policy.speed_mps  # of which the exit flies a part
    # The guard's limits too: a gate may skip a frame only while the guard does not brake for it.
    return NodeSpec(
        "head_node", namespace, Side.VEHICLE, {**parameters, **_camera(config), **_guard_limits(config)}, respawn=True
    )


def _guard(namespace: str, config: FlightConfig) -> NodeSpec:
    parameters = {**_guard_limits(config), "rate_hz": config.timing.guard_rate_hz}
    return NodeSpec("guard_node", namespace, Side.VEHICLE, parameters, respawn=True)


def _link(namespace: str, plan: FlightPlan) -> NodeSpec:
    parameters = {"profile": plan.config.link, "seed": plan.seed}
    return NodeSpec("link_node", namespace, Side.VEHICLE, parameters, required=False, respawn=True)


def _tail(names: Sequence[str], config: FlightConfig, max_drones: int) -> NodeSpec:
    # Without an emulated radio nothing stands between the two machines: the edge listens to the vehicle directly.
    parameters = {
        "models": config.models,
        "direct": config.link == "none",
        **_camera(config),
        **flatten(to_mapping(config.policy), "policy"),
    }
    if len(names) > 1 or names == (ANYONE,):
        expected = 0 if names == (ANYONE,) else len(names)
        parameters |= {"drones": ",".join(names), "fleet.max_drones": max_drones or expected}
        parameters["fleet.rate_hz"] = config.camera.rate_hz
    namespace = names[0] if len(names) == 1 and names != (ANYONE,) else EDGE_NAMESPACE
    # Not required: the vehicle must come down safely without its edge server, and the report must tell of it.
    return NodeSpec("tail_node", namespace, Side.EDGE, parameters, required=False, respawn=True)


def _mission(namespace: str, plan: FlightPlan, edge_is_here: bool) -> NodeSpec:
    parameters: dict[str, Any] = {
        "world": plan.world,
        "route": plan.route_id,
        "goal": list(plan.goal),
        "length_m": plan.length_m,
        "out": plan.out,
        "record": plan.record,
        "edge_topics": edge_is_here,  # depth for people would fill the radio that the features need
        "start_timeout_s": _patience_s(plan) + START_S,
        **_start(plan),
        **flatten(to_mapping(plan.config), "flight"),  # all of it goes into the report
    }
    if plan.timeout_s is not None:
        parameters["timeout_s"] = plan.timeout_s
    return NodeSpec(MISSION, namespace, Side.VEHICLE, parameters)


def _patience_s(plan: FlightPlan) -> float:
    return OWN_SIMULATOR_S if plan.own_simulator else OUTSIDE_SIMULATOR_S


def _start(plan: FlightPlan) -> dict[str, Any]:
    return {"start": list(plan.start)} if plan.start else {}  # ROS has no empty array of numbers


def _camera(config: FlightConfig) -> dict[str, Any]:
    return flatten(to_mapping(config.camera), "camera")


def _guard_limits(config: FlightConfig) -> dict[str, Any]:
    return flatten(to_mapping(config.guard), "guard")


def flatten(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Nested settings as dotted ROS parameter names: {"rate_hz": 10.0}, "camera" -> {"camera.rate_hz": 10.0}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        flat.update(flatten(value, name) if isinstance(value, Mapping) else {name: value})
    return flat
