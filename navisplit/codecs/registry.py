"""The registry: codecs by name (configuration) and by id (packets)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs.tables import Tables
from navisplit.errors import PacketError, UsageError, nearest_name


class FeatureCodec(Protocol):
    """What the head encodes with and the tail decodes with. Codecs hold no state between frames."""

    id: int  # u8 in the packet, never reused
    name: str  # set by ``register``
    entropy_coded: bool  # whether bytes depend on the symbols; without that, training has no rate to steer

    def encode(self, symbols: NDArray[np.int16], tables: Tables, max_payload: int) -> list[bytes]:
        """Symbols (C, H, W) to independent slices of at most ``max_payload`` bytes.

        Raises UsageError when a symbol is outside its channel's alphabet or the tables do not fit the symbols.
        """
        ...

    def decode(
        self, slices: Sequence[bytes | None], shape: tuple[int, int, int], tables: Tables
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Slices in any order, None where one was lost, to symbols (C, H, W) and the mask of those received.

        Symbols not received are 0. Raises PacketError when a slice is damaged, or two hold the same symbols.
        """
        ...


Codec = TypeVar("Codec", bound=type)
_BY_NAME: dict[str, FeatureCodec] = {}
_BUILT_IN = ("navisplit.codecs.rans", "navisplit.codecs.raw8", "navisplit.codecs.context")


def register(name: str) -> Callable[[Codec], Codec]:
    """Class decorator: make a codec known under ``name`` and its ``id``. Raises UsageError when either is taken."""

    def add(cls: Codec) -> Codec:
        for known in _BY_NAME.values():
            if known.name == name or known.id == cls.id:  # type: ignore[attr-defined]
                raise UsageError(
                    f"Codec '{name}' (id {cls.id}) collides with '{known.name}' (id {known.id}); "  # type: ignore[attr-defined]
                    "choose another name and an id from 1 to 255 that is free."
                )
        cls.name = name  # type: ignore[attr-defined]
        _BY_NAME[name] = cls()
        return cls

    return add


def codec(name: str) -> FeatureCodec:
    """The codec of that name. Raises UsageError with the nearest known name."""
    _load()
    if name not in _BY_NAME:
        raise UsageError(f"There is no codec '{name}'.{nearest_name(name, _BY_NAME)}")
    return _BY_NAME[name]


def codec_by_id(number: int) -> FeatureCodec:
    """The codec that a packet names. Raises PacketError: an unknown number is the packet's fault."""
    _load()
    for known in _BY_NAME.values():
        if known.id == number:
            return known
    known_ids = {c.id: c.name for c in _BY_NAME.values()}
    raise PacketError(f"The packet names codec {number}, known are {known_ids}; update this side, or drop the packet.")


def codec_names() -> list[str]:
    """All names, sorted."""
    _load()
    return sorted(_BY_NAME)


def _load() -> None:
    """Import the built-in codecs, on first need: an entropy coder is not paid for by ``navisplit --help``."""
    for module in _BUILT_IN:
        import_module(module)
