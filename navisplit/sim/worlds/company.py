"""Routes of one world for drones that fly at once: apart at both ends, and as close as possible on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from navisplit.errors import RouteError
from navisplit.sim.worlds.routes import Route

APART_M = 6.0  # between starts, and between goals (our choice: twenty times the body's radius)
MARGIN_M = 0.5  # from start and goal to the ends of the airspace that all share
SAMPLES = 200


def company(routes: Sequence[Route], first: int, count: int) -> list[Route]:
    """``count`` routes, the one of id ``first`` and those whose straight ways come nearest to it and to each other.

    Near is meant in time too: all leave at once and are equally fast. Starts and goals are APART_M apart, and one
    airspace holds all. Raises RouteError where the world has too few such routes.
    """
    chosen = [route for route in routes if route.id == first]
    if not chosen:
        raise RouteError(f"There is no route {first}: ids go from {routes[0].id} to {routes[-1].id}.")
    while len(chosen) < count:
        fitting = [r for r in routes if r not in chosen and _fits(r, chosen)]
        if not fitting:
            raise RouteError(
                f"Only {len(chosen)} of {len(routes)} routes start and end {APART_M:g} m apart from route {first} and "
                f"each other, in one airspace: expected {count}. Fly fewer drones, or make a world with more routes."
            )
        chosen.append(min(fitting, key=lambda r: (min(nearest_approach_m(r, c) for c in chosen), r.id)))
    return chosen


def shared_airspace(routes: Sequence[Route]) -> tuple[float | None, float | None]:
    """Heights (lowest, highest) that all routes allow, m; None where none says."""
    lows = [float(r.min_z) for r in routes if r.min_z is not None]
    highs = [float(r.max_z) for r in routes if r.max_z is not None]
    return max(lows, default=None), min(highs, default=None)


def nearest_approach_m(a: Route, b: Route) -> float:
    """How near two drones come that fly straight from start to goal and stay there, equally fast, m."""
    flown_m = np.linspace(0.0, max(a.distance_m, b.distance_m), SAMPLES)[:, None]
    return float(np.linalg.norm(_straight(a, flown_m) - _straight(b, flown_m), axis=1).min())


def _straight(route: Route, flown_m: np.ndarray) -> np.ndarray:
    share = np.minimum(flown_m / max(route.distance_m, 1e-9), 1.0)
    return route.start + share * (route.goal - route.start)


def _fits(route: Route, others: Sequence[Route]) -> bool:
    ends = [(route.start, other.start) for other in others] + [(route.goal, other.goal) for other in others]
    low, high = shared_airspace([*others, route])
    heights = [float(end[2]) for r in (*others, route) for end in (r.start, r.goal)]
    inside = (low is None or low + MARGIN_M <= min(heights)) and (high is None or max(heights) <= high - MARGIN_M)
    return inside and all(math.dist(a, b) >= APART_M for a, b in ends)
