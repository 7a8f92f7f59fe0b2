"""Configuration: frozen dataclasses, validated once, the same objects for CLI, ROS parameters and checkpoints.

Defaults are ours unless a source is named. ``from_mapping`` refuses unknown keys with a hint, so that a misspelt option
never silently keeps its default.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from navisplit.errors import ConfigError, nearest_name
from navisplit.faults.vocabulary import parse_faults
from navisplit.frames import Intrinsics
from navisplit.sim.weather import parse_weather

T = TypeVar("T")


def _require(ok: bool, owner: object, name: str, expected: str) -> None:
    if not ok:
        raise ConfigError(f"{type(owner).__name__}.{name}: expected {expected}, got {getattr(owner, name)!r}.")


def _positive(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        _require(isinstance(value, (int, float)) and math.isfinite(value) and value > 0, owner, name, "a number > 0")


@dataclass(frozen=True)
class CameraConfig:
    """The forward camera (AirSim's defaults: 256x144, 90 degrees)."""

    width: int = 256
    height: int = 144
    fov_deg: float = 90.0
    rate_hz: float = 10.0
    offset_x_m: float = 0.46  # ahead of the body's centre, as AirSim's front_center

    def __post_init__(self) -> None:
        """Check ranges."""
        _positive(self, "width", "height", "rate_hz")
        _require(0 < self.fov_deg < 179, self, "fov_deg", "degrees between 0 and 179")

    @property
    def intrinsics(self) -> Intrinsics:
        """Pinhole parameters of this camera."""
        return Intrinsics.from_fov(self.width, self.height, self.fov_deg)

    @property
    def period_ns(self) -> int:
        """Nanoseconds between frames."""
        return round(1e9 / self.rate_hz)


@dataclass(frozen=True)
class GuardConfig:
    """The failsafe's promises (DESIGN "Guard promises") and limits."""

    brake_after_s: float = 0.25
    hold_after_s: float = 1.0
    land_after_s: float = 5.0
    rearm_after_s: float = 1.0  # fresh commands for this long leave the latched hold
    max_speed_mps: float = 10.0
    max_acceleration_mps2: float = 8.0
    max_yaw_rate_rps: float = 2.0
    land_speed_mps: float = 0.5

    def __post_init__(self) -> None:
        """Check ranges and that the stages follow each other."""
        _positive(self, *(f.name for f in dataclasses.fields(self)))
        in_order = self.brake_after_s < self.hold_after_s < self.land_after_s
        _require(in_order, self, "hold_after_s", "brake < hold < land")


@dataclass(frozen=True)
class PolicyConfig:
    """The edge's policy: which one, and how fast and where it may fly."""

    name: str = "planner"
    speed_mps: float = 3.0
    max_yaw_rate_rps: float = 1.2
    min_z_m: float = 1.0  # airspace, map frame
    max_z_m: float = 6.0
    goal_radius_m: float = 2.0

    def __post_init__(self) -> None:
        """Check ranges."""
        _positive(self, "speed_mps", "max_yaw_rate_rps", "goal_radius_m")
        _require(self.min_z_m < self.max_z_m, self, "max_z_m", f"more than min_z_m ({self.min_z_m})")


@dataclass(frozen=True)
class FleetConfig:
    """An edge server that many drones share."""

    max_drones: int = 0  # seats; 0: as many as the machine answers, by what a frame costs it
    rate_hz: float = 10.0  # frames a second of one drone, where the seats follow from that cost
    deadline_s: float = 0.15  # from a frame's arrival to its answer: less than the guard's 250 ms, by the way there
    leave_after_s: float = 5.0  # a drone that is silent this long has left: the guard has landed it
    max_batch: int = 8  # frames that the network sees at once
    common_map: bool = True  # all drones' odometry is in one map: each flies around the others

    def __post_init__(self) -> None:
        """Check ranges."""
        _require(self.max_drones >= 0, self, "max_drones", "a number of drones, or 0")
        _positive(self, "rate_hz", "deadline_s", "leave_after_s", "max_batch")


@dataclass(frozen=True)
class TimingConfig:
    """Modelled computing times of the offline flights: constants, so that a result does not depend on the machine."""

    head_s: float = 0.005
    edge_s: float = 0.020
    guard_rate_hz: float = 50.0

    def __post_init__(self) -> None:
        """Check ranges."""
        _require(self.head_s >= 0, self, "head_s", "seconds >= 0")
        _require(self.edge_s >= 0, self, "edge_s", "seconds >= 0")
        _positive(self, "guard_rate_hz")


@dataclass(frozen=True)
class FlightConfig:
    """All that defines a flight but the world and the route."""

    branch: str = "gate"  # gate, a branch's name, oracle-depth, jpeg:QUALITY and the like
    models: str = "default"  # name under models/, or a folder
    link: str = "none"  # profile of navisplit.link
    byte_weight: float = 1.0  # the gate's price of bytes; 0 always sends the best branch
    max_frame_bytes: int = 0  # a frame's packets are trimmed to this, least important channels first; 0: never
    exit: bool = True  # while the edge is silent, fly the branch set's on-board exit, where it has one
    weather: str = ""  # of our simulator, as parse_weather reads it; empty: as the world has it
    faults: str = ""  # to order, as parse_faults reads them: camera:stuck@5+2,link:off@8; empty: none
    camera: CameraConfig = field(default_factory=CameraConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    timing: TimingConfig = field(default_factory=TimingConfig)

    def __post_init__(self) -> None:
        """Check ranges."""
        _require(self.byte_weight >= 0, self, "byte_weight", "a number >= 0")
        _require(self.max_frame_bytes >= 0, self, "max_frame_bytes", "bytes >= 0")
        parse_weather(self.weather)
        parse_faults(self.faults)


def from_mapping(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build a config dataclass from nested mappings. Raises ConfigError on an unknown key or a wrong type."""
    fields = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(f"{cls.__name__} has no setting '{key}'.{nearest_name(key, fields)}")
        kind = hints[key]
        if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
            value = from_mapping(kind, value)  # type: ignore[arg-type]
        elif kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif isinstance(kind, type) and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise ConfigError(f"{cls.__name__}.{key}: expected {kind.__name__}, got {value!r}.")
        arguments[key] = value
    return cls(**arguments)


def to_mapping(config: Any) -> dict[str, Any]:
    """The inverse of ``from_mapping``: plain nested dicts, ready for JSON or YAML."""
    return dataclasses.asdict(config)
