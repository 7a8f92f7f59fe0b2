"""Streets of a town furnished: parked cars, trees in rows, lamps, signs, shelters, skywalks and hung lamps."""

from __future__ import annotations

import numpy as np

from navisplit.sim.worlds.description import Pose, Visual
from navisplit.sim.worlds.parts import instance
from navisplit.sim.worlds.tints import car_paint, random_colour, tone
from navisplit.sim.worlds.urban_blocks import Town, add_tree
from navisplit.sim.worlds.urban_materials import GLASS

SKYWALK_CLEAR_M = (4.8, 6.2)
"""Height of a skywalk's underside over the street: high enough to fly under."""


def furnish_streets(town: Town, street_half: float, density: float) -> None:
    """Along all streets; crossings stay free."""
    for axis in (0, 1):
        crossings = town.streets[1 - axis]
        for line in town.streets[axis].tolist():
            for side in (-1.0, 1.0):
                _kerb(town, axis, line, side, street_half, crossings, density)
            _overhead(town, axis, line, crossings)
            for crossing in crossings.tolist():
                _lights(town, axis, line, crossing, street_half)


def _kerb(town: Town, axis: int, line: float, side: float, street_half: float, crossings: np.ndarray,
          density: float) -> None:  # fmt: skip
    """Parked cars on the street's edge, and on the outer metre of the walk what stands there every few metres."""
    rng = town.rng
    shaded = rng.uniform() < 0.6  # a street with trees
    places = np.arange(-town.half + 4, town.half - 4, 5.6)
    for number, place in enumerate(places + rng.uniform(-0.3, 0.3, len(places))):
        gap = float(np.abs(place - crossings).min())
        if gap > town.edge + 5 and rng.uniform() < 0.55 * density:
            _parked_car(town, axis, line + side * (street_half - 1.1), place, rng.uniform() < 0.5)
        if gap < town.edge + 2.5:
            continue
        across = line + side * (street_half + 0.65)
        at = place + 2.6
        if np.abs(at - crossings).min() < town.edge + 1.5:
            continue
        x, y = _on(axis, across, at)
        if not town.taken.free(x, y, 0.4):
            continue
        kind = number % 3
        if kind == 0 and shaded:
            if rng.uniform() < 0.9:
                add_tree(town, x, y, float(rng.uniform(0.75, 1.1)))
        elif kind == 1 and number % 6 == 1:
            _lamp(town, axis, x, y, side)
        elif rng.uniform() < 0.6 * density:
            _furniture(town, axis, x, y, side)


def _facing(axis: int, side: float) -> float:
    """Yaw whose x points from the walk to the middle of the street."""
    return (np.pi if side > 0 else 0.0) if axis == 0 else -side * np.pi / 2


def _pose(town: Town, x: float, y: float, yaw: float) -> Pose:
    return Pose.from_euler((round(x, 3), round(y, 3), round(float(town.terrain.height(x, y)), 3)), yaw=yaw)


def _parked_car(town: Town, axis: int, across: float, along: float, turned: bool) -> None:
    """A car at the kerb, pitched with the slope, painted in a colour of its own."""
    rng = town.rng
    x, y = _on(axis, across, along)
    yaw = (0.0 if axis == 1 else np.pi / 2) + (np.pi if turned else 0.0) + float(rng.normal(0, 0.02))
    nose, tail = (float(town.terrain.height(x + d * np.cos(yaw), y + d * np.sin(yaw))) for d in (1.5, -1.5))
    pose = Pose.from_euler(
        (round(x, 3), round(y, 3), round((nose + tail) / 2, 3)), 0.0, -np.arctan2(nose - tail, 3.0), yaw
    )
    k = int(rng.integers(5))
    tints = {"paint": car_paint(rng), "glass": tone(rng, GLASS, 0.3), "dark": (0.02, 0.02, 0.02)}
    visuals = [Visual(n, instance(f"car_{k}_{n}"), "paint", tint=t) for n, t in tints.items()]
    town.parts.add("car", "car", visuals, pose)


