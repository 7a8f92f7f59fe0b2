"""A vehicle behind the real airsim client and our server: frames, captures, hits; and a server that nobody harms."""

import random
import socket
import threading
import time

import msgpack
import numpy as np
import pytest
from flight_server import Painter, flat_simulation, serving

from navisplit.airsim import connect, install_transport
from navisplit.airsim.connection import between
from navisplit.airsim.images import decode_depth, decode_scene
from navisplit.errors import SimulatorError
from navisplit.frames import Odometry, VelocityCommand
from navisplit.sim.rpc.server import listen

install_transport()  # the client imports msgpackrpc
pytest.importorskip("airsim")

ORIGIN = (100.0, 50.0, 2.0)


@pytest.fixture(scope="module")
def server():
    with serving(clock_speed=8.0) as running:
        yield running


@pytest.fixture
def vehicle(server):
    vehicle = connect(server.host, server.port, 10.0, origin_enu=ORIGIN)
    vehicle._client.reset()
    yield vehicle
    vehicle.close()


def raw(server):
    return socket.create_connection((server.host, server.port), timeout=10.0)


def ping(server):
    with raw(server) as connection:
        connection.sendall(msgpack.packb([0, 1, "ping", []]))
        return msgpack.unpackb(connection.recv(100))


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def test_odometry_is_in_the_map(vehicle):
    odometry = vehicle.odometry()
    assert odometry.position == pytest.approx(ORIGIN)
    assert odometry.yaw == pytest.approx(0.0, abs=1e-6)  # the player start faces east
    assert vehicle.odometry().stamp_ns >= odometry.stamp_ns


def test_place_puts_it_there_at_rest(vehicle):
    vehicle.place((110.0, 60.0, 7.0), 0.5)
    odometry = vehicle.odometry()
    assert odometry.position == pytest.approx([110.0, 60.0, 7.0], abs=0.3)
    assert np.linalg.norm(odometry.velocity) < 0.2
    assert odometry.yaw == pytest.approx(0.5, abs=0.05)
    assert not vehicle.collided().has_collided


def test_send_flies_in_the_map_without_waiting(vehicle):
    vehicle.place((100.0, 50.0, 12.0), 0.0)
    started = time.monotonic()
    vehicle.send(VelocityCommand(np.array([3.0, 0.0, 1.0]), 0.5), 4.0)
    assert time.monotonic() - started < 0.5
    wait_for(lambda: vehicle.odometry().position[0] > 106.0)
    odometry = vehicle.odometry()
    assert odometry.velocity[0] > 2.0 and abs(odometry.velocity[1]) < 0.5 and odometry.position[2] > 13.0
    assert odometry.yaw > 0.3


def test_picture_and_pose_are_of_one_capture(server, vehicle):
    vehicle.place((100.0, 50.0, 12.0), 0.3)
    vehicle.camera()
    vehicle.send(VelocityCommand(np.array([4.0, 1.0, 0.0]), 0.8), 3.0)
    time.sleep(0.1)
    server.simulation.renderer.views.clear()
    stamp_ns, rgb, odometry = vehicle.camera()
    (view,) = server.simulation.renderer.views
    assert rgb.shape == (144, 256, 3) and rgb[0, 0].tolist() == [255, 0, 0]
    assert stamp_ns == odometry.stamp_ns
    ahead = view.position + np.array(ORIGIN) - odometry.position  # the simulation's own map starts at its origin
    assert np.linalg.norm(ahead) == pytest.approx(0.46, abs=1e-3)
    assert odometry.orientation == pytest.approx(view.orientation, abs=1e-4)
    assert np.linalg.norm(odometry.velocity) > 0.5


def test_a_fall_is_a_collision_and_a_landing_is_none(server, vehicle):
    vehicle.takeoff()
    vehicle.land()
    assert not vehicle.collided().has_collided
    vehicle.place((100.0, 50.0, 8.0), 0.0)
    vehicle.odometry()
    vehicle._client.enableApiControl(False)
    wait_for(lambda: vehicle.odometry().position[2] < 2.001)
    hit = vehicle.collided()
    assert hit.has_collided and hit.object_name == "ground" and hit.normal[2] > 0.9


def test_paused_time_stands_and_continues_exactly(vehicle):
    vehicle.pause(True)
    before = vehicle.odometry().stamp_ns
    vehicle.continue_for(0.3)
    assert vehicle.odometry().stamp_ns - before == 300_000_000
    vehicle.pause(False)


def test_no_server_is_said_with_what_to_do():
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SimulatorError, match=f"no AirSim server answers on 127.0.0.1:{port}.*navisplit sim"):
        connect("127.0.0.1", port, 0.3)


def test_a_busy_port_is_said_with_what_to_do():
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SimulatorError, match=f"port {port} is in use.*--port"):
            listen("127.0.0.1", port)


