"""Paired comparison of evaluations: the same routes and seeds, flown twice, and what that allows one to say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from navisplit.evaluate.arms import MEANS, Arm, Key, common_keys, paired_values, settings_differ
from navisplit.evaluate.metrics import Z95, mcnemar, newcombe_paired, wilson

SIGNIFICANT = 0.05
MARGIN = 0.05  # that A may be worse and still count as no worse, unless another is given (our choice)
Z80 = 0.8416212335729143  # normal quantile of a power of 80 %
RESAMPLES = 2000
FEWEST_WORLDS = 5  # for an interval over worlds


@dataclass(frozen=True)
class PairedMean:
    """A figure on the flights where both have it."""

    name: str
    pairs: int
    a: float
    b: float
    difference: float
    ci95: tuple[float, float]  # bootstrap over flights


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
    worlds_ci95: tuple[float, float] | None  # the same with whole worlds drawn anew; None below FEWEST_WORLDS
    p_value: float
    p_adjusted: float  # Holm, over all comparisons made together
    margin: float
    detectable: float  # difference that so many pairs find four times out of five
    bytes_ratio: float | None  # bytes per frame, A / B
    means: tuple[PairedMean, ...]
    conclusion: str
    warnings: tuple[str, ...]


def compare(a: Arm, b: Arm, margin: float = MARGIN) -> Comparison:
    """Compare two evaluations. Raises UsageError when they made no flight in common."""
    return compare_all([a, b], margin)[0]


def compare_all(arms: Sequence[Arm], margin: float = MARGIN) -> list[Comparison]:
    """All against the last, with p values for as many looks as that takes (Holm). Raises UsageError."""
    found = [_compare(arm, arms[-1], margin) for arm in arms[:-1]]
    adjusted = holm([c.p_value for c in found])
    found = [dataclasses.replace(c, p_adjusted=p) for c, p in zip(found, adjusted, strict=True)]
    return [dataclasses.replace(c, conclusion=conclude(c, len(found))) for c in found]


def _compare(a: Arm, b: Arm, margin: float) -> Comparison:
    common = common_keys(a, b)
    both = sum(a.success[k] and b.success[k] for k in common)
    only_a = sum(a.success[k] and not b.success[k] for k in common)
    only_b = sum(b.success[k] and not a.success[k] for k in common)
    n = len(common)
    difference, low, high = newcombe_paired(both, only_a, only_b, n - both - only_a - only_b)
    p_value = mcnemar(only_a, only_b)
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
        worlds_ci95=_over_worlds(a, b, common),
        p_value=p_value,
        p_adjusted=p_value,
        margin=margin,
        detectable=detectable(n, only_a + only_b),
        bytes_ratio=a.bytes_per_frame / b.bytes_per_frame if a.bytes_per_frame and b.bytes_per_frame else None,
        means=tuple(_mean(a, b, common, name) for name in MEANS if len(paired_values(a, b, common, name))),
        conclusion="",
        warnings=tuple(settings_differ(a.config, b.config)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number (Holm, 1979)."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def detectable(pairs: int, discordant: int) -> float:
    """Smallest difference that McNemar's test finds with a power of 80 % at this share of discordant pairs.

    Connor (1987) solved for the difference; of no discordant pair the share is taken to be 3 / n, its upper limit.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        share = max(max(discordant, 3) / pairs, middle)  # a difference brings its own discordant pairs
        needed = (Z95 * math.sqrt(share) + Z80 * math.sqrt(max(share - middle**2, 0.0))) ** 2
        low, high = (middle, high) if needed > pairs * middle**2 else (low, middle)
    return high


def conclude(c: Comparison, looks: int = 1) -> str:
    """What can, and what cannot, be concluded."""
    low, high = c.difference_ci95
    span = f"between {100 * low:+.1f} and {100 * high:+.1f} points (95 %)"
    odds = f"p = {c.p_adjusted:.2g}" + (f", Holm over {looks} comparisons" if looks > 1 else "")
    discordant = c.only_a + c.only_b
    if c.p_adjusted < SIGNIFICANT:
        better, worse = (c.a, c.b) if c.difference > 0 else (c.b, c.a)
        text = (
            f"{better} succeeds more often than {worse}: the difference is {span}, and chance alone would split the "
            f"{discordant} differing flights as unevenly with {odds}."
        )
    else:
        if discordant == 0:
            text = f"All {c.pairs} flights ended alike."
        else:
            text = (
                f"{discordant} of {c.pairs} flights ended differently: {c.only_a} times only {c.a} reached the goal, "
                f"{c.only_b} times only {c.b} ({odds})."
            )
        text += f" No difference is shown, which is not the same as showing that there is none: it lies {span}."
        text += (
            f" So many pairs find a difference of {100 * c.detectable:.1f} points or more in four of five comparisons."
        )
        if discordant < 6:
            text += " Fewer than 6 differing flights can never reach p < 0.05: fly more routes to learn more."
    return f"{text} {_margins(c)} {_reach(c)}"


def _margins(c: Comparison) -> str:
    """Whether A is no worse than B, to within the margin."""
    (low, high), within = c.difference_ci95, f"{100 * c.margin:g} points"
    if low > -c.margin and high < c.margin:
        return f"It can be said that they succeed equally often to within {within}."
    if low > -c.margin:
        return f"It can be said that {c.a} is at most {within} worse than {c.b}."
    if high < -c.margin:
        return f"It can be said that {c.a} is more than {within} worse than {c.b}."
    return (
        f"It cannot be said that {c.a} is no more than {within} worse: that it is {-100 * low:.1f} worse, or "
        f"{100 * max(high, 0.0):.1f} better, is not ruled out."
    )


def _reach(c: Comparison) -> str:
    """For what it holds."""
    if c.worlds_ci95 is None:
        return "It holds for routes like these in these worlds, and says nothing about other worlds, speeds or links."
    low, high = c.worlds_ci95
    return (
        f"For other worlds of this kind it lies between {100 * low:+.1f} and {100 * high:+.1f} points (worlds drawn "
        "anew); it says nothing about other kinds of worlds, speeds or links."
    )


def _over_worlds(a: Arm, b: Arm, common: Sequence[Key]) -> tuple[float, float] | None:
    """Percentile interval of the difference with whole worlds drawn anew."""
    worlds = sorted({key[0] for key in common})
    if len(worlds) < FEWEST_WORLDS:
        return None
    gains = np.zeros((len(worlds), 2))
    for key in common:
        gains[worlds.index(key[0])] += (float(a.success[key]) - float(b.success[key]), 1.0)
    draws = np.random.default_rng(0).integers(len(worlds), size=(RESAMPLES, len(worlds)))
    sums = gains[draws].sum(axis=1)
    low, high = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return float(low), float(high)


def _mean(a: Arm, b: Arm, common: list[Key], name: str) -> PairedMean:
    values = paired_values(a, b, common, name)
    gains = values[:, 0] - values[:, 1]
    draws = np.random.default_rng(0).integers(len(gains), size=(RESAMPLES, len(gains)))
    low, high = np.percentile(gains[draws].mean(axis=1), [2.5, 97.5])
    mean_a, mean_b = values.mean(axis=0)
    return PairedMean(name, len(gains), float(mean_a), float(mean_b), float(gains.mean()), (float(low), float(high)))
