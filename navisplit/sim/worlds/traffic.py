"""What moves by itself: cars that drive around a block, people who walk around it. One rigid piece each.

Everybody goes clockwise in the lane next to the block, with the block on the right: no two ways cross or meet.
Nobody comes near the player start, where drones of any settings.json may stand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError
from navisplit.sim.scene import Material
from navisplit.sim.trajectory import Trajectory
from navisplit.sim.worlds import street
from navisplit.sim.worlds.description import (
    Mesh,
    MeshInstance,
    Model,
    MovingModel,
    Pose,
    Visual,
    class_instance_id,
)
from navisplit.sim.worlds.materials import srgb
from navisplit.sim.worlds.meshes import Rng, lump, merge, tube
from navisplit.sim.worlds.parts import WorldParts, instance
from navisplit.sim.worlds.terrain import Terrain
from navisplit.sim.worlds.tints import car_paint, random_colour

Array = NDArray[np.float64]

STEP_M = 4.0
"""Between way points on straight lines, so that wheels follow the ground."""

_TURN_POINTS = 6

START_ROOM_M = 8.0
"""Around the player start that stays free: scripts start several drones some metres apart (our choice)."""

MOST_ON_A_WAY = 12
"""Of one kind: cars then keep 8 m from each other on the shortest way around a block."""


@dataclass(frozen=True)
class Block:
    """A rectangle between streets, by its sidewalks' inner edges (metres in the map)."""

    low: tuple[float, float]
    high: tuple[float, float]


def clockwise(block: Block, out: float, radius: float) -> Array:
    """Points (N, 3) of x, y, yaw around a block, ``out`` metres from its edge, corners rounded."""
    (x0, y0), (x1, y1) = block.low, block.high
    x0, y0, x1, y1 = x0 - out, y0 - out, x1 + out, y1 + out
    sides = [((x0, y0), (x0, y1)), ((x0, y1), (x1, y1)), ((x1, y1), (x1, y0)), ((x1, y0), (x0, y0))]
    points = []
    for start, end in sides:
        along = np.subtract(end, start) / np.hypot(*np.subtract(end, start))
        yaw = math.atan2(along[1], along[0])
        a, b = np.add(start, along * radius), np.subtract(end, along * radius)
        count = max(2, round(float(np.hypot(*(b - a))) / STEP_M) + 1)
        points += [(*p, yaw) for p in a + np.linspace(0, 1, count)[:, None] * (b - a)]
        centre = b + radius * np.array([along[1], -along[0]])
        for share in np.arange(1, _TURN_POINTS) / _TURN_POINTS:
            turn = yaw - share * math.pi / 2
            points.append((*(centre + radius * np.array([-math.sin(turn), math.cos(turn)])), turn))
    return np.array(points)


def clear_of_start(blocks: list[Block], start: tuple[float, float], out: float, radius: float) -> list[Block]:
    """Blocks that can be gone around without coming near ``start``; where there are none, all of them as one."""

    def clear(block: Block) -> bool:
        way = clockwise(block, out, radius)[:, :2]
        steps = np.concatenate([np.linspace(a, b, 9) for a, b in pairwise([*way, way[0]])])
        return bool(np.hypot(*(steps - start).T).min() > START_ROOM_M)

    corners = np.array([(*b.low, *b.high) for b in blocks]).reshape(-1, 4)
    together = [Block(tuple(corners[:, :2].min(0)), tuple(corners[:, 2:].max(0)))] if blocks else []
    return [b for b in blocks if clear(b)] or [b for b in together if clear(b)]


def loop(points: Array, terrain: Terrain, speed_mps: float, phase: float, clearance_m: float) -> Trajectory:
    """A round trip at constant speed that starts ``phase`` (0..1) of the way along."""
    points = np.roll(points, -int(phase * len(points)), axis=0)
    points = np.concatenate([points, points[:1]])
    lengths = np.hypot(*np.diff(points[:, :2], axis=0).T)
    times = np.concatenate([[0.0], np.cumsum(lengths)]) / speed_mps
    heights = terrain.height(points[:, 0], points[:, 1]) + clearance_m
    return Trajectory(
        tuple(round(float(t), 3) for t in times),
        tuple((float(x), float(y), float(z)) for x, y, z in np.column_stack([points[:, :2], heights]).round(3)),
        tuple(round(float(yaw), 4) for yaw in points[:, 2]),
    )


def person(rng: Rng) -> dict[str, Mesh]:
    """Somebody in mid-stride, about 1.7 m tall, looking along +x."""
    size = float(rng.uniform(0.93, 1.06))
    stride = float(rng.uniform(0.15, 0.3))
    hip, neck = 0.88 * size, 1.46 * size
    steps = ((0.09, stride), (-0.09, -stride))
    legs, arms, feet = [], [], []
    for y, s in steps:
        knee, hand = 0.48 * size, -s
        legs.append(tube([[0, y, hip], [s * 0.5, y, knee], [s, y, 0.05]], [0.1, 0.075, 0.055], 6, closed=True))
        feet.append(lump([0.14, 0.05, 0.05], 0.0, rng, centre=(s + 0.06, y, 0.05)))
        arm = [[0.02, 2.4 * y, neck - 0.1], [hand * 0.4, 3.0 * y, 1.12 * size], [hand * 0.9, 2.9 * y, 0.9 * size]]
        arms.append(tube(arm, [0.06, 0.05, 0.04], 5, closed=True))
    spine = [[0, 0, hip - 0.08], [0, 0, hip + 0.25], [0.02, 0, neck - 0.12], [0.02, 0, neck]]
    torso = tube(spine, [0.15, 0.17, 0.19, 0.07], 8)
    head = lump([0.1, 0.085, 0.13], 0.02, rng, subdivisions=1, centre=(0.03, 0, neck + 0.17))
    hair = lump([0.11, 0.095, 0.09], 0.06, rng, subdivisions=1, centre=(0.01, 0, neck + 0.25))
    return {"trousers": merge(legs), "shirt": merge([torso, *arms]), "skin": head, "dark": merge([hair, *feet])}


