"""Reinforcement learning of the gate, from where the regrets of single decisions have brought it.

A regret looks 1.2 s ahead of one decision; what a habit of decisions does to a flight, only flights tell. Here the gate
draws its choices, ``softmax(-cost / temperature)``, in whole flights through generated worlds; a frame's reward is
minus its bytes at the gate's own price and minus what crowding it led to; the end of a flight adds its outcome.
Proximal policy optimisation (arXiv 1707.06347) with generalised advantages (arXiv 1506.02438) moves the same small
network, and the weight of bytes stays one knob. Its outputs are preferences then, still in the unit of the regrets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from navisplit.config import FlightConfig
from navisplit.evaluate.crew import Models
from navisplit.evaluate.episode import Episode, Outcome
from navisplit.nets.gate import RegretNet
from navisplit.train.decisions import CROWDED_COST, ROOM_M
from navisplit.vehicle.gate import Gate, GateInput
from navisplit.vehicle.neural_gate import NeuralGate, gate_features

Array = NDArray[np.float32]
FAILURE_COST = {Outcome.COLLISION: 6.0, Outcome.OUT_OF_BOUNDS: 6.0, Outcome.FAILSAFE: 3.0, Outcome.TIMEOUT: 3.0}
"""In the unit of the regrets, where a near miss is about 1 (our choice)."""


@dataclass(frozen=True)
class Reinforcement:
    """Settings; all our choice."""

    temperature: float = 0.05  # of the drawn choices, in the unit of the regrets
    discount: float = 0.95  # a frame: what comes after two seconds counts a third
    trace: float = 0.9  # lambda of the advantages
    epochs: int = 6  # over the rows of a round
    clip: float = 0.2  # of the ratio of probabilities
    learning_rate: float = 3e-4
    batch_size: int = 512
    entropy_weight: float = 0.003


@dataclass
class Trace:
    """Frames of flights, one after the other: inputs (D,), prices (K,), what was picked and how probable it was."""

    features: list[Array] = field(default_factory=list)
    prices: list[Array] = field(default_factory=list)  # infinite where a choice was not allowed
    picks: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # number of rows at the end of each flight
    returns: list[float] = field(default_factory=list)  # undiscounted reward of each flight

    def forget_beyond(self, count: int) -> None:
        """Drop the choices of frames that never were."""
        for rows in (self.features, self.prices, self.picks, self.log_probabilities):
            del rows[count:]

    def arrays(self) -> dict[str, NDArray]:
        """For a file."""
        return {f.name: np.array(getattr(self, f.name)) for f in dataclasses.fields(self)}


@dataclass
class DrawingGate:
    """A neural gate that draws, and notes what it saw, chose and how probable that was."""

    gate: NeuralGate
    temperature: float
    rng: np.random.Generator
    trace: Trace

    def choose(self, inputs: GateInput) -> str:
        """A choice; where the link affords none, the lightest branch, which is not noted as a choice of its own."""
        features = gate_features(inputs)
        costs = self.gate.costs(inputs, features)
        allowed = np.isfinite(costs)
        if not allowed.any():
            costs = np.where([n == self.gate.lightest for n in self.gate.net.choices], 0.0, np.inf)
        logits = -(costs - costs.min()) / self.temperature
        probabilities = np.exp(logits) / np.exp(logits).sum()
        pick = int(self.rng.choice(len(costs), p=probabilities))
        self.trace.features.append(features)
        self.trace.prices.append((costs - self.gate.net.regret(features)).astype(np.float32))
        self.trace.picks.append(pick)
        self.trace.log_probabilities.append(float(np.log(probabilities[pick])))
        return self.gate.net.choices[pick]


@dataclass
class DrawingModels(Models):
    """The models of a flight, with the gate drawing its choices (temperature 0: it flies as it will be used)."""

    net: RegretNet | None = None
    temperature: float = 0.0
    trace: Trace = field(default_factory=Trace)

    def _gate(self, config: FlightConfig, rng: np.random.Generator) -> Gate | str:
        assert self.make_gate is not None and self.net is not None
        made = self.make_gate(config)
        assert isinstance(made, NeuralGate)
        gate = dataclasses.replace(made, net=self.net)
        return DrawingGate(gate, self.temperature, rng, self.trace) if self.temperature > 0 else gate


def rewards(episode: Episode, room_m: NDArray[np.float64], period_s: float, price_per_byte: float) -> list[float]:
    """Of every frame: minus its bytes, minus the crowding up to the next frame; the last one has the outcome's too."""
    crowding = CROWDED_COST * np.square(np.maximum(0.0, ROOM_M - room_m)) * period_s
    reward = -np.array([s.bytes for s in episode.samples]) * price_per_byte - np.append(crowding[1:], 0.0)
    reward[-1] -= FAILURE_COST.get(episode.outcome, 0.0)
    return reward.tolist()


