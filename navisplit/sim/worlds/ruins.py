"""Family ``ruins``: broken walls, arches, vaults and columns on rough ground, overgrown. Kept for testing only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from navisplit.sim.scene import Material, PlayerStart
from navisplit.sim.worlds import ruin_parts as stones
from navisplit.sim.worlds import species
from navisplit.sim.worlds.description import Pose, Triple, Visual, World
from navisplit.sim.worlds.materials import coloured, textured
from navisplit.sim.worlds.meshes import Rng
from navisplit.sim.worlds.parts import HORIZON_M, WorldParts, add_far_trees, instance, rising_horizon, stand
from navisplit.sim.worlds.placement import Occupancy, scatter
from navisplit.sim.worlds.registry import family, random_light
from navisplit.sim.worlds.terrain import Terrain, grid_lines, hills, noise

_WALLS = 8
_CLEARING_M = 4.0


@dataclass
class Site:
    """Ruins while they are being built."""

    parts: WorldParts
    terrain: Terrain
    taken: Occupancy
    rng: Rng
    tints: list[Triple]

    def pose(self, x: float, y: float, yaw: float, sink: float = 0.0) -> Pose:
        """Upright on the ground."""
        z = float(self.terrain.height(x, y)) - sink
        return Pose.from_euler((round(x, 3), round(y, 3), round(z, 3)), yaw=yaw)

    def stone(self, name: str, mesh: str, scale: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Visual:
        """A mesh in one of the site's stones."""
        look = str(self.rng.choice(["ashlar", "ashlar", "ashlar_b", "brick"]))
        return Visual(name, instance(mesh, scale), look, tint=self.tints[int(self.rng.integers(len(self.tints)))])


@family("ruins", for_testing=True)
def ruins(
    seed: int,
    *,
    density: float = 1.0,
    vegetation: float = 1.0,
    relief_m: float = 3.0,
    size_m: float = 150.0,
) -> World:
    """About 20 broken houses, colonnades and vaults on 150 x 150 m; ``vegetation`` multiplies what grows on them."""
    rng = np.random.default_rng([seed, 0x21])
    half = size_m / 2
    area = (size_m / 150.0) ** 2
    parts = WorldParts(materials=_materials(rng, seed))
    lines = grid_lines(half, 3.0, outer=HORIZON_M)
    x, y = np.meshgrid(lines, lines, indexing="ij")
    rough = hills(x, y, relief_m, seed) + 0.5 * (noise(x / 7, y / 7, seed + 3) - 0.5)
    rough -= hills(0.0, 0.0, relief_m, seed) + 0.5 * (noise(0.0, 0.0, seed + 3) - 0.5)
    terrain = Terrain(lines, lines, rough + rising_horizon(x, y, half, seed))
    tints = [
        tuple(round(float(v), 2) for v in rng.uniform(0.6, 1.05) * np.exp(rng.normal(0, 0.07, 3))) for _ in range(5)
    ]
    site = Site(parts, terrain, Occupancy(), rng, tints)
    site.taken.add(0.0, 0.0, _CLEARING_M)
    _make_meshes(parts, rng)
    _add_ground(parts, terrain, half, rng, seed, vegetation)
    for px, py in scatter(rng, round(30 * density * area), half - 9.0, 7.8, site.taken).tolist():
        kind = rng.choice(["house", "house", "colonnade", "vault", "tower"])
        {"house": _house, "colonnade": _colonnade, "vault": _vault, "tower": _tower}[str(kind)](site, px, py)
    _scatter_stones(site, half, density * area)
    _overgrow(site, half, vegetation * area)
    add_far_trees(parts, terrain, half, 90, "bark", "leaves", rng)
    start = PlayerStart((0.0, 0.0, float(terrain.height(0.0, 0.0))), 0.0)
    return World(f"ruins_{seed}", tuple(parts.models), parts.meshes, parts.materials, random_light(rng), start)


def _materials(rng: Rng, seed: int) -> dict[str, Material]:
    leaf = rng.uniform(0.8, 1.1) * np.array([rng.uniform(0.9, 1.3), 1.0, 0.7])
    warm = np.array([1.0, rng.uniform(0.88, 0.98), rng.uniform(0.7, 0.92)])
    made = [
        textured("ground", "rubble", seed, tint=warm * rng.uniform(0.8, 1.1), tile_m=5.0, size=512),
        textured("meadow", "grass", seed, tint=rng.uniform(0.85, 1.2), tile_m=4.0),
        textured("canopy", "leaves", seed, tint=leaf * 0.7, tile_m=9.0),
        textured("ashlar", "ashlar", seed, tint=warm, tile_m=3.0),
        textured("ashlar_b", "stone", seed + 1, tint=warm * 0.8, tile_m=2.4),
        textured("brick", "brick", seed + 2, tint=warm * 0.9, tile_m=2.2),
        coloured("stone", "dirt", tuple(0.27 * warm), seed, tile_m=1.8),
        textured("bark", "bark", seed, tile_m=1.3),
        textured("leaves", "leaves", seed, tint=leaf, tile_m=1.4, foliage=True),
        textured("ivy", "leaves", seed + 1, tint=leaf * [0.7, 0.85, 0.7], tile_m=0.9, foliage=True),
        textured("blades", "grass", seed + 1, tint=leaf * 1.2, tile_m=1.0, foliage=True),
    ]
    return {m.name: m for m in made}


