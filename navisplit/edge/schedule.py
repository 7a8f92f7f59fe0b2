"""Whose frame is next, where one edge server has many drones. Pure: times come in as arguments.

One frame a drone waits, its newest. A turn takes the drones that were served longest ago, as many as the oldest of
their frames can still be answered in time together, by what a frame has cost lately. So every drone has the same share
of an overloaded server, and none waits for more than a round.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
SMOOTHING = 0.1  # weight of the newest turn in the cost of a frame


@dataclass(frozen=True)
class Waiting(Generic[T]):
    """A frame that waits for its turn."""

    frame: T
    arrived_ns: int


class Schedule(Generic[T]):
    """Frames of many drones in, turns out."""

    def __init__(self, deadline_ns: int, max_batch: int) -> None:
        """``deadline_ns``: from a frame's arrival to its answer; what is older when its turn comes is dropped."""
        self.deadline_ns, self.max_batch = deadline_ns, max_batch
        self.cost_ns: float | None = None  # of a frame, lately; None: not known yet
        self.replaced: Counter[str] = Counter()  # frames for which a newer one of the same drone came in time
        self.stale: Counter[str] = Counter()  # frames whose turn came too late
        self._waiting: dict[str, Waiting[T]] = {}
        self._served_ns: dict[str, int] = {}

    def __len__(self) -> int:
        """Frames that wait."""
        return len(self._waiting)

    def offer(self, drone: str, frame: T, arrived_ns: int) -> None:
        """A drone's newest frame; one of its own that still waits is forgotten."""
        self.replaced[drone] += drone in self._waiting
        self._waiting[drone] = Waiting(frame, arrived_ns)

    def turn(self, now_ns: int) -> list[tuple[str, T]]:
        """The frames to work on now, at most one a drone; empty when none waits."""
        for drone in [d for d, w in self._waiting.items() if now_ns - w.arrived_ns > self.deadline_ns]:
            del self._waiting[drone]
            self.stale[drone] += 1
        longest_ago = sorted(self._waiting, key=lambda d: (self._served_ns.get(d, -1), self._waiting[d].arrived_ns))
        chosen = longest_ago[: self._together(longest_ago, now_ns)]
        self._served_ns.update(dict.fromkeys(chosen, now_ns))
        return [(drone, self._waiting.pop(drone).frame) for drone in chosen]

    def _together(self, drones: list[str], now_ns: int) -> int:
        """How many of the first drones fit into one turn: an answer comes only when all of the turn are computed."""
        due_ns, cost_ns = float("inf"), self.cost_ns or 0.0
        for count, drone in enumerate(drones[: self.max_batch]):
            due_ns = min(due_ns, self._waiting[drone].arrived_ns + self.deadline_ns)
            if count > 0 and now_ns + (count + 1) * cost_ns > due_ns:
                return count
        return min(len(drones), self.max_batch)

    def note(self, frames: int, spent_ns: int) -> None:
        """What a turn has cost."""
        newest = spent_ns / frames
        self.cost_ns = newest if self.cost_ns is None else self.cost_ns + SMOOTHING * (newest - self.cost_ns)

    def forget(self, drone: str) -> None:
        """Nothing of this drone stays."""
        for kept in (self._waiting, self._served_ns, self.replaced, self.stale):
            kept.pop(drone, None)
