"""Filtered lookups in the material atlas."""

from __future__ import annotations

import numpy as np

from navisplit.sim.kernel import floor, index, inlined, smaller
from navisplit.sim.render.atlas import Atlas

f32 = np.float32
_ZERO, _ONE = f32(0.0), f32(1.0)
_TEXEL = f32(1.0 / 255.0)
_RELIEF = f32(0.003 / 64.0)  # m per step: twice as bright stands out by 3 mm (our choice, by eye)
_BLEND_FROM = f32(0.30)  # of the strongest axis: a second projection weaker than this is not looked up


@inlined
def _bilinear(atlas: Atlas, material: int, level: int, u: np.float32, v: np.float32) -> tuple:
    """Square-root colour 0..255 and the slope of the relief per texel at one mip level; u, v in tiles."""
    size = 1 << (atlas.shape[material, 0] - level)
    x, y = u * f32(size), v * f32(size)
    i, j = floor(x), floor(y)
    a, b = x - f32(i), y - f32(j)
    mask = size - 1
    start = atlas.starts[material, level]
    near, far = start + (j & mask) * size, start + ((j + 1) & mask) * size
    left, right = i & mask, (i + 1) & mask
    p, q, r, s = index(near + left), index(near + right), index(far + left), index(far + right)
    w, e, n, m = (_ONE - a) * (_ONE - b), a * (_ONE - b), (_ONE - a) * b, a * b
    t = atlas.texels
    red = f32(t[p, 0]) * w + f32(t[q, 0]) * e + f32(t[r, 0]) * n + f32(t[s, 0]) * m
    green = f32(t[p, 1]) * w + f32(t[q, 1]) * e + f32(t[r, 1]) * n + f32(t[s, 1]) * m
    blue = f32(t[p, 2]) * w + f32(t[q, 2]) * e + f32(t[r, 2]) * n + f32(t[s, 2]) * m
    hp, hq, hr, hs = f32(t[p, 3]), f32(t[q, 3]), f32(t[r, 3]), f32(t[s, 3])
    return red, green, blue, (hq - hp) * (_ONE - b) + (hs - hr) * b, (hr - hp) * (_ONE - a) + (hs - hq) * a


@inlined
def sample(
    atlas: Atlas, material: int, u: np.float32, v: np.float32, tiles: np.float32, footprint: np.float32
) -> tuple:
    """Trilinear colour (linear, tinted) and slope of the relief along u and v.

    ``tiles`` per metre, ``footprint`` per pixel.
    """
    last = atlas.shape[material, 0]
    texels = footprint * f32(1 << last) * f32(0.75)
    level = 0
    while texels > f32(2.0) and level < last:
        texels *= f32(0.5)
        level += 1
    red, green, blue, gu, gv = _bilinear(atlas, material, level, u, v)
    if texels > _ONE and level < last:
        red2, green2, blue2, gu2, gv2 = _bilinear(atlas, material, level + 1, u, v)
        w = texels - _ONE
        red, green, blue = red + (red2 - red) * w, green + (green2 - green) * w, blue + (blue2 - blue) * w
        gu, gv = gu + (gu2 - gu) * w, gv + (gv2 - gv) * w
    red, green, blue = red * _TEXEL, green * _TEXEL, blue * _TEXEL
    steep = tiles * f32(1 << (last - level)) * _RELIEF * atlas.tints[material, 3]
    red, green, blue = (
        smaller(red * red * atlas.tints[material, 0], _ONE),
        smaller(green * green * atlas.tints[material, 1], _ONE),
        smaller(blue * blue * atlas.tints[material, 2], _ONE),
    )
    return red, green, blue, gu * steep, gv * steep


@inlined
def blend_planes(atlas: Atlas, material: int, x: np.float32, y: np.float32, z: np.float32, nx: np.float32,
                 ny: np.float32, nz: np.float32, tiles: np.float32, footprint: np.float32) -> tuple:  # fmt: skip
    """Triplanar lookup: linear colour and relief slope in world axes, from the one or two projections that matter."""
    ax, ay, az = nx * nx, ny * ny, nz * nz
    ax, ay, az = ax * ax, ay * ay, az * az
    strongest = max(ax, max(ay, az))
    floor = strongest * _BLEND_FROM
    wx, wy, wz = max(ax - floor, _ZERO), max(ay - floor, _ZERO), max(az - floor, _ZERO)
    total = _ONE / (wx + wy + wz)
    red, green, blue, gx, gy, gz = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    if wx > 0:
        r, g, b, gu, gv = sample(atlas, material, y * tiles, -z * tiles, tiles, footprint)
        w = wx * total
        red, green, blue, gy, gz = red + r * w, green + g * w, blue + b * w, gy + gu * w, gz - gv * w
    if wy > 0:
        r, g, b, gu, gv = sample(atlas, material, x * tiles, -z * tiles, tiles, footprint)
        w = wy * total
        red, green, blue, gx, gz = red + r * w, green + g * w, blue + b * w, gx + gu * w, gz - gv * w
    if wz > 0:
        r, g, b, gu, gv = sample(atlas, material, x * tiles, y * tiles, tiles, footprint)
        w = wz * total
        red, green, blue, gx, gy = red + r * w, green + g * w, blue + b * w, gx + gu * w, gy + gv * w
    return red, green, blue, gx, gy, gz
