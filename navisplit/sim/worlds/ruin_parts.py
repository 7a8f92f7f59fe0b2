"""Broken masonry: walls with holes and jagged tops, arches, columns, vaults, heaps of stone. Ground at z = 0."""

from __future__ import annotations

import numpy as np

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import Rng, boxes, flat, from_triangles, leaves, lump, merge, moved, tube
from navisplit.sim.worlds.primitives import cylinder

WALL_M, THICK_M = 8.0, 0.8
"""Length of a piece of wall, along x and centred, and its thickness."""

_FOOT_M = 0.8


def broken_wall(rng: Rng, tall: float, ruin: float) -> Mesh:
    """Upright strips of stone that end at different heights; ``ruin`` 0 whole .. 1 hardly there. Windows and a door."""
    strips = 16
    wide = WALL_M / strips
    x = (np.arange(strips) + 0.5) * wide - WALL_M / 2
    walk = np.cumsum(rng.normal(0, 0.35, strips))
    tops = tall * (1.0 - ruin * np.clip(0.5 + (walk - walk.mean()) / (np.ptp(walk) + 1e-6), 0, 1))
    tops = np.maximum(np.round(tops / 0.35) * 0.35 + rng.normal(0, 0.05, strips), 0.3)
    pieces = []
    holes = _holes(rng, strips, tall)
    for k in range(strips):
        low = -_FOOT_M
        for bottom, top in holes.get(k, ()):
            if bottom > low:
                pieces.append((x[k], low, min(bottom, tops[k])))
            low = top
        if tops[k] > low + 0.05:
            pieces.append((x[k], low, float(tops[k])))
    heights = np.array([[p[1], p[2]] for p in pieces])
    centres = np.column_stack([[p[0] for p in pieces], rng.normal(0, 0.025, len(pieces)), heights.mean(1)])
    sizes = np.column_stack(
        [np.full(len(pieces), wide + 0.004), THICK_M + rng.uniform(-0.08, 0.08, len(pieces)), np.ptp(heights, axis=1)]
    )
    return boxes(centres, sizes)


def _holes(rng: Rng, strips: int, tall: float) -> dict[int, list[tuple[float, float]]]:
    """Openings of each strip, from below: doors with a rounded top and windows."""
    found: dict[int, list[tuple[float, float]]] = {}
    for first, bottom, high, width in ((3, 0.9, 1.9, 3), (10, 0.9, 1.9, 3)):
        roll = rng.uniform()
        if roll < 0.35:
            continue
        if roll > 0.75:  # a way through for people
            bottom, high, width = -_FOOT_M + 0.05, 2.7 + _FOOT_M, 4
        for k in range(width):
            arch = 0.45 * np.sin(np.pi * (k + 0.5) / width)
            found.setdefault(first + k, []).append((bottom, bottom + high + float(arch)))
            if tall > 5.5 and width == 3:
                found[first + k].append((4.1, 5.4 + float(arch)))
    return found


def arch(rng: Rng, span: float, tall: float, whole: bool) -> Mesh:
    """Two piers along x and voussoirs between them; one that is not whole has lost its keystones."""
    thick = 0.75
    spring = tall - span / 2
    piers = boxes(
        [[s * (span / 2 + thick / 2), 0, (spring - _FOOT_M) / 2] for s in (-1, 1)], [thick, 0.9, spring + _FOOT_M]
    )
    stones = []
    edges = np.linspace(0, np.pi, 12)
    for k, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        if not whole and 4 <= k <= 6:
            continue
        inner, outer = span / 2, span / 2 + thick + float(rng.uniform(-0.05, 0.05))
        profile = [(r * np.cos(t), spring + r * np.sin(t)) for r, t in ((inner, a), (outer, a), (outer, b), (inner, b))]
        stones.append(_prism(np.array(profile), 0.9 + float(rng.uniform(-0.06, 0.06))))
    return merge([piers, *stones])


def vault(rng: Rng, span: float, tall: float, length: float) -> Mesh:
    """A barrel vault along y that has fallen in here and there."""
    spring, thick = tall - span / 2, 0.45
    pieces = []
    edges = np.linspace(0, np.pi, 10)
    for y in np.arange(-length / 2, length / 2 - 0.4, 1.0):
        gone = set(np.flatnonzero(rng.uniform(size=9) < 0.3).tolist())
        for k, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            if k in gone:
                continue
            corners = ((span / 2, a), (span / 2 + thick, a), (span / 2 + thick, b), (span / 2, b))
            profile = np.array([(r * np.cos(t), spring + r * np.sin(t)) for r, t in corners])
            pieces.append(moved(_prism(profile, 1.0), (0.0, float(y) + 0.5, 0.0)))
    walls = boxes(
        [[s * (span / 2 + thick / 2), 0, (spring - _FOOT_M) / 2] for s in (-1, 1)], [thick, length, spring + _FOOT_M]
    )
    return merge([walls, *pieces])


