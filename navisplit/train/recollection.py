"""Memory in training: what a batch of tails answered for one frame, seen from the next frames of their clips."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from navisplit.frames import Intrinsics
from navisplit.nets.memory import CHANNELS, Motion, Pose, motion_between, recollect
from navisplit.train.clips import CLIP
from navisplit.train.dataset import Batch


def motions_of(batch: Batch, flipped: bool) -> list[Motion]:
    """How the camera came to each frame of whole clips from the frame before; a clip's first frame stands still."""
    poses = [Pose(row[:3], row[3:], time) for row, time in zip(batch.pose, batch.time, strict=True)]
    motions = []
    for i, pose in enumerate(poses):
        motion = motion_between(poses[i - 1] if i % CLIP else pose, pose)
        motions.append(motion.mirrored() if flipped else motion)
    return motions


class Recollections:
    """The memories of a batch; none at first."""

    def __init__(self, intrinsics: Intrinsics) -> None:
        self._intrinsics = intrinsics
        self._memories: NDArray[np.float32] | None = None

    @property
    def any(self) -> bool:
        """Whether there is one: a network that saw empty memories would take their statistics for its own."""
        return self._memories is not None

    def forget(self) -> None:
        """Back to none."""
        self._memories = None

    def renew(self, log_depth: NDArray[np.float32], log_scale: NDArray[np.float32], motions: list[Motion]) -> None:
        """Remember answers (B, H, W) as seen after these motions."""
        self._memories = np.stack(
            [recollect(d, s, m, self._intrinsics) for d, s, m in zip(log_depth, log_scale, motions, strict=True)]
        )

    def tensors(self, count: int, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Memories (count, CHANNELS, h, w) and which of them there are (count,) in {0, 1}."""
        if self._memories is None:
            return torch.zeros(count, CHANNELS, *grid), torch.zeros(count)
        return torch.from_numpy(self._memories), torch.ones(count)
