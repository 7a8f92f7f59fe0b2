"""Colour of a pixel: texture, sun with soft shadow, sky light, air, tone curve. All colour is linear until the end."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from navisplit.sim.atlas import Atlas
from navisplit.sim.bvh import STACK_SIZE, Bvh
from navisplit.sim.kernel import Bytes, Floats, Ints, floor, index, inlined, kernel, outlined
from navisplit.sim.scene import SKY_DEPTH_M
from navisplit.sim.shadow import ShadowMap
from navisplit.sim.sky import Sky
from navisplit.sim.surface import TRIPLANAR, Surface
from navisplit.sim.texturing import blend_planes, sample
from navisplit.sim.trace import FAR, LANES, PACKET_HEIGHT, PACKET_WIDTH, aim_packet, trace_packet

f32 = np.float32
_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)
_SKY_DEPTH = f32(SKY_DEPTH_M)
_STEEPEST_RELIEF = f32(0.9)
_SRGB_STEPS = 4095


class World(NamedTuple):
    """Everything a frame needs."""

    bvh: Bvh
    surface: Surface
    atlas: Atlas
    shadow: ShadowMap
    sky: Sky
    variation: Floats  # (N, N) large-scale brightness of natural surfaces, around 1
    curve: Bytes  # (4096,) linear 0..1 -> sRGB


def srgb_curve() -> Bytes:
    """Table of IEC 61966-2-1's transfer function, rounded to bytes."""
    x = np.arange(_SRGB_STEPS + 1) / _SRGB_STEPS
    return np.round(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


@inlined
def _dome(image: Floats, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """Bilinear colour of a paraboloid map in unit direction (x, y, z); below the horizon: the horizon's."""
    size = image.shape[0]
    if z > 0:
        scale = _HALF / (_ONE + z)
    else:
        scale = _HALF / math.sqrt(max(x * x + y * y, f32(1e-12)))
    last = f32(size - 2) + f32(0.99)
    u = min(max((x * scale + _HALF) * f32(size) - _HALF, _ZERO), last)
    v = min(max((y * scale + _HALF) * f32(size) - _HALF, _ZERO), last)
    i, j = index(v), index(u)
    b, a = v - f32(i), u - f32(j)
    k, l = i + index(1), j + index(1)
    w00, w01, w10, w11 = (_ONE - a) * (_ONE - b), a * (_ONE - b), (_ONE - a) * b, a * b
    red = image[i, j, 0] * w00 + image[i, l, 0] * w01 + image[k, j, 0] * w10 + image[k, l, 0] * w11
    green = image[i, j, 1] * w00 + image[i, l, 1] * w01 + image[k, j, 1] * w10 + image[k, l, 1] * w11
    blue = image[i, j, 2] * w00 + image[i, l, 2] * w01 + image[k, j, 2] * w10 + image[k, l, 2] * w11
    return red, green, blue


@inlined
def _sky_colour(sky: Sky, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """Sky with clouds and the sun's disc above the horizon; below it the air of the horizon over a far ground."""
    if z <= 0:
        red, green, blue = _dome(sky.haze, x, y, _ZERO)
        ground = min(-z * f32(5.0), _ONE) * f32(0.6)
        return (
            red + (sky.below[0] - red) * ground,
            green + (sky.below[1] - green) * ground,
            blue + (sky.below[2] - blue) * ground,
        )
    red, green, blue = _dome(sky.dome, x, y, z)
    towards = x * sky.sun[0] + y * sky.sun[1] + z * sky.sun[2]
    if towards > f32(0.9993):
        disc = sky.air[1] * min((towards - f32(0.9993)) * f32(3000.0), _ONE)
        red, green, blue = red + disc, green + disc * f32(0.92), blue + disc * f32(0.75)
    return red, green, blue


@inlined
def _sunlit(shadow: ShadowMap, x: np.float32, y: np.float32, z: np.float32) -> np.float32:
    """Share of the sun's disc seen from a point, 0..1: 4x4 comparisons, bilinear weights (percentage-closer filter)."""
    m, size = shadow.to_texel, shadow.depth.shape[0]
    u = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3] - _HALF
    v = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3] - _HALF
    depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
    if u < 1 or v < 1 or u >= size - 3 or v >= size - 3:
        return _ONE
    column, row = int(u), int(v)
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


@inlined
def _variation(table: Floats, x: np.float32, y: np.float32) -> np.float32:
    """Brightness of the ground at (x, y), one table entry per 0.75 m, repeating after 384 m."""
    u, v = x * f32(1.0 / 0.75), y * f32(1.0 / 0.75)
    i, j = floor(u), floor(v)
    a, b = u - f32(i), v - f32(j)
    mask = table.shape[0] - 1
    i, j, k, l = index(i & mask), index(j & mask), index((i + 1) & mask), index((j + 1) & mask)
    return (table[j, i] * (_ONE - a) + table[j, k] * a) * (_ONE - b) + (table[l, i] * (_ONE - a) + table[l, k] * a) * b


@inlined
def _direct(world: World, foliage: bool, nx: np.float32, ny: np.float32, nz: np.float32,
            x: np.float32, y: np.float32, z: np.float32) -> np.float32:  # fmt: skip
    """Share of the sunlight that reaches a point and is scattered to the eye (cosine x visibility)."""
    sun, texel = world.sky.sun, world.shadow.texel_m[0]
    cosine = nx * sun[0] + ny * sun[1] + nz * sun[2]
    # Off the surface by about the filter's radius, or its own texels would shade it (acne); more where light grazes.
    lift = texel * f32(1.6) * math.sqrt(max(_ONE - cosine * cosine, _ZERO)) + f32(0.01)
    push = texel * f32(0.5) + f32(0.02)
    if foliage:
        # leaves scatter light forward and back, whatever way they face
        cosine = f32(0.30) + (f32(0.45) * cosine if cosine > 0 else f32(-0.18) * cosine)
        lift, push = _ZERO, texel * f32(1.5) + f32(0.10)
    if cosine <= 0:
        return _ZERO
    return cosine * _sunlit(
        world.shadow, x + nx * lift + sun[0] * push, y + ny * lift + sun[1] * push, z + nz * lift + sun[2] * push
    )


@inlined
def _surface_colour(world: World, t: int, distance: np.float32, origin: Floats, dx: np.float32, dy: np.float32,
                    dz: np.float32, length: np.float32, pixel: np.float32) -> tuple:  # fmt: skip
    """Linear colour of triangle t hit at ``distance`` x (dx, dy, dz); ``pixel``: metres per pixel at distance 1."""
    x, y, z = origin[0] + dx * distance, origin[1] + dy * distance, origin[2] + dz * distance
    corners, values = world.bvh.triangles, world.surface.values
    ux, uy, uz = corners[t, 3] - corners[t, 0], corners[t, 4] - corners[t, 1], corners[t, 5] - corners[t, 2]
    vx, vy, vz = corners[t, 6] - corners[t, 0], corners[t, 7] - corners[t, 1], corners[t, 8] - corners[t, 2]
    fx, fy, fz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    px, py, pz = x - corners[t, 0], y - corners[t, 1], z - corners[t, 2]
    scale = _ONE / (fx * fx + fy * fy + fz * fz)
    b = ((py * vz - pz * vy) * fx + (pz * vx - px * vz) * fy + (px * vy - py * vx) * fz) * scale
    c = ((uy * pz - uz * py) * fx + (uz * px - ux * pz) * fy + (ux * py - uy * px) * fz) * scale
    a = _ONE - b - c
    nx, ny, nz = values[t, 0] * a + values[t, 3] * b + values[t, 6] * c, values[t, 1] * a + values[t, 4] * b + values[t, 7] * c, values[t, 2] * a + values[t, 5] * b + values[t, 8] * c
    slope = fx * dx + fy * dy + fz * dz
    turn = _ONE / math.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
    nx, ny, nz = nx * turn, ny * turn, nz * turn
    if slope > 0:  # seen from behind
        nx, ny, nz = -nx, -ny, -nz
    openness = values[t, 9] * a + values[t, 10] * b + values[t, 11] * c
    material = world.surface.kinds[t, 0]
    foliage = world.atlas.shape[material, 1] != 0
    # The footprint grows with distance and obliqueness; its square root is a compromise between blur and shimmer.
    oblique = max(abs(slope) * math.sqrt(scale) / length, f32(0.08))
    footprint = distance * length * pixel * values[t, 18] / math.sqrt(oblique)
    if world.surface.kinds[t, 1] == TRIPLANAR:
        red, green, blue, gx, gy, gz = blend_planes(world.atlas, material, x, y, z, nx, ny, nz, values[t, 18], footprint)
    else:
        red, green, blue, gu, gv = sample(
            world.atlas, material, values[t, 12] * a + values[t, 14] * b + values[t, 16] * c, values[t, 13] * a + values[t, 15] * b + values[t, 17] * c, values[t, 18],
            footprint,
        )
        gx, gy, gz = gu * values[t, 19] + gv * values[t, 22], gu * values[t, 20] + gv * values[t, 23], gu * values[t, 21] + gv * values[t, 24]
    if world.atlas.shape[material, 2] != 0:
        vary = _variation(world.variation, x + z * f32(0.6), y - z * f32(0.5))
        warm = _HALF * _variation(world.variation, y * f32(0.41) + z, x * f32(-0.41) + z) - _HALF
        red, green, blue = red * vary * (_ONE + warm), green * vary, blue * vary * (_ONE - warm)
    if not foliage:
        along = gx * nx + gy * ny + gz * nz
        gx, gy, gz = gx - along * nx, gy - along * ny, gz - along * nz
        limit = _STEEPEST_RELIEF / max(math.sqrt(gx * gx + gy * gy + gz * gz), _STEEPEST_RELIEF)
        nx, ny, nz = nx - gx * limit, ny - gy * limit, nz - gz * limit
        turn = _ONE / math.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
        nx, ny, nz = nx * turn, ny * turn, nz * turn
    sun = _direct(world, foliage, nx, ny, nz, x, y, z)
    up = _HALF + _HALF * nz
    if foliage:
        up = _HALF + f32(0.25) * nz
    sky = world.sky
    return (
        red * (sky.sunlight[0] * sun + openness * (sky.above[0] * up + sky.below[0] * (_ONE - up))),
        green * (sky.sunlight[1] * sun + openness * (sky.above[1] * up + sky.below[1] * (_ONE - up))),
        blue * (sky.sunlight[2] * sun + openness * (sky.above[2] * up + sky.below[2] * (_ONE - up))),
    )


@inlined
def _clearness(depth: np.float32) -> np.float32:
    """exp(-depth) for depth >= 0 to 1e-3, without a call."""
    x = depth * f32(0.25)
    x = _ONE + x * (_ONE + x * (_HALF + x * f32(0.18)))
    x *= x
    return _ONE / (x * x)


@outlined
def _shade_packet(world: World, origin: Floats, directions: Floats, distance: Floats, hit: Ints, pixel: np.float32,
                  colour: Floats) -> None:  # fmt: skip
    """Linear colour (3, 32) of a packet."""
    sky = world.sky
    for k in range(LANES):
        dx, dy, dz = directions[0, k], directions[1, k], directions[2, k]
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        x, y, z = dx / length, dy / length, dz / length
        if hit[k] < 0:
            red, green, blue = _sky_colour(sky, x, y, z)
        else:
            red, green, blue = _surface_colour(world, index(hit[k]), distance[k], origin, dx, dy, dz, length, pixel)
            clear = _clearness(distance[k] * length * sky.air[0])
            far_red, far_green, far_blue = _dome(sky.haze, x, y, max(z, _ZERO))
            red = far_red + (red - far_red) * clear
            green = far_green + (green - far_green) * clear
            blue = far_blue + (blue - far_blue) * clear
        colour[0, k], colour[1, k], colour[2, k] = red, green, blue


@inlined
def _develop(curve: Bytes, light: np.float32) -> np.uint8:
    """Filmic tone curve (Narkowicz's fit of ACES, 2016), then sRGB."""
    toned = light * (f32(2.51) * light + f32(0.03)) / (light * (f32(2.43) * light + f32(0.59)) + f32(0.14))
    return curve[int(min(max(toned, _ZERO), _ONE) * f32(_SRGB_STEPS))]


@kernel
def render_frame(world: World, camera: Floats, rgb: Bytes, depth: Floats, segmentation: Bytes) -> None:
    """Fill rgb (H, W, 3), planar depth (H, W) and segmentation (H, W) as seen by ``camera`` (4, 3), see aim_packet."""
    height, width = depth.shape
    origin = camera[0]
    pixel = math.sqrt(camera[2, 0] ** 2 + camera[2, 1] ** 2 + camera[2, 2] ** 2)
    directions, work = np.empty((3, LANES), np.float32), np.empty((4, LANES), np.float32)
    stack = np.empty(STACK_SIZE, np.int32)
    colour = np.empty((3, LANES), np.float32)
    distance, hit = np.empty(LANES, np.float32), np.empty(LANES, np.int32)
    for row in range(0, height, PACKET_HEIGHT):
        for column in range(0, width, PACKET_WIDTH):
            aim_packet(camera, column, row, directions)
            distance[:] = FAR
            hit[:] = -1
            trace_packet(world.bvh, origin, directions, work, stack, distance, hit)
            _shade_packet(world, origin, directions, distance, hit, pixel, colour)
            for k in range(LANES):
                i, j = row + k // PACKET_WIDTH, column + k % PACKET_WIDTH
                if i < height and j < width:
                    depth[i, j] = distance[k] if hit[k] >= 0 else _SKY_DEPTH
                    segmentation[i, j] = world.surface.kinds[hit[k], 2] if hit[k] >= 0 else 0
                    for c in range(3):
                        rgb[i, j, c] = _develop(world.curve, colour[c, k])
