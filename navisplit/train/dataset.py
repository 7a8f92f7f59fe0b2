"""Depth frames on disk: one folder per world, memory-mapped arrays, so that a data set larger than memory trains.

    DIR/dataset.json                         resolution, intrinsics, seed
    DIR/{train,validation,test}/FAMILY-SEED/ rgb.npy (N, 144, 256, 3) uint8 sRGB
                                             depth.npy (N, 72, 128) float16 planar m, sky = largest half float
                                             segmentation.npy (N, 72, 128) uint8
                                             pose.npy (N, 7) float64 ENU x y z, quaternion x y z w of the camera
                                             world.json family, seed, frames (written last: absent means unfinished)

Depth is taken from every second pixel of every second row, (row, column) = (2i, 2j), without averaging: an average of
near and far is a depth where nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError

SPLITS = ("train", "validation", "test")
WORLD_FILE, DATASET_FILE = "world.json", "dataset.json"


@dataclass(frozen=True)
class Batch:
    """Frames as they are stored."""

    rgb: NDArray[np.uint8]  # (B, H, W, 3)
    depth: NDArray[np.float32]  # (B, H/2, W/2) m, infinite sky as stored
    segmentation: NDArray[np.uint8]  # (B, H/2, W/2)

    def __len__(self) -> int:
        return len(self.rgb)


class DepthData:
    """All frames of one split."""

    def __init__(self, folder: Path, split: str) -> None:
        if split not in SPLITS:
            raise UsageError(f"There is no split '{split}': expected one of {', '.join(SPLITS)}.")
        finished = sorted(p.parent for p in (folder / split).glob(f"*/{WORLD_FILE}"))
        if not finished:
            raise UsageError(
                f"{folder} has no finished world under '{split}'. Render data with `navisplit collect --out {folder}`."
            )
        self.folder, self.split, self.worlds = folder, split, [p.name for p in finished]
        self._arrays = [
            {name: np.load(p / f"{name}.npy", mmap_mode="r") for name in ("rgb", "depth", "segmentation")}
            for p in finished
        ]
        self._ends = np.cumsum([len(a["rgb"]) for a in self._arrays])

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def seeds(self) -> list[int]:
        """Generator seeds of the worlds."""
        return [int(name.rsplit("-", 1)[1]) for name in self.worlds]

    def take(self, indices: NDArray[np.int64]) -> Batch:
        """The frames of these indices, 0 .. len - 1."""
        parts: dict[str, list[NDArray]] = {"rgb": [], "depth": [], "segmentation": []}
        for index in np.asarray(indices):
            world = int(np.searchsorted(self._ends, index, side="right"))
            row = int(index) - (int(self._ends[world - 1]) if world else 0)
            for name, rows in parts.items():
                rows.append(self._arrays[world][name][row])
        rgb, depth, segmentation = (np.stack(rows) for rows in parts.values())
        return Batch(rgb, depth.astype(np.float32), segmentation)

    def world_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of ``worlds`` each frame is of."""
        return np.searchsorted(self._ends, np.asarray(indices), side="right")

    def sample(self, count: int, rng: np.random.Generator) -> Batch:
        """Random frames."""
        return self.take(rng.integers(0, len(self), count))

    def batches(self, size: int, limit: int | None = None) -> Iterator[Batch]:
        """All frames in order, or ``limit`` of them evenly spread."""
        count = len(self) if limit is None else min(limit, len(self))
        indices = np.linspace(0, len(self) - 1, count).astype(np.int64)
        for start in range(0, count, size):
            yield self.take(indices[start : start + size])

    def describe(self) -> dict[str, object]:
        """What the model card says about the data."""
        families = sorted({name.rsplit("-", 1)[0] for name in self.worlds})
        return {"frames": len(self), "worlds": len(self.worlds), "families": families, "seeds": sorted(set(self.seeds))}


def read_dataset_info(folder: Path) -> dict[str, object]:
    """The data set's own description; raises UsageError when there is none."""
    path = folder / DATASET_FILE
    if not path.is_file():
        raise UsageError(f"{folder} is no data set ({DATASET_FILE} is missing). Render one with `navisplit collect`.")
    return json.loads(path.read_text())
