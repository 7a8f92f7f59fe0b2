"""Augmentation: mirror images, and the colours, exposure, blur and noise of cameras that the ray caster does not have."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from navisplit.nets.architecture import MAX_DEPTH_M, MIN_DEPTH_M
from navisplit.nets.trunk import normalise
from navisplit.train.dataset import Batch


def to_tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    """Network input (B, 3, H, W) channels-last and clipped depth (B, H/2, W/2) m."""
    rgb = torch.from_numpy(batch.rgb).permute(0, 3, 1, 2)  # a view: NHWC memory is channels_last
    return normalise(rgb), torch.from_numpy(batch.depth).clamp(MIN_DEPTH_M, MAX_DEPTH_M)


def augmented(batch: Batch, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(clean input, augmented input, depth): the teacher of a distillation sees the clean one."""
    clean, depth = to_tensors(batch)
    if rng.random() < 0.5:
        clean, depth = clean.flip(3).contiguous(memory_format=torch.channels_last), depth.flip(2)
    return clean, photometric(clean, rng), depth


def photometric(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Exposure, contrast, colour cast, blur and sensor noise, in the units of ``normalise`` (8-bit range is -2 .. 2)."""
    count = len(image)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, channels, 1, 1)).astype(np.float32))

    gain = uniform(0.65, 1.4) * uniform(0.9, 1.1, 3)
    offset = uniform(-0.25, 0.25)
    image = (image + 2.0) * gain - 2.0 + offset
    if rng.random() < 0.3:
        image = functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    noise = torch.empty_like(image).normal_(generator=generator)
    image = image + noise * uniform(0.0, 0.2)
    return image.clamp_(-2.0, 2.0).contiguous(memory_format=torch.channels_last)
