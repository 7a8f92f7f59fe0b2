"""A miniature split network and a miniature data set, for the tests of nets, head, tail and training."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from navisplit.nets.architecture import Architecture, BranchConfig
from navisplit.train.packing import PictureWriter
from navisplit.train.settings import DepthTraining

TINY = Architecture(
    memory=True,
    height=32,
    width=64,
    trunk_widths=(4, 8, 16, 16),
    trunk_blocks=(1, 1, 1),
    body_widths=(16, 16, 16),
    body_blocks=(1, 1, 1),
    detail_width=8,
    branches=(
        BranchConfig("b0", channels=2, target_bytes=4, stride=2, codec="rans"),
        BranchConfig("b1", channels=4, target_bytes=20, codec="rans"),
    ),
)

TRAINED = dataclasses.replace(TINY, branches=(TINY.branches[0], dataclasses.replace(TINY.branches[1], codec="context")))
"""One branch a codec."""


def tiny_training(**changes: object) -> DepthTraining:
    """Seconds of training on a thread."""
    values = {
        "wide_minutes": 0.01,
        "teacher_minutes": 0.01,
        "wide_widths": (4, 8, 16),
        "wide_blocks": (1, 1),
        "student_minutes": 0.01,
        "batch_size": 4,
        "architecture": TRAINED,
        "ema_decay": 0.9,
    }
    return DepthTraining(**{**values, **changes})


def write_world(folder: Path, frames: int, rng: np.random.Generator, height: int = 32, width: int = 64) -> None:
    """Frames whose brightness tells the depth, so that a network can learn something at once."""
    folder.mkdir(parents=True)
    depth = (
        rng.uniform(1.0, 20.0, (frames, 1, 1))
        * np.linspace(1.0, 1.5, height // 2)[None, :, None]
        * np.ones((1, 1, width // 2))
    )
    bright = np.clip(255.0 / depth, 0, 255).repeat(2, 1).repeat(2, 2)
    with PictureWriter(folder) as pictures:
        for picture in np.repeat(bright[..., None], 3, -1).astype(np.uint8):
            pictures.add(picture)
    np.save(folder / "depth.npy", depth.astype(np.float16))
    np.save(folder / "segmentation.npy", np.full(depth.shape, 2, np.uint8))
    np.save(folder / "pose.npy", np.tile([0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0], (frames, 1)))
    np.save(folder / "time.npy", np.tile([0.0, 0.1, 0.2], frames)[:frames])
    (folder / "world.json").write_text("{}")


def write_data(folder: Path, frames: int = 12, height: int = 32, width: int = 64) -> Path:
    """A data set of one world a split."""
    rng = np.random.default_rng(3)
    for split, seed in (("train", 1000), ("validation", 900), ("test", 800)):
        write_world(folder / split / f"forest-{seed}", frames, rng, height, width)
    (folder / "dataset.json").write_text(
        json.dumps(
            {
                "version": 2,
                "width": width,
                "height": height,
                "intrinsics": [width / 2, width / 2, (width - 1) / 2, (height - 1) / 2],
            }
        )
    )
    return folder
