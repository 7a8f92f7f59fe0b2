"""Family ``neighbourhood``: a grid of streets with houses, gardens, fences, parked cars, lamps and wires."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.scene import PlayerStart
from navisplit.sim.worlds import houses, species, street
from navisplit.sim.worlds.description import Pose, Visual, World
from navisplit.sim.worlds.gardens import EDGE_M, HOUSE_DESIGNS, STREET_HALF_M, Lot, add_car, furnish
from navisplit.sim.worlds.meshes import Rng, merge
from navisplit.sim.worlds.parts import HORIZON_M, WorldParts, add_far_trees, instance, rising_horizon
from navisplit.sim.worlds.placement import Occupancy
from navisplit.sim.worlds.registry import family, random_light
from navisplit.sim.worlds.suburb_materials import suburb_materials
from navisplit.sim.worlds.terrain import Terrain, grid_lines, hills
from navisplit.sim.worlds.traffic import Block, Traffic, add_traffic

_CAR_LANE_M = EDGE_M - 0.45  # from a garden's edge: between the parked cars and the middle of the street
_FOOTPATH_M = 0.75


@family("neighbourhood")
def neighbourhood(
    seed: int,
    *,
    density: float = 1.0,
    relief_m: float = 2.5,
    moving: float = 6.0,
    size_m: float = 160.0,
) -> World:
    """About 45 houses on 160 x 160 m; ``density`` multiplies plants, cars and street furniture.

    ``moving`` is the number of cars and people on the move.
    """
    rng = np.random.default_rng([seed, 0x4B])
    half = size_m / 2
    parts = WorldParts()
    parts.keep(**suburb_materials(rng, seed))
    streets = [_street_lines(half, rng), _street_lines(half, rng)]
    terrain = _terrain(half, streets, relief_m, seed)
    footprints = _make_meshes(parts, rng)
    taken = Occupancy()
    _take_streets(taken, streets, half)
    pavings = []
    for lot in _lots(streets, half, rng):
        pavings += furnish(parts, terrain, taken, lot, footprints, density, rng)
    _add_street_furniture(parts, terrain, streets, half, density, rng)
    _add_wires(parts, terrain, streets, half, rng)
    _add_ground(parts, terrain, streets, half, pavings, rng)
    add_far_trees(parts, terrain, half, 110, "bark", "needles", rng)
    start = PlayerStart((0.0, 0.0, float(terrain.height(0.0, 0.0))), 0.0)
    light = random_light(rng)
    ways, lanes = dict.fromkeys(("car", "person"), _ways(streets)), {"car": _CAR_LANE_M, "person": _FOOTPATH_M}
    actors = add_traffic(parts, Traffic(ways, lanes, start.position[:2]), terrain, round(moving), rng)
    name = f"neighbourhood_{seed}"
    return World(name, tuple(parts.models), parts.meshes, parts.materials, light, start, tuple(actors))


def _ways(streets: list[NDArray[np.float64]]) -> list[Block]:
    """Every other block that has streets all around: two neighbours' cars would meet on these narrow streets."""
    return [
        Block((x0 + EDGE_M, y0 + EDGE_M), (x1 - EDGE_M, y1 - EDGE_M))
        for i, (x0, x1) in enumerate(pairwise(streets[0].tolist()))
        for j, (y0, y1) in enumerate(pairwise(streets[1].tolist()))
        if (i + j) % 2 == 0
    ]


def _street_lines(half: float, rng: Rng) -> NDArray[np.float64]:
    """Centre lines of parallel streets: one through the origin, others 47-57 m apart."""
    lines = [0.0]
    for sign in (-1, 1):
        place = sign * rng.uniform(47, 57)
        while abs(place) < half - EDGE_M - 8:
            lines.append(place)
            place += sign * rng.uniform(47, 57)
    return np.sort(np.round(lines, 2))


def _terrain(half: float, streets: list[NDArray[np.float64]], relief_m: float, seed: int) -> Terrain:
    """Gentle slopes; the borders of streets and sidewalks are lines of the grid, so that paving ends exactly there."""
    axes = []
    for lines in streets:
        borders = np.concatenate([lines + d for d in (-EDGE_M, -STREET_HALF_M, STREET_HALF_M, EDGE_M)])
        grid = grid_lines(half, 4.0, outer=HORIZON_M)
        grid = grid[np.abs(grid[:, None] - borders[None]).min(axis=1) > 0.8]
        axes.append(np.sort(np.concatenate([grid, borders])))
    x, y = np.meshgrid(*axes, indexing="ij")
    z = relief_m * (hills(x * 0.7, y * 0.7, 1.0, seed) - hills(0.0, 0.0, 1.0, seed)) * 0.8
    return Terrain(axes[0], axes[1], z + rising_horizon(x, y, half, seed))


