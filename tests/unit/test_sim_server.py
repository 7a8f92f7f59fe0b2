"""The server between several clients: nobody waits for another, replies find their request, nothing ends the rest."""

import socket
import threading
import time

import numpy as np
import pytest
from flight_server import Painter, flat_simulation, serving
from rpc_wire import Wire
from sim_service import FREE

from navisplit.sim.rpc.table import METHODS, Method


@pytest.fixture(scope="module")
def server():
    with serving(clock_speed=8.0) as running:
        yield running


@pytest.fixture
def clients(server):
    clients = [Wire(server) for _ in range(3)]
    clients[0].ask("reset")
    clients[0].ask("simPause", False)
    clients[0].ask("enableApiControl", True, "")
    yield clients
    for client in clients:
        client.close()


def velocity(north, down=0.0, seconds=100.0):
    return ("moveByVelocity", north, 0.0, down, seconds, 0, FREE, "")


def test_a_move_of_one_client_supersedes_that_of_another(clients):
    first, second, third = clients
    pending = first.send(*velocity(1.0))
    first.ask("ping")
    newer = second.send(*velocity(2.0, -1.0))
    assert first.reply(pending) == (None, False)
    assert third.ask("cancelLastTask", "") is None
    assert second.reply(newer) == (None, False)


def test_moves_sent_back_to_back_leave_only_the_last(clients):
    client = clients[0]
    numbers = [client.send(*velocity(1.0, -1.0, 0.4)) for _ in range(8)]
    assert client.reply(numbers[-1]) == (None, True)
    assert [client.replies[n] for n in numbers[:-1]] == [(None, False)] * 7
    assert list(client.replies)[-8:] == numbers  # in the order of arrival


def test_replies_come_when_they_are_ready_and_not_in_the_order_of_the_requests(clients):
    client = clients[0]
    move, queries = client.send(*velocity(0.0, -1.0, 2.0)), [client.send("ping") for _ in range(5)]
    assert client.reply(queries[-1]) == (None, True)
    assert move not in client.replies
    assert client.reply(move) == (None, True)


def test_an_error_ends_nothing_but_its_own_request(clients):
    client = clients[0]
    unknown, bad, good = client.send("getCarState", ""), client.send("takeoff", "soon", ""), client.send("ping")
    assert client.reply(good) == (None, True)
    assert client.replies[unknown] == (
        "rpclib: server could not find function 'getCarState' with argument count 1.", None
    )  # fmt: skip
    assert client.replies[bad][0].endswith("std::bad_cast.") and client.replies[bad][1] is None


def test_a_refused_command_is_told_in_rpclibs_words(clients):
    error, result = clients[0].reply(clients[0].send("moveOnPath", [{"x_val": 9.0}], 5.0, 9.0, 0, FREE, 0.0, 1.0, ""))
    assert result is None and error == (
        "rpclib: function 'moveOnPath' (called with 8 arg(s)) threw an exception. The exception contained this "
        "information: lookahead distance cannot be 0."
    )


def test_a_defect_in_a_method_is_an_error_reply(clients, monkeypatch):
    def broken(service):
        raise ZeroDivisionError("oops")

    monkeypatch.setitem(METHODS, "isRecording", Method("isRecording", (), broken))
    error, _ = clients[0].reply(clients[0].send("isRecording"))
    assert error == (
        "rpclib: function 'isRecording' (called with 0 arg(s)) threw an exception. The exception contained this "
        "information: ZeroDivisionError: oops."
    )
    assert clients[1].ask("ping") is True


def test_a_picture_that_cannot_be_rendered_is_an_error_reply(server, clients, monkeypatch):
    def broken(view, layer=None):
        raise MemoryError("no room")

    monkeypatch.setattr(server.simulation.renderer, "render", broken)
    error, _ = clients[0].reply(clients[0].send("simGetImage", "0", 0, "", False))
    assert error.startswith("rpclib: function 'simGetImage' (called with 4 arg(s))") and "MemoryError: no room" in error


