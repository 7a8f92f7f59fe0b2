"""Boxes and triangles as a camera sees them: which pixels they may cover, and how near they are; sixteen at a time."""

from __future__ import annotations

import numpy as np

from navisplit.sim.kernel import Floats, index, inlined, kernel, larger, outlined, smaller
from navisplit.sim.render.clusters import CORNERS, NO_BOX, WIDTH
from navisplit.sim.render.trace import NEAREST

f32, f64 = np.float32, np.float64

_ZERO, _ONE = f32(0.0), f32(1.0)
# pixels, and share of a distance: boxes are taken this much larger, so that rounding hides nothing
_MARGIN = f32(1.0 / 256.0)


@kernel
def projection(camera: Floats) -> Floats:
    """Rows (12,) that turn a point into depth, depth x column, depth x row; and the origin. See ``aim_packet``."""
    dx, dy, dz = f64(camera[1, 0]), f64(camera[1, 1]), f64(camera[1, 2])
    ax, ay, az = f64(camera[2, 0]), f64(camera[2, 1]), f64(camera[2, 2])
    bx, by, bz = f64(camera[3, 0]), f64(camera[3, 1]), f64(camera[3, 2])
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    scale = 1.0 / (dx * nx + dy * ny + dz * nz)
    rows = np.empty(12, np.float32)
    rows[0], rows[1], rows[2] = nx * scale, ny * scale, nz * scale
    rows[3], rows[4], rows[5] = (by * dz - bz * dy) * scale, (bz * dx - bx * dz) * scale, (bx * dy - by * dx) * scale
    rows[6], rows[7], rows[8] = (dy * az - dz * ay) * scale, (dz * ax - dx * az) * scale, (dx * ay - dy * ax) * scale
    rows[9], rows[10], rows[11] = camera[0, 0], camera[0, 1], camera[0, 2]
    return rows


@inlined
def _first_pixel(x: np.float32, last: np.float32) -> np.float32:
    """The first pixel whose centre is not below x; pixels are numbered 0..last."""
    top = last + f32(8.0)
    return top - f32(np.int32(top - smaller(larger(x - _MARGIN, _ZERO), last + f32(4.0))))


@inlined
def _last_pixel(x: np.float32, last: np.float32) -> np.float32:
    """The last pixel whose centre is not above x."""
    return f32(np.int32(smaller(larger(x + _MARGIN, f32(-2.0)), last) + f32(4.0))) - f32(4.0)


@outlined
def see_nodes(boxes: Floats, node: int, view: Floats, last_column: np.float32, last_row: np.float32, near: Floats,
               spans: Floats) -> int:  # fmt: skip
    """Project the children of a node: bits of those in the picture.

    ``near`` (16,): the least depth; ``spans`` (4 x 16): first and last column and row, all of them for a box that
    reaches behind the camera.
    """
    zx, zy, zz, ux, uy, uz, vx, vy, vz = view[0], view[1], view[2], view[3], view[4], view[5], view[6], view[7], view[8]
    ox, oy, oz, bits = view[9], view[10], view[11], 0
    for c in range(WIDTH):
        ax, ay, az = boxes[node, c] - ox, boxes[node, WIDTH + c] - oy, boxes[node, 2 * WIDTH + c] - oz
        bx, by, bz = boxes[node, 3 * WIDTH + c] - ox, boxes[node, 4 * WIDTH + c] - oy, boxes[node, 5 * WIDTH + c] - oz
        # sums over the eight corners share their parts: four corners of a face, and the two ends of the third edge
        zs, zt, us, ut, vs, vt = zz * az, zz * bz, uz * az, uz * bz, vz * az, vz * bz
        z0, z1, z2, z3 = zx * ax + zy * ay, zx * bx + zy * ay, zx * ax + zy * by, zx * bx + zy * by
        u0, u1, u2, u3 = ux * ax + uy * ay, ux * bx + uy * ay, ux * ax + uy * by, ux * bx + uy * by
        v0, v1, v2, v3 = vx * ax + vy * ay, vx * bx + vy * ay, vx * ax + vy * by, vx * bx + vy * by
        nearest = smaller(smaller(z0, z1), smaller(z2, z3)) + smaller(zs, zt)
        furthest = larger(larger(z0, z1), larger(z2, z3)) + larger(zs, zt)
        i0, i1, i2, i3 = _ONE / (z0 + zs), _ONE / (z1 + zs), _ONE / (z2 + zs), _ONE / (z3 + zs)
        i4, i5, i6, i7 = _ONE / (z0 + zt), _ONE / (z1 + zt), _ONE / (z2 + zt), _ONE / (z3 + zt)
        p0, p1, p2, p3 = (u0 + us) * i0, (u1 + us) * i1, (u2 + us) * i2, (u3 + us) * i3
        p4, p5, p6, p7 = (u0 + ut) * i4, (u1 + ut) * i5, (u2 + ut) * i6, (u3 + ut) * i7
        q0, q1, q2, q3 = (v0 + vs) * i0, (v1 + vs) * i1, (v2 + vs) * i2, (v3 + vs) * i3
        q4, q5, q6, q7 = (v0 + vt) * i4, (v1 + vt) * i5, (v2 + vt) * i6, (v3 + vt) * i7
        left = smaller(smaller(smaller(p0, p1), smaller(p2, p3)), smaller(smaller(p4, p5), smaller(p6, p7)))
        right = larger(larger(larger(p0, p1), larger(p2, p3)), larger(larger(p4, p5), larger(p6, p7)))
        top = smaller(smaller(smaller(q0, q1), smaller(q2, q3)), smaller(smaller(q4, q5), smaller(q6, q7)))
        bottom = larger(larger(larger(q0, q1), larger(q2, q3)), larger(larger(q4, q5), larger(q6, q7)))
        ahead = nearest > NEAREST
        c0 = _first_pixel(left if ahead else _ZERO, last_column)
        c1 = _last_pixel(right if ahead else last_column, last_column)
        r0 = _first_pixel(top if ahead else _ZERO, last_row)
        r1 = _last_pixel(bottom if ahead else last_row, last_row)
        near[c] = nearest
        spans[c], spans[WIDTH + c], spans[2 * WIDTH + c], spans[3 * WIDTH + c] = c0, c1, r0, r1
        there = boxes[node, c] < NO_BOX
        bits |= (1 << c) if there & (furthest > NEAREST) & (c0 <= c1) & (r0 <= r1) else 0
    return bits


