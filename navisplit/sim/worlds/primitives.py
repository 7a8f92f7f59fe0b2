"""Triangles of SDF's simple shapes, in their own frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.worlds.description import Box, Capsule, Cone, Cylinder, Ellipsoid, Mesh, Shape, Sphere

ROUND_SIDES = 24
"""Sides of a circle: a radius of 1 m is then met to within 9 mm."""


def primitive_mesh(shape: Shape) -> Mesh:
    """The triangles of a simple shape; uv runs 0..1 over each face, as Gazebo's does."""
    if isinstance(shape, Box):
        return box(shape.size)
    if isinstance(shape, Capsule):
        return capsule(shape.radius, shape.length)
    if isinstance(shape, Cone):
        return cone(shape.radius, shape.length)
    if isinstance(shape, Ellipsoid):
        return ellipsoid(shape.radii)
    if isinstance(shape, Cylinder):
        return cylinder(shape.radius, shape.length)
    if isinstance(shape, Sphere):
        return sphere(shape.radius)
    return plane(shape.normal, shape.size)


def quads(corners: NDArray[np.floating]) -> Mesh:
    """Flat quads from corners (N, 4, 3), counter-clockwise from outside, each with its own vertices."""
    corners = np.asarray(corners, np.float64).reshape(-1, 4, 3)
    count = len(corners)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    first = np.arange(count)[:, None] * 4
    faces = np.concatenate([first + [0, 1, 2], first + [0, 2, 3]], axis=1).reshape(-1, 3)
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (count, 1))
    return Mesh(
        corners.reshape(-1, 3).astype(np.float32),
        faces.astype(np.int32),
        np.repeat(normal, 4, axis=0).astype(np.float32),
        uv,
    )


def box(size: tuple[float, float, float]) -> Mesh:
    """A centred box: 12 triangles."""
    faces = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            if sign < 0:
                u, v = v, u
            n = sign * np.eye(3)[axis]
            faces.append([n - u - v, n + u - v, n + u + v, n - u + v])
    return quads(np.asarray(faces) * np.asarray(size) / 2.0)


def plane(normal: tuple[float, float, float], size: tuple[float, float]) -> Mesh:
    """A rectangle through the origin; for the usual +z normal, ``size`` is along x and y."""
    n = np.asarray(normal, np.float64)
    n = n / (np.linalg.norm(n) + 1e-12)
    hint = np.array([1.0, 0.0, 0.0]) if abs(n[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    u = hint - n * (hint @ n)
    u /= np.linalg.norm(u)
    v = np.cross(n, u)
    u, v = u * size[0] / 2.0, v * size[1] / 2.0
    return quads(np.array([[-u - v, u - v, u + v, -u + v]]))


def cylinder(radius: float, length: float, sides: int = ROUND_SIDES) -> Mesh:
    """A centred closed cylinder along z."""
    angle = np.arange(sides + 1) * 2 * np.pi / sides
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    side_normals = np.column_stack([ring, np.zeros(sides + 1)])
    low = np.column_stack([ring * radius, np.full(sides + 1, -length / 2)])
    high = low + [0, 0, length]
    around = np.arange(sides)
    n = sides + 1
    side_faces = np.concatenate(
        [np.stack([around, around + 1, around + 1 + n], 1), np.stack([around, around + 1 + n, around + n], 1)]
    )
    fan = np.stack([np.zeros(sides - 2, int), np.arange(1, sides - 1), np.arange(2, sides)], 1)
    top, bottom = high[:sides], low[:sides]
    u = np.linspace(0, 1, n)
    cap_uv = ring[:sides] / 2 + 0.5
    return Mesh(
        np.concatenate([low, high, top, bottom]).astype(np.float32),
        np.concatenate([side_faces, fan + 2 * n, fan[:, ::-1] + 2 * n + sides]).astype(np.int32),
        np.concatenate(
            [side_normals, side_normals, np.tile([0.0, 0, 1], (sides, 1)), np.tile([0.0, 0, -1], (sides, 1))]
        ).astype(np.float32),
        np.concatenate([np.stack([u, 0 * u], 1), np.stack([u, 0 * u + 1], 1), cap_uv, cap_uv]).astype(np.float32),
    )


def sphere(radius: float, sides: int = ROUND_SIDES) -> Mesh:
    """A centred sphere of latitude rings."""
    rings = sides // 2
    azimuth, polar = np.meshgrid(np.linspace(0, 2 * np.pi, sides + 1), np.linspace(0, math.pi, rings + 1))
    normals = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], -1)
    row, column = np.meshgrid(np.arange(rings), np.arange(sides), indexing="ij")
    a = (row * (sides + 1) + column).ravel()
    b = a + sides + 1
    upper = np.stack([a, b, b + 1], 1)[row.ravel() < rings - 1]
    lower = np.stack([a, b + 1, a + 1], 1)[row.ravel() > 0]
    uv = np.stack([azimuth / (2 * np.pi), 1 - polar / np.pi], -1)
    flat = normals.reshape(-1, 3)
    return Mesh(
        (flat * radius).astype(np.float32),
        np.concatenate([upper, lower]).astype(np.int32),
        flat.astype(np.float32),
        uv.reshape(-1, 2).astype(np.float32),
    )


