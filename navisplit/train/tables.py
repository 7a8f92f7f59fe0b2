"""After training: integer tables from the symbols of validation frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import Tables

SMOOTHING = 0.5
"""Added to every count: a symbol that validation did not show is rare, not impossible (Krichevsky-Trofimov)."""


def count_symbols(symbols: NDArray[np.int16], limit: int) -> NDArray[np.int64]:
    """Symbols (N, C, H, W) in [-limit, limit] to counts (C, 2 limit + 1)."""
    channels, alphabet = symbols.shape[1], 2 * limit + 1
    return np.stack(
        [np.bincount(symbols[:, c].ravel().astype(np.int64) + limit, minlength=alphabet) for c in range(channels)]
    )


def tables_from_counts(counts: NDArray[np.int64], limit: int) -> Tables:
    """Tables of the part of the alphabet that is used by any channel; what is outside is clipped by the head."""
    used = np.flatnonzero(counts.sum(axis=0))
    low, high = int(used[0]), int(used[-1])
    offsets = np.full(len(counts), low - limit, np.int32)
    return Tables.from_counts(counts[:, low : high + 1] + SMOOTHING, offsets)
