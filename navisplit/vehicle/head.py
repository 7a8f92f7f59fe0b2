"""The drone's part of the split network: one trunk pass per frame, then the branch that the gate picked, coded."""

from __future__ import annotations

import bisect
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import codec
from navisplit.errors import UsageError
from navisplit.wire import FEATURE_OVERHEAD

if TYPE_CHECKING:
    from torch import Tensor

    from navisplit.nets.branch_set import BranchSet, BranchSpec

MAX_PAYLOAD = 1200
"""Bytes of one slice: DESIGN "The packet"."""

SUMMARY_ROWS, SUMMARY_COLUMNS = 2, 3
"""Cells of the summary: upper and lower half; left, middle and right third of the picture."""


@dataclass(frozen=True)
class Activations:
    """What the trunk computed for one frame."""

    features: Tensor  # (1, C, 18, 32)
    summary: NDArray[np.float32]  # (6 C,) mean activation in each cell of 2 x 3, rows first: the gate's view


@dataclass(frozen=True)
class Encoded:
    """One frame's symbols as coded slices."""

    branch_id: int
    codec_id: int
    shape: tuple[int, int, int]  # (C, H, W)
    slices: list[bytes]  # each <= MAX_PAYLOAD and decodable alone

    @property
    def size(self) -> int:
        """Bytes of all slices, without packet headers."""
        return sum(len(s) for s in self.slices)


class Head:
    """Runs the trunk and the bottlenecks of a branch set; keeps no state between frames."""

    def __init__(self, branch_set: BranchSet) -> None:
        self.branch_set = branch_set
        self._network = branch_set.head

    @property
    def summary_size(self) -> int:
        """Length of ``Activations.summary``."""
        return self._network.trunk.channels * SUMMARY_ROWS * SUMMARY_COLUMNS

    def trunk(self, rgb: NDArray[np.uint8]) -> Activations:
        """RGB (H, W, 3) uint8 of the branch set's resolution to features. Raises UsageError on another shape."""
        import torch

        expected = (self.branch_set.architecture.height, self.branch_set.architecture.width, 3)
        if rgb.shape != expected or rgb.dtype != np.uint8:
            raise UsageError(
                f"The head of '{self.branch_set.name}' expects RGB {expected} uint8, got {rgb.shape} {rgb.dtype}. "
                "Resize the picture, or train a branch set for this camera."
            )
        with torch.inference_mode():
            features = self._network.trunk(torch.from_numpy(np.ascontiguousarray(rgb)[None]))
            return Activations(features, summarise(features))

    def symbols(self, activations: Activations, branch: str) -> NDArray[np.int16]:
        """Quantised bottleneck (C, H, W) of one branch. Raises UsageError for an unknown branch."""
        import torch

        from navisplit.nets.quantiser import round_symbols

        spec = self.branch_set.branch(branch)
        with torch.inference_mode():
            values = self._network.branches[branch](activations.features)
            return spec.tables.clip(round_symbols(values, spec.limit)[0].contiguous().numpy())

    def encode(self, activations: Activations, branch: str, max_bytes: int | None = None) -> Encoded:
        """Symbols of one branch as slices. Raises UsageError for an unknown branch.

        With ``max_bytes``, of all packets with their headers, the last channels are left out until the frame fits, as
        if they were lost: training has ordered channels by importance. The first channel is always sent.
        """
        spec = self.branch_set.branch(branch)
        symbols = self.symbols(activations, branch)
        slices = _coded(symbols, spec, spec.channels)
        if max_bytes is not None and _wire_bytes(slices) > max_bytes:
            fits = bisect.bisect_left(
                range(1, spec.channels), True, key=lambda c: _wire_bytes(_coded(symbols, spec, c)) > max_bytes
            )
            slices = _coded(symbols, spec, max(fits, 1))
        return Encoded(spec.id, codec(spec.codec).id, spec.shape, slices)


def _coded(symbols: NDArray[np.int16], spec: BranchSpec, channels: int) -> list[bytes]:
    """Slices of the first channels."""
    return codec(spec.codec).encode(symbols[:channels], spec.tables.first(channels), MAX_PAYLOAD)


def _wire_bytes(slices: list[bytes]) -> int:
    return sum(len(data) + FEATURE_OVERHEAD for data in slices)


def summarise(features: Tensor) -> NDArray[np.float32]:
    """Features (1, C, H, W) to mean activations of 2 x 3 cells, cell by cell: (6 C,)."""
    x = features[0].float().numpy()
    channels, height, width = x.shape
    return (x.reshape(channels, -1) @ _cell_means(height, width)).T.reshape(-1)


@functools.cache
def _cell_means(height: int, width: int) -> NDArray[np.float32]:
    """(H W, 6): each column has the mean of one cell as its weights."""
    row = np.arange(height) * SUMMARY_ROWS // height
    column = np.searchsorted(np.linspace(0, width, SUMMARY_COLUMNS + 1).astype(int), np.arange(width), "right") - 1
    cell = (row[:, None] * SUMMARY_COLUMNS + column).ravel()
    one_hot = cell[:, None] == np.arange(SUMMARY_ROWS * SUMMARY_COLUMNS)
    return (one_hot / one_hot.sum(axis=0)).astype(np.float32)
