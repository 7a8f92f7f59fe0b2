"""Halls of a warehouse filled: rows of racks, stacks on the floor, or machines and conveyors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from navisplit.sim.worlds import warehouse_parts as shapes
from navisplit.sim.worlds.description import NO_TINT, Mesh, Pose, Triple, Visual
from navisplit.sim.worlds.meshes import Rng
from navisplit.sim.worlds.parts import WorldParts, instance
from navisplit.sim.worlds.placement import Occupancy
from navisplit.sim.worlds.tints import random_colour, tone

LEVELS, LEVEL_M = 4, 1.65
LOADS = 7
MOST_BAYS = 170
"""The rest of a hall is for goods on the floor: 200 bays are 150,000 triangles."""

_MARGIN_M = 3.2  # of free floor along the walls


@dataclass(frozen=True)
class Hall:
    """A rectangle of floor and what it is used for."""

    low: tuple[float, float]
    high: tuple[float, float]
    kind: str  # racks, storage, works


@dataclass
class Warehouse:
    """A warehouse while it is being filled."""

    parts: WorldParts
    taken: Occupancy
    rng: Rng
    tall: float
    density: float
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name -> its parts

    def keep(self, name: str, shape: dict[str, Mesh]) -> None:
        """Store a shape's meshes."""
        self.parts.meshes.update({f"{name}_{part}": mesh for part, mesh in shape.items()})
        self.shapes[name] = tuple(shape)

    def visuals(self, name: str, looks: dict[str, tuple[str, Triple]], pose: Pose | None = None) -> list[Visual]:
        """The parts of a shape in materials and tints."""
        return [
            Visual(f"{name}_{part}", instance(f"{name}_{part}"), looks[part][0], pose or Pose(), looks[part][1])
            for part in self.shapes[name]
        ]


def make_goods(house: Warehouse) -> None:
    """Shared meshes."""
    rng = house.rng
    house.keep("rack", shapes.rack_bay(LEVELS, LEVEL_M))
    house.keep("rack_end", shapes.rack_end(LEVELS, LEVEL_M))
    for k in range(LOADS):
        house.keep(f"load_{k}", shapes.load(rng, LEVELS, LEVEL_M, 0.9 if k < LOADS - 2 else 0.45))
    for k in range(5):
        kind = ("carton", "wrap", "wrap", "drums", "timber")[k]
        house.keep(f"pallet_{k}", shapes.pallet_load(rng, kind, 0.95, 1.5))
    for k in range(2):
        house.keep(f"forklift_{k}", shapes.forklift(rng))
        house.keep(f"conveyor_{k}", shapes.conveyor(float(rng.uniform(6.0, 10.0)), rng))
        house.keep(f"machine_{k}", shapes.machine(rng))
        house.keep(f"drums_{k}", shapes.drum_group(rng))
        house.keep(f"sacks_{k}", shapes.sack_pile(rng))
    house.keep("office", shapes.office(rng))


def goods_looks(rng: Rng) -> dict[str, tuple[str, Triple]]:
    """Materials of what lies about, tinted anew each time."""
    paper = tone(rng, (1.0, 1.0, 1.0), 0.25)
    return {
        "timber": ("timber", NO_TINT),
        "carton": (f"carton_{rng.integers(3)}", paper),
        "wrap": (f"wrap_{rng.integers(3)}", tone(rng, (0.9, 0.9, 0.9), 0.35)),
        "drums": ("paint", random_colour(rng, 0.03, 0.4)),
        "sacks": ("paint", tone(rng, (0.45, 0.38, 0.28), 0.35)),
        "body": ("steel", tuple(min(1.4, 2.2 * c) for c in random_colour(rng, 0.08, 0.5))),
        "panels": ("steel", NO_TINT),
        "metal": ("steel", NO_TINT),
        "dark": ("paint", tone(rng, (0.05, 0.05, 0.055), 0.3)),
        "window": ("window", NO_TINT),
    }


def fill_hall(house: Warehouse, hall: Hall) -> None:
    """Fill the floor between the walls."""
    {"racks": _racks, "storage": _storage, "works": _works}[hall.kind](house, hall)
    _scatter(house, hall, round(10 * house.density))


def _racks(house: Warehouse, hall: Hall) -> None:
    """Rows back to back along the longer side, with aisles between and a way across in the middle."""
    rng = house.rng
    (x0, y0), (x1, y1) = hall.low, hall.high
    along_x = (x1 - x0) > (y1 - y0)
    length, breadth = (x1 - x0, y1 - y0) if along_x else (y1 - y0, x1 - x0)
    aisle = float(rng.uniform(3.2, 4.6))
    bays = int((length - 2 * _MARGIN_M) / shapes.BAY_M)
    cross = int(bays * rng.uniform(0.4, 0.6))
    across, bay_count = _MARGIN_M + 0.3, 0
    while across + 2 * shapes.RACK_DEEP_M < breadth - _MARGIN_M and bay_count < MOST_BAYS:
        for deep in (0.0, shapes.RACK_DEEP_M + 0.12):
            place = across + deep + shapes.RACK_DEEP_M / 2
            _rack_row(house, hall, along_x, place, (bays, cross))
        bay_count += 2 * bays
        across += 2 * shapes.RACK_DEEP_M + 0.12 + aisle
    if breadth - across > 12.0:
        low = (x0, y0 + across) if along_x else (x0 + across, y0)
        _storage(house, Hall(low, hall.high, "storage"))


