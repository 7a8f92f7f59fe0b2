"""Patterns from clients mean what AirSim's mean, and none of them can hold up the simulator."""

import subprocess
import sys

import pytest

from navisplit.errors import UsageError
from navisplit.sim.matching import Pattern

NAMES = ["Tree_1", "Tree_12", "tree_2", "House", "Größe"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (".*", NAMES),
        ("Tree.*", ["Tree_1", "Tree_12"]),
        (r"Tree_\d", ["Tree_1"]),
        (r"[\w]*", NAMES[:4]),
        ("Tree", []),
        ("House|Gr.*", ["House", "Größe"]),
        ("(?i)tree_[12]", ["Tree_1", "tree_2"]),
    ],
)
def test_a_pattern_must_match_a_name_from_end_to_end(text, found):
    assert Pattern(text).among(NAMES) == found


def test_wildcards_are_taken_in_either_case_and_their_other_letters_as_they_are():
    assert Pattern.wildcard("tree_?").among(NAMES) == ["Tree_1", "tree_2"]
    assert Pattern.wildcard("*_1*").among(NAMES) == ["Tree_1", "Tree_12"]
    assert Pattern.wildcard("t.ee*").among(NAMES) == []


@pytest.mark.parametrize("text", ["(", "[", "a{1001}", "(?=a)b", r"(a)\1", "((a{1000}){1000}){1000}"])
def test_what_is_no_expression_here_is_refused_by_name(text):
    with pytest.raises(UsageError, match="regex_error: .+"):
        Pattern(text)


@pytest.mark.parametrize("text", [r"(([a-z_0-9])+)+!", r"(a|aa)+$", ".*a" * 30 + ".*b"])
def test_no_pattern_takes_longer_than_its_name_is_long(text):
    ask = f"from navisplit.sim.matching import Pattern; print(Pattern({text!r}).among(['a' * 200 + '_']))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60)  # else: for ever
    assert done.stdout.strip() == "[]", done.stderr
