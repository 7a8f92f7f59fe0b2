"""Shapes that grow: tubes, lumps, leaves, skirts. Every function returns a Mesh in its own frame (metres, z up)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.primitives import quads

Rng = np.random.Generator


def merge(parts: Iterable[Mesh]) -> Mesh:
    """All parts as one mesh."""
    parts = list(parts)
    starts = np.cumsum([0] + [len(p.vertices) for p in parts])
    uv = None
    if all(p.uv is not None for p in parts):
        uv = np.concatenate([p.uv for p in parts])
    return Mesh(
        np.concatenate([p.vertices for p in parts]).astype(np.float32),
        np.concatenate([p.faces + s for p, s in zip(parts, starts[:-1], strict=True)]).astype(np.int32),
        np.concatenate([p.normals for p in parts]).astype(np.float32),
        uv,
    )


def moved(mesh: Mesh, offset: ArrayLike, yaw: float = 0.0, scale: ArrayLike = 1.0) -> Mesh:
    """The mesh scaled, then turned about z, then moved."""
    c, s = np.cos(yaw), np.sin(yaw)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    factors = np.broadcast_to(np.asarray(scale, np.float64), (3,))
    normals = _unit((mesh.normals / factors) @ rotation.T)
    vertices = (mesh.vertices * factors) @ rotation.T + np.asarray(offset)
    return Mesh(vertices.astype(np.float32), mesh.faces, normals.astype(np.float32), mesh.uv)


def from_triangles(vertices: ArrayLike, faces: ArrayLike) -> Mesh:
    """Indexed triangles with smooth (area-weighted) normals."""
    v, f = np.asarray(vertices, np.float64), np.asarray(faces, np.int32)
    normal = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    total = np.zeros_like(v)
    for corner in range(3):
        np.add.at(total, f[:, corner], normal)
    return Mesh(v.astype(np.float32), f, _unit(total).astype(np.float32))


def flat(mesh: Mesh) -> Mesh:
    """The same triangles, each with its own vertices and normal: sharp edges."""
    v = mesh.vertices[mesh.faces.ravel()].astype(np.float64)
    corners = v.reshape(-1, 3, 3)
    normal = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    faces = np.arange(len(v), dtype=np.int32).reshape(-1, 3)
    uv = None if mesh.uv is None else mesh.uv[mesh.faces.ravel()]
    return Mesh(v.astype(np.float32), faces, np.repeat(normal, 3, axis=0).astype(np.float32), uv)


def tube(path: ArrayLike, radii: ArrayLike, sides: int = 6, closed: bool = False) -> Mesh:
    """A limb along a path (K, 3) with a radius at each point; ``closed`` puts a flat end on its last ring."""
    path, radii = np.asarray(path, np.float64), np.asarray(radii, np.float64)
    tangent = _unit(np.gradient(path, axis=0))
    hint = np.array([1.0, 0.0, 0.0]) if abs(tangent[0, 0]) < 0.8 else np.array([0.0, 1.0, 0.0])
    across = _unit(np.cross(tangent, hint))
    along = np.cross(tangent, across)
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.cos(angle)[None, :, None] * across[:, None] + np.sin(angle)[None, :, None] * along[:, None]
    vertices = (path[:, None] + ring * radii[:, None, None]).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(len(path) - 1), np.arange(sides), indexing="ij")
    a, b = (row * sides + column).ravel(), (row * sides + (column + 1) % sides).ravel()
    faces = np.concatenate([np.stack([a, b, b + sides], 1), np.stack([a, b + sides, a + sides], 1)])
    body = Mesh(vertices.astype(np.float32), faces.astype(np.int32), ring.reshape(-1, 3).astype(np.float32))
    if not closed:
        return body
    end = vertices[-sides:]
    fan = np.stack([np.zeros(sides - 2, int), np.arange(1, sides - 1), np.arange(2, sides)], 1)
    return merge([body, flat(from_triangles(end, fan))])


@cache
def icosphere(subdivisions: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Unit sphere of 20 * 4**subdivisions triangles: vertices and faces."""
    t = (1 + 5**0.5) / 2
    vertices = np.array(
        [[-1, t, 0], [1, t, 0], [-1, -t, 0], [1, -t, 0], [0, -1, t], [0, 1, t]]
        + [[0, -1, -t], [0, 1, -t], [t, 0, -1], [t, 0, 1], [-t, 0, -1], [-t, 0, 1]]
    )
    faces = np.array(
        [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6]]
        + [[7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10]]
        + [[8, 6, 7], [9, 8, 1]],
        dtype=np.int32,
    )
    vertices = _unit(vertices)
    for _ in range(subdivisions):
        a, b, c = faces.T
        edges = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([b, c], 1), np.stack([c, a], 1)]), axis=1)
        unique, inverse = np.unique(edges, axis=0, return_inverse=True)
        middle = _unit(vertices[unique].mean(axis=1))
        ab, bc, ca = (inverse.reshape(3, -1) + len(vertices)).astype(np.int32)
        vertices = np.concatenate([vertices, middle])
        faces = np.concatenate(
            [np.stack(f, 1) for f in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))], dtype=np.int32
        )
    return vertices, faces