def _lamp(town: Town, axis: int, x: float, y: float, side: float) -> None:
    k = int(town.rng.integers(2))
    visual = Visual("metal", instance(f"lamp_{k}_metal"), "metal", tint=tone(town.rng, (0.4, 0.42, 0.4), 0.2))
    town.parts.add("pole", "lamp", [visual], _pose(town, x, y, _facing(axis, side)))
    town.taken.add(x, y, 0.5)


def _furniture(town: Town, axis: int, x: float, y: float, side: float) -> None:
    """One of the small things of a walk."""
    rng = town.rng
    town.taken.add(x, y, 0.8)
    inward = _facing(axis, side)
    kind = str(
        rng.choice(["sign", "bin", "bench", "bollards", "shelter", "kiosk"], p=[0.28, 0.2, 0.2, 0.16, 0.08, 0.08])
    )
    colour = random_colour(rng)
    if kind == "sign":
        k = int(rng.integers(4))
        tints = {"metal": (0.4, 0.4, 0.4), "plate": colour, "extra": random_colour(rng, 0.2, 0.8)}
        visuals = [Visual(n, instance(f"sign_{k}_{n}"), "paint", tint=t) for n, t in tints.items()]
        yaw = (np.pi / 2 if axis == 0 else 0.0) + (np.pi if rng.uniform() < 0.5 else 0.0)
        town.parts.add("pole", "sign", visuals, _pose(town, x, y, yaw))
    elif kind == "bin":
        visual = Visual("bin", instance(f"bin_{rng.integers(2)}"), "paint", tint=colour)
        town.parts.add("other", "bin", [visual], _pose(town, x, y, 0.0))
    elif kind == "bench":
        visuals = [Visual("wood", instance("bench_wood"), "timber"), Visual("metal", instance("bench_metal"), "metal")]
        town.parts.add("other", "bench", visuals, _pose(town, x, y, inward - np.pi / 2))
    elif kind == "bollards":
        steps = (np.arange(4) - 1.5) * 1.2
        first = _pose(town, x, y, inward)
        visuals = [
            Visual(f"post_{k}", instance("bollard"), "paint", Pose((0.0, float(d), 0.0)), colour)
            for k, d in enumerate(steps)
        ]
        town.parts.add("pole", "bollards", visuals, first)
    elif kind == "shelter":
        tints = {"metal": random_colour(rng, 0.05, 0.4), "glass": (0.25, 0.3, 0.32), "poster": random_colour(rng, 0.3)}
        visuals = [Visual(n, instance(f"shelter_{n}"), "paint", tint=t) for n, t in tints.items()]
        town.parts.add("other", "shelter", visuals, _pose(town, *_back(axis, x, y, side, 0.35), inward + np.pi / 2))
    else:
        k = int(rng.integers(2))
        tints = {"body": colour, "roof": random_colour(rng), "goods": random_colour(rng, 0.1)}
        visuals = [Visual(n, instance(f"kiosk_{k}_{n}", 0.8), "paint", tint=t) for n, t in tints.items()]
        town.parts.add("other", "kiosk", visuals, _pose(town, *_back(axis, x, y, side, 0.2), inward - np.pi / 2))


def _back(axis: int, x: float, y: float, side: float, by: float) -> tuple[float, float]:
    return (x + side * by, y) if axis == 0 else (x, y + side * by)


