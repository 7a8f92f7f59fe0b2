"""Asymmetric numeral systems (rANS, Duda 2013, by the `constriction` package) with the model's integer tables.

Exactness: ``Categorical(perfect=False)`` on float64 turns cumulative counts into 24-bit fixed point by
``floor(cumulative * (2**24 - A) / 2**14) + i``. With integer counts that sum to 2**14 every product has fewer than 53
bits, so no rounding happens anywhere and every machine gets the same model (tested on every boundary, and by golden
bytes). float32 and ``perfect=True`` would not have this property.

A slice's coder starts from one sentinel byte instead of empty, and the decoder must end on exactly that: a stream that
is exhausted early runs into zeros and loses it, one that was cut or changed ends elsewhere. (The CRC of the packet
guards against noise; this guards against a peer that computes CRCs of rubbish.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

import constriction
import numpy as np
from numpy.typing import NDArray

from navisplit.codecs.registry import register
from navisplit.codecs.slices import HEADER_SIZE, Block, blocks, check_shape, check_symbols
from navisplit.codecs.tables import Tables
from navisplit.errors import PacketError, UsageError

_SENTINEL = np.array([0xA7], np.uint32)
_Model = constriction.stream.model.Categorical
_Coder = constriction.stream.stack.AnsCoder
_WORST_BITS = 24.0  # of the coder's fixed point: no symbol costs more


@register("rans")
class Rans:
    """Per-channel tables; runs of channels share a coder and a slice; a channel too big for one is cut by rows."""

    id = 1
    name: str
    entropy_coded = True

    def __init__(self) -> None:
        """Models are built once for every Tables and die with it."""
        self._models: WeakKeyDictionary[Tables, list[_Model]] = WeakKeyDictionary()

    def encode(self, symbols: NDArray[np.int16], tables: Tables, max_payload: int) -> list[bytes]:
        """Symbols (C, H, W) to slices. Raises UsageError when the symbols do not fit the tables or a row a slice."""
        index = check_symbols(symbols, tables)
        channels, height, _ = index.shape
        models = self._of(tables)
        costs = np.take_along_axis(tables.bits, index.reshape(channels, -1), axis=1).sum(axis=1)
        result: list[bytes] = []
        for first, last in runs(costs / 8.0, max_payload - HEADER_SIZE):
            result += _encode_fitting(index, models, Block(first, last, 0, height), max_payload)
        return result

    def decode(
        self, slices: Sequence[bytes | None], shape: tuple[int, int, int], tables: Tables
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Slices to symbols (C, H, W) and the mask of those received. Raises PacketError on a damaged slice."""
        check_shape(shape, tables)
        models = self._of(tables)
        symbols, received = np.zeros(shape, np.int16), np.zeros(shape, bool)
        for block, data in blocks(slices, shape):
            coder = _open(data)
            box = symbols[block.first : block.last, block.top : block.bottom]
            for channel in range(block.first, block.last):
                index = coder.decode(models[channel], box[0].size)
                box[channel - block.first].flat = index + tables.offsets[channel]
            if not np.array_equal(coder.get_compressed(), _SENTINEL):
                raise PacketError(f"Entropy data of {block} does not end where it must; drop the frame.")
            received[block.first : block.last, block.top : block.bottom] = True
        return symbols, received

    def _of(self, tables: Tables) -> list[_Model]:
        """The coder's model of every channel."""
        if tables not in self._models:
            self._models[tables] = [_Model(row.astype(np.float64), perfect=False) for row in tables.frequencies]
        return self._models[tables]


def runs(sizes: NDArray[np.float32], room: int) -> Iterator[tuple[int, int]]:
    """Contiguous channels whose estimated bytes fit in ``room``: (first, last exclusive); at least one channel each."""
    first, used = 0, 0.0
    for channel, size in enumerate(sizes):
        if channel > first and used + size > room:
            yield first, channel
            first, used = channel, 0.0
        used += float(size)
    yield first, len(sizes)


def _encode_fitting(index: NDArray[np.int32], models: list[_Model], block: Block, limit: int) -> list[bytes]:
    """One slice, or, where the estimate was too low or a channel is too big, the slices of the two halves."""
    coder = _Coder(_SENTINEL)
    for channel in range(block.last - 1, block.first - 1, -1):  # a stack: what is coded last is decoded first
        coder.encode_reverse(index[channel, block.top : block.bottom].ravel(), models[channel])
    words = coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")
    data = block.header(index.shape[1]) + words
    if len(data) <= limit:
        return [data]
    halves = block.halves()
    if halves is None:
        raise UsageError(
            f"A row of {index.shape[2]} symbols takes {len(data)} bytes and a slice holds {limit}; "
            f"allow at least {HEADER_SIZE + 1 + int(index.shape[2] * _WORST_BITS / 8)}."
        )
    return [data for half in halves for data in _encode_fitting(index, models, half, limit)]


def _open(data: bytes) -> _Coder:
    """A coder at the start of a slice's entropy data. Raises PacketError unless it is in its shortest form."""
    if not data or data[-1] == 0:
        raise PacketError(f"Entropy data of {len(data)} bytes, expected it to end in a byte that is not 0; drop it.")
    padded = data + bytes(-len(data) % 4)
    return _Coder(np.frombuffer(padded, "<u4").astype(np.uint32))
