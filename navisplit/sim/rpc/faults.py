"""How a refused or failed call is told: with the texts of rpclib, which AirSim's users know."""

from __future__ import annotations


class RpcFault(Exception):
    """A refusal; its text goes to the client as it is."""


class HandlerError(Exception):
    """Raised by a handler: rpclib wraps its text and names the function."""


class UnknownFailure(Exception):
    """A handler failed with what AirSim throws as a non-standard exception (an unknown camera)."""


class BadCast(HandlerError):
    """An argument of the wrong type."""

    def __init__(self) -> None:
        super().__init__("std::bad_cast")


def fault(name: str, count: int, error: Exception) -> RpcFault:
    """How rpclib reports an exception in a handler."""
    start = f"rpclib: function '{name}' (called with {count} arg(s)) threw an exception. The exception "
    if isinstance(error, UnknownFailure):
        return RpcFault(
            f"{start}is not derived from std::exception. No further information available. {error}".rstrip()
        )
    return RpcFault(f"{start}contained this information: {error}.")
