"""Context-modelled rANS: every symbol is coded with the table of what stands left of it and above it.

Feature maps are smooth: on our branches two neighbours, each clipped to -2 .. 2, save 17 to 31 % of the bytes that
per-channel tables take, and a third neighbour or the channel before saves less than 3 % more (measured: docs/adr/0010).
The decoder must know a symbol before it can pick the next table, one symbol after the other, which a library that is
called from Python cannot do in time: hence a coder of our own, of integers only, the same on every machine.

rANS after Duda (arXiv 1311.2540), byte by byte: the state stays in [2**16, 2**24), so that a slice has three bytes of
state. The encoder starts from exactly 2**16, and the decoder must end there with every byte used: a stream that was cut
or changed ends elsewhere. (The CRC of the packet guards against noise; this guards against rubbish with a good CRC.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numba
import numpy as np
from numpy.typing import NDArray

from navisplit.codecs.rans import runs
from navisplit.codecs.registry import register
from navisplit.codecs.slices import HEADER_SIZE, Block, blocks, check_shape, check_symbols
from navisplit.codecs.tables import PRECISION, REACH, Tables
from navisplit.errors import PacketError, UsageError

_LOW = 1 << 16
_STATE_BYTES = 3
_WORST_BYTES = 2  # of a symbol: PRECISION bits

Symbols = NDArray[np.int16]
Unsigned = NDArray[np.uint32]


@register("context")
class ContextRans:
    """Runs of channels share a coder and a slice; a channel too big for one is cut by rows. Contexts stay inside."""

    id = 3
    name: str
    entropy_coded = True

    def __init__(self) -> None:
        """Cumulative tables are made once for every Tables and die with it."""
        self._cumulative: WeakKeyDictionary[Tables, NDArray[np.uint32]] = WeakKeyDictionary()

    def encode(self, symbols: NDArray[np.int16], tables: Tables, max_payload: int) -> list[bytes]:
        """Symbols (C, H, W) to slices. Raises UsageError when the symbols do not fit the tables or a row a slice."""
        check_symbols(symbols, tables)
        costs = np.zeros(len(symbols), np.float64)
        add_costs(symbols, tables.offsets, tables.bits, _reach(tables), costs)
        result: list[bytes] = []
        for first, last in runs(costs / 8.0, max_payload - HEADER_SIZE - _STATE_BYTES):
            result += self._fitting(symbols, tables, Block(first, last, 0, symbols.shape[1]), max_payload)
        return result

    def decode(
        self, slices: Sequence[bytes | None], shape: tuple[int, int, int], tables: Tables
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Slices to symbols (C, H, W) and the mask of those received. Raises PacketError on a damaged slice."""
        check_shape(shape, tables)
        cumulative, reach = self._of(tables), _reach(tables)
        symbols, received = np.zeros(shape, np.int16), np.zeros(shape, bool)
        for block, data in blocks(slices, shape):
            box = symbols[block.first : block.last, block.top : block.bottom]
            if not decode_box(np.frombuffer(data, np.uint8), block.first, tables.offsets, cumulative, reach, box):
                raise PacketError(f"Entropy data of {block} does not end where it must; drop the frame.")
            received[block.first : block.last, block.top : block.bottom] = True
        return symbols, received

    def _fitting(self, symbols: NDArray[np.int16], tables: Tables, block: Block, limit: int) -> list[bytes]:
        """One slice, or, where the estimate was too low or a channel is too big, the slices of the two halves."""
        box = symbols[block.first : block.last, block.top : block.bottom]
        room = np.empty(_WORST_BYTES * box.size + _STATE_BYTES, np.uint8)
        start = encode_box(box, block.first, tables.offsets, self._of(tables), _reach(tables), room)
        data = block.header(symbols.shape[1]) + room[start:].tobytes()
        if len(data) <= limit:
            return [data]
        halves = block.halves()
        if halves is None:
            raise UsageError(
                f"A row of {symbols.shape[2]} symbols takes {len(data)} bytes and a slice holds {limit}; "
                f"allow at least {HEADER_SIZE + _STATE_BYTES + symbols.shape[2] * _WORST_BYTES}."
            )
        return [data for half in halves for data in self._fitting(symbols, tables, half, limit)]

    def _of(self, tables: Tables) -> NDArray[np.uint32]:
        """Cumulative frequencies (C * contexts, A + 1)."""
        if tables not in self._cumulative:
            sums = np.cumsum(tables.frequencies, axis=1, dtype=np.uint32)
            self._cumulative[tables] = np.concatenate([np.zeros((len(sums), 1), np.uint32), sums], axis=1)
        return self._cumulative[tables]


