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
from dataclasses import dataclass
from typing import Any

from navisplit.errors import ConfigError, UsageError, nearest_name


@dataclass(frozen=True)
class Profile:
    """One direction of a link. Seconds, bits per second, probabilities. The defaults are the ideal link."""

    name: str
    bandwidth_bps: float | None = None  # None: no limit
    latency_s: float = 0.0  # of propagation and network, besides the time on air
    jitter_s: float = 0.0  # mean of an exponential extra delay a packet (our choice: delays have a right tail)
    good_s: float = math.inf
    bad_s: float = 1.0
    loss_good: float = 0.0
    loss_bad: float = 1.0
    duplicate: float = 0.0
    queue_bytes: int = 64_000  # waiting for the air; what does not fit is dropped (tail drop)
    overhead_bytes: int = 28  # on air beside our packet: IPv4 and UDP

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("loss_good", "loss_bad", "duplicate"):
            self._require(0 <= getattr(self, name) <= 1, name, "a probability")
        for name in ("latency_s", "jitter_s"):
            value = getattr(self, name)
            self._require(0 <= value < math.inf, name, "seconds >= 0")
        for name in ("good_s", "bad_s"):
            self._require(getattr(self, name) >= 1e-3, name, "seconds >= 0.001")
        self._require(self.bandwidth_bps is None or self.bandwidth_bps > 0, "bandwidth_bps", "bits/s > 0, or None")
        self._require(self.queue_bytes > 0, "queue_bytes", "bytes > 0")
        self._require(self.overhead_bytes >= 0, "overhead_bytes", "bytes >= 0")

    @property
    def bad_share(self) -> float:
        """Share of the time in the bad state."""
        return 0.0 if math.isinf(self.good_s) else self.bad_s / (self.good_s + self.bad_s)

    @property
    def loss_rate(self) -> float:
        """Share of packets lost in the long run, full queues aside."""
        return self.loss_good + self.bad_share * (self.loss_bad - self.loss_good)

    def with_loss(self, rate: float, burst_s: float | None = None) -> Profile:
        """The same radio losing ``rate`` of the packets: independently, or in fades of ``burst_s`` that lose all."""
        name = f"{self.name}+loss{rate:g}"
        if burst_s is None or rate in (0.0, 1.0):
            return dataclasses.replace(self, name=name, good_s=math.inf, loss_good=rate)
        self._require(0 < rate < 1, "loss_rate", "a probability")
        good_s = burst_s * (1 - rate) / rate
        return dataclasses.replace(self, name=name, good_s=good_s, bad_s=burst_s, loss_good=0.0, loss_bad=1.0)

    def _require(self, ok: bool, name: str, expected: str) -> None:
        if not ok:
            raise ConfigError(
                f"Link profile '{self.name}': {name} must be {expected}, got {getattr(self, name, None)!r}."
            )


def _lora_bps(spreading_factor: int, bandwidth_hz: float, coding_rate: float) -> float:
    """LoRa's bit rate, SF * BW / 2**SF * CR (Semtech AN1200.13, LoRa Modem Designer's Guide)."""
    return spreading_factor * bandwidth_hz / 2**spreading_factor * coding_rate


PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        Profile("none"),
        # 802.11n at tens of metres. Our choice: some 20 Mb/s of UDP goodput with retries inside the jitter.
        Profile("wifi-near", 20e6, 0.002, 0.001, good_s=20.0, bad_s=0.02, loss_good=0.001, loss_bad=0.5),
        # The same at the edge of its range: lowest rates, fades of 100 ms. Our choice; 5 % lost in the long run.
        Profile("wifi-far", 2e6, 0.005, 0.008, good_s=1.8, bad_s=0.1, loss_good=0.01, loss_bad=0.8, duplicate=0.002),
        # A drone on public LTE: delays so that 95 % of the round trips take < 120 ms, as measured from the ground in
        # arXiv 2106.16051 ("LTE-direct"). Uplink rate, deep buffer and a 0.3 s outage each 30 s (handover): our choice.
        Profile("lte", 5e6, 0.030, 0.0125, good_s=30.0, bad_s=0.3, loss_good=0.002, loss_bad=0.9, queue_bytes=256_000),
        # LoRa at SF7, 500 kHz, 4/5: 21.9 kb/s. Only the lightest branch passes at 10 Hz. No IP; 8 symbols of preamble,
        # header and CRC as 15 B, one packet of buffer beside the one on air: our choice. No duty cycle is enforced.
        Profile(
            "lora",
            _lora_bps(7, 500e3, 0.8),
            0.002,
            0.0,
            good_s=10.0,
            bad_s=0.5,
            loss_good=0.01,
            loss_bad=0.7,
            queue_bytes=1_400,
            overhead_bytes=15,
        ),
    )
}
"""The profiles that ``--link`` knows. Both directions of a flight use the same one, with their own randomness."""


UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "ms": 1e-3, "s": 1.0, "%": 1e-2}
SETTINGS = {"bandwidth": ("", "k", "M"), "latency": ("", "s", "ms"), "jitter": ("", "s", "ms"), "loss": ("", "%"),
            "burst": ("", "s", "ms")}  # fmt: skip
"""What may follow a profile's name, and in which units: bits/s, seconds, shares."""
QUEUE_S, QUEUE_BYTES = 0.1, 1_400


def profile(text: str) -> Profile:
    """A profile by name, with changes if there are any: ``lte``, ``lte,latency=80ms,loss=0.1``, ``bandwidth=50k``.

    ``loss`` is the share of packets lost in the long run, each by itself, or with ``burst`` in fades of that length.
    A ``bandwidth`` comes with a queue of 0.1 s, a packet at least (our choice: deeper ones only deliver what is stale).
    Raises UsageError with the nearest known name, ConfigError for a value out of range.
    """
    first, *rest = text.split(",")
    name, changes = ("none", [first, *rest]) if "=" in first else (first, rest)
    if name not in PROFILES:
        raise UsageError(f"There is no link profile '{name}'.{nearest_name(name, PROFILES)}")
    if not changes:
        return PROFILES[name]
    values = dict(_setting(change, text) for change in changes)
    loss, burst_s = values.pop("loss", None), values.pop("burst", None)
    if burst_s is not None and loss is None:
        raise UsageError(f"Link '{text}': burst says how loss comes; expected loss=SHARE as well.")
    fields = {"bandwidth": "bandwidth_bps", "latency": "latency_s", "jitter": "jitter_s"}
    given: dict[str, Any] = {fields[key]: value for key, value in values.items()}
    if "bandwidth" in values:
        given["queue_bytes"] = max(QUEUE_BYTES, int(values["bandwidth"] / 8 * QUEUE_S))
    changed = dataclasses.replace(PROFILES[name], name=text, **given)
    return changed if loss is None else dataclasses.replace(changed.with_loss(loss, burst_s), name=text)


def _setting(change: str, text: str) -> tuple[str, float]:
    key, _, value = change.partition("=")
    key = key.strip()
    if key not in SETTINGS:
        raise UsageError(f"Link '{text}': there is no setting '{key}'.{nearest_name(key, SETTINGS)}")
    return key, quantity(key, value)


def quantity(key: str, value: str) -> float:
    """A setting's value with its unit, in bits/s, seconds or as a share. Raises UsageError."""
    number = value.strip().rstrip("kMms%")
    unit = value.strip()[len(number) :]
    try:
        if unit not in SETTINGS[key]:
            raise ValueError
        return float(number) * UNITS[unit]
    except ValueError:
        units = ", ".join(filter(None, SETTINGS[key]))
        raise UsageError(f"A link's {key} is a number, in {units} or plain; got '{value}'.") from None
