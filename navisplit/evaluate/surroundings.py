"""How near a flight comes to anything, and how crowded its way is: the same for offline, live and recorded flights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BODY_RADIUS_M = 0.30
NEAR_M = 6.0  # clearance is measured up to here
CROWDED_M = 1.0


def clearances(query: Any, points: ArrayLike) -> NDArray[np.float64]:
    """(N,) m from the body's surface at points (N, 3) to the nearest surface; ``query`` as a SceneQuery."""
    return np.maximum(np.asarray(query.nearest(np.asarray(points), NEAR_M)[0], float) - BODY_RADIUS_M, 0.0)


def crowding(query: Any, start: ArrayLike, goal: ArrayLike) -> float:
    """Share of the straight line from start to goal with less than 1 m around it."""
    start, way = np.asarray(start, float), np.asarray(goal, float) - np.asarray(start, float)
    steps = max(2, int(np.linalg.norm(way) / 0.5))
    line = start + way * np.linspace(0.0, 1.0, steps)[:, None]
    return float(np.mean(query.nearest(line, NEAR_M)[0] < CROWDED_M))
