"""How far a body of any shape can be moved in a straight line before it meets something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Vector, rotation_matrix
from navisplit.sim.contact import SceneProbe
from navisplit.sim.things import Thing

MAX_RAYS = 600  # corners that are followed; of a shape with more, an even choice (our choice)
MAX_SELF_HITS = 8
SHRINK = 0.99  # the corners are drawn in by this, so that a box that stands on the ground does not scratch it


def corners(thing: Thing) -> NDArray[np.float64]:
    """Vertices (V, 3) of a thing where it is, ENU m."""
    own = np.asarray(thing.shape.vertices, np.float64) * thing.scale
    return own @ rotation_matrix(thing.orientation).T + thing.position


def free_distance(
    probe: SceneProbe, points: NDArray[np.float64], way: Vector, *, own_index: int = -1, shrink: float = SHRINK
) -> float:
    """Metres that a body with corners ``points`` (V, 3) can go along ``way`` (3,), at most its length.

    Rays from the corners and the middle find what is in the way, so something thinner than the gaps between them may
    be missed. Surfaces of object ``own_index``, the body itself, do not count.
    """
    length = float(np.linalg.norm(way))
    if length < 1e-9:
        return 0.0
    middle = (points.min(0) + points.max(0)) / 2
    unique = np.unique(points.astype(np.float32), axis=0).astype(np.float64)
    chosen = unique[np.linspace(0, len(unique) - 1, min(len(unique), MAX_RAYS)).astype(int)]
    starts = np.vstack([middle + (chosen - middle) * shrink, middle])
    unit = np.asarray(way, np.float64) / length
    best, gone = length, np.zeros(len(starts))
    for _ in range(MAX_SELF_HITS):
        directions = np.tile(unit, (len(starts), 1)).astype(np.float32)
        distance, index, _ = probe.cast((starts + gone[:, None] * unit).astype(np.float32), directions, best)
        reached = gone + distance
        foreign = (index >= 0) & (index != own_index)
        if foreign.any():
            best = min(best, float(reached[foreign].min()))
        own = (index == own_index) & (index >= 0) & (reached < best)
        if not own.any():
            break
        starts, gone = starts[own], reached[own] + 1e-4  # on behind the body's own surface
    return best
