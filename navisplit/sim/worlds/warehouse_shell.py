"""A warehouse's shell: floor, walls with portals and docks, columns, roof with skylights and lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from navisplit.sim.worlds import warehouse_parts as shapes
from navisplit.sim.worlds.description import Mesh, Pose, Visual
from navisplit.sim.worlds.meshes import Rng, boxes, merge
from navisplit.sim.worlds.parts import WorldParts, instance
from navisplit.sim.worlds.warehouse_halls import Hall, Warehouse

COLUMN_GRID_M = 10.0
WALL_M = 0.3
_BEAM_M = 0.7


@dataclass(frozen=True)
class Wall:
    """A wall between halls with portals: ``axis`` 0 runs along y at x = ``at``, 1 along x at y = ``at``."""

    axis: int
    at: float
    low: float
    high: float
    portals: tuple[tuple[float, float, float], ...]  # middle along the wall, width, height


def add_shell(parts: WorldParts, long: float, wide: float, tall: float, rng: Rng) -> None:
    """Floor, outer walls with closed dock doors and a band of blocks at their foot."""
    x, y = long / 2, wide / 2
    parts.meshes["floor"] = shapes.panel([-x, -y, 0], [long, 0, 0], [0, wide, 0], 2.5)
    lines = boxes(
        np.column_stack([rng.uniform(-x + 4, x - 4, 24), rng.uniform(-y + 4, y - 4, 24), np.full(24, 0.003)]),
        np.where(rng.uniform(size=(24, 1)) < 0.5, [[9.0, 0.12, 0.006]], [[0.12, 9.0, 0.006]]),
    )
    parts.meshes["floor_lines"] = lines
    yellow = (0.65, 0.45, 0.03)
    parts.add(
        "ground",
        "ground",
        [Visual("floor", instance("floor"), "floor"), Visual("lines", instance("floor_lines"), "paint", tint=yellow)],
    )
    sides = {
        "south": ([-x, -y, 0], [0, 0, tall], [long, 0, 0]),
        "north": ([x, y, 0], [0, 0, tall], [-long, 0, 0]),
        "west": ([-x, y, 0], [0, 0, tall], [0, -wide, 0]),
        "east": ([x, -y, 0], [0, 0, tall], [0, wide, 0]),
    }
    for name, (corner, up, along) in sides.items():
        way = np.asarray(along) / np.linalg.norm(along)
        inward = np.cross(np.array([0.0, 0, 1]), way)
        length = float(np.linalg.norm(along))
        parts.meshes[f"wall_{name}"] = shapes.panel(corner, up, along)
        base = np.asarray(corner) + inward * 0.08
        parts.meshes[f"base_{name}"] = merge([
            shapes.panel(base, [0, 0, 1.4], along),
            shapes.panel(base + [0, 0, 1.4], -inward * 0.08, along),
        ])  # fmt: skip
        doors, visuals = (
            [],
            [Visual("wall", instance(f"wall_{name}"), "cladding"), Visual("base", instance(f"base_{name}"), "blocks")],
        )
        for place in np.arange(8.0, length - 8.0, 9.0):
            if rng.uniform() < 0.45:
                middle = np.asarray(corner) + way * place + inward * 0.05
                size = [3.4, 0.2, 4.0] if abs(way[0]) > 0.5 else [0.2, 3.4, 4.0]
                doors.append(boxes([middle + [0, 0, 2.0]], [size]))
        if doors:
            parts.meshes[f"docks_{name}"] = merge(doors)
            tint = tuple(round(float(v), 3) for v in rng.uniform(0.1, 0.6) * np.exp(rng.normal(0, 0.3, 3)))
            visuals.append(Visual("docks", instance(f"docks_{name}"), "steel", tint=tint))
        start = np.asarray(corner, np.float64) + inward * 0.12
        parts.meshes[f"pipes_{name}"] = shapes.wall_clutter(start, way, inward, length, tall, rng)
        visuals.append(Visual("pipes", instance(f"pipes_{name}"), "steel"))
        parts.add("house", f"wall_{name}", visuals)


def add_inner_walls(parts: WorldParts, walls: list[Wall], tall: float, rng: Rng) -> None:
    """Walls with holes: piers between portals and lintels over them, frames around."""
    for number, wall in enumerate(walls):
        pieces, frames, edge = [], [], wall.low
        for middle, width, high in sorted(wall.portals):
            left, right = middle - width / 2, middle + width / 2
            pieces += [(edge, left, 0.0, tall), (left, right, high, tall)]
            frames += [(left - 0.12, left + 0.02, 0.0, high + 0.12), (right - 0.02, right + 0.12, 0.0, high + 0.12)]
            frames.append((left, right, high - 0.02, high + 0.12))
            edge = right
        pieces.append((edge, wall.high, 0.0, tall))
        parts.meshes[f"inner_{number}"] = merge([_slab(wall, p, WALL_M) for p in pieces])
        parts.meshes[f"frames_{number}"] = merge([_slab(wall, f, WALL_M + 0.1) for f in frames])
        parts.meshes[f"pipes_{number}"] = merge(_both_sides(wall, tall, rng))
        visuals = [
            Visual("pipes", instance(f"pipes_{number}"), "steel"),
            Visual("wall", instance(f"inner_{number}"), "blocks"),
            Visual("frames", instance(f"frames_{number}"), "paint", tint=(0.6, 0.42, 0.03)),
        ]
        parts.add("house", "inner_wall", visuals)


def _both_sides(wall: Wall, tall: float, rng: Rng) -> list[Mesh]:
    """What hangs on a wall, between its portals."""
    way, across = (np.eye(3)[1], np.eye(3)[0]) if wall.axis == 0 else (np.eye(3)[0], np.eye(3)[1])
    holes = [(m - w / 2 - 0.4 - wall.low, m + w / 2 + 0.4 - wall.low) for m, w, _ in wall.portals]
    found = []
    for side in (-1.0, 1.0):
        start = way * wall.low + across * (wall.at + side * (WALL_M / 2 + 0.04))
        found.append(shapes.wall_clutter(start, way, side * across, wall.high - wall.low, tall, rng, holes))
    return found


def _slab(wall: Wall, piece: tuple[float, float, float, float], thick: float) -> Mesh:
    """A part of a wall from ``low`` to ``high`` along it and between two heights."""
    low, high, bottom, top = piece
    along, up = high - low, top - bottom
    faces = []
    for sign in (-1.0, 1.0):
        start, way = (low, 1.0) if (sign < 0) == (wall.axis == 1) else (high, -1.0)
        if wall.axis == 0:
            faces.append(shapes.panel([wall.at + sign * thick / 2, start, bottom], [0, way * along, 0], [0, 0, up]))
        else:
            faces.append(shapes.panel([start, wall.at + sign * thick / 2, bottom], [way * along, 0, 0], [0, 0, up]))
    middle, size = (low + high) / 2, np.array([thick - 0.002, along, up])
    centre = [wall.at, middle, (bottom + top) / 2]
    if wall.axis == 1:
        centre, size = [middle, wall.at, (bottom + top) / 2], size[[1, 0, 2]]
    return merge([*faces, boxes([centre], size)])


def add_columns(house: Warehouse, walls: list[Wall], long: float, wide: float) -> None:
    """Steel columns on a grid, with painted guards; none in a portal."""
    rng, tall = house.rng, house.tall
    profile = [[0.03, 0.3, tall], [0.03, 0.3, tall], [0.3, 0.03, tall]]
    house.parts.meshes["column"] = boxes([[-0.15, 0, tall / 2], [0.15, 0, tall / 2], [0, 0, tall / 2]], profile)
    house.parts.meshes["guard"] = boxes([[0, 0, 0.55]], [0.5, 0.5, 1.1])
    shift = float(rng.uniform(2.0, 5.0))
    for x in np.arange(-long / 2 + shift, long / 2, 2 * COLUMN_GRID_M).tolist():
        for y in np.arange(-wide / 2 + COLUMN_GRID_M, wide / 2 - 1, COLUMN_GRID_M).tolist():
            near = [w for w in walls if abs((x, y)[w.axis] - w.at) < 1.0]
            if near or not house.taken.free(x, y, 0.4):
                continue
            house.taken.add(x, y, 0.4)
            visuals = [Visual("column", instance("column"), "steel")]
            if rng.uniform() < 0.6:
                visuals.append(Visual("guard", instance("guard"), "paint", tint=(0.6, 0.42, 0.03)))
            house.parts.add("pole", "column", visuals, Pose((round(x, 3), round(y, 3), 0.0)))


def add_roof(parts: WorldParts, halls: list[Hall], tall: float, rng: Rng) -> None:
    """Ceiling with strips of skylights between beams, lamps, ducts and pipes under it."""
    count = 5
    parts.meshes.update({f"lamps_{n}": m for n, m in shapes.lamp_row(count, 3.4, 1.0).items()})
    for number, hall in enumerate(halls):
        (x0, y0), (x1, y1) = hall.low, hall.high
        strips, lights, beams = [], [], []
        edges = np.linspace(x0, x1, max(2, round((x1 - x0) / COLUMN_GRID_M)) + 1)
        for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            side = (b - a) * 0.4
            spans = [(a, a + side), (a + side, b - side), (b - side, b)]
            for k, (low, high) in enumerate(spans):
                glazed = k == 1 and rng.uniform() < 0.6
                inner = (y0 + 3.0, y1 - 3.0)
                if glazed:
                    lights.append(_ceiling(low, high, *inner, tall))
                    strips += [_ceiling(low, high, y0, inner[0], tall), _ceiling(low, high, inner[1], y1, tall)]
                    continue
                strips.append(_ceiling(low, high, y0, y1, tall))
            beams.append(boxes([[a, (y0 + y1) / 2, tall - _BEAM_M / 2]], [0.25, y1 - y0, _BEAM_M]))
            beams.append(boxes([[(a + b) / 2, y, tall - 0.2] for y in np.arange(y0 + 2, y1, 5.0)], [b - a, 0.1, 0.2]))
        duct_y = float(rng.uniform(y0 + 4, y1 - 4))
        duct = boxes([[(x0 + x1) / 2, duct_y, tall - 1.3]], [x1 - x0 - 2, 0.8, 0.6])
        meshes = {"ceiling": merge(strips), "beams": merge(beams), "duct": duct}
        if lights:
            meshes["skylight"] = merge(lights)
        looks = {"ceiling": "ceiling", "beams": "steel", "duct": "cladding", "skylight": "skylight"}
        parts.meshes.update({f"roof_{number}_{name}": mesh for name, mesh in meshes.items()})
        parts.add("house", "roof", [Visual(n, instance(f"roof_{number}_{n}"), looks[n]) for n in meshes])
        reach = (count - 1) * 3.4 + 2.0
        for x in np.arange(x0 + reach / 2 + 1, x1 - reach / 2, reach + 1.0).tolist():
            for y in np.arange(y0 + 4.0, y1 - 3.0, 8.0).tolist():
                lit = "lamp" if rng.uniform() > 0.1 else "steel"
                looks = {"metal": "steel", "lamp": lit}
                visuals = [Visual(n, instance(f"lamps_{n}"), look) for n, look in looks.items()]
                parts.add("other", "lamps", visuals, Pose((round(x, 3), round(y, 3), round(tall - 0.05, 3))))


def _ceiling(x0: float, x1: float, y0: float, y1: float, z: float) -> Mesh:
    """A piece of the roof: seen from below."""
    return shapes.panel([x0, y0, z], [0, y1 - y0, 0], [x1 - x0, 0, 0])