def ellipsoid(radii: tuple[float, float, float]) -> Mesh:
    """A centred ellipsoid: a stretched sphere."""
    ball, size = sphere(1.0), np.asarray(radii, np.float64)
    normals = ball.normals / size
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mesh((ball.vertices * size).astype(np.float32), ball.faces, normals.astype(np.float32), ball.uv)


def capsule(radius: float, length: float) -> Mesh:
    """A centred capsule: a sphere whose halves are drawn apart, the ring between them being its equator twice."""
    ball = sphere(radius)
    side = ROUND_SIDES + 1
    rings = len(ball.vertices) // side
    upper = ball.vertices.reshape(rings, side, 3)[: rings // 2 + 1] + np.float32([0, 0, length / 2])
    lower = ball.vertices.reshape(rings, side, 3)[rings // 2 :] - np.float32([0, 0, length / 2])
    points = np.concatenate([upper, lower]).reshape(-1, 3)
    normals = np.concatenate([ball.normals[: (rings // 2 + 1) * side], ball.normals[rings // 2 * side :]])
    row, column = np.meshgrid(np.arange(rings), np.arange(ROUND_SIDES), indexing="ij")
    a = (row * side + column).ravel()
    b = a + side
    faces = np.concatenate([np.stack([a, b, b + 1], 1), np.stack([a, b + 1, a + 1], 1)])
    area = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])
    v = (points[:, 2] - points[:, 2].min()) / max(float(np.ptp(points[:, 2])), 1e-9)
    uv = np.stack([np.tile(np.linspace(0, 1, side), rings + 1), v], 1)
    real = np.linalg.norm(area, axis=1) > 1e-12  # the poles' quads are triangles
    return Mesh(points.astype(np.float32), faces[real].astype(np.int32), normals, uv.astype(np.float32))


def cone(radius: float, length: float, sides: int = ROUND_SIDES) -> Mesh:
    """A centred cone along z, its tip up, with a flat base."""
    angle = np.arange(sides + 1) * 2 * np.pi / sides
    middle = (angle[:-1] + angle[1:]) / 2
    rim = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(sides + 1, -length / 2)])
    tips = np.tile([0.0, 0.0, length / 2], (sides, 1))
    slope = np.hypot(radius, length)

    def lean(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.cos(at) * length, np.sin(at) * length, np.full(len(at), radius)]) / slope

    around = np.arange(sides)
    fan = np.stack([np.zeros(sides - 2, int), np.arange(2, sides), np.arange(1, sides - 1)], 1)
    u = np.linspace(0, 1, sides + 1)
    uv = np.concatenate([np.stack([u, 0 * u], 1), np.stack([u[:-1], 0 * u[:-1] + 1], 1)])
    base_uv = np.column_stack([np.cos(angle[:-1]), np.sin(angle[:-1])]) / 2 + 0.5
    return Mesh(
        np.concatenate([rim, tips, rim[:-1]]).astype(np.float32),
        np.concatenate([np.stack([around, around + 1, around + sides + 1], 1), fan + 2 * sides + 1]).astype(np.int32),
        np.concatenate([lean(angle), lean(middle), np.tile([0.0, 0, -1], (sides, 1))]).astype(np.float32),
        np.concatenate([uv, base_uv]).astype(np.float32),
    )
