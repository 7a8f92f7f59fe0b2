"""Everything that reads bytes of strangers gives a value or a named error, whatever is done to sound input."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.fuzz_targets import TARGETS, seeds

EXAMPLES = int(os.environ.get("NAVISPLIT_FUZZ_EXAMPLES", "150"))
WORDS = [
    b"-1", b"nan", b"inf", b"1e999", b"1e30", b"0", b"", b"null", b"[]", b"{}", b'"x"', b"true", b"9999999999999999",
    b"\xff\xff\xff\xff", b"\x00" * 8, b"<", b"]]>", b"&a;", b",", b"\n", b"\xc1", b"\xdd\xff\xff\xff\xff", b"../../x",
]  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, name: str) -> bytes:
    """Sound input with a few changes: bytes overwritten, cut out, doubled, or replaced by words that hurt."""
    data = draw(st.sampled_from(seeds(name)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        piece = draw(st.one_of(st.sampled_from(WORDS), st.binary(max_size=6), st.just(data[start : start + 40])))
        data = data[:start] + piece + data[start + length :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_a_value_or_a_named_error_in_bounded_time(name):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(broken(name))
    def play(data: bytes) -> None:
        begun = time.monotonic()
        TARGETS[name](data)
        assert time.monotonic() - begun < 20.0

    play()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_sound_is_read(name):
    for seed in seeds(name):
        TARGETS[name](seed)