@outlined
def see_triangles(corners: Floats, cluster: int, view: Floats, span: tuple, last_column: np.float32,
                   last_row: np.float32, seen: Floats, near: Floats, spans: Floats) -> int:  # fmt: skip
    """The same for the triangles of a cluster. ``seen`` (3 x 48): depth of all corners, depth x column, depth x row.

    ``span``: of the cluster's box, for triangles that reach behind the camera.
    """
    zx, zy, zz, ux, uy, uz, vx, vy, vz = view[0], view[1], view[2], view[3], view[4], view[5], view[6], view[7], view[8]
    ox, oy, oz, bits = view[9], view[10], view[11], 0
    # one loop over all corners, so that triangles agree to the last bit on those they share, and leave no gap between
    for c in range(CORNERS):
        x, y, z = corners[cluster, c] - ox, corners[cluster, CORNERS + c] - oy, corners[cluster, 2 * CORNERS + c] - oz
        seen[c] = zx * x + zy * y + zz * z
        seen[CORNERS + c] = ux * x + uy * y + uz * z
        seen[2 * CORNERS + c] = vx * x + vy * y + vz * z
    for c in range(WIDTH):
        az, bz, cz = seen[c], seen[WIDTH + c], seen[2 * WIDTH + c]
        i, j, k = _ONE / az, _ONE / bz, _ONE / cz
        p, q, r = seen[CORNERS + c] * i, seen[CORNERS + WIDTH + c] * j, seen[CORNERS + 2 * WIDTH + c] * k
        s, t, u = seen[2 * CORNERS + c] * i, seen[2 * CORNERS + WIDTH + c] * j, seen[2 * CORNERS + 2 * WIDTH + c] * k
        nearest, furthest = smaller(az, smaller(bz, cz)), larger(az, larger(bz, cz))
        ahead = nearest > NEAREST
        c0 = _first_pixel(smaller(p, smaller(q, r)) if ahead else span[0], last_column)
        c1 = _last_pixel(larger(p, larger(q, r)) if ahead else span[1], last_column)
        r0 = _first_pixel(smaller(s, smaller(t, u)) if ahead else span[2], last_row)
        r1 = _last_pixel(larger(s, larger(t, u)) if ahead else span[3], last_row)
        near[c] = nearest
        spans[c], spans[WIDTH + c], spans[2 * WIDTH + c], spans[3 * WIDTH + c] = c0, c1, r0, r1
        bits |= (1 << c) if (furthest > NEAREST) & (c0 <= c1) & (r0 <= r1) else 0
    return bits


@inlined
def reaches_picture(boxes: Floats, node: int, c: int, view: Floats, last_column: np.float32,
                     last_row: np.float32) -> bool:  # fmt: skip
    """Whether a box that reaches behind the camera is not wholly beyond one of the picture's four sides."""
    left, right, top, bottom = 0, 0, 0, 0
    for corner in range(8):
        x = boxes[node, index(3 * WIDTH if corner & 1 else 0) + c] - view[9]
        y = boxes[node, index(4 * WIDTH if corner & 2 else WIDTH) + c] - view[10]
        z = boxes[node, index(5 * WIDTH if corner & 4 else 2 * WIDTH) + c] - view[11]
        depth = view[0] * x + view[1] * y + view[2] * z
        column = view[3] * x + view[4] * y + view[5] * z
        row = view[6] * x + view[7] * y + view[8] * z
        slack = _MARGIN * (abs(x) + abs(y) + abs(z))
        left |= 1 if column >= -slack else 0
        right |= 1 if column <= last_column * depth + slack else 0
        top |= 1 if row >= -slack else 0
        bottom |= 1 if row <= last_row * depth + slack else 0
    return left & right & top & bottom != 0
