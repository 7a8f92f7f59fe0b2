"""Ambient occlusion per vertex: how much of the hemisphere above it is free, baked once when a scene is loaded."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.kernel import Floats, Ints, kernel
from navisplit.sim.render.bvh import STACK_SIZE, Bvh
from navisplit.sim.render.trace import LANES, trace_packet

f32 = np.float32

OCCLUSION_RADIUS_M = 5.0
_SHARE = 8192  # vertices to a thread at a time
_LIFT_M = f32(0.02)  # rays start this far off the surface
_INSIDE_SHARE = f32(0.5)  # more rays than this meeting back faces: the vertex is buried in something


def bake_exposure(bvh: Bvh, vertices: Floats, normals: Floats, faces: Ints, soft: NDArray[np.bool_]) -> Floats:
    """Openness (V,) of each vertex, 1 = nothing within ``OCCLUSION_RADIUS_M``; ``soft`` (T,) marks foliage, leaf order.

    Buried vertices (a wall's foot in the ground) take the mean of their neighbours, so that no shadow leaks out.
    """
    exposure, spread = np.empty(len(vertices), np.float32), _hemisphere()
    shares = np.array_split(np.arange(len(vertices)), max(1, len(vertices) // _SHARE))

    def bake(share: NDArray[np.int64]) -> None:
        part = slice(share[0], share[-1] + 1)
        _bake(bvh, vertices[part], normals[part], spread, soft, f32(OCCLUSION_RADIUS_M), exposure[part])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(bake, shares))
    return _fill_buried(exposure, faces)


def _hemisphere() -> Floats:
    """32 cosine-weighted directions (3, 32) around +z, on a Fibonacci spiral (our choice)."""
    i = np.arange(LANES) + 0.5
    z, angle = np.sqrt(1.0 - i / LANES), i * math.pi * (1.0 + math.sqrt(5.0))
    side = np.sqrt(1.0 - z * z)
    return np.stack([side * np.cos(angle), side * np.sin(angle), z]).astype(np.float32)


def _fill_buried(exposure: Floats, faces: Ints) -> Floats:
    for _ in range(3):
        buried = exposure < 0
        if not buried.any():
            break
        corners, others = np.repeat(faces, 2, axis=1).ravel(), faces[:, [1, 2, 0, 2, 0, 1]].ravel()
        known = buried[corners] & ~buried[others]
        total = np.bincount(corners[known], exposure[others[known]], len(exposure))
        count = np.bincount(corners[known], minlength=len(exposure))
        found = buried & (count > 0)
        exposure[found] = (total[found] / count[found]).astype(np.float32)
    return np.where(exposure < 0, f32(0.5), exposure)


@kernel
def _is_back_face(triangles: Floats, t: int, dx: np.float32, dy: np.float32, dz: np.float32) -> bool:
    ax, ay, az = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    ux, uy, uz = triangles[t, 3] - ax, triangles[t, 4] - ay, triangles[t, 5] - az
    vx, vy, vz = triangles[t, 6] - ax, triangles[t, 7] - ay, triangles[t, 8] - az
    return dx * (uy * vz - uz * vy) + dy * (uz * vx - ux * vz) + dz * (ux * vy - uy * vx) > 0


@kernel
def _bake(bvh: Bvh, vertices: Floats, normals: Floats, spread: Floats, soft: NDArray[np.bool_], radius: np.float32,
          exposure: Floats) -> None:  # fmt: skip
    origin = np.empty(3, np.float32)
    directions, work = np.empty((3, LANES), np.float32), np.empty((4, LANES), np.float32)
    stack = np.empty(STACK_SIZE, np.int32)
    distance, hit = np.empty(LANES, np.float32), np.empty(LANES, np.int32)
    for i in range(vertices.shape[0]):
        nx, ny, nz = normals[i, 0], normals[i, 1], normals[i, 2]
        # orthonormal basis around the normal (Duff et al. 2017)
        sign = f32(1.0) if nz >= 0 else f32(-1.0)
        a = f32(-1.0) / (sign + nz)
        b = nx * ny * a
        for k in range(LANES):
            x, y, z = spread[0, k], spread[1, k], spread[2, k]
            directions[0, k] = x * (f32(1.0) + sign * nx * nx * a) + y * b + z * nx
            directions[1, k] = x * sign * b + y * (sign + ny * ny * a) + z * ny
            directions[2, k] = -x * sign * nx - y * ny + z * nz
        for c in range(3):
            origin[c] = vertices[i, c] + normals[i, c] * _LIFT_M
        distance[:] = radius
        hit[:] = -1
        trace_packet(bvh, 0, origin, directions, work, stack, distance, hit)
        blocked, buried = f32(0.0), 0
        for k in range(LANES):
            t = hit[k]
            if t >= 0:
                blocked += f32(1.0) - distance[k] / radius
                if not soft[t] and _is_back_face(
                    bvh.triangles, t, directions[0, k], directions[1, k], directions[2, k]
                ):
                    buried += 1
        exposure[i] = f32(-1.0) if f32(buried) > _INSIDE_SHARE * f32(LANES) else f32(1.0) - blocked / f32(LANES)
