"""The sun's shadow map: the scene's depth as the sun sees it, rasterised orthographically (z-buffer)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from navisplit.sim.kernel import Floats, index, inlined, kernel
from navisplit.sim.render.baked import Arrays, fingerprint, recall, shaped

f32 = np.float32
_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)

_MARGIN_M = 0.5
_OUTSKIRTS = 0.01  # share of the corners on each side that may lie outside the map, in full sun
_OUTSKIRTS_MARGIN_M = 8.0
_BLOCK = 4  # texels


class ShadowMap(NamedTuple):
    """Depth as the sun sees it, and how to get there: (column, row, depth) = ``to_texel`` (x, y, z, 1)."""

    depth: Floats  # (N, N) m below the plane through the scene's highest point towards the sun; large where nothing is
    to_texel: Floats  # (3, 4) world point -> column, row, depth
    texel_m: Floats  # (1,) size of a texel
    extremes: Floats  # (N/4, N/4, 2) least and largest depth that the filter meets around a block of 4x4 texels


def bake_shadow(triangles: Floats, sun: ArrayLike, resolution: int, cached: bool = False) -> ShadowMap:
    """Render triangles (T, 9) along the direction from the sun; ``sun`` (3,) is the unit vector towards it.

    ``cached``: kept on disk.
    """

    def make() -> Arrays:
        return _bake(triangles, sun, resolution)._asdict()

    if not cached:
        return ShadowMap(**make())
    key = fingerprint(triangles, np.asarray(sun, np.float64), resolution)
    return ShadowMap(**recall("shadow", key, make, lambda a: _usable(a, resolution)))


def _usable(a: Arrays, resolution: int) -> bool:
    blocks = (resolution + _BLOCK - 1) // _BLOCK
    return (
        shaped(a["depth"], np.float32, resolution, resolution)
        and shaped(a["to_texel"], np.float32, 3, 4)
        and shaped(a["texel_m"], np.float32, 1)
        and shaped(a["extremes"], np.float32, blocks, blocks, 2)
        and bool(np.isfinite(a["to_texel"]).all())
    )


def _bake(triangles: Floats, sun: ArrayLike, resolution: int) -> ShadowMap:
    towards = np.asarray(sun, np.float64)
    helper = np.array([0.0, 0.0, 1.0]) if abs(towards[2]) < 0.99 else np.array([0.0, 1.0, 0.0])
    right = np.cross(helper, towards)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(towards, right), -towards])
    seen = triangles.reshape(-1, 3).astype(np.float64) @ axes.T
    low, high = seen.min(0) - _MARGIN_M, seen.max(0) + _MARGIN_M
    # The map covers where the triangles are, not the empty fields around: its texels are the sharpness of shadows.
    tail = int(_OUTSKIRTS * (len(seen) - 1))
    ranked = np.partition(np.ascontiguousarray(seen[:, :2].T), (tail, len(seen) - 1 - tail), axis=1)
    low[:2] = np.maximum(low[:2], ranked[:, tail] - _OUTSKIRTS_MARGIN_M)
    high[:2] = np.minimum(high[:2], ranked[:, len(seen) - 1 - tail] + _OUTSKIRTS_MARGIN_M)
    texel = float(max(high[0] - low[0], high[1] - low[1])) / resolution
    scale = np.array([1.0 / texel, 1.0 / texel, 1.0])
    to_texel = np.concatenate([axes * scale[:, None], (-low * scale)[:, None]], axis=1).astype(np.float32)
    depth = np.full((resolution, resolution), 1e9, np.float32)
    _rasterise(((seen - low) * scale).astype(np.float32).reshape(-1, 9), depth)
    return ShadowMap(depth, to_texel, np.array([texel], np.float32), _extremes(depth))


def without_triangles(shadow: ShadowMap, triangles: Floats, removed: Floats) -> ShadowMap:
    """The map drawn anew where triangles (R, 9) were taken from the scene; ``triangles`` (T, 9) are those that stay."""
    seen = _to_texels(shadow, removed).reshape(-1, 3)
    size = shadow.depth.shape[0]
    low = np.clip(np.floor(seen.min(0)[:2]) - 1, 0, size).astype(np.int64)
    high = np.clip(np.ceil(seen.max(0)[:2]) + 1, 0, size).astype(np.int64)
    depth = shadow.depth.copy()
    patch = np.full((high[1] - low[1], high[0] - low[0]), 1e9, np.float32)
    if patch.size:
        corners = _to_texels(shadow, triangles)
        corners[:, 0::3] -= f32(low[0])
        corners[:, 1::3] -= f32(low[1])
        _rasterise(corners, patch)
        depth[low[1] : high[1], low[0] : high[0]] = patch
    return shadow._replace(depth=depth, extremes=_extremes(depth))


def _to_texels(shadow: ShadowMap, triangles: Floats) -> Floats:
    """Corners (T, 9) as (column, row, depth)."""
    m = shadow.to_texel.astype(np.float64)
    return (triangles.reshape(-1, 3) @ m[:, :3].T + m[:, 3]).astype(np.float32).reshape(-1, 9)


@kernel
def _rasterise(corners: Floats, depth: Floats) -> None:
    """Draw triangles (T, 9) of (column, row, depth) corners; a texel's centre is at + 0.5."""
    rows, columns = depth.shape
    for t in range(corners.shape[0]):
        ax, ay, az = corners[t, 0], corners[t, 1], corners[t, 2]
        bx, by, bz = corners[t, 3], corners[t, 4], corners[t, 5]
        cx, cy, cz = corners[t, 6], corners[t, 7], corners[t, 8]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < f32(1e-6):
            continue
        inverse = f32(1.0) / area
        first_row, last_row = max(int(min(ay, min(by, cy))), 0), min(int(max(ay, max(by, cy))), rows - 1)
        first_column, last_column = max(int(min(ax, min(bx, cx))), 0), min(int(max(ax, max(bx, cx))), columns - 1)
        for row in range(first_row, last_row + 1):
            y = f32(row) + f32(0.5)
            for column in range(first_column, last_column + 1):
                x = f32(column) + f32(0.5)
                u = ((cx - bx) * (y - by) - (cy - by) * (x - bx)) * inverse
                v = ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) * inverse
                w = f32(1.0) - u - v
                if u >= 0 and v >= 0 and w >= 0:
                    z = u * az + v * bz + w * cz
                    if z < depth[row, column]:
                        depth[row, column] = z


