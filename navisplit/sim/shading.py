"""Colour of a pixel: texture, sun with soft shadow, sky light, air, tone curve. All colour is linear until the end."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from navisplit.sim.air import clearness, dome_colour, sky_colour
from navisplit.sim.atlas import Atlas
from navisplit.sim.bvh import STACK_SIZE, Bvh
from navisplit.sim.kernel import Bytes, Floats, Ints, floor, index, inlined, kernel, outlined
from navisplit.sim.scene import SKY_DEPTH_M
from navisplit.sim.shadow import ShadowMap, sunlit
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
    return cosine * sunlit(
        world.shadow, x + nx * lift + sun[0] * push, y + ny * lift + sun[1] * push, z + nz * lift + sun[2] * push
    )


@inlined
def _weights(corners: Floats, t: int, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """Face normal (not unit) and weights of the second and third corner at point (x, y, z) of triangle t."""
    ux, uy, uz = corners[t, 3] - corners[t, 0], corners[t, 4] - corners[t, 1], corners[t, 5] - corners[t, 2]
    vx, vy, vz = corners[t, 6] - corners[t, 0], corners[t, 7] - corners[t, 1], corners[t, 8] - corners[t, 2]
    fx, fy, fz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    px, py, pz = x - corners[t, 0], y - corners[t, 1], z - corners[t, 2]
    scale = _ONE / (fx * fx + fy * fy + fz * fz)
    b = ((py * vz - pz * vy) * fx + (pz * vx - px * vz) * fy + (px * vy - py * vx) * fz) * scale
    c = ((uy * pz - uz * py) * fx + (uz * px - ux * pz) * fy + (ux * py - uy * px) * fz) * scale
    return fx, fy, fz, b, c


@inlined
def _unit(x: np.float32, y: np.float32, z: np.float32) -> tuple:
    scale = _ONE / math.sqrt(x * x + y * y + z * z + f32(1e-12))
    return x * scale, y * scale, z * scale


@inlined
def _tilt(nx: np.float32, ny: np.float32, nz: np.float32, gx: np.float32, gy: np.float32, gz: np.float32) -> tuple:
    """Normal of a surface whose height has slope g (world axes), limited."""
    along = gx * nx + gy * ny + gz * nz
    gx, gy, gz = gx - along * nx, gy - along * ny, gz - along * nz
    limit = _STEEPEST_RELIEF / max(math.sqrt(gx * gx + gy * gy + gz * gz), _STEEPEST_RELIEF)
    return _unit(nx - gx * limit, ny - gy * limit, nz - gz * limit)


@inlined
def _albedo(world: World, t: int, b: np.float32, c: np.float32, x: np.float32, y: np.float32, z: np.float32,
            nx: np.float32, ny: np.float32, nz: np.float32, footprint: np.float32) -> tuple:  # fmt: skip
    """Linear colour of the material and the slope of its relief in world axes; ``footprint`` tiles per pixel."""
    s, material, a = world.surface.values, world.surface.kinds[t, 0], _ONE - b - c
    if world.surface.kinds[t, 1] == TRIPLANAR:
        red, green, blue, gx, gy, gz = blend_planes(world.atlas, material, x, y, z, nx, ny, nz, s[t, 18], footprint)
    else:
        u = s[t, 12] * a + s[t, 14] * b + s[t, 16] * c
        v = s[t, 13] * a + s[t, 15] * b + s[t, 17] * c
        red, green, blue, gu, gv = sample(world.atlas, material, u, v, s[t, 18], footprint)
        gx, gy, gz = gu * s[t, 19] + gv * s[t, 22], gu * s[t, 20] + gv * s[t, 23], gu * s[t, 21] + gv * s[t, 24]
    if world.atlas.shape[material, 2] != 0:
        vary = _variation(world.variation, x + z * f32(0.6), y - z * f32(0.5))
        warm = _HALF * _variation(world.variation, y * f32(0.41) + z, x * f32(-0.41) + z) - _HALF
        red, green, blue = red * vary * (_ONE + warm), green * vary, blue * vary * (_ONE - warm)
    return red, green, blue, gx, gy, gz


@inlined
def _surface_colour(world: World, t: int, distance: np.float32, origin: Floats, dx: np.float32, dy: np.float32,
                    dz: np.float32, length: np.float32, pixel: np.float32) -> tuple:  # fmt: skip
    """Linear colour of triangle t hit at ``distance`` x (dx, dy, dz); ``pixel``: metres per pixel at distance 1."""
    x, y, z = origin[0] + dx * distance, origin[1] + dy * distance, origin[2] + dz * distance
    fx, fy, fz, b, c = _weights(world.bvh.triangles, t, x, y, z)
    s, a = world.surface.values, _ONE - b - c
    nx, ny, nz = _unit(
        s[t, 0] * a + s[t, 3] * b + s[t, 6] * c,
        s[t, 1] * a + s[t, 4] * b + s[t, 7] * c,
        s[t, 2] * a + s[t, 5] * b + s[t, 8] * c,
    )
    slope = fx * dx + fy * dy + fz * dz
    if slope > 0:  # seen from behind
        nx, ny, nz = -nx, -ny, -nz
    openness = s[t, 9] * a + s[t, 10] * b + s[t, 11] * c
    # The footprint grows with distance and obliqueness; its square root is a compromise between blur and shimmer.
    oblique = max(abs(slope) / (math.sqrt(fx * fx + fy * fy + fz * fz) * length), f32(0.08))
    footprint = distance * length * pixel * s[t, 18] / math.sqrt(oblique)
    red, green, blue, gx, gy, gz = _albedo(world, t, b, c, x, y, z, nx, ny, nz, footprint)
    material = world.surface.kinds[t, 0]
    foliage, glow = world.atlas.shape[material, 1] != 0, world.atlas.glow[material]
    if foliage:
        openness = f32(0.3) + f32(0.7) * openness  # light seeps through leaves
    else:
        nx, ny, nz = _tilt(nx, ny, nz, gx, gy, gz)
    sun = _direct(world, foliage, nx, ny, nz, x, y, z)
    up = _HALF + (f32(0.25) if foliage else _HALF) * nz
    sky = world.sky
    return (
        red * (glow + sky.sunlight[0] * sun + openness * (sky.above[0] * up + sky.below[0] * (_ONE - up))),
        green * (glow + sky.sunlight[1] * sun + openness * (sky.above[1] * up + sky.below[1] * (_ONE - up))),
        blue * (glow + sky.sunlight[2] * sun + openness * (sky.above[2] * up + sky.below[2] * (_ONE - up))),
    )


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
            red, green, blue = sky_colour(sky, x, y, z)
        else:
            red, green, blue = _surface_colour(world, index(hit[k]), distance[k], origin, dx, dy, dz, length, pixel)
            clear = clearness(distance[k] * length * sky.air[0])
            far_red, far_green, far_blue = dome_colour(sky.haze, x, y, max(z, _ZERO))
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
