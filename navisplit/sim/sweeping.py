"""How far a body of any shape can be moved in a straight line before it meets something else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Vector, rotation_matrix
from navisplit.sim.flight.contact import BODY_RADIUS_M, SceneProbe
from navisplit.sim.things import Thing

MAX_RAYS = 600  # corners that are followed; of a shape with more, an even choice (our choice)
MAX_SELF_HITS = 8
SHRINK = 0.99  # the corners are drawn in by this, so that a box that stands on the ground does not scratch it
GAP_M = 1e-3  # left between a body and what has stopped it


def corners(thing: Thing) -> NDArray[np.float64]:
    """Vertices (V, 3) of a thing where it is, ENU m."""
    own = np.asarray(thing.shape.vertices, np.float64) * thing.scale
    return own @ rotation_matrix(thing.orientation).T + thing.position


def body_dome(position: Vector) -> NDArray[np.float64]:
    """Points (N, 3) of a drone's body at ``position``: what is above its origin, with which it stands on the floor."""
    ring, height = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False), np.linspace(0.0, np.pi / 2, 4)
    azimuth, elevation = (grid.ravel() for grid in np.meshgrid(ring, height))
    flat = np.cos(elevation)
    dome = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=1)
    return position + BODY_RADIUS_M * dome


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
    unit = np.asarray(way, np.float64) / length
    lead = (1.0 - shrink) * float(((chosen - middle) @ unit).max()) + GAP_M  # how far the body is ahead of its rays
    starts = np.vstack([middle + (chosen - middle) * shrink, middle])
    best, gone = length + lead, np.zeros(len(starts))
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
    return max(0.0, best - lead)
