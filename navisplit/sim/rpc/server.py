"""The RPC server: one asyncio loop that owns the simulation, its clock and every connection.

State is touched by this loop only, so nothing needs a lock. Pictures are rendered in one worker thread, from a camera
pose fixed when the request came, while the clock and all other requests go on. A move's reply is sent when it ends.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from navisplit.errors import SimulatorError
from navisplit.sim.commands import Task
from navisplit.sim.rpc import (
    methods_camera,
    methods_camera_detection,
    methods_camera_lens,
    methods_flight,
    methods_vehicle,
    methods_weather,
    methods_world,
)
from navisplit.sim.rpc.codec import NOTIFICATION, REQUEST, encode_response, unpacker
from navisplit.sim.rpc.images import load_palette
from navisplit.sim.rpc.pacing import Pacer, Waiting
from navisplit.sim.rpc.service import Later, Service
from navisplit.sim.rpc.table import HandlerError, RpcFault, call, fault
from navisplit.sim.simulation import Simulation

METHOD_MODULES = (  # importing them fills the table
    *(methods_world, methods_vehicle, methods_flight, methods_weather),
    *(methods_camera, methods_camera_lens, methods_camera_detection),
)
SLOW_NOTICE_S = 1.0  # lost wall time after which the operator is told, once


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 takes a free one. Raises SimulatorError when the port is taken.

    Opened before the world is built: a busy port is told at once, and an early client waits instead of failing.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise SimulatorError(
                f"port {port} is in use on {host}: is another simulator running? Stop it, or choose --port."
            ) from None
        raise SimulatorError(f"cannot listen on {host}:{port} ({error}). Choose another --port.") from None
    return listener


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._unpacker = unpacker()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone; what it commanded goes on, as in AirSim."""
        self._transport = None
        self._server.connections.discard(self)

    def pause_writing(self) -> None:
        """A client that does not read is not listened to until it does."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Requests, possibly several or a part of one. What is not msgpack-RPC ends the connection."""
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                self._handle(message)
        except Exception as error:  # noqa: BLE001 - whatever a broken client sends must harm only itself
            self._server.notify(f"Closed a connection that does not speak msgpack-RPC ({type(error).__name__}).")
            self.close()

    def _handle(self, message: Any) -> None:
        kind = message[0] if isinstance(message, list) and message else None
        if kind == REQUEST and len(message) == 4:
            number, method, arguments = message[1:]
        elif kind == NOTIFICATION and len(message) == 3:
            number, (method, arguments) = None, message[1:]
        else:
            raise ValueError("not a request")
        if not isinstance(method, str) or not isinstance(arguments, list) or isinstance(number, (bool, float, str)):
            raise ValueError("not a request")
        self._server.serve(method, arguments, lambda error, result: self._reply(number, error, result))

    def _reply(self, number: int | None, error: str | None, result: Any) -> None:
        if number is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_response(number, error, result))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


class Server:
    """Serves one simulation until told to stop."""

    def __init__(
        self,
        simulation: Simulation,
        listener: socket.socket,
        *,
        clock_speed: float = 1.0,
        notify: Callable[[str], None] = print,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``listener`` from ``listen``; ``notify`` gets one-line messages; ``clock`` is the wall clock that paces."""
        self.simulation = simulation
        self.host, self.port = listener.getsockname()[:2]
        self._listener = listener
        self.notify = notify
        self.connections: set[Connection] = set()
        self._clock = clock
        self._pacer = Pacer(simulation, clock_speed, clock())
        self._service = Service(simulation, self._pacer, notify)
        if simulation.settings.palette is not None:
            self._service.palette = load_palette(simulation.settings.palette)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="camera")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._told_slow = False

    async def run(self, ready: Callable[[Server], None]) -> None:
        """Serve the listener, call ``ready``, and go on until ``stop`` or SIGINT/SIGTERM."""
        self._loop = loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), sock=self._listener)
        self._install_signals(loop)
        ticking = loop.create_task(self._tick())
        ticking.add_done_callback(lambda _: self.stop())  # without a clock there is no simulator
        ready(self)
        try:
            await self._stop.wait()
        finally:
            server.close()
            for connection in list(self.connections):
                connection.close()
            self._worker.shutdown(wait=True, cancel_futures=True)
            ticking.cancel()
        if ticking.done() and not ticking.cancelled():
            ticking.result()

    def stop(self) -> None:
        """End ``run``; callable from the loop's thread."""
        self._stop.set()

    def serve(self, method: str, arguments: list[Any], reply: Callable[[str | None, Any], None]) -> None:
        """Run one request; ``reply(error, result)`` is called now or when its command, wait or picture is done."""
        count = len(arguments)
        try:
            outcome = call(method, arguments, self._service)
        except RpcFault as refusal:
            reply(str(refusal), None)
            return
        except Exception as error:  # noqa: BLE001 - a defect in one method must not end the others
            reply(str(fault(method, count, HandlerError(f"{type(error).__name__}: {error}"))), None)
            return
        self._wake.set()
        if isinstance(outcome, (Task, Waiting)):
            outcome.when_done(
                lambda task: reply(_error_of(method, count, task.error), None if task.error else task.result)
            )
        elif isinstance(outcome, Later):
            self._later(method, count, outcome, reply)
        else:
            reply(None, outcome)

    def _later(self, method: str, count: int, later: Later, reply: Callable[[str | None, Any], None]) -> None:
        assert self._loop is not None
        future = self._loop.run_in_executor(self._worker, later.work)

        def done(finished: asyncio.Future[Any]) -> None:
            if finished.cancelled():
                return
            error = finished.exception()
            wrapped = None if error is None else HandlerError(f"{type(error).__name__}: {error}")
            reply(_error_of(method, count, wrapped), None if error else finished.result())

        future.add_done_callback(done)

    async def _tick(self) -> None:
        while True:
            sleep_s = self._pacer.drive(self._clock())
            if self._pacer.lost_s > SLOW_NOTICE_S and not self._told_slow:
                self._told_slow = True
                self.notify("This machine is too slow for real time: simulated time passes more slowly.")
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), sleep_s) if self._pacer.paused else await asyncio.sleep(
                    sleep_s
                )
            except asyncio.TimeoutError:
                pass

    def _install_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.stop)
            except (NotImplementedError, RuntimeError, ValueError):  # not the main thread, or not a Unix
                return


def _error_of(method: str, count: int, error: Exception | None) -> str | None:
    return None if error is None else str(fault(method, count, error))
