"""One byte a symbol, no entropy coder: the paper's 8-bit features, and the baseline of every rate figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs.registry import register
from navisplit.codecs.slices import HEADER_SIZE, Block, blocks, check_shape, check_symbols
from navisplit.codecs.tables import Tables
from navisplit.errors import PacketError, UsageError


@register("raw8")
class Raw8:
    """Symbol minus the channel's offset as an unsigned byte; row by row, so that slices are filled up."""

    id = 2
    name: str
    entropy_coded = False

    def encode(self, symbols: NDArray[np.int16], tables: Tables, max_payload: int) -> list[bytes]:
        """Symbols (C, H, W) to slices. Raises UsageError when a byte cannot hold a symbol or a slice a row."""
        index = check_symbols(symbols, tables)
        channels, height, width = index.shape
        rows = (max_payload - HEADER_SIZE) // width
        if tables.alphabet > 256 or rows < 1:
            raise UsageError(
                f"raw8 needs alphabets of <= 256 symbols and {width + HEADER_SIZE} bytes a slice; "
                f"there are {tables.alphabet} and {max_payload}."
            )
        data = index.astype(np.uint8)
        whole = (max_payload - 2) // (height * width)  # channels that fit one slice
        if whole:
            boxes = [Block(c, min(c + whole, channels), 0, height) for c in range(0, channels, whole)]
        else:
            tops = range(0, height, rows)
            boxes = [Block(c, c + 1, top, min(top + rows, height)) for c in range(channels) for top in tops]
        return [b.header(height) + data[b.first : b.last, b.top : b.bottom].tobytes() for b in boxes]

    def decode(
        self, slices: Sequence[bytes | None], shape: tuple[int, int, int], tables: Tables
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Slices to symbols (C, H, W) and the mask of those received. Raises PacketError on a damaged slice."""
        check_shape(shape, tables)
        symbols, received = np.zeros(shape, np.int16), np.zeros(shape, bool)
        for block, data in blocks(slices, shape):
            box = symbols[block.first : block.last, block.top : block.bottom]
            if len(data) != box.size:
                raise PacketError(f"raw8 slice of {len(data)} symbols, expected {box.size} for {block}; drop it.")
            index = np.frombuffer(data, np.uint8).reshape(box.shape)
            if index.max() >= tables.alphabet:
                raise PacketError(f"raw8 symbol {index.max()}, expected less than {tables.alphabet}; drop the slice.")
            box[:] = index + tables.offsets[block.first : block.last, None, None]
            received[block.first : block.last, block.top : block.bottom] = True
        return symbols, received
