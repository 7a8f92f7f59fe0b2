"""A client that dies, floods, sends garbage or never reads harms no other client and not the clock."""

import socket
import time

import msgpack
import pytest
from flight_server import Painter, flat_simulation, serving
from rpc_wire import Wire
from sim_service import FREE

from navisplit.sim.rpc.codec import MAX_REQUEST_BYTES
from navisplit.sim.rpc.connection import MAX_PICTURES
from navisplit.sim.rpc.server import MAX_CONNECTIONS

PICTURE = ("simGetImages", [{"image_type": 1, "pixels_as_float": True, "compress": False}], "", False)
PING = msgpack.packb([0, 1, "ping", []])
ANSWER_S = 1.0  # a query of an honest client takes 1 ms on a quiet machine; this is what the tests allow


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture
def honest(server):
    client = Wire(server)
    assert client.ask("ping") is True
    yield client
    assert client.ask("ping") is True
    client.close()


def slowest(client, seconds=0.5):
    """The longest that a query takes, asked over and over."""
    longest, end_s = 0.0, time.monotonic() + seconds
    while time.monotonic() < end_s:
        start_s = time.monotonic()
        client.ask("simGetVehiclePose", "")
        longest = max(longest, time.monotonic() - start_s)
    return longest


GARBAGE = {
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "a reserved byte": b"\xc1" * 10,
    "a number": msgpack.packb(7),
    "an empty array": b"\x90",
    "a map": msgpack.packb({"method": "ping"}),
    "a response": msgpack.packb([1, 1, None, True]),
    "too short": msgpack.packb([0, 1, "ping"]),
    "too long": msgpack.packb([0, 1, "ping", [], []]),
    "a method that is no name": msgpack.packb([0, 1, 5, []]),
    "arguments that are no array": msgpack.packb([0, 1, "ping", {}]),
    "a number that is no number": msgpack.packb([0, "x", "ping", []]),
    "a number that is a flag": msgpack.packb([0, True, "ping", []]),
    "an extension": msgpack.packb([0, 1, "ping", [msgpack.ExtType(4, b"x" * 100)]]),
    "deep nesting": b"\x91" * 100_000,
    "deep nesting of maps": b"\x81\xa1a" * 50_000,
    "an array of four billion": b"\x94\x00\x01\xa4ping\xdd\xff\xff\xff\xff",
    "a map of four billion": b"\xdf\xff\xff\xff\xff",
    "a key that cannot be one": msgpack.packb([0, 1, "ping", []])[:-1] + b"\x91\x81\x90\x01",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_ends_its_own_connection_and_no_other(server, honest, data):
    client = Wire(server)
    client.raw(data)
    assert client.hung_up()
    client.close()


def test_requests_before_garbage_are_answered(server, honest):
    client = Wire(server)
    client.raw(PING + b"\xc1")
    assert client.reply(1) == (None, True) and client.hung_up()
    client.close()


def test_half_a_message_is_waited_for_and_may_come_in_single_bytes(server, honest):
    client = Wire(server)
    for byte in PING:
        client.raw(bytes([byte]))
        assert honest.ask("ping") is True
    assert client.reply(1) == (None, True)
    client.raw(PING[:-3])
    client.close()  # dies in the middle of a message


@pytest.mark.parametrize(
    "head",
    [b"\x94\x00\x01\xa4ping\xdc\xff\xff", b"\x94\x00\x01\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"],
    ids=["an array of many blocks", "a string of four billion", "bytes of four billion"],
)
def test_a_huge_message_is_refused_before_it_is_held_whole(server, honest, head):
    client, sent = Wire(server), 0
    client._socket.settimeout(5.0)
    blocks = (b"\xc4\xff" + bytes(255)) * 400
    try:
        client.raw(head)
        while sent < 4 * MAX_REQUEST_BYTES:
            client.raw(blocks)
            sent += len(blocks)
            assert honest.ask("ping") is True
    except OSError:
        pass
    assert sent < 3 * MAX_REQUEST_BYTES and client.hung_up()
    client.close()


def test_a_client_that_floods_with_queries_does_not_hold_up_the_others(server, honest):
    flooding = Wire(server)
    flooding._socket.setblocking(False)
    flood, longest, end_s = PING * 20_000, 0.0, time.monotonic() + 1.0
    stamp = honest.ask("getMultirotorState", "")["timestamp"]
    while time.monotonic() < end_s:
        try:
            flooding._socket.send(flood)
        except BlockingIOError:
            pass
        start_s = time.monotonic()
        honest.ask("simGetVehiclePose", "")
        longest = max(longest, time.monotonic() - start_s)
    assert longest < ANSWER_S
    assert honest.ask("getMultirotorState", "")["timestamp"] > stamp + 300_000_000  # the clock went on
    flooding.close()


def test_a_client_that_floods_with_moves_leaves_the_queries_of_the_others_alone(server, honest):
    flooding = Wire(server)
    flooding.ask("enableApiControl", True, "")
    numbers = [flooding.send("moveByVelocity", 1.0, 0.0, 0.0, 100.0, 0, FREE, "") for _ in range(3000)]
    assert slowest(honest) < ANSWER_S
    assert flooding.reply(numbers[-2]) == (None, False)
    honest.ask("cancelLastTask", "")
    assert flooding.reply(numbers[-1]) == (None, False)
    flooding.close()


def test_a_client_that_dies_in_the_middle_of_its_replies_is_forgotten(server, honest):
    for _ in range(5):
        dying = Wire(server)
        for _ in range(20):
            dying.send(*PICTURE)
        dying.send("moveByVelocity", 1.0, 0.0, 0.0, 100.0, 0, FREE, "")
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # close with a reset
        dying._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        dying.close()
    end_s = time.monotonic() + 5.0
    while len(server.connections) > 1 and time.monotonic() < end_s:
        honest.ask("ping")
    assert len(server.connections) == 1


def test_more_connections_than_there_is_room_for_are_hung_up_on(server, honest):
    many = [Wire(server) for _ in range(MAX_CONNECTIONS + 3)]
    assert many[-1].hung_up()
    assert sum(line.startswith("Refused a connection") for line in server.messages) >= 1
    for client in many:
        client.close()
    end_s = time.monotonic() + 5.0
    while len(server.connections) > 1 and time.monotonic() < end_s:
        honest.ask("ping")


def test_pictures_of_several_clients_take_turns():
    painter, simulation = Painter(), flat_simulation()
    simulation.renderer = painter
    with serving(simulation) as server:
        greedy, modest = Wire(server), Wire(server)
        painter.hold.clear()
        numbers = [greedy.send(*PICTURE) for _ in range(MAX_PICTURES - 1)]
        greedy.ask("ping")  # all of its requests are in
        one = modest.send(*PICTURE)
        modest.ask("ping")
        painter.hold.set()
        assert modest.reply(one)[0] is None
        before = len(painter.views)
        for number in numbers:
            assert greedy.reply(number)[0] is None
        assert before <= 6 < len(painter.views)  # the one at hand, one more of the greedy, and what came meanwhile
        greedy.close(), modest.close()


def test_nobody_renders_for_a_client_that_has_gone():
    painter, simulation = Painter(), flat_simulation()
    simulation.renderer = painter
    with serving(simulation) as server:
        dying, other = Wire(server), Wire(server)
        painter.hold.clear()
        for _ in range(20):
            dying.send(*PICTURE)
        dying.ask("ping")
        dying.close()
        while len(server.connections) > 1:
            other.ask("ping")
        painter.hold.set()
        assert other.reply(other.send(*PICTURE))[0] is None
        assert len(painter.views) == 2  # the one that was at hand, and the other's
        other.close()


def test_a_client_with_many_pictures_under_way_is_not_listened_to_for_more():
    painter, simulation = Painter(), flat_simulation()
    simulation.renderer = painter
    with serving(simulation) as server:
        greedy, other = Wire(server), Wire(server)
        painter.hold.clear()
        numbers = [greedy.send(*PICTURE) for _ in range(MAX_PICTURES + 10)]
        greedy.notify("simPause", True)
        assert not any(other.ask("simIsPaused") for _ in range(50))
        painter.hold.set()
        for number in numbers:
            assert greedy.reply(number)[0] is None
        end_s = time.monotonic() + 5.0
        while not other.ask("simIsPaused"):
            assert time.monotonic() < end_s
        greedy.close(), other.close()


def test_a_slow_picture_holds_up_neither_queries_nor_the_clock():
    painter, simulation = Painter(), flat_simulation()
    simulation.renderer = painter
    with serving(simulation) as server:
        client = Wire(server)
        painter.hold.clear()
        picture, stamp = client.send(*PICTURE), client.ask("getMultirotorState", "")["timestamp"]
        assert slowest(client) < ANSWER_S
        assert client.ask("getMultirotorState", "")["timestamp"] > stamp + 200_000_000
        assert picture not in client.replies
        painter.hold.set()
        assert client.reply(picture)[0] is None
        client.close()
