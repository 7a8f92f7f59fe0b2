"""The settings of a link by name, in ``--link`` and in YAML files alike, and the units they may have."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from navisplit.errors import UsageError, nearest_name
from navisplit.link.profiles import Profile

UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "ms": 1e-3, "s": 1.0, "%": 1e-2}
_RATE, _TIME, _SHARE, _BYTES, _PLAIN = ("", "k", "M"), ("", "s", "ms"), ("", "%"), ("", "k"), ("",)


@dataclass(frozen=True)
class Setting:
    """What a name stands for: a field of ``Profile``, or none for ``loss`` and ``burst``, which set several."""

    field: str | None
    units: tuple[str, ...]


SETTINGS: dict[str, Setting] = {
    "bandwidth": Setting("bandwidth_bps", _RATE),
    "latency": Setting("latency_s", _TIME),
    "jitter": Setting("jitter_s", _TIME),
    "loss": Setting(None, _SHARE),
    "burst": Setting(None, _TIME),
    "good": Setting("good_s", _TIME),
    "bad": Setting("bad_s", _TIME),
    "loss_good": Setting("loss_good", _SHARE),
    "loss_bad": Setting("loss_bad", _SHARE),
    "reorder": Setting("reorder", _SHARE),
    "duplicate": Setting("duplicate", _SHARE),
    "ber": Setting("bit_errors", _SHARE),
    "outage": Setting("outage_s", _TIME),
    "every": Setting("every_s", _TIME),
    "backlog": Setting("backlog", _PLAIN),
    "queue": Setting("queue_bytes", _BYTES),
    "overhead": Setting("overhead_bytes", _PLAIN),
}
"""What may follow a profile's name. ``docs/link.md`` has what each means."""


def changed(base: Profile, texts: Mapping[str, str], name: str) -> Profile:
    """``base`` with settings over it, as text: {"latency": "80ms"}.

    ``loss`` is the share of packets lost in the long run, each by itself, or with ``burst`` in fades of that length.
    A ``bandwidth`` comes with a queue of 0.1 s (deeper ones only deliver what is stale) unless a ``queue`` or a
    ``backlog`` asks for a deeper one. Raises UsageError for a name or a value that does not fit.
    """
    values = {key: quantity(key, text) for key, text in texts.items()}
    loss, burst_s = values.pop("loss", None), values.pop("burst", None)
    if burst_s is not None and loss is None:
        raise UsageError(f"Link '{name}': burst says how loss comes; expected loss=SHARE as well.")
    given: dict[str, Any] = {SETTINGS[key].field or key: value for key, value in values.items()}
    if given.get("bandwidth_bps") == math.inf:
        given["bandwidth_bps"] = None
    elif "bandwidth" in values and not given.get("backlog"):
        given["queue_bytes"] = None
    if "queue" in values:
        given["queue_bytes"] = int(values["queue"])
    if "overhead" in values:
        given["overhead_bytes"] = int(values["overhead"])
    if "backlog" in values:
        given["backlog"] = _flag(texts["backlog"], values["backlog"])
    result = dataclasses.replace(base, name=name, **given)
    return result if loss is None else dataclasses.replace(result.with_loss(loss, burst_s), name=name)


def parse_changes(texts: list[str], link: str) -> dict[str, str]:
    """``["latency=80ms", "loss=0.1"]`` by name; of one that is there twice the last counts. Raises UsageError."""
    settings: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if key not in SETTINGS:
            raise UsageError(f"Link '{link}': there is no setting '{key}'.{nearest_name(key, SETTINGS)}")
        if not equals:
            raise UsageError(f"Link '{link}': expected {key}=VALUE, got '{text}'.")
        settings[key] = value
    return settings


def quantity(key: str, value: str) -> float:
    """A setting's value with its unit, in bits/s, seconds, bytes or as a share. Raises UsageError."""
    number = value.strip().rstrip("kMms%")
    unit = value.strip()[len(number) :]
    try:
        if unit not in SETTINGS[key].units:
            raise ValueError
        return float(number) * UNITS[unit]
    except ValueError:
        units = ", ".join(filter(None, SETTINGS[key].units))
        expected = f"a number, in {units} or plain" if units else "a plain number"
        raise UsageError(f"A link's {key} is {expected}; got '{value}'.") from None


def _flag(text: str, value: float) -> bool:
    if value not in (0.0, 1.0):
        raise UsageError(f"A link's backlog is 0 or 1; got '{text}'.")
    return bool(value)
