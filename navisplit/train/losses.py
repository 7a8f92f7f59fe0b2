"""What training minimises: errors of log depth, weighted towards what a drone can hit, and a calibrated spread."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

THIN_RADIUS = 3
"""Half width, in pixels of the 72x128 depth, of the opening that tells thin things: up to 6 pixels is thin."""
THIN_CONTRAST = 1.3
"""A thin thing is nearer than its surroundings by at least this factor."""


def pixel_weights(depth: Tensor, near_m: float, near_weight: float, thin_weight: float) -> Tensor:
    """Weights (B, H, W) with mean 1: more for near pixels, and more again for thin near things."""
    weights = 1.0 + near_weight * (depth < near_m) + thin_weight * thin_mask(depth, 3.0 * near_m)
    return weights / weights.mean()


def thin_mask(depth: Tensor, far_m: float) -> Tensor:
    """Pixels (B, H, W) bool of vertical thin things nearer than ``far_m``: the top hat of inverse depth along rows.

    Along rows only, as what stands in a drone's way is mostly upright, and as a ground plane seen at a slant is no
    thin thing along rows (our choice).
    """
    size = 2 * THIN_RADIUS + 1
    inverse = (1.0 / depth).unsqueeze(1)
    eroded = -functional.max_pool2d(-inverse, (1, size), 1, (0, THIN_RADIUS))
    opened = functional.max_pool2d(eroded, (1, size), 1, (0, THIN_RADIUS))
    return (inverse > THIN_CONTRAST * opened).squeeze(1) & (depth < far_m)


def depth_loss(log_depth: Tensor, log_scale: Tensor, depth: Tensor, weights: Tensor, too_far: Tensor) -> Tensor:
    """Weighted L1 of log depth plus the Laplace likelihood of that error under the predicted scale; a scalar.

    ``too_far`` (B, H, W) is by how much more an error counts that puts a pixel beyond the truth: for near things, a
    pinball loss that would rather brake too early. The likelihood sees a detached error: otherwise a network may buy a
    low loss with large spreads where it is hard to be right, which is where thin near things are (our choice; compare
    beta-NLL, arXiv 2203.09168).
    """
    beyond = log_depth - depth.log()
    error = beyond.abs()
    likelihood = error.detach() * torch.exp(-log_scale) + log_scale
    return (weights * (error + too_far * beyond.clamp_min(0.0))).mean() + 0.1 * likelihood.mean()


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of body inputs, relative to the teacher's power; a scalar."""
    teacher = teacher.float()
    return functional.mse_loss(student.float(), teacher) / teacher.square().mean().clamp_min(1e-6)


def erase_channels(count: int, channels: int, share: float, generator: torch.Generator) -> Tensor:
    """Received masks (count, channels, 1, 1): in ``share`` of them channels are lost, never all.

    Half of those lose a random run, as a burst on the link does; half lose all channels from some number on, as a
    drone with less budget leaves them out. The second kind orders the channels by importance (nested dropout, arXiv
    1402.0915).
    """
    mask = torch.ones(count, channels, 1, 1)
    if channels < 2:
        return mask
    for row in torch.nonzero(torch.rand(count, generator=generator) < share).flatten().tolist():
        length = int(torch.randint(1, channels, (1,), generator=generator))
        if torch.rand((), generator=generator) < 0.5:
            start = channels - length
        else:
            start = int(torch.randint(0, channels - length + 1, (1,), generator=generator))
        mask[row, start : start + length] = 0.0
    return mask
