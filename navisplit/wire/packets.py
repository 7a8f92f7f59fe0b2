"""The two packets of the link, their limits, and the named reasons to refuse one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from navisplit.errors import PacketError
from navisplit.frames import Quaternion, Vector, VelocityCommand

MAX_PAYLOAD = 1200
"""Bytes of a slice: with our 71-79 B and UDP/IP's 28 a packet fits 1,500 B Ethernet, and a tunnel inside it."""
MAX_SYMBOLS = 1 << 18
"""Bound of C x H x W (our choice: 14 times the richest branch planned): what a receiver may allocate for one packet."""


class Truncated(PacketError):
    """Fewer bytes than the packet needs."""


class BadMagic(PacketError):
    """Not a NaviSplit packet."""


class BadVersion(PacketError):
    """A NaviSplit packet of a version that this build does not speak."""


class BadKind(PacketError):
    """Neither features nor an answer."""


class BadLength(PacketError):
    """More bytes than announced, or an announced length out of bounds."""


class BadChecksum(PacketError):
    """The CRC32C does not match: damaged on the way."""


class BadTag(PacketError):
    """The keyed tag is missing, unexpected or wrong: not from our peer."""


class BadField(PacketError):
    """A field holds a value that the packet does not allow."""


class Kind(IntEnum):
    """What a packet carries."""

    FEATURES = 1
    ANSWER = 2


@dataclass(frozen=True, eq=False)
class VehicleState:
    """What the edge knows of the vehicle, in every slice (ENU metres, metres per second)."""

    position: Vector  # (3,) m, to 1 mm
    orientation: Quaternion  # (4,) xyzw, unit, to 2e-5
    velocity: Vector  # (3,) m/s, to 1 cm/s
    goal: Vector  # (3,) m, to 1 mm


@dataclass(frozen=True, eq=False)
class FeaturePacket:
    """One slice of one frame, vehicle to edge."""

    model_hash: int  # u32 of the branch set's weights and tables
    branch: int  # u8
    codec: int  # u8
    sequence: int  # u32, of the frame: the same in all its slices
    stamp_ns: int  # u64, capture stamp by the vehicle's clock
    slice_index: int
    slice_count: int
    shape: tuple[int, int, int]  # C, H, W of the symbols of the whole frame
    state: VehicleState
    payload: bytes


@dataclass(frozen=True, eq=False)
class AnswerPacket:
    """The edge's answer to one frame, edge to vehicle."""

    model_hash: int
    sequence: int
    stamp_ns: int  # the frame's capture stamp, echoed
    command: VelocityCommand  # to 1 cm/s and 1 mrad/s
    clearance_m: float  # free distance ahead along the command, 0..655.35
    confidence: float  # 0..1
    branch: int
    received_slices: int
