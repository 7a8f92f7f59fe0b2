"""How hard a route is, from the geometry alone: room around the way, view along it, and how much it bends.

The parts follow published measures: the mean free distance along random headings is AvoidBench's traversability (Yu et
al. 2023), the room on the way is FlightBench's traversal obstruction seen from the vehicle, and the detour its angle
over length (Yu et al. 2024). How they are put together is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery

Array = NDArray[np.float64]

HEADINGS = 16
"""Directions looked along from every point, evenly spread and turned a little from point to point."""

SIGHT_M = 30.0
"""Free distances count up to here."""

ROOM_M = 5.0
"""Distances to obstacles count up to here."""

_TIGHT_M, _WIDE_M = 0.3, 2.8  # mean room on the way at which it is as hard, as easy as can be
_CLOSED_M, _OPEN_M = 4.0, 28.0  # mean free distance likewise
_BENT = 0.2  # detour of the shortest way (0.2: a fifth longer than the straight line) that is as hard as can be
_WEIGHTS = (0.4, 0.4, 0.2)  # of tight, closed, bent
_GOLDEN = 0.6180339887


@dataclass(frozen=True)
class Difficulty:
    """Figures of one route."""

    free_m: float  # mean free distance along horizontal headings from points of the shortest way, each at most 30 m
    clearance_mean_m: float  # from points of the shortest way to the nearest surface, each at most 5 m
    clearance_min_m: float
    difficulty: float  # 0 open field .. 1 as hard as we count


def rate(query: SceneQuery, way: Array) -> Difficulty:
    """Figures of a shortest way (K, 3) through a scene.

    ``difficulty`` = 0.4 tight + 0.4 closed + 0.2 bent, each in 0..1: tight falls from 1 at 0.3 m of mean clearance
    to 0 at 2.8 m, closed from 1 at 4 m of mean free distance to 0 at 28 m, bent rises to 1 at a detour of 20 %.
    """
    points = _resampled(way, 0.5)
    room = query.nearest(points, ROOM_M)[0].astype(np.float64)
    some = points[::4]
    turn = (np.arange(len(some)) * _GOLDEN) % 1.0
    heading = 2 * np.pi * (np.arange(HEADINGS)[None, :] + turn[:, None]) / HEADINGS
    directions = np.stack([np.cos(heading), np.sin(heading), 0 * heading], axis=-1).reshape(-1, 3)
    free = query.cast(np.repeat(some, HEADINGS, axis=0), directions, SIGHT_M)[0].astype(np.float64)
    length = float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
    detour = length / max(float(np.linalg.norm(way[-1] - way[0])), 1e-6) - 1.0
    parts = (
        1.0 - np.interp(room.mean(), [_TIGHT_M, _WIDE_M], [0.0, 1.0]),
        1.0 - np.interp(free.mean(), [_CLOSED_M, _OPEN_M], [0.0, 1.0]),
        min(detour / _BENT, 1.0),
    )
    hard = float(np.dot(parts, _WEIGHTS))
    return Difficulty(float(free.mean()), float(room.mean()), float(room.min()), min(max(hard, 0.0), 1.0))


def _resampled(way: Array, step: float) -> Array:
    """Points about ``step`` apart along a polyline, ends included."""
    pieces = []
    for a, b in zip(way[:-1], way[1:], strict=True):
        count = max(1, int(np.ceil(np.linalg.norm(b - a) / step)))
        pieces.append(a + np.arange(count)[:, None] / count * (b - a))
    return np.concatenate([*pieces, way[-1:]])
