"""``navisplit train exit``: the on-board exit of a branch set, behind its finished trunk.

The trunk does not change, so its features are computed once; the exit then learns, for each cell of its grid, a low
quantile of the log distance (pinball loss, Koenker and Bassett 1978): in doubt a thing is nearer. Figures are our
choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from navisplit.config import CameraConfig
from navisplit.errors import ConfigError, UsageError
from navisplit.frames import Odometry
from navisplit.nets.branch_set import BranchSet, load_branch_set
from navisplit.nets.exit import COLUMNS, FARTHEST_M, NEAREST_M, ROWS, ExitNet, save_exit
from navisplit.train.augment import photometric, to_tensors
from navisplit.train.dataset import DepthData
from navisplit.train.progress import Log
from navisplit.vehicle.onboard_exit import SIDES, OnboardExit, distances_by, free_reach

NEAREST_SHARE = 0.05  # of a cell's pixels: the nearest alone may be noise
CRUISE_MPS = 4.0
NEAR_REACH_M, FREE_REACH_M, ERROR_M = 3.5, 6.0, 1.0


@dataclass(frozen=True)
class ExitTraining:
    """Settings."""

    frames: int = 20_000  # to learn from
    validation_frames: int = 900
    epochs: int = 24
    batch_size: int = 96
    learning_rate: float = 3e-3
    quantile: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        counts = min(self.frames, self.validation_frames, self.epochs, self.batch_size)
        if counts < 1 or not (0 < self.quantile < 1 and self.learning_rate > 0):
            raise ConfigError("ExitTraining: expected counts >= 1, a quantile in 0..1 and a learning rate > 0.")


def train_exit(models: str, data: Path, settings: ExitTraining, log: Log) -> dict[str, float]:
    """Train the exit of a branch set and write it into the set's folder; returns what validation says of it."""
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    branch_set = load_branch_set(models)
    _check_grid(branch_set)
    features, targets = _collected(branch_set, DepthData(data, "train"), settings, rng, log)
    net = ExitNet(branch_set.head.trunk.channels)
    _fit(net, features, targets, settings, rng, log)
    found = assess(net.eval(), branch_set, DepthData(data, "validation"), settings.validation_frames)
    weights = sum(p.numel() for p in net.parameters())
    notes = {**found, "weights": weights, "frames": len(features), "quantile": settings.quantile}
    save_exit(net, branch_set.path, branch_set.hash, {**notes, "seed": settings.seed, "epochs": settings.epochs})
    log(f"exit: {weights} weights, " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    return found


def _check_grid(branch_set: BranchSet) -> None:
    architecture = branch_set.architecture
    height, width = architecture.grid
    if height % ROWS or width % COLUMNS:
        raise UsageError(
            f"The exit looks at {ROWS} x {COLUMNS} cells; the grid of '{branch_set.name}' ({height} x {width}, for "
            f"pictures of {architecture.width}x{architecture.height}) cannot be cut into them. It needs multiples."
        )


def nearest(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth (B, H, W) m to the log distance (B, 6, 16) of what is nearest in each cell."""
    count, height, width = depth.shape
    cells = depth.reshape(count, ROWS, height // ROWS, COLUMNS, width // COLUMNS).transpose(0, 1, 3, 2, 4)
    cells = cells.reshape(count, ROWS, COLUMNS, -1)
    rank = int(NEAREST_SHARE * cells.shape[-1])
    low = np.partition(cells, rank, axis=-1)[..., rank]
    return np.log(np.clip(low, NEAREST_M, FARTHEST_M)).astype(np.float32)


def _collected(
    branch_set: BranchSet, data: DepthData, settings: ExitTraining, rng: np.random.Generator, log: Log
) -> tuple[Tensor, Tensor]:
    """Features (N, C, 18, 32) in half precision and targets (N, 6, 16), of random frames in other light and colours."""
    chosen = np.sort(rng.choice(len(data), min(settings.frames, len(data)), replace=False))
    features, targets = [], []
    for number, index in enumerate(chosen):
        batch = data.take(np.array([index]))
        shown = photometric(to_tensors(batch)[0], rng) if number % 2 else to_tensors(batch)[0]
        picture = (shown * 63.75 + 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        with torch.inference_mode():
            features.append(branch_set.head.trunk(picture).half())
        targets.append(torch.from_numpy(nearest(batch.depth)))
        if (number + 1) % 5000 == 0:
            log(f"exit: {number + 1} of {len(chosen)} frames through the trunk")
    return torch.cat(features), torch.cat(targets)


def _fit(
    net: ExitNet, features: Tensor, targets: Tensor, settings: ExitTraining, rng: np.random.Generator, log: Log
) -> None:
    optimiser = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=1e-4)
    steps = max(1, len(features) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, settings.epochs * steps)
    for epoch in range(settings.epochs):
        order, total = rng.permutation(len(features)), 0.0
        for step in range(steps):
            rows = torch.from_numpy(order[step * settings.batch_size : (step + 1) * settings.batch_size])
            x, y = features[rows].float(), targets[rows]
            if rng.random() < 0.5:
                x, y = x.flip(3), y.flip(2)
            loss = pinball(net(x), y, settings.quantile)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        if epoch % 4 == 3 or epoch == settings.epochs - 1:
            log(f"exit: epoch {epoch + 1} of {settings.epochs}, loss {total / steps:.4f}")


def pinball(said: Tensor, true: Tensor, quantile: float) -> Tensor:
    """Loss whose least value is at a quantile of ``true``; what is near counts more (1 / distance)."""
    error = true - said
    weight = torch.exp(-0.5 * true)
    return (weight * torch.maximum(quantile * error, (quantile - 1.0) * error)).mean()


def assess(net: ExitNet, branch_set: BranchSet, data: DepthData, frames: int) -> dict[str, float]:
    """How often a blocked direction is taken for free, and a free one for blocked, on frames evenly spread.

    ``missed``: of the directions with something within 3.5 m, those where it is seen more than 1 m too far away;
    ``false_alarms``: of those free for 6 m, the ones that seem blocked within 3.5 m.
    """
    camera = CameraConfig(width=branch_set.architecture.width, height=branch_set.architecture.height)
    pilot = OnboardExit(distances_by(net), camera, CRUISE_MPS)
    blocked = missed = free = false = 0
    for batch in data.batches(1, frames):
        odometry = Odometry(0, batch.pose[0, :3], batch.pose[0, 3:], np.zeros(3), np.zeros(3))
        with torch.inference_mode():
            features = branch_set.head.trunk(torch.from_numpy(batch.rgb))
        said, true = pilot.look(features, odometry).reach, true_reach(batch.depth[0], odometry, camera)
        near, far = true < NEAR_REACH_M, true > FREE_REACH_M
        blocked, missed = blocked + int(near.sum()), missed + int((near & (said > true + ERROR_M)).sum())
        free, false = free + int(far.sum()), false + int((far & (said < NEAR_REACH_M)).sum())
    share = blocked / (frames * len(SIDES))
    return {"missed": missed / max(blocked, 1), "false_alarms": false / max(free, 1), "blocked_share": share}


def true_reach(depth: NDArray[np.float32], odometry: Odometry, camera: CameraConfig) -> NDArray[np.float64]:
    """How far each direction (9,) is free by a depth image (H, W), m; as ``OnboardExit.look`` by its cells."""
    optical = camera.intrinsics.scaled(depth.shape[1], depth.shape[0]).rays() * depth[..., None]
    points = np.stack([optical[..., 2], -optical[..., 0], -optical[..., 1]], axis=-1).reshape(-1, 3).astype(np.float64)
    return free_reach(points[points[:, 0] < 2.0 * FARTHEST_M], SIDES, odometry, camera)
