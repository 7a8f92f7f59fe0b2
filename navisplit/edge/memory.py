"""The edge's memory of one drone: what the tail inferred last, and from where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.config import CameraConfig
from navisplit.edge.policies import DepthImage, State, View
from navisplit.frames import rotation_matrix
from navisplit.nets.memory import MAX_AGE_S, Motion, Pose, motion_between, recollect


def seen_from(image: DepthImage, motion: Motion, camera: CameraConfig) -> NDArray[np.float32]:
    """An answer with a spread as memory (13, 18, 32) after the camera moved."""
    assert image.spread is not None
    return recollect(np.log(image.depth), np.log(image.spread), motion, View.of(camera, image.depth).intrinsics)


class DepthMemory:
    """Keeps one answer of the tail, and shows it from where the drone is now."""

    def __init__(self, camera: CameraConfig) -> None:
        self._camera = camera
        self._kept: tuple[DepthImage, Pose] | None = None

    def forget(self) -> None:
        """As before the first frame."""
        self._kept = None

    def keep(self, image: DepthImage, state: State, stamp_ns: int) -> None:
        """Remember an answer; one without a spread is exact, comes from no tail, and is not kept."""
        if image.spread is not None:
            self._kept = (image, self._pose(state, stamp_ns))

    def recall(self, state: State, stamp_ns: int) -> NDArray[np.float32] | None:
        """Memory (13, 18, 32) for the tail, or None when there is none that is younger than MAX_AGE_S."""
        if self._kept is None:
            return None
        image, pose = self._kept
        now = self._pose(state, stamp_ns)
        if not 0.0 < now.time_s - pose.time_s <= MAX_AGE_S or image.spread is None:
            return None
        return seen_from(image, motion_between(pose, now), self._camera)

    def _pose(self, state: State, stamp_ns: int) -> Pose:
        """The camera's: it looks along the body's x axis."""
        ahead = rotation_matrix(state.orientation)[:, 0] * self._camera.offset_x_m
        return Pose(np.asarray(state.position, np.float64) + ahead, state.orientation, stamp_ns * 1e-9)
