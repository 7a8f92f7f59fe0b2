"""What each pixel of a camera sees first: nodes and triangles are projected, and left where all pixels are nearer.

Each node and each triangle is looked at once for the whole picture, sixteen at a time, where a packet of rays would
look at it once a packet. A box whose pixels all show something nearer is skipped with all that is in it, as in Greene,
Kass and Miller 1993, "Hierarchical z-buffer visibility". The hits are those of rays through the pixels' centres: the
edge functions are homogeneous (Olano and Greer 1997), so nothing is clipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from navisplit.sim.kernel import Floats, Ints, index, inlined, kernel, larger, lowest_bit, outlined, smaller
from navisplit.sim.render.clusters import CORNERS, TODO_SIZE, WIDTH, Clusters
from navisplit.sim.render.projected import projection, reaches_picture, see_nodes, see_triangles
from navisplit.sim.render.trace import FAR, LANES, NEAREST, PACKET_HEIGHT, PACKET_WIDTH, SMALLEST_DETERMINANT

f32, f64 = np.float32, np.float64


@inlined
def _span(spans: Floats, c: int) -> tuple:
    return spans[c], spans[index(WIDTH) + c], spans[index(2 * WIDTH) + c], spans[index(3 * WIDTH) + c]


@inlined
def _is_open(distance: Floats, across: int, near: np.float32, span: tuple) -> bool:
    """Whether any pixel of a span shows nothing nearer than ``near``."""
    c0, c1, r0, r1 = span
    for row in range(np.int32(r0) // PACKET_HEIGHT, np.int32(r1) // PACKET_HEIGHT + 1):
        for column in range(np.int32(c0) // PACKET_WIDTH, np.int32(c1) // PACKET_WIDTH + 1):
            tile = index(row * across + column) * index(LANES)
            x, y, wanted = f32(column * PACKET_WIDTH), f32(row * PACKET_HEIGHT), 0
            for k in range(LANES):
                i, j = f32(k % PACKET_WIDTH) + x, f32(k // PACKET_WIDTH) + y
                further = distance[tile + index(k)] > near
                wanted |= 1 if further & (i >= c0) & (i <= c1) & (j >= r0) & (j <= r1) else 0
            if wanted != 0:
                return True
    return False


@outlined
def _fill_tile(distance: Floats, hit: Ints, tile: int, number: np.int32, volume: np.float32, u0: np.float32,
               ux: np.float32, uy: np.float32, v0: np.float32, vx: np.float32, vy: np.float32, w0: np.float32,
               wx: np.float32, wy: np.float32, n0: np.float32, nx: np.float32, ny: np.float32) -> None:  # fmt: skip
    """Shorten the distance of the pixels of a tile in which a triangle is nearest: its three edge functions and its
    normal at the tile's first pixel, and their steps from column to column and from row to row.
    """
    for k in range(LANES):
        x, y = f32(k % PACKET_WIDTH), f32(k // PACKET_WIDTH)
        u, v, w = u0 + x * ux + y * uy, v0 + x * vx + y * vy, w0 + x * wx + y * wy
        determinant = n0 + x * nx + y * ny
        size = abs(determinant)
        travel = volume if determinant > 0 else -volume
        inside = (smaller(u, smaller(v, w)) >= 0) | (larger(u, larger(v, w)) <= 0)
        old = distance[tile + index(k)]
        ok = inside & (size > SMALLEST_DETERMINANT) & (travel > NEAREST * size) & (travel < old * size)
        distance[tile + index(k)] = travel / larger(size, SMALLEST_DETERMINANT) if ok else old
        hit[tile + index(k)] = number if ok else hit[tile + index(k)]


@inlined
def _fill(seen: Floats, c: int, number: np.int32, span: tuple, across: int, distance: Floats, hit: Ints) -> None:
    """Shorten the distance of the pixels that see triangle c of a cluster, and note its number.

    Edge functions as in ``trace._hit_triangles``, of corners in the camera's own coordinates (depth, depth x column,
    depth x row), where the ray through a pixel is (1, column, row). Products of two float32 are exact in float64, so
    two triangles agree on their common edge.
    """
    n = index(CORNERS)
    i, j, k = c, index(WIDTH) + c, index(2 * WIDTH) + c
    az, au, av = f64(seen[i]), f64(seen[n + i]), f64(seen[n + n + i])
    bz, bu, bv = f64(seen[j]), f64(seen[n + j]), f64(seen[n + n + j])
    cz, cu, cv = f64(seen[k]), f64(seen[n + k]), f64(seen[n + n + k])
    u0, u1, u2 = bu * cv - bv * cu, bv * cz - bz * cv, bz * cu - bu * cz
    v0, v1, v2 = cu * av - cv * au, cv * az - cz * av, cz * au - cu * az
    w0, w1, w2 = au * bv - av * bu, av * bz - az * bv, az * bu - au * bz
    pz, pu, pv, qz, qu, qv = bz - az, bu - au, bv - av, cz - az, cu - au, cv - av
    n0, n1, n2 = pu * qv - pv * qu, pv * qz - pz * qv, pz * qu - pu * qz
    volume = f32(az * n0 + au * n1 + av * n2)
    for row in range(np.int32(span[2]) // PACKET_HEIGHT, np.int32(span[3]) // PACKET_HEIGHT + 1):
        for column in range(np.int32(span[0]) // PACKET_WIDTH, np.int32(span[1]) // PACKET_WIDTH + 1):
            x, y = f64(column * PACKET_WIDTH), f64(row * PACKET_HEIGHT)
            _fill_tile(
                distance, hit, index(row * across + column) * index(LANES), number, volume,
                f32(u0 + x * u1 + y * u2), f32(u1), f32(u2), f32(v0 + x * v1 + y * v2), f32(v1), f32(v2),
                f32(w0 + x * w1 + y * w2), f32(w1), f32(w2), f32(n0 + x * n1 + y * n2), f32(n1), f32(n2),
            )  # fmt: skip


class Descent(NamedTuple):
    """Scratch of one picture at a time."""

    near: Floats  # (16,)
    spans: Floats  # (4 x 16,)
    seen: Floats  # (3 x 48,)
    nodes: Ints  # (TODO_SIZE,) children as ``Clusters.children`` that wait to be looked into, nearest last
    waiting: Floats  # (TODO_SIZE, 5) their least depth and span


@kernel
def new_descent() -> Descent:
    """Scratch for ``see``."""
    return Descent(
        np.empty(WIDTH, np.float32),
        np.empty(4 * WIDTH, np.float32),
        np.empty(3 * CORNERS, np.float32),
        np.empty(TODO_SIZE, np.int32),
        np.empty((TODO_SIZE, 5), np.float32),
    )


@inlined
def _wait(nodes: Ints, waiting: Floats, start: int, end: int, child: np.int32, near: np.float32, span: tuple) -> None:
    """Put a child in its place among start..end - 1, which are sorted so that the nearest is last."""
    place = end
    while place > start and waiting[place - index(1), 0] < near:
        before = place - index(1)
        nodes[place] = nodes[before]
        for k in range(5):
            waiting[place, k] = waiting[before, k]
        place = before
    nodes[place], waiting[place, 0] = child, near
    waiting[place, 1], waiting[place, 2], waiting[place, 3], waiting[place, 4] = span


@outlined
def _descend(clusters: Clusters, view: Floats, width: int, height: int, scratch: Descent, distance: Floats,
             hit: Ints) -> None:  # fmt: skip
    near, spans, seen, nodes, waiting = scratch.near, scratch.spans, scratch.seen, scratch.nodes, scratch.waiting
    across, last_column, last_row = tiles_across(width), f32(width - 1), f32(height - 1)
    node, pending = index(0), index(0)
    while True:
        bits, start = see_nodes(clusters.boxes, node, view, last_column, last_row, near, spans), pending
        while bits != 0:
            c, bits = index(lowest_bit(bits)), bits & (bits - 1)
            if near[c] <= NEAREST and not reaches_picture(clusters.boxes, node, c, view, last_column, last_row):
                continue
            span = _span(spans, c)
            if _is_open(distance, across, near[c], span):
                _wait(nodes, waiting, start, pending, clusters.children[node, c], near[c], span)
                pending += index(1)
        inner = False
        while pending > index(0) and not inner:
            pending -= index(1)
            span = waiting[pending, 1], waiting[pending, 2], waiting[pending, 3], waiting[pending, 4]
            if not _is_open(distance, across, waiting[pending, 0], span):
                continue
            if nodes[pending] >= 0:
                node, inner = index(nodes[pending]), True
                continue
            cluster = index(-1 - nodes[pending])
            bits = see_triangles(clusters.corners, cluster, view, span, last_column, last_row, seen, near, spans)
            while bits != 0:
                c, bits = index(lowest_bit(bits)), bits & (bits - 1)
                span = _span(spans, c)
                if _is_open(distance, across, near[c], span):
                    _fill(seen, c, np.int32(clusters.first[cluster] + np.int32(c)), span, across, distance, hit)
        if not inner:
            return


@inlined
def tiles_across(width: int) -> int:
    """How many tiles of 8x4 pixels lie side by side, the last one perhaps in part."""
    return (width + PACKET_WIDTH - 1) // PACKET_WIDTH


@kernel
def new_tiles(width: int, height: int) -> tuple[Floats, Ints]:
    """Distance (tiles x 32,) and hit (tiles x 32,) for ``see``: packets as ``aim_packet`` numbers them, row by row."""
    size = tiles_across(width) * ((height + PACKET_HEIGHT - 1) // PACKET_HEIGHT) * LANES
    return np.empty(size, np.float32), np.empty(size, np.int32)


@kernel
def see(clusters: Clusters, camera: Floats, width: int, height: int, scratch: Descent, distance: Floats,
        hit: Ints) -> None:  # fmt: skip
    """What ``camera`` (4, 3) sees in a picture of width x height, in the arrays of ``new_tiles``.

    ``hit``: number of the triangle in the order of ``Bvh.triangles``, -1 where there is none; ``distance``: in units
    of the camera's forward component, FAR where nothing is hit.
    """
    distance[:] = FAR
    hit[:] = -1
    _descend(clusters, projection(camera), width, height, scratch, distance, hit)
