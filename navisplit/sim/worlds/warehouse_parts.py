"""What stands in a warehouse: racks and their loads, lamps, forklifts, conveyors, machines. Floor at z = 0."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import Rng, boxes, lump, merge, moved, tube
from navisplit.sim.worlds.primitives import cylinder, quads

Parts = dict[str, Mesh]

BAY_M, RACK_DEEP_M = 2.8, 1.1
"""A bay of a rack: along x, and its depth along y."""

PALLET_M = (1.2, 0.8, 0.14)


def panel(corner: ArrayLike, along: ArrayLike, up: ArrayLike, step_m: float = 4.0) -> Mesh:
    """A rectangle cut into cells, seen from the side of ``along`` x ``up``: light is baked at its corners."""
    corner, along, up = (np.asarray(v, np.float64) for v in (corner, along, up))
    counts = [max(1, round(float(np.linalg.norm(v)) / step_m)) for v in (along, up)]
    i, j = (a.ravel() for a in np.meshgrid(np.arange(counts[0]), np.arange(counts[1]), indexing="ij"))
    u, v = along / counts[0], up / counts[1]
    cells = [corner + a[:, None] * u + b[:, None] * v for a, b in ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))]
    return quads(np.stack(cells, axis=1))


def rack_bay(levels: int, level_m: float) -> Parts:
    """One bay: two uprights at x = 0 with braces, beams to the next bay's."""
    tall = levels * level_m + 0.3
    ys = (-RACK_DEEP_M / 2, RACK_DEEP_M / 2)
    posts = boxes([[0, y, tall / 2] for y in ys], [0.1, 0.09, tall])
    braces = []
    for k in range(levels):
        a, b = k * level_m + 0.2, (k + 1) * level_m
        braces.append(tube([[0, ys[k % 2], a], [0, ys[1 - k % 2], b]], [0.03, 0.03], 4))
    heights = [level_m * (k + 1) - 0.06 for k in range(levels - 1)]
    beams = boxes([[BAY_M / 2, y, z] for y in ys for z in heights], [BAY_M - 0.1, 0.05, 0.13])
    return {"posts": merge([posts, *braces]), "beams": beams}


def rack_end(levels: int, level_m: float) -> Parts:
    """The uprights that close a row, with a guard at their foot."""
    tall = levels * level_m + 0.3
    posts = boxes([[0, y, tall / 2] for y in (-RACK_DEEP_M / 2, RACK_DEEP_M / 2)], [0.1, 0.09, tall])
    return {"posts": posts, "beams": boxes([[0.15, 0, 0.2]], [0.08, RACK_DEEP_M + 0.2, 0.4])}


def load(rng: Rng, levels: int, level_m: float, fill: float) -> Parts:
    """What lies in one bay, by material; ``fill``: share of the places in use."""
    parts: dict[str, list[Mesh]] = defaultdict(list)
    kinds = ("carton", str(rng.choice(["wrap", "drums", "timber"])))
    for level in range(levels):
        places = [-0.86, 0.0, 0.86] if rng.uniform() < 0.4 else [-0.62, 0.62]
        for place in places:
            if rng.uniform() > fill:
                continue
            x = BAY_M / 2 + place + float(rng.normal(0, 0.03))
            wide, kind = min(0.95, BAY_M / len(places) - 0.12), str(rng.choice(kinds))
            for part, mesh in pallet_load(rng, kind, wide, level_m - 0.35).items():
                parts[part].append(moved(mesh, (x, float(rng.normal(0, 0.04)), level * level_m + 0.01)))
    return {part: merge(pieces) for part, pieces in parts.items()}


def pallet_load(rng: Rng, kind: str, wide: float, room: float) -> Parts:
    """A pallet with cartons, a wrapped stack, drums or a crate (timber) on it. ``wide`` along x, 1 m along y."""
    boards = boxes([[0, 0, 0.12], [0, 0, 0.05]], [[wide, 1.0, 0.04], [wide * 0.9, 0.9, 0.1]])
    z, tall = 0.14, float(rng.uniform(0.45, 1.0)) * room
    if kind == "carton":
        return {"timber": boards, "carton": _cartons(rng, wide, z, tall)}
    if kind == "wrap":
        size = [wide * float(rng.uniform(0.85, 0.98)), float(rng.uniform(0.8, 0.98)), tall]
        return {"timber": boards, "wrap": boxes([[0, 0, z + tall / 2]], size, rng.normal(0, 0.03))}
    if kind == "drums":
        high, radius = min(0.88, tall), 0.24 * wide
        drum = cylinder(radius, high, 8)
        places = [(x * 1.1 * radius, y * 1.3 * radius) for x in (-1, 1) for y in (-1, 1)]
        return {"timber": boards, "drums": merge([moved(drum, (x, y, z + high / 2)) for x, y in places])}
    return {"timber": merge([boards, boxes([[0, 0, z + tall / 2]], [wide * 0.95, 0.95, tall])])}


