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
from navisplit.frames import Vector, quaternion_from_euler
from navisplit.sim.cameras import ALIASES, Camera, Capture, default_cameras
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.recording import RecordingSettings
from navisplit.sim.sensors.settings import sensors_of
from navisplit.sim.sensors.specs import DEFAULT_SENSORS, Spec

DEFAULT_PORT = 41451
DEFAULT_VEHICLE = "SimpleFlight"
KNOWN_KEYS = {
    *(
        "SettingsVersion",
        "SimMode",
        "ClockSpeed",
        "ClockType",
        "LocalHostIp",
        "ApiServerPort",
        "ViewMode",
        "OriginGeopoint",
    ),
    *(
        "Wind",
        "CameraDefaults",
        "Vehicles",
        "SeeDocsAt",
        "LogMessagesVisible",
        "RpcEnabled",
        "PhysicsEngineName",
        "Recording",
        "DefaultSensors",
    ),
}


@dataclass(frozen=True)
class VehicleSettings:
    """One entry of ``Vehicles``."""

    position: Vector = field(default_factory=lambda: np.zeros(3))  # (3,) m, NED from the player start
    yaw_deg: float = 0.0  # clockwise, added to the player start's
    cameras: Mapping[str, Camera] | None = None
    sensors: Mapping[str, Spec] = field(default_factory=lambda: dict(DEFAULT_SENSORS))

    def mounted_cameras(self) -> dict[str, Camera]:
        """A fresh set of its cameras."""
        return dict(self.cameras) if self.cameras is not None else default_cameras()


@dataclass(frozen=True)
class Settings:
    """What a simulation and its server take from ``settings.json``."""

    text: str = "{}"  # as getSettingsString returns it
    port: int = DEFAULT_PORT
    clock_speed: float = 1.0  # times real time; 0: as fast as possible
    origin: GeoPoint = field(default_factory=lambda: GeoPoint(47.641468, -122.140165, 122.0))
    wind: Vector = field(default_factory=lambda: np.zeros(3))  # (3,) m/s NED
    vehicles: Mapping[str, VehicleSettings] = field(default_factory=lambda: {DEFAULT_VEHICLE: VehicleSettings()})
    template: VehicleSettings = field(default_factory=VehicleSettings)  # of a vehicle that a script adds
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    warnings: tuple[str, ...] = ()


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
    reader = _Reader(values, source)
    mode = reader.text("SimMode", "Multirotor")
    if mode not in ("", "Multirotor"):
        raise ConfigError(f"{source}: SimMode '{mode}' is not simulated here; only Multirotor is.")
    origin, wind = reader.inside("OriginGeopoint"), reader.inside("Wind")
    return Settings(
        text=text,
        port=int(reader.number("ApiServerPort", DEFAULT_PORT)),
        clock_speed=_clock_speed(reader),
        origin=GeoPoint(
            origin.number("Latitude", 47.641468),
            origin.number("Longitude", -122.140165),
            origin.number("Altitude", 122.0),
        ),
        wind=np.array([wind.number(axis, 0.0) for axis in "XYZ"]),
        vehicles=_vehicles(reader),
        recording=_recording(reader.inside("Recording")),
        template=_defaults(reader),
        warnings=tuple(f"{source}: '{key}' has no effect here." for key in values if key not in KNOWN_KEYS),
    )


class _Reader:
    """Typed access to one JSON object, with errors that name file and key."""

    def __init__(self, values: Mapping[str, Any], source: str) -> None:
        self.values, self.source = values, source

    def number(self, key: str, default: float) -> float:
        value = self.values.get(key, default)
        if isinstance(value, str) and value.lower() == "nan":  # AirSim's way to say "leave the default"
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"{self.source}: {key} must be a number, got {value!r}.")
        return float(value) if math.isfinite(value) else default

    def text(self, key: str, default: str) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"{self.source}: {key} must be a string, got {value!r}.")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.source}: {key} must be true or false, got {value!r}.")
        return value

    def each(self, key: str) -> list[_Reader]:
        """A list of objects."""
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise ConfigError(f"{self.source}: {key} must be a list of objects, got {values!r}.")
        return [_Reader(value, f"{self.source}: {key}") for value in values]

    def inside(self, key: str) -> _Reader:
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise ConfigError(f"{self.source}: {key} must be an object, got {value!r}.")
        return _Reader(value, f"{self.source}: {key}")


