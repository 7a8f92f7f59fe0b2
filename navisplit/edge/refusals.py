"""Why the edge server refuses a packet that is whole."""

from __future__ import annotations

from navisplit.errors import PacketError


class WrongModel(PacketError):
    """The features were made by another branch set than the server's."""


class NotFeatures(PacketError):
    """An answer, where features are expected."""


class OldFrame(PacketError):
    """A slice of a frame that is answered already, or older than one that is."""


class Replayed(PacketError):
    """A signed packet of a frame that is not newer than one answered: recorded, and sent again."""


class InconsistentSlices(PacketError):
    """Two slices of one frame that disagree about the frame."""


class NotFinite(PacketError):
    """Depth that is not a number somewhere: the network diverged, or its weights are damaged."""
