"""`navisplit sim --view` in a real browser: what a person sees and presses, and that nothing is left behind."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Tab, browser
from commands import Command

import navisplit.airsim


@pytest.fixture
def seen(
    navisplit: Callable[..., Command], world: Path, port: int, tmp_path: Path
) -> Iterator[tuple[Tab, Command, int]]:
    """A tab that shows a simulator; the simulator's process; the API's port."""
    with browser(tmp_path) as tab:
        process = navisplit("sim", "--world", world, "--port", port, "--view", "--view-port", 0, "--headless")
        process.read_until("view on ")
        tab.open(re.search(r"view on (\S+)", process.output)[1])
        process.read_until("ready on ")
        tab.wait_for("Simulated time")
        yield tab, process, port


def connected(port: int):
    navisplit.airsim.install_transport()
    import airsim

    return airsim, airsim.MultirotorClient(port=port)


def until(true: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


def magenta(picture: np.ndarray) -> float:
    """Share of a picture's pixels that are magenta, which nothing in the world is."""
    red, green, blue = np.moveaxis(picture.astype(int), 2, 0)
    return float(((red > 180) & (green < 100) & (blue > 150)).mean())


def ends_cleanly(process: Command, port: int) -> None:
    """Ctrl-C: exit code 0, no word of the library's, and both ports free."""
    process.process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0 and process.output.endswith("stopped\n")
    assert "Traceback" not in process.output and "viser" not in process.output
    page_port = int(re.search(r"view on http://127.0.0.1:(\d+)", process.output)[1])
    for number in (port, page_port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", number))


def test_a_browser_shows_the_world_and_what_scripts_draw_and_say_obeys_buttons_and_ctrl_c(seen):
    tab, process, port = seen
    airsim, client = connected(port)
    until(lambda: len(np.unique(tab.picture().reshape(-1, 3), axis=0)) > 200, "a drawn world")
    assert magenta(tab.picture()) == 0.0
    corner = [airsim.Vector3r(3, y, z) for y, z in ((-1, -1), (1, -1), (1, -2), (-1, -2))]
    client.simPlotLineStrip(corner, [1, 0, 1, 1], 20.0, -1, True)
    until(lambda: magenta(tab.picture()) > 1e-3, "the line that was plotted")
    client.simPrintLogMessage("branch: ", "b1 <i>")
    tab.wait_for("branch: b1 <i>")

    tab.click("Pause")
    until(client.simIsPause, "the pause")
    tab.wait_for("paused")
    tab.click("Continue")
    until(lambda: not client.simIsPause(), "the end of the pause")

    client.enableApiControl(True)
    client.moveToZAsync(-3.0, 2.0).join()
    tab.wait_for(", 3.0) m")
    tab.click("Reset")
    tab.wait_for("(0.0, 0.0, 0.0) m")
    outside = [url for url in tab.requested if not url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))]
    assert outside == [] and tab.errors == []
    ends_cleanly(process, port)  # with a browser that looks at it
