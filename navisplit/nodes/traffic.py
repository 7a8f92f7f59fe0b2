"""How much goes through a node: messages heard and published, and their rates."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rclpy.lifecycle import LifecyclePublisher


class CountedPublisher(LifecyclePublisher):
    """Silent while its node is not active; counts what it publishes."""

    count = 0

    def publish(self, msg: Any) -> None:
        """Publish where the node is active."""
        if self.is_activated:
            self.count += 1
            super().publish(msg)


class Traffic:
    """Rates by topic between two calls of ``measure``; ``now_s`` is a clock that never steps."""

    def __init__(self, now_s: float) -> None:
        self.heard: Counter[str] = Counter()
        self.publishers: dict[str, CountedPublisher] = {}  # by topic, as the node names it
        self.rates: dict[str, str] = {}
        self._before: Counter[str] = Counter()
        self._before_s = now_s

    def forget(self, gone: CountedPublisher) -> None:
        """A publisher that was destroyed."""
        self.publishers = {topic: publisher for topic, publisher in self.publishers.items() if publisher is not gone}

    def measure(self, now_s: float) -> None:
        """Take the rates since the last time."""
        counts = Counter({f"Hz in: {topic}": count for topic, count in self.heard.items()})
        counts.update({f"Hz out: {topic}": publisher.count for topic, publisher in self.publishers.items()})
        elapsed_s = max(now_s - self._before_s, 1e-3)
        self.rates = {name: f"{max(count - self._before[name], 0) / elapsed_s:.1f}" for name, count in counts.items()}
        self._before, self._before_s = counts, now_s
