"""The bytes of the packets: the only module that touches them.

Version 1, little endian, every number an integer (so that NaN and infinity have no encoding at all)::

    prefix   20 B  magic "NS" | version u8 | kind u8 (bit 7: signed) | model_hash u32 | sequence u32 | stamp_ns u64
    features  9 B  branch u8 | codec u8 | slice_index u8 | slice_count u8 | C u8 | H u8 | W u8 | payload length u16
    state    38 B  position 3 x i32 mm | orientation 4 x i16 / 32767 | velocity 3 x i16 cm/s | goal 3 x i32 mm
    payload  1..1200 B, one slice of a codec
    answer   13 B  branch u8 | received_slices u8 | confidence u8 / 255 | velocity 3 x i16 cm/s | yaw_rate i16 mrad/s |
                   clearance u16 cm                                                   (instead of features to payload)
    crc       4 B  CRC32C of all before it
    tag       8 B  only when signed: keyed BLAKE2b of all before it, the CRC included

A feature packet so costs 71 B beside its payload, an answer is 37 B, a tag 8 B more. The tag is 64 bits (our choice:
guessing one needs 2**63 packets; MAVLink 2 has 48). With a key set, unsigned packets are refused; without one, signed
packets are refused too, because a key that is set on one side only is a mistake to be seen at once. The tag does not
stop replays: ``navisplit.vehicle.guard`` does, by its own list of stamps, and ``navisplit.edge.server``, which wants
every signed frame to be newer than those answered. Give every drone its own key.
"""

from __future__ import annotations

import hmac
import math
import operator
import struct
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from google_crc32c import value as crc32c

from navisplit.errors import ConfigError
from navisplit.frames import Quaternion, Vector, VelocityCommand
from navisplit.wire.packets import (
    MAX_PAYLOAD,
    MAX_SYMBOLS,
    AnswerPacket,
    BadChecksum,
    BadField,
    BadKind,
    BadLength,
    BadMagic,
    BadTag,
    BadVersion,
    FeaturePacket,
    Kind,
    Truncated,
    VehicleState,
)

MAGIC = b"NS"
VERSION = 1

_PREFIX = struct.Struct("<2sBBIIQ")
_FEATURES = struct.Struct("<2sBBIIQ7BH3i4h3h3i")
_ANSWER = struct.Struct("<2sBBIIQ3B3hhH")
_CRC = struct.Struct("<I")
_TAG_BYTES = 8
_SIGNED = 0x80
_MM, _CM, _UNIT, _BYTE = 1000.0, 100.0, 32767.0, 255.0
_I16, _I32 = (1 << 15) - 1, (1 << 31) - 1
FEATURE_OVERHEAD = _FEATURES.size + _CRC.size
ANSWER_SIZE = _ANSWER.size + _CRC.size
MAX_PACKET = FEATURE_OVERHEAD + MAX_PAYLOAD + _TAG_BYTES


def encode(packet: FeaturePacket | AnswerPacket, key: bytes | None = None) -> bytes:
    """The packet's bytes, signed when there is a key (16 to 64 bytes, the same on both sides).

    Raises BadField or BadLength when a value has no place in the packet: not finite, out of range, too long.
    """
    features = isinstance(packet, FeaturePacket)
    kind = (Kind.FEATURES if features else Kind.ANSWER) | (0 if key is None else _SIGNED)
    prefix = (
        MAGIC,
        VERSION,
        kind,
        _unsigned("model_hash", packet.model_hash, 32),
        _unsigned("sequence", packet.sequence, 32),
        _unsigned("stamp_ns", packet.stamp_ns, 64),
    )
    data = _pack_features(prefix, packet) if isinstance(packet, FeaturePacket) else _pack_answer(prefix, packet)
    data += _CRC.pack(crc32c(data))
    return data if key is None else data + _tag(data, key)


