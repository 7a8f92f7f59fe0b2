"""Fronts of town houses: walls with recessed windows, shop fronts, balconies. Seen from -y, ground at z = 0.

Everything is quads in the frame of its front: x along it, y inwards, z up; four fronts turned make a house.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import Rng, boxes, merge, moved
from navisplit.sim.worlds.primitives import quads

PLINTH_M = 2.0
"""Walls begin this far under the ground, so that no house floats on a slope."""

GLASSES = ("glass_0", "glass_1", "curtain")
"""Windows show one of two rooms behind reflections, or a blind."""


@dataclass
class Front:
    """Parts of one front by material, while it is being made."""

    width: float
    corners: dict[str, list[NDArray[np.float64]]] = field(default_factory=lambda: defaultdict(list))
    solids: dict[str, list[Mesh]] = field(default_factory=lambda: defaultdict(list))

    def quad(self, part: str, x: tuple[float, float], z: tuple[float, float], y: float = 0.0) -> None:
        """An upright rectangle that faces -y."""
        if x[1] - x[0] > 1e-6 and z[1] - z[0] > 1e-6:
            self.corners[part].append(np.array([[x[0], y, z[0]], [x[1], y, z[0]], [x[1], y, z[1]], [x[0], y, z[1]]]))

    def box(self, part: str, centre: tuple[float, float, float], size: tuple[float, float, float]) -> None:
        """An upright box."""
        self.solids[part].append(boxes([centre], size))

    def meshes(self) -> dict[str, Mesh]:
        """One mesh for each material."""
        found = {part: [quads(np.array(corners))] for part, corners in self.corners.items()}
        for part, solids in self.solids.items():
            found.setdefault(part, []).extend(solids)
        return {part: merge(pieces) for part, pieces in found.items()}


@dataclass(frozen=True)
class Style:
    """What all windows of a house have in common (metres)."""

    storeys: tuple[float, ...]  # height of each, the ground floor first
    bay_m: float  # width of one window axis, about
    window_m: tuple[float, float]  # width and height of a window
    sill_m: float  # height of a window over its floor
    recess_m: float
    bars: bool  # a bar in the middle of each window
    balcony: str  # "none", "panel" or "bars"
    shop: bool

    @property
    def tall(self) -> float:
        """Height of the eaves."""
        return sum(self.storeys)


def random_style(rng: Rng) -> Style:
    """Old or new, low or high: our choice of what towns look like."""
    count = int(rng.choice([2, 3, 3, 4, 4, 5, 6]))
    upper = float(rng.uniform(2.9, 3.4))
    office = rng.uniform() < 0.25
    window = (
        (rng.uniform(1.7, 2.3), rng.uniform(1.7, 2.1)) if office else (rng.uniform(0.95, 1.5), rng.uniform(1.4, 2.0))
    )
    return Style(
        storeys=(float(rng.uniform(3.6, 4.4)), *([upper] * count)),
        bay_m=window[0] + float(rng.uniform(0.4, 0.7) if office else rng.uniform(1.0, 1.9)),
        window_m=(float(window[0]), float(window[1])),
        sill_m=float(rng.uniform(0.5, 0.95)),
        recess_m=float(rng.uniform(0.1, 0.25)),
        bars=not office,
        balcony="none" if office else str(rng.choice(["none", "panel", "bars", "bars"])),
        shop=bool(rng.uniform() < 0.7),
    )


def front(width: float, style: Style, rng: Rng, *, street: bool) -> Front:
    """One front; ``street`` gives it a shop or a door, awnings and balconies."""
    made = Front(width)
    bays = max(1, round((width - 0.8) / style.bay_m))
    axes = (np.arange(bays) - (bays - 1) / 2) * (width - 0.8) / bays
    bands = [-PLINTH_M if not street else style.storeys[0]]  # where the wall between rows of windows begins
    if street:
        _ground_floor(made, style, axes, rng)
    floor = style.storeys[0] if street else 0.0
    with_balcony = axes[rng.uniform(size=bays) < 0.4] if street and style.balcony != "none" else np.empty(0)
    heights = style.storeys[1:] if street else style.storeys
    for number, tall in enumerate(heights):
        low = floor + style.sill_m
        high = min(low + style.window_m[1], floor + tall - 0.25)
        door_like = number > 0 or street
        _row(made, style, axes, low, high, rng)
        made.quad("wall", (-width / 2, width / 2), (bands[-1], low))
        bands.append(high)
        for x in with_balcony if door_like else ():
            _balcony(made, style, float(x), floor, rng)
        floor += tall
    made.quad("wall", (-width / 2, width / 2), (bands[-1], style.tall + 0.9))
    if street:
        made.box("trim", (0, -0.12, style.tall + 0.1), (width, 0.3, 0.3))
        made.box("trim", (0, -0.05, style.storeys[0] - 0.05), (width, 0.16, 0.18))
        _clutter(made, style, axes, rng)
    return made


def _row(made: Front, style: Style, axes: NDArray[np.float64], low: float, high: float, rng: Rng) -> None:
    """The windows of one storey and the wall between them."""
    half = min(style.window_m[0] / 2, (made.width - 0.8) / len(axes) / 2 - 0.1)
    edge = -made.width / 2
    for x in axes.tolist():
        left, right = x - half, x + half
        made.quad("wall", (edge, left), (low, high))
        edge = right
        _reveal(made, left, right, low, high, style.recess_m)
        glass = str(rng.choice(GLASSES, p=[0.44, 0.37, 0.19]))
        if glass == "curtain" and rng.uniform() < 0.6:  # a blind half down
            part = low + (high - low) * float(rng.uniform(0.3, 0.8))
            made.quad("glass_0", (left, right), (low, part), style.recess_m)
            made.quad("curtain", (left, right), (part, high), style.recess_m)
        else:
            made.quad(glass, (left, right), (low, high), style.recess_m)
        if style.bars:
            made.quad("trim", (x - 0.035, x + 0.035), (low, high), style.recess_m - 0.03)
            beam = low + 0.68 * (high - low)
            made.quad("trim", (left, right), (beam - 0.03, beam + 0.03), style.recess_m - 0.03)
        _sill(made, left - 0.08, right + 0.08, low)
    made.quad("wall", (edge, made.width / 2), (low, high))


def _sill(made: Front, left: float, right: float, z: float) -> None:
    """Top and front of a window sill."""
    made.corners["trim"].append(np.array([[left, -0.08, z], [right, -0.08, z], [right, 0, z], [left, 0, z]]))
    made.quad("trim", (left, right), (z - 0.1, z), -0.08)


def _reveal(made: Front, left: float, right: float, low: float, high: float, depth: float) -> None:
    """The four sides of a hole in the wall."""
    a, b = (left, low), (right, high)
    made.corners["wall"] += [
        np.array([[a[0], 0, a[1]], [a[0], depth, a[1]], [a[0], depth, b[1]], [a[0], 0, b[1]]]),
        np.array([[b[0], depth, a[1]], [b[0], 0, a[1]], [b[0], 0, b[1]], [b[0], depth, b[1]]]),
        np.array([[a[0], 0, a[1]], [b[0], 0, a[1]], [b[0], depth, a[1]], [a[0], depth, a[1]]]),
        np.array([[a[0], depth, b[1]], [b[0], depth, b[1]], [b[0], 0, b[1]], [a[0], 0, b[1]]]),
    ]


def _ground_floor(made: Front, style: Style, axes: NDArray[np.float64], rng: Rng) -> None:
    """A base of another material: shop windows under a sign and an awning, or plain windows, and a door."""
    half, top = made.width / 2, style.storeys[0]
    made.quad("base", (-half, half), (-PLINTH_M, 0.35))
    wide, high = (0.5 * made.width / len(axes) - 0.3, 2.9) if style.shop else (0.55, 2.5)
    low = 0.35 if style.shop else 1.0
    door_at = float(rng.choice(axes))
    edge = -half
    for x in axes.tolist():
        left, right = x - wide, x + wide
        made.quad("base", (edge, left), (0.35, high))
        edge = right
        if x == door_at:
            _reveal(made, left, right, 0.35, high, 0.4)
            made.quad("door", (left, right), (0.35, 2.4), 0.4)
            made.quad("glass_1", (left, right), (2.4, high), 0.4)
            made.box("base", (x, -0.2, 0.12), (2 * wide, 0.5, 0.5))
            continue
        made.quad("base", (left, right), (0.35, low))
        _reveal(made, left, right, low, high, 0.2)
        kinds = ("shop_0", "shop_1", "curtain") if style.shop else (*GLASSES[:2], "glass_0")
        made.quad(str(rng.choice(kinds, p=[0.45, 0.43, 0.12] if style.shop else None)), (left, right), (low, high), 0.2)
    made.quad("base", (edge, half), (0.35, high))
    made.quad("base", (-half, half), (high, top))
    if style.shop:
        _shop_sign(made, top, rng)


def _shop_sign(made: Front, top: float, rng: Rng) -> None:
    """A board with strokes on it that stand for letters, an awning, a sign that juts out over the walk."""
    reach = made.width * float(rng.uniform(0.5, 0.85))
    at, z = float(rng.uniform(-0.5, 0.5)) * (made.width - reach), top - 0.55
    made.box("sign", (at, -0.08, z), (reach, 0.16, 0.62))
    letters = int(rng.integers(5, 11))
    step = 0.7 * reach / letters
    for k in range(letters):
        if rng.uniform() < 0.85:
            x = at + (k - letters / 2) * step
            made.quad("letters", (x, x + step * float(rng.uniform(0.35, 0.7))), (z - 0.17, z + 0.17), -0.17)
    if rng.uniform() < 0.6:
        out, drop = float(rng.uniform(0.9, 1.4)), float(rng.uniform(0.4, 0.6))
        x0, x1, high = at - reach / 2, at + reach / 2, top - 0.95
        slope = [[x0, -out, high - drop], [x1, -out, high - drop], [x1, -0.02, high], [x0, -0.02, high]]
        made.corners["awning"] += [np.array(slope), np.array(slope)[::-1] - [0, 0, 0.02]]
        made.quad("awning", (x0, x1), (high - drop - 0.22, high - drop), -out)
    if rng.uniform() < 0.6:
        x = float(rng.uniform(-0.4, 0.4)) * made.width
        made.box("sign", (x, -0.65, top + 0.3), (0.1, 0.7, 0.9))
        made.box("trim", (x, -0.4, top + 0.3), (0.05, 0.8, 0.05))


def _balcony(made: Front, style: Style, x: float, floor: float, rng: Rng) -> None:
    """A slab with a rail of panels or bars, sometimes with a plant or washing on it."""
    wide, deep = style.window_m[0] + 0.9, 1.1
    made.box("trim", (x, -deep / 2, floor + 0.02), (wide, deep, 0.16))
    part = "rail" if style.balcony == "bars" else "panel"
    top = floor + 1.05
    if part == "panel":
        made.box(part, (x, -deep + 0.03, floor + 0.55), (wide, 0.05, 0.9))
        for side in (-1, 1):
            made.box(part, (x + side * (wide / 2 - 0.03), -deep / 2, floor + 0.55), (0.05, deep, 0.9))
    else:
        made.box(part, (x, -deep + 0.03, top), (wide, 0.06, 0.05))
        for place in np.linspace(-wide / 2 + 0.05, wide / 2 - 0.05, 8).tolist():
            made.quad(part, (x + place - 0.015, x + place + 0.015), (floor + 0.1, top), -deep + 0.03)
        for side in (-1, 1):
            made.box(part, (x + side * (wide / 2 - 0.03), -deep / 2, top), (0.05, deep, 0.05))
    if rng.uniform() < 0.35:
        made.box("plants", (x + float(rng.uniform(-0.3, 0.3)), -deep + 0.3, floor + 0.45), (0.7, 0.35, 0.7))
    elif rng.uniform() < 0.25:
        made.quad("curtain", (x - 0.4, x + 0.4), (floor + 0.3, top + 0.02), -deep - 0.01)


def _clutter(made: Front, style: Style, axes: NDArray[np.float64], rng: Rng) -> None:
    """A downpipe, air conditioners, a cable: what makes a real front untidy."""
    x = (made.width / 2 - 0.15) * float(rng.choice([-1.0, 1.0]))
    made.box("rail", (x, -0.07, style.tall / 2), (0.1, 0.1, style.tall))
    for axis in axes.tolist():
        if style.balcony == "none" and rng.uniform() < 0.25:
            floor = style.storeys[0] + style.storeys[1] * float(rng.integers(len(style.storeys) - 1))
            made.box("curtain", (axis + style.window_m[0] / 2 + 0.3, -0.2, floor + 0.5), (0.75, 0.36, 0.55))


def house(rng: Rng, width: float, depth: float, *, corner: bool) -> tuple[dict[str, Mesh], float]:
    """A town house: parts by material, front towards -y, centred; and its height.

    Windows front and back; ``corner`` also on both sides.
    """
    style = random_style(rng)
    sides = [front(width, style, rng, street=True)]
    sides += [front(depth, style, rng, street=True) if corner else _blank(depth, style)]
    sides += [front(width, style, rng, street=False)]
    sides += [front(depth, style, rng, street=True) if corner else _blank(depth, style)]
    parts: dict[str, list[Mesh]] = defaultdict(list)
    for number, side in enumerate(sides):
        out = depth / 2 if number % 2 == 0 else width / 2
        for part, mesh in side.meshes().items():
            placed = moved(mesh, (0.0, -out, 0.0))
            parts[part].append(moved(placed, (0.0, 0.0, 0.0), number * np.pi / 2))
    for part, mesh in _roof(width, depth, style.tall, rng).items():
        parts[part].append(mesh)
    return {part: merge(pieces) for part, pieces in parts.items()}, style.tall


def _blank(width: float, style: Style) -> Front:
    made = Front(width)
    made.quad("wall", (-width / 2, width / 2), (-PLINTH_M, style.tall + 0.9))
    return made


def _roof(width: float, depth: float, tall: float, rng: Rng) -> dict[str, Mesh]:
    """A flat roof behind a parapet, with a stair house, chimneys and machines."""
    x, y, z, top = width / 2 - 0.25, depth / 2 - 0.25, tall, tall + 0.9
    inner = [
        [[x, -y, z], [-x, -y, z], [-x, -y, top], [x, -y, top]],
        [[-x, y, z], [x, y, z], [x, y, top], [-x, y, top]],
        [[-x, -y, z], [-x, y, z], [-x, y, top], [-x, -y, top]],
        [[x, y, z], [x, -y, z], [x, -y, top], [x, y, top]],
    ]
    rim = boxes(
        [[0, -y - 0.12, top], [0, y + 0.12, top], [-x - 0.12, 0, top], [x + 0.12, 0, top]],
        [[width, 0.3, 0.08], [width, 0.3, 0.08], [0.3, depth - 0.6, 0.08], [0.3, depth - 0.6, 0.08]],
    )
    cover = quads(np.array([[[-x, -y, z], [x, -y, z], [x, y, z], [-x, y, z]]]))
    stair = boxes([[rng.uniform(-0.3, 0.3) * width, rng.uniform(0, 0.25) * depth, z + 1.2]], [2.6, 3.2, 2.4])
    machines = boxes(
        np.column_stack([rng.uniform(-0.4, 0.4, 3) * width, rng.uniform(-0.3, 0.0, 3) * depth, np.full(3, z + 0.5)]),
        rng.uniform(0.6, 1.5, (3, 3)) * [1, 1, 0.7],
    )
    return {"wall": merge([quads(np.array(inner)), stair]), "trim": rim, "roof": cover, "rail": machines}