def _make_meshes(parts: WorldParts, rng: Rng) -> list[tuple[float, float]]:
    """All shared meshes; returns the footprints of the house designs."""
    footprints = []
    for k in range(HOUSE_DESIGNS):
        design, footprint = houses.house(rng)
        parts.meshes.update({f"house_{k}_{name}": mesh for name, mesh in design.items()})
        footprints.append(footprint)
    several = {"shed": (houses.shed, 2), "car": (street.car, 4), "lamp": (street.lamp_post, 1)}
    for label, (make, count) in several.items():
        for k in range(count):
            parts.meshes.update({f"{label}_{k}_{name}": mesh for name, mesh in make(rng).items()})
    parts.meshes.update({f"pole_0_{name}": mesh for name, mesh in street.pole().items()})
    parts.meshes.update({f"mailbox_0_{name}": mesh for name, mesh in street.mailbox(rng).items()})
    for kind in street.CLUTTER:
        parts.meshes.update({f"{kind}_0_{name}": mesh for name, mesh in street.garden_clutter(kind, rng).items()})
    for k in range(3):
        parts.meshes[f"hedge_{k}"] = street.hedge(rng)
        parts.meshes[f"bush_{k}"] = species.bush(rng, 0.8)
    for k in range(2):
        parts.meshes[f"board_{k}"] = street.board_fence(rng)
        parts.meshes[f"picket_{k}"] = street.picket_fence(rng)
    for kind, grow in (("broadleaf", species.broadleaf), ("birch", species.birch), ("conifer", species.conifer)):
        for k in range(2):
            tree = grow(rng, 0.75 if kind == "conifer" else 0.8)
            parts.meshes[f"{kind}_{k}_wood"], parts.meshes[f"{kind}_{k}_crown"] = tree.wood, tree.crown
    return footprints


def _take_streets(taken: Occupancy, streets: list[NDArray[np.float64]], half: float) -> None:
    """Nothing grows on paving."""
    for place in np.arange(-half, half, 3.0):
        for line in streets[0]:
            taken.add(float(line), float(place), EDGE_M)
        for line in streets[1]:
            taken.add(float(place), float(line), EDGE_M)


def _lots(streets: list[NDArray[np.float64]], half: float, rng: Rng) -> list[Lot]:
    """Plots of every block: one row for each east-west street that the block touches."""
    columns = _gaps(streets[0], half)
    lots = []
    for (low_y, south), (high_y, north) in _gaps(streets[1], half):
        rows = south + north
        depth = min((high_y - low_y) / max(rows, 1), 24.0)
        for (low_x, _), (high_x, _) in columns:
            count = max(1, round((high_x - low_x) / rng.uniform(13.5, 17.0)))
            width = (high_x - low_x) / count
            if width < 10.0 or depth < 14.0:
                continue
            for k in range(count):
                x = low_x + (k + 0.5) * width
                if south:
                    lots.append(Lot(x, low_y, 0.0, width, depth))
                if north:
                    lots.append(Lot(x, high_y, np.pi, width, depth))
    return lots


def _gaps(lines: NDArray[np.float64], half: float) -> list[tuple[tuple[float, bool], tuple[float, bool]]]:
    """Spaces between streets as (low, is a street there), (high, is a street there)."""
    edges = [(-half + 1.0, False)]
    for line in lines:
        edges += [(float(line) - EDGE_M, True), (float(line) + EDGE_M, True)]
    edges.append((half - 1.0, False))
    return [(edges[i], edges[i + 1]) for i in range(0, len(edges), 2)]


