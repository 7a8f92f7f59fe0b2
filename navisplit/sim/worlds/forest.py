"""Family ``forest``: hilly woodland of several species, with undergrowth, stones, fallen logs and clearings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.scene import Material, PlayerStart
from navisplit.sim.worlds import species
from navisplit.sim.worlds.description import Mesh, Visual, World
from navisplit.sim.worlds.materials import coloured, srgb, textured
from navisplit.sim.worlds.meshes import Rng, merge
from navisplit.sim.worlds.parts import HORIZON_M, WorldParts, add_far_trees, instance, rising_horizon, stand
from navisplit.sim.worlds.placement import Occupancy, scatter
from navisplit.sim.worlds.registry import family, random_light
from navisplit.sim.worlds.terrain import Terrain, grid_lines, hills, noise
from navisplit.sim.worlds.tints import tone

CLEARING_M = 4.0
"""Free radius around the player start."""

MIN_TRUNK_SPACING_M = 2.2
"""Between trunk axes: a drone of radius 0.3 m passes with 0.7 m to spare on each side of two thick trunks."""

TINTS = 5
"""Shades of bark and of leaves in one forest."""

_CROWNS_OF = {
    "broadleaf": ("leaves", "leaves_b"),
    "birch": ("birch_leaves", "leaves_b"),
    "conifer": ("needles", "needles_b"),
    "sapling": ("young_leaves", "leaves"),
}
_WOOD_OF = {
    "broadleaf": "bark",
    "birch": "birch_bark",
    "conifer": "conifer_bark",
    "dead": "dead_wood",
    "sapling": "bark",
}


@family("forest")
def forest(
    seed: int,
    *,
    density: float = 1.0,
    undergrowth: float = 1.0,
    conifers: float = 0.5,
    relief_m: float = 4.0,
    size_m: float = 160.0,
) -> World:
    """A wood of about 340 trees on 160 x 160 m; ``density`` and ``undergrowth`` multiply the numbers of plants.

    ``conifers``: 0 none .. 1 nothing else.
    """
    rng = np.random.default_rng([seed, 0xF0])
    half = size_m / 2
    area = (size_m / 160.0) ** 2
    parts = WorldParts(materials=_materials(rng, seed))
    terrain = _terrain(half, relief_m, seed)
    _add_ground(parts, terrain, half, rng, seed, undergrowth)
    taken = Occupancy()
    taken.add(0.0, 0.0, CLEARING_M)
    _add_trees(parts, terrain, taken, half, round(340 * density * area), conifers, rng, seed)
    _add_undergrowth(parts, terrain, taken, half, undergrowth * area, rng)
    add_far_trees(parts, terrain, half, 130, "conifer_bark", "needles", rng)
    return World(
        f"forest_{seed}",
        tuple(parts.models),
        parts.meshes,
        parts.materials,
        random_light(rng),
        PlayerStart((0.0, 0.0, float(terrain.height(0.0, 0.0))), 0.0),
    )


def _materials(rng: Rng, seed: int) -> dict[str, Material]:
    """All materials; tints make every forest a little greener, drier or darker."""
    season, bright = rng.uniform(0, 1), rng.uniform(0.85, 1.15)
    leaf = bright * np.array([0.85 + 0.45 * season, 1.05 - 0.1 * season, 0.75])
    ground = rng.uniform(0.85, 1.15) * np.array([1.0, rng.uniform(0.92, 1.05), rng.uniform(0.9, 1.0)])
    made = [
        textured("forest_floor", "forest_floor", seed, tint=ground, tile_m=3.6, size=512),
        textured("moss", "forest_floor", seed + 2, tint=ground * [0.7, 1.1, 0.55], tile_m=3.0),
        textured("litter", "forest_floor", seed + 1, tint=ground * rng.uniform(1.1, 1.6), tile_m=2.6),
        textured("canopy", "leaves", seed, tint=leaf * 0.7, tile_m=9.0),
        textured("bark", "bark", seed, tint=rng.uniform(0.8, 1.2), tile_m=1.3),
        textured(
            "conifer_bark", "bark", seed + 1, tint=np.array([1.15, 0.9, 0.8]) * rng.uniform(0.75, 1.05), tile_m=1.0
        ),
        textured("birch_bark", "birch_bark", seed, tile_m=1.2),
        textured("dead_wood", "bark", seed + 2, tint=np.array([1.35, 1.3, 1.25]), tile_m=1.5),
        textured("leaves", "leaves", seed, tint=leaf, tile_m=1.4, foliage=True),
        textured("leaves_b", "leaves", seed + 4, tint=leaf * [1.3, 1.08, 0.7], tile_m=1.4, foliage=True),
        textured("young_leaves", "leaves", seed + 1, tint=leaf * [1.15, 1.2, 0.9], tile_m=1.0, foliage=True),
        textured("birch_leaves", "leaves", seed + 2, tint=leaf * [1.25, 1.15, 0.8], tile_m=1.0, foliage=True),
        textured("needles", "needles", seed, tint=bright * np.array([0.9, 1.0, 0.95]), tile_m=1.2, foliage=True),
        textured("needles_b", "needles", seed + 1, tint=bright * np.array([1.25, 1.2, 0.8]), tile_m=1.2, foliage=True),
        textured("fern", "leaves", seed + 3, tint=leaf * [0.9, 1.15, 0.7], tile_m=0.8, foliage=True),
        textured("blades", "grass", seed + 1, tint=leaf * 1.1, tile_m=1.0, foliage=True),
        coloured("stone", "dirt", srgb(128, 126, 118), seed, tile_m=1.8),
    ]
    return {m.name: m for m in made}


def _terrain(half: float, relief_m: float, seed: int) -> Terrain:
    """Relief with its origin at height zero; far away the land rises into wooded hills that close the horizon."""
    lines = grid_lines(half, 3.5, outer=HORIZON_M)
    x, y = np.meshgrid(lines, lines, indexing="ij")
    z = hills(x, y, relief_m, seed) - hills(0.0, 0.0, relief_m, seed)
    z += rising_horizon(x, y, half, seed)
    return Terrain(lines, lines, z)


def _add_ground(parts: WorldParts, terrain: Terrain, half: float, rng: Rng, seed: int, undergrowth: float) -> None:
    """Forest floor with tufts of grass in the open, and the hills of the horizon."""
    x, y = terrain.centres()
    inside = (np.abs(x) < half + 8) & (np.abs(y) < half + 8)
    parts.meshes["ground_floor"] = terrain.mesh(inside)
    parts.meshes["ground_hills"] = terrain.mesh(~inside)
    tufts = rng.uniform(-half, half, (round(2600 * undergrowth * (half / 80) ** 2), 2))
    tufts = tufts[noise(tufts[:, 0] / 5, tufts[:, 1] / 5, seed + 11) > 0.58]
    parts.meshes["grass"] = species.grass(np.column_stack([tufts, terrain.height(*tufts.T) - 0.02]), rng)
    for name in ("moss", "litter"):
        parts.meshes[name] = _blots(terrain, half, rng)
    names = {"ground_floor": "forest_floor", "ground_hills": "canopy", "grass": "blades"}
    names.update(moss="moss", litter="litter")
    parts.add("ground", "ground", [Visual(n, instance(n), m) for n, m in names.items() if len(parts.meshes[n].faces)])


def _blots(terrain: Terrain, half: float, rng: Rng) -> Mesh:
    """Patches of other ground, 1 to 6 m in radius; none where the player starts."""
    places = rng.uniform(-half + 5, half - 5, (round(34 * (half / 80) ** 2) + 1, 2))
    sizes = np.exp(rng.uniform(np.log(1.2), np.log(6.0), len(places)))
    away = np.hypot(*places.T) > 1.6 * sizes + 1.0
    away[np.hypot(*places.T).argmax()] = True
    return merge(
        terrain.patch(x, y, size, rng, float(rng.uniform(0.03, 0.06)))
        for (x, y), size in zip(places[away].tolist(), sizes[away].tolist(), strict=True)
    )


def _add_trees(
    parts: WorldParts, terrain: Terrain, taken: Occupancy, half: float, count: int, conifers: float, rng: Rng, seed: int
) -> None:
    """Trees in thick and thin regions; which species prevails changes over tens of metres."""
    radii = _make_tree_meshes(parts, rng)
    tints = [tone(rng, (0.95, 0.95, 0.95), 0.16) for _ in range(TINTS)]

    def spacing(x: float, y: float) -> float:
        openness = float(noise(x / 26, y / 26, seed + 21))
        return MIN_TRUNK_SPACING_M / 2 + 2.0 * max(0.0, openness - 0.4)

    def wooded(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        return rng.uniform(size=x.shape) < np.clip(4.0 * (0.64 - noise(x / 26, y / 26, seed + 21)), 0.06, 1.0)

    points = scatter(rng, count, half - 1.0, spacing, taken, allowed=wooded)
    moisture = noise(points[:, 0] / 35, points[:, 1] / 35, seed + 31)
    for (x, y), wet in zip(points.tolist(), moisture.tolist(), strict=True):
        roll = rng.uniform()
        if roll < 0.05:
            kind = "dead"
        elif roll < 0.19:
            kind = "sapling"
        elif wet + rng.normal(0, 0.15) > 1.53 - 2.0 * conifers:
            kind = "conifer"
        else:
            kind = "birch" if rng.uniform() < 0.28 else "broadleaf"
        variant = f"{kind}_{rng.integers(3)}"
        scale = float(np.clip(rng.normal(1.0, 0.16), 0.72, 1.06 * 0.35 / radii[variant]))
        bark, leaf = (tints[int(rng.integers(TINTS))] for _ in range(2))
        visuals = [Visual("wood", instance(f"{variant}_wood", scale), _WOOD_OF[kind], tint=bark)]
        if f"{variant}_crown" in parts.meshes:
            crown = str(rng.choice(_CROWNS_OF[kind]))
            visuals.append(Visual("crown", instance(f"{variant}_crown", scale), crown, tint=leaf))
        tilt = 0.28 if kind == "dead" and rng.uniform() < 0.4 else 0.03  # some dead ones lean
        parts.add("tree", f"tree_{kind}", visuals, stand(terrain, x, y, rng, tilt=tilt))


def _make_tree_meshes(parts: WorldParts, rng: Rng) -> dict[str, float]:
    """Three individuals of each species; returns the trunk radius of each."""
    radii = {}
    for kind, grow in species.SPECIES.items():
        for k, size in enumerate((0.85, 1.0, 1.15)):
            tree = grow(rng, size)
            parts.meshes[f"{kind}_{k}_wood"] = tree.wood
            if tree.crown is not None:
                parts.meshes[f"{kind}_{k}_crown"] = tree.crown
            radii[f"{kind}_{k}"] = tree.trunk_radius
    return radii


def _add_undergrowth(
    parts: WorldParts, terrain: Terrain, taken: Occupancy, half: float, amount: float, rng: Rng
) -> None:
    """Bushes, ferns, boulders and fallen logs between the trunks."""
    makers = {
        "bush": species.bush,
        "fern": species.fern,
        "rock": species.rock,
        "log": species.fallen_log,
        "stump": species.stump,
    }
    plan = {
        "stump": (18, 0.5, "bark"),
        "log": (14, 1.6, "dead_wood"),
        "rock": (34, 0.6, "stone"),
        "bush": (110, 0.7, "leaves"),
        "fern": (90, 0.3, "fern"),
    }
    for kind, (count, radius, material) in plan.items():
        for k in range(3):
            parts.meshes[f"{kind}_{k}"] = makers[kind](rng)
        for x, y in scatter(rng, round(count * amount), half - 1.0, radius, taken).tolist():
            size = float(rng.uniform(0.6, 1.5) if kind == "rock" else rng.uniform(0.75, 1.3))
            visual = Visual(kind, instance(f"{kind}_{rng.integers(3)}", size), material)
            pose = stand(terrain, x, y, rng, tilt=0.08, sink=0.05)
            parts.add({"fern": "bush", "stump": "log"}.get(kind, kind), kind, [visual], pose)
