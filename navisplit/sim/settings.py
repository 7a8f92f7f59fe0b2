"""AirSim's ``settings.json``: what a simulator of multirotors can honour; the rest is named in warnings.

Search order as AirSim's: the ``--settings`` argument (a path or JSON text), the working folder, ~/Documents/AirSim.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from navisplit.errors import ConfigError
from navisplit.frames import Vector
from navisplit.sim.camera.camera_settings import read_camera, read_cameras
from navisplit.sim.camera.cameras import Camera, default_cameras
from navisplit.sim.daylight import TimeOfDay, read_time_of_day
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.recording import RecordingSettings, read_recording
from navisplit.sim.sensors.settings import sensors_of
from navisplit.sim.sensors.specs import DEFAULT_SENSORS, Spec
from navisplit.sim.settings_reader import Reader

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 41451
DEFAULT_MODE, DEFAULT_VEHICLE = "Multirotor", "SimpleFlight"
VEHICLE_TYPES = {DEFAULT_MODE: DEFAULT_VEHICLE, "ComputerVision": "ComputerVision"}
"""By SimMode; also the name of the vehicle of a settings.json that names none."""
ANY = object()
WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("SettingsVersion", "SeeDocsAt", "ViewMode", "LogMessagesVisible", "SubWindows"), (ANY,)),
    **dict.fromkeys(("EngineSound", "SpeedUnitFactor", "SpeedUnitLabel", "IsFpvVehicle"), (ANY,)),
    "RpcEnabled": (True,),
    "ShowLosDebugLines": (False,),
    "PhysicsEngineName": ("", "FastPhysicsEngine"),
    "ClockType": ("", "SteppableClock", "ScalableClock"),
    "PawnPath": ("", "DefaultQuadrotor"),
    "EnableCollisionPassthrogh": (False,),
    "EnableCollisions": (True,),
    "AllowAPIAlways": (True,),
    "EnableTrace": (False,),
    **dict.fromkeys(("InitMethod", "MeshNamingMethod"), ("",)),
    "OverrideExisting": (False,),
}
"""Keys that are not read, and the values for which that makes no difference; another value is named in a warning."""


@dataclass(frozen=True)
class VehicleSettings:
    """One entry of ``Vehicles``."""

    position: Vector = field(default_factory=lambda: np.zeros(3))  # (3,) m, NED from the player start
    yaw_deg: float | None = None  # clockwise from north (NED); None: the player start's
    armed: bool = True  # at the start and after each reset
    cameras: Mapping[str, Camera] | None = None
    sensors: Mapping[str, Spec] = field(default_factory=lambda: dict(DEFAULT_SENSORS))

    def mounted_cameras(self) -> dict[str, Camera]:
        """A fresh set of its cameras."""
        return dict(self.cameras) if self.cameras is not None else default_cameras()


@dataclass(frozen=True)
class Settings:
    """What a simulation and its server take from ``settings.json``."""

    text: str = "{}"  # as getSettingsString returns it
    mode: str = DEFAULT_MODE  # or ComputerVision: vehicles carry cameras and stay where they are put
    host: str = DEFAULT_HOST  # address on which to listen
    port: int = DEFAULT_PORT
    clock_speed: float = 1.0  # times real time; 0: as fast as possible
    origin: GeoPoint = field(default_factory=lambda: GeoPoint(47.641468, -122.140165, 122.0))
    wind: Vector = field(default_factory=lambda: np.zeros(3))  # (3,) m/s NED
    vehicles: Mapping[str, VehicleSettings] = field(default_factory=lambda: {DEFAULT_VEHICLE: VehicleSettings()})
    template: VehicleSettings = field(default_factory=VehicleSettings)  # of a vehicle that a script adds
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    external_cameras: Mapping[str, Camera] = field(default_factory=dict)  # NED from the player start
    time_of_day: TimeOfDay | None = None
    palette: Path | None = None  # a user's copy of AirSim's seg_rgbs.txt
    warnings: tuple[str, ...] = ()

    @property
    def vehicle_type(self) -> str:
        """AirSim's VehicleType of every vehicle."""
        return VEHICLE_TYPES[self.mode]

    @property
    def flies(self) -> bool:
        """Whether vehicles are drones, with physics, autopilot and sensors."""
        return self.mode == DEFAULT_MODE


def load_settings(argument: str | None, folders: tuple[Path, ...] = ()) -> Settings:
    """From ``argument`` (a path or JSON text), else from the first settings.json in ``folders``, else defaults."""
    if argument is not None and argument.lstrip().startswith("{"):
        return parse_settings(argument, "--settings")
    paths = [Path(argument).expanduser()] if argument is not None else [folder / "settings.json" for folder in folders]
    for path in paths:
        if path.is_file():
            return parse_settings(path.read_text(encoding="utf-8-sig"), str(path))
    if argument is not None:
        raise ConfigError(f"There is no settings file {argument}. Give a path to a settings.json, or JSON text.")
    return Settings()


