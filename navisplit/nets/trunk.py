"""The head's trunk: what the drone computes for every frame, whichever branch the gate picks.

rgb 3x144x256 -> conv s2 -> conv s2, residuals -> conv s2, residuals -> CxHxW at 18x32
                                                    -> conv s2, residuals at 9x16 -> conv s2, residuals at 5x8 -> back

The levels beyond the 18x32 grid show every cell the whole picture, at a tenth of the price of the same weights on the
grid itself. A bottleneck of a few channels needs that: what it leaves out, the tail cannot find by looking around.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from navisplit.nets.blocks import ConvNorm, residuals

GRID_LEVEL = 2
"""Index of the width at stride 8."""


class Context(nn.Module):
    """One level of half the resolution, and whatever is below it, added to what came in: (B, C, H, W) -> the same."""

    def __init__(self, channels: int, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        width = widths[0]
        self.down = nn.Sequential(ConvNorm(channels, width, stride=2), residuals(width, blocks[0]))
        self.below = Context(width, widths[1:], blocks[1:]) if len(widths) > 1 else nn.Identity()
        self.up = ConvNorm(width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        context = self.up(self.below(self.down(x)))
        return x + functional.interpolate(context, size=(x.shape[-2], x.shape[-1]), mode="nearest")


class Trunk(nn.Sequential):
    """Pictures (B, H, W, 3) uint8, or normalised RGB (B, 3, H, W) float -> features (B, C, H/8, W/8).

    ``widths`` are the channels at strides 2, 4, 8 and, where there are more, at 16, 32, ..; ``blocks`` the residual
    blocks at strides 4, 8, 16, ..
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int]) -> None:
        stem, middle, out = widths[: GRID_LEVEL + 1]
        super().__init__(
            ConvNorm(3, stem, stride=2),
            ConvNorm(stem, middle, stride=2),  # dense: torch's backward pass of a strided depthwise one is far slower
            residuals(middle, blocks[0]),
            ConvNorm(middle, out, stride=2),
            residuals(out, blocks[1]),
        )
        if len(widths) > GRID_LEVEL + 1:
            self.append(Context(out, widths[GRID_LEVEL + 1 :], blocks[GRID_LEVEL:]))
            self.append(residuals(out, 1))
        self.channels: int = out

    def forward(self, rgb: Tensor) -> Tensor:
        """Features. Pictures are normalised here, so that a run time for inference can do it on the way in."""
        return super().forward(normalise(rgb.permute(0, 3, 1, 2)) if rgb.dtype == torch.uint8 else rgb)


def normalise(rgb: Tensor) -> Tensor:
    """uint8 (or float in 0..255) RGB to roughly unit variance."""
    return rgb.float().mul(1.0 / 63.75).sub(2.0)


def parameter_count(module: nn.Module) -> int:
    """Number of weights."""
    return sum(p.numel() for p in module.parameters())
