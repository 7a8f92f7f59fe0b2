"""What a radio is like at a time: the constants of its profile, its periodic outages, and what its trace recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from navisplit.link.profiles import Profile


@dataclass(frozen=True)
class Conditions:
    """A radio until ``ends_ns``, when something about it changes (inf: never)."""

    bandwidth_bps: float | None  # None: no limit
    latency_s: float
    jitter_s: float
    loss: float | None  # of a trace, each packet by itself; None: as the fades have it
    out: bool  # nothing leaves
    ends_ns: float  # an int, or inf


def conditions(profile: Profile, time_ns: int) -> Conditions:
    """Conditions at a time since the radio was switched on."""
    out, ends_ns = _outage(profile, time_ns)
    trace = profile.trace
    if trace is None:
        return Conditions(profile.bandwidth_bps, profile.latency_s, profile.jitter_s, None, out, ends_ns)
    row, row_ends_ns = trace.at(time_ns)
    recorded = {name: float(values[row]) for name, values in trace.columns.items()}
    bandwidth_bps = recorded.get("bandwidth_bps", profile.bandwidth_bps)
    return Conditions(
        bandwidth_bps=bandwidth_bps,
        latency_s=recorded.get("latency_s", profile.latency_s),
        jitter_s=recorded.get("jitter_s", profile.jitter_s),
        loss=recorded.get("loss"),
        out=out or bandwidth_bps == 0,
        ends_ns=min(ends_ns, row_ends_ns),
    )


def _outage(profile: Profile, time_ns: int) -> tuple[bool, float]:
    """Whether a periodic outage is on, and when that changes."""
    if profile.outage_s == 0:
        return False, math.inf
    every_ns, outage_ns = round(profile.every_s * 1e9), round(profile.outage_s * 1e9)
    periods, within = divmod(time_ns, every_ns)
    out = within >= every_ns - outage_ns
    return out, periods * every_ns + (every_ns if out else every_ns - outage_ns)