def _prism(profile: np.ndarray, deep: float) -> Mesh:
    """A stone with a convex outline (4, 2) of x and z, counter-clockwise as seen from -y, ``deep`` along y."""
    near = np.column_stack([profile[:, 0], np.full(4, -deep / 2), profile[:, 1]])
    points = np.concatenate([near, near + [0, deep, 0]])
    faces = [[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6]]
    for k in range(4):
        j = (k + 1) % 4
        faces += [[k, k + 4, j + 4], [k, j + 4, j]]
    return flat(from_triangles(points, np.array(faces)))


def column(rng: Rng, tall: float, broken: bool) -> Mesh:
    """Drums on a base; a whole one has a capital."""
    pieces = [boxes([[0, 0, 0.0]], [1.1, 1.1, 0.7])]
    z, radius = 0.35, 0.42
    while z < tall - 0.2:
        high = min(float(rng.uniform(0.8, 1.2)), tall - z)
        pieces.append(
            moved(cylinder(radius, high, 11), (*rng.normal(0, 0.02, 2), z + high / 2), float(rng.uniform(0, 6)))
        )
        z, radius = z + high, radius * 0.985
    if broken:
        pieces.append(lump([0.4, 0.38, 0.3], 0.25, rng, 1, (0, 0, z)))
    else:
        pieces.append(boxes([[0, 0, z + 0.1], [0, 0, z + 0.35]], [[0.95, 0.95, 0.25], [1.2, 1.2, 0.25]]))
    return merge(pieces)


def fallen_column(rng: Rng) -> Mesh:
    """Drums in a row on the ground, parted as they fell."""
    pieces, x = [], -2.6
    for _ in range(int(rng.integers(3, 6))):
        long = float(rng.uniform(0.8, 1.2))
        lying = tube([[0, 0, 0], [long, 0, 0]], [0.41, 0.41], 11, closed=True)
        end = tube([[long, 0, 0], [0, 0, 0]], [0.41, 0.41], 11, closed=True)
        pieces.append(moved(merge([lying, end]), (x, float(rng.normal(0, 0.12)), 0.3), float(rng.normal(0, 0.12))))
        x += long + abs(float(rng.normal(0.1, 0.15)))
    return merge(pieces)


def heap(rng: Rng, radius: float) -> Mesh:
    """Blocks and stones where something came down."""
    count = round(14 * radius)
    distance = radius * np.sqrt(rng.uniform(size=count))
    angle = rng.uniform(0, 2 * np.pi, count)
    rise = 0.55 * (radius - distance) * rng.uniform(0.5, 1.0, count)
    centres = np.column_stack([distance * np.cos(angle), distance * np.sin(angle), rise])
    sizes = rng.uniform(0.25, 0.8, (count, 3))
    blocks = boxes(centres[::2], sizes[::2], rng.uniform(0, 3, len(centres[::2])))
    stones = [lump(s / 1.6, 0.2, rng, 0, c) for c, s in zip(centres[1::2], sizes[1::2], strict=True)]
    mound = lump([radius * 0.9, radius * 0.9, radius * 0.45], 0.12, rng, 1)
    return merge([Mesh(blocks.vertices, blocks.faces, blocks.normals), *stones, mound])


def ivy(rng: Rng, tall: float) -> Mesh:
    """Leaves on both faces of a piece of wall, thick below."""
    count = 150
    side = rng.choice([-1.0, 1.0], count)
    x = rng.normal(0, WALL_M / 5, count).clip(-WALL_M / 2, WALL_M / 2)
    z = tall * rng.uniform(0, 1, count) ** 1.5
    spots = np.column_stack([x, side * (THICK_M / 2 + rng.uniform(0.03, 0.18, count)), z])
    outward = np.column_stack([rng.normal(0, 0.3, count), side, rng.normal(0.2, 0.3, count)])
    return leaves(spots, outward / np.linalg.norm(outward, axis=1, keepdims=True), rng.uniform(0.14, 0.3, count), rng)
