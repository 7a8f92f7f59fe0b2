"""What stands along a street: cars, lamps, poles and wires, fences, hedges, mailboxes. Ground at z = 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import Rng, boxes, flat, from_triangles, leaves, merge, tube
from navisplit.sim.worlds.primitives import quads
from navisplit.sim.worlds.terrain import Terrain

PANEL_M = 4.0
"""Length of one piece of fence or hedge, along x from 0."""


def car(rng: Rng) -> dict[str, Mesh]:
    """A saloon, estate or van along x, nose towards +x: paint, glass and dark parts."""
    length, width = rng.uniform(3.9, 4.8), rng.uniform(1.68, 1.86)
    kind = rng.integers(3)
    tail = {0: [(-0.5, 0.62), (-0.36, 0.66), (-0.22, 1.0)], 1: [(-0.5, 0.66), (-0.485, 0.72), (-0.43, 1.0)]}.get(
        int(kind), [(-0.5, 0.7), (-0.495, 0.95), (-0.47, 1.0)]
    )
    tall = {0: 1.42, 1: 1.5, 2: 1.9}[int(kind)] * rng.uniform(0.97, 1.05)
    nose = [(0.06, 1.0), (0.22, 0.66), (0.43, 0.58), (0.495, 0.48), (0.5, 0.2)]
    if kind == 2:
        nose = [(0.3, 1.0), (0.42, 0.62), (0.49, 0.52), (0.5, 0.2)]
    outline = [(-0.5, 0.2), *tail, *nose]
    x = np.array([p[0] for p in outline]) * length
    z = np.array([p[1] for p in outline]) * tall
    half = width / 2 * np.where(z > 0.72 * tall, 0.8, np.where(z < 0.3 * tall, 0.94, 1.0))
    paint = _loft(x, z, half)
    wheels = [_wheel(fx * length, fy * (width / 2 - 0.09)) for fx in (-0.31, 0.31) for fy in (-1, 1)]
    base = boxes([[0, 0, 0.26]], [0.94 * length, 0.9 * width, 0.2])
    return {"paint": paint, "glass": _car_glass(x, z, half, tall), "dark": merge([*wheels, base])}


def _loft(x: NDArray[np.float64], z: NDArray[np.float64], half: NDArray[np.float64]) -> Mesh:
    """A closed body from a side outline and its half width at each point; flat-shaded."""
    count = len(x)
    left, right = np.stack([x, half, z], 1), np.stack([x, -half, z], 1)
    middle = np.array([[np.mean(x), half.max(), z.mean()], [np.mean(x), -half.max(), z.mean()]])
    points = np.concatenate([left, right, middle])
    faces = []
    for i in range(count):
        j = (i + 1) % count
        faces += [
            [i, j, count + j],
            [i, count + j, count + i],
            [j, i, 2 * count],
            [count + i, count + j, 2 * count + 1],
        ]
    return flat(from_triangles(points, np.array(faces)[:, ::-1]))


def _car_glass(x: NDArray[np.float64], z: NDArray[np.float64], half: NDArray[np.float64], tall: float) -> Mesh:
    """Windscreen, rear window and side windows, a finger's breadth off the body."""
    top = int(np.flatnonzero(z > 0.95 * tall)[0])
    panes = []
    for i, j, sign in ((top + 1, top + 2, 1.0), (top, top - 1, -1.0)):
        share = np.array([0.12, 0.88])
        px, pz = x[i] + share * (x[j] - x[i]), z[i] + share * (z[j] - z[i])
        width = 0.88 * (half[i] + share * (half[j] - half[i]))
        lift = np.array([0.02 * sign, 0.0, 0.02])
        pane = [
            [px[1], -width[1], pz[1]],
            [px[1], width[1], pz[1]],
            [px[0], width[0], pz[0]],
            [px[0], -width[0], pz[0]],
        ]
        panes.append((np.array(pane) + lift)[:: int(sign)])
    low, high = 0.69 * tall, 0.93 * tall
    front, back = x[top + 1] + 0.25 * (x[top + 2] - x[top + 1]), x[top] + 0.25 * (x[top - 1] - x[top])
    for sign in (1.0, -1.0):
        y_low, y_high = sign * (half.max() + 0.015), sign * (0.86 * half.max() + 0.015)
        side = [[back - 0.15, y_low, low], [front + 0.3, y_low, low], [front, y_high, high], [back, y_high, high]]
        panes.append(np.array(side)[:: -int(sign)])
    return quads(np.array(panes))


