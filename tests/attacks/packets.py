"""Sound packets for the tests to break, and the means to make a broken one look sound again."""

import struct

import numpy as np
from google_crc32c import value as crc32c

from navisplit.frames import VelocityCommand
from navisplit.wire import AnswerPacket, FeaturePacket, VehicleState

KEY = bytes(range(32))


def state(**changes) -> VehicleState:
    fields = dict(
        position=np.array([1.5, -2.25, 3.0]),
        orientation=np.array([0.0, 0.0, 0.6, 0.8]),
        velocity=np.array([3.0, -0.5, 0.01]),
        goal=np.array([100.0, -40.0, 2.5]),
    )
    return VehicleState(**{**fields, **changes})


def features(**changes) -> FeaturePacket:
    fields = dict(
        model_hash=0xDEADBEEF,
        branch=2,
        codec=1,
        sequence=7,
        stamp_ns=1_700_000_000_123_456_789,
        slice_index=1,
        slice_count=3,
        shape=(16, 18, 32),
        state=state(),
        payload=b"payload",
    )
    return FeaturePacket(**{**fields, **changes})


def answer(**changes) -> AnswerPacket:
    fields = dict(
        model_hash=0xDEADBEEF,
        sequence=7,
        stamp_ns=1_700_000_000_123_456_789,
        command=VelocityCommand(np.array([2.5, -1.0, 0.25]), -0.75),
        clearance_m=12.34,
        confidence=0.8,
        branch=2,
        received_slices=3,
    )
    return AnswerPacket(**{**fields, **changes})


def patched(data: bytes, offset: int, layout: str, value: int) -> bytes:
    """An unsigned packet with one field overwritten and its CRC made right again."""
    body = bytearray(data[:-4])
    struct.pack_into(layout, body, offset, value)
    return bytes(body) + struct.pack("<I", crc32c(bytes(body)))
