"""Moving things for the kernels: each is one of a few shapes, with a hierarchy of their own, turned and moved.

Nothing of a shape is copied when a thing moves: rays are carried into the thing's own frame instead, where its texture
stays in place. Turning keeps lengths, so distances are the same in both frames.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from navisplit.sim.kernel import Floats, Ints, index, inlined, kernel, outlined
from navisplit.sim.render.bvh import STACK_SIZE, Bvh
from navisplit.sim.render.rays import box_distance, cast_ray, enters_box, nearest_point
from navisplit.sim.render.trace import LANES, reciprocal, trace_packet

f32 = np.float32
_ZERO = f32(0.0)
_SLACK = f32(1.000001)
_SMALLEST_DETERMINANT = f32(1e-12)


class Instances(NamedTuple):
    """Things placed in the map; rows in the order of ``top``'s leaves."""

    top: Bvh  # over the things' boxes in the map; its leaves hold rows of the arrays below, not triangles
    shapes: Bvh  # the hierarchies of all shapes, one after another, each in its own frame
    frames: Floats  # (N, 3, 4) own frame -> map: rotation and position, m
    roots: Ints  # (N,) node of ``shapes`` at which a thing's hierarchy begins
    labels: Ints  # (N,) segmentation ids
    order: Ints  # (N,) number of each row's thing among the layer's things


class Lanes(NamedTuple):
    """Scratch of a packet for ``trace_things`` and ``hide_from_sun``."""

    inverse: Floats  # (4, 32)
    work: Floats  # (4, 32)
    own: Floats  # (3, 32) directions or points in a thing's frame
    origin: Floats  # (3,)
    found: Ints  # (32,)
    stack: Ints  # (STACK_SIZE,)


