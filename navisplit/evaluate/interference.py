"""The faults of one offline flight: a channel of ``navisplit.faults`` before each of its parties."""

from __future__ import annotations

import numpy as np

from navisplit.faults.damage import Frame, OfClocks, OfFrames, OfOdometry, OfPackets
from navisplit.faults.injector import Channel, FaultyClock, Injector
from navisplit.faults.vocabulary import Unit, parse_faults
from navisplit.frames import Odometry


class Interference:
    """Channels by the simulation's clock, each with its own randomness."""

    def __init__(self, faults: str, rng: np.random.Generator) -> None:
        """``faults`` as ``navisplit.faults.vocabulary.parse_faults`` reads them; none change nothing."""
        injector = Injector(parse_faults(faults))
        camera, odometry, features, answer, edge, clock = rng.spawn(6)
        self.camera: Channel[Frame] = Channel(injector, Unit.CAMERA, OfFrames(), camera)
        self.odometry: Channel[Odometry] = Channel(injector, Unit.ODOMETRY, OfOdometry(), odometry)
        self.features: Channel[bytes] = Channel(injector, Unit.FEATURES, OfPackets(), features)
        self.answer: Channel[bytes] = Channel(injector, Unit.ANSWER, OfPackets(), answer)
        self.edge: Channel[bytes] = Channel(injector, Unit.EDGE, OfPackets(), edge)
        self._clock = FaultyClock(Channel(injector, Unit.CLOCK, OfClocks(), clock))
        self._sensed: Odometry | None = None

    @property
    def due_ns(self) -> list[int]:
        """When values under way come out."""
        channels = (self.camera, self.features, self.answer, self.edge)  # odometry is asked for all the time
        return [channel.next_due_ns for channel in channels if channel.next_due_ns is not None]

    def sense(self, truth: Odometry, now_ns: int) -> Odometry:
        """The newest state that the vehicle has been told of."""
        told = self.odometry.through(truth, now_ns)
        self._sensed = told[-1] if told else self._sensed or truth
        return self._sensed

    def guard_ns(self, now_ns: int) -> int:
        """What the guard's clock shows."""
        return self._clock.read(now_ns, now_ns)
