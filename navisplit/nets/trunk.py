"""The head's trunk: what the drone computes for every frame, whichever branch the gate picks.

rgb 3x144x256 -> conv s2 16 -> conv s2 32 -> residual -> conv s2 64 -> residuals -> features 64x18x32
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from navisplit.nets.blocks import ConvNorm, residuals


class Trunk(nn.Sequential):
    """Normalised RGB (B, 3, H, W) -> features (B, C, H/8, W/8)."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int]) -> None:
        stem, middle, out = widths
        super().__init__(
            ConvNorm(3, stem, stride=2),
            ConvNorm(stem, middle, stride=2),  # dense: torch's backward pass of a strided depthwise one is far slower
            residuals(middle, blocks[0]),
            ConvNorm(middle, out, stride=2),
            residuals(out, blocks[1]),
        )
        self.channels: int = out


def normalise(rgb: Tensor) -> Tensor:
    """uint8 (or float in 0..255) RGB to roughly unit variance."""
    return rgb.float().mul(1.0 / 63.75).sub(2.0)


def parameter_count(module: nn.Module) -> int:
    """Number of weights."""
    return sum(p.numel() for p in module.parameters())