def decode(data: bytes, key: bytes | None = None) -> FeaturePacket | AnswerPacket:
    """The packet in ``data``; whatever the bytes are, this returns a packet or raises a subclass of PacketError.

    Lengths are checked against constants before anything is allocated, the CRC and the tag before any field is read.
    """
    size, kind, signed = _check_frame(data)
    if signed != (key is not None):
        found, cure = ("signed", "set the peer's key here") if signed else ("not signed", "set this key there too")
        raise BadTag(f"Packet is {found}, and {'a' if key else 'no'} key is set on this side; {cure}, or drop it.")
    (crc,) = _CRC.unpack_from(data, size - _CRC.size)
    if crc32c(bytes(data[: size - _CRC.size])) != crc:
        raise BadChecksum(f"CRC32C of {size} bytes does not match {crc:#010x}; the packet was damaged, drop it.")
    if key is not None and not hmac.compare_digest(_tag(data[:size], key), bytes(data[size:])):
        raise BadTag("The tag does not match; the sender has another key, or the packet is forged.")
    return _unpack_features(data) if kind is Kind.FEATURES else _unpack_answer(data)


def _check_frame(data: bytes) -> tuple[int, Kind, bool]:
    """Check what can be checked by length and prefix alone: (bytes up to and with the CRC, kind, signed)."""
    found = len(data)
    if found > MAX_PACKET:
        raise BadLength(f"Packet of {found} bytes, expected at most {MAX_PACKET}; drop it.")
    if found < _PREFIX.size:
        raise Truncated(f"Packet of {found} bytes, expected at least {ANSWER_SIZE}; drop it.")
    magic, version, kind_byte, *_ = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise BadMagic(f"Magic {bytes(magic)!r}, expected {MAGIC!r}; this is not a NaviSplit packet.")
    if version != VERSION:
        raise BadVersion(f"Packet version {version}, expected {VERSION}; run the same NaviSplit on vehicle and edge.")
    signed = bool(kind_byte & _SIGNED)
    try:
        kind = Kind(kind_byte & ~_SIGNED)
    except ValueError:
        raise BadKind(f"Packet kind {kind_byte & ~_SIGNED}, expected {[int(k) for k in Kind]}; drop it.") from None
    size = ANSWER_SIZE
    if kind is Kind.FEATURES:
        if found < FEATURE_OVERHEAD:
            raise Truncated(f"Feature packet of {found} bytes, expected more than {FEATURE_OVERHEAD}; drop it.")
        (length,) = struct.unpack_from("<H", data, _PREFIX.size + 7)
        if not 1 <= length <= MAX_PAYLOAD:
            raise BadLength(f"Payload length {length}, expected 1 to {MAX_PAYLOAD}; drop it.")
        size = FEATURE_OVERHEAD + length
    expected = size + (_TAG_BYTES if signed else 0)
    if found < expected:
        raise Truncated(f"Packet of {found} bytes, expected {expected}; drop it.")
    if found > expected:
        raise BadLength(f"Packet of {found} bytes, expected {expected}; drop it.")
    return size, kind, signed


def _pack_features(prefix: tuple[bytes | int, ...], packet: FeaturePacket) -> bytes:
    """Prefix, feature header, state and payload."""
    if len(packet.shape) != 3:
        raise BadField(f"Shape {packet.shape}, expected (channels, height, width).")
    channels, height, width = packet.shape
    length = len(packet.payload)
    if not 1 <= length <= MAX_PAYLOAD:
        raise BadLength(f"Payload of {length} bytes, expected 1 to {MAX_PAYLOAD}; cut the frame into more slices.")
    names = ("branch", "codec", "slice_index", "slice_count", "channels", "height", "width")
    values = (packet.branch, packet.codec, packet.slice_index, packet.slice_count, channels, height, width)
    bytes_ = [_unsigned(name, value, 8) for name, value in zip(names, values, strict=True)]
    _check_layout(*bytes_[2:])
    state = packet.state
    _check_orientation(state.orientation)
    return (
        _FEATURES.pack(
            *prefix,
            *bytes_,
            length,
            *_quantise("position", state.position, 3, _MM, _I32),
            *_quantise("orientation", state.orientation, 4, _UNIT, _I16),
            *_quantise("velocity", state.velocity, 3, _CM, _I16),
            *_quantise("goal", state.goal, 3, _MM, _I32),
        )
        + packet.payload
    )


def _pack_answer(prefix: tuple[bytes | int, ...], packet: AnswerPacket) -> bytes:
    """Prefix and answer."""
    (confidence,) = _quantise("confidence", (packet.confidence,), 1, _BYTE, 255, low=0)
    (clearance,) = _quantise("clearance_m", (packet.clearance_m,), 1, _CM, (1 << 16) - 1, low=0)
    return _ANSWER.pack(
        *prefix,
        _unsigned("branch", packet.branch, 8),
        _unsigned("received_slices", packet.received_slices, 8),
        confidence,
        *_quantise("command velocity", packet.command.velocity, 3, _CM, _I16),
        *_quantise("yaw_rate", (packet.command.yaw_rate,), 1, 1000.0, _I16),
        clearance,
    )


