"""Family ``urban``: street canyons between town houses, with skywalks, scaffolds, trees in rows, cars and people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.scene import PlayerStart
from navisplit.sim.worlds import species, street, urban_street
from navisplit.sim.worlds.description import Pose, Visual, World
from navisplit.sim.worlds.drones import add_drones
from navisplit.sim.worlds.meshes import Rng, boxes, merge
from navisplit.sim.worlds.parts import HORIZON_M, WorldParts, instance, rising_horizon
from navisplit.sim.worlds.placement import Occupancy
from navisplit.sim.worlds.registry import family, random_light
from navisplit.sim.worlds.terrain import Terrain, grid_lines, hills
from navisplit.sim.worlds.traffic import Block, Traffic, add_traffic
from navisplit.sim.worlds.urban_blocks import CityBlock, Town, fill_block
from navisplit.sim.worlds.urban_furniture import furnish_streets
from navisplit.sim.worlds.urban_materials import urban_materials

STREET_HALF_M = 5.0
SIDEWALK_M = 3.2
EDGE_M = STREET_HALF_M + SIDEWALK_M
"""From a street's centre line to the fronts."""

KERB_M = 0.12
_CAR_LANE_M = SIDEWALK_M + STREET_HALF_M - 1.55  # from a block's edge to the middle of its lane
_FOOTPATH_M = 1.15


@family("urban")
def urban(
    seed: int,
    *,
    density: float = 1.0,
    relief_m: float = 2.0,
    moving: float = 8.0,
    drones: float = 1.0,
    size_m: float = 160.0,
) -> World:
    """About 60 town houses on 160 x 160 m; ``density`` multiplies street furniture, ``moving`` is cars and people.

    ``drones`` fly around blocks at 2.6-4.4 m. Nothing that moves comes within 8 m of the start.
    """
    rng = np.random.default_rng([seed, 0x0B])
    half = size_m / 2
    parts = WorldParts()
    parts.keep(**urban_materials(rng, seed))
    streets = (_street_lines(half, rng), _street_lines(half, rng))
    terrain = _terrain(half, streets, relief_m, seed)
    _make_meshes(parts, rng)
    town = Town(parts, terrain, Occupancy(), streets, half, EDGE_M, rng)
    blocks = town.blocks()
    for block in blocks:
        fill_block(town, block)
    furnish_streets(town, STREET_HALF_M, density)
    _add_ground(parts, terrain, streets, half, rng)
    _add_outskirts(parts, terrain, streets, half, rng)
    start = PlayerStart((0.0, 0.0, float(terrain.height(0.0, 0.0))), 0.0)
    light = random_light(rng)  # before the traffic, so that no number of cars changes it
    traffic = _traffic(blocks, start)
    actors = add_traffic(parts, traffic, terrain, round(moving), rng)
    actors += add_drones(parts, traffic, terrain, round(drones), np.random.default_rng([seed, 0xD0]))
    return World(f"urban_{seed}", tuple(parts.models), parts.meshes, parts.materials, light, start, tuple(actors))


def _traffic(blocks: list[CityBlock], start: PlayerStart) -> Traffic:
    """Cars on the streets around whole blocks; people on their walks, where no scaffold stands."""
    enclosed = [b for b in blocks if b.enclosed]
    around = {"car": enclosed, "person": [b for b in enclosed if not b.scaffold]}
    return Traffic(
        {kind: [Block(b.low, b.high) for b in some] for kind, some in around.items()},
        {"car": _CAR_LANE_M, "person": _FOOTPATH_M},
        start.position[:2],
    )


def _street_lines(half: float, rng: Rng) -> NDArray[np.float64]:
    """Centre lines of parallel streets: one through the origin, others 50-62 m apart."""
    lines = [0.0]
    for sign in (-1, 1):
        place = sign * rng.uniform(50, 62)
        while abs(place) < half - EDGE_M - 6:
            lines.append(place)
            place += sign * rng.uniform(50, 62)
    return np.sort(np.round(lines, 2))


def _terrain(half: float, streets: tuple[NDArray[np.float64], ...], relief_m: float, seed: int) -> Terrain:
    """Gentle slopes with raised walks: a kerb's two edges are lines of the grid."""
    axes = []
    for lines in streets:
        offsets = (-EDGE_M, -STREET_HALF_M - 0.05, -STREET_HALF_M, STREET_HALF_M, STREET_HALF_M + 0.05, EDGE_M)
        borders = np.concatenate([lines + d for d in offsets])
        grid = grid_lines(half, 5.0, outer=HORIZON_M)
        grid = grid[np.abs(grid[:, None] - borders[None]).min(axis=1) > 0.8]
        axes.append(np.sort(np.concatenate([grid, borders])))
    x, y = np.meshgrid(*axes, indexing="ij")
    z = relief_m * (hills(x * 0.6, y * 0.6, 1.0, seed) - hills(0.0, 0.0, 1.0, seed))
    z += KERB_M * (_street_gap(x, y, streets) > STREET_HALF_M + 0.02)
    return Terrain(axes[0], axes[1], z + 0.5 * rising_horizon(x, y, half, seed))


def _street_gap(
    x: NDArray[np.float64], y: NDArray[np.float64], streets: tuple[NDArray[np.float64], ...]
) -> NDArray[np.float64]:
    """Distance to the nearest street's centre line."""
    return np.minimum(np.abs(x[..., None] - streets[0]).min(axis=-1), np.abs(y[..., None] - streets[1]).min(axis=-1))


