"""The first stage of the depth training: a teacher without bottleneck."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from navisplit.nets.tail import clip_depth
from navisplit.nets.teacher import Teacher
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.train.augment import augmented, to_tensors
from navisplit.train.dataset import DepthData
from navisplit.train.losses import depth_loss, pixel_weights
from navisplit.train.metrics import DepthMetrics
from navisplit.train.settings import DepthTraining
from navisplit.train.settling import SETTLE_BATCHES, settling


class TeacherStage:
    """Trains the teacher on ground-truth depth."""

    name = "teacher"

    def __init__(self, settings: DepthTraining, train: DepthData, validation: DepthData) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.train, self.validation = settings, train, validation
        self.network = Teacher(settings.architecture)

    def loss(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Loss of a random augmented batch."""
        settings = self.settings
        _, image, depth, _ = augmented(self.train.sample(settings.batch_size, rng), rng)
        with torch.autocast("cpu", torch.bfloat16):
            log_depth, log_scale = self.network(image)
        weights = pixel_weights(depth, settings.near_m, settings.near_weight, settings.thin_weight)
        too_far = settings.far_weight * (depth < settings.near_m)
        loss = depth_loss(log_depth, log_scale, depth, weights, too_far)
        return loss, {"depth": float(loss.detach())}

    def validate(self, network: nn.Module) -> dict[str, dict[str, float]]:
        """Metrics on some validation frames."""
        metrics = DepthMetrics(ground_ids={GROUND_ID})
        for batch in self.validation.batches(self.settings.batch_size, self.settings.validation_frames):
            image, _ = to_tensors(batch)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                log_depth, _ = network(image)
            metrics.add(clip_depth(log_depth).numpy(), batch.depth, batch.segmentation)
        return {"teacher": metrics.summary()}

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
