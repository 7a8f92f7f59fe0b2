"""Procedural albedo textures: tileable, seeded, linear colour.

Every seed shifts hue, brightness, contrast and pattern, so that no tile gives the scale away from one world to the
next. Albedos are near measured ones (grass 0.1, asphalt 0.08, concrete 0.4, plaster 0.6); patterns are our own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError, nearest_name
from navisplit.sim.render.patterns import Image, blades, blend, cells, courses, noise, ramp, scatter, step

Painter = Callable[[np.random.Generator, int], Image]

_PAINTERS: dict[str, tuple[Painter, float]] = {}


def painter(kind: str, tile_m: float) -> Callable[[Painter], Painter]:
    """Register a function that paints ``kind``; ``tile_m`` is the size at which it looks right."""

    def register(paint: Painter) -> Painter:
        _PAINTERS[kind] = (paint, tile_m)
        return paint

    return register


def kinds() -> tuple[str, ...]:
    """All kinds of texture."""
    return tuple(sorted(_PAINTERS))


def natural_tile_m(kind: str) -> float:
    """Size in metres at which a tile of ``kind`` looks right."""
    return _find(kind)[1]


def texture(kind: str, seed: int = 0, size: int = 512) -> NDArray[np.float32]:
    """Albedo (size, size, 3), linear RGB in 0..1, row 0 at the top. UsageError for an unknown kind or size."""
    paint, _ = _find(kind)
    if size not in {1 << n for n in range(5, 11)}:
        raise UsageError(f"texture: expected size 32, 64 .. 1024, found {size}.")
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    hue, brightness, contrast = rng.normal(0.0, 0.05, 3), rng.uniform(-0.18, 0.18), rng.uniform(0.85, 1.2)
    image = paint(rng, size)
    mean = image.mean((0, 1))
    image = mean * (np.maximum(image, 1e-4) / mean) ** contrast * np.exp(hue + brightness)
    return np.clip(image, 0.0, 1.0).astype(np.float32)


def _find(kind: str) -> tuple[Painter, float]:
    if kind not in _PAINTERS:
        raise UsageError(f"Unknown texture {kind!r}.{nearest_name(kind, _PAINTERS)}")
    return _PAINTERS[kind]


def _shades(rng: np.random.Generator, count: int, colours: list[list[float]], spread: float = 0.25) -> Image:
    """``count`` random colours between the given ones, each lighter or darker by ``spread``."""
    table = np.asarray(colours, np.float32)
    at = rng.random(count) * (len(table) - 1)
    low = at.astype(np.int64)
    t = (at - low)[:, None]
    mixed = table[low] * (1 - t) + table[np.minimum(low + 1, len(table) - 1)] * t
    return (mixed * np.exp(rng.normal(0.0, spread, (count, 1)))).astype(np.float32)


def _grain(rng: np.random.Generator, size: int, amount: float, cells_across: int = 128) -> Image:
    """Fine brightness noise around 1, (N, N, 1)."""
    return (1.0 + amount * 2.0 * (noise(rng, size, min(cells_across, size), 2) - 0.5))[..., None]


@painter("grass", 3.0)
def _grass(rng: np.random.Generator, size: int) -> Image:
    patches = noise(rng, size, 4, 5)
    image = ramp(patches, [[0.05, 0.055, 0.02], [0.09, 0.10, 0.035], [0.13, 0.115, 0.06]])
    count = size * size // 24
    colours = _shades(
        rng, count, [[0.05, 0.10, 0.02], [0.09, 0.16, 0.035], [0.15, 0.18, 0.06], [0.20, 0.18, 0.09]], 0.3
    )
    blades(image, rng, count, (0.012, 0.04), colours)
    return image * (0.72 + 0.56 * patches[..., None])


@painter("dirt", 4.0)
def _dirt(rng: np.random.Generator, size: int) -> Image:
    image = ramp(noise(rng, size, 4, 7), [[0.12, 0.08, 0.05], [0.23, 0.165, 0.11], [0.33, 0.26, 0.19]])
    _, centre, number = cells(rng, size, 48)
    pebbles = step(0.30, 0.18, centre) * (rng.random(48 * 48)[number] > 0.7)
    image = blend(image, _shades(rng, 48 * 48, [[0.3, 0.26, 0.21], [0.2, 0.17, 0.14]])[number], pebbles)
    return image * _grain(rng, size, 0.35)


@painter("forest_floor", 3.0)
def _forest_floor(rng: np.random.Generator, size: int) -> Image:
    image = ramp(noise(rng, size, 6, 6), [[0.035, 0.026, 0.016], [0.10, 0.07, 0.042]])
    litter = [[0.09, 0.055, 0.028], [0.18, 0.115, 0.06], [0.25, 0.18, 0.10], [0.14, 0.11, 0.06]]
    scatter(image, rng, size * 5, (0.008, 0.02), _shades(rng, size * 5, litter, 0.35))
    blades(image, rng, size * 2, (0.03, 0.09), _shades(rng, size * 2, [[0.12, 0.085, 0.05], [0.2, 0.16, 0.1]]))
    moss = step(0.56, 0.70, noise(rng, size, 12, 4))
    green = ramp(noise(rng, size, 64, 3), [[0.03, 0.05, 0.012], [0.10, 0.15, 0.04]])
    return blend(image, green, moss * 0.55)


@painter("gravel", 2.5)
def _gravel(rng: np.random.Generator, size: int) -> Image:
    border, _, number = cells(rng, size, 44)
    stones = _shades(rng, 44 * 44, [[0.22, 0.21, 0.2], [0.34, 0.32, 0.29], [0.27, 0.24, 0.21], [0.4, 0.39, 0.37]])
    image = stones[number] * (0.55 + 0.6 * step(0.0, 0.45, border))[..., None]
    return blend(np.full_like(image, 0.08), image, step(0.03, 0.14, border)) * _grain(rng, size, 0.25)


@painter("bark", 1.2)
def _bark(rng: np.random.Generator, size: int) -> Image:
    ridges = np.abs(2.0 * noise(rng, size, (16, 4), 5) - 1.0) * 2.2
    cracks = step(0.02, 0.4, ridges) * (0.6 + 0.4 * noise(rng, size, (48, 8), 3))
    image = ramp(cracks, [[0.03, 0.022, 0.016], [0.13, 0.10, 0.075], [0.24, 0.195, 0.155]])
    lichen = step(0.62, 0.75, noise(rng, size, 8, 5))
    return blend(image, [0.2, 0.21, 0.15], lichen * 0.35) * _grain(rng, size, 0.3)


@painter("birch_bark", 1.2)
def _birch_bark(rng: np.random.Generator, size: int) -> Image:
    image = ramp(noise(rng, size, (6, 3), 6), [[0.42, 0.38, 0.33], [0.62, 0.60, 0.55], [0.72, 0.70, 0.67]])
    marks = step(0.62, 0.70, noise(rng, size, (6, 48), 3)) * step(0.45, 0.6, noise(rng, size, (5, 4), 3))
    scars = step(0.70, 0.78, noise(rng, size, (5, 6), 5))
    return blend(image, [0.05, 0.042, 0.038], np.maximum(marks, scars)) * _grain(rng, size, 0.12)


@painter("leaves", 2.0)
def _leaves(rng: np.random.Generator, size: int) -> Image:
    image = ramp(noise(rng, size, 16, 4), [[0.008, 0.015, 0.004], [0.03, 0.055, 0.012]])
    tones = [[0.035, 0.075, 0.015], [0.065, 0.125, 0.025], [0.11, 0.17, 0.04]]
    for layer, light in enumerate((0.45, 0.75, 1.1)):
        count = size * (5 - layer)
        scatter(image, rng, count, (0.012, 0.026), _shades(rng, count, tones, 0.25) * np.float32(light))
    return image


@painter("needles", 1.6)
def _needles(rng: np.random.Generator, size: int) -> Image:
    image = ramp(noise(rng, size, 12, 4), [[0.006, 0.011, 0.006], [0.022, 0.04, 0.02]])
    tones = [[0.03, 0.062, 0.026], [0.055, 0.10, 0.037], [0.10, 0.14, 0.06]]
    for layer, light in enumerate((0.5, 0.8, 1.15)):
        count = size * (14 - 4 * layer)
        colours = _shades(rng, count, tones, 0.3) * np.float32(light)
        blades(image, rng, count, (0.015, 0.05), colours, spread=1.1, heading=np.pi / 2)
    return image


@painter("brick", 2.0)
def _brick(rng: np.random.Generator, size: int) -> Image:
    across, down = 8, 26
    x, y, number = courses(rng, size, across, down, 0.002)
    edge = np.minimum(np.minimum(x, 1 - x) * 3.2, np.minimum(y, 1 - y))
    warm = rng.random()
    tones = [[0.26 + 0.1 * warm, 0.10, 0.07], [0.36, 0.16, 0.10], [0.22, 0.11, 0.09], [0.42, 0.24, 0.15 + 0.08 * warm]]
    bricks = _shades(rng, across * down, tones, 0.14)[number] * _grain(rng, size, 0.2)
    mortar = ramp(noise(rng, size, 64, 2), [[0.30, 0.28, 0.25], [0.46, 0.44, 0.40]])
    stain = 0.75 + 0.5 * noise(rng, size, 3, 5)
    return blend(mortar, bricks, step(0.07, 0.13, edge)) * stain[..., None]


@painter("plaster", 4.0)
def _plaster(rng: np.random.Generator, size: int) -> Image:
    tone = np.array([[0.66, 0.62, 0.54], [0.60, 0.50, 0.36], [0.55, 0.60, 0.62], [0.64, 0.52, 0.45], [0.7, 0.69, 0.66]])
    image = tone[rng.integers(len(tone))] * (0.88 + 0.24 * noise(rng, size, 3, 6))[..., None]
    streaks = step(0.55, 0.85, noise(rng, size, (24, 2), 4))
    return blend(image.astype(np.float32), image * 0.6, streaks * 0.5) * _grain(rng, size, 0.10, 256)


@painter("roof_tiles", 3.0)
def _roof_tiles(rng: np.random.Generator, size: int) -> Image:
    across, down = 12, 10
    x, y, number = courses(rng, size, across, down, 0.002)
    base = [[0.30, 0.12, 0.08], [0.22, 0.10, 0.075], [0.36, 0.17, 0.11]] if rng.random() < 0.6 else [[0.10, 0.10, 0.11],
        [0.16, 0.155, 0.16], [0.13, 0.12, 0.12]]  # fmt: skip
    image = _shades(rng, across * down, base, 0.16)[number]
    light = (0.55 + 0.45 * step(0.0, 0.22, y)) * (0.75 + 0.35 * np.sin(np.pi * x)) * step(0.0, 0.06, 1 - y)
    moss = step(0.62, 0.8, noise(rng, size, 6, 5))
    return blend(image * (0.25 + 0.75 * light)[..., None], [0.07, 0.085, 0.04], moss * 0.5) * _grain(rng, size, 0.2)


@painter("asphalt", 4.0)
def _asphalt(rng: np.random.Generator, size: int) -> Image:
    image = ramp(noise(rng, size, 4, 5), [[0.055, 0.055, 0.058], [0.095, 0.094, 0.092]])
    image = image * _grain(rng, size, 0.6, 256)
    border, _, _ = cells(rng, size, 3, 1.0)
    bent = border + 0.12 * (noise(rng, size, 24, 4) - 0.5)
    cracks = step(0.018, 0.004, np.abs(bent - 0.03)) * step(0.45, 0.6, noise(rng, size, 3, 3))
    return blend(image, [0.02, 0.02, 0.02], cracks * 0.8)


@painter("concrete", 4.0)
def _concrete(rng: np.random.Generator, size: int) -> Image:
    image = ramp(noise(rng, size, 3, 7), [[0.26, 0.255, 0.24], [0.38, 0.37, 0.35], [0.46, 0.45, 0.43]])
    x, y, _ = courses(rng, size, 2, 2)
    joints = step(0.012, 0.004, np.minimum(np.minimum(y, 1 - y), 1.0 - 0.0 * x))
    pores = step(0.74, 0.82, noise(rng, size, 64, 2)) * 0.4
    return blend(image, [0.14, 0.135, 0.13], np.maximum(joints * 0.7, pores)) * _grain(rng, size, 0.12)


def _planks(rng: np.random.Generator, size: int, count: int, tones: list[list[float]], gap: float) -> Image:
    x = (np.arange(size) + 0.5) / size * count
    plank = np.broadcast_to(x.astype(np.int64)[None, :], (size, size))
    inside = np.broadcast_to((x % 1.0)[None, :], (size, size)).astype(np.float32)
    streaks = noise(rng, size, (64, 3), 4)
    grain = noise(rng, size, (128, 6), 2)
    image = _shades(rng, count, tones, 0.2)[plank] * (0.6 + 0.5 * streaks + 0.3 * grain)[..., None]
    knots = step(0.80, 0.88, noise(rng, size, (count * 2, 10), 2))
    image = blend(image, image * 0.35, knots)
    return blend(image, [0.015, 0.012, 0.01], step(gap, gap * 0.5, np.minimum(inside, 1 - inside)))


@painter("wood", 2.0)
def _wood(rng: np.random.Generator, size: int) -> Image:
    return _planks(rng, size, 10, [[0.20, 0.115, 0.06], [0.30, 0.19, 0.105], [0.38, 0.26, 0.16]], 0.035)


@painter("fence_wood", 1.6)
def _fence_wood(rng: np.random.Generator, size: int) -> Image:
    image = _planks(rng, size, 12, [[0.20, 0.18, 0.155], [0.28, 0.25, 0.215], [0.24, 0.19, 0.14]], 0.07)
    return blend(image, image * [0.55, 0.6, 0.5], step(0.55, 0.8, noise(rng, size, (12, 3), 5)))


@painter("stone", 2.5)
def _stone(rng: np.random.Generator, size: int) -> Image:
    border, _, number = cells(rng, size, 9, 0.75)
    border = border + 0.12 * (noise(rng, size, 32, 3) - 0.5)
    stones = _shades(rng, 81, [[0.20, 0.19, 0.175], [0.30, 0.28, 0.25], [0.26, 0.235, 0.20], [0.36, 0.34, 0.31]], 0.15)
    image = stones[number] * (0.6 + 0.5 * noise(rng, size, 16, 6) + 0.25 * step(0.05, 0.4, border))[..., None]
    return blend(np.full_like(image, 0.09), image, step(0.03, 0.12, border)) * _grain(rng, size, 0.18)


@painter("metal_painted", 3.0)
def _metal_painted(rng: np.random.Generator, size: int) -> Image:
    tone = np.array([[0.45, 0.06, 0.05], [0.06, 0.16, 0.36], [0.08, 0.25, 0.13], [0.5, 0.36, 0.05], [0.5, 0.5, 0.5]])
    image = tone[rng.integers(len(tone))] * (0.85 + 0.3 * noise(rng, size, (3, 3), 6))[..., None]
    wear = noise(rng, size, 8, 6) * (0.7 + 0.5 * noise(rng, size, (32, 4), 3))
    rust = ramp(noise(rng, size, 32, 3), [[0.10, 0.045, 0.02], [0.24, 0.11, 0.05]])
    ribs = 0.82 + 0.18 * np.cos(np.arange(size) / size * 2 * np.pi * 16)[None, :, None]
    return blend(image.astype(np.float32) * ribs, rust, step(0.60, 0.70, wear))
