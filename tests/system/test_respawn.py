"""A node that is killed in flight is started again, and the flight goes on."""

from __future__ import annotations

import os
import re
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest
from commands import nothing_left, pid_of

GUARD = "guard: {brake_after_s: 1.0, hold_after_s: 3.0, land_after_s: 120.0}\n"
"""A machine that runs other things too may take longer to start a node again than the guard waits in flight."""
LIMIT_S = 100.0


def said_edge(log: Path) -> list[float]:
    """When the guard said that the edge flies, seconds of the epoch."""
    lines = re.findall(r"^\[INFO\] (\S+ \S+) \S+: guard: edge", log.read_text(), re.MULTILINE)
    return [datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f").timestamp() for stamp in lines]


@pytest.mark.parametrize("name", ["head_node", "tail_node", "guard_node", "link_node"])
def test_a_killed_node_rejoins_the_flight(navisplit, models, world, port, tmp_path, name, record_property):
    out, config = tmp_path / "out", tmp_path / "flight.yaml"
    config.write_text(GUARD)
    options = ["--world", world, "--models", models, "--branch", "b1", "--port", port, "--speed", "0.2"]
    link = ["--link", "wifi-near"] if name == "link_node" else []
    flight = navisplit("fly", *options, *link, "--config", config, "--timeout", "200", "--out", out)
    flight.read_until("guard: edge")
    killed = pid_of(flight, name)
    os.kill(killed, signal.SIGKILL)
    killed_s = time.time()
    flight.read_until(f"{name} was killed (signal 9); starting it again")
    while not (again := [s for s in said_edge(out / "log" / "guard_node.log") if s > killed_s + 0.5]):
        assert time.time() - killed_s < LIMIT_S, (out / "log" / "guard_node.log").read_text()
        time.sleep(0.05)
    record_property("resumed_s", round(again[0] - killed_s, 2))
    print(f"{name} killed, the edge flies again after {again[0] - killed_s:.2f} s")
    assert pid_of(flight, name) != killed
    flight.process.send_signal(signal.SIGINT)
    assert flight.wait(60) == 1
    nothing_left(out)
    assert "Traceback" not in flight.output
    assert (out / "report.html").is_file()
