"""Augmentation: mirror images, and the exposures, colours and noise of cameras that the ray caster does not have."""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from navisplit.nets.architecture import MAX_DEPTH_M, MIN_DEPTH_M
from navisplit.nets.trunk import normalise
from navisplit.train.dataset import Batch


def to_tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    """Network input (B, 3, H, W) channels-last and clipped depth (B, H/2, W/2) m."""
    rgb = torch.from_numpy(batch.rgb).permute(0, 3, 1, 2)  # a view: NHWC memory is channels_last
    return normalise(rgb), torch.from_numpy(batch.depth).clamp(MIN_DEPTH_M, MAX_DEPTH_M)


def augmented(batch: Batch, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, bool]:
    """(clean input, augmented input, depth, whether mirrored): the teacher of a distillation sees the clean one."""
    clean, depth = to_tensors(batch)
    flipped = bool(rng.random() < 0.5)
    if flipped:
        clean, depth = clean.flip(3).contiguous(memory_format=torch.channels_last), depth.flip(2)
    return clean, photometric(clean, rng), depth, flipped


def photometric(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Exposure, contrast, colour cast and sensor noise, in the units of ``normalise`` (8-bit range is -2 .. 2).

    Noise is cut out of one fixed sheet at random places: drawing ten million normal numbers a second would take a
    quarter of the training time.
    """
    count = len(image)
    gain = rng.uniform(0.65, 1.4, (count, 1, 1, 1)) * rng.uniform(0.9, 1.1, (count, 3, 1, 1))
    offset = 2.0 * gain - 2.0 + rng.uniform(-0.25, 0.25, (count, 1, 1, 1))
    strength = rng.uniform(0.0, 0.2, (count, 1, 1, 1))
    sheet, size = _noise_sheet(), image[0].numel()
    starts = rng.integers(0, len(sheet) - size, count)
    height, width = image.shape[-2:]
    noise = torch.stack([sheet[s : s + size] for s in starts]).view(count, height, width, 3).permute(0, 3, 1, 2)
    image = torch.addcmul(_column(offset), image, _column(gain))
    return image.addcmul_(noise, _column(strength)).clamp_(-2.0, 2.0)


def _column(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


@functools.lru_cache(maxsize=1)
def _noise_sheet() -> Tensor:
    """Unit normal noise, the same in every run."""
    return torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))
