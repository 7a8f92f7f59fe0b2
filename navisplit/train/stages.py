"""The two stages of the depth training: a teacher without bottleneck, then all branches of the student together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from navisplit.nets.architecture import Architecture, BranchConfig
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.quantiser import LogisticMixturePrior, add_noise, clip_symbols, round_symbols
from navisplit.nets.tail import TailNetwork, clip_depth
from navisplit.nets.teacher import Teacher
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.train.augment import augmented, to_tensors
from navisplit.train.dataset import DepthData
from navisplit.train.losses import depth_loss, erase_channels, feature_loss, pixel_weights
from navisplit.train.metrics import DepthMetrics, format_summary
from navisplit.train.settings import DepthTraining

BRANCHES_PER_STEP = 2
"""Of each batch: the trunk runs once, two random branches go through the tail (like the sandwich rule of slimmable
networks, arXiv 1903.05134, without its cost of running all)."""
SETTLE_BATCHES = 24
RATE_WEIGHT_RANGE = (1e-3, 3.0)
INITIAL_RATE_WEIGHT = 0.05


class Student(nn.Module):
    """Head, tail and the priors that shape the rate in training."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.head = HeadNetwork(architecture)
        self.tail = TailNetwork(architecture)
        self.priors = nn.ModuleDict(
            {b.name: LogisticMixturePrior(b.channels) for b in architecture.branches if b.rated}
        )

    @torch.no_grad()
    def quantised(self, image: Tensor, branch: BranchConfig) -> Tensor:
        """Symbols (B, C, H, W) int16 of normalised pictures (B, 3, H, W)."""
        return round_symbols(self.head(image, branch.name).float(), branch.limit)

    @torch.no_grad()
    def sizes(self, symbols: Tensor, branch: BranchConfig) -> list[float]:
        """Bytes of symbols (B, C, H, W): by the prior, or a byte each where the codec is fixed."""
        if not branch.rated:
            return [float(symbols[0].numel())] * len(symbols)
        return (self.priors[branch.name].bits(symbols.float()) / 8.0).tolist()

    @torch.no_grad()
    def depth(self, symbols: Tensor, branch: BranchConfig) -> Tensor:
        """Depth (B, 72, 128) m of symbols received in full."""
        received = torch.ones(1, branch.channels, 1, 1)
        return clip_depth(self.tail(symbols.float(), received, branch.name)[0])


