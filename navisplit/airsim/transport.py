"""A stand-in for ``msgpackrpc``, so that the unmodified ``airsim`` client runs on msgpack >= 1 and Python 3.10+.

One socket and one reader thread a client. Against the original: requests leave at once, a client may be shared by
threads, numpy numbers may be arguments, a server that dies is reported at once, and replies are parsed once.
"""

from __future__ import annotations

import itertools
import socket
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import msgpack

REQUEST, RESPONSE, NOTIFICATION = 0, 1, 2
MAX_REPLY_BYTES = 2**31 - 1
CONNECT_TIMEOUT_S = 5.0
COSYS_SERVER_VERSION = 4  # from here on, camera calls take no trailing ``external``

CAMERA_CALLS = frozenset(
    (
        *("simGetImages", "simGetImage", "simGetCameraInfo", "simSetCameraPose", "simSetCameraFov", "simGetDetections"),
        *("simGetPresetLensSettings", "simGetLensSettings", "simSetPresetLensSettings", "simGetPresetFilmbackSettings"),
        *("simSetPresetFilmbackSettings", "simGetFilmbackSettings", "simSetFilmbackSettings", "simGetFocalLength"),
        *("simSetFocalLength", "simEnableManualFocus", "simGetFocusDistance", "simSetFocusDistance"),
        *("simGetFocusAperture", "simSetFocusAperture", "simEnableFocusPlane", "simGetCurrentFieldOfView"),
        *("simAddDetectionFilterMeshName", "simSetDetectionFilterRadius", "simClearDetectionMeshNames"),
        *("simSetDistortionParam", "simGetDistortionParams"),
    )
)


class RPCError(Exception):
    """The server refused or failed."""


class TimeoutError(RPCError):  # noqa: A001 - the name that msgpackrpc has
    """No reply in time."""


class TransportError(RPCError):
    """No connection, or it was lost."""


class Address:
    """Host and port."""

    def __init__(self, host: str, port: int, family: int = 0) -> None:
        self.host, self.port = host, port

    def unpack(self) -> tuple[str, int]:
        """As ``socket`` takes it."""
        return self.host, self.port


class Future:
    """A reply that may still be on its way."""

    def __init__(self, timeout_s: float | None) -> None:
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._timeout_s = timeout_s
        self._callback: Callable[[Future], Any] | None = None
        self.result: Any = None
        self.error: Any = None

    def settle(self, error: Any, result: Any) -> None:
        """Called by the reader, or by a timeout: the first one counts."""
        with self._lock:
            if self._ready.is_set():
                return
            self.error, self.result = error, result
            self._ready.set()
            callback = self._callback
        if callback is not None:
            callback(self)

    def join(self) -> None:
        """Wait for the reply; afterwards ``error`` and ``result`` are set."""
        if not self._ready.wait(self._timeout_s):
            self.settle(TimeoutError("Request timed out"), None)

    def get(self) -> Any:
        """Wait and return the result. Raises RPCError."""
        self.join()
        if self.error is None:
            return self.result
        raise self.error if isinstance(self.error, RPCError) else RPCError(self.error)

    def attach_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call ``callback(future)`` on the reply."""
        with self._lock:
            self._callback = callback
            settled = self._ready.is_set()
        if settled:
            callback(self)


def _wire(value: Any) -> Any:
    """What msgpack cannot write itself: AirSim's structs and numpy numbers."""
    if hasattr(value, "to_msgpack"):
        return value.to_msgpack()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"cannot send {type(value).__name__} to the simulator")


