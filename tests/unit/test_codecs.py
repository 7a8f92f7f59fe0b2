"""Promises of the codecs: exact, deterministic, near the ideal rate; a lost slice costs only its own symbols."""

import time

import numpy as np
import pytest

from navisplit.codecs import Tables, codec, codec_by_id, codec_names, register
from navisplit.codecs.tables import TOTAL
from navisplit.errors import ModelError, PacketError, UsageError
from navisplit.wire import MAX_PAYLOAD

SHAPE = (16, 18, 32)


def laplacian(channels=16, alphabet=33, seed=0, widest=6.0) -> Tables:
    values = np.arange(alphabet) - alphabet // 2
    scales = np.random.default_rng(seed).uniform(0.4, widest, (channels, 1))
    return Tables.from_counts(1e6 * np.exp(-np.abs(values) / scales), np.full(channels, -(alphabet // 2)))


def drawn(tables: Tables, shape=SHAPE, seed=1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = [rng.choice(tables.alphabet, shape[1] * shape[2], p=row / TOTAL) for row in tables.frequencies]
    return (np.stack(rows).reshape(shape) + tables.offsets[:, None, None]).astype(np.int16)


@pytest.fixture(params=["context", "rans", "raw8"])
def any_codec(request):
    return codec(request.param)


def test_registry_knows_both_and_hints_at_misspelt_names():
    assert codec_names() == ["context", "rans", "raw8"]
    assert codec_by_id(1) is codec("rans") and codec_by_id(2) is codec("raw8")
    with pytest.raises(UsageError, match="Did you mean 'rans'"):
        codec("ran")
    with pytest.raises(PacketError, match="codec 99"):
        codec_by_id(99)


def test_registry_refuses_a_taken_name_or_id():
    codec_names()
    for name, number in (("rans", 77), ("fresh", 1)):
        with pytest.raises(UsageError, match="collides"):
            register(name)(type("Another", (), {"id": number}))
    assert codec_names() == ["context", "rans", "raw8"]


@pytest.mark.parametrize("shape", [SHAPE, (1, 1, 1), (3, 255, 4), (255, 2, 2), (2, 18, 32), (32, 18, 32)])
def test_round_trip_is_exact(any_codec, shape):
    tables = laplacian(shape[0])
    symbols = drawn(tables, shape)
    slices = any_codec.encode(symbols, tables, MAX_PAYLOAD)
    assert all(1 <= len(data) <= MAX_PAYLOAD for data in slices)
    back, received = any_codec.decode(slices, shape, tables)
    assert back.dtype == np.int16 and received.dtype == bool and received.shape == shape
    np.testing.assert_array_equal(back, symbols)
    assert received.all()


def test_the_rarest_symbols_survive_too(any_codec):
    tables = laplacian(4, widest=0.5)
    for value in (-16, 16, 0):
        symbols = np.full((4, 18, 32), value, np.int16)
        slices = any_codec.encode(symbols, tables, MAX_PAYLOAD)
        np.testing.assert_array_equal(any_codec.decode(slices, symbols.shape, tables)[0], symbols)


@pytest.mark.parametrize("limit", [40, 100, 333, 1200])
def test_slices_respect_any_limit(any_codec, limit):
    tables = laplacian(5)
    symbols = drawn(tables, (5, 18, 32))
    slices = any_codec.encode(symbols, tables, limit)
    assert max(map(len, slices)) <= limit
    np.testing.assert_array_equal(any_codec.decode(slices, symbols.shape, tables)[0], symbols)


def test_a_channel_too_big_for_a_slice_is_cut_by_rows(any_codec):
    tables = Tables.uniform(2, 256, -128)
    symbols = np.random.default_rng(0).integers(-128, 128, (2, 60, 80)).astype(np.int16)
    slices = any_codec.encode(symbols, tables, MAX_PAYLOAD)
    assert len(slices) >= 8 and max(map(len, slices)) <= MAX_PAYLOAD
    assert all(data[1] == 0 for data in slices), "row slices say so in their second byte"
    np.testing.assert_array_equal(any_codec.decode(slices, symbols.shape, tables)[0], symbols)


def test_an_impossible_limit_is_refused_with_the_limit_that_works(any_codec):
    tables = Tables.uniform(1, 256, 0)
    symbols = np.full((1, 2, 32), 200, np.int16)
    with pytest.raises(UsageError, match="slice"):
        any_codec.encode(symbols, tables, 20)


def test_every_slice_decodes_alone_and_lost_ones_lose_only_their_own(any_codec):
    tables = laplacian()
    symbols = drawn(tables)
    slices = any_codec.encode(symbols, tables, 700)
    assert len(slices) > 3
    total = np.zeros(SHAPE, int)
    for kept in range(len(slices)):
        some = [data if i == kept else None for i, data in enumerate(slices)]
        back, received = any_codec.decode(some, SHAPE, tables)
        np.testing.assert_array_equal(back[received], symbols[received])
        assert not back[~received].any()
        total += received
    assert (total == 1).all()
    back, received = any_codec.decode([None] * len(slices), SHAPE, tables)
    assert not received.any() and not back.any()


def test_slices_may_arrive_in_any_order(any_codec):
    tables = laplacian()
    symbols = drawn(tables)
    slices = any_codec.encode(symbols, tables, 500)
    np.testing.assert_array_equal(any_codec.decode(slices[::-1], SHAPE, tables)[0], symbols)


@pytest.mark.parametrize("widest", [0.6, 2.0, 6.0])
def test_rate_is_within_two_percent_of_ideal_and_six_bytes_a_slice(widest):
    tables = laplacian(widest=widest)
    symbols = drawn(tables)
    slices = codec("rans").encode(symbols, tables, MAX_PAYLOAD)
    ideal = tables.expected_bytes(symbols)
    assert ideal <= sum(map(len, slices)) <= 1.02 * ideal + 6 * len(slices)
    assert len(slices) <= ideal // 900 + 1, "slices are filled"


def test_encoding_is_the_same_for_equal_tables_built_anew():
    symbols = drawn(laplacian())
    again = Tables.from_json(laplacian().to_json())
    assert codec("rans").encode(symbols, laplacian(), MAX_PAYLOAD) == codec("rans").encode(symbols, again, MAX_PAYLOAD)


GOLDEN_TABLES = Tables(np.array([[1, 3000, 10383, 2999, 1], [4096, 4096, 4096, 4095, 1]]), np.array([-2, 0]))
GOLDEN_SYMBOLS = np.array(
    [[[0, 1, -1, 0], [2, 0, 0, -2], [0, 0, 1, 0]], [[0, 1, 2, 3], [4, 3, 2, 1], [0, 0, 0, 0]]], np.int16
)
GOLDEN = {
    "context": ["000211aa53a298f03c8707b10600"],
    "rans": ["000252b3b216aaa695aa14f6a101"],
    "raw8": ["0002020301020402020002020302000102030403020100000000"],
}


def test_these_symbols_have_these_bytes(any_codec):
    slices = any_codec.encode(GOLDEN_SYMBOLS, GOLDEN_TABLES, MAX_PAYLOAD)
    assert [data.hex() for data in slices] == GOLDEN[any_codec.name]


def reference_rans(data: bytes, block, tables: Tables, shape) -> np.ndarray:
    """The decoder from its definition in exact integers, to prove that the library adds nothing to it."""
    words = list(np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(object))
    state = int(words.pop()) if len(words) == 1 else int(words.pop()) << 32 | int(words.pop())
    out = []
    for channel in range(*block):
        counts = [int(f) for f in tables.frequencies[channel]]
        ends = np.cumsum([0, *counts])
        left = [int(e) * (2**24 - len(counts)) // TOTAL + i for i, e in enumerate(ends)]
        left[-1] = 2**24
        for _ in range(shape[1] * shape[2]):
            quantile = state % 2**24
            symbol = next(i for i in range(len(counts)) if left[i] <= quantile < left[i + 1])
            state = (state >> 24) * (left[symbol + 1] - left[symbol]) + quantile - left[symbol]
            if state < 2**32 and words:
                state = state << 32 | int(words.pop())
            out.append(symbol + int(tables.offsets[channel]))
    assert state == 0xA7 and not words
    return np.array(out).reshape(-1, *shape[1:])


def test_rans_is_what_the_definition_in_integers_says():
    tables = laplacian(5, alphabet=17)
    symbols = drawn(tables, (5, 6, 8))
    (data,) = codec("rans").encode(symbols, tables, MAX_PAYLOAD)
    np.testing.assert_array_equal(reference_rans(data[2:], (0, 5), tables, (5, 6, 8)), symbols)


def test_symbols_outside_the_alphabet_are_the_callers_mistake(any_codec):
    tables = laplacian(2)
    for bad in (-17, 17):
        symbols = np.full((2, 3, 4), bad, np.int16)
        with pytest.raises(UsageError, match="clip"):
            any_codec.encode(symbols, tables, MAX_PAYLOAD)
        any_codec.encode(tables.clip(symbols), tables, MAX_PAYLOAD)
    with pytest.raises(UsageError, match="shape"):
        any_codec.encode(np.zeros((3, 3, 4), np.int16), tables, MAX_PAYLOAD)


def test_raw8_wants_bytes():
    tables = Tables.uniform(1, 300, 0)
    with pytest.raises(UsageError, match="256"):
        codec("raw8").encode(np.zeros((1, 2, 2), np.int16), tables, MAX_PAYLOAD)


def test_tables_from_counts_sum_exactly_and_leave_nothing_impossible():
    rng = np.random.default_rng(3)
    for counts in (rng.integers(0, 9, (4, 33)), rng.exponential(1e9, (4, 200)), np.zeros((2, 7)), np.eye(5)):
        tables = Tables.from_counts(counts, np.zeros(len(counts), int))
        assert (tables.frequencies.sum(axis=1) == TOTAL).all() and tables.frequencies.min() >= 1
    tables = Tables.from_counts([[0, 3, 1]], [0])
    assert tables.frequencies.tolist() == [[1, 12287, 4096]]


def test_tables_survive_json_and_are_read_only():
    tables = laplacian(3)
    back = Tables.from_json(tables.to_json())
    np.testing.assert_array_equal(back.frequencies, tables.frequencies)
    np.testing.assert_array_equal(back.offsets, tables.offsets)
    with pytest.raises(ValueError, match="read-only"):
        back.frequencies[0, 0] = 5


@pytest.mark.parametrize(
    "values",
    [
        None,
        {},
        {"precision": 12, "frequencies": [[TOTAL]], "offsets": [0]},
        {"precision": 14, "frequencies": [[TOTAL]]},
        {"precision": 14, "frequencies": [[TOTAL - 1]], "offsets": [0]},
        {"precision": 14, "frequencies": [[TOTAL, 0]], "offsets": [0]},
        {"precision": 14, "frequencies": [[TOTAL + 1, -1]], "offsets": [0]},
        {"precision": 14, "frequencies": [[float(TOTAL)]], "offsets": [0]},
        {"precision": 14, "frequencies": [[TOTAL]], "offsets": [0, 0]},
        {"precision": 14, "frequencies": [[TOTAL]], "offsets": [40_000]},
        {"precision": 14, "frequencies": [[TOTAL], [1, 2]], "offsets": [0, 0]},
        {"precision": 14, "frequencies": "x", "offsets": [0]},
    ],
)
def test_broken_tables_are_a_model_error(values):
    with pytest.raises(ModelError):
        Tables.from_json(values)


def test_encode_and_decode_of_a_rich_frame_take_about_a_millisecond():
    tables = laplacian()
    symbols = drawn(tables)
    rans = codec("rans")
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        rans.decode(rans.encode(symbols, tables, MAX_PAYLOAD), SHAPE, tables)
        best = min(best, time.perf_counter() - start)
    assert best < 2e-3, f"{best * 1e6:.0f} us"  # 0.6 ms where this was written
