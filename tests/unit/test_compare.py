"""What a comparison promises: pairs only, exact tests, and words that do not claim more than was measured."""

from __future__ import annotations

import json

import pytest

from navisplit.errors import UsageError
from navisplit.evaluate.arms import Arm
from navisplit.evaluate.compare import compare, compare_all, detectable, holm

CONFIG = {"world": "forest", "flight": {"branch": "b0", "link": "none"}}


def arm(name, results, config=CONFIG, seed=0, size=100.0, world="forest", worlds=1):
    """Flights of one world, or in turns of several."""
    success = {(world if worlds == 1 else f"{world}-{i % worlds}", i, seed): bool(r) for i, r in enumerate(results)}
    return Arm(name, success, config, size)


def test_a_clear_difference_is_told_as_one():
    c = compare(arm("A", [1] * 18 + [0, 0]), arm("B", [1] * 8 + [0] * 12, size=400.0))
    assert (c.only_a, c.only_b, c.pairs) == (10, 0, 20) and c.p_value == pytest.approx(2 / 2**10)
    assert c.difference == pytest.approx(0.5) and c.difference_ci95[0] > 0.2
    assert c.conclusion.startswith("A succeeds more often than B") and "says nothing about" in c.conclusion
    assert c.bytes_ratio == 0.25


def test_the_winner_is_named_whichever_comes_first():
    c = compare(arm("A", [0] * 12 + [1] * 8), arm("B", [1] * 20))
    assert c.conclusion.startswith("B succeeds more often than A")


def test_no_difference_shown_is_not_told_as_equality():
    c = compare(arm("A", [1, 1, 0, 1, 1, 1]), arm("B", [1, 0, 1, 1, 1, 1]))
    assert c.p_value == 1.0
    assert "not the same as showing that there is none" in c.conclusion
    assert "It cannot be said that A is no more than 5 points worse" in c.conclusion
    assert "can never reach" in c.conclusion


def test_many_equal_flights_allow_to_say_not_much_worse():
    c = compare(arm("A", [1] * 600), arm("B", [1] * 600))
    assert c.difference_ci95[0] > -0.01 and "equally often to within 5 points" in c.conclusion


def test_no_worse_and_equal_and_worse_are_told_apart_by_the_margin():
    slightly = compare(arm("A", [1] * 195 + [0] * 5), arm("B", [1] * 180 + [0] * 20))
    assert "A is at most 5 points worse than B" in slightly.conclusion
    worse = compare(arm("A", [1] * 40 + [0] * 60), arm("B", [1] * 100))
    assert "A is more than 5 points worse than B" in worse.conclusion
    assert "no more than 1 points worse" in compare(arm("A", [1] * 90), arm("B", [1] * 90), margin=0.01).conclusion


def test_several_looks_cost_significance():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    base, better = [1] * 10 + [0] * 10, [1] * 17 + [0] * 3
    alone = compare(arm("A", better), arm("Z", base))
    assert alone.p_value == pytest.approx(2 / 2**7) and alone.conclusion.startswith("A succeeds more often")
    among = compare_all([arm(n, better) for n in "ABCD"] + [arm("Z", base)])
    assert [c.b for c in among] == ["Z"] * 4 and among[0].p_adjusted == pytest.approx(4 * alone.p_value)
    assert "Holm over 4 comparisons" in among[0].conclusion and "No difference is shown" in among[0].conclusion


def test_what_so_many_pairs_could_have_found_is_connors_formula():
    share, difference = 0.2, detectable(400, 80)
    needed = (1.959964 * share**0.5 + 0.841621 * (share - difference**2) ** 0.5) ** 2 / difference**2
    assert needed == pytest.approx(400, rel=1e-3)
    assert detectable(50, 0) > 0.1 > detectable(5000, 0)  # no discordant pair seen is not none there


def test_a_family_is_spoken_of_only_with_worlds_enough():
    few, many = (compare(arm("A", [1] * 60, worlds=w), arm("B", [1, 0] * 30, worlds=w)) for w in (4, 6))
    assert few.worlds_ci95 is None and "says nothing about other worlds" in few.conclusion
    low, high = many.worlds_ci95
    assert 0.0 <= low <= 0.5 <= high <= 1.0 and "For other worlds of this kind" in many.conclusion


