"""Plants and stones as meshes: every function draws one individual from a generator of random numbers.

A tree is a pair (wood, crown). Crowns are uneven lumps with loose leaves around them: the lumps stop a view and a
drone, the leaves give the outline of foliage. Heights are metres above the root.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import Rng, flat, leaves, lump, merge, moved, skirt, tube

ROOT_DEPTH_M = 0.4
"""Trunks begin this far under the ground, so that none floats on a slope."""


@dataclass(frozen=True)
class Tree:
    """Meshes of one individual."""

    wood: Mesh
    crown: Mesh | None
    trunk_radius: float  # m, at the ground


def broadleaf(rng: Rng, size: float = 1.0) -> Tree:
    """Oak or beech: a slightly bent trunk that forks into branches, each with its cluster; some branches hang low."""
    height, radius = rng.uniform(6.5, 9.0) * size, rng.uniform(0.17, 0.33) * size
    fork = height * rng.uniform(0.42, 0.55)
    path, radii = _trunk(rng, fork, radius, radius * 0.62, points=4, bend=0.03 * height)
    wood, clusters = [tube(path, radii, 6)], []
    count = int(rng.integers(3, 5))
    for k in range(count):
        yaw = 2 * np.pi * (k + rng.uniform(-0.25, 0.25)) / count
        reach, rise = rng.uniform(0.13, 0.22) * height, rng.uniform(0.14, 0.36) * height
        tip = path[-1] + [reach * np.cos(yaw), reach * np.sin(yaw), rise]
        wood.append(_branch(path[-1] - [0, 0, 0.2], tip, radius * 0.42, sag=-0.12, sides=3))
        clusters.append((tip, rng.uniform(0.15, 0.21) * height))
    clusters.append((path[-1] + [0, 0, 0.4 * height], 0.2 * height))
    for _ in range(int(rng.integers(1, 4))):  # low branches: obstacles at the height of flight
        start = _point_on(path, rng.uniform(0.45, 0.85))
        yaw, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.9)
        tip = start + [reach * np.cos(yaw), reach * np.sin(yaw), rng.uniform(-0.1, 0.6)]
        wood.append(_branch(start, tip, radius * 0.22, sag=0.1, sides=3))
        clusters.append((tip, rng.uniform(0.3, 0.55)))
    return Tree(merge(wood), _crown(rng, clusters), radius)


def birch(rng: Rng, size: float = 1.0) -> Tree:
    """A slim pale trunk, thin rising branches and small airy clusters up its length."""
    height, radius = rng.uniform(8.0, 11.0) * size, rng.uniform(0.1, 0.16) * size
    path, radii = _trunk(rng, height, radius, 0.02, points=6, bend=0.035 * height)
    wood, clusters = [tube(path, radii, 6)], []
    for level in np.linspace(0.32, 0.9, int(rng.integers(6, 8))):
        start, yaw = _point_on(path, level), rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(0.5, 1.2) * (1.2 - level)
        tip = start + [reach * np.cos(yaw), reach * np.sin(yaw), rng.uniform(0.2, 0.7)]
        wood.append(_branch(start, tip, radius * 0.25, sag=0.05, sides=3, points=2))
        clusters.append((tip, rng.uniform(0.6, 0.9) * (1.3 - 0.6 * level)))
    clusters.append((path[-1], 0.55))
    return Tree(merge(wood), _crown(rng, clusters), radius)


def conifer(rng: Rng, size: float = 1.0) -> Tree:
    """Spruce: a straight trunk with whorls of drooping boughs, dead twigs under them."""
    height, radius = rng.uniform(8.0, 12.0) * size, rng.uniform(0.13, 0.24) * size
    path, radii = _trunk(rng, height * 0.96, radius, 0.03, points=3, bend=0.01 * height)
    wood, layers = [tube(path, radii, 6)], []
    bottom = rng.uniform(0.1, 0.24) * height
    width = rng.uniform(0.19, 0.25) * height
    for share in (0.1, 0.45):  # dark cores, which make the tree dense near its trunk
        low = bottom + (height - bottom) * share
        layers.append(skirt(low, min(low + 0.6 * height, height), 0.36 * width * (1.05 - share), 5, 0.2, rng))
    count = int(rng.integers(9, 11))
    for k in range(count):
        share = (k + rng.uniform(-0.2, 0.2)) / count
        centre = _point_on(path, (bottom + (height - bottom) * max(share, 0.0) * 0.97) / height)
        layers.append(_boughs(rng, centre, width * (1 - share) ** 0.8 + 0.15, 7 if share < 0.6 else 5))
    layers.append(skirt(0.88 * height, 1.02 * height, 0.03 * height, 3, 0.1, rng))
    for _ in range(3):
        start, yaw = _point_on(path, rng.uniform(0.12, 0.25)), rng.uniform(0, 2 * np.pi)
        tip = start + [rng.uniform(0.5, 1.2) * np.cos(yaw), rng.uniform(0.5, 1.2) * np.sin(yaw), -0.1]
        wood.append(_branch(start, tip, 0.03, sag=0.05, sides=3, points=2))
    return Tree(merge(wood), merge(layers), radius)


def dead_tree(rng: Rng, size: float = 1.0) -> Tree:
    """A broken trunk with bare branches."""
    height, radius = rng.uniform(3.5, 6.5) * size, rng.uniform(0.13, 0.26) * size
    path, radii = _trunk(rng, height, radius, radius * 0.5, points=5, bend=0.05 * height)
    wood = [tube(path, radii, 7, closed=True)]
    for _ in range(int(rng.integers(5, 8))):
        start, yaw = _point_on(path, rng.uniform(0.3, 0.97)), rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(0.5, 1.9)
        tip = start + [reach * np.cos(yaw), reach * np.sin(yaw), rng.uniform(0.0, 0.9)]
        wood.append(_branch(start, tip, radius * 0.25, sag=0.12, sides=4))
    return Tree(merge(wood), None, radius)


def far_tree(rng: Rng) -> Tree:
    """A conifer of few triangles, for the hills of the horizon."""
    height = rng.uniform(9.0, 14.0)
    cuts = np.linspace(0.08, 0.7, 3) * height
    layers = [skirt(low, min(low + 0.5 * height, height), 0.2 * height - 0.2 * low, 5, 0.35, rng) for low in cuts]
    return Tree(tube([[0, 0, -1.0], [0, 0, 0.3 * height]], [0.2, 0.15], 4), merge(layers), 0.2)


def sapling(rng: Rng, size: float = 1.0) -> Tree:
    """A young tree whose whole crown is at the height of flight (1-4 m)."""
    height, radius = rng.uniform(2.6, 4.2) * size, rng.uniform(0.035, 0.07)
    path, radii = _trunk(rng, height, radius, 0.012, points=4, bend=0.06 * height)
    clusters = [(_point_on(path, f) + rng.normal(0, 0.22, 3), rng.uniform(0.3, 0.55)) for f in (0.45, 0.62, 0.8, 0.97)]
    return Tree(tube(path, radii, 5), _crown(rng, clusters), radius)


def bush(rng: Rng, size: float = 1.0) -> Mesh:
    """A shrub 0.8-1.8 m high, of a few lumps under loose leaves."""
    height = rng.uniform(0.8, 1.7) * size
    clusters = []
    for _ in range(2):
        offset = rng.normal(0, 0.28, 2) * height
        clusters.append((np.array([*offset, height * rng.uniform(0.25, 0.5)]), height * rng.uniform(0.4, 0.52)))
    return _crown(rng, clusters, 0.75, core_from=0.0)


def fern(rng: Rng) -> Mesh:
    """Fronds that arch out of one root, 0.4-0.8 m high."""
    fronds, count = [], int(rng.integers(7, 10))
    for k in range(count):
        yaw = 2 * np.pi * (k + rng.uniform(-0.3, 0.3)) / count
        length, rise = rng.uniform(0.5, 0.85), rng.uniform(0.3, 0.55)
        share = np.array([0.0, 0.35, 0.7, 1.0])
        spine = np.stack([share * length, 0 * share, rise * np.sin(share * 2.3)], 1)
        width = np.array([0.03, 0.13, 0.1, 0.01])
        left, right = spine + np.outer(width, [0, 1, 0.1]), spine - np.outer(width, [0, 1, -0.1])
        rows = np.concatenate([left, right])
        faces = [[i, 4 + i, 5 + i] for i in range(3)] + [[i, 5 + i, 1 + i] for i in range(3)]
        sheet = Mesh(rows.astype(np.float32), np.asarray(faces, np.int32), np.tile(np.float32([0.0, 0.0, 1.0]), (8, 1)))
        fronds.append(moved(sheet, (0, 0, 0), yaw))
    return merge(fronds)


def grass(points: NDArray[np.float64], rng: Rng, height: tuple[float, float] = (0.15, 0.55)) -> Mesh:
    """Tufts of three blades at ground points (N, 3), as one mesh."""
    count = 3 * len(points)
    offset = np.column_stack([rng.normal(0, 0.09, (count, 2)), np.zeros(count)])
    roots = np.repeat(points, 3, axis=0) + offset
    yaw, tall = rng.uniform(0, np.pi, count), rng.uniform(*height, count)
    side = np.stack([np.cos(yaw), np.sin(yaw), 0 * yaw], 1) * 0.07
    tip = roots + np.stack([rng.normal(0, 0.35, count) * tall, rng.normal(0, 0.35, count) * tall, tall], 1)
    vertices = np.stack([roots - side, roots + side, tip], 1).reshape(-1, 3)
    normals = np.tile(np.float32([0.0, 0.0, 1.0]), (len(vertices), 1))  # lit as the ground they grow on
    return Mesh(vertices.astype(np.float32), np.arange(len(vertices), dtype=np.int32).reshape(-1, 3), normals)


def rock(rng: Rng) -> Mesh:
    """A boulder 0.5-1.6 m across, sunk into the ground."""
    radii = rng.uniform(0.25, 0.8) * rng.uniform(0.7, 1.2, 3) * [1, 1, 0.75]
    return moved(flat(lump(radii, 0.12, rng, subdivisions=1)), [0, 0, 0.3 * radii[2]])


def stump(rng: Rng) -> Mesh:
    """What a saw or the wind left of a tree."""
    tall, radius = rng.uniform(0.3, 1.1), rng.uniform(0.16, 0.3)
    return tube([[0, 0, -0.2], [0, 0, 0.15], [0, 0, tall]], [1.5 * radius, 1.05 * radius, radius], 8, closed=True)


def fallen_log(rng: Rng) -> Mesh:
    """A trunk lying along x with stumps of branches."""
    length, radius = rng.uniform(2.5, 6.0), rng.uniform(0.14, 0.3)
    share = np.linspace(-0.5, 0.5, 4)
    path = np.stack([share * length, rng.normal(0, 0.06, 4), np.full(4, radius * 0.75)], 1)
    parts = [tube(path, radius * np.array([1.0, 0.93, 0.88, 0.75]), 8, closed=True)]
    for _ in range(3):
        start = _point_on(path, rng.uniform(0.15, 0.9))
        tip = start + [rng.normal(0, 0.3), rng.normal(0, 0.5), rng.uniform(0.3, 1.0)]
        parts.append(_branch(start, tip, radius * 0.3, sag=0.0, sides=4, points=2))
    return merge(parts)


SPECIES: dict[str, Callable[..., Tree]] = {
    "broadleaf": broadleaf,
    "conifer": conifer,
    "birch": birch,
    "dead": dead_tree,
    "sapling": sapling,
}


def _trunk(
    rng: Rng, height: float, low: float, high: float, points: int, bend: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Path and radii of a trunk from under the ground to its end, flared at the root."""
    share = np.linspace(0, 1, points)
    lean, curve = rng.normal(0, bend, 2), rng.normal(0, bend, 2)
    offset = np.outer(share, lean) + np.outer(np.sin(share * np.pi), curve)
    path = np.concatenate([offset, (share * height)[:, None]], axis=1)
    path = np.concatenate([[[0.0, 0.0, -ROOT_DEPTH_M]], path])
    radii = np.concatenate([[low * 1.45], low + (high - low) * share])
    radii[1] *= 1.12
    return path, radii


