"""Single rays and nearest points against the hierarchy: what collision tests and route planning ask."""

from __future__ import annotations

import math

import numpy as np

from navisplit.sim.kernel import Floats, Ints, index, inlined, outlined
from navisplit.sim.render.bvh import Bvh
from navisplit.sim.render.trace import reciprocal

f32, f64 = np.float32, np.float64

_ZERO, _ONE = f32(0.0), f32(1.0)
_SLACK = f32(1.000001)
_RIM = 1e-7  # barycentric tolerance that closes the seam between two triangles


@inlined
def enters_box(bvh: Bvh, node: int, origin: Floats, inverse: Floats, limit: np.float32) -> bool:
    """Whether a ray meets a node's box within ``limit``."""
    enter, leave = _ZERO, limit
    for c in range(3):
        a = (bvh.bounds[node, c] - origin[c]) * inverse[c]
        b = (bvh.bounds[node, 3 + c] - origin[c]) * inverse[c]
        enter, leave = max(enter, min(a, b)), min(leave, max(a, b) * _SLACK)
    return enter <= leave


@inlined
def _hit_triangle(corners: Floats, n: int, origin: Floats, direction: Floats, limit: np.float32) -> np.float32:
    """Distance to a triangle (9,) in units of the direction, or -1 (Moeller and Trumbore 1997, in float64)."""
    dx, dy, dz = f64(direction[0]), f64(direction[1]), f64(direction[2])
    ux, uy, uz = (
        f64(corners[n, 3]) - corners[n, 0],
        f64(corners[n, 4]) - corners[n, 1],
        f64(corners[n, 5]) - corners[n, 2],
    )
    vx, vy, vz = (
        f64(corners[n, 6]) - corners[n, 0],
        f64(corners[n, 7]) - corners[n, 1],
        f64(corners[n, 8]) - corners[n, 2],
    )
    px, py, pz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
    determinant = ux * px + uy * py + uz * pz
    if abs(determinant) < 1e-15:
        return f32(-1.0)
    inverse = 1.0 / determinant
    sx, sy, sz = f64(origin[0]) - corners[n, 0], f64(origin[1]) - corners[n, 1], f64(origin[2]) - corners[n, 2]
    u = (sx * px + sy * py + sz * pz) * inverse
    qx, qy, qz = sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux
    v = (dx * qx + dy * qy + dz * qz) * inverse
    distance = (vx * qx + vy * qy + vz * qz) * inverse
    if u < -_RIM or v < -_RIM or u + v > 1.0 + _RIM or distance < 0.0 or distance > limit:
        return f32(-1.0)
    return f32(distance)


@outlined
def cast_ray(bvh: Bvh, root: int, origin: Floats, direction: Floats, inverse: Floats, limit: np.float32,
             stack: Ints) -> tuple:  # fmt: skip
    """Nearest hit of one ray below node ``root``: distance (``limit`` where there is none), triangle (-1).

    ``inverse`` (3,) and ``stack`` (STACK_SIZE,) are scratch.
    """
    for c in range(3):
        inverse[c] = reciprocal(direction[c])
    hit = -1
    stack[0], pending = root, 1
    while pending > 0:
        pending -= 1
        node = stack[pending]
        if not enters_box(bvh, node, origin, inverse, limit):
            continue
        first, count = bvh.links[node, 0], bvh.links[node, 1]
        if count > 0:
            for triangle in range(first, first + count):
                travel = _hit_triangle(bvh.triangles, index(triangle), origin, direction, limit)
                if travel >= 0:
                    limit, hit = travel, triangle
        else:
            forward = direction[bvh.links[node, 2]] > 0
            stack[pending], stack[pending + 1] = (first + 1, first) if forward else (first, first + 1)
            pending += 2
    return limit, hit


@outlined
def cast_rays(bvh: Bvh, origins: Floats, directions: Floats, limits: Floats, stack: Ints, inverse: Floats,
              distance: Floats, hit: Ints) -> None:  # fmt: skip
    """Nearest hit of N rays; distance (N,) = limit and hit (N,) = -1 where there is none.

    ``stack`` (STACK_SIZE,) and ``inverse`` (3,) are scratch.
    """
    for i in range(origins.shape[0]):
        distance[i], hit[i] = cast_ray(bvh, 0, origins[i], directions[i], inverse, limits[i], stack)


