"""The teacher: the drone's trunk and the edge's body with no bottleneck between, the most that a branch can reach.

Its trunk and body begin the student's, and its body *input* is what the student's adapters are taught to reproduce: the
Entropic Student recipe (arXiv 2203.08875) of distilling what the decoder reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from navisplit.nets.architecture import Architecture
from navisplit.nets.blocks import ConvNorm
from navisplit.nets.tail import DepthBody
from navisplit.nets.trunk import Trunk


class Unsplit(nn.Module):
    """Normalised RGB (B, 3, H, W) -> log depth and log scale (B, 72, 128)."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], architecture: Architecture) -> None:
        super().__init__()
        self.trunk = Trunk(widths, blocks)
        self.lift = ConvNorm(self.trunk.channels, architecture.body_widths[0])
        self.body = DepthBody(architecture)

    def features(self, rgb: Tensor) -> Tensor:
        """The body's input (B, width, 18, 32)."""
        return self.lift(self.trunk(rgb))

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Depth and its uncertainty, as ``DepthBody``."""
        return self.body(self.features(rgb))


class Teacher(Unsplit):
    """The network of a branch set before it is split; what a server infers from whole pictures."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture.trunk_widths, architecture.trunk_blocks, architecture)
