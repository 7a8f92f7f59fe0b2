"""One plot of a neighbourhood: a house with its drive, fences, hedges, trees and a car."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from navisplit.sim.worlds import houses, street
from navisplit.sim.worlds.description import NO_TINT, Mesh, Pose, Triple, Visual
from navisplit.sim.worlds.meshes import Rng
from navisplit.sim.worlds.parts import WorldParts, instance, stand
from navisplit.sim.worlds.placement import Occupancy
from navisplit.sim.worlds.suburb_materials import ROOFS, WALLS
from navisplit.sim.worlds.terrain import Terrain
from navisplit.sim.worlds.tints import WHITE, car_paint, random_colour, tone

STREET_HALF_M = 3.5
SIDEWALK_M = 1.7
EDGE_M = STREET_HALF_M + SIDEWALK_M
"""From a street's centre line to the gardens."""

HOUSE_DESIGNS = 8
_FENCES = {"board": "fence_wood", "picket": "fence_white", "hedge": "hedge"}
_TREES = {"broadleaf": ("bark", "leaves"), "birch": ("birch_bark", "birch_leaves"), "conifer": ("bark", "needles")}

_SHADES: tuple[Triple, ...] = ((0.95, 0.95, 0.95), (0.8, 0.85, 0.8), (1.1, 1.0, 0.75), (0.7, 0.8, 0.65))  # of crowns


@dataclass(frozen=True)
class Lot:
    """A plot: its frame has x along the street, y away from it, and the origin in the middle of its front."""

    x: float
    y: float
    yaw: float
    width: float
    depth: float

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Map coordinates of a point of the lot."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return float(self.x + c * u - s * v), float(self.y + s * u + c * v)


@dataclass
class Garden:
    """A lot while it is being furnished."""

    parts: WorldParts
    terrain: Terrain
    taken: Occupancy
    lot: Lot
    rng: Rng

    def pose(self, u: float, v: float, turn: float = 0.0) -> Pose:
        """An upright pose on the ground at a point of the lot."""
        x, y = self.lot.at(u, v)
        return Pose.from_euler(
            (round(x, 3), round(y, 3), round(float(self.terrain.height(x, y)), 3)), yaw=self.lot.yaw + turn
        )

    def take(self, u: float, v: float, radius: float) -> bool:
        """Take a disc of the lot for something, if it is free."""
        x, y = self.lot.at(u, v)
        free = self.taken.free(x, y, radius)
        if free:
            self.taken.add(x, y, radius)
        return free


def furnish(
    parts: WorldParts,
    terrain: Terrain,
    taken: Occupancy,
    lot: Lot,
    footprints: list[tuple[float, float]],
    density: float,
    rng: Rng,
) -> list[Mesh]:
    """Fill a lot (some stay a small park) and return its paving."""
    garden = Garden(parts, terrain, taken, lot, rng)
    paving: list[Mesh] = []
    if rng.uniform() < 0.9:
        paving = _build(garden, footprints, rng)
        _enclose(garden, rng)
    count = 2 if paving else 5
    _plant(garden, round(count * density + rng.uniform(0, 1)), round(2 * density + rng.uniform(0, 2)), rng)
    return paving


