"""Child processes of a flight: started together, logged line by line, and brought down together, always.

A child lives in a session of its own, so that Ctrl-C in the terminal reaches this process alone, which then asks the
children to end in order. Should this process be killed, the kernel ends them (``PR_SET_PDEATHSIG``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """A running program and the tail of what it said."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=200))

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None


@dataclass(frozen=True)
class Line:
    """A child wrote a line."""

    child: Child
    text: str


@dataclass(frozen=True)
class Ended:
    """A child has ended, and all its output has been read."""

    child: Child
    exit_code: int


@dataclass(frozen=True)
class Interrupted:
    """Our own process was asked to end (Ctrl-C, SIGTERM, closed terminal)."""

    signal_number: int


Event = Line | Ended | Interrupted


class ProcessGroup:
    """Children and the stream of what happens to them. Use as a context manager: leaving it ends every child."""

    def __init__(self, log_folder: Path, environment: Mapping[str, str]) -> None:
        self.children: list[Child] = []
        self._log_folder = log_folder
        self._environment = dict(environment)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._readers: list[threading.Thread] = []
        log_folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(self.children)

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Run a command; what it writes goes to ``<log folder>/<name>.log`` and into the events."""
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self._environment,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        child = Child(name, process, self._log_folder / f"{name}.log")
        self.children.append(child)
        reader = threading.Thread(target=self._read, args=(child,), name=f"log of {name}", daemon=True)
        reader.start()
        self._readers.append(reader)
        return child

    def _read(self, child: Child) -> None:
        assert child.process.stdout is not None
        again = any(other.log == child.log for other in self.children if other is not child)
        with child.log.open("a" if again else "w", buffering=1) as log:
            for text in child.process.stdout:
                log.write(text)
                child.last_lines.append(text.rstrip("\n"))
                self._events.put(Line(child, text.rstrip("\n")))
        self._events.put(Ended(child, child.process.wait()))

    def next_event(self, timeout_s: float) -> Event | None:
        """What happened next, or None after ``timeout_s`` of silence."""
        with contextlib.suppress(queue.Empty):
            return self._events.get(timeout=timeout_s)
        return None

    @contextlib.contextmanager
    def interrupts_as_events(self) -> Iterator[None]:
        """Turn SIGINT, SIGTERM and SIGHUP into events while in this block (main thread only)."""

        def note(signal_number: int, _: FrameType | None) -> None:
            self._events.put(Interrupted(signal_number))  # SimpleQueue.put is safe within a signal handler

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, note) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def stop(self, children: Sequence[Child], patience_s: Sequence[float] = (5.0, 3.0)) -> None:
        """End children: SIGINT, after ``patience_s[0]`` SIGTERM, after ``patience_s[1]`` more SIGKILL."""
        for number, patience in zip((signal.SIGINT, signal.SIGTERM), patience_s, strict=True):
            for child in children:
                if child.running:
                    _signal(child, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and any(child.running for child in children):
                time.sleep(0.02)
        for child in children:  # also what a child has started itself and left behind
            _signal_group(child, signal.SIGKILL)
            child.process.wait()
        for reader in self._readers:
            reader.join(timeout=1.0)


def _signal(child: Child, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.process.send_signal(number)


def _signal_group(child: Child, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)


def _end_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