def test_the_server_survives_garbage_from_a_client(server):
    rng = random.Random(1)
    for size in (1, 7, 100, 5000):
        with raw(server) as connection:
            connection.sendall(rng.randbytes(size))
        assert ping(server)[3] is True


@pytest.mark.parametrize(
    "message",
    [
        [],
        {},
        5,
        None,
        [0],
        [0, 1, 2, []],
        [0, 1, "ping", {}],
        [0, "x", "ping", []],
        [7, 1, "ping", []],
        [2, "ping"],
        [1, 1, None, True],
    ],
)
def test_a_message_that_is_no_request_ends_only_its_connection(server, message):
    with raw(server) as connection:
        connection.sendall(msgpack.packb(message))
        assert connection.recv(100) == b""
    assert ping(server)[3] is True


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff" + bytes(17 << 20),
        b"\x91" * 5000,
        b"\xc1",
    ],
    ids=["array", "map", "bytes", "nested", "reserved"],
)
def test_a_claimed_size_or_depth_does_not_harm(server, data):
    with raw(server) as connection:
        try:
            connection.sendall(data)
            assert connection.recv(100) == b""
        except ConnectionError:
            pass  # closed before all of it was sent
    assert ping(server)[3] is True


def test_random_messages_of_the_right_shape_never_kill_the_server(server):
    rng = random.Random(2)
    pieces = [None, True, -1, 2**63, 1.5, "x", b"\x00", [], {}, {"x_val": "a"}, [1, [2]], float("nan")]
    names = ("simGetImages", "simSetVehiclePose", "moveOnPath", "moveByVelocity", "simSetKinematics", "simPlotPoints")
    with raw(server) as connection:
        unpacker = msgpack.Unpacker()
        for number in range(300):
            arguments = [rng.choice(pieces) for _ in range(rng.randrange(9))]
            connection.sendall(msgpack.packb([0, number, rng.choice(names), arguments]))
        answered = 0
        while answered < 300:
            unpacker.feed(connection.recv(65536))
            answered += sum(1 for _ in unpacker)


def test_requests_cut_anywhere_are_put_together(server):
    with raw(server) as connection:
        for byte in msgpack.packb([0, 9, "listVehicles", []]):
            connection.sendall(bytes([byte]))
        assert msgpack.unpackb(connection.recv(100)) == [1, 9, None, ["SimpleFlight"]]


def test_a_client_that_dies_leaves_its_move_and_the_others_alone(server, vehicle):
    vehicle.place((100.0, 50.0, 12.0), 0.0)
    with raw(server) as connection:
        yaw = {"is_rate": True, "yaw_or_rate": 0.0}
        connection.sendall(msgpack.packb([0, 1, "moveByVelocity", [0.0, 3.0, 0.0, 3.0, 0, yaw, ""]]))
        wait_for(lambda: vehicle.odometry().velocity[0] > 0.5)
    wait_for(lambda: vehicle.odometry().position[0] > 103.0)


def test_queries_are_answered_while_a_move_and_a_slow_picture_are_pending():
    painter = Painter()
    simulation = flat_simulation()
    simulation.renderer = painter
    with serving(simulation) as server:
        vehicle = connect(server.host, server.port, 10.0)
        painter.hold.clear()
        picture = threading.Thread(target=vehicle.camera)
        move = vehicle._client.moveByVelocityAsync(0, 0, 0, 1000)
        picture.start()
        first_ns = vehicle.odometry().stamp_ns
        wait_for(lambda: vehicle.odometry().stamp_ns > first_ns + 100_000_000)  # the clock goes on meanwhile
        assert picture.is_alive() and move.result is None
        painter.hold.set()
        picture.join(10.0)
        vehicle._client.cancelLastTask()
        assert move.get() is False
        vehicle.close()


def test_a_picture_that_is_not_there_is_an_error():
    class Empty:
        width, height, image_data_uint8, image_data_float, message = 0, 0, b"", [], "off"

    with pytest.raises(SimulatorError, match="no picture"):
        decode_scene(Empty)
    with pytest.raises(SimulatorError, match="no depth"):
        decode_depth(Empty)


def test_pictures_of_cosys_are_rgb_already():
    class Response:
        width, height, image_data_uint8 = 1, 1, bytes([1, 2, 3])

    assert decode_scene(Response)[0, 0].tolist() == [3, 2, 1]
    assert decode_scene(Response, bgr=False)[0, 0].tolist() == [1, 2, 3]


def test_interpolation_is_by_the_stamp():
    def state(stamp_ns, speed):
        return Odometry(stamp_ns, np.zeros(3), np.array([0, 0, 0, 1.0]), np.array([speed, 0, 0]), np.zeros(3))

    assert between(state(100, 1.0), state(200, 3.0), 150).velocity[0] == 2.0
    assert between(state(100, 1.0), state(100, 3.0), 100).velocity[0] == 3.0
