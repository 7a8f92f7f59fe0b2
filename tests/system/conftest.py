"""Systems: real processes, a real simulator, real ROS 2; only the weights of the network are untrained."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from branch_sets import write_untrained
from commands import Command

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
    boxes = [("ground", "0 0 -0.5", "400 400 1"), ("pillar", "20.3 0 2", "1 1 4")]
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
