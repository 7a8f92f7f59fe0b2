"""Batch-norm statistics of averaged weights, which never saw the activations that they make."""

from __future__ import annotations

from torch import nn

SETTLE_BATCHES = 16


class settling:  # noqa: N801 (a context manager, named as a verb)
    """Within it, batch norms collect plain averages of their statistics; after it the network is in evaluation mode."""

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
