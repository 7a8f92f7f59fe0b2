"""Depth metrics. Both depths are clipped to 0.3 .. 50 m first; the sky counts as 50 m.

| name         | meaning                                                                                            |
|--------------|----------------------------------------------------------------------------------------------------|
| abs_rel      | mean of |predicted - true| / true                                                                  |
| delta125     | share of pixels with max(predicted / true, true / predicted) < 1.25                                |
| rmse_m       | root mean square of predicted - true, metres                                                       |
| near_abs_rel | abs_rel over pixels with true depth < 5 m                                                          |
| missed_rate  | share of near obstacles whose predicted depth is, in the median over their pixels, > 1.5 x too far |
| bytes        | size of the coded slices of a frame (mean, p50, p95), without packet headers                       |

A near obstacle is a connected blob of at least 8 pixels (of 72x128) of one segmentation id, nearer than 5 m, that is
not ground (our definition; the missed-obstacle rate that split-computing papers lack).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from navisplit.nets.architecture import MAX_DEPTH_M, MIN_DEPTH_M

NEAR_M = 5.0
MISSED_RATIO = 1.5
MIN_BLOB_PIXELS = 8


@dataclass
class DepthMetrics:
    """Sums over frames; ``summary`` turns them into the metrics above."""

    ground_ids: Collection[int] = ()
    frames: int = 0
    pixels: int = 0
    near_pixels: int = 0
    relative: float = 0.0
    within: float = 0.0
    square: float = 0.0
    near_relative: float = 0.0
    obstacles: int = 0
    missed: int = 0
    sizes: list[float] = field(default_factory=list)

    def add(
        self, predicted: NDArray[np.float32], true: NDArray[np.float32], segmentation: NDArray[np.uint8] | None = None
    ) -> None:
        """Count frames: depths (B, H, W) in metres; without a segmentation (B, H, W) no obstacles are counted."""
        predicted, true = (np.clip(np.asarray(d, np.float64), MIN_DEPTH_M, MAX_DEPTH_M) for d in (predicted, true))
        error = np.abs(predicted - true)
        near = true < NEAR_M
        self.frames += len(true)
        self.pixels += true.size
        self.near_pixels += int(near.sum())
        self.relative += float((error / true).sum())
        self.near_relative += float((error / true)[near].sum())
        self.within += float((np.maximum(predicted / true, true / predicted) < 1.25).sum())
        self.square += float((error**2).sum())
        if segmentation is not None:
            for frame in range(len(true)):
                blobs, missed = missed_obstacles(predicted[frame], true[frame], segmentation[frame], self.ground_ids)
                self.obstacles += blobs
                self.missed += missed

    def add_bytes(self, sizes: Iterable[float]) -> None:
        """Count the coded bytes of frames."""
        self.sizes.extend(float(s) for s in sizes)

    def summary(self) -> dict[str, float]:
        """All metrics; those without any sample are left out."""
        values = {"frames": float(self.frames)}
        if self.pixels:
            values |= {
                "abs_rel": self.relative / self.pixels,
                "delta125": self.within / self.pixels,
                "rmse_m": math.sqrt(self.square / self.pixels),
            }
        if self.near_pixels:
            values["near_abs_rel"] = self.near_relative / self.near_pixels
        if self.obstacles:
            values |= {"missed_rate": self.missed / self.obstacles, "obstacles": float(self.obstacles)}
        if self.sizes:
            p50, p95 = np.percentile(self.sizes, [50, 95])
            values |= {"bytes_mean": float(np.mean(self.sizes)), "bytes_p50": float(p50), "bytes_p95": float(p95)}
        return values


def missed_obstacles(
    predicted: NDArray[np.float64],
    true: NDArray[np.float64],
    segmentation: NDArray[np.uint8],
    ground_ids: Collection[int] = (),
) -> tuple[int, int]:
    """(near obstacles, missed ones) of one frame (H, W)."""
    import cv2

    near = true < NEAR_M
    ratio = predicted / true
    blobs = missed = 0
    for identity in np.unique(segmentation[near]):
        if identity in ground_ids:
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats((near & (segmentation == identity)).astype(np.uint8))
        for label in range(1, count):
            if stats[label, cv2.CC_STAT_AREA] < MIN_BLOB_PIXELS:
                continue
            blobs += 1
            missed += bool(np.median(ratio[labels == label]) > MISSED_RATIO)
    return blobs, missed


def format_summary(summary: dict[str, float]) -> str:
    """One line for a progress log."""
    names = {
        "abs_rel": "AbsRel",
        "delta125": "d1.25",
        "near_abs_rel": "near",
        "missed_rate": "missed",
        "bytes_mean": "B",
    }
    return " ".join(
        f"{label} {summary[name]:.0f}" if name == "bytes_mean" else f"{label} {summary[name]:.3f}"
        for name, label in names.items()
        if name in summary
    )
