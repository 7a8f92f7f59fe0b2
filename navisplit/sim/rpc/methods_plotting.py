"""Markers that scripts plot: kept, and drawn by the live view. World-relative NED; sizes are AirSim's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Quaternion, Vector, swap_quaternion
from navisplit.sim.markers import Colour, Marker, Shape, Trail, expiry_ns
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import HandlerError, rpc

_COLOUR = "color_rgba:[float]"
_MARK = "duration:float is_persistent:bool"
_DRAWN = "kept and drawn in the live view; cameras do not see it"

Points = NDArray[np.float64]
Poses = list[tuple[Vector, Quaternion]]


def _colour(values: list[float]) -> Colour:
    if len(values) not in (3, 4):
        raise HandlerError(f"color_rgba needs red, green, blue and alpha, got {len(values)} values")
    red, green, blue, alpha = (min(max(value, 0.0), 1.0) for value in (*values, 1.0)[:4])
    return red, green, blue, alpha


def _same_number(one: str, first: Any, other: str, second: Any) -> None:
    if len(first) != len(second):
        raise HandlerError(f"{one} and {other} must be as many: got {len(first)} and {len(second)}")


def _add(service: Service, shape: Shape, ned: Points, duration: float, persistent: bool, **looks: Any) -> None:
    ends = expiry_ns(duration, persistent, service.simulation.clock_ns)
    points = service.map_points(np.asarray(ned).reshape(-1, 3))
    service.simulation.markers.add(Marker(shape, points, expires_ns=ends, **looks))


@rpc(name="simFlushPersistentMarkers", differs="takes away strings without a duration, too")
def flush(service: Service) -> None:
    """Take away what has no end of its own."""
    service.simulation.markers.flush()


@rpc(f"points:[Vector3r] {_COLOUR} size:float {_MARK}", name="simPlotPoints", differs=_DRAWN)
def plot_points(service: Service, points: Points, colour: list[float], size: float, *mark: Any) -> None:
    """Dots."""
    _add(service, Shape.POINTS, points, *mark, colour=_colour(colour), thickness=size)


@rpc(f"points:[Vector3r] {_COLOUR} thickness:float {_MARK}", name="simPlotLineStrip", differs=_DRAWN)
def plot_line_strip(service: Service, points: Points, colour: list[float], thickness: float, *mark: Any) -> None:
    """A line through all points."""
    _add(service, Shape.LINE_STRIP, points, *mark, colour=_colour(colour), thickness=thickness)


@rpc(f"points:[Vector3r] {_COLOUR} thickness:float {_MARK}", name="simPlotLineList", differs=_DRAWN)
def plot_line_list(service: Service, points: Points, colour: list[float], thickness: float, *mark: Any) -> None:
    """Lines between each two points; a point left over is ignored."""
    even = points[: len(points) // 2 * 2]
    _add(service, Shape.LINE_LIST, even, *mark, colour=_colour(colour), thickness=thickness)


@rpc(
    f"points_start:[Vector3r] points_end:[Vector3r] {_COLOUR} thickness:float arrow_size:float {_MARK}",
    name="simPlotArrows",
    differs=_DRAWN,
)
def plot_arrows(
    service: Service, start: Points, end: Points, colour: list[float], thickness: float, head: float, *mark: Any
) -> None:
    """Arrows."""
    _same_number("points_start", start, "points_end", end)
    pairs = np.stack([start, end], axis=1)
    looks = {"colour": _colour(colour), "thickness": thickness, "arrow_size": head}
    _add(service, Shape.ARROWS, pairs, *mark, **looks)


@rpc(f"strings:[str] positions:[Vector3r] scale:float {_COLOUR} duration:float", name="simPlotStrings", differs=_DRAWN)
def plot_strings(
    service: Service, strings: list[str], positions: Points, scale: float, colour: list[float], duration: float
) -> None:
    """Texts; without a duration they stay until they are flushed."""
    _same_number("strings", strings, "positions", positions)
    looks = {"texts": tuple(strings), "scale": scale, "colour": _colour(colour)}
    _add(service, Shape.STRINGS, positions, duration, duration <= 0, **looks)


def _plot_transforms(service: Service, poses: Poses, duration: float, persistent: bool, **looks: Any) -> None:
    positions = np.array([position for position, _ in poses]).reshape(-1, 3)
    turns = np.array([orientation for _, orientation in poses]).reshape(-1, 4)
    if not (np.isfinite(positions).all() and np.isfinite(turns).all()):
        raise HandlerError("poses cannot have NaN")
    looks["orientations"] = np.array([swap_quaternion(turn) for turn in turns]).reshape(-1, 4)
    _add(service, Shape.TRANSFORMS, positions, duration, persistent, **looks)


@rpc(f"poses:[Pose] scale:float thickness:float {_MARK}", name="simPlotTransforms", differs=_DRAWN)
def plot_transforms(service: Service, poses: Poses, scale: float, thickness: float, *mark: Any) -> None:
    """Frames of axes."""
    _plot_transforms(service, poses, *mark, scale=scale, thickness=thickness)


@rpc(
    "poses:[Pose] names:[str] tf_scale:float tf_thickness:float text_scale:float text_color_rgba:[float] "
    "duration:float",
    name="simPlotTransformsWithNames",
    differs=_DRAWN,
)
def plot_named_transforms(
    service: Service,
    poses: Poses,
    names: list[str],
    scale: float,
    thickness: float,
    text_scale: float,
    colour: list[float],
    duration: float,
) -> None:
    """Frames of axes with their names."""
    _same_number("poses", poses, "names", names)
    looks = {"texts": tuple(names), "scale": scale, "thickness": thickness, "text_scale": text_scale}
    _plot_transforms(service, poses, duration, False, colour=_colour(colour), **looks)


@rpc(f"{_COLOUR} thickness:float vehicle_name:str", name="simSetTraceLine", differs=_DRAWN)
def set_trace_line(service: Service, colour: list[float], thickness: float, vehicle: str) -> None:
    """Colour and thickness of a vehicle's trail."""
    name = service.vehicle(vehicle).name
    service.simulation.markers.set_trail(name, Trail(_colour(colour), thickness))