def _cartons(rng: Rng, wide: float, z: float, tall: float) -> Mesh:
    """Layers of cartons that do not quite line up, the top one incomplete."""
    layers, columns, rows = int(rng.integers(2, 4)), int(rng.integers(1, 3)), int(rng.integers(1, 3))
    size = np.array([wide / columns, 0.98 / rows, tall / layers])
    centres, turns = [], []
    for layer in range(layers):
        for i in range(columns):
            for j in range(rows):
                if layer == layers - 1 and centres and rng.uniform() < 0.4:
                    continue
                at = np.array([(i + 0.5) * size[0] - wide / 2, (j + 0.5) * size[1] - 0.49, z + (layer + 0.5) * size[2]])
                centres.append(at + [*rng.normal(0, 0.012, 2), 0])
                turns.append(rng.normal(0, 0.03))
    return boxes(centres, size - 0.015, turns)


def lamp_row(count: int, gap_m: float, drop_m: float) -> Parts:
    """Tubes of light along x, hung from z = 0 by wires."""
    xs = (np.arange(count) - (count - 1) / 2) * gap_m
    housing = boxes([[x, 0, -drop_m + 0.05] for x in xs], [1.6, 0.28, 0.08])
    wires = boxes([[x + d, 0, -drop_m / 2] for x in xs for d in (-0.6, 0.6)], [0.02, 0.02, drop_m])
    low = -drop_m
    light = [[[x - 0.75, 0.11, low], [x + 0.75, 0.11, low], [x + 0.75, -0.11, low], [x - 0.75, -0.11, low]] for x in xs]
    return {"metal": merge([housing, wires]), "lamp": quads(np.array(light))}


def forklift(rng: Rng) -> Parts:
    """A forklift along x, forks towards +x, mast 2.2 m high or raised."""
    lift = float(rng.uniform(0.1, 1.4))
    body = boxes(
        [[-0.35, 0, 0.65], [-0.85, 0, 0.9], [0.0, 0, 0.45]], [[1.1, 1.0, 0.7], [0.4, 1.05, 0.7], [1.9, 0.9, 0.3]]
    )
    posts = [[x, y, 1.3] for x in (-0.7, 0.35) for y in (-0.45, 0.45)]
    guard = boxes([*posts, [-0.18, 0, 2.1]], [*([[0.06, 0.06, 1.7]] * 4), [1.2, 1.0, 0.06]])
    mast = boxes([[0.85, y, 1.15 + lift / 2] for y in (-0.3, 0.3)], [0.1, 0.1, 2.2 + lift])
    forks = boxes([[1.4, y, 0.1 + lift] for y in (-0.25, 0.25)], [1.1, 0.12, 0.05])
    carriage = boxes([[0.93, 0, 0.35 + lift]], [0.06, 0.9, 0.5])
    axles = [(-0.75, 0.42), (-0.75, -0.42), (0.6, 0.45), (0.6, -0.45)]
    wheels = [tube([[x, y - 0.1, 0.28], [x, y + 0.1, 0.28]], [0.28, 0.28], 9, closed=True) for x, y in axles]
    seat = boxes([[-0.35, 0, 1.05], [-0.58, 0, 1.3]], [[0.45, 0.5, 0.12], [0.1, 0.5, 0.5]])
    return {"body": body, "dark": merge([guard, mast, forks, carriage, seat, *wheels])}


def conveyor(length: float, rng: Rng) -> Parts:
    """A belt along x at 0.8 m with cartons on it."""
    legs = np.linspace(-length / 2 + 0.3, length / 2 - 0.3, max(2, round(length / 2.5)))
    frame = boxes([[x, y, 0.36] for x in legs for y in (-0.32, 0.32)], [0.07, 0.07, 0.75])
    rails = boxes([[0, -0.36, 0.78], [0, 0.36, 0.78]], [length, 0.05, 0.18])
    belt = boxes([[0, 0, 0.78]], [length, 0.66, 0.06])
    places = np.arange(-length / 2 + 0.5, length / 2 - 0.4, 1.1)
    places = places + rng.normal(0, 0.15, len(places))
    sizes = np.column_stack([rng.uniform(0.3, 0.6, (len(places), 2)), rng.uniform(0.2, 0.45, len(places))])
    centres = np.column_stack([places, rng.normal(0, 0.05, len(places)), 0.81 + sizes[:, 2] / 2])
    keep = rng.uniform(size=len(places)) < 0.7
    keep[0] = True
    cartons = boxes(centres[keep], sizes[keep], rng.normal(0, 0.2, int(keep.sum())))
    return {"metal": merge([frame, rails]), "dark": belt, "carton": cartons}


def machine(rng: Rng) -> Parts:
    """A cabinet with panels, a hopper or a pipe, a screen on an arm."""
    wide, deep, tall = rng.uniform(1.6, 3.4), rng.uniform(1.0, 1.8), rng.uniform(1.4, 2.4)
    body = boxes([[0, 0, tall / 2], [wide * 0.2, 0, tall + 0.25]], [[wide, deep, tall], [wide * 0.45, deep * 0.7, 0.5]])
    panels = boxes(
        [[x * wide, -deep / 2 - 0.02, tall * 0.5] for x in (-0.3, 0.02, 0.32)], [wide * 0.26, 0.04, tall * 0.75]
    )
    pipe = tube(
        [[-wide * 0.3, 0, tall], [-wide * 0.3, 0, tall + 1.2], [-wide * 0.3, deep, tall + 1.7]], [0.14, 0.14, 0.14], 8
    )
    arm = tube([[wide * 0.45, -deep / 2, 1.2], [wide * 0.45, -deep / 2 - 0.5, 1.5]], [0.04, 0.04], 5)
    screen = boxes([[wide * 0.45, -deep / 2 - 0.55, 1.6]], [0.5, 0.06, 0.36])
    return {"body": body, "panels": panels, "dark": merge([pipe, arm, screen])}


