"""Promises of the verdicts: equal quality is interpolated, pairs stay paired, and doubt is called doubt."""

import math

import numpy as np
import pytest

from navisplit.evaluate.codecbench.by_family import by_family, section
from navisplit.evaluate.codecbench.curves import Curve
from navisplit.evaluate.codecbench.scores import BYTES, SUMS, Scores, figures, interval
from navisplit.evaluate.codecbench.verdict import APART, MET, MISSED, OPEN, Finding, Judge, judge, overall


def test_a_curve_is_the_falling_lower_hull_and_linear_in_log_bytes():
    sizes = np.array([100.0, 400.0, 200.0, 1600.0, 3200.0])
    distortion = np.array([0.4, 0.3, 0.39, 0.25, 0.26])  # the point of 200 B lies above the line, the last is worse
    curve = Curve.through(sizes, distortion)
    assert curve.members.tolist() == [0, 1, 3]
    assert math.isclose(curve.bytes_at(0.35), 200.0)  # half way between 100 and 400 in the logarithm
    assert math.isclose(curve.bytes_at(0.25), 1600.0)
    assert math.isclose(curve.bytes_at(0.9), 100.0), "nothing is lighter than the lightest branch"
    assert curve.bytes_at(0.2499) == math.inf and math.isnan(curve.bytes_at(math.nan))
    assert math.isclose(curve.at(800.0, np.array([0.0, 1.0, 9.0, 3.0, 9.0])), 2.0)


def test_where_nothing_was_measured_nothing_is_said():
    curve = Curve.through(np.array([100.0, 200.0]), np.array([math.nan, math.nan]))
    assert math.isnan(curve.bytes_at(0.3)) and math.isnan(curve.at(150.0, np.array([1.0, 2.0])))


def test_of_two_points_of_one_size_the_better_counts():
    curve = Curve.through(np.array([100.0, 100.0, 200.0]), np.array([0.5, 0.4, 0.3]))
    assert curve.members.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.1, 0.2, MET), (0.3, 0.4, MISSED), (0.1, 0.3, OPEN), (0.3, math.inf, MISSED)]
)
def test_the_whole_interval_has_to_be_on_one_side(low, high, word):
    assert judge(0.25, low, high, 0.2) == word


def test_what_was_not_measured_cannot_be_told():
    assert judge(float("nan"), float("nan"), float("nan"), 0.2) == OPEN and overall([]) == OPEN


def test_a_target_is_met_only_by_all_that_can_be_compared():
    findings = {w: Finding("", "", 0.0, (0.0, 0.0), 0.0, w) for w in (MET, MISSED, OPEN, APART)}
    assert overall([findings[MET], findings[APART]]) == MET
    assert overall([findings[MET], findings[OPEN]]) == OPEN
    assert overall([findings[OPEN], findings[MISSED]]) == MISSED


def scores(methods: dict[str, tuple[float, float]], frames: int = 60) -> Scores:
    """Frames whose difficulty varies by world; each method has a factor of near error and bytes."""
    rng = np.random.default_rng(0)
    worlds = np.repeat(np.arange(6), frames // 6)
    hard = (1.0 + 0.2 * worlds) * rng.uniform(0.8, 1.2, frames)
    rows = np.ones((frames, len(methods), len(SUMS) + 1))
    for i, (error, size) in enumerate(methods.values()):
        rows[:, i, SUMS.index("near_relative")] = error * hard
        rows[:, i, SUMS.index("relative")] = error * hard
        rows[:, i, SUMS.index("missed")] = 0.0
        rows[:, i, BYTES] = size * rng.uniform(0.9, 1.1, frames)
    return Scores(tuple(methods), rows, worlds)


METHODS = {
    "branch:b0": (0.40, 150.0), "branch:b1": (0.30, 600.0), "branch:paper/p0": (0.35, 5000.0), "teacher": (0.29, 9e4),
    "branch:paper/p1": (0.25, 9000.0), "jpeg:40": (0.30, 4000.0), "jpeg:1/4": (0.80, 700.0), "webp:9": (0.35, 1200.0),
}  # fmt: skip


def test_verdicts_follow_from_bytes_at_equal_quality():
    found = list(Judge(scores(METHODS), {}).findings().values())
    paper = {f.subject: f for f in found[0]}
    assert paper["branch:paper/p0, near AbsRel"].verdict == MET  # about 300 of 5000 B
    assert 280 < paper["branch:paper/p0, near AbsRel"].value * 5000 < 320
    best = paper["branch:paper/p1, near AbsRel"]
    assert best.verdict == MISSED and math.isinf(best.value) and "no branch is as good" in best.note
    assert math.isinf(best.interval[0]), "not by chance: in no sample either"
    images = {f.subject: f for f in found[1]}
    assert images["jpeg:40, near AbsRel"].verdict == MET
    assert images["webp:9, near AbsRel"].verdict == MISSED  # 300 of 1200 B
    assert images["jpeg:1/4, near AbsRel"].verdict == APART


def test_pairs_are_resampled_together():
    pair = scores({"branch:b0": (0.4, 150.0), "branch:b1": (0.3, 600.0), "branch:paper/p": (0.3, 6000.0)})
    pair.rows[:, 2, BYTES] = 10.0 * pair.rows[:, 1, BYTES]
    (finding,) = next(iter(Judge(pair, {}).findings().values()))
    assert finding.value == pytest.approx(0.1) and finding.interval == pytest.approx((0.1, 0.1))


def test_worlds_are_resampled_whole_and_frames_where_worlds_are_few():
    many = scores(METHODS)
    few = Scores(many.methods, many.rows, many.worlds // 3)
    assert (many.unit, few.unit) == ("worlds", "frames")
    widths = []
    for each in (many, few):
        low, high = interval(figures(each.resampled())["near_abs_rel"][:, 0])
        assert low < figures(each.totals())["near_abs_rel"][0] < high
        widths.append(high - low)
    assert widths[0] > 2 * widths[1], "frames of one world are alike: six worlds say less than sixty frames"


def test_families_are_told_apart():
    all_worlds = scores(METHODS)
    table = by_family(all_worlds, ["forest-800", "forest-801", "ruins-800", "ruins-801", "urban-800", "urban-801"])
    assert list(table) == ["forest", "ruins", "urban"] and table["ruins"]["branch:b0"]["frames"] == 20
    only = Scores(all_worlds.methods, all_worlds.rows[20:40], all_worlds.worlds[20:40])
    assert table["ruins"]["teacher"]["near_abs_rel"] == figures(only.totals())["near_abs_rel"][3]
    assert "ruins, never trained on (20)" in section(table) and "jpeg" not in section(table)


def test_times_are_judged_by_their_medians():
    steps = np.tile([1.0, 1.0, 1.0, 5.0], (9, 1))
    slow = steps + np.array([9.0, 0.0, 0.0, 0.0])
    found = list(Judge(scores(METHODS), {"branch:b0": steps, "branch:b1": slow}).findings().values())[-1]
    assert [f.verdict for f in found] == [MET, MET, MISSED, MET]
    assert found[0].value == 2.0 and found[1].value == 6.0
