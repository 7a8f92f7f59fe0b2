"""Rubbish behind a right CRC: slices that a hostile or broken peer makes. Refused by name, bounded, never a hang."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navisplit import wire
from navisplit.codecs import Tables, codec, codec_by_id
from navisplit.errors import PacketError
from tests.attacks.packets import features

SHAPE = (4, 9, 16)
TABLES = Tables.from_counts(np.exp(-np.abs(np.arange(17) - 8) / 2.0)[None].repeat(4, 0), np.full(4, -8))
SYMBOLS = TABLES.clip(np.random.default_rng(0).laplace(0, 2, SHAPE).round().astype(np.int16))


@pytest.fixture(params=["rans", "raw8"])
def any_codec(request):
    return codec(request.param)


@pytest.mark.fault(25, does="the slice is refused, and the frame decoded without it")
def test_a_slice_cut_short_at_every_length(any_codec):
    (data,) = any_codec.encode(SYMBOLS, TABLES, 1200)
    for length in range(len(data)):
        with pytest.raises(PacketError):
            any_codec.decode([data[:length]], SHAPE, TABLES)


def test_a_slice_with_bytes_appended(any_codec):
    (data,) = any_codec.encode(SYMBOLS, TABLES, 1200)
    for tail in (b"\0", b"\1", b"\xff" * 4, data):
        with pytest.raises(PacketError):
            any_codec.decode([data + tail], SHAPE, TABLES)


def test_entropy_data_with_any_byte_changed_is_refused_or_stays_inside_the_alphabet(any_codec):
    (data,) = any_codec.encode(SYMBOLS, TABLES, 1200)
    refused = 0
    for position in range(len(data)):
        broken = data[:position] + bytes((data[position] ^ 0x55,)) + data[position + 1 :]
        try:
            symbols, _ = any_codec.decode([broken], SHAPE, TABLES)
        except PacketError:
            refused += 1
        else:
            assert np.array_equal(symbols, TABLES.clip(symbols))
    if any_codec.name == "rans":
        assert refused > 0.9 * len(data), "the sentinel must catch nearly all"


@pytest.mark.parametrize(
    "header", [(0, 5), (4, 1), (255, 255), (3, 2), (0, 0, 0, 0), (0, 0, 0, 10), (0, 0, 9, 1), (9, 0, 0, 1)]
)
def test_a_header_that_points_outside_the_frame(any_codec, header):
    (data,) = any_codec.encode(SYMBOLS, TABLES, 1200)
    with pytest.raises(PacketError, match="not inside"):
        any_codec.decode([bytes(header) + data[2:]], SHAPE, TABLES)


def test_two_slices_that_claim_the_same_symbols(any_codec):
    slices = any_codec.encode(SYMBOLS, TABLES, 200)
    with pytest.raises(PacketError, match="another slice"):
        any_codec.decode([*slices, slices[0]], SHAPE, TABLES)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"\0\4", b"\0\0\0", b"\0\0\0\1"])
@pytest.mark.fault(29, does="refused by name")
def test_an_empty_slice_or_a_bare_header(any_codec, data):
    with pytest.raises(PacketError):
        any_codec.decode([data], SHAPE, TABLES)


@pytest.mark.parametrize("shape", [(5, 9, 16), (0, 9, 16), (4, 0, 16), (4, 256, 16), (4, 9, 0), (4, 9)])
def test_a_shape_that_is_not_the_branchs(any_codec, shape):
    with pytest.raises(PacketError, match="shape"):
        any_codec.decode([b"\0\1data"], shape, TABLES)


@pytest.mark.fault(24, does="symbols are bounded by the branch's own tables before decoding")
def test_a_bomb_of_few_bytes_for_many_symbols_is_refused_in_bounded_time():
    # The largest frame that a packet can announce, claimed by one slice of 3 bytes.
    tables = Tables.uniform(4, 2, 0)
    assert 4 * 255 * 255 <= wire.MAX_SYMBOLS
    with pytest.raises(PacketError, match="does not end"):
        codec("rans").decode([b"\0\4\1"], (4, 255, 255), tables)


def test_raw8_symbols_outside_the_alphabet():
    with pytest.raises(PacketError, match="raw8 symbol 200"):
        codec("raw8").decode([bytes((0, 1)) + bytes((200,)) * 144], SHAPE, TABLES)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["rans", "raw8"]), st.lists(st.none() | st.binary(max_size=700), max_size=4))
def test_fuzz_any_slices_give_symbols_or_a_packet_error(name, slices):
    try:
        symbols, received = codec(name).decode(slices, SHAPE, TABLES)
    except PacketError:
        return
    assert np.array_equal(symbols[received], TABLES.clip(symbols)[received])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["rans", "raw8"]), st.binary(min_size=1, max_size=700))
def test_fuzz_rubbish_under_a_believable_header(name, rubbish):
    try:
        symbols, _ = codec(name).decode([b"\0\4" + rubbish], SHAPE, TABLES)
    except PacketError:
        return
    assert np.array_equal(symbols, TABLES.clip(symbols))


@pytest.mark.fault(
    22,
    does="a named error, or symbols inside the alphabet; the command stays within the guard's limits. "
    "That the picture was another is not seen: set a key",
)
def test_garbage_under_a_right_crc_through_the_whole_receiving_side():
    rng = np.random.default_rng(5)
    for _ in range(100):
        payload = rng.bytes(int(rng.integers(1, 300)))
        packet = wire.decode(wire.encode(features(payload=payload, codec=1, shape=SHAPE)))
        with pytest.raises(PacketError):
            codec_by_id(packet.codec).decode([packet.payload], packet.shape, TABLES)
