"""Sizes of the split depth network: one frozen object that travels with the weights.

Grid sizes: the camera's 144x256 (height, width) at stride 8 gives the 18x32 grid where the network is cut; the depth
that comes out of the tail has half the camera's resolution, 72x128.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from navisplit.codecs import codec
from navisplit.config import from_mapping
from navisplit.errors import ConfigError

TRUNK_STRIDE = 8
DEPTH_STRIDE = 2
MIN_DEPTH_M, MAX_DEPTH_M = 0.3, 50.0
"""Depths are clipped to this range in training, inference and metrics; the sky counts as the far end (our choice)."""


@dataclass(frozen=True)
class BranchConfig:
    """One compressed branch: a bottleneck behind the trunk, with its own rate."""

    name: str
    channels: int  # of the bottleneck
    target_bytes: int  # mean bytes per frame that training steers to, where the codec has a rate to steer
    stride: int = 1  # of the bottleneck behind the trunk's grid: 1 (18x32) or 2 (9x16)
    limit: int = 15  # symbols are integers in [-limit, limit]
    codec: str = "context"

    @property
    def rated(self) -> bool:
        """Whether the branch's bytes depend on its symbols. Raises UsageError for an unknown codec."""
        return codec(self.codec).entropy_coded

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.channels < 1 or self.target_bytes < 1 or not 1 <= self.limit <= 127 or self.stride not in (1, 2):
            raise ConfigError(
                f"BranchConfig '{self.name}': expected channels >= 1, target_bytes >= 1, limit in 1..127 and stride 1 "
                f"or 2, got {self.channels}, {self.target_bytes}, {self.limit} and {self.stride}."
            )


DEFAULT_BRANCHES = (
    BranchConfig("b0", channels=6, target_bytes=90, stride=2),
    BranchConfig("b1", channels=12, target_bytes=210, stride=2),
    BranchConfig("b2", channels=24, target_bytes=500, stride=2),
    BranchConfig("b3", channels=16, target_bytes=1100),
    BranchConfig("b4", channels=24, target_bytes=2800),
)


@dataclass(frozen=True)
class Architecture:
    """Widths and depths of trunk, branches and tail; see the modules of the same names."""

    height: int = 144
    width: int = 256
    trunk_widths: tuple[int, ...] = (16, 32, 64, 112, 160)  # at strides 2, 4, 8 and, if any, 16, 32, ..
    trunk_blocks: tuple[int, ...] = (1, 1, 2, 2)  # at strides 4, 8, ..
    body_widths: tuple[int, int, int] = (96, 192, 256)  # at strides 8, 16, 32
    body_blocks: tuple[int, int, int] = (2, 3, 2)
    detail_width: int = 32  # of the tail at stride 4
    memory: bool = False  # whether the tail also sees its own last answer
    branches: tuple[BranchConfig, ...] = field(default=DEFAULT_BRANCHES)

    def __post_init__(self) -> None:
        """Check that the resolution fits the strides and that branch names are unique."""
        if self.height % 16 or self.width % 16:
            raise ConfigError(f"Architecture: expected multiples of 16, got {self.height}x{self.width}.")
        check_trunk("Architecture.trunk", self.trunk_widths, self.trunk_blocks)
        names = [b.name for b in self.branches]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"Architecture.branches: expected at least one branch and unique names, got {names}.")

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the trunk's output."""
        return self.height // TRUNK_STRIDE, self.width // TRUNK_STRIDE

    @property
    def depth_shape(self) -> tuple[int, int]:
        """Height and width of the depth that the tail infers."""
        return self.height // DEPTH_STRIDE, self.width // DEPTH_STRIDE

    def symbol_shape(self, branch: BranchConfig) -> tuple[int, int, int]:
        """(channels, height, width) of the symbols that a branch sends."""
        height, width = self.grid
        return branch.channels, height // branch.stride, width // branch.stride


def check_trunk(name: str, widths: Sequence[int], blocks: Sequence[int]) -> None:
    """Raises ConfigError unless these are the widths and blocks of a trunk."""
    if len(widths) < 3 or len(blocks) != len(widths) - 1 or min(widths) < 1:
        raise ConfigError(
            f"{name}_widths: expected at least 3 (at strides 2, 4, 8) and one entry of {name}_blocks less, got "
            f"{list(widths)} and {list(blocks)}."
        )


_LEVELLED = ("trunk_widths", "trunk_blocks")  # as many entries as levels


def architecture_from_mapping(values: Mapping[str, Any]) -> Architecture:
    """Build an Architecture from JSON or YAML. Raises ConfigError on unknown keys or wrong types."""
    arguments: dict[str, Any] = {}
    known = {f.name: f.default for f in dataclasses.fields(Architecture)}
    for key, value in values.items():
        if key == "branches" and isinstance(value, Sequence):
            arguments[key] = tuple(from_mapping(BranchConfig, branch) for branch in value)
        elif isinstance(known.get(key), tuple):
            arguments[key] = integers(f"Architecture.{key}", value, None if key in _LEVELLED else len(known[key]))  # type: ignore[arg-type]
        else:
            arguments[key] = value
    scalars = {key: value for key, value in arguments.items() if not isinstance(value, tuple)}
    from_mapping(Architecture, scalars)  # checks the names and types of what is no tuple
    return Architecture(**arguments)


def integers(name: str, value: Any, length: int | None = None) -> tuple[int, ...]:
    """A list of that many integers >= 0 (None: of any length). Raises ConfigError for anything else."""
    if (
        not isinstance(value, Sequence)
        or len(value) != (length or len(value))
        or not all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in value)
    ):
        raise ConfigError(f"{name}: expected {length or 'a list of'} integers, got {value!r}.")
    return tuple(value)
