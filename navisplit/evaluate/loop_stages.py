"""From the traces of a live flight to the table of ``navisplit bench loop``: where the time of a frame goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from navisplit.tracing import Span

P50_MS, P99_MS, RATE_HZ, OVERHEAD = 35.0, 80.0, 15.0, 0.30
"""Targets, our choice: of the whole loop, of pictures a second, of what is neither rendering nor networks."""

POINTS = ("render", "picture", "onboard", "received", "answered", "guard", "command")
"""Spans without which a frame did not cross the whole loop."""

Frame = Mapping[str, Span]


def _within(frame: Frame, *stages: str) -> float:
    return sum(frame[stage].ms for stage in stages if stage in frame)


def _between(frame: Frame, before: str, after: str) -> float:
    """From the end of one stage to the beginning of another, ms; a message may arrive before its sender goes on."""
    return max((frame[after].began_ns - frame[before].ended_ns) * 1e-6, 0.0)


def _waited(frame: Frame) -> float:
    """On the edge, from the packet to the answer, but for the work on it."""
    spent = _within(frame, "decode", "tail", "policy")
    return max((frame["answered"].ended_ns - frame["received"].began_ns) * 1e-6 - spent, 0.0)


STAGES: dict[str, Callable[[Frame], float]] = {
    "render": lambda f: f["render"].ms,
    "RPC (picture and state)": lambda f: max(f["picture"].ms - f["render"].ms, 0.0),
    "DDS (picture)": lambda f: _between(f, "picture", "onboard"),
    "head (trunk, gate, branch)": lambda f: _within(f, "trunk", "gate", "branch"),
    "encode (rANS, packets)": lambda f: max(f["onboard"].ms - _within(f, "trunk", "gate", "branch"), 0.0),
    "link/DDS (features)": lambda f: _between(f, "onboard", "received"),
    "edge (waiting)": _waited,
    "decode": lambda f: _within(f, "decode"),
    "tail": lambda f: _within(f, "tail"),
    "policy": lambda f: _within(f, "policy"),
    "link/DDS (answer)": lambda f: _between(f, "answered", "guard"),
    "guard": lambda f: f["guard"].ms,
    "DDS and RPC (command)": lambda f: max((f["command"].ended_ns - f["guard"].ended_ns) * 1e-6, 0.0),
}
NOT_OVERHEAD = ("render", "head (trunk, gate, branch)", "tail")


@dataclass(frozen=True)
class StageRow:
    """One stage, or the whole loop."""

    name: str
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, name: str, times_ms: Sequence[float]) -> StageRow:
        """Percentiles of a stage."""
        return cls(name, *(float(p) for p in np.percentile(times_ms, (50, 95, 99))))


@dataclass(frozen=True)
class LoopTimes:
    """The loop of one flight."""

    frames: int  # that crossed the whole loop
    pictures: int  # that were taken
    skipped: int  # of them by the gate, which sends nothing where the edge's last answer still holds
    rate_hz: float  # pictures a second
    total: StageRow
    stages: tuple[StageRow, ...]
    overhead: float  # median share of the loop that is neither rendering nor networks

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            **asdict(self),
            "targets": {"p50_ms": P50_MS, "p99_ms": P99_MS, "rate_hz": RATE_HZ, "overhead": OVERHEAD},
        }


def frames_of(spans: Iterable[Span]) -> dict[int, dict[str, Span]]:
    """Spans by frame and stage, the first of each: several packets of one frame arrive, the first one counts."""
    frames: dict[int, dict[str, Span]] = {}
    for span in spans:
        if span.stamp_ns:
            frames.setdefault(span.stamp_ns, {}).setdefault(span.stage, span)
    return frames


def loop_times(spans: Iterable[Span], skip: int = 20) -> LoopTimes | None:
    """Percentiles of every stage; the first ``skip`` frames warm up. None when fewer than two frames crossed."""
    frames = frames_of(spans)
    taken = sorted(stamp for stamp, frame in frames.items() if "picture" in frame)
    later = [frames[stamp] for stamp in taken[skip:]]
    crossed = [frame for frame in later if all(point in frame for point in POINTS)]
    if len(crossed) < 2:
        return None
    totals = [(f["command"].ended_ns - f["picture"].began_ns) * 1e-6 for f in crossed]
    spent = {name: [measure(f) for f in crossed] for name, measure in STAGES.items()}
    useful = np.sum([spent[name] for name in NOT_OVERHEAD], axis=0)
    ends = [f["picture"].ended_ns for f in later]
    return LoopTimes(
        frames=len(crossed),
        pictures=len(later),
        skipped=sum("onboard" in f and "branch" not in f for f in later),
        rate_hz=(len(ends) - 1) / max((ends[-1] - ends[0]) * 1e-9, 1e-9),
        total=StageRow.of("camera to command", totals),
        stages=tuple(StageRow.of(name, times) for name, times in spent.items()),
        overhead=float(np.median(1.0 - useful / np.array(totals))),
    )
