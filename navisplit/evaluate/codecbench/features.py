"""Trunk features sent without a learned bottleneck, and learned channels without an entropy coder.

The drone runs the trunk; the server runs the bottleneck of the richest branch on the features that arrive, unrounded,
and the tail. Where nothing is lost on the way, that is the richest branch without its rounding.
"""

from __future__ import annotations

import struct
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import Tables, codec
from navisplit.codecs.context import context_counts
from navisplit.codecs.tables import MAX_ALPHABET
from navisplit.errors import PacketError, UsageError
from navisplit.evaluate.codecbench.context import Context, head_cost, infer_values, trunk_features
from navisplit.evaluate.codecbench.methods import Depth, Method, Slices, cut, family, join
from navisplit.train.tables import SMOOTHING, SMOOTHING_IN_CONTEXT
from navisplit.wire import MAX_PAYLOAD

Features = NDArray[np.float32]  # (C, 18, 32)
_AFFINE = struct.Struct("<2f")  # lowest value and step, sent in every frame


class TrunkFeatures(Method):
    """The split in front of the bottleneck."""

    def __init__(self, context: Context, argument: str) -> None:
        self.context, models = context, context.models
        self.branch = max(models.branches, key=lambda b: b.expected_bytes).name
        self.shape = (models.head.trunk.channels, *models.architecture.grid)
        self.cost = head_cost(models.architecture, None)
        self.head_key = ("trunk features", models.hash)

    def head(self, rgb: NDArray[np.uint8]) -> Features:
        """The trunk."""
        return trunk_features(self.context.models, rgb)[0]

    def tail(self, received: Features) -> Depth:
        """Bottleneck and tail of the richest branch."""
        import torch

        models = self.context.models
        with torch.inference_mode():
            features = torch.from_numpy(received)[None].contiguous(memory_format=torch.channels_last)
            return infer_values(models, models.head.branches[self.branch](features), self.branch)


@family("float32", "trunk features, float32")
class Float32(TrunkFeatures):
    """``float32``: as they are in memory."""

    def encode(self, features: Features) -> list[bytes]:
        """Four bytes a value."""
        return cut(features.astype("<f4").tobytes())

    def decode(self, slices: Slices) -> Features:
        """The features."""
        return np.frombuffer(join(slices), "<f4").reshape(self.shape).copy()


@family("features8", "trunk features, 8 bit")
class Features8(TrunkFeatures):
    """``features8``: per-tensor affine, from the smallest to the largest value of each frame."""

    def encode(self, features: Features) -> list[bytes]:
        """One byte a value and eight for the scale."""
        return cut(affine_bytes(features))

    def decode(self, slices: Slices) -> Features:
        """The features."""
        return from_affine(join(slices), self.shape)


class Uniform(TrunkFeatures):
    """``uniform-...:STEP``: rounded to multiples of STEP x the RMS of the features on validation frames."""

    def __init__(self, context: Context, argument: str) -> None:
        super().__init__(context, argument)
        try:
            relative = float(argument)
        except ValueError:
            relative = 0.0
        if not 0.01 <= relative <= 100:
            raise UsageError(f"{self.family}:{argument}: expected a step of 0.01 to 100, in units of the RMS.")
        seen = context.validation_features
        self.step = np.float32(relative * float(np.sqrt(np.mean(np.square(seen, dtype=np.float64)))))
        symbols = self.round(seen)
        self.low = int(symbols.min())
        self.alphabet = min(int(symbols.max()) - self.low + 1, self.largest_alphabet)
        self.counts = np.stack(
            [np.bincount((s.ravel() - self.low).clip(0, self.alphabet - 1), minlength=self.alphabet)
             for s in symbols.swapaxes(0, 1)]
        )  # fmt: skip
        self.tail_key = ("uniform", context.models.hash, relative)

    largest_alphabet = MAX_ALPHABET

    def round(self, features: Features) -> NDArray[np.int64]:
        """To the nearest multiple of the step."""
        return np.rint(features / self.step).astype(np.int64)

    def encode(self, features: Features) -> list[bytes]:
        """Rounded, clipped to the alphabet of the validation frames, coded."""
        symbols = self.round(features).clip(self.low, self.low + self.alphabet - 1)
        return self.pack(symbols.astype(np.int16))

    def decode(self, slices: Slices) -> NDArray[np.int16]:
        """The symbols."""
        return self.unpack(slices)

    def tail(self, received: NDArray[np.int16]) -> Depth:
        """Multiples of the step through bottleneck and tail."""
        return super().tail(received * self.step)

    @abstractmethod
    def pack(self, symbols: NDArray[np.int16]) -> list[bytes]:
        """Symbols (C, H, W) to payloads."""

    @abstractmethod
    def unpack(self, slices: Slices) -> NDArray[np.int16]:
        """Inverse of ``pack``."""


