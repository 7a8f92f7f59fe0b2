"""Every malformed packet imagined so far, by name: each is refused with its own error and never with another."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navisplit import wire
from navisplit.errors import PacketError
from tests.attacks.packets import KEY, answer, features, patched

OTHER_KEY = bytes(32)
PACKETS = {"features": features(), "answer": answer()}
ALL = [(kind, key) for kind in PACKETS for key in (None, KEY)]


@pytest.mark.parametrize(("kind", "key"), ALL)
@pytest.mark.fault(17, does="refused by name: Truncated")
def test_truncated_at_every_length(kind, key):
    data = wire.encode(PACKETS[kind], key)
    for length in range(len(data)):
        with pytest.raises(wire.Truncated):
            wire.decode(data[:length], key)


@pytest.mark.parametrize(("kind", "key"), ALL)
@pytest.mark.fault(21, does="refused by name: BadChecksum, or BadTag with a key")
def test_crc_or_tag_catches_a_flip_of_every_bit(kind, key):
    data = wire.encode(PACKETS[kind], key)
    for position in range(len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[position] ^= 1 << bit
            with pytest.raises(PacketError) as error:
                wire.decode(bytes(broken), key)
            assert type(error.value) is not PacketError, "refused, but without a name"


@pytest.mark.parametrize("key", [None, KEY])
def test_every_byte_replaced_by_any_other_is_refused(key):
    data = wire.encode(answer(), key)
    for position in range(len(data)):
        for value in {0, 1, 0x7F, 0x80, 0xFF} - {data[position]}:
            with pytest.raises(PacketError):
                wire.decode(data[:position] + bytes((value,)) + data[position + 1 :], key)


@pytest.mark.parametrize(("kind", "key"), ALL)
def test_trailing_bytes(kind, key):
    data = wire.encode(PACKETS[kind], key)
    with pytest.raises(wire.BadLength):
        wire.decode(data + b"\0", key)
    with pytest.raises(wire.BadLength):
        wire.decode(data + data, key)


@pytest.mark.parametrize("data", [b"", b"N", b"NS", b"NS\x01", b"NS\x01\x01"])
@pytest.mark.fault(29, does="refused by name")
def test_empty_or_hardly_begun(data):
    with pytest.raises(wire.Truncated):
        wire.decode(data)


def test_a_flood_of_bytes_is_refused_by_its_length():
    with pytest.raises(wire.BadLength):
        wire.decode(bytes(50_000_000))
    with pytest.raises(wire.BadLength):
        wire.decode(b"NS\x01\x01" + bytes(wire.MAX_PACKET))


@pytest.mark.parametrize("kind", PACKETS)
@pytest.mark.fault(18, does="refused by name: BadMagic, BadVersion, BadKind")
def test_wrong_magic_version_kind_with_a_right_crc(kind):
    data = wire.encode(PACKETS[kind])
    with pytest.raises(wire.BadMagic):
        wire.decode(patched(data, 0, "<H", 0x4E53))
    for version in (0, 2, 255):
        with pytest.raises(wire.BadVersion):
            wire.decode(patched(data, 2, "<B", version))
    for number in (0, 3, 0x7F):
        with pytest.raises(wire.BadKind):
            wire.decode(patched(data, 3, "<B", number))


def test_features_relabelled_as_an_answer_and_back():
    with pytest.raises(wire.BadLength):
        wire.decode(patched(wire.encode(features()), 3, "<B", wire.Kind.ANSWER))
    with pytest.raises(wire.Truncated):
        wire.decode(patched(wire.encode(answer()), 3, "<B", wire.Kind.FEATURES))


LENGTH_AT = 27


@pytest.mark.parametrize("claim", [0, 1201, 0x7FFF, 0xFFFF])
def test_payload_length_out_of_bounds(claim):
    with pytest.raises(wire.BadLength):
        wire.decode(patched(wire.encode(features()), LENGTH_AT, "<H", claim))


@pytest.mark.fault(19, does="refused by name, before anything is allocated")
def test_payload_length_that_lies():
    data = wire.encode(features(payload=bytes(100)))
    with pytest.raises(wire.BadLength):
        wire.decode(patched(data, LENGTH_AT, "<H", 99))
    with pytest.raises(wire.Truncated):
        wire.decode(patched(data, LENGTH_AT, "<H", 101))


@pytest.mark.fault(19, does="refused by name, before anything is allocated")
def test_a_claim_of_two_gigabytes_has_no_place_and_allocates_nothing():
    # The widest numbers that a sender controls: 2**16 payload bytes and 255**3 symbols; written over every offset.
    data = wire.encode(features())
    for offset in range(20, len(data) - 8):
        try:
            packet = wire.decode(patched(data, offset, "<I", 0x7FFFFFFF))
        except PacketError:
            continue
        assert len(packet.payload) <= wire.MAX_PAYLOAD
        assert np.prod(packet.shape) <= wire.MAX_SYMBOLS


@pytest.mark.parametrize(("index", "count"), [(0, 0), (1, 1), (3, 3), (255, 255), (200, 3)])
def test_slice_index_not_below_the_count(index, count):
    with pytest.raises(wire.BadField, match="Slice"):
        wire.decode(patched(wire.encode(features()), 22, "<H", index | count << 8))


@pytest.mark.parametrize("shape", [(0, 18, 32), (16, 0, 32), (16, 18, 0), (255, 255, 255), (65, 64, 64)])
@pytest.mark.fault(20, does="refused by name; the frame is lost, not the flight")
def test_shape_with_no_symbols_or_too_many(shape):
    channels, height, width = shape
    data = patched(wire.encode(features()), 24, "<H", channels | height << 8)
    with pytest.raises(wire.BadField, match="Shape"):
        wire.decode(patched(data, 26, "<B", width))


@pytest.mark.parametrize(
    "quaternion", [(0, 0, 0, 0), (32767, 32767, 32767, 32767), (-32768, 0, 0, 32767), (0, 0, 0, 9)]
)
def test_orientation_that_is_no_rotation(quaternion):
    data = wire.encode(features())
    for i, number in enumerate(quaternion):
        data = patched(data, 41 + 2 * i, "<h", number)
    with pytest.raises(wire.BadField, match="Orientation"):
        wire.decode(data)


@pytest.mark.fault(27, does="NaN and infinity have no encoding in a packet")
def test_not_a_number_has_no_encoding():
    # Bit patterns of NaN, infinity and denormals anywhere in the numbers: whatever decodes is finite.
    patterns = [struct.pack("<f", v) for v in (np.nan, np.inf, -np.inf, 1e-45)]
    patterns += [struct.pack("<d", v) for v in (np.nan, np.inf, -np.inf, 5e-324)]
    for kind, packet in PACKETS.items():
        data = wire.encode(packet)
        for pattern in patterns:
            for offset in range(20, len(data) - 4 - len(pattern)):
                body = data[:offset] + pattern + data[offset + len(pattern) :]
                try:
                    back = wire.decode(patched(body, 2, "<B", wire.VERSION))
                except PacketError:
                    continue
                if kind == "answer":
                    assert back.command.finite and np.isfinite([back.clearance_m, back.confidence]).all()
                    assert 0 <= back.confidence <= 1 and back.clearance_m >= 0
                else:
                    for values in (back.state.position, back.state.orientation, back.state.velocity, back.state.goal):
                        assert np.isfinite(values).all()


@pytest.mark.parametrize("kind", PACKETS)
@pytest.mark.fault(50, does="with a key: takes neither an unsigned answer nor an unsigned frame for its own")
def test_tag_missing_forged_truncated_or_of_another_key(kind):
    signed, unsigned = wire.encode(PACKETS[kind], KEY), wire.encode(PACKETS[kind])
    with pytest.raises(wire.BadTag, match="not signed"):
        wire.decode(unsigned, KEY)
    with pytest.raises(wire.BadTag):
        wire.decode(signed[:-8] + bytes(8), KEY)
    with pytest.raises(wire.BadTag):
        wire.decode(signed, OTHER_KEY)
    for missing in range(1, 9):
        with pytest.raises(wire.Truncated):
            wire.decode(signed[:-missing], KEY)


@pytest.mark.parametrize("kind", PACKETS)
def test_stripping_the_tag_and_the_signed_bit_does_not_help(kind):
    signed = wire.encode(PACKETS[kind], KEY)
    stripped = patched(signed[:-8], 3, "<B", signed[3] & 0x7F)
    wire.decode(stripped)  # sound for who has no key ...
    with pytest.raises(wire.BadTag):
        wire.decode(stripped, KEY)  # ... and refused by who has one


def test_changing_a_signed_packet_and_its_crc_does_not_help():
    signed = wire.encode(answer(), KEY)
    changed = patched(signed[:-8], 24, "<h", 3000) + signed[-8:]
    with pytest.raises(wire.BadTag, match="forged"):
        wire.decode(changed, KEY)


def test_a_tag_of_one_packet_does_not_fit_another():
    first, second = wire.encode(answer(), KEY), wire.encode(answer(sequence=8), KEY)
    with pytest.raises(wire.BadTag):
        wire.decode(second[:-8] + first[-8:], KEY)


@pytest.mark.parametrize("kind", PACKETS)
def test_signed_packets_are_refused_where_no_key_is_set(kind):
    """A key on one side only is a mistake of configuration: fail closed and say so."""
    with pytest.raises(wire.BadTag, match="no key is set on this side"):
        wire.decode(wire.encode(PACKETS[kind], KEY))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=wire.MAX_PACKET + 10), st.sampled_from([None, KEY]))
def test_fuzz_any_bytes_give_a_packet_or_a_named_error(data, key):
    try:
        wire.decode(data, key)
    except PacketError as error:
        assert type(error) is not PacketError


def test_every_number_that_decodes_can_be_encoded():
    data = wire.encode(answer())
    for offset in (23, 25, 27, 29):  # velocity and yaw rate at the least number of 16 bits
        data = patched(data, offset, "<h", -(1 << 15))
    assert wire.encode(wire.decode(data)) == data


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(PACKETS)),
    st.lists(st.tuples(st.integers(2, 200), st.integers(0, 255)), min_size=1, max_size=8),
    st.binary(max_size=16),
)
def test_fuzz_behind_the_checksum(kind, changes, tail):
    """Random fields with a right CRC: a fuzzer that stops at the CRC tests nothing behind it."""
    body = bytearray(wire.encode(PACKETS[kind])[:-4] + tail)
    for position, value in changes:
        body[position % len(body)] = value
    data = patched(bytes(body) + bytes(4), len(body) - 1, "<B", body[-1])
    try:
        packet = wire.decode(data)
    except PacketError as error:
        assert type(error) is not PacketError
    else:
        assert wire.encode(packet)  # what decodes can be sent again
