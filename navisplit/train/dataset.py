"""Depth frames on disk: one folder per world, mapped and not read, so that a data set larger than memory trains.

    DIR/dataset.json                         resolution, intrinsics, frames of a clip
    DIR/{train,validation,test}/FAMILY-SEED/ rgb.webp, rgb_ends.npy: N pictures 144x256 sRGB, see ``packing``
                                             depth.npy (N, 72, 128) float16 planar m, sky = largest half float
                                             segmentation.npy (N, 72, 128) uint8
                                             pose.npy (N, 7) float64 ENU x y z, quaternion x y z w of the camera
                                             time.npy (N,) float64 s since the first frame of the clip
                                             world.json family, seed, frames (written last: absent means unfinished)

Frames come in clips of three that follow one another (the last of a world may be shorter).

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
from navisplit.frames import Intrinsics
from navisplit.train.clips import CLIP
from navisplit.train.packing import Pictures

SPLITS = ("train", "validation", "test")
WORLD_FILE, DATASET_FILE = "world.json", "dataset.json"
FORMAT_VERSION = 2


@dataclass(frozen=True)
class Batch:
    """Frames as they are stored."""

    rgb: NDArray[np.uint8]  # (B, H, W, 3)
    depth: NDArray[np.float32]  # (B, H/2, W/2) m, infinite sky as stored
    segmentation: NDArray[np.uint8]  # (B, H/2, W/2)
    pose: NDArray[np.float64]  # (B, 7) ENU position, quaternion x y z w of the camera (FLU)
    time: NDArray[np.float64]  # (B,) s since the first frame of its clip

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
        self.depth_intrinsics = _depth_intrinsics(folder)
        self.folder, self.split, self.worlds = folder, split, [p.name for p in finished]
        self._arrays = [
            {name: np.load(p / f"{name}.npy", mmap_mode="r") for name in ("depth", "segmentation", "pose", "time")}
            for p in finished
        ]
        self._pictures = [Pictures(p) for p in finished]
        self._ends = np.cumsum([len(p) for p in self._pictures])
        self._clips = np.cumsum([len(p) // CLIP for p in self._pictures])

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def seeds(self) -> list[int]:
        """Generator seeds of the worlds."""
        return [int(name.rsplit("-", 1)[1]) for name in self.worlds]

    def take(self, indices: NDArray[np.int64]) -> Batch:
        """The frames of these indices, 0 .. len - 1."""
        parts: dict[str, list[NDArray]] = {"rgb": [], "depth": [], "segmentation": [], "pose": [], "time": []}
        for index in np.asarray(indices):
            world = int(np.searchsorted(self._ends, index, side="right"))
            row = int(index) - (int(self._ends[world - 1]) if world else 0)
            parts["rgb"].append(self._pictures[world][row])
            for name, array in self._arrays[world].items():
                parts[name].append(array[row])
        rgb, depth, segmentation, pose, time = (np.stack(rows) for rows in parts.values())
        return Batch(rgb, depth.astype(np.float32), segmentation, pose, time)

    def sample(self, count: int, rng: np.random.Generator) -> Batch:
        """Random frames."""
        return self.take(rng.integers(0, len(self), count))

    def clips(self, numbers: NDArray[np.int64]) -> Batch:
        """Frames of these whole clips, clip after clip: (len(numbers) * CLIP) frames."""
        firsts = []
        for number in np.asarray(numbers):
            world = int(np.searchsorted(self._clips, number, side="right"))
            clip = int(number) - (int(self._clips[world - 1]) if world else 0)
            firsts.append((int(self._ends[world - 1]) if world else 0) + clip * CLIP)
        return self.take((np.array(firsts, np.int64)[:, None] + np.arange(CLIP)).ravel())

    def world_of_clip(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of ``worlds`` each clip is of."""
        return np.searchsorted(self._clips, np.asarray(numbers), side="right")

    def family_of_clip(self, number: int) -> str:
        """The family of the world of a clip."""
        return self.worlds[int(self.world_of_clip(np.array(number)))].rsplit("-", 1)[0]

    @property
    def clip_count(self) -> int:
        """Whole clips."""
        return int(self._clips[-1])

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


def _depth_intrinsics(folder: Path) -> Intrinsics:
    """Of the stored depth: every second pixel of the camera's picture."""
    info = read_dataset_info(folder)
    fx, fy, cx, cy = (float(v) / 2 for v in info["intrinsics"])  # type: ignore[attr-defined]
    return Intrinsics(int(info["width"]) // 2, int(info["height"]) // 2, fx, fy, cx, cy)  # type: ignore[call-overload]


def read_dataset_info(folder: Path) -> dict[str, object]:
    """The data set's own description; raises UsageError when there is none."""
    path = folder / DATASET_FILE
    if not path.is_file():
        raise UsageError(f"{folder} is no data set ({DATASET_FILE} is missing). Render one with `navisplit collect`.")
    info = json.loads(path.read_text())
    if info.get("version") != FORMAT_VERSION:
        raise UsageError(
            f"{folder} holds data of version {info.get('version')}, expected {FORMAT_VERSION}: collect it again with "
            "`navisplit collect`, into another folder."
        )
    return info
