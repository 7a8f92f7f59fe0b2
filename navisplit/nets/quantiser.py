"""Quantisation at the cut and its learned rate.

Training adds uniform noise in [-1/2, 1/2) in place of rounding and charges the negative log-likelihood of the noisy
value under a prior (Balle et al., arXiv 1611.01704; Entropic Student, arXiv 2203.08875), here one that looks at two
neighbours, as context models do (Minnen et al., arXiv 1809.02736). The prior only
shapes the training: after it, integer frequency tables are counted on validation frames and shipped.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from navisplit.codecs.tables import REACH


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


class ContextPrior(nn.Module):
    """Per channel a mixture of logistic distributions, integrated over the unit bin, given two neighbours.

    The neighbours left and above are those that the codec ``context`` looks at: what is charged in training is close to
    what is sent. A small network per channel turns them into the mixture's parameters.
    """

    def __init__(self, channels: int, components: int = 3, hidden: int = 8) -> None:
        super().__init__()
        self.components = components
        self.look = nn.Parameter(torch.randn(channels, hidden, 2) * 0.5)
        self.look_bias = nn.Parameter(torch.randn(channels, hidden, 1) * 0.5)
        self.shape = nn.Parameter(torch.randn(channels, 3 * components, hidden) * 0.05)
        mean = torch.linspace(-2.0, 2.0, components)
        start = torch.cat([mean, torch.full((components,), math.log(0.5)), torch.zeros(components)])
        self.shape_bias = nn.Parameter(start.repeat(channels, 1).unsqueeze(2))

    def bits(self, values: Tensor) -> Tensor:
        """Bits of each frame: (B, C, H, W) -> (B,)."""
        near = values.clamp(-REACH - 0.5, REACH + 0.5)
        left = functional.pad(near, (1, 0))[..., :-1]
        above = functional.pad(near, (0, 0, 1, 0))[..., :-1, :]
        seen = torch.stack([left, above]).permute(2, 0, 1, 3, 4).flatten(2)  # (C, 2, B H W)
        hidden = torch.baddbmm(self.look_bias, self.look, seen).relu()
        parameters = torch.baddbmm(self.shape_bias, self.shape, hidden)
        mean, log_scale, weight = parameters.split(self.components, dim=1)  # (C, components, B H W) each
        scale = log_scale.clamp(-6.0, 4.0).exp() + 0.05
        x = values.permute(1, 0, 2, 3).flatten(1).unsqueeze(1)
        upper, lower = torch.sigmoid((x + 0.5 - mean) / scale), torch.sigmoid((x - 0.5 - mean) / scale)
        likelihood = ((upper - lower) * weight.softmax(1)).sum(1)
        return -torch.log2(likelihood.clamp_min(1e-6)).view(values.shape[1], len(values), -1).sum((0, 2))