def test_figures_are_paired_where_both_flights_have_them():
    a, b = arm("A", [1, 1, 0]), arm("B", [1, 1, 1])
    keys = list(a.success)
    a.figures.update({keys[0]: {"spl": 0.9, "time_to_goal_s": 20.0}, keys[1]: {"spl": 0.8}, keys[2]: {"spl": 0.0}})
    b.figures.update({k: {"spl": 0.7, "time_to_goal_s": 25.0} for k in keys})
    means = {m.name: m for m in compare(a, b).means}
    assert set(means) == {"spl", "time_to_goal_s"} and means["time_to_goal_s"].pairs == 1
    assert means["time_to_goal_s"].difference == -5.0 and means["spl"].difference == pytest.approx(-0.4 / 3)
    assert means["spl"].ci95[0] < means["spl"].difference < means["spl"].ci95[1]


def test_only_flights_that_both_made_count():
    c = compare(arm("A", [1, 0, 1, 1]), arm("B", [1, 1]))
    assert (c.pairs, c.unpaired, c.only_b) == (2, 2, 1)


def test_flights_of_other_seeds_or_worlds_are_no_pairs():
    with pytest.raises(UsageError, match=r"A was flown with seed \[0\] and B with \[1\]"):
        compare(arm("A", [1]), arm("B", [1], seed=1))
    with pytest.raises(UsageError, match="A flew forest and B flew town"):
        compare(arm("A", [1]), arm("B", [1], world="town"))


@pytest.mark.parametrize("what", ["world", "ways"])
def test_a_world_or_routes_that_were_changed_in_between_are_refused(what):
    site = {"world": "aa", "ways": "bb", "route_ids": [0]}
    before, after = ({"sites": {"forest": {**site, what: digest}}} for digest in ("cc", "dd"))
    with pytest.raises(UsageError, match="World 'forest' or its routes were changed"):
        compare(arm("A", [1], before), arm("B", [1], after))
    more = {"sites": {"forest": {**site, "ways": "ee", "route_ids": [0, 1]}}}
    assert compare(arm("A", [1], {"sites": {"forest": site}}), arm("B", [1, 1], more)).pairs == 1


def test_two_traces_of_one_name_are_no_pair_and_two_links_are_compared_as_such():
    trace = {"flight": {"link": "radio.csv"}, "link_digest": "aa"}
    with pytest.raises(UsageError, match="'radio.csv' was another radio when B was flown than for A"):
        compare(arm("A", [1], trace), arm("B", [1], {**trace, "link_digest": "bb"}))
    (warning,) = compare(arm("A", [1], trace), arm("B", [1], {"flight": {"link": "lte"}})).warnings
    assert warning.startswith("flight.link differs: radio.csv and lte")


def test_settings_that_differ_unasked_are_warned_of():
    other = {"world": "forest", "flight": {"branch": "b3", "link": "lora"}}
    (warning,) = compare(arm("A", [1]), arm("B", [1], other)).warnings
    assert warning.startswith("flight.link differs: none and lora")


def test_an_evaluation_is_read_from_its_folder(tmp_path):
    (tmp_path / "episodes.csv").write_text(
        "world,route_id,seed,outcome,spl\nforest,4,0,success,0.5\nforest,7,0,failsafe,\n"
    )
    (tmp_path / "summary.json").write_text(json.dumps({"config": CONFIG, "bytes_per_frame": 12.5}))
    read = Arm.load(tmp_path)
    assert read.success == {("forest", 4, 0): True, ("forest", 7, 0): False} and read.bytes_per_frame == 12.5
    assert read.figures == {("forest", 4, 0): {"spl": 0.5}, ("forest", 7, 0): {}}


@pytest.mark.parametrize("missing", ["episodes.csv", "summary.json"])
def test_a_folder_that_is_no_evaluation_is_refused(tmp_path, missing):
    if missing == "summary.json":
        (tmp_path / "episodes.csv").write_text("route_id,seed,outcome\n")
    with pytest.raises(UsageError, match=missing):
        Arm.load(tmp_path)
