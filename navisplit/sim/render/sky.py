"""Sky, clouds and the colours of light, baked from a scene's light when it is set.

The upper hemisphere is stored as a paraboloid map: direction (x, y, z) lies at (x, y) / (1 + z), so the horizon is the
unit circle and there is no seam. Our own simple model: gradient, glow around the sun, two layers of noise as clouds.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.kernel import Floats, kernel
from navisplit.sim.scene import Light

f32 = np.float32
_U = np.uint64
_WORD = np.uint64(0xFFFFFFFF)

_DOME_SIZE, _HAZE_SIZE = 512, 64
_LIT_REFERENCE = 2.3  # irradiance on the ground that is shown unchanged; the camera adapts to the rest in part
_ADAPTATION = 0.65  # 0 fixed exposure .. 1 every light looks equally bright
_NIGHT_DIMMED = 0.72  # how much less than that the camera adapts to the night
_MOONRISE_DEG = -5.0  # height of the sun at which the moon takes over; neither casts a shadow then
_MOONLIGHT = np.array([0.020, 0.024, 0.034])
_NIGHT_SKY = np.array([0.006, 0.008, 0.014])


class Sky(NamedTuple):
    """What kernels need to know about light (linear colour)."""

    sun: Floats  # (3,) unit vector towards the sun
    sunlight: Floats  # (3,) colour of direct light
    above: Floats  # (3,) ambient light from the sky
    below: Floats  # (3,) ambient light from the ground
    dome: Floats  # (512, 512, 3) sky with clouds
    haze: Floats  # (64, 64, 3) sky without clouds near the horizon: the colour of distant air
    air: Floats  # (2,) fog density 1/m; strength of the sun's disc


def sun_vector(light: Light) -> NDArray[np.float64]:
    """Unit vector towards what casts shadows: the sun, kept 2 degrees above the horizon so that they stay finite.

    Once the sun's light is gone it is a moon opposite to it, 35 degrees high (our choice).
    """
    x, y, z = light.sun_direction
    flat = math.hypot(x, y)
    height = math.atan2(z, flat)
    heading = math.atan2(y, x) if flat > 0 else 0.0
    if math.degrees(height) < _MOONRISE_DEG:
        heading, height = heading + math.pi, math.radians(35.0)
    height = max(height, math.radians(2.0))
    return np.array([math.cos(heading) * math.cos(height), math.sin(heading) * math.cos(height), math.sin(height)])


def _height_deg(light: Light) -> float:
    x, y, z = light.sun_direction
    return math.degrees(math.atan2(z, math.hypot(x, y)))


class _Palette(NamedTuple):
    """Colours of light and air before exposure, linear (3,) each."""

    sunlight: NDArray[np.float64]
    above: NDArray[np.float64]
    below: NDArray[np.float64]
    zenith: NDArray[np.float64]
    horizon: NDArray[np.float64]
    glow: NDArray[np.float64]
    disc: float
    exposure: float


def _palette(light: Light, ground_colour: NDArray[np.floating]) -> _Palette:
    sun = sun_vector(light)
    z, height = light.sun_direction[2], _height_deg(light)
    direct = _step(-1.0, 14.0, height)  # reddened and dimmed by the long way through the air
    dusk = 1.0 - _step(-1.0, 12.0, height)
    skylight = math.exp(-0.013 * max(0.0, 12.0 - height) ** 2)
    night = 1.0 - _step(-12.0, -4.0, height)
    overcast = float(np.clip((light.cloud_cover - 0.55) / 0.4, 0.0, 1.0)) ** 1.5
    low_sun = float(np.clip(1.0 - z / 0.45, 0.0, 1.0))
    tint = _tint(float(np.clip(light.warmth + 0.5 * low_sun, -1.0, 1.0)))
    ember = 1.0 + (np.array([1.15, 0.62, 0.30]) - 1.0) * dusk * (1.0 - overcast)
    sunlight = np.array([2.15, 1.98, 1.74]) * tint * ember * light.sun_intensity * (1.0 - 0.93 * overcast) * direct
    sunlight = sunlight + _MOONLIGHT * (night * (1.0 - 0.9 * overcast))
    blue = np.array([0.40, 0.56, 0.88]) * (1.0 - 0.35 * low_sun)
    grey = np.array([0.72, 0.76, 0.80])
    above = (blue * (1.0 - overcast) * 0.8 + grey * (0.18 * light.cloud_cover + 0.75 * overcast)) * light.ambient
    above = above * skylight + _NIGHT_SKY * (1.0 - skylight)
    below = ground_colour * (sunlight * sun[2] * 0.45 + above * 0.6) + 0.02 * max(skylight, 0.01)
    irradiance = float((sunlight * sun[2] + above).mean())
    exposure = (_LIT_REFERENCE / max(irradiance, 1e-3)) ** _ADAPTATION * 0.98 * (1.0 - _NIGHT_DIMMED * (1.0 - skylight))
    zenith = (np.array([0.17, 0.33, 0.68]) * (1.0 - overcast) + grey * 0.62 * overcast) * (1.0 - 0.3 * low_sun)
    horizon = np.array([0.70, 0.78, 0.88]) * (1.0 - overcast) + grey * 0.85 * overcast
    horizon = horizon * (tint * 0.5 + 0.5) * (1.0 - 0.2 * low_sun) * (1.0 + (ember - 1.0) * 0.55)
    glow = np.array([1.0, 0.86, 0.62]) * tint * (0.55 + 0.5 * low_sun) * (1.0 - 0.85 * overcast) * light.sun_intensity
    evening = 1.0 - 0.45 * (1.0 - _step(1.0, 18.0, height)) * (1.0 - night)  # the sky fades before the ground does
    zenith, horizon = zenith * evening, horizon * evening
    glow = glow * ember**2 * max(skylight**0.5, 0.02) + 0.01 * night
    zenith, horizon = (c * skylight + 0.6 * _NIGHT_SKY * (1.0 - skylight) for c in (zenith, horizon))
    disc = 6.0 * (1.0 - overcast) * light.sun_intensity * (1.0 - 0.6 * light.cloud_cover)
    disc *= _step(-1.0, 1.0, height) + 0.02 * night
    return _Palette(sunlight, above, below, zenith, horizon, glow, disc, exposure)


def bake_sky(light: Light, ground_colour: Floats, seed: int) -> Sky:
    """Bake light and sky; ``ground_colour`` (3,) is the scene's mean albedo seen from above."""
    sun, p = sun_vector(light), _palette(light, ground_colour)
    dome, haze = np.empty((_DOME_SIZE, _DOME_SIZE, 3), np.float32), np.empty((_HAZE_SIZE, _HAZE_SIZE, 3), np.float32)
    colours = np.stack(
        [p.zenith, p.horizon, p.glow, p.sunlight * 0.42 + p.above * 0.55, p.above * 0.75 + p.sunlight * 0.06]
    )
    _paint(dome, colours.astype(np.float32), sun.astype(np.float32), f32(light.cloud_cover), np.uint32(seed))
    colours[2] *= _step(-2.0, 4.0, _height_deg(light))  # a sun that has set lights only the high air
    _paint(haze, colours.astype(np.float32), sun.astype(np.float32), f32(-1.0), np.uint32(seed))
    lit = [(c * p.exposure).astype(np.float32) for c in (p.sunlight, p.above, p.below, dome, haze)]
    return Sky(sun.astype(np.float32), *lit, np.array([max(light.fog_density, 0.0), p.disc], np.float32))