def _branch(start: NDArray, tip: NDArray, radius: float, sag: float, sides: int = 4, points: int = 3) -> Mesh:
    """A limb that thins towards its tip and sags (or rises, if negative) in its middle by a share of its length."""
    share = np.linspace(0, 1, points)
    path = start + np.outer(share, tip - start)
    path[:, 2] -= sag * np.linalg.norm(tip - start) * np.sin(share * np.pi)
    return tube(path, radius * (1 - 0.75 * share), sides)


def _point_on(path: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The point at a share (0..1) of a path, its underground first segment left out."""
    place = np.clip(share, 0, 1) * (len(path) - 2) + 1
    i = min(int(place), len(path) - 2)
    return path[i] + (place - i) * (path[i + 1] - path[i])


def _boughs(rng: Rng, centre: NDArray, reach: float, count: int) -> Mesh:
    """A whorl of conifer branches: drooping cards folded along their spines."""
    yaw = 2 * np.pi * (np.arange(count) + rng.uniform(0, 1) + rng.uniform(-0.25, 0.25, count)) / count
    radial, side = np.stack([np.cos(yaw), np.sin(yaw), 0 * yaw], 1), np.stack([-np.sin(yaw), np.cos(yaw), 0 * yaw], 1)
    length = (reach * rng.uniform(0.75, 1.15, count))[:, None]
    root = centre + [0, 0, 0.28] * length
    tip = root + radial * length + [0, 0, -0.45] * length * rng.uniform(0.6, 1.2, (count, 1))
    middle = root + (tip - root) * rng.uniform(0.5, 0.7, (count, 1)) + [0, 0, -0.12] * length
    half = 0.3 * length + 0.06
    points = np.stack([root, middle - side * half, tip, middle + side * half], axis=1).reshape(-1, 3)
    first = np.arange(count)[:, None] * 4
    faces = np.concatenate([first + [0, 1, 2], first + [0, 2, 3]], axis=1).reshape(-1, 3).astype(np.int32)
    outward = np.repeat(radial + [0, 0, 0.8], 4, axis=0)
    normals = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    return Mesh(points.astype(np.float32), faces, normals.astype(np.float32))


def _crown(rng: Rng, clusters: list[tuple[NDArray, float]], density: float = 1.0, core_from: float = 0.75) -> Mesh:
    """Clusters of foliage at (centre, radius): a shell of ragged cards, around a dark core from a radius on (m).

    Smaller ones are all cards, so that a branch looks like a branch and not like a ball on a stick.
    """
    parts = []
    for centre, radius in clusters:
        large = radius > core_from
        if large:
            parts.append(lump(np.array([1, 1, 0.75]) * radius * 0.85, 0.12, rng, centre=centre))
        count = max(7, int(density * (7 * radius + 8 if large else 6 * radius + 7)))
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        depth = rng.uniform(0.75, 1.1, (count, 1)) if large else rng.uniform(0.3, 1.15, (count, 1))
        size = (0.24 + 0.24 * radius) * rng.uniform(0.7, 1.35, count)
        parts.append(leaves(np.asarray(centre) + direction * depth * radius * [1, 1, 0.75], direction, size, rng))
    return merge(parts)
