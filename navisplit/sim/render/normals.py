"""Surface normals of a picture: a pass of rays of its own, run only when something asks for normals."""

from __future__ import annotations

import math

import numpy as np

from navisplit.sim.kernel import Floats, kernel
from navisplit.sim.render.bvh import STACK_SIZE, Bvh
from navisplit.sim.render.clusters import Clusters
from navisplit.sim.render.instances import Instances, from_own, new_lanes, point_to_own, to_own, trace_things
from navisplit.sim.render.surface import Surface
from navisplit.sim.render.trace import LANES, PACKET_HEIGHT, PACKET_WIDTH, aim_packet
from navisplit.sim.render.visible import new_descent, new_tiles, see

f32 = np.float32
_ONE = f32(1.0)


@kernel
def smooth_normal(corners: Floats, values: Floats, t: int, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """Unit normal of triangle t at a point on it, blended from its corners'; and the face's own (not unit)."""
    ux, uy, uz = corners[t, 3] - corners[t, 0], corners[t, 4] - corners[t, 1], corners[t, 5] - corners[t, 2]
    vx, vy, vz = corners[t, 6] - corners[t, 0], corners[t, 7] - corners[t, 1], corners[t, 8] - corners[t, 2]
    fx, fy, fz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    px, py, pz = x - corners[t, 0], y - corners[t, 1], z - corners[t, 2]
    scale = _ONE / (fx * fx + fy * fy + fz * fz)
    b = ((py * vz - pz * vy) * fx + (pz * vx - px * vz) * fy + (px * vy - py * vx) * fz) * scale
    c = ((uy * pz - uz * py) * fx + (uz * px - ux * pz) * fy + (ux * py - uy * px) * fz) * scale
    a = _ONE - b - c
    nx = values[t, 0] * a + values[t, 3] * b + values[t, 6] * c
    ny = values[t, 1] * a + values[t, 4] * b + values[t, 7] * c
    nz = values[t, 2] * a + values[t, 5] * b + values[t, 8] * c
    size = _ONE / math.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
    return nx * size, ny * size, nz * size, fx, fy, fz


@kernel
def trace_normals(clusters: Clusters, bvh: Bvh, surface: Surface, things: Instances, own: Surface, camera: Floats,
                  normals: Floats) -> None:  # fmt: skip
    """Fill normals (H, W, 3): unit, ENU, on the side that ``camera`` (4, 3) sees; zero where there is only sky.

    ``clusters``: of ``bvh``; ``own``: surface of the triangles of ``things.shapes``.
    """
    height, width = normals.shape[0], normals.shape[1]
    directions, stack, thing = (
        np.empty((3, LANES), np.float32),
        np.empty(STACK_SIZE, np.int32),
        np.empty(LANES, np.int32),
    )
    lanes, any_things, origin, start = new_lanes(), things.frames.shape[0] > 0, camera[0], 0
    all_distances, all_hits = new_tiles(width, height)
    see(clusters, camera, width, height, new_descent(), all_distances, all_hits)
    for row in range(0, height, PACKET_HEIGHT):
        for column in range(0, width, PACKET_WIDTH):
            aim_packet(camera, column, row, directions)
            distance, hit = all_distances[start : start + LANES], all_hits[start : start + LANES]
            start += LANES
            thing[:] = -1
            if any_things:
                trace_things(things, origin, directions, lanes, stack, distance, hit, thing)
            for k in range(LANES):
                i, j = row + k // PACKET_WIDTH, column + k % PACKET_WIDTH
                if i >= height or j >= width:
                    continue
                nx, ny, nz = f32(0.0), f32(0.0), f32(0.0)
                if hit[k] >= 0:
                    dx, dy, dz, d, n = directions[0, k], directions[1, k], directions[2, k], distance[k], thing[k]
                    x, y, z = origin[0] + dx * d, origin[1] + dy * d, origin[2] + dz * d
                    if n >= 0:
                        x, y, z = point_to_own(things.frames, n, x, y, z)
                        dx, dy, dz = to_own(things.frames, n, dx, dy, dz)
                        nx, ny, nz, fx, fy, fz = smooth_normal(things.shapes.triangles, own.values, hit[k], x, y, z)
                    else:
                        nx, ny, nz, fx, fy, fz = smooth_normal(bvh.triangles, surface.values, hit[k], x, y, z)
                    if fx * dx + fy * dy + fz * dz > 0:  # seen from behind
                        nx, ny, nz = -nx, -ny, -nz
                    if n >= 0:
                        nx, ny, nz = from_own(things.frames, n, nx, ny, nz)
                normals[i, j, 0], normals[i, j, 1], normals[i, j, 2] = nx, ny, nz
