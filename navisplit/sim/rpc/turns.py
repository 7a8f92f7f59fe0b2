"""Work done away from the clock, one piece at a time, the clients taking turns."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Work = Callable[[], Any]
Done = Callable[[Exception | None, Any], None]


class Turns:
    """A worker thread and a queue for each client: nobody waits for more than one piece of each of the others.

    Used from the event loop's thread; only ``work`` runs elsewhere.
    """

    def __init__(self, name: str) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._queues: OrderedDict[Hashable, deque[tuple[Work, Done]]] = OrderedDict()
        self._busy = False
        self._closed = False

    def add(self, client: Hashable, work: Work, done: Done) -> None:
        """Do ``work()`` when it is the client's turn, then call ``done(error, result)`` on the loop's thread."""
        self._queues.setdefault(client, deque()).append((work, done))
        self._next()

    def forget(self, client: Hashable) -> None:
        """Drop what a client still waits for."""
        self._queues.pop(client, None)

    def close(self) -> None:
        """Finish the piece at hand and drop the rest."""
        self._closed = True
        self._queues.clear()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _next(self) -> None:
        if self._busy or self._closed or not self._queues:
            return
        client, queue = next(iter(self._queues.items()))
        work, done = queue.popleft()
        if queue:
            self._queues.move_to_end(client)
        else:
            del self._queues[client]
        self._busy = True
        future = asyncio.get_running_loop().run_in_executor(self._worker, work)
        future.add_done_callback(lambda finished: self._finished(finished, done))

    def _finished(self, finished: asyncio.Future[Any], done: Done) -> None:
        self._busy = False
        if not finished.cancelled():
            error = finished.exception()
            if isinstance(error, Exception):
                done(error, None)
            elif error is None:
                done(None, finished.result())
        self._next()