def _make_meshes(parts: WorldParts, rng: Rng) -> None:
    """Shared meshes of what stands in the streets."""
    several = {
        "car": (street.car, 5),
        "lamp": (street.lamp_post, 2),
        "sign": (urban_street.road_sign, 4),
        "kiosk": (urban_street.kiosk, 2),
    }
    for label, (make, count) in several.items():
        for k in range(count):
            parts.meshes.update({f"{label}_{k}_{name}": mesh for name, mesh in make(rng).items()})
    single = {
        "light": urban_street.traffic_light(),
        "bench": urban_street.bench(),
        "shelter": urban_street.shelter(),
        "hung_0": urban_street.hung_lamp(2 * EDGE_M, rng),
        "hung_1": urban_street.hung_lamp(2 * EDGE_M, rng),
        "gantry": urban_street.gantry(2 * STREET_HALF_M + 1.0),
        "skywalk": urban_street.skywalk(2 * EDGE_M + 0.6, rng),
        "scaffold_0": urban_street.scaffold(4, 4),
        "scaffold_1": urban_street.scaffold(3, 3),
    }
    for label, shape in single.items():
        parts.meshes.update({f"{label}_{name}": mesh for name, mesh in shape.items()})
    parts.meshes["bollard"] = urban_street.bollard()
    for k in range(2):
        parts.meshes[f"bin_{k}"] = urban_street.litter_bin(rng)
        parts.meshes[f"bush_{k}"] = species.bush(rng, 0.7)
    for k in range(3):
        tree = (species.broadleaf, species.broadleaf, species.birch)[k](rng, 0.8)
        parts.meshes[f"tree_{k}_wood"], parts.meshes[f"tree_{k}_crown"] = tree.wood, tree.crown


def _add_ground(
    parts: WorldParts, terrain: Terrain, streets: tuple[NDArray[np.float64], ...], half: float, rng: Rng
) -> None:
    """Asphalt with markings, walks, yards, and the land around."""
    x, y = terrain.centres()
    inside = (np.abs(x) < half + 60) & (np.abs(y) < half + 60)
    gap = _street_gap(x, y, streets)
    road, walk = inside & (gap < STREET_HALF_M + 0.01), inside & (gap >= STREET_HALF_M + 0.01) & (gap < EDGE_M)
    looks = {"road": "asphalt", "sidewalk": "sidewalk", "yards": "yard", "horizon": "canopy", "markings": "markings"}
    parts.meshes["road"], parts.meshes["sidewalk"] = terrain.mesh(road), terrain.mesh(walk)
    parts.meshes["yards"], parts.meshes["horizon"] = terrain.mesh(inside & ~road & ~walk), terrain.mesh(~inside)
    parts.meshes["markings"] = merge(_markings(terrain, streets, half, rng))
    parts.add("ground", "ground", [Visual(name, instance(name), look) for name, look in looks.items()])


def _markings(terrain: Terrain, streets: tuple[NDArray[np.float64], ...], half: float, rng: Rng) -> list:
    """Dashed centre lines and zebra crossings, some of them worn away."""
    found = []
    for axis in (0, 1):
        for line in streets[axis].tolist():
            for place in np.arange(-half, half, 6.0):
                if np.abs(place + 1.5 - streets[1 - axis]).min() > EDGE_M + 4 and rng.uniform() < 0.9:
                    ends = [_on(axis, line, place), _on(axis, line, place + 3.0)]
                    found.append(street.ribbon(terrain, *ends, 0.14, lift=0.012))
            for crossing in streets[1 - axis].tolist():
                for side in (-1, 1):
                    if rng.uniform() < 0.25:
                        continue
                    at = crossing + side * (EDGE_M - 1.2)
                    for across in np.arange(-STREET_HALF_M + 0.6, STREET_HALF_M - 0.3, 1.1):
                        ends = [_on(axis, line + across, at - 1.3), _on(axis, line + across, at + 1.3)]
                        found.append(street.ribbon(terrain, *ends, 0.5, lift=0.012))
    return found


def _on(axis: int, across: float, along: float) -> tuple[float, float]:
    """A point of a street: axis 0 runs north, axis 1 east."""
    return (float(across), float(along)) if axis == 0 else (float(along), float(across))


def _add_outskirts(
    parts: WorldParts, terrain: Terrain, streets: tuple[NDArray[np.float64], ...], half: float, rng: Rng
) -> None:
    """Houses around the town, as boxes: nobody flies there."""
    visuals = []
    parts.meshes["far_house"] = boxes([[0, 0, 0.5]], [1, 1, 1])
    while len(visuals) < 70:
        x, y = rng.uniform(-half - 48, half + 48, 2)
        width, deep, tall = rng.uniform(10, 18), rng.uniform(9, 14), rng.uniform(9, 26)
        beyond = max(abs(x), abs(y)) - half
        gap = float(_street_gap(np.array([x]), np.array([y]), streets)[0])
        if beyond < 11 or gap < EDGE_M + max(width, deep) / 2:
            continue
        pose = Pose((round(float(x), 2), round(float(y), 2), round(float(terrain.height(x, y)) - 2.0, 2)))
        level = float(rng.uniform(0.45, 1.1))
        tint = tuple(round(level * float(v), 1) for v in np.exp(rng.normal(0, 0.1, 3)))
        visuals.append(
            Visual(f"house_{len(visuals)}", instance("far_house", (width, deep, tall)), "far_facade", pose, tint)
        )
    parts.add("house", "far_houses", visuals)