def advantages(
    reward: NDArray[np.float64], value: NDArray[np.float64], ends: Sequence[int], settings: Reinforcement
) -> NDArray[np.float64]:
    """Generalised advantages (N,) of flights one after the other; a flight's end is worth nothing more."""
    result, after, last = np.zeros(len(reward)), 0.0, set(e - 1 for e in ends)
    for t in range(len(reward) - 1, -1, -1):
        following = 0.0 if t in last else value[t + 1]
        after = 0.0 if t in last else after
        after = reward[t] + settings.discount * following - value[t] + settings.discount * settings.trace * after
        result[t] = after
    return result


def improved(net: RegretNet, trace: dict[str, NDArray], settings: Reinforcement, seed: int) -> RegretNet:
    """The network after one round of flights."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x = np.clip((trace["features"] - net.mean) / net.scale, -5.0, 5.0).astype(np.float32)
    value = _values(x, trace["rewards"], trace["ends"], settings)
    gain = advantages(trace["rewards"], value, trace["ends"], settings)
    gain = (gain - gain.mean()) / (gain.std() + 1e-6)
    inputs, price = torch.from_numpy(x), torch.from_numpy(trace["prices"].astype(np.float32))
    picks, before = torch.from_numpy(trace["picks"]), torch.from_numpy(trace["log_probabilities"].astype(np.float32))
    weights = torch.from_numpy(gain.astype(np.float32))
    layers = [[torch.tensor(part, requires_grad=True) for part in layer] for layer in net.layers]
    optimiser = torch.optim.Adam([part for layer in layers for part in layer], settings.learning_rate)
    for _ in range(settings.epochs):
        for rows in torch.randperm(len(inputs)).split(settings.batch_size):
            hidden = inputs[rows]
            for weight, bias in layers[:-1]:
                hidden = torch.relu(hidden @ weight + bias)
            preference = nn.functional.softplus(hidden @ layers[-1][0] + layers[-1][1])
            log_p = torch.log_softmax(-(preference + price[rows]) / settings.temperature, dim=1)
            chosen = log_p.gather(1, picks[rows, None]).squeeze(1)
            ratio = (chosen - before[rows]).exp()
            clipped = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip)
            entropy = -(log_p.exp() * log_p.clamp_min(-30.0)).sum(1)
            objective = torch.minimum(ratio * weights[rows], clipped * weights[rows])
            loss = -(objective + settings.entropy_weight * entropy).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    moved = tuple((weight.detach().numpy(), bias.detach().numpy()) for weight, bias in layers)
    return dataclasses.replace(net, layers=moved)


def _values(x: Array, reward: NDArray, ends: NDArray, settings: Reinforcement) -> NDArray[np.float64]:
    """What the rest of the flight is worth from each frame, by ridge regression on the gate's own inputs."""
    togo, after, last = np.zeros(len(reward)), 0.0, set((ends - 1).tolist())
    for t in range(len(reward) - 1, -1, -1):
        after = reward[t] + (0.0 if t in last else settings.discount * after)
        togo[t] = after
    design = np.hstack([x.astype(np.float64), np.ones((len(x), 1))])
    penalty = 0.01 * len(x) * np.eye(design.shape[1])
    penalty[-1, -1] = 0.0
    return design @ np.linalg.solve(design.T @ design + penalty, design.T @ togo)
