"""One client's end of the wire: requests in, replies out, and the bounds within which it can use the server.

Whatever a client sends, or does not read, harms only itself: what is not msgpack-RPC ends its connection, and a client
that is ahead of its replies is not listened to until it has read them.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from navisplit.sim.rpc.codec import NOTIFICATION, REQUEST, encode_response, unpacker

TURN_S = 0.002  # how long the requests of one client are served before the others have their turn
MAX_PICTURES, MAX_WAITING = 32, 4096  # of one client: pictures and other slow work, and replies of any kind, under way
UNREAD, WAITING, TURN = "unread", "waiting", "turn"  # why a client is not listened to for now


class Host(Protocol):
    """What a connection needs of the server."""

    connections: set[Connection]

    def accept(self, connection: Connection) -> bool:
        """Whether there is room for one more."""

    def serve(self, connection: Connection, number: int | None, method: str, arguments: list[Any]) -> None:
        """Run one request."""

    def leave(self, connection: Connection) -> None:
        """A client has gone."""

    def notify(self, line: str) -> None:
        """Tell the operator."""


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, host: Host, *, turn_s: float = TURN_S) -> None:
        self._host = host
        self._turn_s = turn_s
        self._unpacker = unpacker()
        self._transport: asyncio.Transport | None = None
        self._held: set[str] = set()
        self._pictures = 0  # slow replies under way
        self._waiting = 0  # replies under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._host.accept(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone; what it commanded goes on, as in AirSim."""
        self._transport = None
        self._host.leave(self)

    @property
    def listening(self) -> bool:
        """Whether requests are taken from it now."""
        return not self._held

    def pause_writing(self) -> None:
        """A client that does not read is not listened to until it does."""
        self._hold(UNREAD)

    def resume_writing(self) -> None:
        """It reads again."""
        self._release(UNREAD)

    def data_received(self, data: bytes) -> None:
        """Requests, possibly several or a part of one."""
        try:
            self._unpacker.feed(data)
        except Exception as error:  # noqa: BLE001 - more than the unpacker holds
            self._refuse(error)
            return
        if not self._held:
            self._drain()

    def _drain(self) -> None:
        """Serve what has arrived, for one turn."""
        end_s = time.monotonic() + self._turn_s
        try:
            for message in self._unpacker:
                self._handle(message)
                if self._held or self._transport is None:
                    return
                if time.monotonic() >= end_s:
                    self._hold(TURN)
                    asyncio.get_running_loop().call_soon(self._release, TURN)
                    return
        except Exception as error:  # noqa: BLE001 - whatever a broken client sends must harm only itself
            self._refuse(error)

    def _handle(self, message: Any) -> None:
        kind = message[0] if isinstance(message, list) and message else None
        if kind == REQUEST and len(message) == 4:
            number, method, arguments = message[1:]
        elif kind == NOTIFICATION and len(message) == 3:
            number, (method, arguments) = None, message[1:]
        else:
            raise ValueError("not a request")
        numbered = number is None if kind == NOTIFICATION else type(number) is int
        if not numbered or not isinstance(method, str) or not isinstance(arguments, list):
            raise ValueError("not a request")
        self._host.serve(self, number, method, arguments)

    # Replies ----------------------------------------------------------------------------------------------------------
    def reply(self, number: int | None, error: str | None, result: Any) -> None:
        """Answer a request; a notification (``number`` None) is not answered."""
        if number is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_response(number, error, result))

    def owe(self, *, picture: bool) -> None:
        """A reply will come later."""
        self._waiting += 1
        self._pictures += picture
        if self._pictures >= MAX_PICTURES or self._waiting >= MAX_WAITING:
            self._hold(WAITING)

    def pay(self, number: int | None, error: str | None, result: Any, *, picture: bool) -> None:
        """The reply that was owed."""
        self._waiting -= 1
        self._pictures -= picture
        self.reply(number, error, result)
        if self._pictures < MAX_PICTURES and self._waiting < MAX_WAITING:
            self._release(WAITING)

    # Flow -------------------------------------------------------------------------------------------------------------
    def _hold(self, reason: str) -> None:
        self._held.add(reason)
        if self._transport is not None:
            self._transport.pause_reading()

    def _release(self, reason: str) -> None:
        if reason not in self._held:
            return
        self._held.discard(reason)
        if not self._held and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            if reason == TURN:
                self._drain()
            else:  # not from within a reply that is being sent in the middle of a turn
                self._held.add(TURN)
                asyncio.get_running_loop().call_soon(self._release, TURN)

    def _refuse(self, error: Exception) -> None:
        self._host.notify(f"Closed a connection that does not speak msgpack-RPC ({type(error).__name__}).")
        self.close()

    def close(self) -> None:
        """Hang up; what is on its way to the client still goes out, if it reads it."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()
