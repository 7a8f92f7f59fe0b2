"""Packets of 8x4 rays from one point against the hierarchy: cameras, ambient occlusion.

All lanes of a packet visit the same nodes, so boxes and triangles are set up once, as scalars, and tested against 32
rays with vector instructions. Directions are not normalised: with the forward component 1, distance is planar depth.
"""

from __future__ import annotations

import math

import numpy as np

from navisplit.sim.kernel import Floats, Ints, index, inlined, kernel, outlined
from navisplit.sim.render.bvh import Bvh

f32, f64 = np.float32, np.float64

PACKET_WIDTH, PACKET_HEIGHT = 8, 4
LANES = PACKET_WIDTH * PACKET_HEIGHT
FAR = f32(1e5)  # m; nothing is further away
_SMALLEST_DIRECTION = f32(1e-9)  # keeps reciprocals finite
SMALLEST_DETERMINANT = f32(1e-14)
NEAREST = f32(1e-4)  # hits nearer than this (in units of the direction) are ignored
_SLACK = f32(1.000001)  # boxes are this much larger than computed, so that rounding opens no gap


@kernel
def reciprocal(x: np.float32) -> np.float32:
    """1 / x that stays finite at zero."""
    if abs(x) < _SMALLEST_DIRECTION:
        x = _SMALLEST_DIRECTION
    return f32(1.0) / x


