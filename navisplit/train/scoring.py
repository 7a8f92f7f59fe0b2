"""Test metrics of a branch set: every frame through the real head, entropy coder, memory and tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from navisplit.config import CameraConfig
from navisplit.edge.memory import seen_from
from navisplit.edge.tail import Depth, Tail
from navisplit.nets.branch_set import BranchSet
from navisplit.nets.tail import clip_depth
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.sim.worlds.registry import test_families
from navisplit.train.clips import CLIP
from navisplit.train.dataset import Batch, DepthData
from navisplit.train.metrics import DepthMetrics
from navisplit.train.recollection import motions_of
from navisplit.vehicle.head import Encoded, Head

ALONE, UNSEEN = " alone", " unseen"


def evaluate(branch_set: BranchSet, data: DepthData) -> dict[str, dict[str, float]]:
    """Metrics at the last frame of every test clip, by name.

    ``b0`` remembers the two frames before, ``b0 alone`` has no memory, ``teacher`` has no bottleneck; all on families
    that were trained on. ``b0 unseen`` and so on are the same on families that were not.
    """
    scores = _Scores(branch_set)
    for number in range(data.clip_count):
        group = UNSEEN if data.family_of_clip(number) in test_families else ""
        scores.add(data.clips(np.array([number])), group)
    return {name: m.summary() for name, m in scores.metrics.items() if m.frames}


@dataclass
class _Scores:
    branch_set: BranchSet

    def __post_init__(self) -> None:
        architecture = self.branch_set.architecture
        self.camera = CameraConfig(width=architecture.width, height=architecture.height)
        self.head, self.tail = Head(self.branch_set), Tail(self.branch_set)
        branches = [spec.name for spec in self.branch_set.branches]
        remembers = self.branch_set.tail.recall is not None
        names = ["teacher"] if self.branch_set.teacher is not None else []
        names += branches + [b + ALONE for b in branches if remembers]
        self.metrics = {name + group: DepthMetrics(ground_ids={GROUND_ID}) for group in ("", UNSEEN) for name in names}

    def add(self, clip: Batch, group: str) -> None:
        """Count the last frame of a clip."""
        true, ids = clip.depth[-1:], clip.segmentation[-1:]
        if self.branch_set.teacher is not None:
            with torch.inference_mode():
                depth = clip_depth(self.branch_set.teacher(torch.from_numpy(clip.rgb[-1:]))[0])
            self.metrics["teacher" + group].add(depth.numpy(), true, ids)
        activations = [self.head.trunk(rgb) for rgb in clip.rgb]
        for spec in self.branch_set.branches:
            frames = [self.head.encode(a, spec.name) for a in activations]
            metrics = self.metrics[spec.name + group]
            metrics.add(self._with_memory(clip, frames).depth[None], true, ids)
            metrics.add_bytes([frames[-1].size])
            if self.branch_set.tail.recall is not None:
                alone = self._depth(frames[-1], None)
                self.metrics[spec.name + ALONE + group].add(alone.depth[None], true, ids)

    def _with_memory(self, clip: Batch, frames: list[Encoded]) -> Depth:
        """Depth of the last frame, each frame remembering the one before."""
        if self.branch_set.tail.recall is None:
            return self._depth(frames[-1], None)
        motions, depth = motions_of(clip, flipped=False), self._depth(frames[0], None)
        for step in range(1, CLIP):
            depth = self._depth(frames[step], seen_from(depth, motions[step], self.camera))
        return depth

    def _depth(self, encoded: Encoded, memory: NDArray[np.float32] | None) -> Depth:
        symbols, mask = self.tail.decode(encoded.branch_id, encoded.codec_id, encoded.shape, encoded.slices)
        return self.tail.infer(encoded.branch_id, symbols, mask, memory)
