"""The first stages of the depth training: networks without a bottleneck."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from navisplit.nets.tail import clip_depth
from navisplit.nets.teacher import Teacher, Unsplit
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.train.augment import augmented, to_tensors
from navisplit.train.dataset import DepthData
from navisplit.train.losses import depth_loss, feature_loss, pixel_weights
from navisplit.train.metrics import DepthMetrics
from navisplit.train.settings import DepthTraining
from navisplit.train.settling import SETTLE_BATCHES, settling


class UnsplitStage:
    """Trains a network without bottleneck on ground-truth depth and, where there is one, on a teacher's features."""

    def __init__(
        self, name: str, network: Unsplit, settings: DepthTraining, train: DepthData, validation: DepthData,
        teacher: Unsplit | None = None,
    ) -> None:  # fmt: skip
        self.name, self.network = name, network
        self.settings, self.train, self.validation = settings, train, validation
        self.teacher = teacher.eval().requires_grad_(False) if teacher is not None else None

    def loss(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Loss of a random augmented batch; the teacher sees it without augmentation."""
        settings = self.settings
        clean, image, depth, _ = augmented(self.train.sample(settings.batch_size, rng), rng)
        with torch.autocast("cpu", torch.bfloat16):
            features = self.network.features(image)
            log_depth, log_scale = self.network.body(features)
        weights = pixel_weights(depth, settings.near_m, settings.near_weight, settings.thin_weight)
        too_far = settings.far_weight * (depth < settings.near_m)
        loss = depth_loss(log_depth, log_scale, depth, weights, too_far)
        said = {"depth": float(loss.detach())}
        if self.teacher is not None:
            with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
                target = self.teacher.features(clean)
            taught = feature_loss(features, target)
            loss = loss + settings.distillation_weight * (1.0 - progress) * taught
            said["feature"] = float(taught.detach())
        return loss, said

    def validate(self, network: nn.Module) -> dict[str, dict[str, float]]:
        """Metrics on some validation frames."""
        metrics = DepthMetrics(ground_ids={GROUND_ID})
        for batch in self.validation.batches(self.settings.batch_size, self.settings.validation_frames):
            image, _ = to_tensors(batch)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                log_depth, _ = network(image)
            metrics.add(clip_depth(log_depth).numpy(), batch.depth, batch.segmentation)
        return {self.name: metrics.summary()}

    def settle(self, network: nn.Module, rng: np.random.Generator) -> None:
        """Batch-norm statistics of the averaged weights."""
        with settling(network):
            for _ in range(SETTLE_BATCHES):
                image = augmented(self.train.sample(self.settings.batch_size, rng), rng)[1]
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                    network(image)

    def state(self) -> dict[str, Any]:
        """Nothing beyond the weights."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""


def wide_stage(settings: DepthTraining, train: DepthData, validation: DepthData) -> UnsplitStage:
    """A wider trunk, on ground truth alone: it learns more in the same time, and its body begins the others."""
    torch.manual_seed(settings.seed)
    network = Unsplit(settings.wide_widths, settings.wide_blocks, settings.architecture)
    return UnsplitStage("wide", network, settings, train, validation)


def teacher_stage(
    settings: DepthTraining, train: DepthData, validation: DepthData, wide: Unsplit | None = None
) -> UnsplitStage:
    """The teacher, behind the trunk that the drone can afford; it begins with the body of the wide network."""
    torch.manual_seed(settings.seed + 2)
    network = Teacher(settings.architecture)
    if wide is not None:
        network.body.load_state_dict(wide.body.state_dict())
    return UnsplitStage("teacher", network, settings, train, validation, wide)