@kernel
def aim_packet(camera: Floats, column: int, row: int, directions: Floats) -> None:
    """Directions (3, 32) of the pixels of the packet whose first pixel is (column, row).

    ``camera`` (4, 3): origin, direction of pixel (0, 0), step per column, step per row; the forward component is 1,
    or whatever the unit of distance is to be in metres.
    """
    for k in range(LANES):
        x, y = f32(column + k % PACKET_WIDTH), f32(row + k // PACKET_WIDTH)
        for c in range(3):
            directions[c, k] = camera[1, c] + x * camera[2, c] + y * camera[3, c]


@kernel
def pixel_size(camera: Floats) -> np.float32:
    """Metres per pixel at 1 m of ``aim_packet``'s camera, whatever its unit of distance."""
    ax, ay, az = camera[2, 0], camera[2, 1], camera[2, 2]
    bx, by, bz = camera[3, 0], camera[3, 1], camera[3, 2]
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    forward = abs(camera[1, 0] * nx + camera[1, 1] * ny + camera[1, 2] * nz) / math.sqrt(nx * nx + ny * ny + nz * nz)
    return f32(math.sqrt(ax * ax + ay * ay + az * az) / forward)


@outlined
def _hit_triangles(corners: Floats, first: int, end: int, x: np.float32, y: np.float32, z: np.float32, dx: Floats,
                   dy: Floats, dz: Floats, distance: Floats, hit: Ints) -> None:  # fmt: skip
    """Shorten the distance of the rays from (x, y, z) that pass through triangles first..end - 1, and note which.

    Seen from the origin, a triangle is three edge functions, the normals of the planes through the origin and its
    edges: a ray d passes inside when d . normals have one sign; its distance is volume / (d . normal). They are
    computed in float64 and rounded once, so two triangles agree on their common edge and no ray slips between them.
    """
    for triangle in range(first, end):
        t, number = index(triangle), np.int32(triangle)
        ax, ay, az = f64(corners[t, 0]) - x, f64(corners[t, 1]) - y, f64(corners[t, 2]) - z
        bx, by, bz = f64(corners[t, 3]) - x, f64(corners[t, 4]) - y, f64(corners[t, 5]) - z
        cx, cy, cz = f64(corners[t, 6]) - x, f64(corners[t, 7]) - y, f64(corners[t, 8]) - z
        ux, uy, uz = f32(by * cz - bz * cy), f32(bz * cx - bx * cz), f32(bx * cy - by * cx)
        vx, vy, vz = f32(cy * az - cz * ay), f32(cz * ax - cx * az), f32(cx * ay - cy * ax)
        wx, wy, wz = f32(ay * bz - az * by), f32(az * bx - ax * bz), f32(ax * by - ay * bx)
        px, py, pz, qx, qy, qz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        mx, my, mz = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
        nx, ny, nz, volume = f32(mx), f32(my), f32(mz), f32(ax * mx + ay * my + az * mz)
        for k in range(LANES):
            u = dx[k] * ux + dy[k] * uy + dz[k] * uz
            v = dx[k] * vx + dy[k] * vy + dz[k] * vz
            w = dx[k] * wx + dy[k] * wy + dz[k] * wz
            determinant = dx[k] * nx + dy[k] * ny + dz[k] * nz
            size = abs(determinant)
            travel = volume if determinant > 0 else -volume
            inside = (min(u, min(v, w)) >= 0) | (max(u, max(v, w)) <= 0)
            ok = inside & (size > SMALLEST_DETERMINANT) & (travel > NEAREST * size) & (travel < distance[k] * size)
            distance[k] = travel / max(size, SMALLEST_DETERMINANT) if ok else distance[k]
            hit[k] = number if ok else hit[k]


@inlined
def _meets_box(bvh: Bvh, node: int, x: np.float32, y: np.float32, z: np.float32, ix: Floats, iy: Floats, iz: Floats,
               distance: Floats) -> bool:  # fmt: skip
    """Whether any of 32 rays from (x, y, z) meets a node's box within its distance."""
    low_x, low_y, low_z = bvh.bounds[node, 0] - x, bvh.bounds[node, 1] - y, bvh.bounds[node, 2] - z
    high_x, high_y, high_z = bvh.bounds[node, 3] - x, bvh.bounds[node, 4] - y, bvh.bounds[node, 5] - z
    wanted = 0
    for k in range(LANES):
        ax, bx = low_x * ix[k], high_x * ix[k]
        ay, by = low_y * iy[k], high_y * iy[k]
        az, bz = low_z * iz[k], high_z * iz[k]
        enter = max(max(min(ax, bx), min(ay, by)), max(min(az, bz), f32(0.0)))
        leave = min(min(max(ax, bx), max(ay, by)), max(az, bz)) * _SLACK
        wanted |= 1 if enter <= min(leave, distance[k]) else 0
    return wanted != 0


@inlined
def _faces_box(bvh: Bvh, node: int, in_1: int, in_2: int, in_3: int, x: np.float32, y: np.float32, z: np.float32,
               ix: Floats, iy: Floats, iz: Floats, distance: Floats) -> bool:  # fmt: skip
    """The same for rays whose directions have equal signs: they enter by the planes in columns ``in_1`` to ``in_3``."""
    in_x, in_y, in_z = bvh.bounds[node, in_1] - x, bvh.bounds[node, in_2] - y, bvh.bounds[node, in_3] - z
    out_x, out_y, out_z = (
        bvh.bounds[node, index(3) - in_1] - x,
        bvh.bounds[node, index(5) - in_2] - y,
        bvh.bounds[node, index(7) - in_3] - z,
    )
    out_x, out_y, out_z = out_x * _SLACK, out_y * _SLACK, out_z * _SLACK
    wanted = 0
    for k in range(LANES):
        enter = max(max(in_x * ix[k], in_y * iy[k]), max(in_z * iz[k], f32(0.0)))
        leave = min(min(out_x * ix[k], out_y * iy[k]), min(out_z * iz[k], distance[k]))
        wanted |= 1 if enter <= leave else 0
    return wanted != 0


@inlined
def _ahead(row: Floats) -> int:
    """How many of 32 components are positive."""
    up = 0
    for k in range(LANES):
        up += 1 if row[k] > 0 else 0
    return up


@outlined
def trace_packet(
    bvh: Bvh, root: int, origin: Floats, directions: Floats, work: Floats, stack: Ints, distance: Floats, hit: Ints
) -> None:
    """Nearest hit of 32 rays from one origin among the triangles below node ``root``.

    ``directions`` (3, 32); ``distance`` (32,) in: how far to look, out: where it hit, in units of the direction;
    ``hit`` (32,) out: triangle in leaf order, untouched (-1) where nothing is hit; ``work`` (4, 32) and ``stack``
    (STACK_SIZE,) are scratch.
    """
    x, y, z = origin[0], origin[1], origin[2]
    dx, dy, dz = directions[0], directions[1], directions[2]
    ix, iy, iz = work[0], work[1], work[2]
    for k in range(LANES):
        ix[k], iy[k], iz[k] = reciprocal(dx[k]), reciprocal(dy[k]), reciprocal(dz[k])
    right, forth, up = _ahead(dx), _ahead(dy), _ahead(dz)
    alike = (right % LANES == 0) & (forth % LANES == 0) & (up % LANES == 0)
    in_x, in_y, in_z = index(0 if right > 0 else 3), index(1 if forth > 0 else 4), index(2 if up > 0 else 5)
    stack[0], pending = root, 1
    while pending > 0:
        pending -= 1
        node = index(stack[pending])
        if alike:
            wanted = _faces_box(bvh, node, in_x, in_y, in_z, x, y, z, ix, iy, iz, distance)
        else:
            wanted = _meets_box(bvh, node, x, y, z, ix, iy, iz, distance)
        if not wanted:
            continue
        first, count = bvh.links[node, 0], bvh.links[node, 1]
        if count > 0:
            _hit_triangles(bvh.triangles, first, first + count, x, y, z, dx, dy, dz, distance, hit)
        else:
            axis = bvh.links[node, 2]
            forward = (right if axis == 0 else (forth if axis == 1 else up)) > LANES // 2
            stack[pending], stack[pending + 1] = (first + 1, first) if forward else (first, first + 1)
            pending += 2