def _wheel(x: float, y: float) -> Mesh:
    axis = np.array([[x, y - 0.1, 0.31], [x, y + 0.1, 0.31]])
    return merge([tube(axis, [0.31, 0.31], 9, closed=True), tube(axis[::-1], [0.31, 0.31], 9, closed=True)])


def lamp_post(rng: Rng) -> dict[str, Mesh]:
    """A street lamp 4.5-5.5 m high whose arm reaches along +x."""
    tall = rng.uniform(4.5, 5.5)
    post = tube([[0, 0, -0.3], [0, 0, 0.8], [0, 0, tall]], [0.09, 0.075, 0.05], 7)
    arm = tube([[0, 0, tall - 0.05], [0.45, 0, tall + 0.22], [1.2, 0, tall + 0.28]], [0.05, 0.04, 0.035], 5)
    head = boxes([[1.35, 0, tall + 0.25]], [0.6, 0.22, 0.12])
    return {"metal": merge([post, arm, head])}


def pole() -> dict[str, Mesh]:
    """A wooden pole with a cross arm along y at 5.6 m."""
    post = tube([[0, 0, -0.4], [0, 0, 6.3]], [0.14, 0.1], 8, closed=True)
    return {"wood": merge([post, boxes([[0, 0, 5.6]], [0.1, 1.7, 0.12])])}


POLE_WIRES = ((-0.75, 5.68), (0.75, 5.68), (0.0, 6.32))
"""Where wires hang on a pole: y and z in its frame."""


def wire(start: ArrayLike, end: ArrayLike, sag: float) -> Mesh:
    """A hanging wire, a little thicker (3 cm) than a real one so that cameras and rays meet it."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    share = np.linspace(0, 1, 7)
    path = start + share[:, None] * (end - start)
    path[:, 2] -= sag * 4 * share * (1 - share)
    return tube(path, np.full(7, 0.015), 3)


def board_fence(rng: Rng) -> Mesh:
    """Closed boards 1.5-1.8 m high between posts."""
    tall = rng.uniform(1.5, 1.8)
    board = boxes([[PANEL_M / 2, 0, tall / 2]], [PANEL_M, 0.04, tall - 0.1])
    posts = boxes([[0.05, 0, tall / 2 - 0.2], [PANEL_M / 2, 0, tall / 2 - 0.2]], [0.1, 0.1, tall + 0.4])
    return merge([board, posts])


def picket_fence(rng: Rng) -> Mesh:
    """Open pickets 0.9-1.1 m high on two rails."""
    tall = rng.uniform(0.9, 1.1)
    x = np.arange(0.1, PANEL_M, 0.25)
    picket = [[-0.05, 0, 0.08], [0.05, 0, 0.08], [0.05, 0, tall], [-0.05, 0, tall]]
    pickets = quads(np.array(picket)[None] + np.column_stack([x, np.full(len(x), -0.04), 0 * x])[:, None])
    rails = boxes([[PANEL_M / 2, 0, 0.3], [PANEL_M / 2, 0, 0.75]], [PANEL_M, 0.05, 0.09])
    post = boxes([[0.05, 0, tall / 2 - 0.2]], [0.1, 0.1, tall + 0.4])
    return merge([pickets, rails, post])


def hedge(rng: Rng) -> Mesh:
    """Cut greenery 1.0-1.7 m high and about 0.8 m thick, with loose leaves on its faces."""
    tall, thick = rng.uniform(1.0, 1.7), rng.uniform(0.6, 0.9)
    stations = np.linspace(-0.1, PANEL_M + 0.1, 6)
    ring = np.array([[-0.5, -0.15], [-0.54, 0.5], [-0.4, 0.97], [0.4, 0.97], [0.54, 0.5], [0.5, -0.15]])
    points = []
    for x in stations:
        wobble = 1 + rng.normal(0, 0.06, (6, 2))
        yz = ring * [thick, tall] * wobble
        points.append(np.column_stack([np.full(6, x) + rng.normal(0, 0.05, 6), yz]))
    points = np.concatenate(points)
    faces = []
    for row in range(5):
        for k in range(5):
            a, b = row * 6 + k, row * 6 + k + 1
            faces += [[a, b, b + 6], [a, b + 6, a + 6]]
    caps = [[0, k + 1, k] for k in range(1, 5)] + [[30, 30 + k, 30 + k + 1] for k in range(1, 5)]
    body = from_triangles(points, np.array(faces + caps)[:, ::-1])
    chosen = rng.integers(0, len(body.vertices), 26)
    spots = body.vertices[chosen] + body.normals[chosen] * 0.04 + rng.normal(0, [0.3, 0.02, 0.05], (26, 3))
    return merge([body, leaves(spots.astype(np.float64), body.normals[chosen].astype(np.float64), 0.12, rng)])


def mailbox(rng: Rng) -> dict[str, Mesh]:
    """A box on a post, 1.1 m high."""
    post = boxes([[0, 0, 0.4]], [0.09, 0.09, 1.2])
    body = tube([[-0.25, 0, 1.1], [0.25, 0, 1.1]], [0.14, 0.14], 8, closed=True)
    lid = tube([[0.25, 0, 1.1], [-0.25, 0, 1.1]], [0.14, 0.14], 8, closed=True)
    return {"wood": post, "metal": merge([body, lid])}


def ribbon(terrain: Terrain, start: ArrayLike, end: ArrayLike, width: float, lift: float = 0.03) -> Mesh:
    """A paved strip on the ground from start to end (2,), in the map frame."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    along = end - start
    length = float(np.linalg.norm(along))
    count = max(2, int(length / 1.2) + 1)
    across = np.array([-along[1], along[0]]) / max(length, 1e-9) * width / 2
    middle = start + np.linspace(0, 1, count)[:, None] * along
    rows = np.stack([middle + across, middle - across], axis=1).reshape(-1, 2)
    points = np.column_stack([rows, terrain.height(rows[:, 0], rows[:, 1]) + lift])
    first = np.arange(count - 1)[:, None] * 2
    faces = np.concatenate([first + [0, 1, 3], first + [0, 3, 2]]).reshape(-1, 3)
    return from_triangles(points, faces)


