"""Feature codecs behind one registry.

A codec turns the integer symbols of a frame into slices of at most one packet and back. Every slice can be decoded
alone, says itself which channels (or rows of one channel) it holds, and is refused with a PacketError when it is
damaged. Adding a codec is one class::

    @register("mine")
    class Mine:
        id = 7
        entropy_coded = True
        def encode(self, symbols, tables, max_payload): ...
        def decode(self, slices, shape, tables): ...
"""

from navisplit.codecs.registry import FeatureCodec, codec, codec_by_id, codec_names, register
from navisplit.codecs.tables import Tables

__all__ = ["FeatureCodec", "Tables", "codec", "codec_by_id", "codec_names", "register"]
