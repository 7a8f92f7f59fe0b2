"""Fit of the policy's network to lessons: probabilities of commands after the expert's costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from navisplit.edge.commands import MIRRORED, VELOCITIES, YAW_RATES
from navisplit.edge.surroundings import SIZE, mirrored
from navisplit.errors import ConfigError
from navisplit.nets.policy import PolicyNet

REPORT_STEPS = 100
WORST_M = 8.0  # costs beyond this are as bad


@dataclass(frozen=True)
class FitSettings:
    """All our choice."""

    hidden: int = 256
    steps: int = 2500  # in a round
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1
    temperature_m: float = 0.25  # of the expert's preferences
    risk_weight: float = 0.5  # of the cost to be expected
    yaw_weight: float = 0.3
    jitter: float = 0.02  # of observations

    def __post_init__(self) -> None:
        """Check ranges."""
        if min(self.hidden, self.steps, self.batch_size) < 1 or self.temperature_m <= 0 or self.learning_rate <= 0:
            raise ConfigError("FitSettings: expected hidden, steps, batch_size >= 1, temperature and rate > 0.")


@dataclass(frozen=True)
class Data:
    """Frames of lessons: (N, D), (N, K), (N, Y)."""

    observations: NDArray[np.float32]
    costs: NDArray[np.float32]
    yaw: NDArray[np.float32]  # weights of the yaw rates

    def __len__(self) -> int:
        return len(self.observations)


def build(hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """The network of ``navisplit.nets.policy`` as a torch module."""
    outputs = len(VELOCITIES) + len(YAW_RATES)
    return nn.Sequential(
        nn.Linear(SIZE, hidden), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs),
    )  # fmt: skip


def exported(network: nn.Module) -> PolicyNet:
    """The linear layers of a perceptron with relus between them, in their order."""
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    layers = tuple((m.weight.detach().numpy().T.copy(), m.bias.detach().numpy().copy()) for m in linear)
    return PolicyNet(layers, len(VELOCITIES))


def imported(net: PolicyNet, linear: list[nn.Linear]) -> None:
    """Copy weights into linear layers; the inverse of ``exported``."""
    with torch.no_grad():
        for module, (weight, bias) in zip(linear, net.layers, strict=True):
            module.weight.copy_(torch.from_numpy(weight.T.copy()))
            module.bias.copy_(torch.from_numpy(bias))


def fit(
    data: Data,
    settings: FitSettings,
    start: PolicyNet | None,
    seed: int,
    report: Callable[[int, dict[str, float]], None],
) -> PolicyNet:
    """Train on lessons, from ``start`` where there is one. ``report`` hears the step and means of losses."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = build(settings.hidden, settings.dropout)
    if start is not None:
        imported(start, [m for m in network if isinstance(m, nn.Linear)])
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    sums: dict[str, float] = {}
    for step in range(1, settings.steps + 1):
        loss, values = losses(network, batch_of(data, settings, rng), settings)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
        if step % REPORT_STEPS == 0 or step == settings.steps:
            count = (step - 1) % REPORT_STEPS + 1
            report(step, {name: value / count for name, value in sums.items()})
            sums = {}
    return exported(network.eval())


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def batch_of(data: Data, settings: FitSettings, rng: np.random.Generator) -> Batch:
    """Random frames, every second one seen in a mirror, observations jittered."""
    rows = rng.integers(len(data), size=settings.batch_size)
    observations, costs, yaw = data.observations[rows], data.costs[rows].copy(), data.yaw[rows].copy()
    half = len(rows) // 2
    observations[:half] = mirrored(observations[:half])
    costs[:half], yaw[:half] = costs[:half][:, MIRRORED], yaw[:half, ::-1]
    observations = observations + settings.jitter * rng.standard_normal(observations.shape, np.float32)
    return torch.from_numpy(observations), torch.from_numpy(costs), torch.from_numpy(yaw)


def losses(network: nn.Module, batch: Batch, settings: FitSettings) -> tuple[torch.Tensor, dict[str, float]]:
    """Cross entropy with the expert's preferences, the cost to be expected, and cross entropy of the yaw."""
    observations, costs, yaw = batch
    scores = network(observations)
    log_commands = scores[:, : len(VELOCITIES)].log_softmax(1)
    log_yaw = scores[:, len(VELOCITIES) :].log_softmax(1)
    wanted = (-costs / settings.temperature_m).softmax(1)
    imitation = -(wanted * log_commands).sum(1).mean()
    risk = (log_commands.exp() * costs.clamp(max=WORST_M)).sum(1).mean()
    turning = -(yaw * log_yaw).sum(1).mean()
    with torch.no_grad():
        chosen = costs.gather(1, log_commands.argmax(1, keepdim=True))
        values = {
            "imitation": float(imitation),
            "expected_cost_m": float(risk),
            "yaw": float(turning),
            "chosen_cost_m": float(chosen.clamp(max=WORST_M).mean()),
            "chosen_hits": float((chosen > 7.0).float().mean()),
        }
    return imitation + settings.risk_weight * risk + settings.yaw_weight * turning, values


def score(net: PolicyNet, data: Data) -> dict[str, float]:
    """Mean cost of what the network would choose on frames, m, and how often that would hit."""
    x = data.observations
    for weight, bias in net.layers[:-1]:
        x = np.maximum(x @ weight + bias, 0.0)
    weight, bias = net.layers[-1]
    choice = (x @ weight + bias)[:, : net.commands].argmax(1)
    costs = np.minimum(data.costs[np.arange(len(data)), choice], WORST_M)
    return {"chosen_cost_m": float(costs.mean()), "chosen_hits": float((costs > 7.0).mean())}
