"""The injector: faults by the clock, and the channels that values pass through.

Pure: time and randomness are arguments. ``navisplit.evaluate`` puts channels between the parties of an offline
flight, ``navisplit.nodes.faults`` between the topics of a live one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Generic, TypeVar

import numpy as np

from navisplit.faults.damage import Damage
from navisplit.faults.vocabulary import DELAY_S, SLOW_EVERY, SPELL_S, Fault, Kind, Unit

T = TypeVar("T")
MOST_DELAYED = 256
"""Values under way in one channel; more are lost (our choice: 0.3 s of anything has fewer)."""


class Injector:
    """Which unit does what when. Faults begin ``start_s`` after ``zero_ns``, or after they are ordered."""

    def __init__(self, faults: Iterable[Fault] = (), zero_ns: int = 0) -> None:
        self._ordered: list[tuple[int, float, Fault]] = []  # begin and end, ns
        for fault in faults:
            self.order(fault, zero_ns)

    def order(self, fault: Fault, now_ns: int) -> None:
        """A fault from ``fault.start_s`` after now on."""
        self._ordered = [entry for entry in self._ordered if entry[1] > now_ns]
        begin = now_ns + round(fault.start_s * 1e9)
        self._ordered += [(begin, begin + fault.duration_s * 1e9, part) for part in fault.parts()]

    def state(self, unit: Unit, now_ns: int) -> tuple[Kind, int]:
        """What the unit does now, and since when; of two faults the one that began, or was ordered, later."""
        active = [
            (begin, number, fault.kind)
            for number, (begin, end, fault) in enumerate(self._ordered)
            if fault.unit is unit and begin <= now_ns < end
        ]
        since, _, kind = max(active, default=(0, 0, Kind.OK))
        return kind, since


class Channel(Generic[T]):
    """The values of one unit, in order, with its faults."""

    def __init__(self, injector: Injector, unit: Unit, damage: Damage[T], rng: np.random.Generator) -> None:
        self._injector, self._unit, self._damage, self._rng = injector, unit, damage, rng
        self._held: T | None = None  # the last value before the fault, or the first of all
        self._counted = 0
        self._under_way: list[tuple[int, int, T]] = []  # heap of (due, order, value)
        self._order = 0

    @property
    def next_due_ns(self) -> int | None:
        """When the next value under way comes out; None while there is none."""
        return self._under_way[0][0] if self._under_way else None

    def send(self, value: T, now_ns: int) -> None:
        """A value goes in."""
        kind, since_ns = self._injector.state(self._unit, now_ns)
        if kind is Kind.OK or self._held is None:
            self._held, self._counted = value, 0
        spoilt = self._spoilt(value, self._held, kind, now_ns - since_ns)
        if spoilt is not None and len(self._under_way) < MOST_DELAYED:
            self._order += 1
            due_ns = now_ns + (round(DELAY_S * 1e9) if kind is Kind.DELAYED else 0)
            heapq.heappush(self._under_way, (due_ns, self._order, spoilt))

    def receive(self, now_ns: int) -> list[T]:
        """The values that are due, oldest first."""
        due: list[T] = []
        while self._under_way and self._under_way[0][0] <= now_ns:
            due.append(heapq.heappop(self._under_way)[2])
        return due

    def through(self, value: T, now_ns: int) -> list[T]:
        """In and out: what comes out now."""
        self.send(value, now_ns)
        return self.receive(now_ns)

    def _spoilt(self, value: T, held: T, kind: Kind, age_ns: int) -> T | None:
        """What becomes of a value; None: it is lost."""
        if kind is Kind.OFF or (kind is Kind.INTERMITTENT and age_ns * 1e-9 % (2 * SPELL_S) < SPELL_S):
            return None
        if kind is Kind.SLOW:
            self._counted += 1
            return value if self._counted % SLOW_EVERY == 0 else None
        if kind is Kind.STUCK:
            return self._damage.stuck(held, value)
        if kind is Kind.GARBAGE:
            return self._damage.garbage(value, self._rng)
        return self._damage.wrong(value, self._rng) if kind is Kind.WRONG else value


class FaultyClock:
    """A clock with the faults of the unit ``clock``, which begin and end by a clock that has none."""

    def __init__(self, channel: Channel[int]) -> None:
        self._channel = channel

    def read(self, shown_ns: int, now_ns: int) -> int:
        """What it shows at ``now_ns``, where it would show ``shown_ns``."""
        return self._channel.through(shown_ns, now_ns)[-1]
