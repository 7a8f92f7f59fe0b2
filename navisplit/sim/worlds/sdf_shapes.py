"""SDF's simple shapes as our geometry."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import WorldError
from navisplit.sim.worlds.description import Box, Capsule, Cone, Cylinder, Ellipsoid, Mesh, Plane, Shape, Sphere
from navisplit.sim.worlds.meshes import flat, from_triangles
from navisplit.sim.worlds.sdf_frames import child_numbers, numbers


def _box(shape: ET.Element, where: str) -> Shape:
    return Box(_positive(child_numbers(shape, "size", (1.0, 1.0, 1.0), where), where))


def _round(kind: type[Capsule] | type[Cone] | type[Cylinder]) -> Callable[[ET.Element, str], Shape]:
    def read(shape: ET.Element, where: str) -> Shape:
        (radius,), (length,) = (child_numbers(shape, tag, (1.0,), where) for tag in ("radius", "length"))
        return kind(*_positive((radius, length), where))

    return read


def _sphere(shape: ET.Element, where: str) -> Shape:
    return Sphere(*_positive(child_numbers(shape, "radius", (1.0,), where), where))


def _ellipsoid(shape: ET.Element, where: str) -> Shape:
    return Ellipsoid(_positive(child_numbers(shape, "radii", (1.0, 1.0, 1.0), where), where))


def _plane(shape: ET.Element, where: str) -> Shape:
    size = _positive(child_numbers(shape, "size", (1.0, 1.0), where), where)
    return Plane(child_numbers(shape, "normal", (0.0, 0.0, 1.0), where), size)


SHAPES: dict[str, Callable[[ET.Element, str], Shape]] = {
    "box": _box,
    "capsule": _round(Capsule),
    "cone": _round(Cone),
    "cylinder": _round(Cylinder),
    "ellipsoid": _ellipsoid,
    "plane": _plane,
    "sphere": _sphere,
}


def polyline(shape: ET.Element, where: str) -> Mesh:
    """A prism over a simple polygon: ``<point>`` x y, ``<height>`` upwards from z = 0."""
    points = np.array([numbers(p.text, 2, f"{where}/point") for p in shape.findall("point")])
    (height,) = _positive(child_numbers(shape, "height", (1.0,), where), where)
    if len(points) > 1 and np.allclose(points[0], points[-1]):
        points = points[:-1]
    if len(points) < 3:
        raise WorldError(f"{where}: expected three or more different points, found {len(points)}.")
    x, y = points.T
    if float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) < 0:
        points = points[::-1]
    count = len(points)
    top = _ears(points, where)
    i, j = np.arange(count), (np.arange(count) + 1) % count
    sides = np.concatenate([np.stack([i, j, j + count], 1), np.stack([i, j + count, i + count], 1)])
    vertices = np.concatenate([np.column_stack([points, np.full(count, z)]) for z in (0.0, height)])
    return flat(from_triangles(vertices, np.concatenate([top[:, ::-1], top + count, sides])))


def _ears(points: NDArray[np.float64], where: str) -> NDArray[np.int64]:
    """Triangles (count - 2, 3) of a simple counter-clockwise polygon, by cutting ears off (Meisters 1975)."""
    left, found = list(range(len(points))), []
    while len(left) > 3:
        for k in range(len(left)):
            a, b, c = left[k - 1], left[k], left[(k + 1) % len(left)]
            others = points[[n for n in left if n not in (a, b, c)]]
            if _turn(points[a], points[b], points[c]) > 0 and not _within(points[[a, b, c]], others).any():
                found.append((a, b, c))
                left.pop(k)
                break
        else:
            raise WorldError(f"{where}: the polygon's sides cross each other; expected a simple polygon.")
    found.append((left[0], left[1], left[2]))
    if any(_turn(*points[list(ear)]) < -1e-9 for ear in found):
        raise WorldError(f"{where}: the polygon's sides cross each other; expected a simple polygon.")
    return np.array(found)


def _turn(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the signed area of the triangle a, b, c; c may be many points (N, 2)."""
    return (b[0] - a[0]) * (c[..., 1] - a[1]) - (b[1] - a[1]) * (c[..., 0] - a[0])


def _within(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    a, b, c = corners
    return (_turn(a, b, points) >= 0) & (_turn(b, c, points) >= 0) & (_turn(c, a, points) >= 0)


def _positive(values: tuple[float, ...], where: str) -> tuple[float, ...]:
    if min(values) <= 0:
        raise WorldError(f"{where}: expected sizes > 0, found {' '.join(f'{v:g}' for v in values)}.")
    return values