class UniformRans(Uniform):
    """Coded by the product's own coders, slices and all, with tables that ship with the model."""

    coder: ClassVar[str] = "rans"

    def __init__(self, context: Context, argument: str) -> None:
        super().__init__(context, argument)
        counts = self.table_counts(context)
        offsets = np.full(self.shape[0], self.low, np.int32)
        self.tables = Tables.from_counts(counts, offsets, contexts=len(counts) // self.shape[0])

    def table_counts(self, context: Context) -> NDArray[np.float64]:
        """Smoothed counts (C * contexts, A)."""
        return self.counts + SMOOTHING

    def pack(self, symbols: NDArray[np.int16]) -> list[bytes]:
        """Independent slices."""
        return codec(self.coder).encode(symbols, self.tables, MAX_PAYLOAD)

    def unpack(self, slices: Slices) -> NDArray[np.int16]:
        """The symbols of all slices."""
        return codec(self.coder).decode(slices, self.shape, self.tables)[0]


@family("uniform-channel", "trunk features, uniform steps, rANS with a table a channel")
class UniformChannel(UniformRans):
    """One table a channel."""


@family("uniform-dense", "trunk features, uniform steps, dense order-0 rANS")
class UniformDense(UniformRans):
    """One table for all channels."""

    def table_counts(self, context: Context) -> NDArray[np.float64]:
        """The sum, for every channel."""
        return np.broadcast_to(self.counts.sum(axis=0) + SMOOTHING, self.counts.shape)


@family("uniform-context", "trunk features, uniform steps, rANS in the context of two neighbours")
class UniformContext(UniformRans):
    """The coder of our branches, for features that were not trained to be coded."""

    coder = "context"

    def table_counts(self, context: Context) -> NDArray[np.float64]:
        """One table for every pair of neighbours of every channel."""
        high = self.low + self.alphabet - 1
        symbols = self.round(context.validation_features).clip(self.low, high).astype(np.int16)
        limit = max(abs(self.low), abs(high))
        counts = context_counts(symbols, limit)[..., self.low + limit : high + limit + 1]
        return counts.reshape(-1, self.alphabet) + SMOOTHING_IN_CONTEXT


@family("uniform-zstd", "trunk features, uniform steps, zstd")
class UniformZstd(Uniform):
    """zstd at level 19, without checksum and size fields; no tables to ship."""

    largest_alphabet = 256

    def pack(self, symbols: NDArray[np.int16]) -> list[bytes]:
        """A byte a symbol, channel by channel, compressed."""
        return cut(zstd(np.uint8(symbols - self.low).tobytes()))

    def unpack(self, slices: Slices) -> NDArray[np.int16]:
        """The symbols."""
        data = unzstd(join(slices), int(np.prod(self.shape)))
        return np.frombuffer(data, np.uint8).reshape(self.shape).astype(np.int16) + np.int16(self.low)


@family("crbq", "CR+BQ: the branches' channels in 8 bit, no entropy coder")
class ChannelsQuantised(Method):
    """``crbq:BRANCH``: a branch's bottleneck as channel reduction, then 8-bit per-tensor affine of each frame.

    SC2's second feature codec, on channels that were trained with a rate term; the ``paper`` set is the same with
    channels that were trained without one.
    """

    def __init__(self, context: Context, argument: str) -> None:
        self.context, self.spec = context, context.models.branch(argument)
        self.cost = head_cost(context.models.architecture, argument)

    def head(self, rgb: NDArray[np.uint8]) -> Features:
        """Trunk and bottleneck, not rounded."""
        import torch

        models = self.context.models
        with torch.inference_mode():
            features = torch.from_numpy(trunk_features(models, rgb))
            values = models.head.branches[self.spec.name](features.contiguous(memory_format=torch.channels_last))
            return np.ascontiguousarray(values[0].numpy())

    def encode(self, features: Features) -> list[bytes]:
        """One byte a value and eight for the scale."""
        return cut(affine_bytes(features))

    def decode(self, slices: Slices) -> Features:
        """The bottleneck's values."""
        return from_affine(join(slices), self.spec.shape)

    def tail(self, received: Features) -> Depth:
        """The branch's tail."""
        import torch

        values = torch.from_numpy(received)[None].contiguous(memory_format=torch.channels_last)
        return infer_values(self.context.models, values, self.spec.name)


def affine_bytes(values: Features) -> bytes:
    """8-bit per-tensor affine quantisation with the frame's own range in front."""
    low, high = float(values.min()), float(values.max())
    low, step = _AFFINE.unpack(_AFFINE.pack(low, max((high - low) / 255.0, 1e-12)))  # as the receiver has them
    return _AFFINE.pack(low, step) + np.rint((values - low) / step).clip(0, 255).astype(np.uint8).tobytes()


def from_affine(data: bytes, shape: tuple[int, ...]) -> Features:
    """Inverse of ``affine_bytes``. Raises PacketError when the length is another."""
    if len(data) != _AFFINE.size + int(np.prod(shape)):
        raise PacketError(f"8-bit features of {len(data)} bytes do not fit {shape}; drop the frame.")
    low, step = _AFFINE.unpack_from(data)
    return (np.frombuffer(data, np.uint8, offset=_AFFINE.size).reshape(shape) * np.float32(step)) + np.float32(low)


def zstd(data: bytes) -> bytes:
    """Compressed at level 19 with the smallest frame."""
    return _zstd_compressor().compress(data)


def unzstd(data: bytes, size: int) -> bytes:
    """Inverse of ``zstd`` for ``size`` bytes. Raises PacketError otherwise."""
    import zstandard

    options: dict[str, Any] = {"format": zstandard.FORMAT_ZSTD1_MAGICLESS}
    try:
        found = zstandard.ZstdDecompressor(**options).decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise PacketError(f"Not zstd data ({error}); drop the frame.") from error
    if len(found) != size:
        raise PacketError(f"zstd data of {len(found)} bytes, expected {size}; drop the frame.")
    return found


def _zstd_compressor() -> Any:
    import zstandard

    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, write_checksum=0, write_content_size=0, format=zstandard.FORMAT_ZSTD1_MAGICLESS
    )
    return zstandard.ZstdCompressor(compression_params=parameters)
