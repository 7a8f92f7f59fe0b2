"""Which named objects a camera sees, and where: AirSim's detections, from geometry and rays, without a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import FLU_FROM_OPTICAL, Quaternion, Vector, quaternion_multiply, rotation_matrix, swap_frd_flu
from navisplit.sim.flight.contact import SceneProbe
from navisplit.sim.matching import Pattern
from navisplit.sim.render.renderer import CameraView

DEFAULT_RADIUS_CM = 20_000.0
PROBES = 24  # corners, and as many points between them, that are looked at (our choice; AirSim: 18 in the box)
_NEAR_M = 0.05
_TOUCH_M = 0.05  # what is hit this near to the point looked at is the object, whatever its number

Points = NDArray[np.float64]


@dataclass
class DetectionFilter:
    """What a camera reports for one image type."""

    radius_cm: float = DEFAULT_RADIUS_CM
    names: list[str] = field(default_factory=list)  # wildcards * and ?, in either case, as Unreal's

    def matches(self, name: str) -> bool:
        """Whether an object of this name is reported."""
        return any(Pattern.wildcard(pattern).fits(name) for pattern in self.names)


@dataclass(frozen=True)
class Candidate:
    """An object that may be seen."""

    name: str
    number: int  # as ``SceneProbe.cast`` reports it
    position: Vector  # (3,) ENU m
    orientation: Quaternion  # FLU -> ENU
    vertices: Points  # (V, 3) ENU m
    faces: NDArray[np.integer]  # (F, 3)


@dataclass(frozen=True)
class Detection:
    """One object in view."""

    name: str
    position: Vector  # (3,) ENU m
    box_px: tuple[float, float, float, float]  # left, top, right, bottom, within the picture
    low: Vector  # (3,) FRD of the camera, m: the box's southwest lower corner ...
    high: Vector  # ... and its northeast upper one, which are not the least and largest in this frame; as AirSim's
    relative_position: Vector  # (3,) FRD of the camera, m
    relative_orientation: Quaternion  # of the camera in the object's frame (FRD): AirSim's order


def detect(
    view: CameraView, wanted: DetectionFilter, candidates: Iterable[Candidate], probe: SceneProbe
) -> list[Detection]:
    """The candidates that match, within the radius, in the picture and not hidden."""
    to_camera = rotation_matrix(view.orientation)
    found = []
    for candidate in candidates:
        near = np.linalg.norm(candidate.position - view.position) * 100.0 <= wanted.radius_cm
        if not near or not wanted.matches(candidate.name) or not len(candidate.vertices):
            continue
        low, high = candidate.vertices.min(0), candidate.vertices.max(0)
        corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        corners_of = candidate.vertices[_spread(len(candidate.vertices))]
        inward = corners_of + (candidate.vertices.mean(0) - corners_of) * 0.02  # so that edges do not decide
        points = np.concatenate([inward, _scatter(candidate.vertices[candidate.faces])])
        shown = points[_inside(view, points)]
        if not len(shown) or not _visible(view, shown, candidate.number, probe):
            continue
        found.append(
            Detection(
                candidate.name,
                candidate.position,
                _box(view, corners),
                swap_frd_flu((low - view.position) @ to_camera),  # ENU's least corner is Unreal's: south, west, low
                swap_frd_flu((high - view.position) @ to_camera),
                swap_frd_flu((candidate.position - view.position) @ to_camera),
                _conjugated(quaternion_multiply(_inverse(candidate.orientation), view.orientation)),
            )
        )
    return found


def _spread(count: int) -> NDArray[np.intp]:
    """At most PROBES of ``count`` vertices, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, PROBES)).astype(np.intp))


def _scatter(triangles: Points) -> Points:
    """PROBES points on triangles (F, 3, 3), by area and the same each time; none when they have no area."""
    sides = triangles[:, 1:] - triangles[:, :1]
    area = np.cumsum(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1))
    if not len(area) or area[-1] <= 0:
        return np.empty((0, 3))
    n = np.arange(PROBES)
    chosen = np.searchsorted(area, (n + 0.5) / PROBES * area[-1])
    u, v = (n + 0.5) * 0.7548776662 % 1.0, (n + 0.5) * 0.5698402910 % 1.0  # Roberts' R2 sequence
    u, v = np.where(u + v > 1, 1 - u, u)[:, None], np.where(u + v > 1, 1 - v, v)[:, None]
    return triangles[chosen, 0] + u * sides[chosen, 0] + v * sides[chosen, 1]


def _inverse(q: Quaternion) -> Quaternion:
    return np.asarray(q) * np.array([-1.0, -1.0, -1.0, 1.0])


def _conjugated(q: Quaternion) -> Quaternion:
    """The same rotation with its axes FRD instead of FLU."""
    return np.asarray(q) * np.array([1.0, -1.0, -1.0, 1.0])


def _optical(view: CameraView, points: Points) -> Points:
    """ENU (N, 3) to right, down, forward of the camera."""
    return (points - view.position) @ (rotation_matrix(view.orientation) @ FLU_FROM_OPTICAL)


def _inside(view: CameraView, points: Points) -> NDArray[np.bool_]:
    camera, seen = view.intrinsics, _optical(view, points)
    z = np.maximum(seen[:, 2], _NEAR_M)
    x, y = seen[:, 0] / z * camera.fx + camera.cx, seen[:, 1] / z * camera.fy + camera.cy
    return (seen[:, 2] > _NEAR_M) & (x >= -0.5) & (y >= -0.5) & (x < camera.width - 0.5) & (y < camera.height - 0.5)


def _visible(view: CameraView, points: Points, number: int, probe: SceneProbe) -> bool:
    """Whether a ray to any of the points meets the object first, or nothing before it."""
    way = points - view.position
    length = np.linalg.norm(way, axis=1)
    origins = np.broadcast_to(view.position, way.shape).astype(np.float32)
    reach = float(length.max()) + 1.0
    distance, hit, _ = probe.cast(origins, (way / length[:, None]).astype(np.float32), reach)
    return bool((hit == number).any() or (distance >= length - _TOUCH_M).any())


def _box(view: CameraView, corners: Points) -> tuple[float, float, float, float]:
    """Rectangle around a box's eight corners (x, y, z order), cut at the near plane and at the picture's edges."""
    camera, seen = view.intrinsics, _optical(view, corners)
    edges = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4)]
    ahead = [*seen[seen[:, 2] >= _NEAR_M]]
    for a, b in edges:
        if (seen[a, 2] < _NEAR_M) != (seen[b, 2] < _NEAR_M):
            ahead.append(seen[a] + (seen[b] - seen[a]) * ((_NEAR_M - seen[a, 2]) / (seen[b, 2] - seen[a, 2])))
    points: Sequence[Points] = np.array(ahead)
    # Unreal counts from the picture's corner, our pixel (0, 0) from its centre
    x = np.clip(points[:, 0] / points[:, 2] * camera.fx + camera.width / 2, 0, camera.width)
    y = np.clip(points[:, 1] / points[:, 2] * camera.fy + camera.height / 2, 0, camera.height)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