def _build(garden: Garden, footprints: list[tuple[float, float]], rng: Rng) -> list[Mesh]:
    """House, drive with or without a car, garden path, mailbox, perhaps a shed."""
    lot = garden.lot
    fitting = [k for k, (w, d) in enumerate(footprints) if w < lot.width - 3.6 and d < lot.depth - 7.0]
    if not fitting:
        return []
    design = int(rng.choice(fitting))
    width, depth = footprints[design]
    side = rng.choice([-1.0, 1.0])
    u = side * (lot.width - width - 3.4) / 2 * rng.uniform(0.7, 1.0)
    v = rng.uniform(4.2, 5.4) + depth / 2
    add_house(garden.parts, design, garden.pose(u, v), rng)
    reach = min(width, depth) / 2
    for shift in np.linspace(-0.5, 0.5, 3) * (width - 2 * reach + 0.1):
        garden.taken.add(*lot.at(u + shift, v), reach * 1.25)
    drive_u = u - side * (width / 2 + 1.5)
    strips = [((drive_u, -0.1), (drive_u, v + depth / 3), 2.5), ((u, -0.1), (u, v - depth / 2 - 0.6), 1.1)]
    paving = [street.ribbon(garden.terrain, lot.at(*a), lot.at(*b), w) for a, b, w in strips]
    for place in np.arange(0.0, v, 2.0):
        garden.taken.add(*lot.at(drive_u, place), 1.3)
    if rng.uniform() < 0.5:
        x, y = lot.at(drive_u, v - rng.uniform(0.0, 3.5))
        add_car(garden.parts, garden.terrain, x, y, lot.yaw + np.pi / 2 * rng.choice([-1, 1]), rng)
    visuals = [
        Visual("wood", instance("mailbox_0_wood"), "timber"),
        Visual("metal", instance("mailbox_0_metal"), "paint", tint=random_colour(rng)),
    ]
    garden.parts.add("pole", "mailbox", visuals, garden.pose(drive_u + side * 1.7, 0.4, np.pi / 2))
    _clutter(garden, u, v + depth / 2, rng)
    shed_u, shed_v = -side * (lot.width / 2 - 2.4), lot.depth - 2.2
    if rng.uniform() < 0.45 and garden.take(shed_u, shed_v, 1.6):
        k, wall = rng.integers(2), "timber" if rng.uniform() < 0.6 else "siding"
        looks = {"walls": wall, "roof": ROOFS[int(rng.integers(3))], "door": "fence_wood"}
        visuals = [Visual(n, instance(f"shed_{k}_{n}"), m) for n, m in looks.items()]
        garden.parts.add(
            "house", "shed", visuals, garden.pose(shed_u, shed_v, rng.choice([0.0, np.pi / 2, -np.pi / 2]))
        )
    return paving


def _clutter(garden: Garden, u: float, back: float, rng: Rng) -> None:
    """What lies about behind a house: a table, a trampoline, a slide, bins."""
    for kind in rng.choice(street.CLUTTER, 2, replace=False).tolist():
        x, y = u + float(rng.uniform(-4, 4)), back + float(rng.uniform(1.8, 5.0))
        if y < garden.lot.depth - 2.0 and garden.take(x, y, 1.4):
            visuals = [
                Visual(part, instance(f"{kind}_0_{part}"), "paint", tint=random_colour(rng))
                for part in ("frame", "cover")
            ]
            garden.parts.add("other", kind, visuals, garden.pose(x, y, float(rng.uniform(0, 6.28))))


def _enclose(garden: Garden, rng: Rng) -> None:
    """Fences or hedges at the back, along one side (the neighbour has the other) and perhaps in front."""
    lot, half = garden.lot, garden.lot.width / 2
    back = str(rng.choice(["board", "board", "hedge"]))
    if rng.uniform() < 0.85:
        _run(garden, back, (-half, lot.depth - 0.3), (half, lot.depth - 0.3), rng)
    if rng.uniform() < 0.8:
        _run(garden, str(rng.choice(["board", "hedge", "picket"])), (half, 5.5), (half, lot.depth - 0.3), rng)
    if rng.uniform() < 0.55:
        front = str(rng.choice(["picket", "picket", "hedge"]))
        gap = rng.uniform(1.8, 2.2)
        _run(garden, front, (-half + 3.6, 0.3), (-gap / 2, 0.3), rng)
        _run(garden, front, (gap / 2, 0.3), (half - 3.6, 0.3), rng)


