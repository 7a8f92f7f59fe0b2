"""The things of one moment, as the ray caster and collision tests take them.

A ``MovingLayer`` never changes, so a picture may be drawn from it in another thread while the simulation goes on.
Making one costs a box and a matrix for each thing; a shape's own hierarchy and surface are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from navisplit.frames import rotation_matrix
from navisplit.sim.flight.contact import SceneProbe
from navisplit.sim.kernel import Floats, Ints
from navisplit.sim.render import airframe
from navisplit.sim.render.bvh import STACK_SIZE, Bvh, build_nodes
from navisplit.sim.render.instances import Instances, cast_at_things, nearest_of_things
from navisplit.sim.render.query import SceneQuery, rows_of
from navisplit.sim.render.shading import Moving
from navisplit.sim.render.surface import Surface, build_surface, surface_kinds
from navisplit.sim.scene import Material, Scene, SceneObject
from navisplit.sim.things import Thing

_BOX_SLACK_M = 1e-3  # boxes in the map are this much larger than computed, so that rounding opens no gap
_SPARE_PIECES = 64  # shapes that no thing has any more are kept up to this number

Key = tuple[int, tuple[float, float, float], int | None]  # id of the shape, scale, material


class Piece:
    """One shape at one scale in one material: hierarchy and surface in its own frame."""

    def __init__(self, thing: Thing, materials: tuple[Material, ...]) -> None:
        self.shape = thing.shape  # also keeps the id in its key from being used again
        self.query = SceneQuery(Scene(thing.name, (_scaled(thing),), materials))
        low, high = self.query.bvh.bounds[0, :3].astype(np.float64), self.query.bvh.bounds[0, 3:].astype(np.float64)
        self.centre, self.half = (low + high) / 2, (high - low) / 2

    @cached_property
    def surface(self) -> Surface:
        """What a hit looks up; its openness is baked against the shape alone."""
        scene, query = self.query.scene, self.query
        return build_surface(scene, query, surface_kinds(scene, query), True)


class Library:
    """Pieces end to end, for the kernels."""

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self.pieces = pieces
        self.roots, self.shapes = _joined([piece.query.bvh for piece in pieces])
        normals = [piece.query.face_normals for piece in pieces]
        self.face_normals: Floats = np.concatenate([np.empty((0, 3), np.float32), *normals])

    @cached_property
    def surface(self) -> Surface:
        """Of all pieces; made by the first picture that needs it."""
        values = [piece.surface.values for piece in self.pieces]
        kinds = [piece.surface.kinds for piece in self.pieces]
        return Surface(
            np.concatenate([np.empty((0, 25), np.float32), *values]),
            np.concatenate([np.empty((0, 3), np.int32), *kinds]),
        )


@dataclass(frozen=True)
class MovingLayer:
    """All that is not as it was baked, at one moment."""

    things: tuple[Thing, ...]  # their numbers count on from the scene's objects
    hidden: frozenset[str]  # baked objects that are not there
    labels: Ints  # (objects,) segmentation ids of the baked objects
    instances: Instances
    library: Library

    @property
    def moving(self) -> Moving:
        """For the picture's kernel."""
        return Moving(self.instances, self.library.surface, self.labels)

    def nearest(
        self, points: Floats, found: tuple[Floats, Ints, Floats, Floats]
    ) -> tuple[Floats, Ints, Floats, Floats]:
        """What ``SceneProbe.nearest`` found among the scene, or a thing where one is nearer."""
        distance, owner, closest, normal = found
        hit, row = np.full(len(points), -1, np.int32), np.full(len(points), -1, np.int32)
        stacks, gaps, place = (
            np.empty((2, STACK_SIZE), np.int32),
            np.empty(STACK_SIZE, np.float32),
            np.empty(3, np.float32),
        )
        nearest_of_things(self.instances, points, stacks, gaps, place, distance, hit, row, closest)
        for i in np.flatnonzero(row >= 0):
            away = points[i] - closest[i]
            length = float(np.linalg.norm(away))
            owner[i] = len(self.labels) + self.instances.order[row[i]]
            normal[i] = away / length if length > 1e-5 else self._normal(row[i], hit[i])
        return distance, owner, closest, normal

    def cast(
        self, origins: Floats, directions: Floats, found: tuple[Floats, Ints, Floats]
    ) -> tuple[Floats, Ints, Floats]:
        """What ``SceneProbe.cast`` found among the scene along unit directions, or a thing that is nearer."""
        distance, owner, normal = found
        hit, row = np.full(len(origins), -1, np.int32), np.full(len(origins), -1, np.int32)
        stacks, scratch = np.empty((2, STACK_SIZE), np.int32), np.empty((4, 3), np.float32)
        cast_at_things(self.instances, origins, directions, stacks, scratch, distance, hit, row)
        for i in np.flatnonzero(row >= 0):
            side = self._normal(row[i], hit[i])
            owner[i] = len(self.labels) + self.instances.order[row[i]]
            normal[i] = -side if side @ directions[i] > 0 else side
        return distance, owner, normal

    def _normal(self, row: int, triangle: int) -> Floats:
        return self.instances.frames[row, :, :3] @ self.library.face_normals[triangle]


