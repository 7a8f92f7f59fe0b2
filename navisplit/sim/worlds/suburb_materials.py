"""Materials of the neighbourhoods, and which of them walls, roofs and cars choose from."""

from __future__ import annotations

import numpy as np

from navisplit.sim.scene import Material
from navisplit.sim.worlds.description import plain_material
from navisplit.sim.worlds.materials import coloured, srgb, textured
from navisplit.sim.worlds.meshes import Rng

WALLS = ("brick", "brick_pale", "plaster_white", "plaster_cream", "plaster_colour", "siding")
ROOFS = ("tiles_red", "tiles_brown", "tiles_grey")
_PLASTER_COLOURS = ((205, 160, 110), (170, 185, 190), (190, 140, 120), (175, 185, 150), (215, 195, 130))


def suburb_materials(rng: Rng, seed: int) -> dict[str, Material]:
    """All materials of one neighbourhood; colours of plaster, lawn and leaves differ from seed to seed."""
    made = [*_paving(rng, seed), *_building(rng, seed), *_plants(rng, seed)]
    made += [textured(f"window_{k}", "window", seed + k, tile_m=None, size=64) for k in range(2)]
    made += [plain_material("paint", (1.0, 1.0, 1.0)), plain_material("rubber", srgb(34, 34, 36))]
    return {m.name: m for m in made}


def _paving(rng: Rng, seed: int) -> list[Material]:
    dry = rng.uniform(0.0, 1.0)
    lawn = rng.uniform(0.85, 1.15) * np.array([1.0 + 0.3 * dry, 1.0 + 0.05 * dry, 0.95])
    return [
        textured("asphalt", "asphalt", seed, tint=rng.uniform(0.8, 1.2), tile_m=5.0, size=512),
        textured("pavement", "concrete", seed, tint=rng.uniform(0.75, 1.0), tile_m=4.0),
        textured(
            "drive", str(rng.choice(["gravel", "concrete", "stone"])), seed + 1, tint=rng.uniform(0.7, 1.0), tile_m=3.0
        ),
        textured("lawn", "grass", seed, tint=lawn, tile_m=4.0, size=512),
        textured("blades", "grass", seed + 1, tint=lawn * 1.1, tile_m=1.0, foliage=True),
    ]


def _building(rng: Rng, seed: int) -> list[Material]:
    first, second = rng.choice(len(_PLASTER_COLOURS), 2, replace=False)
    return [
        textured("brick", "brick", seed, tile_m=2.0),
        textured("brick_pale", "brick", seed + 1, tint=(1.6, 1.9, 1.9), tile_m=2.0),
        textured("plaster_white", "plaster", seed, tint=rng.uniform(0.95, 1.2), tile_m=4.0),
        coloured("plaster_cream", "plaster", srgb(*_PLASTER_COLOURS[first]), seed + 1, tile_m=4.0),
        coloured("plaster_colour", "plaster", srgb(*_PLASTER_COLOURS[second]), seed + 2, tile_m=4.0),
        coloured("siding", "wood", srgb(*(rng.integers(150, 215) + rng.integers(-18, 19, 3))), seed, tile_m=2.0),
        textured("tiles_red", "roof_tiles", seed, tile_m=3.0),
        coloured("tiles_brown", "roof_tiles", srgb(96, 70, 54), seed + 1, tile_m=3.0),
        coloured("tiles_grey", "roof_tiles", srgb(92, 94, 98), seed + 2, tile_m=3.0),
        coloured("trim", "wood", srgb(226, 224, 216), seed + 1, tile_m=2.0),
        textured("fence_wood", "fence_wood", seed, tint=rng.uniform(0.75, 1.1), tile_m=1.6),
        coloured("fence_white", "fence_wood", srgb(220, 218, 210), seed + 1, tile_m=1.6),
        textured("timber", "wood", seed + 2, tint=rng.uniform(0.6, 0.9), tile_m=1.5),
        coloured("dark_metal", "metal_painted", srgb(62, 66, 68), seed + 1, tile_m=1.0),
    ]


def _plants(rng: Rng, seed: int) -> list[Material]:
    leaf = rng.uniform(0.85, 1.15) * np.array([rng.uniform(0.85, 1.2), 1.0, 0.75])
    return [
        textured("bark", "bark", seed, tile_m=1.3),
        textured("birch_bark", "birch_bark", seed, tile_m=1.2),
        textured("leaves", "leaves", seed, tint=leaf, tile_m=1.4, foliage=True),
        textured("birch_leaves", "leaves", seed + 1, tint=leaf * [1.25, 1.15, 0.8], tile_m=1.0, foliage=True),
        textured("needles", "needles", seed, tile_m=1.2, foliage=True),
        textured("hedge", "leaves", seed + 2, tint=leaf * [0.8, 0.95, 0.8], tile_m=0.9, foliage=True),
        textured("canopy", "leaves", seed + 3, tint=leaf * 0.7, tile_m=9.0),
    ]