def _recording(entry: _Reader) -> RecordingSettings:
    shots: dict[str, list[dict[str, Any]]] = {}
    for shot in entry.each("Cameras"):
        request = {
            "camera_name": shot.text("CameraName", ""),
            "image_type": int(shot.number("ImageType", 0)),
            "pixels_as_float": shot.flag("PixelsAsFloat", False),
            "compress": shot.flag("Compress", True),
        }
        shots.setdefault(shot.text("VehicleName", ""), []).append(request)
    return RecordingSettings(
        interval_s=max(0.0, entry.number("RecordInterval", 0.05)),
        on_move=entry.flag("RecordOnMove", False),
        folder=entry.text("Folder", ""),
        enabled=entry.flag("Enabled", False),
        shots={name: tuple(of) for name, of in shots.items()} if "Cameras" in entry.values else None,
    )


def _vehicles(reader: _Reader) -> dict[str, VehicleSettings]:
    defaults = _defaults(reader)
    vehicles = reader.inside("Vehicles")
    found: dict[str, VehicleSettings] = {}
    for name in sorted(vehicles.values):  # AirSim's default vehicle is the first of the alphabet
        entry = vehicles.inside(name)
        kind = entry.text("VehicleType", DEFAULT_VEHICLE)
        if kind.lower() != DEFAULT_VEHICLE.lower():
            raise ConfigError(f"{entry.source}: VehicleType '{kind}' is not simulated here; only {DEFAULT_VEHICLE} is.")
        if entry.values.get("AutoCreate", True):
            position = np.array([entry.number(axis, 0.0) for axis in "XYZ"])
            found[name] = VehicleSettings(
                position,
                entry.number("Yaw", 0.0),
                _cameras(defaults.mounted_cameras(), entry.inside("Cameras")),
                sensors_of(entry.inside("Sensors"), defaults.sensors),
            )
    return found or {DEFAULT_VEHICLE: defaults}


def _defaults(reader: _Reader) -> VehicleSettings:
    """Of a vehicle that says nothing of its own."""
    return VehicleSettings(cameras=_default_cameras(reader), sensors=sensors_of(reader.inside("DefaultSensors")))


def _clock_speed(reader: _Reader) -> float:
    speed = reader.number("ClockSpeed", 1.0)
    if not 0 <= speed <= 1000:
        raise ConfigError(
            f"{reader.source}: ClockSpeed must be 0 (as fast as possible) or more, at most 1000; got {speed:g}."
        )
    return speed


def _default_cameras(reader: _Reader) -> dict[str, Camera]:
    return {name: _camera(camera, reader.inside("CameraDefaults")) for name, camera in default_cameras().items()}


def _cameras(defaults: Mapping[str, Camera], entries: _Reader) -> dict[str, Camera]:
    cameras = dict(defaults)
    for key in entries.values:
        name = ALIASES.get(key, key)
        cameras[name] = _camera(cameras.get(name, Camera(name, (0.0, 0.0, 0.0))), entries.inside(key))
    return cameras


def _camera(camera: Camera, entry: _Reader) -> Camera:
    x, y, z = (entry.number(axis, value) for axis, value in zip("XYZ", camera.position, strict=True))
    orientation = camera.orientation
    if any(angle in entry.values for angle in ("Pitch", "Roll", "Yaw")):
        roll, pitch, yaw = (math.radians(entry.number(angle, 0.0)) for angle in ("Roll", "Pitch", "Yaw"))
        qx, qy, qz, qw = quaternion_from_euler(roll, pitch, yaw).tolist()
        orientation = (qx, qy, qz, qw)
    captures = dict(camera.captures)
    entries = entry.values.get("CaptureSettings", [])
    for values in entries if isinstance(entries, list) else []:
        capture = _Reader(values, f"{entry.source}: CaptureSettings")
        kind = int(capture.number("ImageType", 0))
        old = camera.capture(kind)
        width, height = capture.number("Width", old.width), capture.number("Height", old.height)
        fov = capture.number("FOV_Degrees", old.fov_deg)
        if not (1 <= width <= 8192 and 1 <= height <= 8192 and 0 < fov < 179):
            raise ConfigError(f"{capture.source}: expected 1..8192 pixels and 0..179 degrees, got {values!r}.")
        captures[kind] = Capture(int(width), int(height), fov)
    return replace(camera, position=(x, y, z), orientation=orientation, captures=captures)
