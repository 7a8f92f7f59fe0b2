"""The edge's part of the split network: received slices to depth, whatever of them arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import codec, codec_by_id
from navisplit.errors import PacketError

if TYPE_CHECKING:
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
        import torch

        from navisplit.nets.memory import as_tensor
        from navisplit.nets.tail import clip_depth

        spec = self._spec(branch_id)
        received = mask.reshape(-1, 1, 1) if mask.ndim == 1 else mask
        if symbols.shape != spec.shape or received.shape[0] != spec.channels:
            raise PacketError(f"Branch '{spec.name}' has symbols {spec.shape}, got {symbols.shape}, mask {mask.shape}.")
        with torch.inference_mode():
            values = torch.from_numpy(symbols.astype(np.float32))[None].contiguous(memory_format=torch.channels_last)
            known = torch.from_numpy(received.astype(np.float32))[None]
            last = None if memory is None else as_tensor(memory)
            log_depth, log_scale = self.branch_set.tail(values, known, spec.name, last)
            return Depth(clip_depth(log_depth)[0].numpy(), log_scale.exp()[0].numpy())

    def _spec(self, branch_id: int) -> BranchSpec:
        spec = self.branch_set.branch_by_id(branch_id)
        if spec is None:
            known = [b.id for b in self.branch_set.branches]
            raise PacketError(f"The packet names branch {branch_id}, '{self.branch_set.name}' has {known}; drop it.")
        return spec
