"""The last stage of the depth training: all branches of the student together, on frames and on short clips."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from navisplit.nets.architecture import BranchConfig
from navisplit.nets.memory import Motion
from navisplit.nets.quantiser import add_noise, clip_symbols
from navisplit.nets.tail import clip_depth
from navisplit.nets.teacher import Teacher
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.train.augment import augmented, to_tensors
from navisplit.train.clips import CLIP
from navisplit.train.dataset import Batch, DepthData
from navisplit.train.losses import depth_loss, erase_channels, feature_loss, pixel_weights
from navisplit.train.metrics import DepthMetrics
from navisplit.train.recollection import Recollections, motions_of
from navisplit.train.settings import DepthTraining
from navisplit.train.settling import SETTLE_BATCHES, settling
from navisplit.train.student import Student

BRANCHES_PER_STEP = 2
"""Of each frame: the trunk runs once, two random branches go through the tail (like the sandwich rule of slimmable
networks, arXiv 1903.05134, without its cost of running all)."""
RATE_WEIGHT_RANGE = (1e-3, 3.0)
INITIAL_RATE_WEIGHT = 0.05
SQUEEZED_AT = 0.5
"""Progress from which on the targets are those of the branches."""


class StudentStage:
    """Trains trunk, bottlenecks and tail together, at the branches' target bytes.

    It begins as the teacher, whose features are what the adapters are to give back.
    """

    name = "student"

    def __init__(self, settings: DepthTraining, train: DepthData, validation: DepthData, teacher: Teacher) -> None:
        torch.manual_seed(settings.seed + 1)
        self.settings, self.train, self.validation = settings, train, validation
        self.teacher = teacher.eval().requires_grad_(False)
        self.network = Student(settings.architecture)
        self.network.head.trunk.load_state_dict(teacher.trunk.state_dict())
        self.network.tail.body.load_state_dict(teacher.body.state_dict())
        self.branches = settings.architecture.branches
        self.rate_weights = {b.name: INITIAL_RATE_WEIGHT for b in self.branches}  # per KB
        self.rates = {b.name: float(b.target_bytes) for b in self.branches}  # running means, bytes

    def loss(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Loss of random frames, or of random clips whose frames remember the ones before, by two branches each."""
        settings = self.settings
        length = CLIP if self._remembers and rng.random() < settings.clip_share else 1
        batch = self._clips(rng) if length > 1 else self.train.sample(settings.batch_size, rng)
        clean, image, depth, flipped = augmented(batch, rng)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                target = self.teacher.features(clean)
            features = self.network.head.trunk(image)
        weights = pixel_weights(depth, settings.near_m, settings.near_weight, settings.thin_weight)
        too_far = settings.student_far_weight * (depth < settings.near_m)
        motions = motions_of(batch, flipped) if length > 1 else []
        recollections = Recollections(self.train.depth_intrinsics)
        losses, taught, rate = torch.zeros(()), torch.zeros(()), torch.zeros(())
        for step in range(length):
            frames = slice(step, None, length)
            x, kilobytes = self._inputs(features[frames], recollections, rng, progress)
            with torch.autocast("cpu", torch.bfloat16):
                log_depth, log_scale = self.network.tail.body(x)
            twice = (BRANCHES_PER_STEP, 1, 1)
            true, weight, far = (part[frames].repeat(twice) for part in (depth, weights, too_far))
            losses = losses + depth_loss(log_depth, log_scale, true, weight, far)
            taught = taught + feature_loss(x, target[frames].repeat(*twice, 1))
            rate = rate + kilobytes
            if step + 1 < length:
                self._remember(recollections, log_depth, log_scale, motions[step + 1 :: length])
        total = losses + rate + settings.distillation_weight * (1.0 - progress) * taught
        said = {"depth": float(losses.detach()) / length, "feature": float(taught.detach()) / length}
        return total / length, said | {f"bytes/{name}": rate for name, rate in self.rates.items()}

    @property
    def _remembers(self) -> bool:
        return self.settings.architecture.memory

    def _clips(self, rng: np.random.Generator) -> Batch:
        count = max(2, self.settings.batch_size // CLIP)
        return self.train.clips(rng.integers(0, self.train.clip_count, count))

    def _inputs(
        self, features: Tensor, recollections: Recollections, rng: np.random.Generator, progress: float
    ) -> tuple[Tensor, Tensor]:
        """The body's input of two random branches, one after the other in the batch, and their price in the loss."""
        picks = rng.choice(len(self.branches), BRANCHES_PER_STEP, replace=len(self.branches) < BRANCHES_PER_STEP)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        known, price = [], torch.zeros(())
        for pick in picks:
            branch = self.branches[pick]
            adapted, kilobytes = self._through_branch(features, branch, generator)
            known.append(adapted)
            if branch.rated:
                price = price + self._steered(branch, kilobytes, progress) * kilobytes
        x = torch.cat(known)
        recall = self.network.tail.recall
        if recall is not None and recollections.any:
            memory, present = recollections.tensors(len(x), x.shape[-2:])
            amnesia = torch.rand(len(x), generator=generator) < self.settings.amnesia_share
            with torch.autocast("cpu", torch.bfloat16):
                x = x + recall(memory, present * ~amnesia)
        return x, price / BRANCHES_PER_STEP

    def _remember(
        self, recollections: Recollections, log_depth: Tensor, log_scale: Tensor, motions: list[Motion]
    ) -> None:
        if self.network.tail.recall is not None:
            recollections.renew(log_depth.detach().numpy(), log_scale.detach().numpy(), motions * BRANCHES_PER_STEP)

    def _through_branch(
        self, features: Tensor, branch: BranchConfig, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """What the adapter makes (B, width, 18, 32) by way of a noisy, lossy link, and the mean rate in KB."""
        network, name = self.network, branch.name
        with torch.autocast("cpu", torch.bfloat16):
            values = network.head.branches[name](features)
        noisy = add_noise(clip_symbols(values.float(), branch.limit), generator)
        kilobytes = network.priors[name].bits(noisy).mean() / 8000.0 if branch.rated else torch.zeros(())
        received = erase_channels(len(noisy), branch.channels, self.settings.erasure_share, generator)
        with torch.autocast("cpu", torch.bfloat16):
            return network.tail.adapters[name](noisy, received), kilobytes

    def _steered(self, branch: BranchConfig, kilobytes: Tensor, progress: float) -> float:
        """The price of a kilobyte, raised while the branch is over its target and lowered while it is under.

        The target begins ``first_bytes`` times as high: what a bottleneck has forgotten under a price too high comes
        back slowly, what it never needed goes easily. The part that does not add up keeps the price from swinging.
        """
        rate = 1000.0 * float(kilobytes.detach())
        name, ease = branch.name, max(0.0, 1.0 - progress / SQUEEZED_AT)
        target = branch.target_bytes * self.settings.first_bytes**ease
        self.rates[name] += 0.05 * (rate - self.rates[name])
        excess = float(np.clip(math.log(max(rate, 1.0) / target), -1.0, 1.0))
        gain = self.settings.rate_gain * (1.0 - 0.8 * progress)
        low, high = RATE_WEIGHT_RANGE
        scale = 1000.0 / branch.target_bytes  # a light branch needs a higher price per KB
        price = self.rate_weights[name] * math.exp(gain * excess)
        self.rate_weights[name] = float(np.clip(price, low * scale, high * scale))
        return self.rate_weights[name] * math.exp(excess)

    def validate(self, network: nn.Module) -> dict[str, dict[str, float]]:
        """Metrics of every branch at the ends of some validation clips, with rounded symbols and the prior's rate.

        ``name`` remembers the frames of the clip before, ``name alone`` has no memory.
        """
        metrics = {b.name: DepthMetrics(ground_ids={GROUND_ID}) for b in self.branches}
        metrics |= {f"{b.name} alone": DepthMetrics(ground_ids={GROUND_ID}) for b in self.branches}
        count = min(self.validation.clip_count, max(1, self.settings.validation_frames // CLIP))
        numbers = np.linspace(0, self.validation.clip_count - 1, count).astype(np.int64)
        for start in range(0, count, self.settings.batch_size):
            batch = self.validation.clips(numbers[start : start + self.settings.batch_size])
            last = slice(CLIP - 1, None, CLIP)
            for branch in self.branches:
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                    with_memory, alone, sizes = self._clip_depth(network, batch, branch)
                for name, depth in ((branch.name, with_memory), (f"{branch.name} alone", alone)):
                    metrics[name].add(depth, batch.depth[last], batch.segmentation[last])
                metrics[branch.name].add_bytes(sizes)
        return {name: m.summary() for name, m in metrics.items()}

    def _clip_depth(
        self, network: nn.Module, batch: Batch, branch: BranchConfig
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], list[float]]:
        """Depth (clips, H, W) of the clips' last frames with and without memory, and their bytes."""
        image, _ = to_tensors(batch)
        symbols = network.quantised(image, branch)
        motions = motions_of(batch, flipped=False)
        recollections = Recollections(self.validation.depth_intrinsics)
        received = torch.ones(1, branch.channels, 1, 1)
        for step in range(CLIP):
            frames = symbols[step::CLIP].float()
            memory, present = recollections.tensors(len(frames), network.tail.grid)
            log_depth, log_scale = network.tail(frames, received, branch.name, memory, present)
            if step + 1 < CLIP:
                recollections.renew(log_depth.numpy(), log_scale.numpy(), motions[step + 1 :: CLIP])
        alone, _ = network.tail(frames, received, branch.name)
        return clip_depth(log_depth).numpy(), clip_depth(alone).numpy(), network.sizes(frames, branch)

    def settle(self, network: nn.Module, rng: np.random.Generator) -> None:
        """Batch-norm statistics of the averaged weights, with rounded symbols, every branch alike."""
        recollections = Recollections(self.train.depth_intrinsics)
        with settling(network), torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            for _ in range(SETTLE_BATCHES):
                length = CLIP if self._remembers else 1
                batch = self._clips(rng) if length > 1 else self.train.sample(self.settings.batch_size, rng)
                _, image, _, flipped = augmented(batch, rng)
                motions = motions_of(batch, flipped) * len(self.branches) if length > 1 else []
                features = network.head.trunk(image)
                recollections.forget()
                for step in range(length):
                    x = torch.cat([self._settled(network, features[step::length], b) for b in self.branches])
                    if network.tail.recall is not None and recollections.any:
                        x = x + network.tail.recall(*recollections.tensors(len(x), x.shape[-2:]))
                    log_depth, log_scale = network.tail.body(x)
                    if step + 1 < length:
                        recollections.renew(log_depth.numpy(), log_scale.numpy(), motions[step + 1 :: CLIP])

    def _settled(self, network: nn.Module, features: Tensor, branch: BranchConfig) -> Tensor:
        symbols = network.head.symbols(features, branch).float()
        return network.tail.adapters[branch.name](symbols, torch.ones(1, branch.channels, 1, 1))

    def state(self) -> dict[str, Any]:
        """The rate controller."""
        return {"rate_weights": self.rate_weights, "rates": self.rates}

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of ``state``."""
        self.rate_weights = {b.name: float(state["rate_weights"][b.name]) for b in self.branches}
        self.rates = {b.name: float(state["rates"][b.name]) for b in self.branches}