@kernel
def _extremes(depth: Floats) -> Floats:
    """Of rows and columns 4 i - 1 .. 4 i + 5, which are those that a filter with its corner in the block touches."""
    size = depth.shape[0]
    blocks = (size + _BLOCK - 1) // _BLOCK
    across = np.empty((size, blocks, 2), np.float32)
    for row in range(size):
        for i in range(blocks):
            least, largest = depth[row, i * _BLOCK], depth[row, i * _BLOCK]
            for column in range(max(i * _BLOCK - 1, 0), min(i * _BLOCK + _BLOCK + 2, size)):
                least, largest = min(least, depth[row, column]), max(largest, depth[row, column])
            across[row, i, 0], across[row, i, 1] = least, largest
    extremes = np.empty((blocks, blocks, 2), np.float32)
    for j in range(blocks):
        extremes[j] = across[j * _BLOCK]
        for row in range(max(j * _BLOCK - 1, 0), min(j * _BLOCK + _BLOCK + 2, size)):
            for i in range(blocks):
                extremes[j, i, 0] = min(extremes[j, i, 0], across[row, i, 0])
                extremes[j, i, 1] = max(extremes[j, i, 1], across[row, i, 1])
    return extremes


@inlined
def sunlit(shadow: ShadowMap, u: np.float32, v: np.float32, depth: np.float32) -> np.float32:
    """Share of the sun's disc seen from a point (column, row, depth) of the map, 0..1: a percentage-closer filter.

    4x4 comparisons with bilinear weights.
    """
    u, v, size = u - _HALF, v - _HALF, shadow.depth.shape[0]
    if u < 1 or v < 1 or u >= size - 3 or v >= size - 3:
        return _ONE
    column, row = int(u), int(v)
    # Away from the rims of shadows all comparisons agree.
    block_row, block_column = index(row // _BLOCK), index(column // _BLOCK)
    if depth <= shadow.extremes[block_row, block_column, 0]:
        return _ONE
    if depth > shadow.extremes[block_row, block_column, 1]:
        return _ZERO
    a, b = u - f32(column), v - f32(row)
    lit = _ZERO
    for j in range(4):
        line = index(row - 1 + j)
        d0 = f32(shadow.depth[line, index(column - 1)] >= depth)
        d1 = f32(shadow.depth[line, index(column)] >= depth)
        d2 = f32(shadow.depth[line, index(column + 1)] >= depth)
        d3 = f32(shadow.depth[line, index(column + 2)] >= depth)
        weight = (_ONE - b) if j == 0 else (b if j == 3 else _ONE)
        lit += weight * (d0 * (_ONE - a) + d1 + d2 + d3 * a)
    return lit * f32(1.0 / 9.0)