def _reach(tables: Tables) -> int:
    """How far the contexts of these tables tell neighbours apart: (2 reach + 1)**2 contexts; 0 looks at none."""
    reach = (math.isqrt(tables.contexts) - 1) // 2
    if (2 * reach + 1) ** 2 != tables.contexts:
        raise UsageError(f"Codec 'context' needs tables of 1, 9, 25 ... contexts, got {tables.contexts}; export again.")
    return reach


@numba.njit(cache=True, inline="always")
def _table(box: Symbols, channel: int, c: int, y: int, x: int, reach: int) -> int:
    """Row of the table of symbol (c, y, x), by its left and upper neighbour; outside of the box they are 0."""
    left = 0 if x == 0 else min(max(box[c, y, x - 1], -reach), reach)
    above = 0 if y == 0 else min(max(box[c, y - 1, x], -reach), reach)
    side = 2 * reach + 1
    return channel * side * side + (left + reach) * side + above + reach


@numba.njit(cache=True)
def encode_box(
    box: Symbols, first: int, offsets: NDArray[np.int32], cumulative: Unsigned, reach: int, out: NDArray[np.uint8]
) -> int:
    """Code symbols (c, h, w) of the channels from ``first`` on into the end of ``out``; returns where they start."""
    channels, height, width = box.shape
    state, place = np.uint32(_LOW), len(out)
    for c in range(channels - 1, -1, -1):  # a stack: what is coded last is decoded first
        for y in range(height - 1, -1, -1):
            for x in range(width - 1, -1, -1):
                row = _table(box, first + c, c, y, x, reach)
                index = box[c, y, x] - offsets[first + c]
                low = cumulative[row, index]
                count = cumulative[row, index + 1] - low
                while state >= (np.uint32(_LOW >> PRECISION) << np.uint32(8)) * count:
                    place -= 1
                    out[place] = state & np.uint32(0xFF)
                    state >>= np.uint32(8)
                state = ((state // count) << np.uint32(PRECISION)) + low + state % count
    for _ in range(_STATE_BYTES):
        place -= 1
        out[place] = state & np.uint32(0xFF)
        state >>= np.uint32(8)
    return place


@numba.njit(cache=True)
def decode_box(
    data: NDArray[np.uint8], first: int, offsets: NDArray[np.int32], cumulative: Unsigned, reach: int, box: Symbols
) -> bool:
    """Inverse of ``encode_box`` into ``box``; whether the data ended where it had to."""
    if len(data) < _STATE_BYTES:
        return False
    channels, height, width = box.shape
    alphabet = cumulative.shape[1] - 1
    state, place = np.uint32(0), _STATE_BYTES
    for i in range(_STATE_BYTES):
        state = (state << np.uint32(8)) | np.uint32(data[i])
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                row = _table(box, first + c, c, y, x, reach)
                slot = state & np.uint32((1 << PRECISION) - 1)
                index, high = 0, alphabet
                while high - index > 1:
                    middle = (index + high) >> 1
                    if cumulative[row, middle] <= slot:
                        index = middle
                    else:
                        high = middle
                low = cumulative[row, index]
                count = cumulative[row, index + 1] - low
                state = count * (state >> np.uint32(PRECISION)) + slot - low
                while state < _LOW:
                    if place >= len(data):
                        return False
                    state = (state << np.uint32(8)) | np.uint32(data[place])
                    place += 1
                box[c, y, x] = index + offsets[first + c]
    return place == len(data) and state == _LOW


@numba.njit(cache=True)
def add_costs(
    symbols: Symbols, offsets: NDArray[np.int32], bits: NDArray[np.float32], reach: int, costs: NDArray[np.float64]
) -> None:
    """Add the bits of every channel of symbols (C, H, W) to costs (C,)."""
    channels, height, width = symbols.shape
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                costs[c] += bits[_table(symbols, c, c, y, x, reach), symbols[c, y, x] - offsets[c]]


def context_counts(symbols: Symbols, limit: int, reach: int = REACH) -> NDArray[np.int64]:
    """Symbols (N, C, H, W) in [-limit, limit] to counts (C, contexts, 2 limit + 1)."""
    channels, contexts = symbols.shape[1], (2 * reach + 1) ** 2
    counts = np.zeros((channels * contexts, 2 * limit + 1), np.int64)
    for frame in symbols:
        _count(frame, limit, reach, counts)
    return counts.reshape(channels, contexts, -1)


@numba.njit(cache=True)
def _count(symbols: Symbols, limit: int, reach: int, counts: NDArray[np.int64]) -> None:
    channels, height, width = symbols.shape
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                counts[_table(symbols, c, c, y, x, reach), symbols[c, y, x] + limit] += 1
