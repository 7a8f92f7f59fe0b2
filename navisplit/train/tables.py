"""After training: integer tables from the symbols of validation frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import Tables
from navisplit.codecs.context import context_counts
from navisplit.nets.architecture import BranchConfig

SMOOTHING = 0.5
"""Added to every count: a symbol that validation did not show is rare, not impossible (Krichevsky-Trofimov)."""
SMOOTHING_IN_CONTEXT = 0.05
"""Contexts are many and their distributions narrow: most symbols never come in most of them (our choice)."""


def count_symbols(symbols: NDArray[np.int16], limit: int) -> NDArray[np.int64]:
    """Symbols (N, C, H, W) in [-limit, limit] to counts (C, 2 limit + 1)."""
    channels, alphabet = symbols.shape[1], 2 * limit + 1
    return np.stack(
        [np.bincount(symbols[:, c].ravel().astype(np.int64) + limit, minlength=alphabet) for c in range(channels)]
    )


def branch_tables(symbols: NDArray[np.int16], branch: BranchConfig) -> Tables:
    """Tables of one branch for its codec, from many frames' symbols (N, C, H, W)."""
    if not branch.rated:
        return Tables.uniform(branch.channels, 2 * branch.limit + 1, -branch.limit)
    counts = context_counts if branch.codec == "context" else count_symbols
    return tables_from_counts(counts(symbols, branch.limit), branch.limit)


def tables_from_counts(counts: NDArray[np.int64], limit: int) -> Tables:
    """Tables of counts (C, A) or (C, contexts, A), for the part of the alphabet that is used by any channel.

    What is outside of it is clipped by the head.
    """
    channels, alphabet = len(counts), counts.shape[-1]
    used = np.flatnonzero(counts.reshape(-1, alphabet).sum(axis=0))
    low, high = int(used[0]), int(used[-1])
    offsets = np.full(channels, low - limit, np.int32)
    kept = counts[..., low : high + 1]
    smoothing = SMOOTHING if counts.ndim == 2 else SMOOTHING_IN_CONTEXT
    rows = (kept + smoothing).reshape(-1, high - low + 1)
    return Tables.from_counts(rows, offsets, contexts=len(rows) // channels)
