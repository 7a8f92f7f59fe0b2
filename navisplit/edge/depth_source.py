"""What turns received slices into depth: the tail, or the truth in an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from navisplit.edge.policies import DepthImage


class DepthSource(Protocol):
    """What turns the slices of a frame into depth: ``navisplit.edge.tail.Tail``, or the truth in an evaluation."""

    def decode(
        self, branch_id: int, codec_id: int, shape: tuple[int, int, int], slices: Sequence[bytes | None]
    ) -> tuple[Any, Any]:
        """Symbols and erasure mask; a lost slice is None. Raises PacketError."""

    def infer(self, branch_id: int, symbols: Any, mask: Any, memory: Any = None) -> DepthImage:
        """Depth of the frame; ``memory`` is the last one as seen from here. Raises PacketError (branch, shape)."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A frame that only the network has to see yet: the arguments of ``infer``."""

    branch_id: int
    symbols: Any
    mask: Any
    memory: Any = None


@runtime_checkable
class BatchSource(Protocol):
    """A depth source that takes the frames of several drones at once."""

    def infer_many(self, frames: Sequence[Decoded]) -> list[DepthImage]:
        """Depth of each frame, in order. Raises PacketError (branch, shape) for all where one is wrong."""


def infer_all(source: DepthSource, frames: Sequence[Decoded]) -> list[DepthImage]:
    """Depth of each frame, at once where the source can. Raises PacketError."""
    if len(frames) > 1 and isinstance(source, BatchSource):
        return source.infer_many(frames)
    return [source.infer(f.branch_id, f.symbols, f.mask, f.memory) for f in frames]
