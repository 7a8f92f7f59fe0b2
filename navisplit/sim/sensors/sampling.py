"""Sample times in whole steps of the simulation, and noise that belongs to the number of the sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.flight.quadrotor import STEP_S
from navisplit.sim.sensors.specs import Timing

_BLOCK = 4096  # samples drawn at once: bounds the memory of a first reading after a long flight


@dataclass(frozen=True)
class Schedule:
    """Samples of a sensor: number 0 at its start, number n at ``delay + n * period``; in steps since its start."""

    period: int
    delay: int
    latency: int

    @classmethod
    def of(cls, timing: Timing) -> Schedule:
        """A period is rounded up to steps, as AirSim's does: 50 Hz is every 21 ms."""
        return cls(
            max(1, _steps(1.0 / timing.frequency_hz) if timing.frequency_hz > 0 else 1),
            _steps(timing.startup_s),
            _steps(timing.latency_s),
        )

    def newest(self, step: int) -> tuple[int, int]:
        """Number and step of the sample that is out at ``step``; number 0 before there is another."""
        ready = self._step(self._number(step)) - self.latency
        number = self._number(ready)
        return number, self._step(number)

    def _number(self, step: int) -> int:
        return max(0, (step - self.delay) // self.period)

    def _step(self, number: int) -> int:
        return 0 if number == 0 else self.delay + number * self.period


def _steps(seconds: float) -> int:
    return math.ceil(seconds / STEP_S - 1e-9)


class WhiteNoise:
    """Independent standard normal vectors, one for each sample number."""

    def __init__(self, rng: np.random.Generator, width: int) -> None:
        self._rng = rng
        self._newest = -1
        self._vector = np.zeros(width)

    def at(self, number: int) -> NDArray[np.float64]:
        """Vector (width,) of a sample; numbers never fall."""
        while self._newest < number:
            count = min(number - self._newest, _BLOCK)
            self._take(self._rng.standard_normal((count, len(self._vector))))
            self._newest += count
        return self._vector

    def _take(self, drawn: NDArray[np.float64]) -> None:
        self._vector = drawn[-1]


class Walk(WhiteNoise):
    """Sums of standard normal vectors up to each sample number."""

    def _take(self, drawn: NDArray[np.float64]) -> None:
        # a running sum, so that the rounding does not depend on when it was read
        self._vector = np.cumsum(np.vstack([self._vector, drawn]), axis=0)[-1]


class GaussMarkov(WhiteNoise):
    """A first-order Gauss-Markov process of unit variance: correlated over ``tau_s`` at ``period_s`` a sample."""

    def __init__(self, rng: np.random.Generator, period_s: float, tau_s: float) -> None:
        super().__init__(rng, 1)
        self._keep = math.exp(-period_s / tau_s) if tau_s > 0 else 0.0
        self._vector = rng.standard_normal(1)

    def _take(self, drawn: NDArray[np.float64]) -> None:
        fresh = math.sqrt(1.0 - self._keep**2)
        value = float(self._vector[0])
        for each in drawn[:, 0].tolist():
            value = self._keep * value + fresh * each
        self._vector = np.array([value])
