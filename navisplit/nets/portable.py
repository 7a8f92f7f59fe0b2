"""Head and tail as plain functions of arrays, for other run times than torch: bytes of a picture in, symbols out.

``navisplit branches --export-onnx`` writes every branch's head as one ONNX file for a companion computer. Rounding,
clipping to the alphabet and the conversion to int8 are inside, so that the computer needs nothing but the coder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from navisplit.nets.branch_set import BranchSet
from navisplit.nets.runtime import to_onnx
from navisplit.nets.tail import clip_depth

INPUT, OUTPUT = "rgb", "symbols"


class PortableHead(nn.Module):
    """RGB (1, H, W, 3) uint8, sRGB as the camera delivers it -> symbols (1, C, h, w) int8 of one branch."""

    def __init__(self, models: BranchSet, branch: str) -> None:
        super().__init__()
        spec = models.branch(branch)
        self.trunk, self.bottleneck = models.head.trunk, models.head.branches[branch]
        low = torch.from_numpy(spec.tables.offsets.copy()).float().view(1, -1, 1, 1)
        self.register_buffer("low", low.clamp_min(-spec.limit))
        self.register_buffer("high", (low + spec.tables.alphabet - 1).clamp_max(spec.limit))

    def values(self, rgb: Tensor) -> Tensor:
        """What is rounded: (1, C, h, w)."""
        return self.bottleneck(self.trunk(rgb))

    def forward(self, rgb: Tensor) -> Tensor:
        """Round half to even, clip to the alphabet of each channel, as the vehicle's head does."""
        return self.values(rgb).round().clamp(self.low, self.high).to(torch.int8)


class PortableTail(nn.Module):
    """Symbols (1, C, h, w) int8, all received -> depth (1, 72, 128) m and the spread of log depth."""

    def __init__(self, models: BranchSet, branch: str) -> None:
        super().__init__()
        self.tail, self.branch = models.tail, branch
        self.register_buffer("received", torch.ones(1, models.branch(branch).channels, 1, 1))

    def forward(self, symbols: Tensor) -> tuple[Tensor, Tensor]:
        """Depth and spread."""
        log_depth, log_scale = self.tail(symbols.float(), self.received, self.branch)
        return clip_depth(log_depth), log_scale.exp()


def picture_like(models: BranchSet) -> Tensor:
    """A black picture of the branch set's size."""
    architecture = models.architecture
    return torch.zeros(1, architecture.height, architecture.width, 3, dtype=torch.uint8)


def symbols_like(models: BranchSet, branch: str) -> Tensor:
    """Symbols of a branch, all zero."""
    return torch.zeros(1, *models.branch(branch).shape, dtype=torch.int8)


def export_onnx(module: nn.Module, example: Tensor, path: Path, outputs: Sequence[str]) -> Path:
    """Write one ONNX file with fixed shapes, weights included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_onnx(module, [example], [INPUT], outputs, dynamic=False))
    return path
