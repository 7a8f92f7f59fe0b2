"""Quantisation at the cut and its learned rate.

Training adds uniform noise in [-1/2, 1/2) in place of rounding and charges the negative log-likelihood of the noisy
value under a factorised prior (Balle et al., arXiv 1611.01704; Entropic Student, arXiv 2203.08875). The prior only
shapes the training: after it, integer frequency tables are counted on validation frames and shipped.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def clip_symbols(values: Tensor, limit: int) -> Tensor:
    """Clip to the alphabet with a gradient that still points back into it."""
    clipped = values.clamp(-limit, limit)
    return values + (clipped - values).detach()


def add_noise(values: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The differentiable stand-in of rounding: values plus uniform noise in [-1/2, 1/2)."""
    noise = torch.rand(values.shape, generator=generator, dtype=values.dtype) - 0.5
    return values + noise


def round_symbols(values: Tensor, limit: int) -> Tensor:
    """What is sent: integers (int16) in [-limit, limit]."""
    return values.round().clamp(-limit, limit).to(torch.int16)


class LogisticMixturePrior(nn.Module):
    """Factorised prior: per channel a mixture of logistic distributions, integrated over the unit bin."""

    def __init__(self, channels: int, components: int = 3) -> None:
        super().__init__()
        spread = torch.linspace(-2.0, 2.0, components)
        self.mean = nn.Parameter(spread.repeat(channels, 1))
        self.log_scale = nn.Parameter(torch.full((channels, components), math.log(0.5)))
        self.weight = nn.Parameter(torch.zeros(channels, components))

    def bits(self, values: Tensor) -> Tensor:
        """Bits of each frame: (B, C, H, W) -> (B,)."""
        x = values.permute(0, 2, 3, 1).unsqueeze(-1)  # (B, H, W, C, 1)
        scale = self.log_scale.exp() + 0.05
        upper, lower = torch.sigmoid((x + 0.5 - self.mean) / scale), torch.sigmoid((x - 0.5 - self.mean) / scale)
        likelihood = ((upper - lower) * self.weight.softmax(-1)).sum(-1)
        return -torch.log2(likelihood.clamp_min(1e-6)).sum((1, 2, 3))