class Layers:
    """Makes layers of one scene's things. Belongs to one thread; what it makes may go to others."""

    def __init__(self, scene: Scene) -> None:
        self.materials = (*scene.materials, *airframe.MATERIALS)
        self._labels = np.array([o.segmentation_id for o in scene.objects], np.int32)
        self._number = {o.name: i for i, o in enumerate(scene.objects)}
        self._relabelled: tuple[dict[str, int], Ints] = ({}, self._labels)
        self._pieces: dict[Key, Piece] = {}
        self._library = Library(())
        self._place: dict[Key, int] = {}  # of a piece in the library
        self.airframe = airframe.quadrotor_shape(len(scene.materials))
        self.empty = self.layer((), frozenset(), {})

    def layer(self, things: Iterable[Thing], hidden: frozenset[str], labels: Mapping[str, int]) -> MovingLayer:
        """Things with an area, and what differs from the baked scene."""
        shown = tuple(things)
        keys = [_key(thing) for thing in shown]
        self._prepare(shown, keys)
        solid = [i for i, key in enumerate(keys) if key in self._place]
        instances = self._placed(
            [shown[i] for i in solid], [self._place[keys[i]] for i in solid], np.array(solid, np.int32)
        )
        return MovingLayer(shown, hidden, self._relabel(dict(labels)), instances, self._library)

    def _relabel(self, labels: dict[str, int]) -> Ints:
        if labels != self._relabelled[0]:
            ids = self._labels.copy()
            for name, label in labels.items():
                ids[self._number[name]] = label
            self._relabelled = (labels, ids)
        return self._relabelled[1]

    def _prepare(self, things: tuple[Thing, ...], keys: list[Key]) -> None:
        """See that the library has a piece for every thing that has an area."""
        missing = {key: thing for key, thing in zip(keys, things, strict=True) if key not in self._pieces}
        missing = {key: thing for key, thing in missing.items() if _has_area(thing)}
        if not missing:
            return
        if len(self._pieces) > len(set(keys)) + _SPARE_PIECES:
            self._pieces = {key: self._pieces[key] for key in keys if key in self._pieces}
        self._pieces.update({key: Piece(thing, self.materials) for key, thing in missing.items()})
        self._library = Library(tuple(self._pieces.values()))
        self._place = {key: i for i, key in enumerate(self._pieces)}

    def _placed(self, things: list[Thing], places: list[int], numbers: Ints) -> Instances:
        count = len(things)
        if count == 0:
            return _nothing(self._library)
        frames = np.zeros((count, 3, 4))
        turns = np.array([thing.orientation for thing in things])
        frames[:, :, :3] = rotation_matrix(turns / np.linalg.norm(turns, axis=1, keepdims=True))
        frames[:, :, 3] = np.array([thing.position for thing in things]).reshape(-1, 3)
        pieces = [self._library.pieces[place] for place in places]
        centre = np.array([piece.centre for piece in pieces]).reshape(-1, 3)
        half = np.array([piece.half for piece in pieces]).reshape(-1, 3)
        middle = np.einsum("nij,nj->ni", frames[:, :, :3], centre) + frames[:, :, 3]
        reach = np.einsum("nij,nj->ni", np.abs(frames[:, :, :3]), half) + _BOX_SLACK_M
        bounds, links, order = build_nodes((middle - reach).astype(np.float32), (middle + reach).astype(np.float32))
        return Instances(
            Bvh(bounds, links, np.empty((0, 9), np.float32), order),
            self._library.shapes,
            frames[order].astype(np.float32),
            self._library.roots[np.array(places, np.int32)[order]],
            np.array([thing.segmentation_id for thing in things], np.int32)[order],
            numbers[order],
        )


