"""What the tail inferred last, seen from where the camera is now: the memory that light branches lean on.

The last depth is moved by the odometry and splatted into the grid of the features, near before far. The warp is plain
geometry (as in recurrent depth networks that warp their state, e.g. Deep Video MVS, arXiv 2012.02177); that a codec's
receiver fills in what the sender left out from its own past is residual coding without the sender's part (our choice).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from navisplit.frames import Intrinsics, Quaternion, Vector, rotation_matrix
from navisplit.nets.blocks import ConvNorm

TYPICAL_DEPTH_M = 8.0
"""The depth that an untrained body answers: close to the median of the training data, for a calm start (our choice)."""
CHANNELS = 13
"""Log depth, log scale and validity of 2 x 2 cells, and the age in seconds."""
MAX_AGE_S = 1.0
"""Older depth is forgotten: the odometry and the world have moved on (our choice; trained on up to 0.6 s)."""
_NEAREST_M = 0.2
_LOG_TYPICAL = math.log(TYPICAL_DEPTH_M)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """Of a camera: position (3,) ENU m, orientation (4,) x, y, z, w from camera FLU to ENU, and when, s."""

    position: Vector
    orientation: Quaternion
    time_s: float


@dataclass(frozen=True)
class Motion:
    """From an older camera's FLU frame to a newer one's: p_new = rotation @ p_old + translation."""

    rotation: NDArray[np.float64]  # (3, 3)
    translation: NDArray[np.float64]  # (3,)
    age_s: float

    def mirrored(self) -> Motion:
        """In pictures that are flipped left to right."""
        flip = np.array([1.0, -1.0, 1.0])
        return Motion(flip[:, None] * self.rotation * flip, flip * self.translation, self.age_s)


def motion_between(old: Pose, new: Pose) -> Motion:
    """How the camera moved."""
    to_new = rotation_matrix(new.orientation).T
    rotation = to_new @ rotation_matrix(old.orientation)
    translation = to_new @ (np.asarray(old.position, np.float64) - np.asarray(new.position, np.float64))
    return Motion(rotation, translation, new.time_s - old.time_s)


def recollect(log_depth: Array, log_scale: Array, motion: Motion, intrinsics: Intrinsics) -> Array:
    """The last log depth and log scale (H, W) as memory (CHANNELS, H/4, W/4); ``intrinsics`` are the depth image's."""
    height, width = log_depth.shape
    memory = np.zeros((CHANNELS, height // 4, width // 4), np.float32)
    nearest = np.full((height // 2, width // 2), np.inf, np.float32)
    k = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy], np.float32)
    pose = np.column_stack([motion.rotation, motion.translation]).astype(np.float32)
    _splat(log_depth, log_scale, pose, k, nearest, memory)
    memory[-1] = motion.age_s
    return memory


@numba.njit(cache=True)
def _splat(log_depth: Array, log_scale: Array, pose: Array, k: Array, nearest: Array, memory: Array) -> None:
    height, width = log_depth.shape
    for i in range(height):
        for j in range(width):
            depth = np.exp(log_depth[i, j])
            left, up = -(j - k[2]) / k[0] * depth, -(i - k[3]) / k[1] * depth
            x = pose[0, 0] * depth + pose[0, 1] * left + pose[0, 2] * up + pose[0, 3]
            if x < _NEAREST_M:
                continue
            y = pose[1, 0] * depth + pose[1, 1] * left + pose[1, 2] * up + pose[1, 3]
            z = pose[2, 0] * depth + pose[2, 1] * left + pose[2, 2] * up + pose[2, 3]
            column = int(np.floor((k[2] - y / x * k[0] + 0.5) * 0.5))
            row = int(np.floor((k[3] - z / x * k[1] + 0.5) * 0.5))
            if not (0 <= row < nearest.shape[0] and 0 <= column < nearest.shape[1]) or x >= nearest[row, column]:
                continue
            nearest[row, column] = x
            cell, r, c = (row % 2) * 2 + column % 2, row // 2, column // 2
            if r < memory.shape[1] and c < memory.shape[2]:
                memory[cell, r, c] = np.log(x) - _LOG_TYPICAL
                memory[4 + cell, r, c] = log_scale[i, j]
                memory[8 + cell, r, c] = 1.0


class Recall(nn.Module):
    """Memory to what is added to the body's input; nothing at first, and nothing where there is no memory."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = ConvNorm(CHANNELS, width)
        self.mix = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, memory: Tensor, present: Tensor) -> Tensor:
        """Memory (B, CHANNELS, 18, 32) and whether there is one (B,) in {0, 1} -> (B, width, 18, 32)."""
        return self.mix(self.look(memory)) * present.view(-1, 1, 1, 1)


def as_tensor(memory: Array) -> Tensor:
    """One frame's memory as a batch (1, CHANNELS, 18, 32)."""
    return torch.from_numpy(memory)[None].contiguous(memory_format=torch.channels_last)