def office(rng: Rng) -> Parts:
    """A cabin of two storeys with windows, its front towards -y, and a stair along it."""
    wide, deep = float(rng.uniform(6.0, 9.0)), 4.0
    body = boxes([[0, 0, 2.8]], [wide, deep, 5.6])
    y = -deep / 2 - 0.02
    places = [(x, z) for x in np.arange(-wide / 2 + 0.5, wide / 2 - 1.4, 1.7) for z in (1.1, 3.9)]
    panes = [[[x, y, z], [x + 1.3, y, z], [x + 1.3, y, z + 1.1], [x, y, z + 1.1]] for x, z in places]
    steps = boxes([[-wide / 2 + 0.4 + 0.28 * k, -deep / 2 - 0.6, 0.2 * (k + 1)] for k in range(14)], [0.3, 1.0, 0.05])
    rail = tube([[-wide / 2 + 0.4, -deep / 2 - 1.1, 1.2], [-wide / 2 + 4.3, -deep / 2 - 1.1, 4.0]], [0.03, 0.03], 5)
    walk = boxes([[wide / 4, -deep / 2 - 0.6, 2.85]], [wide / 2, 1.2, 0.08])
    return {"body": body, "window": quads(np.array(panes)), "dark": merge([steps, rail, walk])}


def drum_group(rng: Rng) -> Parts:
    """Drums and a skip that stand about."""
    drums = [moved(cylinder(0.29, 0.88, 10), (*rng.normal(0, 0.55, 2), 0.44)) for _ in range(int(rng.integers(2, 5)))]
    return {"drums": merge(drums)}


def sack_pile(rng: Rng) -> Parts:
    """Sacks thrown on a pallet."""
    boards = boxes([[0, 0, 0.07]], PALLET_M)
    sacks = [
        lump([0.36, 0.24, 0.11], 0.12, rng, 1, (*rng.normal(0, [0.2, 0.12]), 0.22 + 0.17 * (k // 3))) for k in range(9)
    ]
    return {"timber": boards, "sacks": merge(sacks)}


def wall_clutter(
    start: NDArray[np.float64],
    way: NDArray[np.float64],
    inward: NDArray[np.float64],
    length: float,
    tall: float,
    rng: Rng,
    holes: Sequence[tuple[float, float]] = (),
) -> Mesh:
    """Pipes, conduits, boxes, boards and shelves on a wall that begins at ``start``; ``holes``: where portals are."""
    yaw = float(np.arctan2(way[1], way[0]))
    pieces = []
    for z in (tall - 2.2 - float(rng.uniform(0, 1)), 6.2 + float(rng.uniform(0, 0.6))):
        out = start + inward * 0.1 + np.array([0, 0, z])
        pieces.append(tube([out, out + way * length], [0.09, 0.09], 6))
    for place in np.arange(2.5, length - 2.5, 3.0).tolist():
        at = place + float(rng.uniform(-0.8, 0.8))
        if not any(low - 0.8 < at < high + 0.8 for low, high in holes):
            pieces += _hung(start + way * at, way, inward, yaw, tall, rng)
    return merge(pieces)


def _hung(base: NDArray[np.float64], way: NDArray[np.float64], inward: NDArray[np.float64], yaw: float, tall: float,
          rng: Rng) -> list[Mesh]:  # fmt: skip
    """One thing on a wall."""
    kind = str(rng.choice(["conduit", "box", "board", "shelf", "rib", "none"]))
    if kind == "none":
        return []
    if kind == "conduit":
        out = base + inward * 0.05
        return [tube([out + [0, 0, 0.3], out + [0, 0, tall - 1]], [0.04, 0.04], 5)]
    if kind == "shelf":
        wide, out = float(rng.uniform(1.2, 2.2)), base + inward * 0.25
        boards = boxes([out + [0, 0, z] for z in (0.3, 0.9, 1.5, 2.1)], [wide, 0.5, 0.04], yaw)
        spots = ((-0.4, 0.55), (0.3, 0.55), (0.1, 1.15), (-0.3, 1.7))
        return [boards, boxes([out + way * d + [0, 0, z] for d, z in spots], rng.uniform(0.2, 0.45, (4, 3)), yaw)]
    size, z = {
        "box": ([0.7, 0.25, 1.0], 1.5),
        "board": ([1.8, 0.05, 1.1], 1.9),
        "rib": ([0.3, 0.3, tall], tall / 2),
    }[kind]
    return [boxes([base + inward * size[1] / 2 + [0, 0, z]], size, yaw)]
