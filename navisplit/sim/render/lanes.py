"""The rays of a packet while they are shaded: one flat array of rows, a value of each of the 32 rays to a row.

Flat, with rows at constant places, so that the compiler sees that rows do not overlap and turns every loop over the
rays into vector instructions. Lookups (textures, shadow map, sky) stand between such loops, ray by ray.
"""

from __future__ import annotations

import math

import numpy as np

from navisplit.sim.kernel import Floats, Ints, inlined, outlined
from navisplit.sim.render.trace import LANES

f32 = np.float32
_ZERO, _ONE = f32(0.0), f32(1.0)
_STEEPEST_RELIEF = f32(0.9)
_MOST_OBLIQUE = f32(0.08)

# Starts of rows. Positions m, directions unit; "own" is the frame of what was hit: the map, or that of a moving thing.
X, Y, Z = 0, 32, 64  # point that was hit, map
UX, UY, UZ = 96, 128, 160  # direction of the ray, map
FAR_M = 192  # length of the ray
PX, PY, PZ = 224, 256, 288  # point, own
OX, OY, OZ = 320, 352, 384  # direction of the ray, own
NX, NY, NZ = 416, 448, 480  # shading normal towards the eye; own, and after ``tilt_normals`` map
OPEN = 512  # openness
U, V = 544, 576  # texture coordinates of a mapped face
TILES, FOOTPRINT = 608, 640  # texture lengths per metre and per pixel
AX, AY, AZ = 672, 704, 736  # direction in which u grows, own
DX, DY, DZ = 768, 800, 832  # direction in which v grows, own
RED, GREEN, BLUE = 864, 896, 928  # linear colour: of the material, then of the light, then through the air
GX, GY, GZ = 960, 992, 1024  # slope of the relief; own, then map
SUN = 1056  # cosine to the sun, then share of the sunlight that is scattered to the eye
LEAF = 1088  # 1 for foliage
SX, SY, SZ = 1120, 1152, 1184  # point for the shadow map
HAZE_RED, HAZE_GREEN, HAZE_BLUE = 1216, 1248, 1280
GLOW = 1312  # light that the surface sends out itself
SIZE = 1344


@outlined
def place_rays(lane: Floats, origin: Floats, directions: Floats, distance: Floats) -> None:
    """Points, directions and lengths of a packet's rays in the map; the own frame is the map until told otherwise."""
    x, y, z = origin[0], origin[1], origin[2]
    dx, dy, dz = directions[0], directions[1], directions[2]
    for k in range(LANES):
        a, b, c = dx[k], dy[k], dz[k]
        length = math.sqrt(a * a + b * b + c * c)
        scale, far = _ONE / length, distance[k]
        lane[X + k], lane[Y + k], lane[Z + k] = x + a * far, y + b * far, z + c * far
        lane[UX + k], lane[UY + k], lane[UZ + k] = a * scale, b * scale, c * scale
        lane[FAR_M + k] = far * length
    for k in range(LANES):
        lane[PX + k], lane[PY + k], lane[PZ + k] = lane[X + k], lane[Y + k], lane[Z + k]
        lane[OX + k], lane[OY + k], lane[OZ + k] = lane[UX + k], lane[UY + k], lane[UZ + k]
        lane[NX + k], lane[NY + k], lane[NZ + k] = _ZERO, _ZERO, _ONE
        lane[GX + k], lane[GY + k], lane[GZ + k] = _ZERO, _ZERO, _ZERO


@outlined
def enter_frame(lane: Floats, frames: Floats, n: int, thing: Ints) -> None:
    """Points and directions of the rays that hit thing n in its own frame."""
    a, b, c = frames[n, 0, 0], frames[n, 0, 1], frames[n, 0, 2]
    d, e, f = frames[n, 1, 0], frames[n, 1, 1], frames[n, 1, 2]
    g, h, i = frames[n, 2, 0], frames[n, 2, 1], frames[n, 2, 2]
    left, forth, up = frames[n, 0, 3], frames[n, 1, 3], frames[n, 2, 3]
    for k in range(LANES):
        here = thing[k] == n
        x, y, z = lane[X + k] - left, lane[Y + k] - forth, lane[Z + k] - up
        lane[PX + k] = a * x + d * y + g * z if here else lane[PX + k]
        lane[PY + k] = b * x + e * y + h * z if here else lane[PY + k]
        lane[PZ + k] = c * x + f * y + i * z if here else lane[PZ + k]
        x, y, z = lane[UX + k], lane[UY + k], lane[UZ + k]
        lane[OX + k] = a * x + d * y + g * z if here else lane[OX + k]
        lane[OY + k] = b * x + e * y + h * z if here else lane[OY + k]
        lane[OZ + k] = c * x + f * y + i * z if here else lane[OZ + k]