class TeacherStage:
    """Trains the teacher on ground-truth depth."""

    name = "teacher"

    def __init__(self, settings: DepthTraining, train: DepthData, validation: DepthData) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.train, self.validation = settings, train, validation
        self.network = Teacher(settings.architecture)

    def loss(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, str]:
        """Loss of a random augmented batch."""
        settings = self.settings
        _, image, depth = augmented(self.train.sample(settings.batch_size, rng), rng)
        with torch.autocast("cpu", torch.bfloat16):
            log_depth, log_scale = self.network(image)
        weights = pixel_weights(depth, settings.near_m, settings.near_weight, settings.thin_weight)
        return depth_loss(log_depth, log_scale, depth, weights), "depth"

    def validate(self, network: nn.Module) -> str:
        """Metrics on some validation frames."""
        metrics = DepthMetrics(ground_ids={GROUND_ID})
        for batch in self.validation.batches(self.settings.batch_size, self.settings.validation_frames):
            image, _ = to_tensors(batch)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                log_depth, _ = network(image)
            metrics.add(clip_depth(log_depth).numpy(), batch.depth, batch.segmentation)
        return format_summary(metrics.summary())

    def settle(self, network: nn.Module, rng: np.random.Generator) -> None:
        """Batch-norm statistics of the averaged weights."""
        with settling(network):
            for _ in range(SETTLE_BATCHES):
                _, image, _ = augmented(self.train.sample(self.settings.batch_size, rng), rng)
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                    network(image)

    def state(self) -> dict[str, Any]:
        """Nothing beyond the weights."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""


class StudentStage:
    """Trains trunk, bottlenecks and tail together, at the branches' target bytes, taught by the teacher's features."""

    name = "student"

    def __init__(self, settings: DepthTraining, train: DepthData, validation: DepthData, teacher: Teacher) -> None:
        torch.manual_seed(settings.seed + 1)
        self.settings, self.train, self.validation = settings, train, validation
        self.teacher = teacher.eval().requires_grad_(False)
        self.network = Student(settings.architecture)
        self.network.tail.body.load_state_dict(teacher.body.state_dict())
        self.branches = settings.architecture.branches
        self.rate_weights = {b.name: INITIAL_RATE_WEIGHT for b in self.branches}  # per KB
        self.rates = {b.name: float(b.target_bytes) for b in self.branches}  # running means, bytes

    def loss(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, str]:
        """Loss of a random batch through two random branches."""
        settings = self.settings
        clean, image, depth = augmented(self.train.sample(settings.batch_size, rng), rng)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                target = self.teacher.features(clean)
            features = self.network.head.trunk(image)
        count = min(BRANCHES_PER_STEP, len(self.branches))
        chosen = [self.branches[i] for i in rng.choice(len(self.branches), count, replace=False)]
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        inputs, rate_loss = [], torch.zeros(())
        for branch in chosen:
            adapted, kilobytes = self._through_branch(features, branch, generator)
            inputs.append(adapted)
            if branch.rated:
                rate_loss = rate_loss + self._steered(branch, kilobytes, progress) * kilobytes
        with torch.autocast("cpu", torch.bfloat16):
            log_depth, log_scale = self.network.tail.body(torch.cat(inputs))
        weights = pixel_weights(depth, settings.near_m, settings.near_weight, settings.thin_weight)
        repeat = (len(chosen), 1, 1)
        loss = depth_loss(log_depth, log_scale, depth.repeat(repeat), weights.repeat(repeat))
        taught = sum(feature_loss(x, target) for x in inputs) / len(inputs)
        total = loss + rate_loss / len(chosen) + settings.distillation_weight * (1.0 - progress) * taught
        rates = "/".join(f"{self.rates[b.name]:.0f}" for b in self.branches)
        return total, f"depth {float(loss.detach()):.4f} feature {float(taught.detach()):.3f} bytes {rates}"

    def _through_branch(
        self, features: Tensor, branch: BranchConfig, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The body's input (B, width, 18, 32) by way of a noisy, lossy link, and the mean rate in KB."""
        network, name = self.network, branch.name
        with torch.autocast("cpu", torch.bfloat16):
            values = network.head.branches[name](features)
        noisy = add_noise(clip_symbols(values.float(), branch.limit), generator)
        kilobytes = network.priors[name].bits(noisy).mean() / 8000.0 if branch.rated else torch.zeros(())
        received = erase_channels(len(noisy), branch.channels, self.settings.erasure_share, generator)
        with torch.autocast("cpu", torch.bfloat16):
            return network.tail.adapters[name](noisy, received), kilobytes

    def _steered(self, branch: BranchConfig, kilobytes: Tensor, progress: float) -> float:
        """The price of a kilobyte, raised while the branch is over its target and lowered while it is under."""
        rate = 1000.0 * float(kilobytes.detach())
        name = branch.name
        self.rates[name] += 0.05 * (rate - self.rates[name])
        excess = float(np.clip(math.log(max(rate, 1.0) / branch.target_bytes), -1.0, 1.0))
        gain = self.settings.rate_gain * (1.0 - 0.8 * progress)
        low, high = RATE_WEIGHT_RANGE
        scale = 1000.0 / branch.target_bytes  # a light branch needs a higher price per KB
        price = self.rate_weights[name] * math.exp(gain * excess)
        self.rate_weights[name] = float(np.clip(price, low * scale, high * scale))
        return self.rate_weights[name]

    def validate(self, network: nn.Module) -> str:
        """Metrics of every branch on some validation frames, with rounded symbols and the prior's rate."""
        metrics = {b.name: DepthMetrics(ground_ids={GROUND_ID}) for b in self.branches}
        for batch in self.validation.batches(self.settings.batch_size, self.settings.validation_frames):
            image, _ = to_tensors(batch)
            for branch in self.branches:
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                    symbols = network.quantised(image, branch)
                    depth = network.depth(symbols, branch)
                    sizes = network.sizes(symbols, branch)
                metrics[branch.name].add(depth.numpy(), batch.depth, batch.segmentation)
                metrics[branch.name].add_bytes(sizes)
        return "; ".join(f"{name} {format_summary(m.summary())}" for name, m in metrics.items())

    def settle(self, network: nn.Module, rng: np.random.Generator) -> None:
        """Batch-norm statistics of the averaged weights, with rounded symbols, every branch alike."""
        with settling(network):
            for _ in range(SETTLE_BATCHES):
                _, image, _ = augmented(self.train.sample(self.settings.batch_size, rng), rng)
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                    features = network.head.trunk(image)
                    inputs = []
                    for branch in self.branches:
                        values = network.head.branches[branch.name](features).float()
                        symbols = round_symbols(values, branch.limit).float()
                        received = torch.ones(1, branch.channels, 1, 1)
                        inputs.append(network.tail.adapters[branch.name](symbols, received))
                    network.tail.body(torch.cat(inputs))

    def state(self) -> dict[str, Any]:
        """The rate controller."""
        return {"rate_weights": self.rate_weights, "rates": self.rates}

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of ``state``."""
        self.rate_weights = {b.name: float(state["rate_weights"][b.name]) for b in self.branches}
        self.rates = {b.name: float(state["rates"][b.name]) for b in self.branches}


class settling:  # noqa: N801 (a context manager, named as a verb)
    """Within it, batch norms collect plain averages of their statistics; after it the network is in evaluation mode.

    Averaged weights never saw the activations that they make: without this, their running statistics are those of
    other weights.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]

    def __enter__(self) -> None:
        """Reset the statistics."""
        self.network.train()
        self._momenta = [norm.momentum for norm in self.norms]
        for norm in self.norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative average

    def __exit__(self, *_: object) -> None:
        """Back to running averages."""
        for norm, momentum in zip(self.norms, self._momenta, strict=True):
            norm.momentum = momentum
        self.network.eval()
