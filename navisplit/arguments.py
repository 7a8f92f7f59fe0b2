"""The arguments of a flight, for ``ros2 launch`` and ``navisplit fly`` alike, and what they mean.

Both pass text; ``FlightPlan.from_arguments`` turns it into a checked plan: configuration, world, route, addresses.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from navisplit.config import FlightConfig, from_mapping
from navisplit.errors import ConfigError, RouteError, UsageError, nearest_name


class Side(enum.Enum):
    """The machine on which a node runs."""

    VEHICLE = "vehicle"
    EDGE = "edge"


BOTH = frozenset(Side)
VEHICLE_ONLY = frozenset({Side.VEHICLE})


@dataclass(frozen=True)
class Argument:
    """One argument. An empty default means "as the configuration has it"."""

    name: str
    default: str
    description: str
    sides: frozenset[Side] = VEHICLE_ONLY


ARGUMENTS: tuple[Argument, ...] = (
    Argument("world", "forest", "world to fly in: a name of worlds/, or an .sdf file"),
    Argument("route", "0", "id of a route of the world's .routes.csv"),
    Argument("goal", "", "'X Y Z' in the map (ENU, m) to fly to from where the vehicle is, in place of a route"),
    Argument("branch", "", "what the head sends: gate, or a name that `navisplit branches` lists (default: gate)"),
    Argument("models", "", "branch set: a name of models/, or a folder (default: default)", BOTH),
    Argument(
        "link",
        "",
        "emulated radio: none, wifi-near, wifi-far, lte, lora; lte,loss=0.1; mine.yaml:NAME; radio.csv (default: none)",
        BOTH,
    ),
    Argument(
        "weather", "", "weather of our simulator, in place of the world's: rain=0.5,fog=0.2 (0..1), seed=7, or none"
    ),
    Argument("fault", "", "faults to order in flight: camera:stuck@5+2,link:off@8 (docs/safety.md)"),
    Argument(
        "policy", "", "policy of the edge server: planner, reactive, learned or learned:FOLDER (default: planner)", BOTH
    ),
    Argument("speed", "", "cruise speed in m/s (default: 3.0)", BOTH),
    Argument("exit", "", "true: while the edge is silent, fly the branch set's on-board exit (default: true)"),
    Argument("config", "", "YAML file with settings of the flight, as config/flight.yaml", BOTH),
    Argument("namespace", "drone_1", "namespace of the vehicle's topics", BOTH),
    Argument(
        "drones",
        "1",
        "how many fly at once (drone_1, drone_2, ..), or their names with commas; edge alone: also * for whoever sends",
        BOTH,
    ),
    Argument("max_drones", "0", "drones that the edge server serves; 0: all of drones, of * what it can answer", BOTH),
    Argument("airsim", "", "HOST:PORT of a running AirSim; empty: start our simulator"),
    Argument("port", "41451", "port of our simulator on 127.0.0.1"),
    Argument("headless", "true", "start our simulator without a status line on the terminal"),
    Argument("view", "false", "show our simulator live on a page for a browser; an AirSim shows branch and bytes"),
    Argument("view_port", "8080", "port of that page on 127.0.0.1"),
    Argument("timeout", "", "simulated seconds after which the flight has failed (default: by the route's length)"),
    Argument("autostart", "true", "configure and activate the nodes; false: wait for `ros2 lifecycle set`", BOTH),
    Argument("respawn", "true", "start head, guard, link and tail again when they are killed in flight", BOTH),
    Argument("seed", "0", "seed of the emulated radio"),
    Argument("record", "", "MCAP bag to write; empty: none"),
    Argument("out", "", "folder for the report (default: runs/<date and time>)"),
)


def arguments_for(sides: Iterable[Side]) -> tuple[Argument, ...]:
    """The arguments that mean something on these sides."""
    wanted = frozenset(sides)
    return tuple(argument for argument in ARGUMENTS if argument.sides & wanted)


def completed(values: Mapping[str, str], sides: Iterable[Side]) -> dict[str, str]:
    """The values with defaults where they are missing. Raises UsageError on a name that is not an argument."""
    known = {argument.name: argument.default for argument in arguments_for(sides)}
    for name in values:
        if name not in known:
            raise UsageError(f"There is no argument '{name}'.{nearest_name(name, known)}")
    return {name: str(values.get(name, default)).strip() for name, default in known.items()}


def absolute_namespace(text: str) -> str:
    """``drone_1`` to ``/drone_1``. Raises UsageError where ROS would not take it."""
    if not re.fullmatch(r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*/?", text, re.ASCII):
        raise UsageError(f"namespace: expected a name of letters, digits and _, such as drone_1, got '{text}'.")
    return "/" + text.strip("/")


@dataclass(frozen=True)
class FlightPlan:
    """Where a flight goes and what flies it: the vehicle's arguments, resolved and checked."""

    config: FlightConfig
    world: str  # path; empty where an outside AirSim and a goal need none
    route_id: int  # -1 for a goal without a route
    start: tuple[float, ...]  # x, y, z, yaw; empty: from where the vehicle is
    goal: tuple[float, ...]  # x, y, z
    length_m: float  # 0 where unknown
    origin: tuple[float, ...]  # AirSim's NED origin in the map
    host: str
    port: int
    own_simulator: bool
    headless: bool
    view: bool
    view_port: int
    timeout_s: float | None
    seed: int
    record: str  # absolute path, or empty
    out: str  # absolute path

    @classmethod
    def from_arguments(cls, given: Mapping[str, str], stamp: str) -> FlightPlan:
        """Check and resolve; ``stamp`` names the default report folder. Raises UsageError, WorldError, RouteError."""
        config = flight_config(given)
        if config.weather and given["airsim"]:
            raise UsageError(
                "weather: only our own simulator gets it; in a running one set it by simSetWeatherParameter."
            )
        host, port = _address(given["airsim"]) if given["airsim"] else ("127.0.0.1", _port(given["port"]))
        common: dict[str, Any] = {
            "host": host,
            "port": port,
            "own_simulator": not given["airsim"],
            "headless": truth(given, "headless"),
            "view": truth(given, "view"),
            "view_port": _port(given["view_port"], "view_port", "The page's own is 8080."),
            "timeout_s": _seconds(given, "timeout") if given["timeout"] else None,
            "seed": number_of(given, "seed", int),
            "record": _absolute(given["record"]) if given["record"] else "",
            "out": _absolute(given["out"] or Path("runs", stamp)),
        }
        if given["goal"]:
            return cls(config=config, **common, **_to_goal(given, config))
        return _along_route(given, config, common)