CLUTTER = ("table", "trampoline", "slide", "bins")
"""Kinds of things in gardens, each a frame and a cover."""


def garden_clutter(kind: str, rng: Rng) -> dict[str, Mesh]:
    """One of ``CLUTTER``."""
    if kind == "table":
        legs = boxes([[x, y, 0.35] for x in (-0.6, 0.6) for y in (-0.35, 0.35)], [0.06, 0.06, 0.72])
        seats = boxes([[x, y, 0.45] for x in (-0.4, 0.4) for y in (-0.8, 0.8)], [0.45, 0.45, 0.08])
        pole = tube([[0, 0, 0], [0, 0, 2.3]], [0.03, 0.03], 5)
        shade = from_triangles(*_umbrella(float(rng.uniform(1.2, 1.6))))
        return {"frame": merge([legs, seats, pole, boxes([[0, 0, 0.73]], [1.4, 0.9, 0.05])]), "cover": flat(shade)}
    if kind == "trampoline":
        angle = np.arange(8) * np.pi / 4
        legs = [tube([[1.4 * c, 1.4 * s, 0], [1.4 * c, 1.4 * s, 2.2]], [0.03, 0.03], 4) for c, s in _circle(angle)]
        ring = tube([[0, 0, 0.7], [0, 0, 0.8]], [1.4, 1.4], 16, closed=True)
        return {"frame": merge(legs), "cover": ring}
    if kind == "slide":
        posts = boxes([[x, y, 0.9] for x in (-0.3, 0.3) for y in (-0.3, 0.3)], [0.08, 0.08, 1.8])
        chute = quads(np.array([[[0.3, -0.28, 1.3], [2.1, -0.28, 0.25], [2.1, 0.28, 0.25], [0.3, 0.28, 1.3]]]))
        return {"frame": posts, "cover": merge([chute, boxes([[0, 0, 1.3]], [0.7, 0.7, 0.06])])}
    cans = [boxes([[x, 0, 0.5]], [0.55, 0.6, 1.0]) for x in (-0.4, 0.4)]
    return {"frame": merge(cans), "cover": boxes([[-0.4, 0, 1.03], [0.4, 0, 1.03]], [0.58, 0.66, 0.08])}


def _circle(angle: NDArray[np.float64]) -> list[tuple[float, float]]:
    return list(zip(np.cos(angle).tolist(), np.sin(angle).tolist(), strict=True))


def _umbrella(radius: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rim = np.array([[radius * c, radius * s, 1.95] for c, s in _circle(np.arange(8) * np.pi / 4)])
    around = np.arange(8)
    return np.concatenate([rim, [[0, 0, 2.4]]]), np.stack([around, (around + 1) % 8, np.full(8, 8)], 1)
