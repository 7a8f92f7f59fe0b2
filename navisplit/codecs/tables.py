"""Integer frequency tables: the probabilities both ends code with, shipped with the model, never recomputed.

Integers that sum to a power of two are exact in every float format that an entropy coder may use inside, so that two
machines cannot disagree about them (CompressAI issues 279 and 309 show what floats do).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.errors import ModelError

PRECISION = 14
TOTAL = 1 << PRECISION
"""Sum of every channel's frequencies: 2**14, fine enough that rounding costs < 0.1 % (our choice)."""
MAX_ALPHABET = 1024
REACH = 2
"""Contexts tell neighbours in -REACH .. REACH apart: (2 REACH + 1)**2 of them."""
_MAX_CHANNELS = 255  # the slice header counts channels in a byte


@dataclass(frozen=True, eq=False)
class Tables:
    """Frequencies (C * K, A) of the symbols ``offset .. offset + A - 1`` of every channel, and offsets (C,).

    ``contexts`` is K: how many tables a channel has, one after another; codecs without contexts have one. Every
    frequency is at least 1, so that any symbol of the alphabet can be sent. Raises ModelError otherwise.
    """

    frequencies: NDArray[np.uint32]
    offsets: NDArray[np.int32]
    contexts: int = 1

    def __post_init__(self) -> None:
        """Check shapes and sums, and make the arrays read-only."""
        frequencies, offsets = np.asarray(self.frequencies), np.asarray(self.offsets)
        if frequencies.ndim != 2 or frequencies.dtype.kind not in "iu" or offsets.dtype.kind not in "iu":
            raise ModelError("Frequency tables: expected integers of shape (channels, alphabet) and integer offsets.")
        rows, alphabet = frequencies.shape
        channels = rows // max(self.contexts, 1)
        if self.contexts < 1 or channels * self.contexts != rows:
            raise ModelError(f"Frequency tables: {rows} rows are no whole number of channels of {self.contexts}.")
        if not (1 <= channels <= _MAX_CHANNELS and 1 <= alphabet <= MAX_ALPHABET and offsets.shape == (channels,)):
            raise ModelError(
                f"Frequency tables of shape {frequencies.shape} with offsets {offsets.shape}: expected "
                f"1 to {_MAX_CHANNELS} channels, 1 to {MAX_ALPHABET} symbols, and one offset a channel."
            )
        if frequencies.min() < 1 or (frequencies.sum(axis=1, dtype=np.int64) != TOTAL).any():
            raise ModelError(f"Frequency tables: every frequency must be >= 1 and every channel sum to {TOTAL}.")
        if np.abs(offsets.astype(np.int64)).max() + alphabet > 1 << 15:
            raise ModelError("Frequency tables: symbols must fit 16 bits; the offsets are too large.")
        for name, value in (("frequencies", frequencies.astype(np.uint32)), ("offsets", offsets.astype(np.int32))):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.frequencies.shape[0] // self.contexts

    @property
    def alphabet(self) -> int:
        """Number of symbols of every channel."""
        return self.frequencies.shape[1]

    @cached_property
    def bits(self) -> NDArray[np.float32]:
        """Cost of every symbol in bits, (C * K, A)."""
        return (PRECISION - np.log2(self.frequencies.astype(np.float64))).astype(np.float32)

    def first(self, channels: int) -> Tables:
        """Those of the first ``channels``, the same object every time."""
        if channels not in self._first:
            rows = self.frequencies[: channels * self.contexts]
            self._first[channels] = Tables(rows, self.offsets[:channels], self.contexts)
        return self._first[channels]

    @cached_property
    def _first(self) -> dict[int, Tables]:
        return {self.channels: self}

    def index(self, symbols: NDArray[np.int16]) -> NDArray[np.int32]:
        """Symbols (C, H, W) to indices into the tables; outside the alphabet they are < 0 or >= A."""
        return symbols.astype(np.int32) - self.offsets[:, None, None]

    def clip(self, symbols: NDArray[np.int16]) -> NDArray[np.int16]:
        """The nearest symbols (C, H, W) inside every channel's alphabet: what a quantiser does last."""
        low = self.offsets[:, None, None]
        return np.clip(symbols, low, low + self.alphabet - 1).astype(np.int16)

    def expected_bytes(self, symbols: NDArray[np.int16]) -> float:
        """Ideal code length of a frame (C, H, W) in bytes by tables without contexts, without headers."""
        costs = np.take_along_axis(self.bits, self.index(symbols).reshape(self.channels, -1), axis=1)
        return float(costs.sum(dtype=np.float64)) / 8.0

    @classmethod
    def from_counts(cls, counts: ArrayLike, offsets: ArrayLike, contexts: int = 1) -> Tables:
        """Tables nearest to counts (C * K, A) seen in training; symbols never seen get frequency 1.

        Largest remainders, ties to the lower symbol, so that the same counts give the same tables everywhere.
        """
        seen = np.asarray(counts)
        if seen.ndim != 2 or not np.isfinite(seen).all() or (seen < 0).any():
            raise ModelError("Counts: expected finite numbers >= 0 of shape (channels, alphabet).")
        return cls(np.stack([_apportion(row) for row in seen.astype(np.float64)]), np.asarray(offsets), contexts)

    @classmethod
    def uniform(cls, channels: int, alphabet: int, offset: int) -> Tables:
        """The same frequency for every symbol: what codecs without entropy coding carry."""
        return cls.from_counts(np.ones((channels, alphabet)), np.full(channels, offset, np.int32))

    def to_json(self) -> dict[str, Any]:
        """Plain lists for ``branches.json``."""
        return {
            "precision": PRECISION,
            "contexts": self.contexts,
            "offsets": self.offsets.tolist(),
            "frequencies": self.frequencies.tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Tables:
        """The inverse of ``to_json``. Raises ModelError on anything else."""
        if not isinstance(values, Mapping) or values.get("precision") != PRECISION:
            found = values.get("precision") if isinstance(values, Mapping) else values
            raise ModelError(
                f"Frequency tables: expected precision {PRECISION}, found {found!r}; retrain or re-export."
            )
        try:
            contexts = values.get("contexts", 1)
            if not isinstance(contexts, int):
                raise TypeError(f"contexts {contexts!r}")
            return cls(np.array(values["frequencies"]), np.array(values["offsets"]), contexts)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"Frequency tables: expected lists 'frequencies' and 'offsets' ({error}).") from error


def _apportion(counts: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Integers >= 1 in the proportion of ``counts`` that sum to TOTAL."""
    total = counts.sum()
    share = counts / total if total > 0 else np.full(len(counts), 1.0 / len(counts))
    exact = share * (TOTAL - len(counts))
    frequencies = np.floor(exact).astype(np.int64) + 1
    missing = TOTAL - int(frequencies.sum())
    frequencies[np.argsort(-(exact - np.floor(exact)), kind="stable")[:missing]] += 1
    return frequencies.astype(np.uint32)
