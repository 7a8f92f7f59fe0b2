"""One direction of a radio link, driven by whoever holds the clock: no threads, no sleeping, no global randomness."""

from __future__ import annotations

import dataclasses
import heapq
from collections import deque
from dataclasses import dataclass

import numpy as np

from navisplit.link.conditions import Conditions, conditions
from navisplit.link.profiles import Profile

QUEUE_S, QUEUE_BYTES = 0.1, 1_400
"""A queue without a size of its own: this long, a packet at least (our choice: deeper ones deliver what is stale)."""
HELD_BACK_S = 0.02
"""What a reordered packet waits: more than the slices of a frame are apart (our choice)."""
_MAX_IN_FLIGHT = 4096
"""Packets kept for a receiver that does not fetch them: bounds the memory that a stalled one costs (our choice)."""
_LONG_GAP = 10_000.0
"""Mean fade cycles after which the channel's state is drawn afresh instead of stepped through."""
_MAX_CHANGES = 10_000
"""Changes of a trace that one packet may wait through."""


@dataclass
class LinkStats:
    """What went in and out, in packets and in bytes of packets (headers of ours included, the radio's not)."""

    sent_bytes: int = 0
    sent_packets: int = 0
    received_packets: int = 0  # duplicates counted
    lost_packets: int = 0  # in the air
    dropped_packets: int = 0  # at the full queue
    duplicated_packets: int = 0
    damaged_packets: int = 0  # delivered with bits flipped
    reordered_packets: int = 0  # held back


class Link:
    """Packets in, packets out later: queue and time on air, outages, fades, latency and jitter, damage, duplicates.

    Fades and outages are apart from what happens to a packet, and every packet draws the same amount, so that the same
    seed gives the same fades whatever is sent. A clock that steps backwards is taken as one that stands still.
    """

    def __init__(self, profile: Profile, rng: np.random.Generator, start_ns: int | None = None) -> None:
        """A link at rest, in the good or bad state by its share of the time.

        Outages, traces and fades count from ``start_ns`` (None: from the first use), which both directions share.
        """
        self._profile = profile
        self.stats = LinkStats()
        self._fades, self._packets, self._faults = rng.spawn(3)
        self._start_ns = start_ns
        self._now_ns: int | None = None
        self._air_free_ns = 0
        self._waiting: deque[tuple[int, int]] = deque()  # (when it has left, bytes)
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
        stats, profile = self.stats, self._profile
        stats.sent_packets += 1
        stats.sent_bytes += len(data)
        loss, duplicate = self._packets.random(2)
        jitter = self._packets.exponential(1.0, 2)
        reorder, damage = self._faults.random(), int(self._faults.integers(1 << 32))
        if not self._fits(len(data), now):
            stats.dropped_packets += 1
            return
        left_ns, radio = self._on_air(max(now, self._air_free_ns), len(data) + profile.overhead_bytes)
        self._air_free_ns = left_ns
        self._waiting.append((left_ns, len(data)))
        if radio is None or loss < self._loss(radio, left_ns):
            stats.lost_packets += 1
            return
        held_s = HELD_BACK_S if reorder < profile.reorder else 0.0
        stats.reordered_packets += held_s > 0
        copies = 2 if duplicate < profile.duplicate else 1
        stats.duplicated_packets += copies - 1
        data = self._damaged(data, damage)
        for extra in jitter[:copies]:
            delay_s = radio.latency_s + float(extra) * radio.jitter_s + held_s
            self._order += 1
            heapq.heappush(self._flying, (left_ns + round(delay_s * 1e9), self._order, data))

    def receive(self, now_ns: int) -> list[bytes]:
        """Packets due by ``now_ns``, in the order of their arrival."""
        now = self._advance(now_ns)
        due: list[bytes] = []
        while self._flying and self._flying[0][0] <= now:
            due.append(heapq.heappop(self._flying)[2])
        self.stats.received_packets += len(due)
        return due

    def _advance(self, now_ns: int) -> int:
        """The link's own time, which never steps backwards."""
        if self._now_ns is None:
            self._now_ns = now_ns
            self._start_ns = now_ns if self._start_ns is None else self._start_ns
            self._state_ends_ns = self._start_ns + self._stay_ns()
        self._now_ns = max(now_ns, self._now_ns)
        if self._state_ends_ns is None:  # another profile
            self._state_ends_ns = max(self._now_ns, self._air_free_ns) + self._stay_ns()
        return self._now_ns

    def _conditions(self, at_ns: int) -> Conditions:
        """What the radio is like, with ``ends_ns`` by the caller's clock."""
        start_ns = self._start_ns or 0
        found = conditions(self._profile, max(at_ns - start_ns, 0))
        return dataclasses.replace(found, ends_ns=found.ends_ns + start_ns)

    def _fits(self, size: int, now: int) -> bool:
        """Whether the queue takes another packet: an empty one takes any."""
        while self._waiting and self._waiting[0][0] <= now:
            self._waiting.popleft()
        if len(self._flying) >= _MAX_IN_FLIGHT or len(self._waiting) >= _MAX_IN_FLIGHT:
            return False
        limit = self._profile.queue_bytes
        if limit is None:
            rate = self._conditions(now).bandwidth_bps
            limit = QUEUE_BYTES if rate is None else max(QUEUE_BYTES, int(rate / 8 * QUEUE_S))
        waiting = sum(waiting for _, waiting in self._waiting)
        return waiting == 0 or waiting + size <= limit

    def _on_air(self, at_ns: int, size: int) -> tuple[int, Conditions | None]:
        """When a packet whose turn comes at ``at_ns`` has left, and the conditions then; None: lost in an outage."""
        bits = size * 8.0
        for _ in range(_MAX_CHANGES):
            radio = self._conditions(at_ns)
            if radio.out:
                if not self._profile.backlog:
                    break
            elif radio.bandwidth_bps is None:
                return at_ns, radio
            else:
                leaves_ns = at_ns + round(bits * 1e9 / radio.bandwidth_bps)
                if leaves_ns <= radio.ends_ns:
                    return leaves_ns, radio
                bits -= (radio.ends_ns - at_ns) * 1e-9 * radio.bandwidth_bps
            at_ns = int(radio.ends_ns)
        return at_ns, None

    def _loss(self, radio: Conditions, at_ns: int) -> float:
        """Probability to lose a packet that leaves now."""
        bad = self._is_bad(at_ns)  # also where a trace says it: fades are drawn in time alone
        fading = self._profile.loss_bad if bad else self._profile.loss_good
        return fading if radio.loss is None else radio.loss

    def _damaged(self, data: bytes, seed: int) -> bytes:
        """The packet as it arrives: with its bit errors."""
        if self._profile.bit_errors == 0.0:
            return data
        rng = np.random.default_rng(seed)
        flipped = rng.random(len(data) * 8) < self._profile.bit_errors
        if not flipped.any():
            return data
        self.stats.damaged_packets += 1
        return (np.frombuffer(data, np.uint8) ^ np.packbits(flipped)).tobytes()

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
