"""`navisplit ...` as a process, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest


class Command:
    """`navisplit ...` in a process of its own, and whatever it starts."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "navisplit", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = ""

    def wait(self, timeout_s: float = 600.0) -> int:
        """Its exit code; ``output`` then holds what it said. The first start in a fresh clone compiles for minutes."""
        self.output += self.process.communicate(timeout=timeout_s)[0]
        return self.process.returncode

    def read_until(self, text: str) -> None:
        """Wait until it says ``text``."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if text in line:
                return
        pytest.fail(f"it ended before it said {text!r}:\n{self.output}")

    def children(self) -> list[int]:
        """Its child processes."""
        return [int(p) for p in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]


def processes_with(text: str) -> list[str]:
    """Command lines of running processes that hold ``text``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found


def nothing_left(*texts: object, timeout_s: float = 5.0) -> None:
    """Fail when processes that name one of ``texts`` stay behind."""
    deadline = time.monotonic() + timeout_s
    while left := [line for text in texts for line in processes_with(str(text))]:
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.05)


def pid_of(flight: Command, text: str) -> int:
    """The child of a flight whose command line holds ``text``."""
    for pid in flight.children():
        if text in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
            return pid
    pytest.fail(f"no child runs {text}")
