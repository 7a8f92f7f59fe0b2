"""The method table: every RPC method with the names and kinds of its parameters, filled by the ``rpc`` decorator.

Argument counts and types are checked here, once, and refused with the texts of rpclib, which AirSim's users know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from navisplit.frames import Quaternion, Vector
from navisplit.sim.autopilot import Kinematics, RemoteControl
from navisplit.sim.commands import FOREVER_S, YawMode
from navisplit.sim.geodesy import GeoPoint

MAX_NUMBER = 1e30  # of any coordinate, speed or gain


class RpcFault(Exception):
    """A refusal; its text goes to the client as it is."""


class HandlerError(Exception):
    """Raised by a handler: rpclib wraps its text and names the function."""


class UnknownFailure(Exception):
    """A handler failed with what AirSim throws as a non-standard exception (an unknown camera)."""


class BadCast(HandlerError):
    """An argument of the wrong type."""

    def __init__(self) -> None:
        super().__init__("std::bad_cast")


@dataclass(frozen=True)
class ImageRequest:
    """One picture that simGetImages asks for."""

    camera_name: str
    image_type: int
    pixels_as_float: bool
    compress: bool


@dataclass(frozen=True)
class Method:
    """One entry. ``optional`` trailing parameters may be left out: Cosys' client drops ``external`` of camera calls."""

    name: str
    parameters: tuple[tuple[str, str], ...]  # (name, kind)
    handler: Callable[..., Any]
    optional: int = 0

    def bind(self, arguments: list[Any]) -> list[Any]:
        """Converted arguments. Raises RpcFault with rpclib's text."""
        expected, got = len(self.parameters), len(arguments)
        if not expected - self.optional <= got <= expected:
            raise RpcFault(
                f"rpclib: client error C0002: Function '{self.name}' was called with an invalid number of arguments. "
                f"Expected: {expected}, got: {got}"
            )
        return [convert(kind, value, name) for (name, kind), value in zip(self.parameters, arguments, strict=False)]


METHODS: dict[str, Method] = {}


def rpc(signature: str = "", *, name: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a handler. ``signature``: ``"name:kind name:kind"``; a kind in brackets is an array, ``?`` optional."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        method = name or handler.__name__
        pairs = [tuple(part.split(":")) for part in signature.split()]
        optional = sum(kind.endswith("?") for _, kind in pairs)
        METHODS[method] = Method(method, tuple((n, k.rstrip("?")) for n, k in pairs), handler, optional)
        return handler

    return register


def find(name: str, count: int) -> Method:
    """By name. Raises RpcFault with rpclib's text."""
    if name not in METHODS:
        raise RpcFault(f"rpclib: server could not find function '{name}' with argument count {count}.")
    return METHODS[name]


def call(name: str, arguments: list[Any], service: Any) -> Any:
    """Run a method on ``service``. Raises RpcFault; whatever a handler raises is worded as rpclib would."""
    method = find(name, len(arguments))
    try:
        return method.handler(service, *method.bind(arguments))
    except (HandlerError, UnknownFailure) as error:
        raise fault(name, len(arguments), error) from None


def fault(name: str, count: int, error: Exception) -> RpcFault:
    """How rpclib reports an exception in a handler."""
    start = f"rpclib: function '{name}' (called with {count} arg(s)) threw an exception. The exception "
    if isinstance(error, UnknownFailure):
        return RpcFault(
            f"{start}is not derived from std::exception. No further information available. {error}".rstrip()
        )
    return RpcFault(f"{start}contained this information: {error}.")


# Conversions ------------------------------------------------------------------------------------------------------
def convert(kind: str, value: Any, name: str = "argument") -> Any:
    """A wire value as ``kind``. Raises BadCast, or HandlerError for a number that is not finite."""
    if kind.startswith("["):
        if not isinstance(value, (list, tuple)):
            raise BadCast
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
    vector = _vector(value)
    if not np.isfinite(vector).all():
        raise HandlerError("dest vector cannot have NaN")
    return vector


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
    return GeoPoint(*(_float(fields.get(key, 0.0)) for key in ("latitude", "longitude", "altitude")))


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
