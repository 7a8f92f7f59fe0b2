"""Materials of the generated worlds: a procedural texture, tinted and tiled."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.sim.render import textures_built as _built  # noqa: F401  (registers its kinds)
from navisplit.sim.render.textures import texture
from navisplit.sim.scene import Material

TEXTURE_SIZE = 256
"""Pixels of a side: at 2-4 m a tile this is finer than a 256x144 camera resolves beyond 1.5 m."""

TEXTURE_SEEDS = 6
"""Different textures of one kind: few, so that making dozens of worlds computes each only once."""


@lru_cache(maxsize=256)
def _texture(kind: str, seed: int, size: int) -> NDArray[np.float32]:
    return texture(kind, seed, size)


def textured(
    name: str,
    kind: str,
    seed: int,
    *,
    tint: ArrayLike = (1.0, 1.0, 1.0),
    tile_m: float | None = 2.0,
    foliage: bool = False,
    size: int = TEXTURE_SIZE,
) -> Material:
    """A material of a procedural texture: kind and seed choose the picture, ``tint`` multiplies it (linear RGB)."""
    albedo = _texture(kind, seed % TEXTURE_SEEDS, size) * np.asarray(tint, np.float32)
    return Material(name, np.clip(albedo, 0.0, 1.0).astype(np.float32), tile_m, foliage)


def coloured(name: str, kind: str, colour: ArrayLike, seed: int, *, tile_m: float = 2.0) -> Material:
    """A texture's pattern in a given mean colour (linear RGB): painted walls, cars, doors."""
    pattern = _texture(kind, seed % TEXTURE_SEEDS, TEXTURE_SIZE)
    grey = pattern.mean(axis=2, keepdims=True)
    albedo = grey / max(float(grey.mean()), 1e-3) * np.asarray(colour, np.float32)
    return Material(name, np.clip(albedo, 0.0, 1.0).astype(np.float32), tile_m)


def srgb(*rgb: float) -> tuple[float, float, float]:
    """A colour as a colour picker shows it (sRGB in 0..255) as linear RGB."""
    return tuple(float((v / 255.0) ** 2.2) for v in rgb)