_SKINS = (srgb(236, 200, 170), srgb(198, 150, 115), srgb(120, 82, 58), srgb(84, 56, 42))


@dataclass(frozen=True)
class Traffic:
    """Where ``car`` and ``person`` go: around which blocks, and how far from their edges."""

    blocks: dict[str, list[Block]]
    lanes: dict[str, float]  # m
    start: tuple[float, float]  # of the player, whom nobody comes near


def add_traffic(parts: WorldParts, traffic: Traffic, terrain: Terrain, count: int, rng: Rng) -> list[MovingModel]:
    """``count`` actors, half of them cars. Several on one way keep their distance: they share its speed."""
    lanes = traffic.lanes
    ways = {kind: clear_of_start(traffic.blocks[kind], traffic.start, lanes[kind], _TURN_M[kind]) for kind in lanes}
    least = min(len(around) for around in ways.values())
    if least == 0 or count == 0:
        return []
    if count > 2 * MOST_ON_A_WAY * least:
        raise UsageError(
            f"Option 'moving': there is room for {2 * MOST_ON_A_WAY * least} cars and people, got {count}. "
            "Make the world larger with size_m."
        )
    parts.keep(moving=Material("moving", np.ones((1, 1, 3), np.float32), None))  # not mapped by place: it moves
    cars = max(1, count // 2)
    made: list[MovingModel] = []
    for kind, number in (("car", cars), ("person", count - cars)):
        speed = [float(rng.uniform(*_SPEEDS_MPS[kind])) for _ in ways[kind]]
        for k in range(number):
            turn, place = divmod(k, len(ways[kind]))
            rounds = -(-number // len(ways[kind]))
            phase = (turn + float(rng.uniform(0.1, 0.6))) / rounds
            way = loop(clockwise(ways[kind][place], lanes[kind], _TURN_M[kind]), terrain, speed[place], phase, 0.02)
            made.append(_actor(parts, kind, k, way, rng))
        _clear(parts, [a.trajectory for a in made[-number:]] if number else [], _ROOM_M[kind])
    return made


_TURN_M = {"car": 4.5, "person": 0.6}
"""Radius at which each kind goes around corners."""

_SPEEDS_MPS = {"car": (4.0, 7.0), "person": (1.0, 1.6)}

_ROOM_M = {"car": (1.05, 2.0), "person": (0.42, 1.95)}
"""Half the width and the height of what each kind needs free."""


def _clear(parts: WorldParts, ways: list[Trajectory], room: tuple[float, float]) -> None:
    """Take away what stands, hangs or grows in somebody's way."""
    from scipy.spatial import cKDTree

    if not ways:
        return
    wide, tall = room
    spots = []
    for way in ways:
        path = np.array(way.positions)
        for a, b in pairwise(path):
            spots.append(a + np.linspace(0, 1, max(2, round(float(np.linalg.norm(b - a)) / 0.3)))[:, None] * (b - a))
    line = np.concatenate(spots)
    near = cKDTree(line[:, :2])

    def stands_there(model: Model) -> bool:
        for visual in model.visuals:
            shape = visual.geometry
            if isinstance(shape, MeshInstance):
                points = (model.pose @ visual.pose).apply(parts.meshes[shape.mesh].vertices * np.asarray(shape.scale))
                gap, which = near.query(points[:, :2], distance_upper_bound=wide)
                inside = np.isfinite(gap)
                rise = points[inside, 2] - line[which[inside], 2]
                if ((rise > 0.15) & (rise < tall)).any():
                    return True
        return False

    fixed = ("ground", "house", "far_", "wires", "skywalk", "gantry", "hung")
    parts.models = [m for m in parts.models if m.name.startswith(fixed) or not stands_there(m)]


def _actor(parts: WorldParts, kind: str, number: int, way: Trajectory, rng: Rng) -> MovingModel:
    name = f"moving_{kind}_{number:02d}"
    if kind == "car":
        shape = street.car(rng)
        looks = {"paint": car_paint(rng), "glass": srgb(52, 64, 76), "dark": srgb(34, 34, 36)}
    else:
        shape = person(rng)
        looks = {
            "trousers": random_colour(rng, 0.02, 0.2),
            "shirt": random_colour(rng),
            "skin": _SKINS[int(rng.integers(4))],
            "dark": random_colour(rng, 0.01, 0.08),
        }
    visuals = []
    for part, mesh in shape.items():
        parts.meshes[f"{name}_{part}"] = mesh
        tint = tuple(round(float(v), 4) for v in looks[part])
        visuals.append(Visual(part, instance(f"{name}_{part}"), "moving", Pose(), tint))
    return MovingModel(name, tuple(visuals), way, class_instance_id(kind, 200 + number))
