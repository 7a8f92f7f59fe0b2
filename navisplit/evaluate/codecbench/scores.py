"""What is kept of every frame and method: sums, from which every figure and interval is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.worlds.description import GROUND_ID
from navisplit.train.metrics import DepthMetrics

SUMS = ("pixels", "relative", "within", "square", "near_pixels", "near_relative", "obstacles", "missed")
BYTES = len(SUMS)  # column of the bytes on the wire
FIGURES = ("abs_rel", "delta125", "rmse_m", "near_abs_rel", "missed_rate")
RESAMPLES = 1000
FEWEST_WORLDS = 6

Array = NDArray[np.float64]


def frame_sums(
    depth: NDArray[np.float32], true: NDArray[np.float32], segmentation: NDArray[np.uint8], size: int
) -> Array:
    """One frame's row: the sums of ``DepthMetrics`` and the bytes on the wire."""
    metrics = DepthMetrics(ground_ids={GROUND_ID})
    metrics.add(depth[None], true[None], segmentation[None])
    return np.array([*(float(getattr(metrics, name)) for name in SUMS), float(size)])


def figures(sums: Array) -> dict[str, Array]:
    """The metrics of sums (..., SUMS), each of shape (...); NaN where there was nothing to measure."""
    s = {name: sums[..., i] for i, name in enumerate(SUMS)}
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "abs_rel": s["relative"] / s["pixels"],
            "delta125": s["within"] / s["pixels"],
            "rmse_m": np.sqrt(s["square"] / s["pixels"]),
            "near_abs_rel": s["near_relative"] / s["near_pixels"],
            "missed_rate": s["missed"] / s["obstacles"],
        }


@dataclass(frozen=True)
class Scores:
    """Rows (frames, methods, SUMS + bytes) with the world of each frame."""

    methods: tuple[str, ...]
    rows: Array
    worlds: NDArray[np.int64]  # (frames,) index of each frame's world

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.rows)

    @property
    def unit(self) -> str:
        """What is resampled: whole worlds, as frames of one are alike; frames where there are too few worlds."""
        return "worlds" if len(np.unique(self.worlds)) >= FEWEST_WORLDS else "frames"

    def totals(self) -> Array:
        """Sums (methods, SUMS + 1) over all frames; the last column is the mean of the bytes."""
        return self._mean_bytes(self.rows.sum(axis=0), np.array(float(self.frames)))

    def resampled(self, seed: int = 0, count: int = RESAMPLES) -> Array:
        """Totals (count, methods, SUMS + 1) of bootstrap samples; the same frames for all methods, so pairs stay."""
        groups = self.worlds if self.unit == "worlds" else np.arange(self.frames)
        names, index = np.unique(groups, return_inverse=True)
        sums = np.zeros((len(names), *self.rows.shape[1:]))
        np.add.at(sums, index, self.rows)
        sizes = np.bincount(index)
        rng = np.random.default_rng(seed)
        draws = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=count)
        return self._mean_bytes(np.tensordot(draws, sums, 1), draws @ sizes)

    @staticmethod
    def _mean_bytes(totals: Array, frames: Array) -> Array:
        totals[..., BYTES] /= np.asarray(frames)[..., None]
        return totals

    def sizes(self, method: int) -> Array:
        """Bytes on the wire of every frame."""
        return self.rows[:, method, BYTES]


def interval(values: Array, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap values (count,)."""
    tail = 50.0 * (1.0 - level)
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [tail, 100.0 - tail], method="inverted_cdf")  # some may be infinite
    return float(low), float(high)
