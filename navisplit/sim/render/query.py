"""What is near, and what is in the way: distance and ray queries on a scene, by object."""

from __future__ import annotations

import copy
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.errors import WorldError
from navisplit.sim.kernel import Floats, Ints
from navisplit.sim.render.baked import WORTH_TRIANGLES
from navisplit.sim.render.bvh import STACK_SIZE, Bvh, build_bvh
from navisplit.sim.render.clusters import Clusters, build_clusters
from navisplit.sim.render.rays import cast_rays, nearest_points
from navisplit.sim.scene import Scene

_NOWHERE_M = 1e9


class SceneQuery:
    """Distances (m, unsigned: the inside of a solid looks like the outside) and rays in the ``map`` frame.

    Costs one hierarchy build and no shading; a ray caster takes it and shares its hierarchy. Calls are pure and may
    come from several threads.
    """

    def __init__(self, scene: Scene) -> None:
        if scene.triangle_count == 0:
            raise WorldError(f"Scene {scene.name!r}: expected at least one triangle, found none. Check the world file.")
        self.scene = scene
        starts = np.cumsum([0] + [len(o.vertices) for o in scene.objects])
        vertices = np.concatenate([np.asarray(o.vertices, np.float32).reshape(-1, 3) for o in scene.objects])
        faces = [
            np.asarray(o.faces, np.int64).reshape(-1, 3) + start
            for o, start in zip(scene.objects, starts[:-1], strict=True)
        ]
        self.vertices: Floats = vertices  # (V, 3) of all objects, m
        self.faces: Ints = np.concatenate(faces).astype(np.int32)  # (T, 3) of all objects, into ``vertices``
        owner = np.repeat(np.arange(len(scene.objects), dtype=np.int32), [len(o.faces) for o in scene.objects])
        self.bvh: Bvh = build_bvh(self.vertices, self.faces, scene.triangle_count >= WORTH_TRIANGLES)
        self.object_index: Ints = np.ascontiguousarray(owner[self.bvh.order])  # (T,) owner of each triangle, leaf order
        corners = self.bvh.triangles.reshape(-1, 3, 3).astype(np.float64)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        self.face_normals: Floats = normals.astype(np.float32)  # (T, 3) leaf order, counter-clockwise side
        self._without: tuple[frozenset[str], SceneQuery] | None = None

    @cached_property
    def clusters(self) -> Clusters:
        """The same triangles for pictures; made when the first picture is."""
        return build_clusters(self.bvh)

    def without(self, names: frozenset[str]) -> SceneQuery:
        """The same scene with some of its objects taken out. The last answer is kept, so asking again is free."""
        if not names:
            return self
        if self._without is None or self._without[0] != names:
            gone = np.array([o.name in names for o in self.scene.objects])[self.object_index]
            triangles = self.bvh.triangles.copy()
            triangles[gone] = _NOWHERE_M  # one point, out of reach: no ray hits it and nothing is near it
            query = copy.copy(self)
            query.__dict__.pop("clusters", None)
            query.bvh, query._without = self.bvh._replace(triangles=triangles), None
            self._without = (names, query)
        return self._without[1]

    def nearest(self, points: ArrayLike, max_distance: float) -> tuple[Floats, Ints, Floats, Floats]:
        """Nearest surface within ``max_distance`` of points (N, 3).

        Returns distance (N,) = max_distance where there is none, object index (N,) int32 (-1), closest point (N, 3)
        (the point itself), unit normal (N, 3) from the surface to the point (zero); on the surface it is the face's.
        """
        p = rows_of(points)
        distance, hit, closest = np.empty(len(p), np.float32), np.empty(len(p), np.int32), np.empty_like(p)
        stack, gaps = np.empty(STACK_SIZE, np.int32), np.empty(STACK_SIZE, np.float32)
        nearest_points(self.bvh, p, np.float32(max_distance), stack, gaps, distance, hit, closest)
        away = p - closest
        length = np.linalg.norm(away, axis=1, keepdims=True)
        normal = np.where(length > 1e-5, away / np.maximum(length, 1e-12), self.face_normals[hit])
        return distance, self._owner(hit), closest, np.where(hit[:, None] >= 0, normal, 0).astype(np.float32)

    def cast(self, origins: ArrayLike, directions: ArrayLike, max_range: float) -> tuple[Floats, Ints, Floats]:
        """First surface along rays (N, 3) with directions (N, 3) of any length, both faces counting.

        Returns distance (N,) in metres = max_range where there is none, object index (N,) int32 (-1) and the unit
        normal (N, 3) of the surface on the ray's side (zero). A direction of length zero hits nothing.
        """
        distance, hit, unit = self._cast(origins, directions, max_range)
        normal = self.face_normals[hit]
        normal = np.where((normal * unit).sum(1, keepdims=True) > 0, -normal, normal)
        distance[hit < 0] = max_range
        return distance, self._owner(hit), np.where(hit[:, None] >= 0, normal, 0).astype(np.float32)

    def inside(self, point: ArrayLike) -> bool:
        """Whether a point (3,) is enclosed by a solid, or under the ground: distances alone do not tell.

        A ray from inside a closed surface meets its back first. Loose leaves have no inside, so most rays must agree.
        """
        directions = np.vstack([np.eye(3), -np.eye(3)])
        _, hit, unit = self._cast(np.tile(rows_of(point), (len(directions), 1)), directions, 1e4)
        back = (hit >= 0) & ((self.face_normals[hit] * unit).sum(1) > 0)
        up, down = 2, 5
        return int(back.sum()) >= 5 or bool(back[up] and hit[down] < 0)

    def line_of_sight(self, a: ArrayLike, b: ArrayLike) -> bool:
        """Whether the straight line from a to b (3,) meets no surface."""
        start, end = np.asarray(a, np.float64), np.asarray(b, np.float64)
        gap = float(np.linalg.norm(end - start))
        return gap < 1e-9 or int(self.cast(start, end - start, gap)[1][0]) < 0

    def _cast(self, origins: ArrayLike, directions: ArrayLike, max_range: float) -> tuple[Floats, Ints, Floats]:
        """Distance (N,), triangle in leaf order (N,), unit direction (N, 3)."""
        o, d = rows_of(origins), rows_of(directions).astype(np.float64)
        o = np.ascontiguousarray(np.broadcast_to(o, d.shape))
        length = np.linalg.norm(d, axis=1, keepdims=True)
        unit = (d / np.maximum(length, 1e-12)).astype(np.float32)
        limits = np.where(length[:, 0] > 1e-12, max_range, -1.0).astype(np.float32)
        distance, hit = np.empty(len(d), np.float32), np.empty(len(d), np.int32)
        stack, inverse = np.empty(STACK_SIZE, np.int32), np.empty(3, np.float32)
        cast_rays(self.bvh, o, unit, limits, stack, inverse, distance, hit)
        return distance, hit, unit

    def _owner(self, hit: Ints) -> Ints:
        return np.where(hit >= 0, self.object_index[hit], -1).astype(np.int32)


def rows_of(points: ArrayLike) -> NDArray[np.float32]:
    """Points or directions as rows (N, 3); ValueError when they are not finite."""
    rows = np.ascontiguousarray(np.asarray(points, np.float32).reshape(-1, 3))
    if not np.isfinite(rows).all():
        raise ValueError("Scene query: expected finite coordinates, found NaN or infinity.")
    return rows
