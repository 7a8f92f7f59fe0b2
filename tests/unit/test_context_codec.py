"""The context coder: whatever is sent arrives, alone in its slice, and nothing else is taken for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navisplit.codecs import Tables, codec, codec_by_id
from navisplit.codecs.context import context_counts
from navisplit.codecs.tables import TOTAL
from navisplit.errors import ModelError, PacketError, UsageError

SHAPE = (6, 9, 16)


def smooth(rng, shape=SHAPE):
    """Symbols that look like their neighbours."""
    walk = rng.normal(0, 0.5, shape).cumsum(2) + rng.normal(0, 0.1, shape)
    return np.clip(np.rint(walk), -7, 7).astype(np.int16)


def tables_of(frames, limit=7):
    counts = context_counts(frames, limit) + 0.05
    return Tables.from_counts(
        counts.reshape(-1, 2 * limit + 1), np.full(frames.shape[1], -limit, np.int32), contexts=25
    )


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    return tables_of(np.stack([smooth(rng) for _ in range(50)]))


def test_symbols_come_back_with_any_slice_size(tables):
    context = codec("context")
    for seed in range(20):
        symbols = smooth(np.random.default_rng(100 + seed))
        for room in (60, 120, 1200):
            slices = context.encode(symbols, tables, room)
            assert max(map(len, slices)) <= room and codec_by_id(3) is context
            decoded, received = context.decode(slices[::-1], SHAPE, tables)
            assert received.all()
            np.testing.assert_array_equal(decoded, symbols)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 12), st.integers(1, 12))
def test_any_symbols_survive_any_tables(seed, channels, height, width):
    rng = np.random.default_rng(seed)
    alphabet = int(rng.integers(1, 40))
    counts = rng.integers(0, 3, (channels * 25, alphabet)) * rng.integers(1, 10**6, (channels * 25, alphabet))
    table = Tables.from_counts(counts, rng.integers(-20, 5, channels), contexts=25)
    symbols = (rng.integers(0, alphabet, (channels, height, width)) + table.offsets[:, None, None]).astype(np.int16)
    slices = codec("context").encode(symbols, table, 1200)
    decoded, received = codec("context").decode(slices, symbols.shape, table)
    assert received.all() and (decoded == symbols).all()


def test_smooth_maps_take_fewer_bytes_than_without_contexts(tables):
    symbols = smooth(np.random.default_rng(7))
    plain = Tables.from_counts(
        np.stack([np.bincount(symbols[c].ravel() + 7, minlength=15) + 0.05 for c in range(6)]), np.full(6, -7)
    )  # even with the frame's very own frequencies
    size, without = (
        sum(map(len, codec(n).encode(symbols, t, 1200))) for n, t in (("context", tables), ("rans", plain))
    )
    assert size < 0.8 * without


def test_size_is_that_of_the_tables_and_three_bytes_a_slice(tables):
    symbols = smooth(np.random.default_rng(8))
    bits = 0.0
    for c, channel in enumerate(symbols):
        for y in range(9):
            for x in range(16):
                left = np.clip(channel[y, x - 1], -2, 2) if x else 0
                above = np.clip(channel[y - 1, x], -2, 2) if y else 0
                bits += tables.bits[c * 25 + (left + 2) * 5 + above + 2, channel[y, x] + 7]
    (data,) = codec("context").encode(symbols, tables, 1200)
    assert bits / 8 <= len(data) <= 1.005 * bits / 8 + 2 + 3  # header, state


def test_a_lost_slice_loses_its_channels_only(tables):
    symbols = smooth(np.random.default_rng(1))
    slices = codec("context").encode(symbols, tables, 60)
    assert len(slices) > 2
    decoded, received = codec("context").decode([slices[0], None, *slices[2:]], SHAPE, tables)
    assert not received.all() and (decoded[received] == symbols[received]).all() and not decoded[~received].any()


@pytest.mark.parametrize("damage", ["cut", "longer", "flipped", "empty"])
def test_damage_is_named_and_never_taken_for_symbols(tables, damage):
    symbols = smooth(np.random.default_rng(2))
    (data,) = codec("context").encode(symbols, tables, 1200)
    bad = {
        "cut": data[:-1],
        "longer": data + b"\0",
        "flipped": data[:20] + bytes([data[20] ^ 0x40]) + data[21:],
        "empty": data[:2],
    }[damage]
    with pytest.raises(PacketError, match="does not end where it must"):
        codec("context").decode([bad], SHAPE, tables)


def test_bytes_are_the_same_for_ever(tables):
    """Golden bytes: another machine, another version must send exactly these."""
    table = Tables.from_counts(np.arange(1, 2 * 25 * 5 + 1).reshape(50, 5) % 17 + 1, np.array([-2, -2]), contexts=25)
    symbols = ((np.arange(2 * 3 * 8).reshape(2, 3, 8) * 7) % 5 - 2).astype(np.int16)
    (data,) = codec("context").encode(symbols, table, 1200)
    assert data.hex() == GOLDEN


GOLDEN = "000284024c6c373971008457dee2a3200da73787"


def test_contexts_that_are_no_square_are_refused_and_none_at_all_are_fine(tables):
    symbols = smooth(np.random.default_rng(3))
    flat = Tables.uniform(6, 15, -7)
    assert (codec("context").decode(codec("context").encode(symbols, flat, 1200), SHAPE, flat)[0] == symbols).all()
    odd = Tables.from_counts(np.ones((12, 15)), np.full(6, -7), contexts=2)
    with pytest.raises(UsageError, match="1, 9, 25"):
        codec("context").encode(symbols, odd, 1200)
    with pytest.raises(ModelError, match="whole number of channels"):
        Tables.from_counts(np.ones((13, 15)), np.full(6, -7), contexts=2)
    assert (tables.frequencies.sum(axis=1) == TOTAL).all() and Tables.from_json(tables.to_json()).contexts == 25