def _rack_row(house: Warehouse, hall: Hall, along_x: bool, across: float, plan: tuple[int, int]) -> None:  # fmt: skip
    """One row; bays that would stand in the way are left out and the row closed on both sides of the gap."""
    rng, open_row = house.rng, False
    frame = {"posts": ("posts", NO_TINT), "beams": ("paint", tone(rng, (0.75, 0.2, 0.02), 0.25))}
    bays, cross = plan
    for k in range(bays + 1):
        place = _MARGIN_M + k * shapes.BAY_M
        x, y = (hall.low[0] + place, hall.low[1] + across) if along_x else (hall.low[0] + across, hall.low[1] + place)
        yaw = 0.0 if along_x else np.pi / 2
        pose = Pose.from_euler((round(x, 3), round(y, 3), 0.0), yaw=yaw)
        c, s = float(np.cos(yaw)), float(np.sin(yaw))
        feet = [(x + c * d, y + s * d) for d in (0.5, 1.4, 2.3)]
        free = k < bays and abs(k - cross) > 1 and all(house.taken.free(*f, 0.62) for f in feet)
        if free:
            visuals = house.visuals("rack", frame)
            if rng.uniform() < 0.95 * min(house.density, 1.0):
                visuals += house.visuals(f"load_{rng.integers(LOADS)}", goods_looks(rng))
            house.parts.add("fence", "rack", visuals, pose)
        elif open_row:
            house.parts.add("fence", "rack_end", house.visuals("rack_end", frame), pose)
        open_row = free
    for k in range(0, bays):
        if abs(k - cross) > 1:
            place = _MARGIN_M + (k + 0.5) * shapes.BAY_M
            at = (hall.low[0] + place, hall.low[1] + across) if along_x else (hall.low[0] + across, hall.low[1] + place)
            house.taken.add(*at, 0.1)


def _storage(house: Warehouse, hall: Hall) -> None:
    """Stacks of pallets in fields with ways between."""
    rng = house.rng
    (x0, y0), (x1, y1) = hall.low, hall.high
    for cx in np.arange(x0 + 6.5, x1 - 4.5, 7.0).tolist():
        for cy in np.arange(y0 + 6.5, y1 - 4.5, 7.0).tolist():
            if rng.uniform() > 0.9 * house.density:
                continue
            kind, high = int(rng.integers(5)), int(rng.integers(1, 4))
            rows, columns = int(rng.integers(1, 4)), int(rng.integers(2, 4))
            for i in range(rows):
                for j in range(columns):
                    x, y = cx + (i - rows / 2) * 1.3, cy + (j - columns / 2) * 1.15
                    if rng.uniform() < 0.9:
                        _stack(house, x, y, kind, int(rng.integers(1, high + 1)), float(rng.normal(0, 0.03)))


def _stack(house: Warehouse, x: float, y: float, kind: int, high: int, yaw: float) -> None:
    """Loaded pallets on each other."""
    if not house.taken.free(x, y, 0.75):
        return
    visuals = []
    for k in range(high):
        height = float(
            max(house.parts.meshes[f"pallet_{kind}_{p}"].vertices[:, 2].max() for p in house.shapes[f"pallet_{kind}"])
        )
        pose = Pose((0.0, 0.0, round(k * height, 3)))
        visuals += [
            Visual(f"{v.name}_{k}", v.geometry, v.material, v.pose, v.tint)
            for v in house.visuals(f"pallet_{kind}", goods_looks(house.rng), pose)
        ]
    house.parts.add("other", "stack", visuals, Pose.from_euler((round(x, 3), round(y, 3), 0.0), yaw=yaw))


def _works(house: Warehouse, hall: Hall) -> None:
    """Conveyors, machines and an office cabin."""
    rng = house.rng
    (x0, y0), (x1, y1) = hall.low, hall.high
    room = [(x0 + 5.0, y1 - 3.5)] if rng.uniform() < 0.5 else [(x1 - 6.0, y1 - 3.5)]
    for x, y in room:
        if house.taken.free(x, y, 4.0):
            house.taken.add(x, y, 4.5)
            house.parts.add(
                "house", "office", house.visuals("office", goods_looks(rng)), Pose((round(x, 3), round(y, 3), 0.0))
            )
    for _ in range(round(150 * house.density)):
        x, y = float(rng.uniform(x0 + 4, x1 - 4)), float(rng.uniform(y0 + 4, y1 - 4))
        kind = "conveyor" if rng.uniform() < 0.4 else "machine"
        reach = 4.6 if kind == "conveyor" else 2.2
        if house.taken.free(x, y, reach):
            house.taken.add(x, y, reach * 0.8)
            yaw = float(rng.choice([0.0, np.pi / 2])) + float(rng.normal(0, 0.01))
            pose = Pose.from_euler((round(x, 3), round(y, 3), 0.0), yaw=yaw)
            house.parts.add("other", kind, house.visuals(f"{kind}_{rng.integers(2)}", goods_looks(rng)), pose)


def _scatter(house: Warehouse, hall: Hall, count: int) -> None:
    """Forklifts, drums, sacks and single pallets wherever there is room."""
    rng = house.rng
    for _ in range(count * 8):
        if count == 0:
            return
        x, y = (float(rng.uniform(a + 1.5, b - 1.5)) for a, b in zip(hall.low, hall.high, strict=True))
        kind = str(rng.choice(["forklift", "drums", "sacks", "pallet", "pallet"]))
        reach = 1.9 if kind == "forklift" else 1.1
        if house.taken.free(x, y, reach):
            house.taken.add(x, y, reach)
            count -= 1
            name = f"{kind}_{rng.integers(5 if kind == 'pallet' else 2)}"
            pose = Pose.from_euler((round(x, 3), round(y, 3), 0.0), yaw=float(rng.uniform(0, 2 * np.pi)))
            house.parts.add("car" if kind == "forklift" else "other", kind, house.visuals(name, goods_looks(rng)), pose)
