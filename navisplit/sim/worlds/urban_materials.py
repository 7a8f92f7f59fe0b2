"""Materials of the towns, and the looks that houses choose from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from navisplit.sim.scene import Material
from navisplit.sim.worlds.description import Triple, plain_material
from navisplit.sim.worlds.materials import coloured, srgb, textured
from navisplit.sim.worlds.meshes import Rng

HOUSE_LOOKS = 16


@dataclass(frozen=True)
class Look:
    """Material and tint."""

    material: str
    tint: Triple


def urban_materials(rng: Rng, seed: int) -> dict[str, Material]:
    """All materials of one town."""
    leaf = rng.uniform(0.85, 1.15) * np.array([rng.uniform(0.85, 1.2), 1.0, 0.75])
    made = [
        textured("asphalt", "asphalt", seed, tint=rng.uniform(0.75, 1.3), tile_m=5.0, size=512),
        textured(
            "sidewalk", str(rng.choice(["concrete", "ashlar"])), seed + 1, tint=rng.uniform(0.65, 0.9), tile_m=3.0
        ),
        textured("yard", str(rng.choice(["gravel", "concrete", "asphalt"])), seed + 2, tile_m=3.5),
        textured("lawn", "grass", seed, tint=rng.uniform(0.85, 1.2), tile_m=4.0),
        textured("canopy", "leaves", seed + 3, tint=leaf * 0.7, tile_m=9.0),
        coloured("plaster", "plaster", (0.8, 0.8, 0.8), seed, tile_m=5.0),
        coloured("plaster_old", "plaster", (0.8, 0.8, 0.8), seed + 3, tile_m=7.0),
        textured("brick", "brick", seed, tile_m=2.0),
        textured("brick_b", "brick", seed + 2, tile_m=2.2),
        coloured("stone", "ashlar", (0.5, 0.48, 0.45), seed, tile_m=2.6),
        coloured("concrete", "concrete", (0.6, 0.6, 0.6), seed, tile_m=4.5),
        textured("roof", "gravel", seed + 4, tint=rng.uniform(0.5, 0.9), tile_m=2.5),
        textured("far_facade", "facade", seed, tile_m=14.0),
        textured("bark", "bark", seed, tile_m=1.3),
        textured("leaves", "leaves", seed, tint=leaf, tile_m=1.4, foliage=True),
        textured("leaves_b", "leaves", seed + 2, tint=leaf * [1.25, 1.1, 0.75], tile_m=1.2, foliage=True),
        coloured("timber", "wood", (0.35, 0.26, 0.17), seed + 2, tile_m=1.5),
        coloured("metal", "metal_painted", (0.5, 0.5, 0.5), seed + 1, tile_m=2.0),
        coloured("markings", "asphalt", (0.45, 0.45, 0.42), seed + 3, tile_m=1.6),
        *(textured(f"window_{k}", "window", seed + k, tile_m=None, size=64) for k in range(2)),
        *(textured(f"shop_{k}", "shop", seed + k, tile_m=None, size=128) for k in range(2)),
        plain_material("paint", (1.0, 1.0, 1.0)),
        plain_material("lamp", (1.0, 0.95, 0.85), glow=0.35),
    ]
    return {m.name: m for m in made}


def house_looks(rng: Rng) -> list[Look]:
    """Walls of a town: plaster in faded colours, bricks, stone, concrete; each a little different."""
    found = []
    for _ in range(HOUSE_LOOKS):
        material = str(rng.choice(["plaster", "plaster_old", "brick", "brick_b", "stone", "concrete"],
                                  p=[0.3, 0.22, 0.16, 0.12, 0.1, 0.1]))  # fmt: skip
        level, spread = rng.uniform(0.55, 1.15), 0.05
        if material.startswith("plaster"):
            level, spread = rng.uniform(0.35, 1.0), float(rng.choice([0.06, 0.18]))
        warm = np.array([1.0 + spread, 1.0, 1.0 - spread]) if rng.uniform() < 0.75 else np.ones(3)
        tint = level * warm * np.exp(rng.normal(0, 0.6 * spread, 3))
        found.append(Look(material, tuple(round(float(v), 3) for v in np.clip(tint, 0.1, 1.25))))
    return found


GLASS, CURTAIN = srgb(40, 48, 56), srgb(196, 188, 174)
TRIMS = (srgb(215, 210, 198), srgb(160, 156, 148), srgb(84, 84, 86), srgb(120, 96, 76))