def lump(radii: ArrayLike, roughness: float, rng: Rng, subdivisions: int = 0, centre: ArrayLike = (0, 0, 0)) -> Mesh:
    """An uneven ellipsoid with smooth normals: stone, bush, crown. ``roughness``: relative spread of its radius."""
    unit, faces = icosphere(subdivisions)
    wave = rng.normal(size=(3, 3)) * 1.7
    bumps = np.sin(unit @ wave.T + rng.uniform(0, 6.28, 3)).mean(axis=1) + rng.normal(0, 0.45, len(unit))
    vertices = unit * np.asarray(radii) * (1 + roughness * bumps)[:, None]
    return from_triangles(vertices + np.asarray(centre), faces)


def leaves(centres: NDArray[np.float64], outward: NDArray[np.float64], size: ArrayLike, rng: Rng) -> Mesh:
    """A ragged leaf card (two triangles) at every centre (N, 3), lit as part of a crown that faces ``outward`` there.

    ``size`` (m, scalar or (N,)) is half the length of a card. Cards lie loosely along the crown's surface.
    """
    count = len(centres)
    size = np.broadcast_to(np.asarray(size, np.float64), (count,))[:, None]
    along = _unit(np.cross(_unit(outward + 0.45 * rng.normal(size=(count, 3))), rng.normal(size=(count, 3))))
    across = _unit(np.cross(along, outward + 0.55 * rng.normal(size=(count, 3))))
    width = size * rng.uniform(0.45, 0.8, (count, 1))
    skew = size * rng.uniform(-0.5, 0.5, (count, 2))
    corners = np.stack(
        [
            centres - along * size,
            centres + across * width + along * skew[:, :1],
            centres + along * size,
            centres - across * width + along * skew[:, 1:],
        ],
        axis=1,
    )
    mesh = quads(corners)
    return Mesh(mesh.vertices, mesh.faces, np.repeat(_unit(outward), 4, axis=0).astype(np.float32))


def skirt(bottom: float, top: float, radius: float, points: int, jag: float, rng: Rng, droop: float = 0.0) -> Mesh:
    """One layer of a conifer: a cone whose rim goes in and out like the tips of branches."""
    angle = (np.arange(2 * points) + rng.uniform(0, 1)) * np.pi / points
    reach = radius * np.where(np.arange(2 * points) % 2 == 0, 1.0, 1.0 - jag) * rng.uniform(0.85, 1.1, 2 * points)
    low = bottom + np.where(np.arange(2 * points) % 2 == 0, -droop, 0.0) + rng.normal(0, 0.06 * radius, 2 * points)
    rim = np.stack([reach * np.cos(angle), reach * np.sin(angle), low], axis=1)
    apex = np.array([[0.0, 0.0, top]])
    around = np.arange(2 * points)
    faces = np.stack([around, (around + 1) % (2 * points), np.full(2 * points, 2 * points)], 1)
    return from_triangles(np.concatenate([rim, apex]), faces)


def boxes(centres: ArrayLike, sizes: ArrayLike, yaws: ArrayLike = 0.0) -> Mesh:
    """Upright boxes: centres (N, 3), sizes (N, 3) or (3,), yaws (N,) or scalar."""
    centres = np.asarray(centres, np.float64).reshape(-1, 3)
    count = len(centres)
    sizes = np.broadcast_to(np.asarray(sizes, np.float64), (count, 3))
    yaws = np.broadcast_to(np.asarray(yaws, np.float64), (count,))
    unit = [
        [[-1, -1, -1], [-1, 1, -1], [1, 1, -1], [1, -1, -1]],
        [[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]],
        [[-1, -1, -1], [1, -1, -1], [1, -1, 1], [-1, -1, 1]],
        [[1, -1, -1], [1, 1, -1], [1, 1, 1], [1, -1, 1]],
        [[1, 1, -1], [-1, 1, -1], [-1, 1, 1], [1, 1, 1]],
        [[-1, 1, -1], [-1, -1, -1], [-1, -1, 1], [-1, 1, 1]],
    ]
    corners = np.asarray(unit, np.float64)[None] * sizes[:, None, None] / 2
    c, s = np.cos(yaws)[:, None, None], np.sin(yaws)[:, None, None]
    x, y, z = corners[..., 0], corners[..., 1], corners[..., 2]
    turned = np.stack([c * x - s * y, s * x + c * y, z], axis=-1) + centres[:, None, None]
    return quads(turned.reshape(-1, 4, 3))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12)
