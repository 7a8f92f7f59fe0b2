"""Materials packed for the kernels: all albedos, with their mip levels, in one array of bytes.

Texels hold the square root of linear colour ("gamma 2"): eight bits then resolve dark tones, and decoding is one
product. The fourth byte is relief, the brightness against its surroundings, which tilts the shading normal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from navisplit.errors import WorldError
from navisplit.sim.kernel import Bytes, Floats, Ints
from navisplit.sim.render.baked import Arrays, fingerprint, recall, shaped, within
from navisplit.sim.scene import Material

MAX_LEVELS = 11  # 1024 px .. 1 px
_RELIEF_BLUR_LEVELS = 4  # relief is measured against the mean over 16 texels


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
    albedos = [_checked(material) for material in materials]
    kinds = [(material.foliage, material.tile_m is not None) for material in materials]
    glow = np.array([material.glow for material in materials], np.float32)

    def make() -> Arrays:
        return _pack(albedos, kinds, glow)._asdict()

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
    total = 0
    for m, (albedo, kind) in enumerate(zip(albedos, kinds, strict=True)):
        levels = _mip_levels(albedo)
        shape[m] = len(levels) - 1, *kind
        means[m] = levels[-1].reshape(3)
        for n, (level, relief) in enumerate(zip(levels, _relief(levels), strict=True)):
            starts[m, n] = total
            packed = np.empty((level.shape[0] * level.shape[1], 4), np.uint8)
            packed[:, :3] = np.sqrt(level).reshape(-1, 3) * 255.0 + 0.5
            packed[:, 3] = relief.reshape(-1)
            texels.append(packed)
            total += len(packed)
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
    levels = [albedo]
    while levels[-1].shape[0] > 1:
        a = levels[-1]
        levels.append((a[0::2, 0::2] + a[1::2, 0::2] + a[0::2, 1::2] + a[1::2, 1::2]) * np.float32(0.25))
    return levels


def _relief(levels: list[Floats]) -> list[Bytes]:
    """Brightness of each level relative to a blurred one, 128 where equal, +-64 for a factor of two."""
    out = []
    for n, level in enumerate(levels):
        coarse = levels[min(n + _RELIEF_BLUR_LEVELS, len(levels) - 1)]
        repeat = level.shape[0] // coarse.shape[0]
        mean = np.repeat(np.repeat(coarse.mean(2), repeat, 0), repeat, 1)
        stops = np.log2((level.mean(2) + 0.02) / (mean + 0.02))
        out.append(np.clip(128.0 + 64.0 * stops, 0, 255).astype(np.uint8))
    return out