def _make_meshes(parts: WorldParts, rng: Rng) -> None:
    for k in range(_WALLS):
        tall = float(rng.uniform(3.2, 7.5))
        parts.meshes[f"wall_{k}"] = stones.broken_wall(rng, tall, float(rng.uniform(0.25, 0.95)))
        parts.meshes[f"ivy_{k}"] = stones.ivy(rng, 0.7 * tall)
    for k in range(3):
        span = float(rng.uniform(2.6, 4.2))
        parts.meshes[f"arch_{k}"] = stones.arch(rng, span, span / 2 + float(rng.uniform(2.4, 3.6)), whole=k < 2)
        parts.meshes[f"heap_{k}"] = stones.heap(rng, float(rng.uniform(1.2, 2.6)))
        parts.meshes[f"fallen_{k}"] = stones.fallen_column(rng)
        parts.meshes[f"bush_{k}"] = species.bush(rng, 0.8)
        tree = (species.broadleaf, species.broadleaf, species.dead_tree)[k](rng, 0.8)
        parts.meshes[f"tree_{k}_wood"] = tree.wood
        if tree.crown is not None:
            parts.meshes[f"tree_{k}_crown"] = tree.crown
        parts.meshes[f"rock_{k}"] = species.rock(rng)
    for k, (tall, broken) in enumerate(((5.5, False), (6.2, False), (3.4, True), (1.8, True))):
        parts.meshes[f"column_{k}"] = stones.column(rng, tall, broken)
    for k in range(2):
        parts.meshes[f"vault_{k}"] = stones.vault(rng, 4.6, 5.0, 8.0)


def _add_ground(parts: WorldParts, terrain: Terrain, half: float, rng: Rng, seed: int, vegetation: float) -> None:
    """Rubble where people lived, grass around it, wooded hills far away."""
    x, y = terrain.centres()
    inside = (np.abs(x) < half + 8) & (np.abs(y) < half + 8)
    green = inside & (noise(x / 14, y / 14, seed + 5) > 0.62 - 0.08 * min(vegetation, 2.0))
    parts.meshes["ground_stony"], parts.meshes["ground_green"] = terrain.mesh(inside & ~green), terrain.mesh(green)
    parts.meshes["ground_hills"] = terrain.mesh(~inside)
    tufts = rng.uniform(-half, half, (round(2200 * vegetation), 2))
    tufts = tufts[noise(tufts[:, 0] / 14, tufts[:, 1] / 14, seed + 5) > 0.5]
    parts.meshes["grass"] = species.grass(np.column_stack([tufts, terrain.height(*tufts.T) - 0.02]), rng)
    looks = {"ground_stony": "ground", "ground_green": "meadow", "ground_hills": "canopy", "grass": "blades"}
    parts.add("ground", "ground", [Visual(n, instance(n), m) for n, m in looks.items() if len(parts.meshes[n].faces)])


def _wall(site: Site, x: float, y: float, yaw: float) -> None:
    """A piece of wall, half of them with ivy."""
    k = int(site.rng.integers(_WALLS))
    flip = float(site.rng.choice([0.0, np.pi]))
    visuals = [site.stone("wall", f"wall_{k}", (1.0, 1.0, round(float(site.rng.uniform(0.8, 1.15)), 2)))]
    if site.rng.uniform() < 0.45:
        visuals.append(Visual("ivy", instance(f"ivy_{k}"), "ivy"))
    site.parts.add("house", "wall", visuals, site.pose(x, y, yaw + flip))
    c, s = np.cos(yaw), np.sin(yaw)
    for d in (-3.0, -1.0, 1.0, 3.0):
        site.taken.add(float(x + c * d), float(y + s * d), 0.8)


def _house(site: Site, x: float, y: float) -> None:
    """Four walls, of which some pieces are gone."""
    rng, yaw = site.rng, float(site.rng.uniform(0, np.pi))
    wide, deep = stones.WALL_M * int(rng.integers(1, 3)), stones.WALL_M
    for u, v, turn in ((0, -deep / 2, 0.0), (wide / 2, 0, np.pi / 2), (0, deep / 2, 0.0), (-wide / 2, 0, np.pi / 2)):
        count = max(1, round((wide if turn == 0.0 else deep) / stones.WALL_M))
        for k in range(count):
            if rng.uniform() < 0.2:
                continue
            shift = (k - (count - 1) / 2) * stones.WALL_M
            du, dv = (u + shift, v) if turn == 0.0 else (u, v + shift)
            c, s = np.cos(yaw), np.sin(yaw)
            _wall(site, float(x + c * du - s * dv), float(y + s * du + c * dv), yaw + turn)


