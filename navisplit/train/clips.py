"""From single poses to clips: where the camera was a moment earlier, as a drone that flies there would have been.

A tail that remembers is trained on frames that follow one another. Speeds, turns and gaps are our choice: they cover
hover to 8 m/s at 10 Hz, with up to two frames skipped in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import quaternion_from_euler
from navisplit.sim.render.query import SceneQuery

Array = NDArray[np.float64]

CLIP = 3
"""Frames of a clip."""
GAPS_S = (0.1, 0.1, 0.2, 0.3)
"""Times between its frames, each as likely as the others; twice the same is twice as likely."""
MAX_SPEED_MPS = 8.0
DRIFT_SIGMA, CLIMB_SIGMA_MPS, TURN_SIGMA_RPS, SWAY_SIGMA = 0.3, 0.4, 0.5, 0.04
CLEARANCE_M = 0.35
_SLOWER = (1.0, 0.5, 0.2, 0.0)  # of the drawn speed, until the way is free


@dataclass(frozen=True)
class Clips:
    """N clips of CLIP frames; the last frame of each is the pose that was asked for."""

    positions: Array  # (N, CLIP, 3) ENU m
    orientations: Array  # (N, CLIP, 4) x, y, z, w: camera FLU -> ENU
    times: Array  # (N, CLIP) s since the clip's first frame


def clips_to(positions: Array, angles: Array, query: SceneQuery, rng: np.random.Generator) -> Clips:
    """Clips that end at positions (N, 3) with roll, pitch, yaw (N, 3), along free ways."""
    count = len(positions)
    speed = rng.uniform(0.0, MAX_SPEED_MPS, count)
    course = angles[:, 2] + rng.normal(0.0, DRIFT_SIGMA, count)
    velocity = np.column_stack(
        [speed * np.cos(course), speed * np.sin(course), rng.normal(0.0, CLIMB_SIGMA_MPS, count)]
    )
    turn = rng.normal(0.0, TURN_SIGMA_RPS, count)
    gaps = rng.choice(GAPS_S, (count, CLIP - 1))
    before = np.concatenate([np.cumsum(gaps[:, ::-1], axis=1)[:, ::-1], np.zeros((count, 1))], axis=1)
    velocity *= _free_share(positions, velocity, before[:, 0], query)[:, None]
    places = positions[:, None] - velocity[:, None] * before[..., None]
    turned = np.repeat(angles[:, None], CLIP, axis=1)
    turned[..., 2] -= turn[:, None] * before
    turned[:, :-1, :2] += rng.normal(0.0, SWAY_SIGMA, (count, CLIP - 1, 2))
    orientations = np.array([[quaternion_from_euler(*frame) for frame in clip] for clip in turned])
    return Clips(places, orientations, before[:, :1] - before)


def _free_share(positions: Array, velocity: Array, seconds: Array, query: SceneQuery) -> Array:
    """By how much (N,) each velocity is scaled, so that the way of the last ``seconds`` (N,) touches nothing."""
    share = np.zeros(len(positions))
    undecided = np.ones(len(positions), bool)
    for slower in _SLOWER:
        backwards = -slower * velocity * seconds[:, None]
        length = np.linalg.norm(backwards, axis=1)
        direction = backwards / np.maximum(length, 1e-9)[:, None]
        direction[length < 1e-6] = [0.0, 0.0, 1.0]
        distance = query.cast(positions, direction, float(length.max()) + CLEARANCE_M)[0]
        middle, start = (query.nearest(positions + f * backwards, 2 * CLEARANCE_M)[0] for f in (0.5, 1.0))
        free = (distance > length + CLEARANCE_M) & (np.minimum(middle, start) > CLEARANCE_M)
        chosen = undecided & (free | (length < 1e-6))
        share[chosen] = slower
        undecided &= ~chosen
    return share