def _unpack_features(data: bytes) -> FeaturePacket:
    """The packet of checked bytes; fields out of bounds raise BadField."""
    _, _, _, model_hash, sequence, stamp_ns, *rest = _FEATURES.unpack_from(data)
    branch, codec, index, count, channels, height, width, length, *state = rest
    _check_layout(index, count, channels, height, width)
    orientation = np.array(state[3:7]) / _UNIT
    _check_orientation(orientation)
    return FeaturePacket(
        model_hash=model_hash,
        branch=branch,
        codec=codec,
        sequence=sequence,
        stamp_ns=stamp_ns,
        slice_index=index,
        slice_count=count,
        shape=(channels, height, width),
        state=VehicleState(
            position=np.array(state[:3]) / _MM,
            orientation=orientation / math.sqrt(orientation @ orientation),
            velocity=np.array(state[7:10]) / _CM,
            goal=np.array(state[10:13]) / _MM,
        ),
        payload=bytes(data[_FEATURES.size : _FEATURES.size + length]),
    )


def _unpack_answer(data: bytes) -> AnswerPacket:
    """The answer of checked bytes: every bit pattern is a finite one."""
    _, _, _, model_hash, sequence, stamp_ns, branch, received, confidence, *numbers = _ANSWER.unpack_from(data)
    return AnswerPacket(
        model_hash=model_hash,
        sequence=sequence,
        stamp_ns=stamp_ns,
        command=VelocityCommand(np.array(numbers[:3]) / _CM, numbers[3] / 1000.0),
        clearance_m=numbers[4] / _CM,
        confidence=confidence / _BYTE,
        branch=branch,
        received_slices=received,
    )


def _check_layout(index: int, count: int, channels: int, height: int, width: int) -> None:
    """Bounds of the slice numbers and of the shape."""
    if index >= count:
        raise BadField(f"Slice {index} of {count}, expected an index below the count; drop the packet.")
    symbols = channels * height * width
    if not 1 <= symbols <= MAX_SYMBOLS:
        raise BadField(f"Shape {(channels, height, width)}, expected 1 to {MAX_SYMBOLS} symbols; drop the packet.")


def _check_orientation(orientation: Quaternion) -> None:
    """Refuse what is no rotation: a wrong norm, NaN (for which the comparison is false)."""
    norm = math.hypot(*(float(v) for v in orientation))
    if not 0.99 <= norm <= 1.01:
        raise BadField(f"Orientation of norm {norm:.3g}, expected a unit quaternion; check the odometry.")


def _quantise(
    name: str, values: Vector | Sequence[float], count: int, scale: float, high: int, low: int | None = None
) -> list[int]:
    """Values to integers of ``1 / scale``, refused by name where they do not fit (or are NaN or infinite)."""
    least = -high - 1 if low is None else low  # two's complement: what can be decoded can be encoded
    if len(values) != count:
        raise BadField(f"{name} has {len(values)} numbers, expected {count}.")
    scaled = [float(v) * scale for v in values]
    for number in scaled:
        if not least - 0.5 <= number <= high + 0.5:  # false for NaN too; half a step is forgiven and clipped
            raise BadField(f"{name} is {number / scale:g}, expected {least / scale:g} to {high / scale:g}.")
    return [min(max(round(number), least), high) for number in scaled]


def _unsigned(name: str, value: int, bits: int) -> int:
    """``value`` as an int of at most ``bits`` bits, refused by name otherwise."""
    try:
        number = operator.index(value)
    except TypeError:
        raise BadField(f"{name} is {value!r}, expected an integer.") from None
    if not 0 <= number < 1 << bits:
        raise BadField(f"{name} is {number}, expected 0 to {(1 << bits) - 1}.")
    return number


def _tag(data: bytes, key: bytes) -> bytes:
    """Keyed BLAKE2b of ``data``; ``person`` keeps these tags apart from any other use of the same key."""
    if not 16 <= len(key) <= 64:
        raise ConfigError(f"The link's key has {len(key)} bytes, expected 16 to 64; e.g. `openssl rand -hex 32`.")
    return blake2b(data, digest_size=_TAG_BYTES, key=key, person=b"navisplit/wire/1").digest()