@inlined
def _nearest_on_triangle(corners: Floats, n: int, px: np.float32, py: np.float32, pz: np.float32) -> tuple:
    """Weights (s, w) of the nearest point a + s (b - a) + w (c - a) and its offset from p (Ericson 2004, 5.1.5)."""
    ux, uy, uz = corners[n, 3] - corners[n, 0], corners[n, 4] - corners[n, 1], corners[n, 5] - corners[n, 2]
    vx, vy, vz = corners[n, 6] - corners[n, 0], corners[n, 7] - corners[n, 1], corners[n, 8] - corners[n, 2]
    ax, ay, az = px - corners[n, 0], py - corners[n, 1], pz - corners[n, 2]
    bx, by, bz = ax - ux, ay - uy, az - uz
    cx, cy, cz = ax - vx, ay - vy, az - vz
    d1, d2 = ux * ax + uy * ay + uz * az, vx * ax + vy * ay + vz * az
    d3, d4 = ux * bx + uy * by + uz * bz, vx * bx + vy * by + vz * bz
    d5, d6 = ux * cx + uy * cy + uz * cz, vx * cx + vy * cy + vz * cz
    wc, wb, wa = d1 * d4 - d3 * d2, d5 * d2 - d1 * d6, d3 * d6 - d5 * d4
    s, w = _ZERO, _ZERO
    if d1 <= 0 and d2 <= 0:
        pass  # corner a
    elif d3 >= 0 and d4 <= d3:
        s = _ONE  # corner b
    elif d6 >= 0 and d5 <= d6:
        w = _ONE  # corner c
    elif wc <= 0 and d1 >= 0 and d3 <= 0:
        s = d1 / (d1 - d3)  # edge ab
    elif wb <= 0 and d2 >= 0 and d6 <= 0:
        w = d2 / (d2 - d6)  # edge ac
    elif wa <= 0 and d4 >= d3 and d5 >= d6:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))  # edge bc
        s = _ONE - w
    else:
        scale = _ONE / (wa + wb + wc)
        s, w = wb * scale, wc * scale
    return ax - ux * s - vx * w, ay - uy * s - vy * w, az - uz * s - vz * w


@inlined
def box_distance(bvh: Bvh, node: int, x: np.float32, y: np.float32, z: np.float32) -> np.float32:
    """Squared distance from a point to a node's box."""
    a = max(max(bvh.bounds[node, 0] - x, x - bvh.bounds[node, 3]), _ZERO)
    b = max(max(bvh.bounds[node, 1] - y, y - bvh.bounds[node, 4]), _ZERO)
    c = max(max(bvh.bounds[node, 2] - z, z - bvh.bounds[node, 5]), _ZERO)
    return a * a + b * b + c * c


@outlined
def nearest_point(bvh: Bvh, root: int, x: np.float32, y: np.float32, z: np.float32, best: np.float32, stack: Ints,
                  gaps: Floats, closest: Floats) -> tuple:  # fmt: skip
    """Nearest surface point below node ``root``, nearer than the square root of ``best``: squared distance, triangle.

    ``closest`` (3,) is written where there is one, else the triangle is -1. ``stack`` and ``gaps`` (STACK_SIZE,) are
    scratch.
    """
    hit = -1
    stack[0], gaps[0], pending = root, box_distance(bvh, root, x, y, z), 1
    while pending > 0:
        pending -= 1
        if gaps[pending] >= best:
            continue
        first, count = bvh.links[stack[pending], 0], bvh.links[stack[pending], 1]
        if count > 0:
            for triangle in range(first, first + count):
                ox, oy, oz = _nearest_on_triangle(bvh.triangles, index(triangle), x, y, z)
                squared = ox * ox + oy * oy + oz * oz
                if squared < best:
                    best, hit = squared, triangle
                    closest[0], closest[1], closest[2] = x - ox, y - oy, z - oz
        else:
            near, far = first, first + 1
            near_gap, far_gap = box_distance(bvh, near, x, y, z), box_distance(bvh, far, x, y, z)
            if far_gap < near_gap:
                near, far, near_gap, far_gap = far, near, far_gap, near_gap
            stack[pending], gaps[pending] = far, far_gap
            stack[pending + 1], gaps[pending + 1] = near, near_gap
            pending += 2
    return best, hit


@outlined
def nearest_points(bvh: Bvh, points: Floats, limit: np.float32, stack: Ints, gaps: Floats, distance: Floats, hit: Ints,
                   closest: Floats) -> None:  # fmt: skip
    """Nearest surface point of N points (N, 3) not further than ``limit``; hit -1, closest = the point, where none.

    ``stack`` and ``gaps`` (STACK_SIZE,) are scratch.
    """
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        closest[i, 0], closest[i, 1], closest[i, 2] = x, y, z
        best, hit[i] = nearest_point(bvh, 0, x, y, z, limit * limit, stack, gaps, closest[i])
        distance[i] = math.sqrt(best) if hit[i] >= 0 else limit
