"""When each stage of the loop worked on which frame: written by every process where NAVISPLIT_TRACE names a folder.

One CSV a process, ``stage,stamp_ns,began_ns,ended_ns``: the frame's capture stamp, and times of the machine's steady
clock, which all its processes share. Without the variable nothing is written, and a stage costs one comparison.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

TRACE_VARIABLE = "NAVISPLIT_TRACE"


@dataclass(frozen=True)
class Span:
    """One stage's work on one frame."""

    stage: str
    stamp_ns: int
    began_ns: int
    ended_ns: int

    @property
    def ms(self) -> float:
        """How long it took."""
        return (self.ended_ns - self.began_ns) * 1e-6


class Trace:
    """The spans of one process. ``frame`` is the stamp of the frame that ``watch``ed methods work on."""

    def __init__(self, file: TextIO | None = None) -> None:
        self.frame = 0
        self._file = file

    @classmethod
    def of(cls, process: str) -> Trace:
        """The trace of a process of that name, as the environment says."""
        folder = os.environ.get(TRACE_VARIABLE)
        if not folder:
            return cls()
        Path(folder).mkdir(parents=True, exist_ok=True)
        return cls((Path(folder) / f"{process}.{os.getpid()}.csv").open("w", buffering=1))  # ends may be sudden

    def __bool__(self) -> bool:
        """Whether spans are written."""
        return self._file is not None

    def span(self, stage: str, stamp_ns: int, began_ns: int, ended_ns: int | None = None) -> None:
        """A stage has worked on a frame; without ``ended_ns``, until now."""
        if self._file is not None:
            ended_ns = time.monotonic_ns() if ended_ns is None else ended_ns
            self._file.write(f"{stage},{stamp_ns},{began_ns},{ended_ns}\n")

    def watch(self, owner: Any, method: str, stage: str) -> None:
        """From now on, every call of this object's method is a span of the current ``frame``; nothing if not traced."""
        if self._file is None:
            return
        call: Callable[..., Any] = getattr(owner, method)

        def timed(*arguments: Any, **named: Any) -> Any:
            began_ns = time.monotonic_ns()
            try:
                return call(*arguments, **named)
            finally:
                self.span(stage, self.frame, began_ns)

        object.__setattr__(owner, method, timed)


def read_spans(folder: Path) -> Iterator[Span]:
    """All spans that processes have written into a folder; a line that was cut short is left out."""
    for path in sorted(folder.glob("*.csv")):
        for line in path.read_text().splitlines():
            parts = line.split(",")
            if len(parts) == 4 and all(part.isdigit() for part in parts[1:]):
                yield Span(parts[0], *map(int, parts[1:]))
