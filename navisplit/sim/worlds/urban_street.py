"""What stands in the streets of a town: lights, signs, benches, shelters, scaffolds, bridges. Ground at z = 0."""

from __future__ import annotations

import numpy as np

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import Rng, boxes, lump, merge, moved, tube
from navisplit.sim.worlds.primitives import cylinder, quads
from navisplit.sim.worlds.street import wire

SCAFFOLD_BAY_M, SCAFFOLD_LIFT_M, SCAFFOLD_DEEP_M = 2.5, 2.0, 1.0


def traffic_light() -> dict[str, Mesh]:
    """A post with a light of three lamps that faces -x."""
    post = tube([[0, 0, -0.3], [0, 0, 3.4]], [0.07, 0.06], 7, closed=True)
    back = boxes([[0, 0, 2.9]], [0.28, 0.3, 0.9])
    parts = {"metal": merge([post, back])}
    for name, z in (("red", 3.17), ("amber", 2.9), ("green", 2.63)):
        parts[name] = quads(
            np.array(
                [[[-0.15, 0.09, z - 0.09], [-0.15, -0.09, z - 0.09], [-0.15, -0.09, z + 0.09], [-0.15, 0.09, z + 0.09]]]
            )
        )
    return parts


def road_sign(rng: Rng) -> dict[str, Mesh]:
    """A post with one or two plates that face -x: round, triangle or board."""
    tall = float(rng.uniform(2.3, 2.9))
    post = tube([[0, 0, -0.3], [0, 0, tall + 0.3]], [0.035, 0.035], 6)
    sides = int(rng.choice([3, 4, 12]))
    plate = moved(cylinder(0.34, 0.03, sides), (0, 0, 0))
    turned = plate.vertices[:, [2, 1, 0]] * np.float32([-1, 1, 1])
    face = Mesh(turned - np.float32([0.05, 0, 0]) + np.float32([0, 0, tall]), plate.faces, _swap(plate))
    extra = boxes([[-0.05, 0, tall - 0.55]], [0.03, 0.6, 0.22])
    return {"metal": post, "plate": face, "extra": extra}


def _swap(mesh: Mesh) -> np.ndarray:
    return (mesh.normals[:, [2, 1, 0]] * np.float32([-1, 1, 1])).astype(np.float32)


def bench() -> dict[str, Mesh]:
    """Slats along x on two feet."""
    slats = boxes([[0, y, 0.45] for y in (-0.18, 0.0, 0.18)] + [[0, 0.26, z] for z in (0.68, 0.85)], [1.7, 0.12, 0.04])
    feet = boxes([[-0.7, 0.03, 0.2], [0.7, 0.03, 0.2]], [0.06, 0.5, 0.45])
    return {"wood": slats, "metal": feet}


def litter_bin(rng: Rng) -> Mesh:
    """A round bin with a lid."""
    tall = float(rng.uniform(0.8, 1.1))
    return merge([moved(cylinder(0.24, tall, 10), (0, 0, tall / 2)), moved(cylinder(0.28, 0.08, 10), (0, 0, tall))])


def bollard() -> Mesh:
    """A post that keeps cars off the walk."""
    return tube([[0, 0, -0.2], [0, 0, 0.9]], [0.07, 0.06], 7, closed=True)


def shelter() -> dict[str, Mesh]:
    """A bus shelter open towards -y, 4 m long."""
    frame = boxes(
        [[-2, 0.6, 1.2], [2, 0.6, 1.2], [-2, -0.6, 1.2], [2, -0.6, 1.2], [0, 0, 2.5]],
        [[0.08, 0.08, 2.5], [0.08, 0.08, 2.5], [0.08, 0.08, 2.5], [0.08, 0.08, 2.5], [4.3, 1.7, 0.1]],
    )
    panes = boxes([[0, 0.6, 1.25], [2, 0, 1.25]], [[3.8, 0.02, 1.9], [0.02, 1.1, 1.9]])
    poster = boxes([[-2, 0, 1.3]], [[0.12, 1.1, 1.8]])
    seat = boxes([[0, 0.35, 0.48]], [2.6, 0.35, 0.05])
    return {"metal": merge([frame, seat]), "glass": panes, "poster": poster}


def kiosk(rng: Rng) -> dict[str, Mesh]:
    """A stall with a counter towards -y, under a roof that juts out."""
    wide = float(rng.uniform(2.2, 3.2))
    body = boxes([[0, 0, 0.5], [0, 0.85, 1.3], [-wide / 2 + 0.05, 0, 1.3], [wide / 2 - 0.05, 0, 1.3]],
                 [[wide, 1.8, 1.1], [wide, 0.1, 2.6], [0.1, 1.8, 2.6], [0.1, 1.8, 2.6]])  # fmt: skip
    roof = boxes([[0, -0.25, 2.65]], [wide + 0.5, 2.7, 0.14])
    goods = boxes(np.column_stack([np.linspace(-0.4, 0.4, 5) * wide, np.full(5, -0.5), np.full(5, 1.2)]),
                  rng.uniform(0.15, 0.4, (5, 3)))  # fmt: skip
    return {"body": body, "roof": roof, "goods": goods}


