"""Blocks of a town: rows of houses that face the streets, a courtyard or a park inside, scaffolds in front."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.worlds import facades
from navisplit.sim.worlds.description import Pose, Triple, Visual
from navisplit.sim.worlds.meshes import Rng
from navisplit.sim.worlds.parts import WorldParts, instance, stand
from navisplit.sim.worlds.placement import Occupancy
from navisplit.sim.worlds.terrain import Terrain
from navisplit.sim.worlds.tints import random_colour, tone
from navisplit.sim.worlds.urban_materials import CURTAIN, TRIMS, Look, house_looks

DEPTH_M = 11.0
"""Of every house."""

_WIDTHS = (9.5, 11.5, 13.5, 16.0)
_CORNER_WIDTHS = (12.0, 14.0)


@dataclass
class CityBlock:
    """A rectangle between streets."""

    low: tuple[float, float]
    high: tuple[float, float]
    streets: dict[str, bool]  # whether there is a street to its south, north, west and east
    scaffold: bool = False

    @property
    def enclosed(self) -> bool:
        """Whether one can go around it."""
        return all(self.streets.values())


@dataclass
class Design:
    """A house that stands in several places."""

    name: str
    parts: tuple[str, ...]
    width: float
    tall: float


@dataclass
class Town:
    """A town while it is being built."""

    parts: WorldParts
    terrain: Terrain
    taken: Occupancy
    streets: tuple[NDArray[np.float64], ...]
    half: float
    edge: float
    rng: Rng
    fronts: list[tuple[float, float, float]] = field(default_factory=list)  # x, y of a house and its height
    looks: list[Look] = field(default_factory=list)
    rows: list[Design] = field(default_factory=list)
    corners: list[Design] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.looks = house_looks(self.rng)
        for corner, widths, designs in ((False, _WIDTHS, self.rows), (True, _CORNER_WIDTHS, self.corners)):
            for k, width in enumerate(widths):
                shape, tall = facades.house(self.rng, width, DEPTH_M, corner=corner)
                name = f"{'corner' if corner else 'house'}_{k}"
                self.parts.meshes.update({f"{name}_{part}": mesh for part, mesh in shape.items()})
                designs.append(Design(name, tuple(shape), width, tall))

    def blocks(self) -> list[CityBlock]:
        """All blocks, from the south west."""
        spans = []
        for lines in self.streets:
            edges = [(-self.half, False)]
            for line in lines.tolist():
                edges += [(line - self.edge, True), (line + self.edge, True)]
            edges.append((self.half, False))
            spans.append([(edges[i], edges[i + 1]) for i in range(0, len(edges), 2)])
        return [
            CityBlock((x0, y0), (x1, y1), {"west": w, "east": e, "south": s, "north": n})
            for (x0, w), (x1, e) in spans[0]
            for (y0, s), (y1, n) in spans[1]
            if x1 - x0 > DEPTH_M and y1 - y0 > DEPTH_M
        ]


def fill_block(town: Town, block: CityBlock) -> None:
    """Houses all around, or a park."""
    rng = town.rng
    (x0, y0), (x1, y1) = block.low, block.high
    if rng.uniform() < 0.1 and block.enclosed:
        _park(town, block)
        return
    deep = y1 - y0
    double = deep > 2 * DEPTH_M
    south = block.streets["south"] or not block.streets["north"]
    rows = ["south", "north"] if double else ["south" if south else "north"]
    for row in rows:
        y = y0 + DEPTH_M / 2 if row == "south" else y1 - DEPTH_M / 2
        _row(town, block, x0, x1, y, 0.0 if row == "south" else np.pi)
    if double and deep - 2 * DEPTH_M > 8.0:
        for side, x, yaw in (("west", x0 + DEPTH_M / 2, -np.pi / 2), ("east", x1 - DEPTH_M / 2, np.pi / 2)):
            if block.streets[side] and rng.uniform() < 0.75:
                room = deep - 2 * DEPTH_M - float(rng.uniform(2.0, 4.0))
                design = min(town.rows, key=lambda d: abs(d.width - room))
                stretch = float(np.clip(room / design.width, 0.75, 1.25))
                place_house(town, design, (x, (y0 + y1) / 2), yaw, stretch)
        if x1 - x0 > 2 * DEPTH_M + 4.0:
            _courtyard(town, (x0 + DEPTH_M, y0 + DEPTH_M), (x1 - DEPTH_M, y1 - DEPTH_M))


def _row(town: Town, block: CityBlock, x0: float, x1: float, y: float, yaw: float) -> None:
    """Houses side by side, corner houses at streets, with an alley now and then; sometimes a scaffold in front."""
    rng = town.rng
    plan: list[tuple[Design, float]] = []
    left = x1 - x0
    ends = [block.streets["west"], block.streets["east"]]
    picked = [town.corners[int(rng.integers(len(town.corners)))] if end else None for end in ends]
    left -= sum(d.width for d in picked if d)
    while left > 7.5:
        design = town.rows[int(rng.integers(len(town.rows)))]
        alley = float(rng.uniform(2.6, 4.0)) if rng.uniform() < 0.22 else 0.0
        if design.width * 0.85 + alley > left:
            design, alley = min(town.rows, key=lambda d: abs(d.width - left)), 0.0
        plan.append((design, alley))
        left -= design.width + alley
    middle = [(d, a) for d, a in plan]
    room = (x1 - x0) - sum(d.width for d in picked if d) - sum(a for _, a in middle)
    stretch = float(np.clip(room / max(sum(d.width for d, _ in middle), 1e-6), 0.7, 1.2)) if middle else 1.0
    x = x0
    for design, alley, factor in (
        *(((picked[0], 0.0, 1.0),) if picked[0] else ()),
        *((d, a, stretch) for d, a in middle),
        *(((picked[1], 0.0, 1.0),) if picked[1] else ()),
    ):
        width = design.width * factor
        at = x1 - width / 2 if design is picked[1] and factor == 1.0 and x > x0 + 1 else x + alley + width / 2
        place_house(town, design, (at, y), yaw, factor)
        x += width + alley
        if rng.uniform() < 0.15 and factor != 1.0:
            _scaffold(town, block, at, y, yaw)


def place_house(town: Town, design: Design, at: tuple[float, float], yaw: float, stretch: float) -> None:
    """A house in a look of its own, its front towards -y turned by ``yaw``."""
    rng, (x, y) = town.rng, at
    c, s = np.cos(yaw), np.sin(yaw)
    feet = [
        (x + c * u + s * DEPTH_M / 2, y + s * u - c * DEPTH_M / 2) for u in (-design.width / 2, 0, design.width / 2)
    ]
    z = float(np.mean([town.terrain.height(*f) for f in feet]))
    wall = town.looks[int(rng.integers(len(town.looks)))]
    base = (
        wall if rng.uniform() < 0.4 else Look(str(rng.choice(["stone", "concrete"])), tone(rng, (0.7, 0.68, 0.65), 0.3))
    )
    trim = TRIMS[int(rng.integers(len(TRIMS)))]
    paints: dict[str, Triple] = {
        "curtain": tone(rng, CURTAIN, 0.25),
        "sign": random_colour(rng),
        "letters": random_colour(rng, 0.4, 0.9),
        "awning": random_colour(rng, 0.05),
        "door": random_colour(rng, 0.02, 0.3),
        "rail": random_colour(rng, 0.02, 0.2),
        "panel": tone(rng, trim, 0.3),
        "plants": tone(rng, (0.05, 0.12, 0.03), 0.3),
    }
    looks = {
        "wall": wall,
        "base": base,
        "trim": Look("concrete", tone(rng, trim, 0.1)),
        "roof": Look("roof", (1.0, 1.0, 1.0)),
        **{f"glass_{k}": Look(f"window_{k}", tone(rng, (1.0, 1.0, 1.0), 0.15)) for k in range(2)},
        **{f"shop_{k}": Look(f"shop_{k}", tone(rng, (1.0, 1.0, 1.0), 0.25)) for k in range(2)},
        **{part: Look("paint", tint) for part, tint in paints.items()},
    }
    pose = Pose.from_euler((round(x, 3), round(y, 3), round(z, 3)), yaw=yaw)
    visuals = [
        Visual(
            part, instance(f"{design.name}_{part}", (stretch, 1.0, 1.0)), looks[part].material, tint=looks[part].tint
        )
        for part in design.parts
    ]
    town.parts.add("house", "house", visuals, pose)
    town.fronts.append((x, y, design.tall))


def _scaffold(town: Town, block: CityBlock, x: float, y: float, yaw: float) -> None:
    """A scaffold before the front of a house, over the walk."""
    rng, out = town.rng, DEPTH_M / 2
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    fx, fy = x + s * out, y - c * out
    k = int(rng.integers(2))
    z = float(town.terrain.height(fx, fy))
    pose = Pose.from_euler((round(fx, 3), round(fy, 3), round(z, 3)), yaw=yaw)
    looks = {"metal": tone(rng, (0.5, 0.5, 0.52), 0.3), "planks": (1.0, 1.0, 1.0)}
    visuals = [
        Visual(part, instance(f"scaffold_{k}_{part}"), "metal" if part == "metal" else "timber", tint=tint)
        for part, tint in looks.items()
    ]
    town.parts.add("fence", "scaffold", visuals, pose)
    for u in np.arange(-5, 5.1, 1.5):
        town.taken.add(fx + c * u + s * 0.8, fy + s * u - c * 0.8, 1.2)
    block.scaffold = True


def add_tree(town: Town, x: float, y: float, scale: float) -> None:
    """A street tree."""
    rng, k = town.rng, int(town.rng.integers(3))
    crown = "leaves_b" if k == 2 else str(rng.choice(["leaves", "leaves", "leaves_b"]))
    visuals = [
        Visual("wood", instance(f"tree_{k}_wood", scale), "bark"),
        Visual("crown", instance(f"tree_{k}_crown", scale), crown),
    ]
    town.parts.add("tree", "tree", visuals, stand(town.terrain, x, y, rng, tilt=0.02))


def _courtyard(town: Town, low: tuple[float, float], high: tuple[float, float]) -> None:
    """A few trees and bushes between the backs of the houses."""
    rng = town.rng
    _green(town, low, high, int(rng.integers(1, 4)), int(rng.integers(2, 6)))


def _park(town: Town, block: CityBlock) -> None:
    """Trees, bushes and benches."""
    low = (block.low[0] + 1.5, block.low[1] + 1.5)
    high = (block.high[0] - 1.5, block.high[1] - 1.5)
    _green(town, low, high, 22, 14)
    for x, y in town.rng.uniform(low, high, (6, 2)).tolist():
        if town.taken.free(x, y, 1.0):
            town.taken.add(x, y, 1.0)
            pose = stand(town.terrain, x, y, town.rng)
            looks = {"wood": "timber", "metal": "metal"}
            town.parts.add("other", "bench", [Visual(p, instance(f"bench_{p}"), m) for p, m in looks.items()], pose)


def _green(town: Town, low: tuple[float, float], high: tuple[float, float], trees: int, bushes: int) -> None:
    rng = town.rng
    for count, radius in ((trees, 1.6), (bushes, 0.7)):
        for x, y in rng.uniform(low, high, (count * 2, 2)).tolist()[: count * 2]:
            if not town.taken.free(x, y, radius):
                continue
            town.taken.add(x, y, radius)
            if radius > 1:
                add_tree(town, x, y, float(rng.uniform(0.7, 1.1)))
            else:
                visual = Visual("bush", instance(f"bush_{rng.integers(2)}", float(rng.uniform(0.7, 1.3))), "leaves")
                town.parts.add("bush", "bush", [visual], stand(town.terrain, x, y, rng, sink=0.05))