def parse_settings(text: str, source: str = "settings.json") -> Settings:
    """Settings from JSON text. Raises ConfigError naming ``source`` and the key."""
    try:
        values = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source} is not JSON: {error}. Correct the file.") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: expected a JSON object, got {type(values).__name__}.")
    reader = Reader(values, source)
    mode = _mode(reader)
    origin, wind = reader.inside("OriginGeopoint"), reader.inside("Wind")
    place = GeoPoint(
        origin.number("Latitude", 47.641468),
        origin.number("Longitude", -122.140165),
        origin.number("Altitude", 122.0),
    )
    colours = reader.inside("SegmentationSettings").text("PaletteFile", "")
    settings = Settings(
        text=text,
        mode=mode,
        host=reader.text("LocalHostIp", DEFAULT_HOST) or DEFAULT_HOST,
        port=int(reader.number("ApiServerPort", DEFAULT_PORT)),
        clock_speed=_clock_speed(reader),
        origin=place,
        wind=np.array([wind.number(axis, 0.0) for axis in "XYZ"]),
        vehicles=_vehicles(reader, VEHICLE_TYPES[mode]),
        recording=read_recording(reader.inside("Recording")),
        template=_defaults(reader),
        external_cameras=read_cameras({}, reader.inside("ExternalCameras")),
        time_of_day=read_time_of_day(reader.inside("TimeOfDay"), place),
        palette=Path(colours).expanduser() if colours else None,
    )
    return replace(settings, warnings=_warnings(reader))


def _warnings(reader: Reader) -> tuple[str, ...]:
    """What somebody wrote and nobody reads."""
    lines = []
    for path, value in reader.unread().items():
        harmless = WITHOUT_EFFECT.get(path.split(".")[-1], ())
        if ANY not in harmless and value not in harmless:
            lines.append(f"{reader.source}: '{path}' has no effect here.")
    return tuple(lines)


def _mode(reader: Reader) -> str:
    """SimMode; where AirSim would ask what to start ("" or no word), it is Multirotor."""
    mode = reader.text("SimMode", "") or DEFAULT_MODE
    if mode not in VEHICLE_TYPES:
        raise ConfigError(
            f"{reader.source}: SimMode '{mode}' is not simulated here. Expected {' or '.join(VEHICLE_TYPES)}; "
            f"without SimMode it is {DEFAULT_MODE}."
        )
    return mode


def _vehicles(reader: Reader, expected: str) -> dict[str, VehicleSettings]:
    defaults = _defaults(reader)
    vehicles = reader.inside("Vehicles")
    found: dict[str, VehicleSettings] = {}
    for name in sorted(vehicles.values):  # AirSim's default vehicle is the first of the alphabet
        entry = vehicles.inside(name)
        kind = entry.text("VehicleType", expected)
        if kind.lower() != expected.lower():
            raise ConfigError(
                f"{entry.source}: VehicleType '{kind}' is not simulated here; in this SimMode expected {expected}."
            )
        if entry.flag("AutoCreate", True):
            position = np.array([entry.number(axis, 0.0) for axis in "XYZ"])
            found[name] = VehicleSettings(
                position,
                _yaw(entry),
                _armed(entry),
                read_cameras(defaults.mounted_cameras(), entry.inside("Cameras")),
                sensors_of(entry.inside("Sensors"), defaults.sensors),
            )
    return found or {expected: defaults}


def _yaw(entry: Reader) -> float | None:
    """AirSim's Yaw is absolute; absent or NaN is the player start's."""
    yaw = entry.number("Yaw", math.nan)
    return None if math.isnan(yaw) else yaw


def _armed(entry: Reader) -> bool:
    state = entry.text("DefaultVehicleState", "")
    if state.lower() not in ("", "armed", "disarmed", "inactive"):
        raise ConfigError(f"{entry.source}: DefaultVehicleState must be Armed or Disarmed, got '{state}'.")
    return state.lower() in ("", "armed")


def _defaults(reader: Reader) -> VehicleSettings:
    """Of a vehicle that says nothing of its own."""
    return VehicleSettings(cameras=_default_cameras(reader), sensors=sensors_of(reader.inside("DefaultSensors")))


def _clock_speed(reader: Reader) -> float:
    speed = reader.number("ClockSpeed", 1.0)
    if not 0 <= speed <= 1000:
        raise ConfigError(
            f"{reader.source}: ClockSpeed must be 0 (as fast as possible) or more, at most 1000; got {speed:g}."
        )
    return speed


def _default_cameras(reader: Reader) -> dict[str, Camera]:
    return {name: read_camera(camera, reader.inside("CameraDefaults")) for name, camera in default_cameras().items()}