def scaffold(bays: int, lifts: int) -> dict[str, Mesh]:
    """Tubes, ledgers, braces and planks in front of a wall at y = 0, outwards to -y, centred on x."""
    high = lifts * SCAFFOLD_LIFT_M + 1.0
    xs = (np.arange(bays + 1) - bays / 2) * SCAFFOLD_BAY_M
    span = float(xs[-1] - xs[0])
    pieces = []
    for y in (-0.3, -0.3 - SCAFFOLD_DEEP_M):
        pieces += [tube([[x, y, -0.3], [x, y, high]], [0.03, 0.03], 5) for x in xs]
        for lift in range(1, lifts + 1):
            for rise in (0.0, 1.0):
                z = lift * SCAFFOLD_LIFT_M + rise
                pieces.append(tube([[xs[0], y, z], [xs[-1], y, z]], [0.025, 0.025], 4))
    for k, lift in enumerate(range(lifts)):
        a = xs[k % bays]
        low = lift * SCAFFOLD_LIFT_M
        y = -0.33 - SCAFFOLD_DEEP_M
        pieces.append(tube([[a, y, low], [a + SCAFFOLD_BAY_M, y, low + SCAFFOLD_LIFT_M]], [0.025, 0.025], 4))
    levels = [(lift + 1) * SCAFFOLD_LIFT_M for lift in range(lifts)]
    planks = boxes([[0, -0.3 - SCAFFOLD_DEEP_M / 2, z] for z in levels], [span, SCAFFOLD_DEEP_M - 0.1, 0.05])
    toe = boxes([[0, -0.3 - SCAFFOLD_DEEP_M, z + 0.1] for z in levels], [span, 0.03, 0.15])
    return {"metal": merge(pieces), "planks": merge([planks, toe])}


def skywalk(length: float, rng: Rng) -> dict[str, Mesh]:
    """A closed bridge along x between two fronts, its underside at z = 0, 3 m wide and high."""
    floor = boxes([[0, 0, 0.2], [0, 0, 3.0]], [[length, 3.0, 0.4], [length, 3.2, 0.25]])
    step = float(rng.uniform(1.6, 2.6))
    posts = np.linspace(-length / 2, length / 2, max(3, round(length / step)))
    frame = boxes([[x, y, 1.6] for x in posts for y in (-1.45, 1.45)], [0.12, 0.12, 2.6])
    rails = boxes([[0, y, 1.15] for y in (-1.47, 1.47)], [length, 0.08, 0.1])
    return {
        "concrete": floor,
        "metal": merge([frame, rails]),
        "glass": boxes([[0, -1.4, 1.6], [0, 1.4, 1.6]], [length, 0.03, 2.6]),
    }


def gantry(width: float) -> dict[str, Mesh]:
    """A beam with boards over a street along x, between two posts, 5.6 m clear."""
    side = width / 2
    posts = boxes([[-side, 0, 3.0], [side, 0, 3.0]], [0.25, 0.25, 6.6])
    beam = boxes([[0, 0, 6.1]], [width, 0.25, 0.35])
    boards = boxes(
        [[-0.22 * width, -0.2, 6.3], [0.2 * width, -0.2, 6.3]], [[0.26 * width, 0.08, 1.3], [0.3 * width, 0.08, 1.3]]
    )
    return {"metal": merge([posts, beam]), "board": boards}


def hung_lamp(width: float, rng: Rng) -> dict[str, Mesh]:
    """A wire across a street along x at 6 m, a lamp in its middle, sometimes with flags."""
    line = wire([-width / 2, 0, 6.4], [width / 2, 0, 6.4], 0.5)
    lamp = moved(lump([0.25, 0.25, 0.16], 0.02, rng, subdivisions=1), (0, 0, 5.75))
    parts = {"wire": line, "lamp": lamp}
    if rng.uniform() < 0.5:
        x = np.arange(-width / 2 + 0.6, width / 2 - 0.5, 0.7)
        sag = 6.4 - 0.5 * (1 - (2 * x / width) ** 2)
        flags = np.stack(
            [
                np.column_stack([x + dx, 0 * x, sag + dz])
                for dx, dz in ((0, -0.45), (0.03, -0.45), (0.18, 0), (-0.18, 0))
            ],
            axis=1,
        )
        parts["flags"] = quads(flags)
    return parts
