"""The packets that cross the link: what they hold (``packets``) and their bytes (``layout``)."""

from navisplit.wire.layout import ANSWER_SIZE, FEATURE_OVERHEAD, MAGIC, MAX_PACKET, VERSION, decode, encode
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

__all__ = [
    "ANSWER_SIZE",
    "FEATURE_OVERHEAD",
    "MAGIC",
    "MAX_PACKET",
    "MAX_PAYLOAD",
    "MAX_SYMBOLS",
    "VERSION",
    "AnswerPacket",
    "BadChecksum",
    "BadField",
    "BadKind",
    "BadLength",
    "BadMagic",
    "BadTag",
    "BadVersion",
    "FeaturePacket",
    "Kind",
    "Truncated",
    "VehicleState",
    "decode",
    "encode",
]