@outlined
def leave_frame(lane: Floats, frames: Floats, n: int, thing: Ints) -> None:
    """Normals and slopes of the rays that hit thing n in the map."""
    a, b, c = frames[n, 0, 0], frames[n, 0, 1], frames[n, 0, 2]
    d, e, f = frames[n, 1, 0], frames[n, 1, 1], frames[n, 1, 2]
    g, h, i = frames[n, 2, 0], frames[n, 2, 1], frames[n, 2, 2]
    for k in range(LANES):
        here = thing[k] == n
        x, y, z = lane[NX + k], lane[NY + k], lane[NZ + k]
        lane[NX + k] = a * x + b * y + c * z if here else x
        lane[NY + k] = d * x + e * y + f * z if here else y
        lane[NZ + k] = g * x + h * y + i * z if here else z
        x, y, z = lane[GX + k], lane[GY + k], lane[GZ + k]
        lane[GX + k] = a * x + b * y + c * z if here else x
        lane[GY + k] = d * x + e * y + f * z if here else y
        lane[GZ + k] = g * x + h * y + i * z if here else z


@outlined
def meet_triangle(lane: Floats, corners: Floats, values: Floats, t: int, leaf: np.float32, pixel: np.float32,
                  hit: Ints) -> None:  # fmt: skip
    """What the rays with ``hit`` == t see of triangle t: normal, openness, texture coordinates, footprint.

    ``values``: ``Surface.values``; ``pixel``: metres per pixel at distance 1.
    """
    s, number = values[t], np.int32(t)
    x, y, z = corners[t, 0], corners[t, 1], corners[t, 2]
    ux, uy, uz = corners[t, 3] - x, corners[t, 4] - y, corners[t, 5] - z
    vx, vy, vz = corners[t, 6] - x, corners[t, 7] - y, corners[t, 8] - z
    fx, fy, fz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    squared = fx * fx + fy * fy + fz * fz
    scale = _ONE / squared
    # weight of the second corner: p . (v x f); of the third: p . (f x u)
    bx, by, bz = (vy * fz - vz * fy) * scale, (vz * fx - vx * fz) * scale, (vx * fy - vy * fx) * scale
    cx, cy, cz = (fy * uz - fz * uy) * scale, (fz * ux - fx * uz) * scale, (fx * uy - fy * ux) * scale
    scale = _ONE / math.sqrt(squared)
    fx, fy, fz = fx * scale, fy * scale, fz * scale
    n0, n1, n2, n3, n4, n5, n6, n7, n8 = s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]
    o0, o1, o2, t0, t1, t2, t3, t4, t5 = s[9], s[10], s[11], s[12], s[13], s[14], s[15], s[16], s[17]
    tiles, a0, a1, a2, d0, d1, d2 = s[18], s[19], s[20], s[21], s[22], s[23], s[24]
    for k in range(LANES):
        here = hit[k] == number
        px, py, pz = lane[PX + k] - x, lane[PY + k] - y, lane[PZ + k] - z
        b, c = px * bx + py * by + pz * bz, px * cx + py * cy + pz * cz
        a = _ONE - b - c
        nx, ny, nz = n0 * a + n3 * b + n6 * c, n1 * a + n4 * b + n7 * c, n2 * a + n5 * b + n8 * c
        slope = fx * lane[OX + k] + fy * lane[OY + k] + fz * lane[OZ + k]
        length = _ONE / math.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
        length = -length if slope > 0 else length  # seen from behind
        lane[NX + k] = nx * length if here else lane[NX + k]
        lane[NY + k] = ny * length if here else lane[NY + k]
        lane[NZ + k] = nz * length if here else lane[NZ + k]
        openness = o0 * a + o1 * b + o2 * c
        openness = f32(0.3) + f32(0.7) * openness if leaf > 0 else openness  # light seeps through leaves
        lane[OPEN + k] = openness if here else lane[OPEN + k]
        # The footprint grows with distance and obliqueness; its square root is a compromise: blur against shimmer.
        footprint = lane[FAR_M + k] * pixel * tiles / math.sqrt(max(abs(slope), _MOST_OBLIQUE))
        lane[FOOTPRINT + k] = footprint if here else lane[FOOTPRINT + k]
        lane[U + k] = t0 * a + t2 * b + t4 * c if here else lane[U + k]
        lane[V + k] = t1 * a + t3 * b + t5 * c if here else lane[V + k]
    for k in range(LANES):
        here = hit[k] == number
        lane[TILES + k], lane[LEAF + k] = tiles if here else lane[TILES + k], leaf if here else lane[LEAF + k]
        lane[AX + k], lane[DX + k] = a0 if here else lane[AX + k], d0 if here else lane[DX + k]
        lane[AY + k], lane[DY + k] = a1 if here else lane[AY + k], d1 if here else lane[DY + k]
        lane[AZ + k], lane[DZ + k] = a2 if here else lane[AZ + k], d2 if here else lane[DZ + k]