class Client:
    """A connection, opened with the first request and again after a loss."""

    def __init__(
        self, address: Address, timeout: float | None = 10, reconnect_limit: int = 5, **_encodings: Any
    ) -> None:
        """``timeout`` seconds a call may take; the encodings that msgpackrpc takes are always UTF-8."""
        self._address, self._timeout_s, self._attempts = address, timeout, max(1, reconnect_limit)
        self._socket: socket.socket | None = None
        self._numbers = itertools.count()
        self._pending: dict[int, Future] = {}
        self._lock = threading.Lock()
        self._server_version: int | None = None

    def call(self, method: str, *arguments: Any) -> Any:
        """Send and wait for the result. Raises RPCError."""
        return self.call_async(method, *arguments).get()

    def call_async(self, method: str, *arguments: Any) -> Future:
        """Send now, answer later. Raises TransportError when there is no server."""
        future = Future(self._timeout_s)
        number = next(self._numbers) & 0x3FFFFFFF
        message = [REQUEST, number, method, self._fitting(method, arguments)]
        data = msgpack.packb(message, default=_wire, use_bin_type=True)
        with self._lock:
            connection = self._connected()
            self._pending[number] = future
            try:
                connection.sendall(data)
            except OSError as error:
                self._pending.pop(number, None)
                self._drop(connection)
                raise TransportError(f"connection lost: {error}") from None
        return future

    def notify(self, method: str, *arguments: Any) -> None:
        """Send without a reply."""
        data = msgpack.packb([NOTIFICATION, method, arguments], default=_wire, use_bin_type=True)
        with self._lock:
            self._connected().sendall(data)

    def close(self) -> None:
        """Hang up; pending futures fail."""
        with self._lock:
            connection = self._socket
            if connection is not None:
                self._drop(connection)

    def _fitting(self, method: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Cosys-AirSim refuses the trailing ``external`` of airsim 1.8.1's camera calls: leave it out there."""
        if method not in CAMERA_CALLS or not arguments or not isinstance(arguments[-1], bool):
            return arguments
        if self._server_version is None:
            self._server_version = int(self.call("getServerVersion"))
        return arguments[:-1] if self._server_version >= COSYS_SERVER_VERSION else arguments

    def _connected(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        problem: OSError | None = None
        for _ in range(self._attempts):
            try:
                connection = socket.create_connection(self._address.unpack(), timeout=CONNECT_TIMEOUT_S)
                break
            except OSError as error:
                problem = error
        else:
            raise TransportError(f"Retry connection over the limit: {problem}")
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._server_version, self._pending = connection, None, {}
        reader = threading.Thread(
            target=self._read, args=(connection, self._pending), daemon=True, name="airsim-reader"
        )
        reader.start()
        return connection

    def _read(self, connection: socket.socket, pending: dict[int, Future]) -> None:
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=MAX_REPLY_BYTES)
        reason = "connection closed by the simulator"
        try:
            while data := connection.recv(1 << 18):
                unpacker.feed(data)
                for _, number, error, result in unpacker:
                    future = pending.pop(number, None)
                    if future is not None:
                        future.settle(error, result)
        except Exception as problem:  # noqa: BLE001 - a reply that cannot be read ends the connection, not the program
            reason = f"connection lost: {problem!r}"
        with self._lock:
            self._drop(connection)
        for future in list(pending.values()):
            future.settle(TransportError(reason), None)

    def _drop(self, connection: socket.socket) -> None:
        """Close a socket; its reader then ends the pending futures. Needs the lock."""
        if self._socket is connection:
            self._socket = None
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # already gone
        connection.close()


def install_transport() -> None:
    """Put the stand-in into ``sys.modules`` as ``msgpackrpc``; call it before ``import airsim``."""
    if getattr(sys.modules.get("msgpackrpc"), "__version__", "").endswith("+navisplit"):
        return
    package = types.ModuleType("msgpackrpc")
    errors, futures = types.ModuleType("msgpackrpc.error"), types.ModuleType("msgpackrpc.future")
    for each in (RPCError, TimeoutError, TransportError):
        setattr(errors, each.__name__, each)
        setattr(package, each.__name__, each)
    for each in (Address, Future, Client):
        setattr(package, each.__name__, each)
    setattr(futures, "Future", Future)  # noqa: B010 - modules have no declared attributes
    for name, value in {"__version__": "0.4.1+navisplit", "error": errors, "future": futures}.items():
        setattr(package, name, value)
    sys.modules.update({"msgpackrpc": package, "msgpackrpc.error": errors, "msgpackrpc.future": futures})
    _restore_numpy_names()


def _restore_numpy_names() -> None:
    """Airsim 1.8.1 uses ``np.sctypes`` and binary ``np.fromstring``, which numpy 2 took away."""
    import numpy as np

    if not hasattr(np, "sctypes"):
        np.sctypes = {  # type: ignore[attr-defined]
            "int": [np.int8, np.int16, np.int32, np.int64],
            "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
            "float": [np.float16, np.float32, np.float64],
        }
    if int(np.__version__.split(".")[0]) >= 2 and not hasattr(np.fromstring, "binary"):
        original = np.fromstring

        def fromstring(text: Any, dtype: Any = float, count: int = -1, *, sep: str = "", **options: Any) -> Any:
            if sep == "":
                data = text.encode("latin1") if isinstance(text, str) else text
                return np.frombuffer(data, dtype, count).copy()
            return original(text, dtype, count, sep=sep, **options)

        fromstring.binary = True  # type: ignore[attr-defined]
        np.fromstring = fromstring
