"""`navisplit nodes`: the lifecycle of a node in another process, from the command line."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

NAME = "/drone_1/guard_node"


@pytest.fixture
def guard() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """A guard that waits, in a domain of its own, and the command."""
    domain = str(random.SystemRandom().randint(1, 101))
    environment = {**os.environ, "ROS_DOMAIN_ID": domain, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    arguments = ["--ros-args", "-r", "__ns:=/drone_1", "-p", "autostart:=false"]
    node = subprocess.Popen(
        [sys.executable, "-m", "navisplit.nodes.guard_node", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "navisplit", "nodes", *words, "--wait", "20"]
        return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=90)

    try:
        for text in node.stderr:
            if "waiting: ros2 lifecycle set /drone_1/guard_node configure" in text:
                break
        yield command
    finally:
        node.terminate()
        node.communicate(timeout=10)
        assert node.returncode == 0


def test_a_node_is_led_through_its_life_from_the_command_line(guard):
    assert guard(NAME).stdout.split() == [NAME, "unconfigured"]
    assert guard(NAME, "configure").stdout.strip() == f"{NAME}: inactive"
    assert guard(NAME, "activate").stdout.strip() == f"{NAME}: active"
    refused = guard(NAME, "cleanup")
    assert refused.returncode == 1 and "is active and did not cleanup" in refused.stderr
    assert guard(NAME, "shutdown").stdout.strip() == f"{NAME}: finalized"


def test_a_node_that_is_not_there_is_told_with_those_that_are(guard):
    done = guard("/drone_1/gard_node")
    assert done.returncode == 2 and f"Did you mean '{NAME}'" in done.stderr
