"""Bounding volume hierarchy over triangles: two children per node, binned surface area heuristic, float32.

Wald 2007, "On fast construction of SAH-based bounding volume hierarchies".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from navisplit.errors import WorldError
from navisplit.sim.kernel import Floats, Ints, kernel
from navisplit.sim.render.baked import Arrays, fingerprint, recall, shaped, within

f32 = np.float32

STACK_SIZE = 128
"""Enough for every traversal: deeper than ``_MEDIAN_DEPTH`` the build halves, so depth <= 64 + log2(triangles)."""

_MEDIAN_DEPTH = 64
_BINS = 16
_LEAF_SIZE = 4
_TRAVERSAL_COST = f32(1.0)  # of a box test, in triangle tests; measured: 1.0 is best for 32-ray packets
_HUGE = f32(1e30)
_MIN_DOUBLE_AREA_M2 = 1e-9  # thinner triangles cannot be seen or hit, and divide by zero


class Bvh(NamedTuple):
    """The hierarchy as plain arrays, so that kernels can take it whole."""

    bounds: Floats  # (nodes, 6) low corner, high corner, m
    links: Ints  # (nodes, 3) first child (the second follows it) or first triangle; triangles (0 = inner); axis
    triangles: Floats  # (T, 9) the three corners, in leaf order
    order: Ints  # (T,) number of each triangle in the input


def build_bvh(vertices: Floats, faces: Ints, cached: bool = False) -> Bvh:
    """Build over triangles ``vertices[faces]``; triangles without area are left out. ``cached``: kept on disk.

    Raises WorldError when no triangle remains or a vertex is not finite.
    """
    if not np.isfinite(vertices).all():
        raise WorldError("Scene geometry: expected finite vertices, found NaN or infinity. Check the world's meshes.")
    corners = np.ascontiguousarray(vertices, f32)[faces]
    edges = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    kept = np.flatnonzero(np.linalg.norm(edges, axis=1) > _MIN_DOUBLE_AREA_M2)
    if len(kept) == 0:
        raise WorldError("Scene geometry: expected at least one triangle with an area, found none. Check the world.")
    corners = np.ascontiguousarray(corners[kept])

    def make() -> Arrays:
        return dict(zip(("bounds", "links", "order"), build_nodes(corners.min(1), corners.max(1)), strict=True))

    nodes = recall("hierarchy", fingerprint(corners), make, _usable(len(kept))) if cached else make()
    triangles = np.ascontiguousarray(corners[nodes["order"]].reshape(-1, 9))
    return Bvh(nodes["bounds"], nodes["links"], triangles, kept[nodes["order"]].astype(np.int32))


def _usable(count: int) -> Callable[[Arrays], bool]:
    """A test of a kept hierarchy over ``count`` triangles: no link of it leads a kernel astray."""

    def fits(nodes: Arrays) -> bool:
        bounds, links, order = nodes["bounds"], nodes["links"], nodes["order"]
        number = len(links)
        if not (shaped(bounds, np.float32, number, 6) and shaped(links, np.int32, None, 3) and number > 0):
            return False
        first, size, inner = links[:, 0], links[:, 1], links[:, 1] == 0
        return (
            shaped(order, np.int32, count)
            and bool((np.bincount(order, minlength=count) == 1).all())
            and within(links[:, 2], 0, 3)
            and bool((first[inner] > np.flatnonzero(inner)).all() and (first[inner] < number - 1).all())
            and bool((first >= 0).all() and (size >= 0).all() and (first + size)[~inner].max() <= count)
        )

    return fits


@kernel
def _half_area(low: Floats, high: Floats) -> np.float32:
    x, y, z = high[0] - low[0], high[1] - low[1], high[2] - low[2]
    return x * y + y * z + z * x


@kernel
def _bounds_of(low: Floats, high: Floats, order: Ints, start: int, end: int, box: Floats, centres: Floats) -> None:
    """Bounds of triangles order[start:end] (box) and of their doubled centres (centres), both (2, 3)."""
    box[0, :] = _HUGE
    box[1, :] = -_HUGE
    centres[0, :] = _HUGE
    centres[1, :] = -_HUGE
    for i in range(start, end):
        p = order[i]
        for k in range(3):
            box[0, k] = min(box[0, k], low[p, k])
            box[1, k] = max(box[1, k], high[p, k])
            centre = low[p, k] + high[p, k]
            centres[0, k] = min(centres[0, k], centre)
            centres[1, k] = max(centres[1, k], centre)


@kernel
def _bin_of(low: np.float32, high: np.float32, origin: np.float32, scale: np.float32) -> int:
    """Bin of a doubled centre. Clamped: fast maths may round the centre otherwise than when the range was taken."""
    return min(max(int((low + high - origin) * scale), 0), _BINS - 1)


@kernel
def _fill_bins(
    low: Floats, high: Floats, order: Ints, start: int, end: int, axis: int, origin: np.float32, scale: np.float32,
    bins: Floats, counts: Ints,
) -> None:  # fmt: skip
    bins[:, 0, :] = _HUGE
    bins[:, 1, :] = -_HUGE
    counts[:] = 0
    for i in range(start, end):
        p = order[i]
        b = _bin_of(low[p, axis], high[p, axis], origin, scale)
        counts[b] += 1
        for k in range(3):
            bins[b, 0, k] = min(bins[b, 0, k], low[p, k])
            bins[b, 1, k] = max(bins[b, 1, k], high[p, k])


@kernel
def _sweep(bins: Floats, counts: Ints, box: Floats, right_cost: Floats) -> tuple[np.float32, int]:
    """Cheapest place to cut a row of bins: (cost x area, last bin of the left side); (huge, -1) when there is none."""
    box[0, :] = _HUGE
    box[1, :] = -_HUGE
    total = 0
    for b in range(_BINS - 1, 0, -1):
        if counts[b] > 0:
            total += counts[b]
            for k in range(3):
                box[0, k] = min(box[0, k], bins[b, 0, k])
                box[1, k] = max(box[1, k], bins[b, 1, k])
        right_cost[b] = f32(total) * _half_area(box[0], box[1]) if total > 0 else f32(-1.0)
    box[0, :] = _HUGE
    box[1, :] = -_HUGE
    best, cut, total = _HUGE, -1, 0
    for b in range(_BINS - 1):
        if counts[b] > 0:
            total += counts[b]
            for k in range(3):
                box[0, k] = min(box[0, k], bins[b, 0, k])
                box[1, k] = max(box[1, k], bins[b, 1, k])
        if total > 0 and right_cost[b + 1] >= 0:
            cost = f32(total) * _half_area(box[0], box[1]) + right_cost[b + 1]
            if cost < best:
                best, cut = cost, b
    return best, cut


@kernel
def _partition(low: Floats, high: Floats, order: Ints, start: int, end: int, axis: int, cut: int,
               origin: np.float32, scale: np.float32) -> int:  # fmt: skip
    """Reorder order[start:end] so that bins <= cut come first; returns where the right side starts."""
    i, j = start, end - 1
    while i <= j:
        p = order[i]
        if _bin_of(low[p, axis], high[p, axis], origin, scale) <= cut:
            i += 1
        else:
            order[i], order[j] = order[j], p
            j -= 1
    return i


@kernel
def build_nodes(low: Floats, high: Floats) -> tuple[Floats, Ints, Ints]:
    """Hierarchy over N > 0 boxes (N, 3), (N, 3): bounds and links as ``Bvh``'s, and the boxes in leaf order."""
    count = low.shape[0]
    order = np.arange(count).astype(np.int32)
    bounds = np.empty((2 * count, 6), np.float32)
    links = np.zeros((2 * count, 3), np.int32)
    todo = np.zeros((2 * STACK_SIZE, 4), np.int64)  # node, first, end, depth
    todo[0, 2] = count
    pending, nodes = 1, 1
    box, centres, side = np.empty((2, 3), np.float32), np.empty((2, 3), np.float32), np.empty((2, 3), np.float32)
    bins, counts = np.empty((_BINS, 2, 3), np.float32), np.zeros(_BINS, np.int32)
    right_cost = np.empty(_BINS, np.float32)
    while pending > 0:
        pending -= 1
        node, start, end, depth = todo[pending, 0], todo[pending, 1], todo[pending, 2], todo[pending, 3]
        _bounds_of(low, high, order, start, end, box, centres)
        bounds[node, :3] = box[0]
        bounds[node, 3:] = box[1]
        area, size = _half_area(box[0], box[1]), end - start
        best, best_axis, best_cut = _HUGE, -1, 0
        for axis in range(3):
            extent = centres[1, axis] - centres[0, axis]
            if size > 1 and extent > f32(1e-6):
                scale = f32(_BINS * 0.9999) / extent
                _fill_bins(low, high, order, start, end, axis, centres[0, axis], scale, bins, counts)
                cost, cut = _sweep(bins, counts, side, right_cost)
                if cost < best:
                    best, best_axis, best_cut = cost, axis, cut
        if best_axis < 0 or (size <= _LEAF_SIZE and best + _TRAVERSAL_COST * area >= f32(size) * area):
            links[node, 0], links[node, 1] = start, size
            continue
        scale = f32(_BINS * 0.9999) / (centres[1, best_axis] - centres[0, best_axis])
        middle = _partition(low, high, order, start, end, best_axis, best_cut, centres[0, best_axis], scale)
        if depth > _MEDIAN_DEPTH or middle == start or middle == end:
            middle = (start + end) // 2
        links[node, 0], links[node, 2] = nodes, best_axis
        todo[pending, 0], todo[pending, 1], todo[pending, 2], todo[pending, 3] = nodes + 1, middle, end, depth + 1
        todo[pending + 1, 0], todo[pending + 1, 1], todo[pending + 1, 2], todo[pending + 1, 3] = (
            nodes, start, middle, depth + 1,
        )  # fmt: skip
        pending += 2
        nodes += 2
    return bounds[:nodes].copy(), links[:nodes].copy(), order
