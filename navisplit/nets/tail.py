"""The edge's half: received symbols to depth, with its uncertainty.

    symbols CxhXw + mask -> adapter (one per branch) -> 96x18x32 (+ what is remembered)
      -> pyramid 18x32 / 9x16 / 5x8 and back -> 32x36x64 -> log depth and log scale 2x72x128

All resolution that is left is in the 18x32 grid, so the last steps upsample by pixel shuffle (arXiv 1609.05158): most
of the work stays at low resolution, where it is cheap.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from navisplit.nets.architecture import MAX_DEPTH_M, MIN_DEPTH_M, Architecture, BranchConfig
from navisplit.nets.blocks import ConvNorm, Separable, residuals, resize
from navisplit.nets.memory import TYPICAL_DEPTH_M, Recall

LOG_SCALE_RANGE = (-4.0, 1.5)


class Adapter(nn.Module):
    """Symbols of one branch to the body's input; what was lost on the link is replaced by a learned value."""

    def __init__(self, branch: BranchConfig, width: int) -> None:
        super().__init__()
        self.missing = nn.Parameter(torch.zeros(1, branch.channels, 1, 1))
        self.lift = ConvNorm(branch.channels, width * branch.stride**2)
        self.stride = branch.stride

    def forward(self, symbols: Tensor, received: Tensor) -> Tensor:
        """Symbols (B, C, h, w) and received mask (B, C, 1|h, 1|w) in {0, 1} -> (B, width, 18, 32)."""
        known = symbols * received + self.missing * (1.0 - received)
        lifted = self.lift(known)
        return functional.pixel_shuffle(lifted, self.stride) if self.stride > 1 else lifted


class DepthBody(nn.Module):
    """What all branches and the teacher share: (B, width, 18, 32) -> log depth and log scale (B, 2, 72, 128)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        fine, middle, coarse = architecture.body_widths
        blocks = architecture.body_blocks
        self.fine = residuals(fine, blocks[0])
        self.middle = nn.Sequential(ConvNorm(fine, middle, stride=2), residuals(middle, blocks[1]))
        self.coarse = nn.Sequential(ConvNorm(middle, coarse, stride=2), residuals(coarse, blocks[2]))
        self.from_coarse = ConvNorm(coarse, middle, 1)
        self.merge_middle = residuals(middle, 1)
        self.from_middle = ConvNorm(middle, fine, 1)
        self.merge_fine = residuals(fine, 1)
        self.detail = ConvNorm(fine, architecture.detail_width, 1)
        self.refine = Separable(architecture.detail_width, architecture.detail_width)
        self.out = nn.Conv2d(architecture.detail_width, 2 * 4, 3, padding=1)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.constant_(self.out.bias, 0.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Body input -> (log depth, log scale), both (B, 72, 128) float32."""
        fine = self.fine(x)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.merge_middle(middle + resize(self.from_coarse(coarse), _size(middle)))
        fine = self.merge_fine(fine + resize(self.from_middle(middle), _size(fine)))
        height, width = _size(fine)
        detail = self.refine(resize(self.detail(fine), (2 * height, 2 * width)))
        maps = functional.pixel_shuffle(self.out(detail), 2).float()
        return maps[:, 0] + math.log(TYPICAL_DEPTH_M), (maps[:, 1] - 1.0).clamp(*LOG_SCALE_RANGE)


class TailNetwork(nn.Module):
    """Adapters of all branches, the memory's, and the shared body."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, self.grid = architecture.body_widths[0], architecture.grid
        self.adapters = nn.ModuleDict({branch.name: Adapter(branch, width) for branch in architecture.branches})
        self.recall = Recall(width) if architecture.memory else None
        self.body = DepthBody(architecture)

    def forward(
        self,
        symbols: Tensor,
        received: Tensor,
        branch: str,
        memory: Tensor | None = None,
        present: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Symbols of one branch and their mask, and maybe a memory, -> (log depth, log scale), both (B, 72, 128).

        ``memory`` (B, 13, 18, 32) is that of ``navisplit.nets.memory``; ``present`` (B,) tells which frames have one.
        """
        return self.body(self.inputs(symbols, received, branch, memory, present))

    def inputs(
        self, symbols: Tensor, received: Tensor, branch: str, memory: Tensor | None, present: Tensor | None = None
    ) -> Tensor:
        """The body's input (B, width, 18, 32)."""
        known = self.adapters[branch](symbols, received)
        if memory is None or self.recall is None:
            return known
        there = memory.new_ones(len(memory)) if present is None else present
        return known + self.recall(memory, there)


def clip_depth(log_depth: Tensor) -> Tensor:
    """Log depth to metres in MIN_DEPTH_M .. MAX_DEPTH_M."""
    return log_depth.clamp(math.log(MIN_DEPTH_M), math.log(MAX_DEPTH_M)).exp()


def _size(x: Tensor) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]
