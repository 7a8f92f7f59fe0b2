"""Family ``warehouse``: halls under one roof, joined by portals: racks, stacks, machines, in the light of a few lamps.

No sky is seen: the light is the day behind skylights (glowing panels that let the sun through), lamps that glow, and
a low ambient light.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from navisplit.sim.scene import Material, PlayerStart
from navisplit.sim.worlds.description import World, plain_material
from navisplit.sim.worlds.materials import coloured, textured
from navisplit.sim.worlds.meshes import Rng
from navisplit.sim.worlds.parts import WorldParts
from navisplit.sim.worlds.placement import Occupancy
from navisplit.sim.worlds.registry import family, indoor_light
from navisplit.sim.worlds.warehouse_halls import Hall, Warehouse, fill_hall, make_goods
from navisplit.sim.worlds.warehouse_shell import Wall, add_columns, add_inner_walls, add_roof, add_shell


@family("warehouse", indoors=True)
def warehouse(
    seed: int,
    *,
    density: float = 1.0,
    light: float = 1.0,
    size_m: float = 110.0,
) -> World:
    """Three halls on 110 x 80 m, 9-11 m high; ``density``: share of places in use; ``light`` brightens or dims."""
    rng = np.random.default_rng([seed, 0x3A])
    long, wide, tall = size_m, round(0.7 * size_m / 10) * 10.0, float(rng.uniform(9.0, 11.0))
    parts = WorldParts(materials=_materials(rng, seed))
    walls, halls = _plan(rng, long, wide)
    house = Warehouse(parts, Occupancy(), rng, tall, density)
    house.taken.add(0.0, 0.0, 3.5)
    for wall in walls:
        for middle, width, _ in wall.portals:
            for step in (-4.0, -1.5, 1.5, 4.0):
                x, y = (wall.at + step, middle) if wall.axis == 0 else (middle, wall.at + step)
                house.taken.add(x, y, width / 2 + 0.5)
    make_goods(house)
    add_shell(parts, long, wide, tall, rng)
    add_inner_walls(parts, walls, tall, rng)
    add_columns(house, walls, long, wide)
    for hall in halls:
        fill_hall(house, hall)
    add_roof(parts, halls, tall, rng)
    day = indoor_light(rng)
    day = replace(day, ambient=round(light * day.ambient, 4))
    return World(
        f"warehouse_{seed}",
        tuple(parts.models),
        parts.meshes,
        parts.materials,
        day,
        PlayerStart((0.0, 0.0, 0.0), 0.0),
    )


def _materials(rng: Rng, seed: int) -> dict[str, Material]:
    grey = float(rng.uniform(0.5, 0.9))
    blocks = str(rng.choice(["concrete", "brick", "plaster"]))
    pale = 1.6 if blocks == "plaster" else 1.0
    made = [
        textured("floor", "hall_floor", seed, tint=rng.uniform(0.7, 1.15), tile_m=7.0, size=512),
        textured(
            "cladding",
            "sheet_metal",
            seed,
            tint=grey * np.array([1.0, rng.uniform(0.95, 1.02), rng.uniform(0.9, 1.05)]),
            tile_m=2.8,
        ),
        textured("blocks", blocks, seed + 1, tint=rng.uniform(0.4, 0.75) / pale, tile_m=3.6),
        textured("ceiling", "sheet_metal", seed + 2, tint=rng.uniform(0.5, 0.9), tile_m=3.4),
        coloured("steel", "metal_painted", (0.45, 0.45, 0.46), seed + 1, tile_m=2.0),
        textured("timber", "fence_wood", seed + 2, tint=rng.uniform(0.9, 1.4), tile_m=1.3),
        *(textured(f"carton_{k}", "carton", seed + k, tile_m=None, size=128) for k in range(3)),
        *(textured(f"wrap_{k}", "shrink_wrap", seed + k, tile_m=None, size=128) for k in range(3)),
        textured("window", "window", seed, tile_m=None, size=64),
        plain_material("paint", (1.0, 1.0, 1.0)),
        plain_material("posts", rng.uniform(0.03, 0.2) * np.exp(rng.normal(0, 0.5, 3))),
        plain_material("lamp", (1.0, 0.96, 0.86), glow=2.5),
        replace(textured("skylight", "plaster", seed, tint=(1.1, 1.15, 1.2), tile_m=2.0), glow=1.0),
    ]
    return {m.name: m for m in made}


def _plan(rng: Rng, long: float, wide: float) -> tuple[list[Wall], list[Hall]]:
    """One wall across, one along one of the two halves, both with portals."""
    x, y = long / 2, wide / 2
    cut = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.06, 0.16) * long)
    side = float(rng.choice([-1.0, 1.0]))
    level = float(rng.choice([-1.0, 1.0]) * rng.uniform(min(6.0, 0.1 * wide), 0.16 * wide))
    low, high = (-x, cut) if side < 0 else (cut, x)
    across = Wall(0, cut, -y, y, _portals(rng, -y, y, 3, level))
    along = Wall(1, level, low, high, _portals(rng, low, high, 2, None))
    other = (cut, x) if side < 0 else (-x, cut)
    kinds = [str(k) for k in rng.permutation(["racks", "storage", "works"])]
    if "racks" not in kinds[:1]:
        kinds.remove("racks")
        kinds.insert(0, "racks")  # the largest hall always has racks
    halls = [
        Hall((other[0], -y), (other[1], y), kinds[0]),
        Hall((low, -y), (high, level), kinds[1]),
        Hall((low, level), (high, y), kinds[2]),
    ]
    return [across, along], halls


def _portals(
    rng: Rng, low: float, high: float, count: int, avoid: float | None
) -> tuple[tuple[float, float, float], ...]:
    """Openings spread over a wall, away from where another wall meets it."""
    found = []
    step = (high - low) / count
    for k in range(count):
        middle = low + (k + 0.5) * step + float(rng.uniform(-0.15, 0.15)) * step
        width = float(rng.uniform(3.6, 6.0))
        if avoid is not None and abs(middle - avoid) < width / 2 + 1.5:
            middle = avoid + (width / 2 + 2.0) * (1 if middle > avoid else -1)
        found.append((round(middle, 2), round(width, 2), round(float(rng.uniform(3.8, 5.6)), 2)))
    return tuple(found)
