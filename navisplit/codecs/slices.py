"""Which symbols a slice holds, in its first bytes: shared by all codecs.

``first channel u8 | channel count u8`` for a run of whole channels; a count of 0 means rows of that one channel, and
``first row u8 | row count u8`` follow. A slice is so decoded without its neighbours, and in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs.tables import Tables
from navisplit.errors import PacketError, UsageError

HEADER_SIZE = 4
"""Bytes of the longer header: what a codec must leave free in a slice."""


@dataclass(frozen=True)
class Block:
    """A box of symbols: channels ``first .. last``, rows ``top .. bottom`` (ends exclusive), all columns."""

    first: int
    last: int
    top: int
    bottom: int

    def halves(self) -> tuple[Block, Block] | None:
        """Cut in two, by channels or else by rows; None where there is a single row."""
        if self.last - self.first > 1:
            middle = (self.first + self.last) // 2
            return replace(self, last=middle), replace(self, first=middle)
        if self.bottom - self.top > 1:
            middle = (self.top + self.bottom) // 2
            return replace(self, bottom=middle), replace(self, top=middle)
        return None

    def header(self, height: int) -> bytes:
        """The first bytes of its slice."""
        if (self.top, self.bottom) == (0, height):
            return bytes((self.first, self.last - self.first))
        return bytes((self.first, 0, self.top, self.bottom - self.top))


def parse(data: bytes, shape: tuple[int, int, int]) -> tuple[Block, bytes]:
    """The block of a slice and the rest of its bytes. Raises PacketError when it is not inside ``shape``."""
    channels, height, _ = shape
    if len(data) < 2:
        raise PacketError(f"Slice of {len(data)} bytes, expected a header of 2 at least; drop it.")
    if data[1]:
        block, rest = Block(data[0], data[0] + data[1], 0, height), data[2:]
    elif len(data) < HEADER_SIZE:
        raise PacketError(f"Slice of {len(data)} bytes, expected a row header of {HEADER_SIZE}; drop it.")
    else:
        block, rest = Block(data[0], data[0] + 1, data[2], data[2] + data[3]), data[HEADER_SIZE:]
    if block.last > channels or block.bottom > height or block.top >= block.bottom:
        raise PacketError(f"Slice holds {block}, which is not inside the frame's shape {shape}; drop it.")
    return block, rest


def blocks(slices: Sequence[bytes | None], shape: tuple[int, int, int]) -> Iterator[tuple[Block, bytes]]:
    """Blocks of the slices that arrived. Raises PacketError when two slices claim the same symbols."""
    taken = np.zeros(shape[:2], bool)
    for data in slices:
        if data is None:
            continue
        block, rest = parse(data, shape)
        box = taken[block.first : block.last, block.top : block.bottom]
        if box.any():
            raise PacketError(f"Slice holds {block}, which another slice of the frame held before; drop the frame.")
        box[:] = True
        yield block, rest


def check_symbols(symbols: NDArray[np.int16], tables: Tables) -> NDArray[np.int32]:
    """Symbols (C, H, W) as indices into the tables. Raises UsageError when they do not fit them."""
    if symbols.ndim != 3 or symbols.shape[0] != tables.channels or not 1 <= symbols.shape[1] <= 255:
        raise UsageError(f"Symbols of shape {symbols.shape}, expected ({tables.channels}, 1..255 rows, columns).")
    index = tables.index(symbols)
    if index.size == 0 or index.min() < 0 or index.max() >= tables.alphabet:
        raise UsageError(f"Symbols outside the alphabet of {tables.alphabet}; clip them first (Tables.clip).")
    return index


def check_shape(shape: tuple[int, int, int], tables: Tables) -> None:
    """Raises PacketError when a frame's announced shape is not what the tables are for."""
    if len(shape) != 3 or shape[0] != tables.channels or not 1 <= shape[1] <= 255 or shape[2] < 1:
        raise PacketError(f"Frame of shape {shape}, the branch has {tables.channels} channels; drop the frame.")
