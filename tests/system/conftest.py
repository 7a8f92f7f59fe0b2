"""Systems: real processes, a real simulator, real ROS 2; only the weights of the network are untrained."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from branch_sets import write_untrained

BOX = """<model name="{name}"><static>true</static><pose>{pose} 0 0 0</pose><link name="l">
<collision name="c"><geometry><box><size>{size}</size></box></geometry></collision>
<visual name="v"><geometry><box><size>{size}</size></box></geometry></visual></link></model>"""
ROUTES = """id,start_x,start_y,start_z,start_yaw,goal_x,goal_y,goal_z,length_m,min_z,max_z
0,0,0,2,0,60,0,2,60,0.3,8
1,0,0,2,0,20,0,2,20,0.3,8
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained branch set."""
    return write_untrained(tmp_path_factory.mktemp("models") / "untrained")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Open ground, with one pillar where route 1 ends."""
    boxes = [("ground", "0 0 -0.5", "400 400 1"), ("pillar", "20 0 2", "1 1 4")]
    models = "".join(BOX.format(name=name, pose=pose, size=size) for name, pose, size in boxes)
    path = tmp_path / "open ground.sdf"
    path.write_text(f'<sdf version="1.9"><world name="open_ground">{models}</world></sdf>')
    path.with_name("open ground.routes.csv").write_text(ROUTES)
    return path


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Command:
    """`navisplit ...` in a process of its own, and whatever it starts."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "navisplit", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = ""

    def wait(self, timeout_s: float = 120.0) -> int:
        """Its exit code; ``output`` then holds what it said."""
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


@pytest.fixture
def navisplit() -> Iterator[Callable[..., Command]]:
    """Start `navisplit ...`; it is killed at the end of the test if it still runs."""
    started: list[Command] = []

    def start(*arguments: object) -> Command:
        started.append(Command(*arguments))
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.process.kill()  # its children end with it
            command.process.communicate()


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