def test_a_notification_is_obeyed_and_not_answered(clients):
    client = clients[0]
    client.notify("simPause", True)
    client.notify("noSuchMethod")
    assert client.ask("simIsPaused") is True
    assert len(client.replies) == client._number  # of the requests, and no other


def test_all_clients_see_one_clock(clients):
    first, second, third = clients
    first.ask("simPause", True)
    stamps = {client.ask("getMultirotorState", "")["timestamp"] for client in clients}
    assert len(stamps) == 1 and second.ask("simIsPaused") is True
    waiting = second.send("simContinueForTime", 0.3)
    assert second.reply(waiting) == (None, None)
    assert third.ask("getMultirotorState", "")["timestamp"] == stamps.pop() + 300_000_000


def test_a_pending_move_is_answered_false_by_a_reset_of_another_client(clients):
    pending = clients[0].send(*velocity(1.0))
    clients[0].ask("ping")
    clients[1].ask("reset")
    assert clients[0].reply(pending) == (None, False)
    assert clients[2].ask("isApiControlEnabled", "") is False


def test_a_client_that_does_not_read_holds_up_nobody_and_is_not_listened_to_until_it_does(server, clients):
    lazy = Wire(server)
    lazy._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    for _ in range(60):  # 11 MB in all: more than any socket's buffer
        lazy.send("simGetImages", [{"image_type": 1, "pixels_as_float": True, "compress": False}], "", False)
    deadline_s, deaf = time.monotonic() + 10.0, 0
    while deaf < 40:  # in a row: the system's buffers are full as well
        assert clients[0].ask("ping") is True and time.monotonic() < deadline_s
        deaf = 0 if all(each._transport.is_reading() for each in list(server.connections)) else deaf + 1
    lazy.notify("simPause", True)
    assert not any(clients[0].ask("simIsPaused") for _ in range(20))
    lazy.reply(60)
    while not clients[0].ask("simIsPaused"):
        assert time.monotonic() < deadline_s
    lazy.close()


def test_stopping_the_server_hangs_up_on_every_client():
    with serving() as server:
        clients = [Wire(server) for _ in range(2)]
        assert all(client.ask("ping") for client in clients)
        clients[0].send(*velocity(1.0))
    for client in clients:
        try:
            while client._socket.recv(4096):
                pass  # what was on its way
        except ConnectionError:
            pass  # reset: hung up as well
        client.close()


def test_a_machine_that_is_too_slow_is_told_once():
    with serving() as server:
        start_s, looks = time.monotonic(), []

        def wall():
            looks.append(None)
            return start_s + 0.5 * len(looks)  # half a second between any two looks at the clock

        server._clock = wall
        client = Wire(server)
        while len(looks) < 20 and time.monotonic() < start_s + 10.0:
            client.ask("ping")
        client.close()
        assert server.messages == ["This machine is too slow for real time: simulated time passes more slowly."]


def test_the_picture_of_a_slow_renderer_shows_the_moment_of_its_request():
    painter, simulation = Painter(), flat_simulation()
    simulation.renderer = painter
    with serving(simulation) as server:
        client = Wire(server)
        simulation.vehicle().teleport(np.array([0.0, 0.0, 10.0]), 0.0)
        client.ask("simPause", True)
        painter.hold.clear()
        picture = client.send("simGetImages", [{"compress": False}], "", False)
        asked_ns = client.ask("getMultirotorState", "")["timestamp"]
        client.ask("simSetVehiclePose", {"position": {"x_val": 90.0, "z_val": -5.0}}, True, "")
        client.ask("simContinueForTime", 0.1)
        threading.Timer(0.05, painter.hold.set).start()
        error, (answer,) = client.reply(picture)
        assert error is None and answer["time_stamp"] == asked_ns
        assert answer["camera_position"]["x_val"] < 1.0
        client.close()