def _colonnade(site: Site, x: float, y: float) -> None:
    """Two rows of columns, standing, broken and fallen, with arches at their ends."""
    rng, yaw = site.rng, float(site.rng.uniform(0, np.pi))
    c, s = np.cos(yaw), np.sin(yaw)
    for v in (-2.6, 2.6):
        for u in np.arange(-7.0, 7.1, 3.5):
            px, py = float(x + c * u - s * v), float(y + s * u + c * v)
            k = int(rng.choice(5, p=[0.3, 0.2, 0.2, 0.15, 0.15]))
            if k == 4:
                visual = site.stone("fallen", f"fallen_{rng.integers(3)}")
                site.parts.add("log", "fallen", [visual], site.pose(px, py, float(rng.uniform(0, 6)), 0.1))
            else:
                site.parts.add("pole", "column", [site.stone("column", f"column_{k}")], site.pose(px, py, yaw, 0.15))
            site.taken.add(px, py, 1.2)
    for u in (-9.5, 9.5):
        if rng.uniform() < 0.7:
            px, py = float(x + c * u), float(y + s * u)
            visual = site.stone("arch", f"arch_{rng.integers(3)}")
            site.parts.add("house", "arch", [visual], site.pose(px, py, yaw + np.pi / 2, 0.2))


def _vault(site: Site, x: float, y: float) -> None:
    """A passage under a vault with holes, one or two pieces long."""
    rng, yaw = site.rng, float(site.rng.uniform(0, np.pi))
    for k in range(int(rng.integers(1, 3))):
        px, py = float(x - np.sin(yaw) * 8.0 * k), float(y + np.cos(yaw) * 8.0 * k)
        site.parts.add("house", "vault", [site.stone("vault", f"vault_{rng.integers(2)}")], site.pose(px, py, yaw, 0.3))


def _tower(site: Site, x: float, y: float) -> None:
    """Pieces of wall around a ring."""
    count = 6
    radius = stones.WALL_M / 2 / np.tan(np.pi / count)
    turn = float(site.rng.uniform(0, np.pi))
    for k in range(count):
        angle = turn + k * 2 * np.pi / count
        if site.rng.uniform() < 0.75:
            _wall(site, float(x + radius * np.cos(angle)), float(y + radius * np.sin(angle)), angle + np.pi / 2)


def _scatter_stones(site: Site, half: float, amount: float) -> None:
    """Heaps, fallen drums, lone arches and columns, boulders."""
    rng = site.rng
    plan = {"heap": (60, 1.6), "fallen": (14, 2.2), "arch": (14, 2.6), "column": (26, 0.8), "rock": (50, 0.5)}
    kinds = {
        "heap": ("rock", 3),
        "fallen": ("log", 3),
        "arch": ("house", 3),
        "column": ("pole", 4),
        "rock": ("rock", 3),
    }
    for label, (count, radius) in plan.items():
        kind, variants = kinds[label]
        for x, y in scatter(rng, round(count * amount), half - 2.0, radius, site.taken).tolist():
            size = float(rng.uniform(0.75, 1.2))
            mesh = f"{label}_{rng.integers(variants)}"
            visual = (
                Visual(label, instance(mesh, size), "stone")
                if label == "rock"
                else site.stone(label, mesh, (size, size, size))
            )
            site.parts.add(kind, label, [visual], site.pose(x, y, float(rng.uniform(0, 2 * np.pi)), 0.2))


def _overgrow(site: Site, half: float, amount: float) -> None:
    """Trees and bushes between the stones."""
    rng = site.rng
    for x, y in scatter(rng, round(90 * amount), half - 2.0, 1.3, site.taken).tolist():
        k, size = int(rng.integers(3)), float(rng.uniform(0.6, 1.0))
        visuals = [Visual("wood", instance(f"tree_{k}_wood", size), "bark")]
        if f"tree_{k}_crown" in site.parts.meshes:
            visuals.append(Visual("crown", instance(f"tree_{k}_crown", size), "leaves"))
        site.parts.add("tree", "tree", visuals, stand(site.terrain, x, y, rng, tilt=0.04))
    for x, y in scatter(rng, round(120 * amount), half - 2.0, 0.6, site.taken).tolist():
        visual = Visual("bush", instance(f"bush_{rng.integers(3)}", float(rng.uniform(0.6, 1.3))), "ivy")
        site.parts.add("bush", "bush", [visual], stand(site.terrain, x, y, rng, sink=0.05))
