"""What a comparison promises: pairs only, exact tests, and words that do not claim more than was measured."""

from __future__ import annotations

import json

import pytest

from navisplit.errors import UsageError
from navisplit.evaluate.compare import Arm, compare

CONFIG = {"world": "forest", "flight": {"branch": "b0", "link": "none"}}


def arm(name, results, config=CONFIG, seed=0, size=100.0):
    return Arm(name, {(i, seed): bool(r) for i, r in enumerate(results)}, config, size)


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
    assert "cannot be ruled out" in c.conclusion and "can never reach" in c.conclusion


def test_many_equal_flights_allow_to_say_not_much_worse():
    c = compare(arm("A", [1] * 600), arm("B", [1] * 600))
    assert c.difference_ci95[0] > -0.01 and "at most one point worse" in c.conclusion


def test_only_flights_that_both_made_count():
    c = compare(arm("A", [1, 0, 1, 1]), arm("B", [1, 1]))
    assert (c.pairs, c.unpaired, c.only_b) == (2, 2, 1)


def test_flights_of_other_seeds_or_worlds_are_no_pairs():
    with pytest.raises(UsageError, match="no route and seed in common"):
        compare(arm("A", [1]), arm("B", [1], seed=1))
    with pytest.raises(UsageError, match="flew world 'forest' and B 'town'"):
        compare(arm("A", [1]), arm("B", [1], {"world": "town"}))


def test_settings_that_differ_unasked_are_warned_of():
    other = {"world": "forest", "flight": {"branch": "b3", "link": "lora"}}
    (warning,) = compare(arm("A", [1]), arm("B", [1], other)).warnings
    assert warning.startswith("flight.link differs: none and lora")


def test_an_evaluation_is_read_from_its_folder(tmp_path):
    (tmp_path / "episodes.csv").write_text("route_id,seed,outcome\n4,0,success\n7,0,failsafe\n")
    (tmp_path / "summary.json").write_text(json.dumps({"config": CONFIG, "bytes_per_frame": 12.5}))
    read = Arm.load(tmp_path)
    assert read.success == {(4, 0): True, (7, 0): False} and read.bytes_per_frame == 12.5


@pytest.mark.parametrize("missing", ["episodes.csv", "summary.json"])
def test_a_folder_that_is_no_evaluation_is_refused(tmp_path, missing):
    if missing == "summary.json":
        (tmp_path / "episodes.csv").write_text("route_id,seed,outcome\n")
    with pytest.raises(UsageError, match=missing):
        Arm.load(tmp_path)
