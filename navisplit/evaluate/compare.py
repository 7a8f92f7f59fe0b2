"""Paired comparison of evaluations: the same routes and seeds, flown twice, and what that allows one to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from navisplit.errors import UsageError
from navisplit.evaluate.episode import Outcome, read_csv
from navisplit.evaluate.metrics import mcnemar, newcombe_paired, wilson

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Arm:
    """One evaluation, as read from its folder."""

    name: str
    success: Mapping[tuple[int, int], bool]  # by (route, seed)
    config: dict[str, Any]
    bytes_per_frame: float | None

    @classmethod
    def load(cls, folder: Path) -> Arm:
        """Read an evaluation's folder. Raises UsageError when it is not one."""
        rows = read_csv(folder / "episodes.csv")
        try:
            summary = json.loads((folder / "summary.json").read_text())
            success = {(int(r["route_id"]), int(r["seed"])): r["outcome"] == Outcome.SUCCESS.value for r in rows}
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{folder} is not an evaluation ({error}). Write one with `navisplit evaluate --out`."
            ) from error
        return cls(str(folder), success, summary.get("config") or {}, summary.get("bytes_per_frame"))


@dataclass(frozen=True)
class Comparison:
    """A against B on the flights that both made. Differences are A - B."""

    a: str
    b: str
    pairs: int
    unpaired: int  # flights that only one of them made
    success_a: float
    success_b: float
    ci_a: tuple[float, float]
    ci_b: tuple[float, float]
    only_a: int  # pairs in which only A succeeded
    only_b: int
    difference: float
    difference_ci95: tuple[float, float]
    p_value: float
    bytes_ratio: float | None  # bytes per frame, A / B
    conclusion: str
    warnings: tuple[str, ...]


def compare(a: Arm, b: Arm) -> Comparison:
    """Compare two evaluations. Raises UsageError when they have no flight in common, or flew different worlds."""
    if a.config.get("world") != b.config.get("world"):
        raise UsageError(
            f"{a.name} flew world '{a.config.get('world')}' and {b.name} '{b.config.get('world')}': their routes are "
            "not the same flights. Evaluate both in one world to compare them."
        )
    common = sorted(a.success.keys() & b.success.keys())
    if not common:
        raise UsageError(
            f"{a.name} and {b.name} have no route and seed in common; evaluate both with the same --routes and --seed."
        )
    both = sum(a.success[k] and b.success[k] for k in common)
    only_a = sum(a.success[k] and not b.success[k] for k in common)
    only_b = sum(b.success[k] and not a.success[k] for k in common)
    n = len(common)
    difference, low, high = newcombe_paired(both, only_a, only_b, n - both - only_a - only_b)
    p_value = mcnemar(only_a, only_b)
    ratio = a.bytes_per_frame / b.bytes_per_frame if a.bytes_per_frame and b.bytes_per_frame else None
    return Comparison(
        a=a.name,
        b=b.name,
        pairs=n,
        unpaired=len(a.success.keys() ^ b.success.keys()),
        success_a=(both + only_a) / n,
        success_b=(both + only_b) / n,
        ci_a=wilson(both + only_a, n),
        ci_b=wilson(both + only_b, n),
        only_a=only_a,
        only_b=only_b,
        difference=difference,
        difference_ci95=(low, high),
        p_value=p_value,
        bytes_ratio=ratio,
        conclusion=conclude(a.name, b.name, n, only_a, only_b, difference, low, high, p_value),
        warnings=tuple(_differences(a.config, b.config)),
    )


def conclude(
    a: str, b: str, pairs: int, only_a: int, only_b: int, difference: float, low: float, high: float, p_value: float
) -> str:
    """What can, and what cannot, be concluded."""
    discordant = only_a + only_b
    span = f"between {100 * low:+.1f} and {100 * high:+.1f} points (95 %)"
    if p_value < SIGNIFICANT:
        better, worse = (a, b) if difference > 0 else (b, a)
        return (
            f"{better} succeeds more often than {worse}: the difference is {span}, and chance alone would split the "
            f"{discordant} differing flights as unevenly with p = {p_value:.2g}. It holds for routes like these; it "
            "says nothing about other worlds, speeds or links."
        )
    if discordant == 0:
        start = f"All {pairs} flights ended alike."
    else:
        start = f"{discordant} of {pairs} flights ended differently, {only_a} for {a} and {only_b} for {b}"
        start += f" (p = {p_value:.2g})."
    text = f"{start} No difference is shown, which is not the same as showing that there is none: it lies {span}."
    if low > -0.01:
        text += f" It can be said that {a} is at most one point worse than {b}."
    else:
        text += (
            f" It cannot be ruled out that {a} is {-100 * low:.1f} points worse, or {100 * max(high, 0.0):.1f} better."
        )
    if discordant < 6:
        text += " Fewer than 6 differing flights can never reach p < 0.05: fly more routes to learn more."
    return text


def _differences(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Settings that are not equal, other than those that one usually compares."""
    expected = {
        "flight.branch",
        "flight.models",
        "flight.byte_weight",
        "flight.policy.name",
        "policy_hash",
        "routes",
        "route_ids",
    }
    notes = []
    for key in sorted(a.keys() | b.keys()):
        name, left, right = f"{prefix}{key}", a.get(key), b.get(key)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            notes += _differences(left, right, f"{name}.")
        elif left != right and name not in expected:
            notes.append(f"{name} differs: {left} and {right}; the comparison is of that, too.")
    return notes
