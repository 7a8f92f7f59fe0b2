"""The edge's part of the split network: received slices to depth, whatever of them arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import codec, codec_by_id
from navisplit.edge.depth_source import Decoded
from navisplit.errors import PacketError

if TYPE_CHECKING:
    from torch import Tensor

    from navisplit.nets.branch_set import BranchSet, BranchSpec


@dataclass(frozen=True)
class Depth:
    """What the edge knows of the scene ahead: pixel (i, j) is pixel (2i, 2j) of the camera's picture."""

    depth: NDArray[np.float32]  # (72, 128) planar m, 0.3 .. 50
    spread: NDArray[np.float32] | None = None  # (72, 128) scale of the Laplace distribution of log depth


class Tail:
    """Decodes and infers; keeps no state between frames: what it remembers is handed to it."""

    def __init__(self, branch_set: BranchSet) -> None:
        self.branch_set = branch_set

    def decode(
        self, branch_id: int, codec_id: int, shape: tuple[int, int, int], slices: Sequence[bytes | None]
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Slices (None where lost) to symbols (C, H, W) and received mask (C, H, W).

        Raises PacketError when branch, codec or shape are not this set's, or a slice is damaged.
        """
        spec = self._spec(branch_id)
        if tuple(shape) != spec.shape or codec_id != codec(spec.codec).id:
            raise PacketError(
                f"Branch '{spec.name}' sends {spec.shape} with codec {codec(spec.codec).id}, the packet says "
                f"{tuple(shape)} with codec {codec_id}; drop the frame."
            )
        return codec_by_id(codec_id).decode(slices, spec.shape, spec.tables)

    def infer(
        self,
        branch_id: int,
        symbols: NDArray[np.int16],
        mask: NDArray[np.bool_],
        memory: NDArray[np.float32] | None = None,
    ) -> Depth:
        """Symbols (C, H, W) and mask, (C, H, W) or (C,), True where received, to depth.

        ``memory`` (13, H, W) is the last answer as seen from here (``navisplit.nets.memory``).

        Raises PacketError for an unknown branch or symbols of another shape.
        """
        return self.infer_many([Decoded(branch_id, symbols, mask, memory)])[0]

    def infer_many(self, frames: Sequence[Decoded]) -> list[Depth]:
        """Depth of each frame, whatever its branch: each has its own adapter, and the shared body sees all at once.

        Raises PacketError as ``infer``.
        """
        import torch

        from navisplit.nets.tail import clip_depth

        with torch.inference_mode():
            inputs = torch.cat([self._body_input(frame) for frame in frames])
            log_depth, log_scale = self.branch_set.tail.body(inputs)
            depths, spreads = clip_depth(log_depth).numpy(), log_scale.exp().numpy()
        return [Depth(depth, spread) for depth, spread in zip(depths, spreads, strict=True)]

    def _body_input(self, frame: Decoded) -> Tensor:
        """(1, width, 18, 32)."""
        import torch

        from navisplit.nets.memory import as_tensor

        spec, symbols, mask = self._spec(frame.branch_id), frame.symbols, frame.mask
        received = mask.reshape(-1, 1, 1) if mask.ndim == 1 else mask
        if symbols.shape != spec.shape or received.shape[0] != spec.channels:
            raise PacketError(f"Branch '{spec.name}' has symbols {spec.shape}, got {symbols.shape}, mask {mask.shape}.")
        values = torch.from_numpy(symbols.astype(np.float32))[None].contiguous(memory_format=torch.channels_last)
        known = torch.from_numpy(received.astype(np.float32))[None]
        last = None if frame.memory is None else as_tensor(frame.memory)
        return self.branch_set.tail.inputs(values, known, spec.name, last)

    def _spec(self, branch_id: int) -> BranchSpec:
        spec = self.branch_set.branch_by_id(branch_id)
        if spec is None:
            known = [b.id for b in self.branch_set.branches]
            raise PacketError(f"The packet names branch {branch_id}, '{self.branch_set.name}' has {known}; drop it.")
        return spec
