"""Camera poses to learn from: free ones and ones in front of obstacles, tilted as a drone in flight is.

Heights, clearances and tilts are our choice; they cover the policies' airspace (1 .. 6 m) and SimpleFlight's attitudes.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import WorldError
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.scene import Scene
from navisplit.sim.worlds.description import GROUND_ID

Array = NDArray[np.float64]

HEIGHT_M = (0.8, 5.0)
CLEARANCE_M = 0.5
AHEAD_M = 4.0
"""A pose is 'near' when something other than the ground is nearer than this ahead, at its own height."""
PITCH_SIGMA, ROLL_SIGMA, TILT_LIMIT = 0.15, 0.10, 0.5
_SWEEP = 48  # directions tried around a point
_ENCLOSED_M = 15.0
_ROUNDS = 60


class PoseSampler:
    """Draws poses in one scene."""

    def __init__(self, scene: Scene, query: SceneQuery) -> None:
        ground = tuple(o for o in scene.objects if o.segmentation_id == GROUND_ID)
        things = [o for o in scene.objects if o.segmentation_id != GROUND_ID]
        if not ground or not things:
            raise WorldError(f"World '{scene.name}' needs a ground (segmentation id {GROUND_ID}) and objects on it.")
        self._query, self._ground = query, SceneQuery(dataclasses.replace(scene, objects=ground))
        self._is_ground = np.array([o.segmentation_id == GROUND_ID for o in scene.objects] + [False])  # last: nothing
        centres = np.array([o.vertices.mean(axis=0)[:2] for o in things], np.float64)
        self._low, self._high = np.percentile(centres, [1, 99], axis=0)

    def sample(self, count: int, near: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Positions (count, 3) and roll, pitch, yaw (count, 3) of the camera; the first ``near`` face something near.

        Raises WorldError when the world has no room for them.
        """
        positions, yaws = [np.empty((0, 3))] * 2, [np.empty(0)] * 2
        for _ in range(_ROUNDS):
            if len(positions[0]) >= near and len(positions[1]) >= count - near:
                break
            points = self._free_points(max(64, count), rng)
            facing = self._facing(points, rng)
            found = np.isfinite(facing)
            free_yaw = rng.uniform(-np.pi, np.pi, len(points))
            half = rng.random(len(points)) < 0.5  # a point serves one kind only
            positions[0] = np.concatenate([positions[0], points[found & half]])
            yaws[0] = np.concatenate([yaws[0], facing[found & half]])
            positions[1] = np.concatenate([positions[1], points[~half]])
            yaws[1] = np.concatenate([yaws[1], free_yaw[~half]])
        else:
            raise WorldError(
                f"World '{self._query.scene.name}': after {_ROUNDS} rounds {len(positions[0])} of {near} poses near "
                f"obstacles and {len(positions[1])} of {count - near} free ones; the world is too full or too empty."
            )
        position = np.concatenate([positions[0][:near], positions[1][: count - near]])
        yaw = np.concatenate([yaws[0][:near], yaws[1][: count - near]])
        roll, pitch = (np.clip(rng.normal(0, s, count), -TILT_LIMIT, TILT_LIMIT) for s in (ROLL_SIGMA, PITCH_SIGMA))
        return position, np.column_stack([roll, pitch, yaw])

    def _free_points(self, count: int, rng: np.random.Generator) -> Array:
        """Points above the ground, clear of everything and not inside anything; fewer than ``count``."""
        points = np.column_stack([rng.uniform(self._low, self._high, (count, 2)), np.full(count, 500.0)])
        drop, owner, _ = self._ground.cast(points, np.tile([0.0, 0.0, -1.0], (count, 1)), 1000.0)
        points[:, 2] += rng.uniform(*HEIGHT_M, count) - drop
        points = points[owner >= 0]
        clearance = self._query.nearest(points, 2 * CLEARANCE_M)[0]
        points = points[clearance >= CLEARANCE_M]
        return points[~self._enclosed(points)]

    def _enclosed(self, points: Array) -> NDArray[np.bool_]:
        """Points around and above which one and the same object stands: inside a house or a crown."""
        turn = np.arange(8) * np.pi / 4
        around = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(8)])
        directions = np.concatenate([around, [[0.0, 0.0, 1.0]]])
        origins = np.repeat(points, len(directions), axis=0)
        _, owner, _ = self._query.cast(origins, np.tile(directions, (len(points), 1)), _ENCLOSED_M)
        owner = owner.reshape(len(points), -1)
        return (owner[:, -1] >= 0) & ((owner[:, :-1] == owner[:, -1:]).sum(axis=1) >= 7)

    def _facing(self, points: Array, rng: np.random.Generator) -> Array:
        """A random heading (N,) with an obstacle near ahead; NaN where there is none around."""
        turn = np.arange(_SWEEP) * 2 * np.pi / _SWEEP
        directions = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(_SWEEP)])
        origins = np.repeat(points, _SWEEP, axis=0)
        distance, owner, _ = self._query.cast(origins, np.tile(directions, (len(points), 1)), AHEAD_M)
        near = ((distance < AHEAD_M) & ~self._is_ground[owner]).reshape(len(points), _SWEEP)
        score = np.where(near, rng.random(near.shape), -1.0)
        yaw = turn[score.argmax(axis=1)] + rng.uniform(-0.3, 0.3, len(points))
        return np.where(near.any(axis=1), yaw, np.nan)
