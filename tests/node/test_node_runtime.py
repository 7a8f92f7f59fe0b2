"""How a node's process starts, fails and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

GUARD = [sys.executable, "-m", "navisplit.nodes.guard_node", "--ros-args", "--disable-external-lib-logs"]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*GUARD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"the node ended before it said {text!r}")


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
def test_a_signal_ends_a_node_cleanly_also_twice(numbers):
    process = start()
    read_until(process, "guard: brake")
    for number in numbers:
        os.kill(process.pid, number)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in output and "terminate" not in output


@pytest.mark.parametrize(
    ("argument", "code", "said"),
    [
        ("guard.brake_after_s:=-1.0", 2, "guard.brake_after_s: expected 0.001 to 60, got -1.0"),
        ("guard.brake_after_s:=2.0", 2, "brake < hold < land"),
        ("guard.brake_after_s:=soon", 1, "brake_after_s"),
    ],
)
@pytest.mark.fault(45, does="the node ends at once with one message")
def test_a_wrong_parameter_ends_it_with_one_clear_message(argument, code, said):
    process = start("-p", argument)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == code
    assert said in output
    assert "Traceback" not in output


def test_a_wrong_key_is_refused_without_showing_it():
    environment = {**os.environ, "NAVISPLIT_LINK_KEY": "secret-but-not-hex"}
    done = subprocess.run(GUARD, capture_output=True, text=True, timeout=15, env=environment)
    assert done.returncode == 2
    assert "NAVISPLIT_LINK_KEY" in done.stderr + done.stdout
    assert "secret-but" not in done.stderr + done.stdout