def _add_ground(
    parts: WorldParts,
    terrain: Terrain,
    streets: list[NDArray[np.float64]],
    half: float,
    pavings: list,
    rng: Rng,
) -> None:
    """Asphalt, sidewalks, lawns, paved drives and the wooded horizon, as one ground."""
    x, y = terrain.centres()
    inside = (np.abs(x) < half + 8) & (np.abs(y) < half + 8)
    gap = np.minimum(np.abs(x[..., None] - streets[0]).min(axis=-1), np.abs(y[..., None] - streets[1]).min(axis=-1))
    road, walk = inside & (gap < STREET_HALF_M), inside & (gap >= STREET_HALF_M) & (gap < EDGE_M)
    parts.meshes["road"], parts.meshes["sidewalk"] = terrain.mesh(road), terrain.mesh(walk)
    parts.meshes["lawn"] = terrain.mesh(inside & ~road & ~walk)
    parts.meshes["horizon"] = terrain.mesh(~inside)
    tufts = rng.uniform(-half, half, (500, 2))
    gaps = [np.abs(tufts[:, i, None] - streets[i]).min(axis=-1) for i in (0, 1)]
    tufts = tufts[np.minimum(*gaps) > EDGE_M]
    roots = np.column_stack([tufts, terrain.height(tufts[:, 0], tufts[:, 1]) - 0.02])
    parts.meshes["tufts"] = species.grass(roots, rng, (0.06, 0.2))
    looks = {"road": "asphalt", "sidewalk": "pavement", "lawn": "lawn", "horizon": "canopy", "tufts": "blades"}
    if pavings:
        parts.meshes["drives"] = merge(pavings)
        looks["drives"] = "drive"
    parts.add("ground", "ground", [Visual(name, instance(name), look) for name, look in looks.items()])


def _add_street_furniture(
    parts: WorldParts, terrain: Terrain, streets: list[NDArray[np.float64]], half: float, density: float, rng: Rng
) -> None:
    """Parked cars at the kerb and lamps on the sidewalk, along all streets; crossings stay free."""
    for axis in (0, 1):
        crossings = streets[1 - axis]
        for line in streets[axis].tolist():
            for place in np.arange(-half + 8, half - 8, 7.0):
                if np.abs(place - crossings).min() < 11 or rng.uniform() > 0.2 * density:
                    continue
                side = rng.choice([-1.0, 1.0])
                x, y = _on_street(axis, line + side * 2.45, place + rng.uniform(-1.0, 1.0))
                heading = (0.0 if axis == 1 else np.pi / 2) + (np.pi if rng.uniform() < 0.5 else 0.0)
                add_car(parts, terrain, x, y, heading + rng.normal(0, 0.02), rng)
            for k, place in enumerate(np.arange(-half + 14, half - 10, 26.0 / max(density, 0.2))):
                if np.abs(place - crossings).min() < EDGE_M + 1:
                    continue
                side = 1.0 if k % 2 else -1.0
                x, y = _on_street(axis, line + side * (STREET_HALF_M + 0.4), place)
                yaw = (np.pi if side > 0 else 0.0) if axis == 0 else -side * np.pi / 2
                pose = Pose.from_euler((x, y, float(terrain.height(x, y))), yaw=yaw)
                parts.add("pole", "lamp", [Visual("metal", instance("lamp_0_metal"), "dark_metal")], pose)


def _add_wires(parts: WorldParts, terrain: Terrain, streets: list[NDArray[np.float64]], half: float, rng: Rng) -> None:
    """Poles along the outermost east-west streets, with three wires from each to the next."""
    for line in {float(streets[1][0]), float(streets[1][-1])}:
        y = line + (EDGE_M - 0.2) * (1 if line < 0 else -1)
        places = [x for x in np.arange(-half + 6, half - 4, 29.0) if np.abs(x - streets[0]).min() > EDGE_M + 0.5]
        tops = []
        for x in places:
            z = float(terrain.height(x, y))
            parts.add("pole", "pole", [Visual("wood", instance("pole_0_wood"), "timber")], Pose((float(x), y, z)))
            tops.append(np.array([x, y, z]))
        strands = [
            street.wire(a + [0, dy, dz], b + [0, dy, dz], rng.uniform(0.3, 0.6))
            for a, b in zip(tops[:-1], tops[1:], strict=True)
            for dy, dz in street.POLE_WIRES
        ]
        if strands:
            name = f"wires_{len([m for m in parts.meshes if m.startswith('wires')])}"
            parts.meshes[name] = merge(strands)
            parts.add("pole", "wires", [Visual("wires", instance(name), "rubber")])


def _on_street(axis: int, across: float, along: float) -> tuple[float, float]:
    return (float(across), float(along)) if axis == 0 else (float(along), float(across))