def _to_goal(given: Mapping[str, str], config: FlightConfig) -> dict[str, Any]:
    where = {"route_id": -1, "start": (), "goal": _vector(given["goal"]), "length_m": 0.0}
    low, high = config.policy.min_z_m, config.policy.max_z_m
    if not low <= where["goal"][2] <= high:
        raise RouteError(
            f"goal: z = {where['goal'][2]:g} m is outside the airspace, {low:g} to {high:g} m; choose another goal, "
            "or other limits (policy.min_z_m and max_z_m in --config)."
        )
    if given["airsim"]:  # a world that only that AirSim knows: its origin is the map's
        return {**where, "world": "", "origin": (0.0, 0.0, 0.0)}
    from navisplit.sim import worlds

    path = worlds.find_world(given["world"])
    return {**where, "world": str(path.absolute()), "origin": floats(worlds.player_start(path).position)}


def _along_route(given: Mapping[str, str], config: FlightConfig, common: dict[str, Any]) -> FlightPlan:
    from navisplit.sim import worlds

    path = worlds.find_world(given["world"])
    route_id = number_of(given, "route", int)
    routes = {route.id: route for route in worlds.read_routes(worlds.routes_for(path))}
    if route_id not in routes:
        raise RouteError(f"World {path.stem} has no route {route_id}: its ids go from {min(routes)} to {max(routes)}.")
    route = routes[route_id]
    if route.min_z is not None and route.max_z is not None:
        policy = dataclasses.replace(config.policy, min_z_m=float(route.min_z), max_z_m=float(route.max_z))
        config = dataclasses.replace(config, policy=policy)
    return FlightPlan(
        config=config,
        world=str(path.absolute()),
        route_id=route_id,
        start=(*floats(route.start), float(route.start_yaw)),
        goal=floats(route.goal),
        length_m=float(route.length_m or 0.0),
        origin=floats(worlds.player_start(path).position),
        **common,
    )


def flight_config(given: Mapping[str, str]) -> FlightConfig:
    """The configuration file, then the arguments over it. Raises ConfigError."""
    values = read_settings(Path(given["config"])) if given["config"] else {}
    values.update({name: given[name] for name in ("branch", "models", "link", "weather") if given.get(name)})
    if given.get("exit"):
        values["exit"] = truth(given, "exit")
    if given.get("fault"):
        values["faults"] = given["fault"]
    policy = dict(values.get("policy") or {})
    if given["policy"]:
        policy["name"] = given["policy"]
    if given["speed"]:
        policy["speed_mps"] = number_of(given, "speed", float)
    return from_mapping(FlightConfig, {**values, "policy": policy} if policy else values)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a YAML file. Raises ConfigError where it is missing or not a mapping."""
    import yaml

    try:
        values = yaml.safe_load(path.expanduser().read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error}. See config/flight.yaml for one.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected settings as 'name: value', found {type(values).__name__}.")
    return values


def number_of(given: Mapping[str, str], name: str, kind: type) -> Any:
    """An argument as a number. Raises UsageError."""
    try:
        return kind(given[name])
    except ValueError:
        word = "a whole number" if kind is int else "a number"
        raise UsageError(f"{name}: expected {word}, got '{given[name]}'.") from None


def _seconds(given: Mapping[str, str], name: str) -> float:
    value = number_of(given, name, float)
    if not 0 < value < math.inf:
        raise UsageError(f"{name}: expected seconds > 0, got '{given[name]}'.")
    return value


def truth(given: Mapping[str, str], name: str) -> bool:
    """An argument that is true or false. Raises UsageError on another word."""
    value = given[name].lower()
    if value not in ("true", "false"):
        raise UsageError(f"{name}: expected true or false, got '{given[name]}'.")
    return value == "true"


def _vector(text: str) -> tuple[float, ...]:
    try:
        values = floats(text.replace(",", " ").split())
    except ValueError:
        values = ()
    if len(values) != 3 or not all(map(math.isfinite, values)):
        raise UsageError(f"goal: expected three finite numbers 'X Y Z' (ENU, m), got '{text}'.")
    return values


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host:
        raise UsageError(f"airsim: expected HOST:PORT, got '{text}'. AirSim's own port is 41451.")
    return host, _port(port)


def _port(text: str, name: str = "port", hint: str = "AirSim's own is 41451.") -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise UsageError(f"{name}: expected a number from 1 to 65535, got '{text}'. {hint}")
    return int(text)


def _absolute(path: str | Path) -> str:
    return str(Path(path).expanduser().absolute())


def floats(values: Iterable[Any]) -> tuple[float, ...]:
    """Plain numbers, as ROS parameters want them."""
    return tuple(float(value) for value in values)