@lru_cache(maxsize=64)
def mist_colour(light: Light) -> tuple[float, float, float]:
    """Colour of thick fog in this light, sRGB 0..1: the horizon's, as a picture shows it.

    It is no brighter than the horizon, and after sunset than that of a clear sky: fog has no light of its own.
    """
    ground = np.full(3, 0.15)
    palette = _palette(light, ground)
    lit = (palette.horizon * 0.55 + palette.above * 0.35 + palette.sunlight * 0.06) * palette.exposure
    clear = _palette(replace(light, cloud_cover=0.0), ground)
    limit = max(palette.horizon.mean() * palette.exposure, clear.horizon.mean() * clear.exposure)
    dark = 1.0 - _step(-4.0, 2.0, _height_deg(light))
    limit += dark * (clear.horizon.mean() * clear.exposure - limit)
    lit *= min(1.0, limit / max(lit.mean(), 1e-6))
    toned = np.clip(lit * (2.51 * lit + 0.03) / (lit * (2.43 * lit + 0.59) + 0.14), 0.0, 1.0)
    red, green, blue = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055).tolist()
    return red, green, blue


def _step(low: float, high: float, x: float) -> float:
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def _tint(warmth: float) -> NDArray[np.float64]:
    golden, cold = np.array([1.12, 0.90, 0.62]), np.array([0.90, 0.98, 1.14])
    return 1.0 + (golden - 1.0) * max(warmth, 0.0) + (cold - 1.0) * max(-warmth, 0.0)


@kernel
def lattice(x: int, y: int, seed: np.uint32) -> np.float32:
    """Hash of a lattice point to [0, 1)."""
    n = (_U(np.uint32(x)) * _U(374761393) + _U(np.uint32(y)) * _U(668265263) + _U(seed) * _U(2246822519)) & _WORD
    n = ((n ^ (n >> _U(13))) * _U(1274126177)) & _WORD
    n = n ^ (n >> _U(16))
    return f32(n & _U(0xFFFF)) / f32(65536.0)


@kernel
def value_noise(x: np.float32, y: np.float32, seed: np.uint32) -> np.float32:
    """Smooth noise in [0, 1) with features of size 1."""
    i, j = int(math.floor(x)), int(math.floor(y))
    u, v = f32(x - i), f32(y - j)
    u, v = u * u * (f32(3.0) - f32(2.0) * u), v * v * (f32(3.0) - f32(2.0) * v)
    near = lattice(i, j, seed) * (f32(1.0) - u) + lattice(i + 1, j, seed) * u
    far = lattice(i, j + 1, seed) * (f32(1.0) - u) + lattice(i + 1, j + 1, seed) * u
    return near * (f32(1.0) - v) + far * v


