"""The targets of the project, each with its figure, its interval, and one of three words.

``met`` and ``missed`` need the whole 95 % interval on one side of the limit; else the frames cannot tell. Intervals are
percentiles of a bootstrap over worlds (over frames, where there are few worlds), the same resampling for both sides of
a comparison. What is poorer than our lightest branch can be compared with at no common quality: it is listed, and does
not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.evaluate.codecbench.curves import Curve
from navisplit.evaluate.codecbench.scores import BYTES, Scores, figures, interval

MET, MISSED, OPEN, APART = "met", "missed", "cannot be told", "not comparable"
PAPER_SHARE, IMAGE_SHARE = 1 / 8, 1 / 5
LIGHT_BYTES, DELTA_POINTS, NEAR_FACTOR = 1000.0, 0.015, 1.10
DRONE_MS, EDGE_MS = 2.5, 12.0
MEASURES = {"near_abs_rel": "near AbsRel", "delta125": "delta < 1.25"}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """One figure against its limit (all limits are upper ones)."""

    target: str
    subject: str
    value: float
    interval: tuple[float, float]
    limit: float
    verdict: str
    note: str = ""


def judge(value: float, low: float, high: float, limit: float) -> str:
    """The word for a value with its interval."""
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return OPEN
    return MET if high <= limit else MISSED if low > limit else OPEN


def overall(findings: Sequence[Finding]) -> str:
    """The word for a target that asks for all of its findings."""
    words = {f.verdict for f in findings} - {APART}
    return OPEN if not words else MISSED if MISSED in words else OPEN if OPEN in words else MET


class Judge:
    """Holds the bootstrap of a benchmark's scores. ``times``: ms (frames, 4 steps) of each method."""

    def __init__(self, scores: Scores, times: dict[str, Array], seed: int = 0) -> None:
        self.scores, self.times = scores, times
        self.index = {name: i for i, name in enumerate(scores.methods)}
        self.totals = np.concatenate([scores.totals()[None], scores.resampled(seed)])  # the first is the truth
        self.figures = figures(self.totals)
        self.own = self.members("branch", foreign=False)

    def members(self, family: str, *, foreign: bool | None = None) -> list[int]:
        """Indices of a family's methods; branches of the measured set have no ``/`` in their name."""
        chosen = [i for n, i in self.index.items() if n.partition(":")[0] == family]
        return chosen if foreign is None else [i for i in chosen if ("/" in self.scores.methods[i]) is foreign]

    def distortion(self, measure: str) -> Array:
        """(1 + resamples, methods), smaller is better."""
        values = self.figures[measure]
        return 1.0 - values if measure == "delta125" else values

    def findings(self) -> dict[str, list[Finding]]:
        """All targets, in the order of the issue that set them."""
        paper, teacher = self.members("branch", foreign=True), self.members("teacher")
        against_paper = self._against(paper, "near_abs_rel", PAPER_SHARE)
        images: list[tuple[Finding, Finding]] = []
        for family in ("jpeg", "webp"):
            for measure in MEASURES:
                images += self._against(self._envelope(family, measure), measure, IMAGE_SHARE)
        compared = against_paper + images
        return {
            "at the near AbsRel of each paper branch, at most 1/8 of its bytes": [a for a, _ in against_paper],
            "at the quality that JPEG or WebP gives the teacher, at most 1/5 of their bytes": [a for a, _ in images],
            "a branch under 1 KB within 1.5 points of the teacher's delta < 1.25, near AbsRel within 10 %": (
                self._near_teacher(teacher[0]) if teacher else []
            ),
            "missed obstacles never more than in what is compared with": [b for _, b in compared],
            "head + encode at most 2.5 ms, decode + tail at most 12 ms, one core": list(self._timely()),
        }

    def _envelope(self, family: str, measure: str) -> list[int]:
        """The settings of an image codec that are worth comparing with: those on its own convex hull."""
        members = np.array(self.members(family), int)
        if not len(members):
            return []
        hull = Curve.through(self.totals[0, members, BYTES], self.distortion(measure)[0, members])
        return [int(i) for i in members[hull.members]]

    def _against(self, others: Iterable[int], measure: str, share: float) -> list[tuple[Finding, Finding]]:
        """For each other method: the ratio of bytes at its quality, and the difference of missed obstacles there."""
        others, label = list(others), MEASURES[measure]
        distortion, missed = self.distortion(measure), self.figures["missed_rate"]
        ratios, excess = np.full((2, len(self.totals), len(others)), np.nan)
        for sample, totals in enumerate(self.totals):
            curve = Curve.through(totals[self.own, BYTES], distortion[sample, self.own])
            for k, other in enumerate(others):
                size = curve.bytes_at(distortion[sample, other])
                ratios[sample, k] = size / totals[other, BYTES]
                excess[sample, k] = curve.at(size, missed[sample, self.own]) - missed[sample, other]
        return [
            self._compared(other, label, share, ratios[:, k], excess[:, k], distortion[0])
            for k, other in enumerate(others)
        ]

    def _compared(
        self, other: int, label: str, share: float, ratios: Array, excess: Array, distortion: Array
    ) -> tuple[Finding, Finding]:
        name, size = self.scores.methods[other], self.totals[0, other, BYTES]
        low, high = interval(ratios[1:])
        verdict = judge(ratios[0], low, high, share)
        note = f"{label} {self._shown(label, distortion[other])} at {size:.0f} B; "
        if math.isinf(ratios[0]):
            note += "no branch is as good"
        else:
            note += f"ours {ratios[0] * size:.0f} B" + self._real(distortion, other)
            if self.own and distortion[other] > distortion[self.own].max() and verdict != MET:
                verdict, note = APART, note + "; no branch is as poor"
        subject = f"{name}, {label}"
        lowest, highest = interval(excess[1:])
        first = Finding("bytes", subject, float(ratios[0]), (low, high), share, verdict, note)
        second = APART if verdict == APART else judge(excess[0], lowest, highest, 0.0)
        return first, Finding("missed", subject, float(excess[0]), (lowest, highest), 0.0, second)

    def _real(self, distortion: Array, other: int) -> str:
        """The lightest branch that is at least as good: no interpolation."""
        good = [i for i in self.own if distortion[i] <= distortion[other]]
        if not good:
            return ""
        best = min(good, key=lambda i: self.totals[0, i, BYTES])
        return f" ({self.scores.methods[best]} {self.totals[0, best, BYTES]:.0f} B)"

    @staticmethod
    def _shown(label: str, distortion: float) -> str:
        return f"{1.0 - distortion if label == MEASURES['delta125'] else distortion:.3f}"

    def _near_teacher(self, teacher: int) -> list[Finding]:
        """The branch under 1 KB that does it, or the one that comes nearest."""
        best: list[Finding] = []
        for i in (i for i in self.own if self.totals[0, i, BYTES] < LIGHT_BYTES):
            delta = self.figures["delta125"][:, teacher] - self.figures["delta125"][:, i]
            near = self.figures["near_abs_rel"][:, i] / self.figures["near_abs_rel"][:, teacher]
            name = f"{self.scores.methods[i]}, {self.totals[0, i, BYTES]:.0f} B"
            pair = [
                self._limited("delta", f"{name}: teacher's delta minus its own", delta, DELTA_POINTS),
                self._limited("near", f"{name}: its near AbsRel over the teacher's", near, NEAR_FACTOR),
            ]
            if not best or _rank(pair) > _rank(best):
                best = pair
        return best

    @staticmethod
    def _limited(target: str, subject: str, values: Array, limit: float) -> Finding:
        low, high = interval(values[1:])
        return Finding(target, subject, float(values[0]), (low, high), limit, judge(values[0], low, high, limit))

    def _timely(self) -> Iterable[Finding]:
        """Medians of thread CPU time; intervals of the median by resampling frames."""
        rng = np.random.default_rng(0)
        for i in self.own:
            name = self.scores.methods[i]
            rows = self.times.get(name)
            if rows is None or not len(rows):
                continue
            halves = (("head + encode", rows[:, :2], DRONE_MS), ("decode + tail", rows[:, 2:], EDGE_MS))
            for label, spent, limit in halves:
                ms = spent.sum(axis=1)
                medians = np.median(ms[rng.integers(0, len(ms), (400, len(ms)))], axis=1)
                yield self._limited("time", f"{name}: {label}, ms", np.concatenate([[np.median(ms)], medians]), limit)


def _rank(findings: Sequence[Finding]) -> tuple[int, float]:
    """More targets met first, then the smaller near AbsRel."""
    return sum(f.verdict == MET for f in findings), -findings[-1].value
