"""Our branches as a poor link has them: trimmed to a budget, or with slices lost on the way."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from navisplit.errors import UsageError
from navisplit.evaluate.codecbench.branches import Branch
from navisplit.evaluate.codecbench.context import Context
from navisplit.evaluate.codecbench.methods import Slices, family
from navisplit.vehicle.head import Activations


@family("trim", "our branches, trimmed to a budget")
class Trimmed(Branch):
    """``trim:NAME@BYTES``: the last channels stay at home, as ``max_frame_bytes`` has it in flight."""

    def __init__(self, context: Context, argument: str) -> None:
        name, number = _split(argument, "trim:NAME@BYTES, bytes of a frame's packets, 100 to 20000", 100.0, 20000.0)
        super().__init__(context, name)
        self.budget = int(number)

    def encode(self, features: Activations) -> list[bytes]:
        """As many channels as fit."""
        return self._head.encode(features, self.spec.name, self.budget).slices


@family("loss", "our branches, slices lost")
class Lossy(Branch):
    """``loss:NAME@SHARE``: each slice is lost with this probability, but never all of a frame (there is no answer to
    those); what is lost counts as sent. Which are lost follows from the frame's own bytes.
    """

    def __init__(self, context: Context, argument: str) -> None:
        name, self.share = _split(argument, "loss:NAME@SHARE, of slices, 0 to 0.95", 0.0, 0.95)
        super().__init__(context, name)

    def decode(self, slices: Slices) -> tuple[Any, Any]:
        """Symbols of what arrived."""
        rng = np.random.default_rng(zlib.crc32(b"".join(slices)))
        arrived = rng.random(len(slices)) >= self.share
        arrived[rng.integers(len(slices))] |= not arrived.any()
        return super().decode([s if there else None for s, there in zip(slices, arrived, strict=True)])


def _split(argument: str, expected: str, low: float, high: float) -> tuple[str, float]:
    name, _, number = argument.rpartition("@")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not name or not low <= value <= high:
        raise UsageError(f"'{argument}': expected {expected}.")
    return name, value