@outlined
def tilt_normals(lane: Floats) -> None:
    """Turn the normals of what is not foliage by the slope of the relief, limited."""
    for k in range(LANES):
        nx, ny, nz = lane[NX + k], lane[NY + k], lane[NZ + k]
        gx, gy, gz = lane[GX + k], lane[GY + k], lane[GZ + k]
        along = gx * nx + gy * ny + gz * nz
        gx, gy, gz = gx - along * nx, gy - along * ny, gz - along * nz
        limit = _STEEPEST_RELIEF / max(math.sqrt(gx * gx + gy * gy + gz * gz), _STEEPEST_RELIEF)
        limit = _ZERO if lane[LEAF + k] > 0 else limit
        nx, ny, nz = nx - gx * limit, ny - gy * limit, nz - gz * limit
        scale = _ONE / math.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
        lane[NX + k], lane[NY + k], lane[NZ + k] = nx * scale, ny * scale, nz * scale


@outlined
def face_sun(lane: Floats, sun: Floats, texel: np.float32, to_texel: Floats, visible: Floats) -> None:
    """Cosines to the sun, 0 where nothing of it arrives, and the places where the shadow map is to be asked.

    Leaves scatter light forward and back, whatever way they face. Off a surface by about the filter's radius, or its
    own texels would shade it (acne); more where light grazes.
    """
    sx, sy, sz = sun[0], sun[1], sun[2]
    a, b, c, d = to_texel[0, 0], to_texel[0, 1], to_texel[0, 2], to_texel[0, 3]
    e, f, g, h = to_texel[1, 0], to_texel[1, 1], to_texel[1, 2], to_texel[1, 3]
    i, j, l, m = to_texel[2, 0], to_texel[2, 1], to_texel[2, 2], to_texel[2, 3]
    for k in range(LANES):
        nx, ny, nz, leaf = lane[NX + k], lane[NY + k], lane[NZ + k], lane[LEAF + k] > 0
        cosine = nx * sx + ny * sy + nz * sz
        lift = texel * f32(1.6) * math.sqrt(max(_ONE - cosine * cosine, _ZERO)) + f32(0.01)
        lift = _ZERO if leaf else lift
        push = texel * f32(1.5) + f32(0.10) if leaf else texel * f32(0.5) + f32(0.02)
        scattered = f32(0.30) + (f32(0.45) * cosine if cosine > 0 else f32(-0.18) * cosine)
        cosine = max(scattered if leaf else cosine, _ZERO)
        lane[SUN + k] = cosine * visible[k]
        x, y, z = lane[X + k] + nx * lift, lane[Y + k] + ny * lift, lane[Z + k] + nz * lift
        x, y, z = x + sx * push, y + sy * push, z + sz * push
        lane[SX + k] = a * x + b * y + c * z + d
        lane[SY + k] = e * x + f * y + g * z + h
        lane[SZ + k] = i * x + j * y + l * z + m


@outlined
def light_rays(lane: Floats, sunlight: Floats, above: Floats, below: Floats, fog: np.float32) -> None:
    """Material, light and air put together: the linear colour of every ray that hit something."""
    sun_r, sun_g, sun_b = sunlight[0], sunlight[1], sunlight[2]
    sky_r, sky_g, sky_b = above[0], above[1], above[2]
    low_r, low_g, low_b = below[0], below[1], below[2]
    for k in range(LANES):
        up = f32(0.5) + (f32(0.25) if lane[LEAF + k] > 0 else f32(0.5)) * lane[NZ + k]
        high, low, sun = lane[OPEN + k] * up, lane[OPEN + k] * (_ONE - up), lane[SUN + k]
        glow = lane[GLOW + k]
        red = lane[RED + k] * (glow + sun_r * sun + sky_r * high + low_r * low)
        green = lane[GREEN + k] * (glow + sun_g * sun + sky_g * high + low_g * low)
        blue = lane[BLUE + k] * (glow + sun_b * sun + sky_b * high + low_b * low)
        clear = _clearness(lane[FAR_M + k] * fog)
        lane[RED + k] = lane[HAZE_RED + k] + (red - lane[HAZE_RED + k]) * clear
        lane[GREEN + k] = lane[HAZE_GREEN + k] + (green - lane[HAZE_GREEN + k]) * clear
        lane[BLUE + k] = lane[HAZE_BLUE + k] + (blue - lane[HAZE_BLUE + k]) * clear


@inlined
def _clearness(depth: np.float32) -> np.float32:
    """exp(-depth) for depth >= 0 to 1e-3, without a call."""
    x = depth * f32(0.25)
    x = _ONE + x * (_ONE + x * (f32(0.5) + x * f32(0.18)))
    x *= x
    return _ONE / (x * x)


@outlined
def develop(lane: Floats, steps: np.float32, tones: Ints) -> None:
    """Steps of the sRGB table (96,) of all rays: filmic tone curve (Narkowicz's fit of ACES, 2016)."""
    for k in range(3 * LANES):
        light = lane[RED + k]
        toned = light * (f32(2.51) * light + f32(0.03)) / (light * (f32(2.43) * light + f32(0.59)) + f32(0.14))
        tones[k] = np.int32(min(max(toned, _ZERO), _ONE) * steps)
