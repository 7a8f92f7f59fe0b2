"""Who flies in a launch: the names of its drones, and a plan for each, from the same arguments as one drone's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from navisplit.arguments import FlightPlan, absolute_namespace, floats, number_of
from navisplit.errors import UsageError

ANYONE = "*"


def drone_names(given: Mapping[str, str]) -> tuple[str, ...]:
    """Namespaces of the drones of a launch: (``*``,) for whoever sends. Raises UsageError."""
    text = given["drones"]
    if text == "1":
        return (absolute_namespace(given["namespace"]),)
    if text == ANYONE:
        return (ANYONE,)
    if text.isdigit():
        names = [f"drone_{k + 1}" for k in range(int(text))]
    else:
        names = [name.strip() for name in text.split(",")]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"drones: expected a number > 0, or different names with commas, got '{text}'.")
    return tuple(absolute_namespace(name) for name in names)


def seats(given: Mapping[str, str]) -> int:
    """How many drones the edge server serves; 0: no limit is given. Raises UsageError."""
    number = number_of(given, "max_drones", int)
    if number < 0:
        raise UsageError(f"max_drones: expected a number of drones, or 0, got '{given['max_drones']}'.")
    return number


def vehicle_name(namespace: str) -> str:
    """A drone's name in the simulator, and that of its folder."""
    return namespace.strip("/").replace("/", "_")


def plans_for(names: Sequence[str], given: Mapping[str, str], stamp: str) -> list[FlightPlan]:
    """One plan for each drone, on routes that meet. Raises as ``FlightPlan.from_arguments``."""
    plan = FlightPlan.from_arguments(given, stamp)
    if len(names) == 1:
        return [plan]
    if given["goal"] or given["airsim"]:
        one = "goal" if given["goal"] else "airsim"
        raise UsageError(f"drones: several fly routes of a world in our own simulator; leave {one} away.")
    return _together(plan, names)


def _together(plan: FlightPlan, names: Sequence[str]) -> list[FlightPlan]:
    """The plan's own route and others of its world. All share an airspace, as they share an edge server."""
    from navisplit.sim import worlds
    from navisplit.sim.worlds.company import company, shared_airspace

    routes = company(worlds.read_routes(worlds.routes_for(Path(plan.world))), plan.route_id, len(names))
    low, high = shared_airspace(routes)
    policy = plan.config.policy
    if low is not None and high is not None:
        policy = dataclasses.replace(policy, min_z_m=low, max_z_m=high)
    plans = []
    for name, route in zip(map(vehicle_name, names), routes, strict=True):
        record = Path(plan.record)
        plans.append(
            dataclasses.replace(
                plan,
                config=dataclasses.replace(plan.config, policy=policy),
                route_id=route.id,
                start=(*floats(route.start), float(route.start_yaw)),
                goal=floats(route.goal),
                length_m=float(route.length_m or 0.0),
                origin=floats(route.start),  # where our simulator puts it: that is its NED frame's origin
                record=str(record.with_name(f"{record.stem}_{name}{record.suffix}")) if plan.record else "",
                out=str(Path(plan.out, name)),
            )
        )
    return plans