class LiveProbe:
    """Distances and rays in the scene as it is now: what was baked and is still there, and the things."""

    def __init__(self, baked: SceneProbe, layer: Callable[[], MovingLayer]) -> None:
        self._baked = baked
        self._layer = layer

    def nearest(self, points: ArrayLike, max_distance: float) -> tuple[Floats, Ints, Floats, Floats]:
        """See ``SceneQuery.nearest``; numbers from the scene's count of objects on are the layer's things."""
        layer = self._layer()
        found = self._still(layer).nearest(points, max_distance)
        return layer.nearest(rows_of(points), found) if len(layer.instances.order) else found

    def cast(self, origins: ArrayLike, directions: ArrayLike, max_range: float) -> tuple[Floats, Ints, Floats]:
        """See ``SceneQuery.cast``."""
        layer = self._layer()
        found = self._still(layer).cast(origins, directions, max_range)
        if len(layer.instances.order) == 0:
            return found
        d = rows_of(directions)
        length = np.linalg.norm(d, axis=1, keepdims=True)
        # a direction of length zero hits nothing: nothing is nearer than -1
        ahead = np.where(length[:, 0] > 1e-12, found[0], np.float32(-1.0)).astype(np.float32)
        o = np.ascontiguousarray(np.broadcast_to(rows_of(origins), d.shape))
        unit = (d / np.maximum(length, 1e-12)).astype(np.float32)
        distance, owner, normal = layer.cast(o, unit, (ahead, found[1], found[2]))
        return np.where(ahead < 0, found[0], distance), owner, normal

    def inside(self, point: ArrayLike) -> bool:
        """See ``SceneQuery.inside``; things that are not baked have no inside."""
        return self._still(self._layer()).inside(point)

    def _still(self, layer: MovingLayer) -> SceneProbe:
        return self._baked.without(layer.hidden) if isinstance(self._baked, SceneQuery) else self._baked


def _key(thing: Thing) -> Key:
    return id(thing.shape), thing.scale, thing.material


def _has_area(thing: Thing) -> bool:
    """Whether there is anything to see or hit: a scale of zero is how scripts make things vanish."""
    corners = np.asarray(thing.shape.vertices, np.float64)[np.asarray(thing.shape.faces)] * thing.scale
    if not np.isfinite(corners).all():
        return False
    edges = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return bool((np.linalg.norm(edges, axis=1) > 1e-8).any())


def _scaled(thing: Thing) -> SceneObject:
    """The shape at the thing's scale and in its material. A mirrored one keeps its outside outside."""
    shape, scale = thing.shape, np.array(thing.scale)
    faces = np.asarray(shape.faces, np.int32)
    material = shape.material if thing.material is None else np.full(len(faces), thing.material, np.int32)
    return replace(
        shape,
        vertices=(np.asarray(shape.vertices, np.float64) * scale).astype(np.float32),
        normals=(np.asarray(shape.normals, np.float64) / np.where(scale == 0, 1.0, scale)).astype(np.float32),
        faces=faces if np.prod(scale) >= 0 else faces[:, ::-1],
        material=material,
    )


def _joined(hierarchies: list[Bvh]) -> tuple[Ints, Bvh]:
    """Hierarchies one after another: where each begins, and the whole."""
    roots, links, node, triangle = [], [], 0, 0
    for bvh in hierarchies:
        moved = bvh.links.copy()
        moved[:, 0] += np.where(moved[:, 1] > 0, triangle, node).astype(np.int32)
        roots.append(node)
        links.append(moved)
        node, triangle = node + len(moved), triangle + len(bvh.triangles)
    return np.array(roots, np.int32), Bvh(
        np.concatenate([np.empty((0, 6), np.float32), *(bvh.bounds for bvh in hierarchies)]),
        np.concatenate([np.empty((0, 3), np.int32), *links]),
        np.concatenate([np.empty((0, 9), np.float32), *(bvh.triangles for bvh in hierarchies)]),
        np.empty(0, np.int32),
    )


def _nothing(library: Library) -> Instances:
    nodes = Bvh(
        *(np.empty((0, n), t) for n, t in ((6, np.float32), (3, np.int32), (9, np.float32))), np.empty(0, np.int32)
    )
    none = np.empty(0, np.int32)
    return Instances(nodes, library.shapes, np.empty((0, 3, 4), np.float32), none, none, none)
