"""The summary of an evaluation: the keys of DESIGN "What every evaluation emits", outcomes, and all means."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from navisplit.evaluate.episode import Episode, Metrics, Outcome
from navisplit.evaluate.metrics import percentiles, wilson

KEYS = (
    "episodes", "success_rate", "success_ci95", "spl", "collision_rate", "timeout_rate", "bytes_per_frame",
    "bytes_per_metre", "branch_use", "latency_ms", "real_time_factor", "config", "seeds", "git", "model_hash",
    "outcomes", "means",
)  # fmt: skip


def summarise(
    episodes: Sequence[Episode], config: dict[str, Any], model_hash: int, real_time_factor: float | None
) -> dict[str, Any]:
    """The summary; rates are None where there is no episode. Only ``real_time_factor`` depends on the machine.

    Bytes are sums over all flights divided by all frames and metres; latency is of all frames whose answer was flown.
    """
    n = len(episodes)
    outcomes = Counter(e.outcome for e in episodes)
    successes = outcomes[Outcome.SUCCESS]
    sent = sum(e.metrics.bytes for e in episodes)
    frames, metres = sum(e.metrics.frames for e in episodes), math.fsum(e.metrics.path_m for e in episodes)
    use: Counter[str] = Counter()
    for episode in episodes:
        use.update(episode.branch_use)
    p50, p95, p99 = percentiles([s.latency_ms for e in episodes for s in e.samples], 50, 95, 99)
    values = {
        "episodes": n,
        "success_rate": successes / n if n else None,
        "success_ci95": list(wilson(successes, n)),
        "spl": math.fsum(e.metrics.spl for e in episodes) / n if n else None,
        "collision_rate": outcomes[Outcome.COLLISION] / n if n else None,
        "timeout_rate": outcomes[Outcome.TIMEOUT] / n if n else None,
        "bytes_per_frame": sent / frames if frames else None,
        "bytes_per_metre": sent / metres if metres > 0 else None,
        "branch_use": {name: use[name] / frames for name in sorted(use)},
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
        "real_time_factor": real_time_factor,
        "config": config,
        "seeds": sorted({e.seed for e in episodes}),
        "git": git_revision(),
        "model_hash": f"{model_hash:08x}" if model_hash else None,
        "outcomes": {outcome.value: outcomes[outcome] for outcome in Outcome},
        "means": _means(episodes),
    }
    return {key: values[key] for key in KEYS}


def _means(episodes: Sequence[Episode]) -> dict[str, dict[str, float | int]]:
    """Mean of every figure of a flight over the ``n`` flights to which it applies; the others are not counted in."""
    means: dict[str, dict[str, float | int]] = {}
    for field in dataclasses.fields(Metrics):
        values = [v for e in episodes if (v := getattr(e.metrics, field.name)) is not None]
        if values:
            means[field.name] = {"mean": math.fsum(values) / len(values), "n": len(values)}
    return means


def git_revision(folder: Path | None = None) -> str | None:
    """Commit that is checked out around this file, read from .git; None in an installed package."""
    for parent in (folder or Path(__file__)).resolve().parents:
        git = parent / ".git"
        if git.is_dir():
            return _commit(git)
    return None


def _commit(git: Path) -> str | None:
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head[5:]
        if (git / name).is_file():
            return (git / name).read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except OSError:
        return None