@inlined
def to_own(frames: Floats, n: int, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """A direction of the map in a thing's own axes."""
    return (
        frames[n, 0, 0] * x + frames[n, 1, 0] * y + frames[n, 2, 0] * z,
        frames[n, 0, 1] * x + frames[n, 1, 1] * y + frames[n, 2, 1] * z,
        frames[n, 0, 2] * x + frames[n, 1, 2] * y + frames[n, 2, 2] * z,
    )


@inlined
def from_own(frames: Floats, n: int, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """A direction of a thing's own axes in the map's."""
    return (
        frames[n, 0, 0] * x + frames[n, 0, 1] * y + frames[n, 0, 2] * z,
        frames[n, 1, 0] * x + frames[n, 1, 1] * y + frames[n, 1, 2] * z,
        frames[n, 2, 0] * x + frames[n, 2, 1] * y + frames[n, 2, 2] * z,
    )


@inlined
def point_to_own(frames: Floats, n: int, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """A point of the map in a thing's own frame."""
    return to_own(frames, n, x - frames[n, 0, 3], y - frames[n, 1, 3], z - frames[n, 2, 3])


@outlined
def _packet_meets(bounds: Floats, node: int, origin: Floats, inverse: Floats, distance: Floats) -> bool:
    """Whether any of 32 rays from one origin meets a node's box within its distance."""
    low_x, low_y, low_z = bounds[node, 0] - origin[0], bounds[node, 1] - origin[1], bounds[node, 2] - origin[2]
    high_x, high_y, high_z = bounds[node, 3] - origin[0], bounds[node, 4] - origin[1], bounds[node, 5] - origin[2]
    ix, iy, iz = inverse[0], inverse[1], inverse[2]
    wanted = 0
    for k in range(LANES):
        ax, bx = low_x * ix[k], high_x * ix[k]
        ay, by = low_y * iy[k], high_y * iy[k]
        az, bz = low_z * iz[k], high_z * iz[k]
        enter = max(max(min(ax, bx), min(ay, by)), max(min(az, bz), _ZERO))
        leave = min(min(max(ax, bx), max(ay, by)), max(az, bz)) * _SLACK
        wanted |= 1 if enter <= min(leave, distance[k]) else 0
    return wanted != 0


@outlined
def trace_things(things: Instances, origin: Floats, directions: Floats, lanes: Lanes, stack: Ints, distance: Floats,
                 hit: Ints, thing: Ints) -> None:  # fmt: skip
    """Nearest hit of 32 rays from one origin with any thing; arguments as ``trace_packet``'s.

    Where one is hit nearer than ``distance`` (32,): ``hit`` (32,) is its triangle of ``shapes``, ``thing`` its row.
    """
    for k in range(LANES):
        for c in range(3):
            lanes.inverse[c, k] = reciprocal(directions[c, k])
    stack[0], pending = 0, 1
    while pending > 0:
        pending -= 1
        node = stack[pending]
        if not _packet_meets(things.top.bounds, node, origin, lanes.inverse, distance):
            continue
        first, count = things.top.links[node, 0], things.top.links[node, 1]
        if count == 0:
            stack[pending], stack[pending + 1] = first, first + 1
            pending += 2
        for n in range(first, first + count):
            x, y, z = point_to_own(things.frames, n, origin[0], origin[1], origin[2])
            lanes.origin[0], lanes.origin[1], lanes.origin[2] = x, y, z
            for k in range(LANES):
                x, y, z = to_own(things.frames, n, directions[0, k], directions[1, k], directions[2, k])
                lanes.own[0, k], lanes.own[1, k], lanes.own[2, k] = x, y, z
            lanes.found[:] = -1
            trace_packet(
                things.shapes, things.roots[n], lanes.origin, lanes.own, lanes.work, lanes.stack, distance, lanes.found
            )
            for k in range(LANES):
                hit[k] = lanes.found[k] if lanes.found[k] >= 0 else hit[k]
                thing[k] = n if lanes.found[k] >= 0 else thing[k]


@outlined
def _points_meet(bounds: Floats, node: int, points: Floats, ix: np.float32, iy: np.float32, iz: np.float32,
                 reach: Floats) -> bool:  # fmt: skip
    """Whether any of 32 parallel rays from ``points`` (3, 32) meets a node's box within its reach."""
    x, y, z = points[0], points[1], points[2]
    wanted = 0
    for k in range(LANES):
        ax, bx = (bounds[node, 0] - x[k]) * ix, (bounds[node, 3] - x[k]) * ix
        ay, by = (bounds[node, 1] - y[k]) * iy, (bounds[node, 4] - y[k]) * iy
        az, bz = (bounds[node, 2] - z[k]) * iz, (bounds[node, 5] - z[k]) * iz
        enter = max(max(min(ax, bx), min(ay, by)), max(min(az, bz), _ZERO))
        leave = min(min(max(ax, bx), max(ay, by)), max(az, bz)) * _SLACK
        wanted |= 1 if enter <= min(leave, reach[k]) else 0
    return wanted != 0


@outlined
def _hide_behind(corners: Floats, t: int, points: Floats, dx: np.float32, dy: np.float32, dz: np.float32,
                 reach: Floats) -> None:  # fmt: skip
    """Set the reach of those of 32 parallel rays to -1 that a triangle stops (Moeller and Trumbore 1997)."""
    ax, ay, az = corners[t, 0], corners[t, 1], corners[t, 2]
    ux, uy, uz = corners[t, 3] - ax, corners[t, 4] - ay, corners[t, 5] - az
    vx, vy, vz = corners[t, 6] - ax, corners[t, 7] - ay, corners[t, 8] - az
    px, py, pz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
    determinant = ux * px + uy * py + uz * pz
    if abs(determinant) < _SMALLEST_DETERMINANT:
        return
    scale = f32(1.0) / determinant
    qx, qy, qz = uy * dz - uz * dy, uz * dx - ux * dz, ux * dy - uy * dx
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    x, y, z = points[0], points[1], points[2]
    for k in range(LANES):
        sx, sy, sz = x[k] - ax, y[k] - ay, z[k] - az
        u = (sx * px + sy * py + sz * pz) * scale
        v = (sx * qx + sy * qy + sz * qz) * scale
        travel = (sx * nx + sy * ny + sz * nz) * scale
        stopped = (u >= 0) & (v >= 0) & (u + v <= f32(1.0)) & (travel > 0) & (travel < reach[k])
        reach[k] = f32(-1.0) if stopped else reach[k]


@outlined
def hide_from_sun(things: Instances, sun: Floats, points: Floats, lanes: Lanes, stack: Ints, reach: Floats) -> None:
    """Set ``reach`` (32,) to -1 where a thing stands between a point (3, 32) and the sun (unit vector) in the map."""
    ix, iy, iz = reciprocal(sun[0]), reciprocal(sun[1]), reciprocal(sun[2])
    stack[0], pending = 0, 1
    while pending > 0:
        pending -= 1
        node = stack[pending]
        if not _points_meet(things.top.bounds, node, points, ix, iy, iz, reach):
            continue
        first, count = things.top.links[node, 0], things.top.links[node, 1]
        if count == 0:
            stack[pending], stack[pending + 1] = first, first + 1
            pending += 2
        for n in range(first, first + count):
            for k in range(LANES):
                x, y, z = point_to_own(things.frames, n, points[0, k], points[1, k], points[2, k])
                lanes.own[0, k], lanes.own[1, k], lanes.own[2, k] = x, y, z
            x, y, z = to_own(things.frames, n, sun[0], sun[1], sun[2])
            _hide_in_shape(things.shapes, things.roots[n], x, y, z, lanes.own, lanes.stack, reach)


@outlined
def _hide_in_shape(shapes: Bvh, root: int, dx: np.float32, dy: np.float32, dz: np.float32, points: Floats, stack: Ints,
                   reach: Floats) -> None:  # fmt: skip
    ix, iy, iz = reciprocal(dx), reciprocal(dy), reciprocal(dz)
    stack[0], pending = root, 1
    while pending > 0:
        pending -= 1
        node = stack[pending]
        if not _points_meet(shapes.bounds, node, points, ix, iy, iz, reach):
            continue
        first, count = shapes.links[node, 0], shapes.links[node, 1]
        if count == 0:
            stack[pending], stack[pending + 1] = first, first + 1
            pending += 2
        for t in range(first, first + count):
            _hide_behind(shapes.triangles, index(t), points, dx, dy, dz, reach)


@outlined
def cast_at_things(things: Instances, origins: Floats, directions: Floats, stacks: Ints, scratch: Floats,
                   distance: Floats, hit: Ints, thing: Ints) -> None:  # fmt: skip
    """First thing in the way of N rays nearer than ``distance`` (N,): its triangle, its row; untouched where none.

    ``stacks`` (2, STACK_SIZE) and ``scratch`` (4, 3) are scratch.
    """
    inverse, own_inverse, own_origin, own_direction = scratch[0], scratch[1], scratch[2], scratch[3]
    for i in range(origins.shape[0]):
        o, d = origins[i], directions[i]
        for c in range(3):
            inverse[c] = reciprocal(d[c])
        stacks[0, 0], pending = 0, 1
        while pending > 0:
            pending -= 1
            node = stacks[0, pending]
            if not enters_box(things.top, node, o, inverse, distance[i]):
                continue
            first, count = things.top.links[node, 0], things.top.links[node, 1]
            if count == 0:
                stacks[0, pending], stacks[0, pending + 1] = first, first + 1
                pending += 2
            for n in range(first, first + count):
                x, y, z = point_to_own(things.frames, n, o[0], o[1], o[2])
                own_origin[0], own_origin[1], own_origin[2] = x, y, z
                x, y, z = to_own(things.frames, n, d[0], d[1], d[2])
                own_direction[0], own_direction[1], own_direction[2] = x, y, z
                travel, triangle = cast_ray(
                    things.shapes, things.roots[n], own_origin, own_direction, own_inverse, distance[i], stacks[1]
                )
                if triangle >= 0:
                    distance[i], hit[i], thing[i] = travel, triangle, n


@outlined
def nearest_of_things(things: Instances, points: Floats, stacks: Ints, gaps: Floats, place: Floats, distance: Floats,
                      hit: Ints, thing: Ints, closest: Floats) -> None:  # fmt: skip
    """Nearest point of any thing nearer than ``distance`` (N,) to N points; all outputs untouched where none is.

    ``closest`` (N, 3) is in the map. ``stacks`` (2, STACK_SIZE), ``gaps`` (STACK_SIZE,) and ``place`` (3,) are
    scratch.
    """
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        best = distance[i] * distance[i]
        stacks[0, 0], pending = 0, 1
        while pending > 0:
            pending -= 1
            node = stacks[0, pending]
            if box_distance(things.top, node, px, py, pz) >= best:
                continue
            first, count = things.top.links[node, 0], things.top.links[node, 1]
            if count == 0:
                stacks[0, pending], stacks[0, pending + 1] = first, first + 1
                pending += 2
            for n in range(first, first + count):
                x, y, z = point_to_own(things.frames, n, px, py, pz)
                squared, triangle = nearest_point(things.shapes, things.roots[n], x, y, z, best, stacks[1], gaps, place)
                if triangle >= 0:
                    best, hit[i], thing[i] = squared, triangle, n
                    distance[i] = math.sqrt(best)
                    x, y, z = from_own(things.frames, n, place[0], place[1], place[2])
                    for c in range(3):
                        closest[i, c] = (x if c == 0 else (y if c == 1 else z)) + things.frames[n, c, 3]


@kernel
def new_lanes() -> Lanes:
    """Scratch for one packet at a time."""
    return Lanes(
        np.empty((4, LANES), np.float32),
        np.empty((4, LANES), np.float32),
        np.empty((3, LANES), np.float32),
        np.empty(3, np.float32),
        np.empty(LANES, np.int32),
        np.empty(STACK_SIZE, np.int32),
    )
