"""How weather looks: passes over a finished picture, with its depth and, for what lies on the ground, its normals.

Everything follows from simulated time and the seed. Amounts, sizes and colours are our choice, judged by eye.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from navisplit.sim.kernel import Bytes, Floats, inlined, kernel
from navisplit.sim.render.shadow import ShadowMap, sunlit
from navisplit.sim.render.sky import lattice, layered_noise, value_noise
from navisplit.sim.scene import SKY_DEPTH_M
from navisplit.sim.weather import Weather

f32 = np.float32
_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)
_SKY_M = f32(SKY_DEPTH_M * 0.99)
_LAYER_M = 120.0  # fog and dust are this high: the sky shines through from above
_DUST_TINT = (0.86, 0.74, 0.57)
_LEAF_M = f32(0.12)


class Fall(NamedTuple):
    """What falls through the air around a camera."""

    number: int  # at full strength, in a box around the camera
    box_m: float
    speed_mps: tuple[float, float, float]  # ENU
    size_m: float
    sway_m: float
    opacity: float
    shutter_s: float  # streaks are drawn for this long; 0: blobs


RAIN = Fall(8000, 16.0, (0.6, 0.3, -8.5), 0.012, 0.0, 0.6, 0.03)
FLAKES = Fall(6000, 14.0, (0.5, 0.3, -1.2), 0.020, 0.25, 0.85, 0.0)
LEAVES = Fall(260, 16.0, (0.9, 0.4, -0.9), 0.09, 0.8, 0.95, 0.0)


def draw_ground(rgb: Bytes, depth: Floats, normals: Floats, rows: Floats, weather: Weather, mist: Floats,
                roofs: ShadowMap) -> None:  # fmt: skip
    """Wet, snow-covered or leaf-strewn surfaces that face up, in place; ``rows`` (4, 3) as ``camera_rows``.

    Nothing lies where ``roofs``, a shadow map of a sun overhead, says that there is something above.
    """
    wet = max(weather.road_wetness, 0.6 * weather.rain)
    snow = max(weather.road_snow, 0.35 * weather.snow)
    _cover(rgb, depth, normals, rows, f32(wet), f32(snow), f32(weather.road_leaf), mist * f32(255), roofs)


def draw_air(rgb: Bytes, depth: Floats, rows: Floats, weather: Weather, mist: Floats) -> None:
    """Fog and dust between the camera and what it sees, in place; ``mist`` (3,) sRGB 0..1 of the air in this light."""
    fog, dust = weather.extinction_per_m
    if fog + dust <= 0:
        return
    haze = (mist * fog + mist * np.array(_DUST_TINT) * dust) / (fog + dust) * 255.0
    _veil(rgb, depth, rows, f32(fog + dust), haze.astype(np.float32))


def draw_falling(
    rgb: Bytes, depth: Floats, rows: Floats, weather: Weather, mist: Floats, roofs: ShadowMap, time_s: float, seed: int
) -> None:
    """Rain, snow flakes and leaves in front of the camera and not under ``roofs``, in place."""
    bright = np.clip(mist * 0.65 + 0.35 * mist.max(), 0.0, 1.0) * 255.0
    leaf = np.array([0.72, 0.38, 0.12]) * (0.04 + 0.96 * float(mist.mean())) * 255.0
    for number, (fall, strength, colour) in enumerate(
        ((RAIN, weather.rain, bright), (FLAKES, weather.snow, bright), (LEAVES, weather.maple_leaf, leaf))
    ):
        count = round(fall.number * strength)
        if count:
            moved = np.mod(np.array(fall.speed_mps) * time_s, fall.box_m)
            streak = np.array(fall.speed_mps) * fall.shutter_s
            seed_of = np.uint32(seed * 7 + number)
            shape = np.array([fall.box_m, fall.size_m, fall.sway_m, fall.opacity], np.float32)
            _fall(rgb, depth, _axes(rows), moved.astype(np.float32), streak.astype(np.float32), shape,
                  colour.astype(np.float32), f32(time_s % 1000.0), count, seed_of, roofs)  # fmt: skip


def _axes(rows: Floats) -> Floats:
    """(5, 3): origin; forward; right / fx, down / fy as steps a pixel; (column, row) of the forward axis."""
    across, along = rows[2].astype(np.float64), rows[3].astype(np.float64)
    forward = np.cross(across, along)
    forward /= np.linalg.norm(forward)
    corner = rows[1].astype(np.float64)
    column, row = -(corner @ across) / (across @ across), -(corner @ along) / (along @ along)
    return np.stack([rows[0], forward, across, along, [column, row, 0.0]]).astype(np.float32)


@kernel
def _smooth(low: np.float32, high: np.float32, x: np.float32) -> np.float32:
    t = min(max((x - low) / (high - low), _ZERO), _ONE)
    return t * t * (f32(3.0) - f32(2.0) * t)


@kernel
def _blend(rgb: Bytes, i: int, j: int, red: np.float32, green: np.float32, blue: np.float32, share: np.float32) -> None:
    rgb[i, j, 0] = np.uint8(f32(rgb[i, j, 0]) + (red - f32(rgb[i, j, 0])) * share)
    rgb[i, j, 1] = np.uint8(f32(rgb[i, j, 1]) + (green - f32(rgb[i, j, 1])) * share)
    rgb[i, j, 2] = np.uint8(f32(rgb[i, j, 2]) + (blue - f32(rgb[i, j, 2])) * share)


@inlined
def _open_above(roofs: ShadowMap, x: np.float32, y: np.float32, z: np.float32) -> np.float32:
    """Share of the sky overhead that a point of the map sees, 0..1."""
    m = roofs.to_texel
    return sunlit(
        roofs,
        m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3],
        m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3],
        m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3],
    )


@kernel
def _cover(rgb: Bytes, depth: Floats, normals: Floats, rows: Floats, wet: np.float32, snow: np.float32,
           leaves: np.float32, mist: Floats, roofs: ShadowMap) -> None:  # fmt: skip
    lift = f32(0.15) + f32(1.5) * roofs.texel_m[0]
    height, width = depth.shape
    step = math.sqrt(rows[2, 0] ** 2 + rows[2, 1] ** 2 + rows[2, 2] ** 2)
    for i in range(height):
        for j in range(width):
            up, d = normals[i, j, 2], depth[i, j]
            if up < f32(0.15) or d >= _SKY_M:
                continue
            dx = rows[1, 0] + f32(j) * rows[2, 0] + f32(i) * rows[3, 0]
            dy = rows[1, 1] + f32(j) * rows[2, 1] + f32(i) * rows[3, 1]
            dz = rows[1, 2] + f32(j) * rows[2, 2] + f32(i) * rows[3, 2]
            x, y = rows[0, 0] + dx * d, rows[0, 1] + dy * d
            free = _open_above(roofs, x, y, rows[0, 2] + dz * d + lift)
            if free <= 0:
                continue
            if leaves > 0 and up > f32(0.6):
                _strew(rgb, i, j, x, y, leaves * free, step * d)
            if wet > 0:
                share = wet * free * _smooth(f32(0.2), f32(0.8), up)
                _blend(rgb, i, j, _ZERO, _ZERO, _ZERO, share * f32(0.34))
                puddle = _smooth(
                    f32(0.56) - f32(0.1) * wet, f32(0.66), layered_noise(x * f32(0.35), y * f32(0.35), 3, np.uint32(3))
                )
                flat = _smooth(f32(0.85), f32(0.97), up)
                cosine = abs(dx * normals[i, j, 0] + dy * normals[i, j, 1] + dz * up)
                graze = _ONE - min(cosine / math.sqrt(dx * dx + dy * dy + dz * dz), _ONE)
                mirror = graze * graze
                mirror = share * flat * (f32(0.06) + (f32(0.10) + f32(0.38) * puddle) * mirror * mirror)
                _blend(rgb, i, j, mist[0], mist[1], mist[2], min(mirror, _ONE))
            if snow > 0:
                drift = layered_noise(x * f32(0.8), y * f32(0.8), 3, np.uint32(11))
                share = min(max((snow * f32(1.35) - drift) * f32(4.0), _ZERO), _ONE)
                share *= free * _smooth(f32(0.2), f32(0.6), up)
                grey = f32(0.35) * f32(rgb[i, j, 0]) + f32(0.5) * f32(rgb[i, j, 1]) + f32(0.15) * f32(rgb[i, j, 2])
                light = min(f32(0.62) + f32(0.38) * grey / max(mist[1] * f32(0.6), _ONE), f32(1.12))
                _blend(rgb, i, j, min(mist[0] * light, f32(255)), min(mist[1] * light, f32(255)),
                       min(mist[2] * light * f32(1.02), f32(255)), share * f32(0.95))  # fmt: skip


@kernel
def _strew(rgb: Bytes, i: int, j: int, x: np.float32, y: np.float32, amount: np.float32, pixel_m: np.float32) -> None:
    """Fallen leaves: single ones near by, their mean colour where a pixel holds many."""
    near = min(max(_LEAF_M / max(pixel_m * f32(2.5), f32(1e-3)) - f32(0.4), _ZERO), _ONE)
    bend = value_noise(x * f32(2.3), y * f32(2.3), np.uint32(26))  # the cells lie along no line
    x, y = x * f32(0.8) - y * f32(0.6) + f32(0.3) * bend, x * f32(0.6) + y * f32(0.8) - f32(0.25) * bend
    u, v = int(math.floor(x / _LEAF_M)), int(math.floor(y / _LEAF_M))
    chance, kind = lattice(u, v, np.uint32(21)), lattice(u, v, np.uint32(22))
    heap = layered_noise(x * f32(0.5), y * f32(0.5), 2, np.uint32(23))
    dense = min(amount * f32(1.6) * heap, f32(0.9))
    # round, and anywhere in its cell: no grid shows
    du = x / _LEAF_M - f32(u) - f32(0.3) - f32(0.4) * lattice(u, v, np.uint32(24))
    dv = y / _LEAF_M - f32(v) - f32(0.3) - f32(0.4) * lattice(u, v, np.uint32(25))
    lies = _ONE if chance < dense * f32(1.5) and du * du + dv * dv < f32(0.16) + f32(0.1) * kind else _ZERO
    share = (lies * near + dense * (_ONE - near)) * f32(0.9)
    kind = kind * near + _HALF * (_ONE - near)
    light = f32(0.35) * f32(rgb[i, j, 0]) + f32(0.5) * f32(rgb[i, j, 1]) + f32(0.15) * f32(rgb[i, j, 2])
    light = min(light * (f32(0.85) + f32(0.4) * kind), f32(200))
    _blend(rgb, i, j, light, light * (f32(0.50) + f32(0.22) * kind), light * (f32(0.24) + f32(0.08) * kind), share)


@kernel
def _veil(rgb: Bytes, depth: Floats, rows: Floats, extinction: np.float32, haze: Floats) -> None:
    height, width = depth.shape
    for i in range(height):
        for j in range(width):
            dx = rows[1, 0] + f32(j) * rows[2, 0] + f32(i) * rows[3, 0]
            dy = rows[1, 1] + f32(j) * rows[2, 1] + f32(i) * rows[3, 1]
            dz = rows[1, 2] + f32(j) * rows[2, 2] + f32(i) * rows[3, 2]
            length = math.sqrt(dx * dx + dy * dy + dz * dz)
            way = depth[i, j] * length
            if depth[i, j] >= _SKY_M:
                way = f32(_LAYER_M) / max(dz / length, f32(0.004))
            _blend(rgb, i, j, haze[0], haze[1], haze[2], _ONE - math.exp(-extinction * way))


@kernel
def _fall(rgb: Bytes, depth: Floats, axes: Floats, moved: Floats, streak: Floats, shape: Floats, colour: Floats,
          time_s: np.float32, count: int, seed: np.uint32, roofs: ShadowMap) -> None:  # fmt: skip
    box, size, sway, opacity = shape[0], shape[1], shape[2], shape[3]
    focal = _ONE / math.sqrt(axes[2, 0] ** 2 + axes[2, 1] ** 2 + axes[2, 2] ** 2)
    place, head, tail = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    streaks = streak[0] != 0 or streak[1] != 0 or streak[2] != 0
    for n in range(count):
        phase = lattice(n, 3, seed) * f32(6.2832)
        for c in range(3):
            x = lattice(n, c, seed) * box + moved[c] - axes[0, c]
            if c < 2:
                x += sway * math.sin(time_s * f32(1.7) + phase + f32(1.6 * c))
            place[c] = x - box * math.floor(x / box + _HALF)  # the box goes with the camera, its contents do not
        if not _project(axes, place, focal, head):
            continue
        if _open_above(roofs, place[0] + axes[0, 0], place[1] + axes[0, 1], place[2] + axes[0, 2]) < _HALF:
            continue
        opaque = opacity * min(size * focal / head[2], _ONE) * _smooth(box * f32(0.5), box * f32(0.3), head[2])
        if streaks:
            for c in range(3):
                place[c] += streak[c]
            if _project(axes, place, focal, tail):
                _draw_streak(rgb, depth, head, tail, colour, opaque)
        else:
            shade = f32(0.75) + f32(0.5) * lattice(n, 4, seed)
            _draw_blob(rgb, depth, head, size * focal / head[2] * _HALF, colour, opaque, shade)


@kernel
def _project(axes: Floats, place: Floats, focal: np.float32, out: Floats) -> bool:
    """Column, row and depth of a place relative to the camera; False when it is not well in front."""
    z = axes[1, 0] * place[0] + axes[1, 1] * place[1] + axes[1, 2] * place[2]
    if z < f32(0.4):
        return False
    scale = focal * focal / z
    out[0] = axes[4, 0] + (axes[2, 0] * place[0] + axes[2, 1] * place[1] + axes[2, 2] * place[2]) * scale
    out[1] = axes[4, 1] + (axes[3, 0] * place[0] + axes[3, 1] * place[1] + axes[3, 2] * place[2]) * scale
    out[2] = z
    return True


@kernel
def _draw_streak(rgb: Bytes, depth: Floats, head: Floats, tail: Floats, colour: Floats, opaque: np.float32) -> None:
    height, width = depth.shape
    steps = int(max(abs(tail[0] - head[0]), abs(tail[1] - head[1]))) + 1
    if steps > 4 * height:
        return
    for n in range(steps):
        share = (f32(n) + _HALF) / f32(steps)
        x, y = head[0] + (tail[0] - head[0]) * share, head[1] + (tail[1] - head[1]) * share
        i, j = int(math.floor(y + _HALF)), int(math.floor(x))
        part = x - f32(j)
        if 0 <= i < height and 0 <= j < width - 1 and depth[i, j] > head[2]:
            _blend(rgb, i, j, colour[0], colour[1], colour[2], opaque * (_ONE - part))
            _blend(rgb, i, j + 1, colour[0], colour[1], colour[2], opaque * part)


@kernel
def _draw_blob(rgb: Bytes, depth: Floats, at: Floats, radius: np.float32, colour: Floats, opaque: np.float32,
               shade: np.float32) -> None:  # fmt: skip
    height, width = depth.shape
    reach = max(radius, _HALF) + _HALF
    top, bottom = max(int(at[1] - reach), 0), min(int(at[1] + reach) + 1, height - 1)
    left, right = max(int(at[0] - reach), 0), min(int(at[0] + reach) + 1, width - 1)
    red, green, blue = (
        min(colour[0] * shade, f32(255)),
        min(colour[1] * shade, f32(255)),
        min(colour[2] * shade, f32(255)),
    )
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            if depth[i, j] > at[2]:
                away = math.sqrt((f32(j) - at[0]) ** 2 + (f32(i) - at[1]) ** 2)
                share = min(max(reach - away, _ZERO), _ONE)
                if share > 0:
                    _blend(rgb, i, j, red, green, blue, opaque * share)
