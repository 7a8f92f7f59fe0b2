"""What the student's training moves: both halves of the split network, and the priors that shape the rate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from navisplit.nets.architecture import Architecture, BranchConfig
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.quantiser import ContextPrior, round_symbols
from navisplit.nets.tail import TailNetwork, clip_depth


class Student(nn.Module):
    """Head, tail and priors."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.head = HeadNetwork(architecture)
        self.tail = TailNetwork(architecture)
        self.priors = nn.ModuleDict({b.name: ContextPrior(b.channels) for b in architecture.branches if b.rated})

    @torch.no_grad()
    def quantised(self, image: Tensor, branch: BranchConfig) -> Tensor:
        """Symbols (B, C, H, W) int16 of normalised pictures (B, 3, H, W)."""
        return round_symbols(self.head(image, branch.name).float(), branch.limit)

    @torch.no_grad()
    def sizes(self, symbols: Tensor, branch: BranchConfig) -> list[float]:
        """Bytes of symbols (B, C, H, W): by the prior, or a byte each where the codec is fixed."""
        if not branch.rated:
            return [float(symbols[0].numel())] * len(symbols)
        return (self.priors[branch.name].bits(symbols.float()) / 8.0).tolist()

    @torch.no_grad()
    def depth(self, symbols: Tensor, branch: BranchConfig) -> Tensor:
        """Depth (B, 72, 128) m of symbols received in full, without memory."""
        received = torch.ones(1, branch.channels, 1, 1)
        return clip_depth(self.tail(symbols.float(), received, branch.name)[0])
