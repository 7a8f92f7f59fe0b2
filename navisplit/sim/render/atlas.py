"""Materials packed for the kernels: all pictures, with their mip levels, in one array of bytes.

Texels hold the square root of linear colour ("gamma 2"): eight bits then resolve dark tones, and decoding is one
product. The fourth byte is relief, the brightness against its surroundings, which tilts the shading normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from navisplit.errors import WorldError
from navisplit.sim.kernel import Bytes, Floats, Ints, kernel
from navisplit.sim.render.baked import Arrays, fingerprint, recall, shaped, within
from navisplit.sim.scene import Material

f32 = np.float32

MAX_LEVELS = 11  # 1024 px .. 1 px
_RELIEF_BLUR_LEVELS = 4  # relief is measured against the mean over 16 texels
_DARK = f32(0.02)  # added to brightness before the logarithm: in the dark there is no relief (our choice)
_STEPS = 8191  # of the table of logarithms: less than one step of relief apart


class Atlas(NamedTuple):
    """Texels of all materials and where to find them."""

    texels: Bytes  # (total, 4) square root of linear red, green, blue x 255; relief, 128 = level
    starts: Ints  # (materials, 11) first texel of each mip level
    shape: Ints  # (materials, 3) log2 of the size; 1 for foliage; 1 where large-scale variation applies (tiled)
    means: Floats  # (materials, 3) mean linear colour, tinted
    glow: Floats  # (materials,) light sent out, times the colour
    tints: Floats  # (materials, 4) factors of linear red, green, blue, and of the relief


def pack_atlas(materials: Sequence[Material], cached: bool = False) -> Atlas:
    """Pack square power-of-two pictures of 1..1024 px; WorldError names the material that is not one.

    A picture that several materials share is there once: they differ in tint. ``cached``: kept on disk.
    """
    rows: dict[int, int] = {}
    pictures: list[Floats] = []
    for material in materials:
        _check_numbers(material)
        if id(material.picture) not in rows:
            rows[id(material.picture)] = len(pictures)
            pictures.append(_checked(material))

    def make() -> Arrays:
        return _pack(pictures)

    fits = _usable(len(pictures))
    packed = recall("atlas", fingerprint(*pictures), make, fits) if cached else make()
    which = np.array([rows[id(material.picture)] for material in materials])
    kinds = [(material.foliage, material.tile_m is not None) for material in materials]
    tints, plain = np.array([material.tint for material in materials], np.float32), packed["means"][which]
    means = np.minimum(plain * tints, f32(1.0))
    relief = _steepness(means) / _steepness(plain)
    return Atlas(
        packed["texels"],
        packed["starts"][which],
        np.column_stack([packed["last"][which], np.array(kinds, np.int32)]),
        means,
        np.array([material.glow for material in materials], np.float32),
        np.column_stack([tints, relief]),
    )


def _steepness(means: Floats) -> Floats:
    """How much the logarithm of brightness (``_encode``) follows that of colours around these means (N, 3)."""
    brightness = np.maximum(means.mean(1), f32(1e-6))
    return brightness / (brightness + _DARK)


def _usable(count: int) -> Callable[[Arrays], bool]:
    """A test of a kept atlas of ``count`` pictures: every level lies within the texels."""

    def fits(a: Arrays) -> bool:
        if not (
            shaped(a["texels"], np.uint8, None, 4)
            and shaped(a["starts"], np.int32, count, MAX_LEVELS)
            and shaped(a["last"], np.int32, count)
            and shaped(a["means"], np.float32, count, 3)
            and within(a["last"], 0, MAX_LEVELS)
        ):
            return False
        size = 4 ** np.clip(a["last"][:, None] - np.arange(MAX_LEVELS), 0, None)
        return within(a["starts"], 0, len(a["texels"])) and bool((a["starts"] + size <= len(a["texels"])).all())

    return fits


def _pack(pictures: list[Floats]) -> Arrays:
    """Texels of all pictures; of each picture (N, ...): where its levels start, the last level, the mean."""
    texels: list[Bytes] = []
    starts = np.zeros((len(pictures), MAX_LEVELS), np.int32)
    last = np.zeros(len(pictures), np.int32)
    means = np.zeros((len(pictures), 3), np.float32)
    stops = np.log2(np.arange(_STEPS + 2, dtype=np.float32) / _STEPS + _DARK)
    total = 0
    for m, picture in enumerate(pictures):
        levels = _mip_levels(picture)
        last[m] = len(levels) - 1
        means[m] = levels[-1].reshape(3)
        for n, level in enumerate(levels):
            starts[m, n] = total
            packed = np.empty((*level.shape[:2], 4), np.uint8)
            _encode(level, levels[min(n + _RELIEF_BLUR_LEVELS, len(levels) - 1)], stops, packed)
            texels.append(packed.reshape(-1, 4))
            total += len(texels[-1])
        starts[m, len(levels) :] = starts[m, len(levels) - 1]
    return {"texels": np.concatenate(texels), "starts": starts, "last": last, "means": means}


def joined(atlas: Atlas, more: Atlas) -> Atlas:
    """The materials of both, those of ``more`` numbered on."""
    moved = more._replace(starts=more.starts + np.int32(len(atlas.texels)))
    return Atlas(*(np.concatenate(pair) for pair in zip(atlas, moved, strict=True)))


def _checked(material: Material) -> Floats:
    picture = np.asarray(material.picture, np.float32)
    size = picture.shape[0] if picture.ndim == 3 else 0
    if picture.shape != (size, size, 3) or size not in {1 << n for n in range(MAX_LEVELS)}:
        raise WorldError(
            f"Material {material.name!r}: expected a square RGB albedo of 1, 2, 4 .. 1024 px, "
            f"found shape {picture.shape}. Resample the texture."
        )
    if not np.isfinite(picture).all():
        raise WorldError(
            f"Material {material.name!r}: expected finite albedo, found NaN or infinity. Check the texture."
        )
    return np.clip(picture, 0.0, 1.0)


def _check_numbers(material: Material) -> None:
    if material.tile_m is not None and not material.tile_m > 0:
        raise WorldError(f"Material {material.name!r}: expected tile_m > 0 or None, found {material.tile_m}.")
    if not (min(material.tint) >= 0 and math.isfinite(sum(material.tint))):
        raise WorldError(f"Material {material.name!r}: expected a tint of numbers >= 0, found {material.tint}.")


def _mip_levels(albedo: Floats) -> list[Floats]:
    levels = [np.ascontiguousarray(albedo)]
    while levels[-1].shape[0] > 1:
        levels.append(np.empty((levels[-1].shape[0] // 2, levels[-1].shape[0] // 2, 3), np.float32))
        _halve(levels[-2], levels[-1])
    return levels


@kernel
def _halve(fine: Floats, coarse: Floats) -> None:
    """Means of 2x2 texels of (2N, 2N, 3), into (N, N, 3)."""
    for i in range(coarse.shape[0]):
        for j in range(coarse.shape[0]):
            for c in range(3):
                near = fine[2 * i, 2 * j, c] + fine[2 * i, 2 * j + 1, c]
                coarse[i, j, c] = (near + fine[2 * i + 1, 2 * j, c] + fine[2 * i + 1, 2 * j + 1, c]) * f32(0.25)


@kernel
def _encode(level: Floats, coarse: Floats, stops: Floats, packed: Bytes) -> None:
    """Texels (N, N, 4) of a level (N, N, 3): roots of the colours, and brightness against ``coarse``, a blurred level.

    Relief is 128 where both are equal, +-64 for a factor of two. ``stops``: log2 of brightness, 0..1 in _STEPS steps.
    """
    size = level.shape[0]
    repeat, third = size // coarse.shape[0], f32(1.0 / 3.0)
    for i in range(size):
        for j in range(size):
            red, green, blue = level[i, j, 0], level[i, j, 1], level[i, j, 2]
            p, q = i // repeat, j // repeat
            mean = (coarse[p, q, 0] + coarse[p, q, 1] + coarse[p, q, 2]) * third
            here = stops[int((red + green + blue) * third * f32(_STEPS))]
            packed[i, j, 0] = np.uint8(math.sqrt(red) * f32(255.0) + f32(0.5))
            packed[i, j, 1] = np.uint8(math.sqrt(green) * f32(255.0) + f32(0.5))
            packed[i, j, 2] = np.uint8(math.sqrt(blue) * f32(255.0) + f32(0.5))
            relief = f32(128.0) + f32(64.0) * (here - stops[int(mean * f32(_STEPS))])
            packed[i, j, 3] = np.uint8(min(max(relief, f32(0.0)), f32(255.0)))
