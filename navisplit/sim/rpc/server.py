"""The RPC server: one asyncio loop that owns the simulation, its clock and every connection.

State is touched by this loop only, so nothing needs a lock. Pictures are rendered in one worker thread, from a camera
pose fixed when the request came, while the clock and all other requests go on; the clients take turns there, and what
takes seconds (a level, a voxel grid) has a thread of its own. A move's reply is sent when it ends.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from navisplit.errors import SimulatorError
from navisplit.sim.flight.commands import Task
from navisplit.sim.rpc import methods as _methods  # noqa: F401  (fills the table)
from navisplit.sim.rpc.codec import encoded
from navisplit.sim.rpc.connection import Connection
from navisplit.sim.rpc.images import load_palette
from navisplit.sim.rpc.pacing import Pacer, Waiting
from navisplit.sim.rpc.service import Later, Service
from navisplit.sim.rpc.table import HandlerError, RpcFault, call, fault
from navisplit.sim.rpc.turns import Turns
from navisplit.sim.simulation import Simulation

MAX_CONNECTIONS = 128
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
        self._service.background = self._in_background
        self._pictures, self._builds = Turns("camera"), Turns("builder")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._told_slow = False

    @property
    def paused(self) -> bool:
        """Whether simulated time stands still."""
        return self._pacer.paused

    async def run(self, ready: Callable[[Server], None]) -> None:
        """Serve the listener, call ``ready``, and go on until ``stop`` or SIGINT/SIGTERM."""
        self._loop = loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), sock=self._listener)
        self._install_signals(loop)
        ticking = loop.create_task(self._tick())
        ticking.add_done_callback(lambda _: self.stop())  # without a clock there is no simulator
        if self._service.settings.recording.enabled:
            self._service.recorder.start()
        ready(self)
        try:
            await self._stop.wait()
        finally:
            server.close()
            for connection in list(self.connections):
                connection.close()
            self._pictures.close()
            self._builds.close()
            ticking.cancel()
        if ticking.done() and not ticking.cancelled():
            ticking.result()

    def stop(self) -> None:
        """End ``run``; callable from the loop's thread."""
        self._stop.set()

    def act(self, method: str, *arguments: Any) -> None:
        """Run a method of the API for who operates this simulator, without a reply. From the loop's thread."""
        call(method, list(arguments), self._service)
        self._wake.set()

    # Clients ----------------------------------------------------------------------------------------------------------
    def accept(self, connection: Connection) -> bool:
        """Take a client in, if there is room."""
        if len(self.connections) >= MAX_CONNECTIONS:
            self.notify(f"Refused a connection: there are {MAX_CONNECTIONS} already.")
            return False
        self.connections.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """A client has gone; nobody waits for its pictures any more."""
        self.connections.discard(connection)
        self._pictures.forget(connection)
        self._builds.forget(connection)

    def serve(self, connection: Connection, number: int | None, method: str, arguments: list[Any]) -> None:
        """Run one request; the reply goes out now or when its command, wait or picture is done."""
        count = len(arguments)
        try:
            outcome = call(method, arguments, self._service)
        except RpcFault as refusal:
            connection.reply(number, str(refusal), None)
            return
        except Exception as error:  # noqa: BLE001 - a defect in one method must not end the others
            connection.reply(number, _told(method, count, error), None)
            return
        self._wake.set()
        if isinstance(outcome, (Task, Waiting)):
            connection.owe(picture=False)
            outcome.when_done(
                lambda task: connection.pay(
                    number,
                    None if task.error is None else str(fault(method, count, task.error)),
                    None if task.error else task.result,
                    picture=False,
                )
            )
        elif isinstance(outcome, Later):
            self._later(connection, number, (method, count), outcome)
        else:
            connection.reply(number, None, outcome)

    def _later(self, connection: Connection, number: int | None, called: tuple[str, int], later: Later) -> None:
        connection.owe(picture=True)

        def done(error: Exception | None, result: Any) -> None:
            if error is None and later.then is not None:
                try:
                    result = later.then(result)
                except Exception as failure:  # noqa: BLE001 - as in serve
                    error = failure
            text = None if error is None else _told(*called, error)
            connection.pay(number, text, None if error else result, picture=True)

        work = later.work if later.then is not None else lambda: encoded(later.work())
        (self._builds if later.slow else self._pictures).add(connection, work, done)

    def _in_background(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        self._pictures.add(self, work, lambda error, _: done(error))

    # Clock ------------------------------------------------------------------------------------------------------------
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


def _told(method: str, count: int, error: Exception) -> str:
    """An unforeseen failure of a method, in rpclib's words."""
    return str(fault(method, count, HandlerError(f"{type(error).__name__}: {error}")))
