"""Colours by chance: shades of one thing, and paint of anything (linear RGB)."""

from __future__ import annotations

import math

import numpy as np

from navisplit.sim.worlds.description import Triple
from navisplit.sim.worlds.meshes import Rng

WHITE: Triple = (0.95, 0.95, 0.95)
"""A tint that changes little; not 1, so that shades of it are tints too."""


def tone(rng: Rng, colour: Triple, spread: float = 0.15) -> Triple:
    """A colour, lighter or darker and of another hue by about ``spread``."""
    varied = np.asarray(colour) * np.exp(rng.normal(0, spread) + rng.normal(0, spread / 3, 3))
    return tuple(round(float(v), 3) for v in np.clip(varied, 0.005, 1.2))


def random_colour(rng: Rng, dark: float = 0.03, bright: float = 0.7) -> Triple:
    """Paint: mostly greyish, sometimes strong."""
    level = math.exp(rng.uniform(math.log(dark), math.log(bright)))
    hue = np.exp(rng.normal(0, 0.7 if rng.uniform() < 0.28 else 0.07, 3))
    return tuple(round(float(v), 4) for v in np.clip(level * hue / hue.mean(), 0.01, 0.85))


_CAR_PAINTS = ((0.75, 0.75, 0.73), (0.35, 0.36, 0.37), (0.12, 0.13, 0.14), (0.02, 0.02, 0.022), (0.3, 0.02, 0.02),
               (0.03, 0.07, 0.25), (0.04, 0.11, 0.07), (0.24, 0.2, 0.14), (0.45, 0.18, 0.03))  # fmt: skip


def car_paint(rng: Rng) -> Triple:
    """Mostly white, grey and black, as cars are."""
    return tone(rng, _CAR_PAINTS[int(rng.choice(9, p=[0.22, 0.2, 0.12, 0.16, 0.09, 0.1, 0.04, 0.04, 0.03]))], 0.2)
