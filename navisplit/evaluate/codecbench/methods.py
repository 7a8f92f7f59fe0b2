"""What a compared method is, and the registry of their families.

A method has the four steps of the product's own loop, so that all are timed and counted alike::

    drone: head (what is computed on the picture) -> encode (bytes)     edge: decode (bytes) -> tail (depth)

Its bytes cross the link in packets of ``navisplit.wire``: at most MAX_PAYLOAD each, FEATURE_OVERHEAD more for header,
vehicle state and CRC.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import PacketError, UsageError, nearest_name
from navisplit.wire import FEATURE_OVERHEAD, MAX_PAYLOAD

if TYPE_CHECKING:
    from navisplit.evaluate.codecbench.context import Context
    from navisplit.train.dataset import Batch

Depth = NDArray[np.float32]  # (72, 128) m
Slices = Sequence[bytes]


@dataclass(frozen=True)
class Cost:
    """Size of what runs on the drone; an image codec has neither weights nor multiplications that count here."""

    parameters: int = 0
    macs: int = 0  # multiply-accumulates a frame, of convolutions and matrix products

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.parameters + other.parameters, self.macs + other.macs)


class Method(ABC):
    """One way at one rate. What a method remembers is only what ``see`` showed it."""

    family: ClassVar[str]  # set by ``family``
    title: ClassVar[str]  # of the family, for people
    name: str  # FAMILY:ARGUMENT
    cost: Cost = Cost()
    head_key: Hashable | None = None  # methods with the same one compute the same in ``head``
    tail_key: Hashable | None = None  # methods with the same one infer the same from equal symbols

    def see(self, clip: Batch) -> None:  # noqa: B027 - most methods have no memory
        """Frames that follow one another, of which the last is sent next: a method may remember those before."""

    @abstractmethod
    def head(self, rgb: NDArray[np.uint8]) -> Any:
        """What is computed on the drone for a picture (H, W, 3)."""

    @abstractmethod
    def encode(self, features: Any) -> list[bytes]:
        """Payloads of at most MAX_PAYLOAD bytes."""

    @abstractmethod
    def decode(self, slices: Slices) -> Any:
        """What the payloads say. Raises PacketError when they cannot be read."""

    @abstractmethod
    def tail(self, received: Any) -> Depth:
        """Depth, computed on the edge."""


M = TypeVar("M", bound=type[Method])
_FAMILIES: dict[str, type[Method]] = {}
_BUILT_IN = ("branches", "damaged", "features", "images", "maps")


def family(name: str, title: str) -> Callable[[M], M]:
    """Class decorator: ``name:ARGUMENT`` makes this class, called with (context, argument)."""

    def add(cls: M) -> M:
        cls.family, cls.title = name, title
        _FAMILIES[name] = cls
        return cls

    return add


def make(name: str, context: Context) -> Method:
    """The method ``FAMILY:ARGUMENT``. Raises UsageError with the nearest family, or from the family's own check."""
    key, _, argument = name.partition(":")
    if key not in families():
        raise UsageError(f"There is no way of sending depth called '{name}'.{nearest_name(key, families())}")
    method = families()[key](context, argument)  # type: ignore[call-arg]
    method.name = name
    return method


def families() -> dict[str, type[Method]]:
    """All families by name."""
    for module in _BUILT_IN:
        import_module(f"navisplit.evaluate.codecbench.{module}")
    return _FAMILIES


def wire_bytes(slices: Slices) -> int:
    """Bytes of a frame on the link: payloads, and of each packet header, vehicle state and CRC."""
    return sum(len(s) + FEATURE_OVERHEAD for s in slices)


def cut(data: bytes) -> list[bytes]:
    """A file as payloads; each is useless without the others."""
    return [data[i : i + MAX_PAYLOAD] for i in range(0, len(data), MAX_PAYLOAD)]


def join(slices: Sequence[bytes | None]) -> bytes:
    """Inverse of ``cut``. Raises PacketError when one was lost."""
    if not slices or any(s is None for s in slices):
        raise PacketError(f"{sum(s is None for s in slices)} of {len(slices)} packets of a file are lost; drop it.")
    return b"".join(s for s in slices if s is not None)


def macs_of(call: Callable[..., Any], *inputs: Any) -> int:
    """Multiply-accumulates of convolutions and matrix products in one call."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call(*inputs)
    return counter.get_total_flops() // 2
