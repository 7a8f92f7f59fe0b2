"""Materials packed for the kernels: all albedos, with their mip levels, in one array of bytes.

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
_STEPS = 8191  # of the table of logarithms: less than one step of relief apart


class Atlas(NamedTuple):
    """Texels of all materials and where to find them."""

    texels: Bytes  # (total, 4) square root of linear red, green, blue x 255; relief, 128 = level
    starts: Ints  # (materials, 11) first texel of each mip level
    shape: Ints  # (materials, 3) log2 of the size; 1 for foliage; 1 where large-scale variation applies (tiled)
    means: Floats  # (materials, 3) mean linear colour
    glow: Floats  # (materials,) light sent out, times the colour


def pack_atlas(materials: Sequence[Material], cached: bool = False) -> Atlas:
    """Pack square power-of-two albedos of 1..1024 px; WorldError names the material that is not one.

    ``cached``: kept on disk.
    """
    albedos = [np.asarray(material.albedo, np.float32) for material in materials]
    kinds = [(material.foliage, material.tile_m is not None) for material in materials]
    glow = np.array([material.glow for material in materials], np.float32)

    def make() -> Arrays:
        return _pack([_checked(material) for material in materials], kinds, glow)._asdict()

    if not cached:
        return Atlas(**make())
    return Atlas(**recall("atlas", fingerprint(*albedos, kinds, glow), make, _usable(len(albedos))))


def _usable(count: int) -> Callable[[Arrays], bool]:
    """A test of a kept atlas of ``count`` materials: every level lies within the texels."""

    def fits(a: Arrays) -> bool:
        if not (
            shaped(a["texels"], np.uint8, None, 4)
            and shaped(a["starts"], np.int32, count, MAX_LEVELS)
            and shaped(a["shape"], np.int32, count, 3)
            and shaped(a["means"], np.float32, count, 3)
            and shaped(a["glow"], np.float32, count)
            and within(a["shape"][:, 0], 0, MAX_LEVELS)
        ):
            return False
        last = a["shape"][:, :1]
        size = 4 ** np.clip(last - np.arange(MAX_LEVELS), 0, None)
        return within(a["starts"], 0, len(a["texels"])) and bool((a["starts"] + size <= len(a["texels"])).all())

    return fits


def _pack(albedos: list[Floats], kinds: list[tuple[bool, bool]], glow: Floats) -> Atlas:
    texels: list[Bytes] = []
    starts = np.zeros((len(albedos), MAX_LEVELS), np.int32)
    shape = np.zeros((len(albedos), 3), np.int32)
    means = np.zeros((len(albedos), 3), np.float32)
    stops = np.log2(np.arange(_STEPS + 2, dtype=np.float32) / _STEPS + f32(0.02))
    total = 0
    for m, (albedo, kind) in enumerate(zip(albedos, kinds, strict=True)):
        levels = _mip_levels(albedo)
        shape[m] = len(levels) - 1, *kind
        means[m] = levels[-1].reshape(3)
        for n, level in enumerate(levels):
            starts[m, n] = total
            packed = np.empty((*level.shape[:2], 4), np.uint8)
            _encode(level, levels[min(n + _RELIEF_BLUR_LEVELS, len(levels) - 1)], stops, packed)
            texels.append(packed.reshape(-1, 4))
            total += len(texels[-1])
        starts[m, len(levels) :] = starts[m, len(levels) - 1]
    return Atlas(np.concatenate(texels), starts, shape, means, glow)


def joined(atlas: Atlas, more: Atlas) -> Atlas:
    """The materials of both, those of ``more`` numbered on."""
    moved = more._replace(starts=more.starts + np.int32(len(atlas.texels)))
    return Atlas(*(np.concatenate(pair) for pair in zip(atlas, moved, strict=True)))


def _checked(material: Material) -> Floats:
    albedo = np.asarray(material.albedo, np.float32)
    size = albedo.shape[0] if albedo.ndim == 3 else 0
    if albedo.shape != (size, size, 3) or size not in {1 << n for n in range(MAX_LEVELS)}:
        raise WorldError(
            f"Material {material.name!r}: expected a square RGB albedo of 1, 2, 4 .. 1024 px, "
            f"found shape {albedo.shape}. Resample the texture."
        )
    if not np.isfinite(albedo).all():
        raise WorldError(
            f"Material {material.name!r}: expected finite albedo, found NaN or infinity. Check the texture."
        )
    if material.tile_m is not None and not material.tile_m > 0:
        raise WorldError(f"Material {material.name!r}: expected tile_m > 0 or None, found {material.tile_m}.")
    return np.clip(albedo, 0.0, 1.0)


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
