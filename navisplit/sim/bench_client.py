"""Pictures per second through AirSim's own client: a server in a process of its own, and this one as the client."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from navisplit.errors import SimulatorError
from navisplit.sim.bench import Row

NAME = "AirSim's client: Scene 256x144, uncompressed"
_TARGET = 80.0
_READY_S = 300.0  # the first start on a machine compiles
_PICTURES, _ROUNDS = 60, 3


def client_rows(world: str = "forest") -> Iterator[Row]:
    """One row; not measured where the client is not installed (``navisplit install-airsim``)."""
    client = _client_class()
    if client is None:
        yield Row(NAME, None, "images/s", _TARGET, note="airsim is not installed: navisplit install-airsim")
        return
    command = [sys.executable, "-m", "navisplit", "sim", "--world", world, "--port", "0", "--headless"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        rate = _rate(client(port=port_of(server)))
    finally:
        server.terminate()
        try:
            server.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            server.kill()
    yield Row(NAME, rate, "images/s", _TARGET, note=f"world {world}, wall time, server and client on this machine")


def _client_class() -> Any:
    from navisplit.airsim import install_transport

    install_transport()
    try:
        import airsim
    except ImportError:
        return None
    return airsim.MultirotorClient


def port_of(server: subprocess.Popen[str]) -> int:
    """The port that the server says it is ready on."""
    said: list[str] = []
    started = time.monotonic()
    for line in server.stdout or ():
        said.append(line)
        found = re.search(r"ready on [^ ]+:(\d+)", line)
        if found:
            return int(found[1])
        if time.monotonic() - started > _READY_S:
            break
    raise SimulatorError(f"The simulator did not start: expected a line 'ready on HOST:PORT', found {''.join(said)!r}.")


def _rate(client: Any) -> float:
    """Pictures per second of the fastest of a few rounds."""
    import airsim

    client.confirmConnection()
    request = [airsim.ImageRequest("0", airsim.ImageType.Scene, False, False)]
    rates = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(_PICTURES):
            answer = client.simGetImages(request)[0]
        rates.append(_PICTURES / (time.perf_counter() - started))
    pixels = np.frombuffer(answer.image_data_uint8, np.uint8)
    if pixels.size != answer.width * answer.height * 3:
        raise SimulatorError(f"A picture has {pixels.size} bytes, expected {answer.width} x {answer.height} x 3.")
    return max(rates)
