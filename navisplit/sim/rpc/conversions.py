"""Arguments from the wire, checked: wrong types are refused as rpclib does, numbers that are not finite by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Quaternion, Vector
from navisplit.sim.flight.autopilot import Kinematics, RemoteControl
from navisplit.sim.flight.commands import FOREVER_S, YawMode
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.rpc.faults import BadCast, HandlerError

MAX_NUMBER = 1e30  # of any coordinate, speed or gain
MAX_ALTITUDE_M = 1e7


@dataclass(frozen=True)
class ImageRequest:
    """One picture that simGetImages asks for."""

    camera_name: str
    image_type: int
    pixels_as_float: bool
    compress: bool


def convert(kind: str, value: Any, name: str = "argument") -> Any:
    """A wire value as ``kind``. Raises BadCast, or HandlerError for a number that is not finite."""
    if kind.startswith("["):
        if not isinstance(value, (list, tuple)):
            raise BadCast
        if kind == "[Vector3r]":
            return _vectors(value)
        return [convert(kind[1:-1], item, name) for item in value]
    result = _CONVERTERS[kind](value)
    return _bounded(name, result) if kind == "float" else result


def _bounded(name: str, value: float) -> float:
    """Finite: a NaN would poison the flight for good. Only a time may be infinite."""
    if name in ("timeout_sec", "duration") and value == math.inf:
        return FOREVER_S
    if not math.isfinite(value) or (abs(value) > MAX_NUMBER and name not in ("timeout_sec", "duration")):
        raise HandlerError(f"{name} must be a finite number, got {value:g}")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadCast
    return value


def _external(value: Any) -> bool:
    """AirSim's ``external`` of camera calls; Cosys' client sends the name of an annotation layer in its place."""
    return False if isinstance(value, str) else _bool(value)


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadCast
    return value


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadCast
    return float(value)


def _str(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise BadCast
    return value


def _map(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadCast
    return value


def _vector(value: Any) -> Vector:
    fields = _map(value)
    return np.array([_float(fields.get(key, 0.0)) for key in ("x_val", "y_val", "z_val")])


def _finite_vector(value: Any) -> Vector:
    return _sane(_vector(value))


def _sane(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise HandlerError("dest vector cannot have NaN")
    if values.size and np.abs(values).max() > MAX_NUMBER:
        raise HandlerError(f"expected numbers up to {MAX_NUMBER:g}, got {np.abs(values).max():g}")
    return values


def _vectors(values: list[Any] | tuple[Any, ...]) -> NDArray[np.float64]:
    """(N, 3), in one go: a script may plot a hundred thousand points."""
    rows = [[_float(_map(value).get(key, 0.0)) for key in ("x_val", "y_val", "z_val")] for value in values]
    return _sane(np.array(rows, np.float64).reshape(-1, 3))


def _quaternion(value: Any) -> Quaternion:
    fields = _map(value)
    x, y, z = (_float(fields.get(key, 0.0)) for key in ("x_val", "y_val", "z_val"))
    return np.array([x, y, z, _float(fields.get("w_val", 1.0))])


def _pose(value: Any) -> tuple[Vector, Quaternion]:
    fields = _map(value)
    return _vector(fields.get("position", {})), _quaternion(fields.get("orientation", {}))


def _yaw_mode(value: Any) -> YawMode:
    fields = _map(value)
    yaw = _float(fields.get("yaw_or_rate", 0.0))
    if not math.isfinite(yaw):
        raise HandlerError("yaw_or_rate must be a finite number")
    return YawMode(_bool(fields.get("is_rate", True)), yaw)


def _image_request(value: Any) -> ImageRequest:
    fields = _map(value)
    return ImageRequest(
        _str(fields.get("camera_name", "0")),
        _int(fields.get("image_type", 0)),
        _bool(fields.get("pixels_as_float", False)),
        _bool(fields.get("compress", True)),
    )


def _geo_point(value: Any) -> GeoPoint:
    fields = _map(value)
    point = GeoPoint(*(_float(fields.get(key, 0.0)) for key in ("latitude", "longitude", "altitude")))
    if not (abs(point.latitude) <= 90.0 and abs(point.longitude) <= 360.0 and abs(point.altitude) <= MAX_ALTITUDE_M):
        raise HandlerError(f"expected a latitude, a longitude in degrees and an altitude in metres, got {point}")
    return point


def _kinematics(value: Any) -> Kinematics:
    fields = _map(value)
    rest = ("linear_velocity", "angular_velocity", "linear_acceleration", "angular_acceleration")
    position, orientation = _pose(fields)
    return Kinematics(position, orientation, *(_finite_vector(fields.get(key, {})) for key in rest))


def _remote(value: Any) -> RemoteControl:
    fields = _map(value)
    sticks = {key: _float(fields.get(key, 0.0)) for key in ("pitch", "roll", "throttle", "yaw", "left_z", "right_z")}
    if not all(map(math.isfinite, sticks.values())):
        raise HandlerError("RCData must have finite numbers")
    return RemoteControl(
        stamp_ns=_int(fields.get("timestamp", 0)),
        **sticks,
        switches=_int(fields.get("switches", 0)),
        vendor_id=_str(fields.get("vendor_id", "")),
        is_initialized=_bool(fields.get("is_initialized", False)),
        is_valid=_bool(fields.get("is_valid", False)),
    )


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "bool": _bool,
    "external": _external,
    "int": _int,
    "float": _float,
    "str": _str,
    "map": _map,
    "Vector3r": _finite_vector,
    "Pose": _pose,
    "YawMode": _yaw_mode,
    "ImageRequest": _image_request,
    "GeoPoint": _geo_point,
    "KinematicsState": _kinematics,
    "RCData": _remote,
}
