"""The method table: every RPC method with the names and kinds of its parameters, filled by the ``rpc`` decorator.

Argument counts and types are checked here, once, and refused with the texts of rpclib, which AirSim's users know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from navisplit.sim.rpc.conversions import ImageRequest, convert
from navisplit.sim.rpc.faults import BadCast, HandlerError, RpcFault, UnknownFailure, fault


class Status(Enum):
    """How close a method is to AirSim's."""

    FULL = "full"  # does what AirSim documents
    DIFFERS = "differs"  # does it in another way, which is told
    NEUTRAL = "neutral"  # only Unreal can: AirSim's neutral answer, and a notice to the operator


@dataclass(frozen=True)
class Method:
    """One entry. Cosys-AirSim's client, which leaves out or adds a trailing argument here and there, is understood."""

    name: str
    parameters: tuple[tuple[str, str], ...]  # (name, kind), AirSim's
    handler: Callable[..., Any]
    optional: int = 0  # trailing ones that Cosys' client leaves out
    extra: tuple[tuple[str, str], ...] = ()  # further ones that only Cosys' client sends
    status: Status = Status.FULL
    difference: str = ""  # from AirSim, in a phrase, for docs/airsim_compatibility.md

    def __post_init__(self) -> None:
        if (self.status is Status.FULL) != (not self.difference):
            raise ValueError(f"{self.name}: state a difference exactly when the status is not full.")

    def bind(self, arguments: list[Any]) -> list[Any]:
        """Converted arguments. Raises RpcFault with rpclib's text."""
        expected, got = len(self.parameters), len(arguments)
        if not expected - self.optional <= got <= expected + len(self.extra):
            raise RpcFault(
                f"rpclib: client error C0002: Function '{self.name}' was called with an invalid number of arguments. "
                f"Expected: {expected}, got: {got}"
            )
        known = self.parameters + self.extra
        return [
            convert("external" if name == "external" else kind, value, name)
            for (name, kind), value in zip(known, arguments, strict=False)
        ]


METHODS: dict[str, Method] = {}


def rpc(
    signature: str = "", *, name: str = "", differs: str = "", neutral: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a handler.

    ``signature``: ``"name:kind name:kind"``; a kind in brackets is an array; Cosys' client may leave out one with ``?``
    and may add one with ``+``. ``differs``: in what the method is not as AirSim documents it, in a phrase; ``neutral``:
    the same for one that has no effect here.
    """
    status = Status.NEUTRAL if neutral else Status.DIFFERS if differs else Status.FULL

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        method = name or handler.__name__
        pairs = [tuple(part.split(":")) for part in signature.split()]
        optional = sum(kind.endswith("?") for _, kind in pairs)
        parameters = tuple((n, k.rstrip("?")) for n, k in pairs if not k.endswith("+"))
        extra = tuple((n, k.rstrip("+")) for n, k in pairs if k.endswith("+"))
        METHODS[method] = Method(method, parameters, handler, optional, extra, status, neutral or differs)
        return handler

    return register


def find(name: str, count: int) -> Method:
    """By name. Raises RpcFault with rpclib's text."""
    if name not in METHODS:
        raise RpcFault(f"rpclib: server could not find function '{name}' with argument count {count}.")
    return METHODS[name]


def call(name: str, arguments: list[Any], service: Any) -> Any:
    """Run a method on ``service``. Raises RpcFault; whatever a handler raises is worded as rpclib would."""
    method = find(name, len(arguments))
    try:
        return method.handler(service, *method.bind(arguments))
    except (HandlerError, UnknownFailure) as error:
        raise fault(name, len(arguments), error) from None


__all__ = [
    "METHODS",
    "BadCast",
    "HandlerError",
    "ImageRequest",
    "Method",
    "RpcFault",
    "Status",
    "UnknownFailure",
    "call",
    "convert",
    "fault",
    "find",
    "rpc",
]
