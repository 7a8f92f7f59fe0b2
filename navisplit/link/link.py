"""One direction of a radio link, driven by whoever holds the clock: no threads, no sleeping, no global randomness."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from navisplit.link.profiles import Profile

_MAX_IN_FLIGHT = 4096
"""Packets kept for a receiver that does not fetch them: bounds the memory that a stalled one costs (our choice)."""
_LONG_GAP = 10_000.0
"""Mean fade cycles after which the channel's state is drawn afresh instead of stepped through."""


@dataclass
class LinkStats:
    """What went in and out, in packets and in bytes of packets (headers of ours included, the radio's not)."""

    sent_bytes: int = 0
    sent_packets: int = 0
    received_packets: int = 0  # duplicates counted
    lost_packets: int = 0  # in the air
    dropped_packets: int = 0  # at the full queue
    duplicated_packets: int = 0


class Link:
    """Packets in, packets out later: queue and time on air, fades, latency and jitter, duplicates.

    Packets are reordered only as jitter has it. Fades are drawn apart from what happens to a packet, and every packet
    draws the same amount, so that the same seed gives the same fades whatever is sent. A clock that steps backwards
    is taken as one that stands still.
    """

    def __init__(self, profile: Profile, rng: np.random.Generator) -> None:
        """A link at rest, in the good or bad state by its share of the time."""
        self._profile = profile
        self.stats = LinkStats()
        self._fades, self._packets = rng.spawn(2)
        self._now_ns: int | None = None
        self._air_free_ns = 0
        self._bad = bool(self._fades.random() < profile.bad_share)
        self._state_ends_ns: float | None = None  # None: not drawn yet
        self._flying: list[tuple[int, int, bytes]] = []  # heap of (arrival, order, data)
        self._order = 0

    @property
    def profile(self) -> Profile:
        """What the radio is like. May be replaced in flight: what is under way arrives as it was sent."""
        return self._profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        self._profile = profile
        self._state_ends_ns = None

    @property
    def next_arrival_ns(self) -> int | None:
        """When the next packet is due; None while nothing is under way."""
        return self._flying[0][0] if self._flying else None

    def send(self, data: bytes, now_ns: int) -> None:
        """Hand a packet to the radio."""
        now = self._advance(now_ns)
        profile = self._profile
        self.stats.sent_packets += 1
        self.stats.sent_bytes += len(data)
        loss, duplicate = self._packets.random(2)
        jitter_s = self._packets.exponential(1.0, 2) * profile.jitter_s
        start = max(now, self._air_free_ns)
        rate = profile.bandwidth_bps
        waiting_bytes = 0.0 if rate is None else (start - now) * 1e-9 * rate / 8.0 + len(data)
        if waiting_bytes > profile.queue_bytes or len(self._flying) >= _MAX_IN_FLIGHT:
            self.stats.dropped_packets += 1
            return
        if rate is not None:
            start += round((len(data) + profile.overhead_bytes) * 8e9 / rate)
            self._air_free_ns = start
        if loss < (profile.loss_bad if self._is_bad(start) else profile.loss_good):
            self.stats.lost_packets += 1
            return
        self._push(start + round((profile.latency_s + jitter_s[0]) * 1e9), data)
        if duplicate < profile.duplicate:
            self.stats.duplicated_packets += 1
            self._push(start + round((profile.latency_s + jitter_s[1]) * 1e9), data)

    def receive(self, now_ns: int) -> list[bytes]:
        """Packets due by ``now_ns``, in the order of their arrival."""
        now = self._advance(now_ns)
        due: list[bytes] = []
        while self._flying and self._flying[0][0] <= now:
            due.append(heapq.heappop(self._flying)[2])
        self.stats.received_packets += len(due)
        return due

    def _push(self, arrival_ns: int, data: bytes) -> None:
        """Put a copy under way."""
        self._order += 1
        heapq.heappush(self._flying, (arrival_ns, self._order, data))

    def _advance(self, now_ns: int) -> int:
        """The link's own time, which never steps backwards."""
        self._now_ns = now_ns if self._now_ns is None else max(now_ns, self._now_ns)
        if self._state_ends_ns is None:
            self._state_ends_ns = self._now_ns + self._stay_ns()
        return self._now_ns

    def _is_bad(self, at_ns: int) -> bool:
        """State of the channel at a time; times asked for never decrease, as packets leave in order."""
        ends = at_ns + self._stay_ns() if self._state_ends_ns is None else self._state_ends_ns
        if at_ns - ends > _LONG_GAP * (self._profile.good_s + self._profile.bad_s) * 1e9:
            self._bad = bool(self._fades.random() < self._profile.bad_share)
            ends = at_ns + self._stay_ns()
        while ends <= at_ns:
            self._bad = not self._bad
            ends += self._stay_ns()
        self._state_ends_ns = ends
        return self._bad

    def _stay_ns(self) -> float:
        """A draw of how long the present state lasts."""
        mean_s = self._profile.bad_s if self._bad else self._profile.good_s
        return float(self._fades.exponential()) * mean_s * 1e9