@kernel
def layered_noise(x: np.float32, y: np.float32, octaves: int, seed: np.uint32) -> np.float32:
    """Sum of octaves, in [0, 1)."""
    total, weight, amplitude = f32(0.0), f32(0.0), f32(1.0)
    for n in range(octaves):
        total += amplitude * value_noise(x, y, seed + np.uint32(n))
        weight += amplitude
        amplitude *= f32(0.52)
        x, y = x * f32(1.6) - y * f32(1.2), x * f32(1.2) + y * f32(1.6)  # turned and doubled: no axis shows
    return total / weight


@kernel
def _smooth(low: np.float32, high: np.float32, x: np.float32) -> np.float32:
    t = min(max((x - low) / (high - low), f32(0.0)), f32(1.0))
    return t * t * (f32(3.0) - f32(2.0) * t)


@kernel
def _cloud(x: np.float32, y: np.float32, z: np.float32, cover: np.float32, seed: np.uint32) -> tuple:
    """Opacity of the clouds in a direction, and how dark their undersides are (0..1)."""
    reach = f32(1.0) / (z + f32(0.12))
    px, py = x * reach * f32(1.7), y * reach * f32(1.7)
    warp = layered_noise(px + f32(31.0), py + f32(17.0), 3, seed + np.uint32(77)) - f32(0.5)
    body = layered_noise(px + warp, py - warp, 6, seed)
    edge = f32(0.80) - f32(0.62) * cover
    opacity = _smooth(edge, edge + f32(0.22), body) * _smooth(f32(0.01), f32(0.16), z)
    return opacity * min(cover * f32(3.0), f32(1.0)), _smooth(edge + f32(0.10), edge + f32(0.42), body)


@kernel
def _paint(image: Floats, colours: Floats, sun: Floats, cover: np.float32, seed: np.uint32) -> None:
    """Fill a paraboloid map; colours (5, 3): zenith, horizon, glow, lit cloud, cloud shade; cover < 0: air only."""
    size = image.shape[0]
    for row in range(size):
        for column in range(size):
            p = (f32(column) + f32(0.5)) * (f32(2.0) / f32(size)) - f32(1.0)
            q = (f32(row) + f32(0.5)) * (f32(2.0) / f32(size)) - f32(1.0)
            squared = min(p * p + q * q, f32(1.0))
            z = (f32(1.0) - squared) / (f32(1.0) + squared)
            flat = math.sqrt(max(f32(1.0) - z * z, f32(0.0)))
            radius = math.sqrt(max(p * p + q * q, f32(1e-12)))
            x, y = p / radius * flat, q / radius * flat
            towards = max(x * sun[0] + y * sun[1] + z * sun[2], f32(0.0))
            glow = towards**8 * f32(0.16) + towards**64 * f32(0.30) + towards**512 * f32(0.5)
            fade = math.exp(-z * f32(4.2))
            opacity, shade = f32(0.0), f32(0.0)
            if cover > 0:
                opacity, shade = _cloud(x, y, z, cover, seed)
            for c in range(3):
                air = colours[0, c] * (f32(1.0) - fade) + colours[1, c] * fade + colours[2, c] * glow
                cloud = colours[3, c] * (f32(1.0) - shade) + colours[4, c] * shade + colours[2, c] * glow * f32(0.7)
                image[row, column, c] = air + (cloud - air) * opacity


@kernel
def _vary(table: Floats, seed: np.uint32) -> None:
    size = table.shape[0]
    for j in range(size):
        for i in range(size):
            total = f32(0.0)
            for n in range(4):  # features of 24, 12, 6 and 3 m; lattices that divide the table make it repeat
                cells = 16 << n
                x, y = f32(i * cells) / f32(size), f32(j * cells) / f32(size)
                p, q = int(x), int(y)
                u, v = x - f32(p), y - f32(q)
                u, v = u * u * (f32(3.0) - f32(2.0) * u), v * v * (f32(3.0) - f32(2.0) * v)
                r, s, key = (p + 1) % cells, (q + 1) % cells, seed + np.uint32(900 + n)
                near = lattice(p, q, key) * (f32(1.0) - u) + lattice(r, q, key) * u
                far = lattice(p, s, key) * (f32(1.0) - u) + lattice(r, s, key) * u
                total += (near * (f32(1.0) - v) + far * v - f32(0.5)) * f32(0.25)
            table[j, i] = f32(1.0) + total


def bake_variation(seed: int) -> Floats:
    """Large-scale brightness of surfaces (512, 512) around 1, so that a repeated tile shows no pattern."""
    table = np.empty((512, 512), np.float32)
    _vary(table, np.uint32(seed))
    return table