def _run(garden: Garden, kind: str, start: tuple[float, float], end: tuple[float, float], rng: Rng) -> None:
    """A row of equal pieces from start to end, each on the ground and tilted with it."""
    along = np.subtract(end, start)
    length = float(np.hypot(*along))
    count = max(1, round(length / street.PANEL_M))
    if length < 1.0:
        return
    turn, stretch = float(np.arctan2(along[1], along[0])), length / count / street.PANEL_M
    mesh = f"{kind}_{rng.integers(3 if kind == 'hedge' else 2)}"
    first = garden.pose(*start, turn)
    visuals = []
    for k in range(count):
        ends = [np.asarray(start) + along * (k + j) / count for j in (0, 1)]
        low, high = (float(garden.terrain.height(*garden.lot.at(*p))) for p in ends)
        pitch = -float(np.arctan2(high - low, length / count))
        local = Pose.from_euler((round(k * length / count, 3), 0.0, round(low - first.position[2], 3)), 0.0, pitch, 0.0)
        visuals.append(Visual(f"piece_{k}", instance(mesh, (stretch, 1.0, 1.0)), _FENCES[kind], local))
        garden.taken.add(*garden.lot.at(*((ends[0] + ends[1]) / 2)), 0.9)
    garden.parts.add("hedge" if kind == "hedge" else "fence", f"{kind}_row", visuals, first)


def _plant(garden: Garden, trees: int, bushes: int, rng: Rng) -> None:
    """Trees and shrubs where there is room."""
    lot = garden.lot
    for radius, count, kind in ((1.3, trees, "tree"), (0.7, bushes, "bush")):
        for _ in range(count * 6):
            if count == 0:
                break
            u, v = rng.uniform(-lot.width / 2 + 1, lot.width / 2 - 1), rng.uniform(1.2, lot.depth - 1.0)
            if not garden.take(u, v, radius):
                continue
            count -= 1
            x, y = lot.at(u, v)
            if kind == "bush":
                visual = Visual("bush", instance(f"bush_{rng.integers(3)}", rng.uniform(0.7, 1.2)), "hedge")
                garden.parts.add("bush", "bush", [visual], stand(garden.terrain, x, y, rng, sink=0.05))
                continue
            species = str(rng.choice(list(_TREES), p=[0.55, 0.25, 0.2]))
            variant, scale = f"{species}_{rng.integers(2)}", float(rng.uniform(0.65, 1.05))
            wood, crown = _TREES[species]
            leaf = _SHADES[int(rng.integers(len(_SHADES)))]
            visuals = [
                Visual("wood", instance(f"{variant}_wood", scale), wood),
                Visual("crown", instance(f"{variant}_crown", scale), crown, tint=leaf),
            ]
            garden.parts.add("tree", f"tree_{species}", visuals, stand(garden.terrain, x, y, rng, tilt=0.02))


def add_car(parts: WorldParts, terrain: Terrain, x: float, y: float, yaw: float, rng: Rng) -> None:
    """A car standing on the ground, pitched with the slope."""
    nose, tail = (float(terrain.height(x + d * np.cos(yaw), y + d * np.sin(yaw))) for d in (1.5, -1.5))
    pitch = -float(np.arctan2(nose - tail, 3.0))
    pose = Pose.from_euler((round(x, 3), round(y, 3), round((nose + tail) / 2, 3)), 0.0, pitch, yaw)
    k = rng.integers(4)
    tints = {"paint": car_paint(rng), "glass": tone(rng, (0.035, 0.05, 0.07), 0.3), "dark": (0.016, 0.016, 0.017)}
    visuals = [Visual(n, instance(f"car_{k}_{n}"), "paint", tint=t) for n, t in tints.items()]
    parts.add("car", "car", visuals, pose)


def add_house(parts: WorldParts, design: int, pose: Pose, rng: Rng) -> None:
    """A house of a design in walls, roof and door of its own."""
    wall, roof = WALLS[int(rng.integers(len(WALLS)))], ROOFS[int(rng.integers(len(ROOFS)))]
    looks = {
        "walls": (wall, tone(rng, WHITE, 0.12)),
        "roof": (roof, tone(rng, WHITE, 0.18)),
        "trim": ("trim", tone(rng, WHITE, 0.15)),
        "glass": (f"window_{rng.integers(2)}", tone(rng, WHITE, 0.2)),
        "door": ("paint", random_colour(rng, 0.02, 0.5)),
        "chimney": ("brick", NO_TINT),
    }
    visuals = [
        Visual(part, instance(f"house_{design}_{part}"), looks[part][0], tint=looks[part][1])
        for part in houses.HOUSE_PARTS
    ]
    parts.add("house", "house", visuals, pose)
