"""The drone's half: trunk and bottlenecks. One branch is computed per frame, from features that all branches share."""

from __future__ import annotations

from torch import Tensor, nn

from navisplit.nets.architecture import Architecture, BranchConfig
from navisplit.nets.blocks import ConvNorm, Separable
from navisplit.nets.quantiser import round_symbols
from navisplit.nets.trunk import Trunk

INITIAL_GAIN = 4.0
"""Scale of a new bottleneck's weights: values of a few units, so that early noise does not drown them (our choice)."""
UNRATED_RANGE = 8.0
"""Without a rate term nothing keeps values small: they start at this share of the limit, so that 8 bits are used."""


class Bottleneck(nn.Sequential):
    """Features (B, F, 18, 32) -> values (B, C, 18/stride, 32/stride), one unit apart where they are to differ."""

    def __init__(self, features: int, branch: BranchConfig) -> None:
        project = nn.Conv2d(features, branch.channels, 1)
        gain = INITIAL_GAIN if branch.rated else branch.limit / UNRATED_RANGE
        nn.init.normal_(project.weight, std=gain / features**0.5)
        nn.init.zeros_(project.bias)
        # Dense where it strides: torch's backward pass of a strided depthwise convolution is eight times slower.
        strided = branch.stride > 1
        mix = ConvNorm(features, features, stride=branch.stride) if strided else Separable(features, features)
        super().__init__(mix, project)


class HeadNetwork(nn.Module):
    """Trunk and all bottlenecks of a branch set."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.trunk = Trunk(architecture.trunk_widths, architecture.trunk_blocks)
        self.branches = nn.ModuleDict(
            {branch.name: Bottleneck(self.trunk.channels, branch) for branch in architecture.branches}
        )

    def symbols(self, features: Tensor, branch: BranchConfig) -> Tensor:
        """Trunk features (B, F, 18, 32) -> rounded symbols of one branch (B, C, h, w) int16."""
        return round_symbols(self.branches[branch.name](features).float(), branch.limit)

    def forward(self, rgb: Tensor, branch: str) -> Tensor:
        """Normalised RGB (B, 3, H, W) -> unrounded values of one branch (B, C, h, w)."""
        return self.branches[branch](self.trunk(rgb))