def _lights(town: Town, axis: int, line: float, crossing: float, street_half: float) -> None:
    """Traffic lights on two corners of a crossing, for those who come along this axis."""
    if town.rng.uniform() < 0.35:
        return
    for way in (-1.0, 1.0):
        x, y = _on(
            axis, line + way * (street_half + 0.5) * (1 if axis == 0 else -1), crossing - way * (street_half + 1.0)
        )
        yaw = (np.pi / 2 if axis == 0 else 0.0) + (np.pi if way < 0 else 0.0)
        lit = int(town.rng.integers(2)) * 2
        tints = {
            "metal": (0.05, 0.05, 0.05),
            "red": (0.12, 0.01, 0.01),
            "amber": (0.12, 0.08, 0.01),
            "green": (0.01, 0.1, 0.03),
        }
        colours = {"red": (1.0, 0.05, 0.03), "green": (0.05, 0.9, 0.35)}
        name = ("red", "amber", "green")[lit]
        visuals = [
            Visual(n, instance(f"light_{n}"), "lamp" if n == name else "paint", tint=colours[n] if n == name else t)
            for n, t in tints.items()
        ]
        town.parts.add("pole", "traffic_light", visuals, _pose(town, x, y, yaw))
        town.taken.add(x, y, 0.5)


def _overhead(town: Town, axis: int, line: float, crossings: np.ndarray) -> None:
    """Skywalks between houses, hung lamps and a gantry over a street, halfway between crossings."""
    rng = town.rng
    for a, b in zip(crossings[:-1], crossings[1:], strict=True):
        spots = a + (b - a) * np.array([0.36, 0.5, 0.64])
        kinds = rng.permutation(["skywalk", "hung", "gantry", "hung", "none", "none", "hung", "skywalk"])[:3]
        for place, kind in zip(spots.tolist(), kinds, strict=True):
            x, y = _on(axis, line, place)
            z = float(town.terrain.height(x, y))
            yaw = 0.0 if axis == 0 else np.pi / 2
            if kind == "skywalk" and _between_houses(town, axis, line, place):
                up = z + float(rng.uniform(*SKYWALK_CLEAR_M))
                tints = {
                    "concrete": tone(rng, (0.9, 0.9, 0.88), 0.2),
                    "metal": random_colour(rng, 0.05, 0.5),
                    "glass": tone(rng, GLASS, 0.5),
                }
                looks = {"concrete": "concrete", "metal": "paint", "glass": "paint"}
                visuals = [Visual(n, instance(f"skywalk_{n}"), looks[n], tint=t) for n, t in tints.items()]
                town.parts.add("other", "skywalk", visuals, Pose.from_euler((x, y, round(up, 3)), yaw=yaw))
            elif kind == "gantry":
                tints = {
                    "metal": tone(rng, (0.35, 0.36, 0.37), 0.2),
                    "board": (0.02, 0.09, 0.25) if rng.uniform() < 0.5 else (0.01, 0.2, 0.08),
                }
                visuals = [Visual(n, instance(f"gantry_{n}"), "paint", tint=t) for n, t in tints.items()]
                town.parts.add("pole", "gantry", visuals, Pose.from_euler((x, y, round(z, 3)), yaw=yaw))
            elif kind == "hung" and _between_houses(town, axis, line, place):
                k = int(rng.integers(2))
                tints = {"wire": (0.02, 0.02, 0.02), "lamp": (0.6, 0.6, 0.55), "flags": random_colour(rng, 0.2)}
                visuals = [
                    Visual(n, instance(f"hung_{k}_{n}"), "paint", tint=t)
                    for n, t in tints.items()
                    if f"hung_{k}_{n}" in town.parts.meshes
                ]
                town.parts.add("pole", "hung_lamp", visuals, Pose.from_euler((x, y, round(z, 3)), yaw=yaw))


def _between_houses(town: Town, axis: int, line: float, place: float) -> bool:
    """Whether there is a house on both sides of a street there."""
    for side in (-1.0, 1.0):
        x, y = _on(axis, line + side * (town.edge + 5.5), place)
        if not any(abs(x - hx) < 6.5 and abs(y - hy) < 6.5 for hx, hy, _ in town.fronts):
            return False
    return True


def _on(axis: int, across: float, along: float) -> tuple[float, float]:
    return (float(across), float(along)) if axis == 0 else (float(along), float(across))
