"""Houses and sheds as meshes: parts by material, front towards -y, ground at z = 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import Rng, boxes, flat, from_triangles, merge, moved
from navisplit.sim.worlds.primitives import quads

FOUNDATION_M = 0.8
"""Walls begin this far under the ground, so that no house floats on a slope."""

HOUSE_PARTS = ("walls", "roof", "trim", "glass", "door", "chimney")
Parts = dict[str, Mesh]


def house(rng: Rng) -> tuple[Parts, tuple[float, float]]:
    """One design of one or two storeys: its parts and its footprint (width, depth) in metres."""
    width, depth = rng.uniform(8.0, 10.5), rng.uniform(6.6, 8.4)
    storeys = int(rng.integers(1, 3))
    eaves = 0.4 + 2.65 * storeys
    walls = [_walls(width, depth, eaves)]
    gable_roof = rng.uniform() < 0.65
    ridge = eaves + rng.uniform(1.6, 2.6)
    roof = [_gable_roof(width, depth, eaves, ridge) if gable_roof else _hip_roof(width, depth, eaves, ridge)]
    if gable_roof:
        walls.append(_gables(width, depth, eaves, ridge))
    trim, glass = [], []
    door_at = float(rng.uniform(-0.2, 0.2) * width)
    for frame, pane in _windows(rng, width, depth, storeys, door_at):
        trim.append(frame)
        glass.append(pane)
    door = [boxes([[door_at, -depth / 2 - 0.05, 0.3 + 1.03]], [0.95, 0.08, 2.06])]
    trim.append(boxes([[door_at, -depth / 2 - 0.03, 0.3 + 1.08]], [1.2, 0.05, 2.2]))
    trim.append(boxes([[door_at, -depth / 2 - 0.61, 0.05]], [1.6, 1.2, 0.5]))  # the step
    if rng.uniform() < 0.6:
        trim.append(_porch_posts(door_at, depth))
        roof.append(boxes([[door_at, -depth / 2 - 0.85, 2.75]], [2.9, 1.8, 0.16]))
    at = [rng.uniform(-0.3, 0.3) * width, rng.uniform(0.08, 0.25) * depth, ridge - 0.3]
    chimney = boxes([at], [0.6, 0.6, 2.2])
    parts = [merge(walls), merge(roof), merge(trim), merge(glass), merge(door), chimney]
    return dict(zip(HOUSE_PARTS, parts, strict=True)), (width, depth)


def shed(rng: Rng) -> Parts:
    """A garden shed with a gable roof."""
    width, depth = rng.uniform(2.2, 3.2), rng.uniform(1.8, 2.4)
    eaves, ridge = rng.uniform(1.9, 2.1), rng.uniform(2.5, 2.9)
    walls = merge([_walls(width, depth, eaves), _gables(width, depth, eaves, ridge)])
    door = boxes([[0.0, -depth / 2 - 0.02, 0.95]], [0.9, 0.06, 1.8])
    return {"walls": walls, "roof": _gable_roof(width, depth, eaves, ridge, overhang=0.2), "door": door}


def _walls(width: float, depth: float, eaves: float) -> Mesh:
    middle = (eaves - FOUNDATION_M) / 2
    return boxes([[0.0, 0.0, middle]], [width, depth, eaves + FOUNDATION_M])


def _gables(width: float, depth: float, eaves: float, ridge: float) -> Mesh:
    """The triangles under a roof whose ridge runs along x."""
    x, y = width / 2, depth / 2
    right = [[x, -y, eaves], [x, y, eaves], [x, 0, ridge]]
    left = [[-x, y, eaves], [-x, -y, eaves], [-x, 0, ridge]]
    return flat(from_triangles(np.array(right + left), np.array([[0, 1, 2], [3, 4, 5]])))


def _gable_roof(width: float, depth: float, eaves: float, ridge: float, overhang: float = 0.45) -> Mesh:
    """Two slabs 0.14 m thick that meet in a ridge along x."""
    slope = (ridge - eaves) / (depth / 2)
    x, y, low = width / 2 + overhang, depth / 2 + overhang, eaves - slope * overhang
    profile = np.array([[-y, low], [0.0, ridge], [y, low], [y, low + 0.14], [0.0, ridge + 0.17], [-y, low + 0.14]])
    sides = []
    for i in range(6):
        (ya, za), (yb, zb) = profile[i], profile[(i + 1) % 6]
        sides.append([[-x, ya, za], [-x, yb, zb], [x, yb, zb], [x, ya, za]])
    for end, order in ((x, (0, 1, 4, 5)), (x, (1, 2, 3, 4)), (-x, (5, 4, 1, 0)), (-x, (4, 3, 2, 1))):
        sides.append([[end, *profile[k]] for k in order])
    return quads(np.array(sides))


def _hip_roof(width: float, depth: float, eaves: float, ridge: float, overhang: float = 0.45) -> Mesh:
    """Four slopes and a flat underside."""
    x, y = width / 2 + overhang, depth / 2 + overhang
    half_ridge = max(0.3, width / 2 - depth / 2 * 0.8)
    points = np.array(
        [
            [-x, -y, eaves],
            [x, -y, eaves],
            [x, y, eaves],
            [-x, y, eaves],
            [-half_ridge, 0, ridge],
            [half_ridge, 0, ridge],
        ]
    )
    faces = [[0, 1, 5], [0, 5, 4], [1, 2, 5], [2, 3, 4], [2, 4, 5], [3, 0, 4], [0, 2, 1], [0, 3, 2]]
    return flat(from_triangles(points, np.array(faces)))


def _windows(rng: Rng, width: float, depth: float, storeys: int, door_at: float) -> list[tuple[Mesh, Mesh]]:
    """Frame and pane of every window, on all four walls."""
    size = np.array([rng.uniform(1.0, 1.5), rng.uniform(1.1, 1.4)])
    found = []
    for storey in range(storeys):
        z = 1.65 + 2.65 * storey
        for side, (span, out) in enumerate(((width, depth), (depth, width), (width, depth), (depth, width))):
            for place in np.array([-0.3, 0.3] if span < 9.0 else [-0.34, 0.0, 0.34]) * span:
                if side == 0 and storey == 0 and abs(place - door_at) < 1.5:
                    continue  # the door is there
                frame = boxes(
                    [[place, -out / 2 - 0.03, z]], [size[0] + 0.2, 0.05, size[1] + 0.2]
                )  # nothing juts inside
                pane = _pane(place, -out / 2 - 0.06, z, size)
                found.append((moved(frame, (0, 0, 0), side * np.pi / 2), moved(pane, (0, 0, 0), side * np.pi / 2)))
    return found


def _pane(x: float, y: float, z: float, size: NDArray[np.float64]) -> Mesh:
    w, h = size / 2
    gap = 0.04  # of the bar between the two halves
    left = [[x - w, y, z - h], [x - gap, y, z - h], [x - gap, y, z + h], [x - w, y, z + h]]
    right = [[x + gap, y, z - h], [x + w, y, z - h], [x + w, y, z + h], [x + gap, y, z + h]]
    return quads(np.array([left, right]))


def _porch_posts(door_at: float, depth: float) -> Mesh:
    x = np.array([door_at - 1.3, door_at + 1.3])
    return boxes(np.column_stack([x, np.full(2, -depth / 2 - 1.6), np.full(2, 1.25)]), [0.14, 0.14, 2.9])
