"""Profiles: what is known of a radio, in a few numbers.

Loss is Gilbert-Elliott in continuous time: the channel stays good for ``good_s`` and bad for ``bad_s`` on average, both
exponential, and loses ``loss_good`` and ``loss_bad`` of the packets sent meanwhile. tc-netem's ``gemodel p r 1-h 1-k``
steps once a packet instead, which would give a branch of many small packets other bursts than one of few: in time,
all branches of a paired comparison meet the same fades. At a steady rate of n packets/s the two agree with
p = 1 - exp(-1 / (n good_s)), r = 1 - exp(-1 / (n bad_s)), 1-h = loss_bad, 1-k = loss_good.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from hashlib import blake2b

from navisplit.errors import ConfigError
from navisplit.link.trace import Trace


@dataclass(frozen=True)
class Profile:
    """One direction of a link. Seconds, bits per second, probabilities. The defaults are the ideal link.

    In the last ``outage_s`` of every ``every_s`` nothing leaves the radio: what is sent meanwhile is lost, or with
    ``backlog`` waits in the queue and floods in afterwards. A ``trace`` replaces the fields that it has columns for.
    """

    name: str
    bandwidth_bps: float | None = None  # None: no limit
    latency_s: float = 0.0  # of propagation and network, besides the time on air
    jitter_s: float = 0.0  # mean of an exponential extra delay a packet (our choice: delays have a right tail)
    good_s: float = math.inf
    bad_s: float = 1.0
    loss_good: float = 0.0
    loss_bad: float = 1.0
    reorder: float = 0.0  # share of packets held back, so that later ones overtake them
    duplicate: float = 0.0
    bit_errors: float = 0.0  # probability of each bit of a packet to arrive flipped
    outage_s: float = 0.0
    every_s: float = math.inf
    backlog: bool = False
    queue_bytes: int | None = 64_000  # waiting for the air; what does not fit is dropped. None: 0.1 s of bandwidth
    overhead_bytes: int = 28  # on air beside our packet: IPv4 and UDP
    trace: Trace | None = field(default=None, compare=False)
    file: str = ""  # that the profile or its trace came from; empty for those that ship

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("loss_good", "loss_bad", "reorder", "duplicate", "bit_errors"):
            self._require(0 <= getattr(self, name) <= 1, name, "a probability")
        for name in ("latency_s", "jitter_s", "outage_s"):
            value = getattr(self, name)
            self._require(0 <= value < math.inf, name, "seconds >= 0")
        for name in ("good_s", "bad_s", "every_s"):
            self._require(getattr(self, name) >= 1e-3, name, "seconds >= 0.001")
        periodic = self.outage_s == 0 or self.outage_s < self.every_s < math.inf
        self._require(periodic, "every_s", f"the seconds from one outage of {self.outage_s:g} s to the next")
        finite = self.bandwidth_bps is None or 0 < self.bandwidth_bps < math.inf
        self._require(finite, "bandwidth_bps", "bits/s > 0, or None")
        self._require(self.queue_bytes is None or self.queue_bytes > 0, "queue_bytes", "bytes > 0")
        self._require(self.overhead_bytes >= 0, "overhead_bytes", "bytes >= 0")

    @property
    def bad_share(self) -> float:
        """Share of the time in the bad state."""
        return 0.0 if math.isinf(self.good_s) else self.bad_s / (self.good_s + self.bad_s)

    @property
    def loss_rate(self) -> float:
        """Share of packets lost in the air in the long run; full queues, outages and a trace's loss aside."""
        return self.loss_good + self.bad_share * (self.loss_bad - self.loss_good)

    @property
    def digest(self) -> str:
        """16 hex digits over all that the radio does, whatever it is called and wherever it came from."""
        values = [getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("name", "file", "trace")]
        text = repr((values, self.trace.digest if self.trace else ""))
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def with_loss(self, rate: float, burst_s: float | None = None) -> Profile:
        """The same radio losing ``rate`` of the packets: independently, or in fades of ``burst_s`` that lose all.

        A trace's loss is replaced, too.
        """
        name = f"{self.name}+loss{rate:g}"
        trace = self.trace.without("loss") if self.trace else None
        if burst_s is None or rate in (0.0, 1.0):
            return dataclasses.replace(self, name=name, good_s=math.inf, loss_good=rate, trace=trace)
        self._require(0 < rate < 1, "loss_rate", "a probability")
        good_s = burst_s * (1 - rate) / rate
        return dataclasses.replace(
            self, name=name, good_s=good_s, bad_s=burst_s, loss_good=0.0, loss_bad=1.0, trace=trace
        )

    def _require(self, ok: bool, name: str, expected: str) -> None:
        if not ok:
            raise ConfigError(
                f"Link profile '{self.name}': {name} must be {expected}, got {getattr(self, name, None)!r}."
            )
