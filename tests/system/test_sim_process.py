"""``navisplit sim`` as a process: it starts, fails and ends cleanly."""

import signal
import socket

import pytest
from simulator import Simulator

from navisplit.airsim.transport import install_transport

install_transport()
airsim = pytest.importorskip("airsim")


def test_a_busy_port_is_told_at_once_with_exit_1(world):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        simulator = Simulator("--world", world, "--port", port)
        simulator.wait_for_line(rf"port {port} is in use.*--port", 60.0)
        assert simulator.process.wait(20.0) == 1


def test_a_missing_world_is_told_with_exit_1():
    other = Simulator("--world", "no_such_world", "--port", 0)
    other.wait_for_line("no_such_world", 60.0)
    assert other.process.wait(20.0) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_exit_0_even_with_a_client(world, number):
    simulator = Simulator("--world", world, "--port", 0, "--headless")
    port = int(simulator.wait_for_line(r"ready on 127\.0\.0\.1:(\d+)").group(1))
    client = airsim.MultirotorClient(port=port)
    client.moveByVelocityAsync(0, 0, 0, 1000)
    client.ping()
    assert simulator.end(number) == 0
    assert simulator.lines[-1] == "stopped"
    with pytest.raises(Exception, match="closed|lost|refused|Retry"):
        client.ping()
