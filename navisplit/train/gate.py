"""Training of the gate: regret by choice, from paired decisions (``navisplit.train.decisions``)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import ConfigError
from navisplit.nets.gate import RegretNet

MAX_REGRET = 3.0  # what is worse than this is as bad as it gets: a hit


@dataclass(frozen=True)
class GateTraining:
    """Settings; all our choice."""

    hidden: int = 48
    epochs: int = 60
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 3e-2
    dropout: float = 0.2
    held_out: float = 0.2  # share of the rows, whole worlds at a time
    thrift: float = 0.3  # share of the regret between lightest and richest branch that saving bytes may cost
    seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        if not (0 < self.held_out < 1 and self.epochs > 0 and self.hidden > 0 and 0 < self.thrift <= 1):
            raise ConfigError("GateTraining: expected held_out in 0..1, epochs, hidden > 0 and thrift in 0..1.")


@dataclass(frozen=True)
class GateFit:
    """A trained gate, and what it does on held-out rows when every frame has to be sent.

    The price of bytes is tuned on those same rows, so regret and bytes here are optimistic: only flights in other
    worlds tell what the gate is worth.
    """

    net: RegretNet
    rows: int
    held_out_rows: int
    mean_regret: float
    mean_regret_best: float  # of always sending the richest branch
    bytes_per_frame: float
    use: dict[str, float]


def fit_gate(
    features: NDArray[np.float32],
    regrets: NDArray[np.float32],
    groups: NDArray[np.int64],
    choices: tuple[str, ...],
    expected_bytes: dict[str, float],
    models_hash: int,
    settings: GateTraining | None = None,
) -> GateFit:
    """Fit on rows (N, D) -> (N, K); ``groups`` (N,) tell the worlds apart, so that none is on both sides.

    Raises ConfigError when there is only one world to learn from and to check on.
    """
    settings = settings or GateTraining()
    worlds = np.unique(groups)
    if len(worlds) < 2:
        raise ConfigError("Training a gate needs decisions from at least two worlds: one is held out to check it.")
    held = worlds[-max(1, round(settings.held_out * len(worlds))) :]
    test = np.isin(groups, held)
    targets = np.clip(regrets, 0.0, MAX_REGRET)
    mean, scale = features[~test].mean(0), features[~test].std(0) + 1e-3
    layers = _train((features - mean) / scale, targets, ~test, settings)
    net = RegretNet(choices, mean.astype(np.float32), scale.astype(np.float32), layers, models_hash)
    predicted = np.stack([net.regret(row) for row in features[test]])
    sizes = np.array([expected_bytes[name] for name in choices])
    sent = sizes > 0  # the price is tuned on branches alone: how often a frame may be skipped is the guard's business
    price = _price(predicted[:, sent], targets[test][:, sent], sizes[sent], settings.thrift)
    costs = np.where(sent, predicted + price * sizes, np.inf)
    picked = costs.argmin(1)
    rows = np.arange(len(picked))
    return GateFit(
        net=dataclasses.replace(net, price_per_byte=price),
        rows=int((~test).sum()),
        held_out_rows=int(test.sum()),
        mean_regret=float(targets[test][rows, picked].mean()),
        mean_regret_best=float(targets[test][:, int(sizes.argmax())].mean()),
        bytes_per_frame=float(sizes[picked].mean()),
        use={name: float((picked == k).mean()) for k, name in enumerate(choices)},
    )


def _train(
    inputs: NDArray[np.float32], targets: NDArray[np.float32], train: NDArray[np.bool_], settings: GateTraining
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]:
    """Perceptron weights after the last epoch of a cosine schedule."""
    import torch
    from torch import nn

    torch.manual_seed(settings.seed)
    hidden, dropout = settings.hidden, settings.dropout
    network = nn.Sequential(
        nn.Dropout(dropout), nn.Linear(inputs.shape[1], hidden), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, targets.shape[1]), nn.Softplus(),
    )  # fmt: skip
    x = torch.from_numpy(np.clip(inputs[train], -5, 5).astype(np.float32))
    y = torch.from_numpy(targets[train].astype(np.float32))
    steps = settings.epochs * -(-len(x) // settings.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(settings.epochs):
        for batch in torch.randperm(len(x)).split(settings.batch_size):
            # Squared error: the mean regret is what is compared with the price of bytes, not the median.
            loss = (network(x[batch]) - y[batch]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    linear = [m for m in network if isinstance(m, nn.Linear)]
    return tuple((m.weight.detach().numpy().T.copy(), m.bias.detach().numpy().copy()) for m in linear)


def _price(
    predicted: NDArray[np.float32], regrets: NDArray[np.float32], sizes: NDArray[np.float64], thrift: float
) -> float:
    """The highest price per byte that gives away at most ``thrift`` of the richest branch's gain on the lightest."""
    rows = np.arange(len(predicted))
    light, rich = (float(regrets[:, k].mean()) for k in (int(sizes.argmin()), int(sizes.argmax())))
    allowed = rich + thrift * max(light - rich, 0.0)
    fitting = [
        price
        for price in np.geomspace(1e-6, 1e-2, 60)
        if regrets[rows, (predicted + price * sizes).argmin(1)].mean() <= allowed
    ]
    return float(max(fitting, default=1e-6))
