"""The unmodified airsim 1.8.1 client flies in ``navisplit sim``, whose clients harm no other."""

import re
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from simulator import WALL_NORTH_M, WORLD, Simulator

from navisplit.airsim.transport import install_transport

install_transport()
airsim = pytest.importorskip("airsim")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("a world") / "tiny.sdf"  # a space in its path
    path.write_text(WORLD)
    return path


@pytest.fixture(scope="module")
def simulator(world):
    simulator = Simulator("--world", world, "--port", 0, "--settings", '{"ClockSpeed": 4}', "--headless")
    simulator.port = int(simulator.wait_for_line(r"ready on 127\.0\.0\.1:(\d+)").group(1))
    yield simulator
    assert simulator.end() == 0
    assert not any("Traceback" in line for line in simulator.lines), simulator.lines


@pytest.fixture
def client(simulator):
    client = airsim.MultirotorClient(port=simulator.port)
    client.confirmConnection()
    client.reset()
    client.enableApiControl(True)
    client.armDisarm(True)
    yield client
    client.simPause(False)
    client.client.close()


def airborne(client, north=0.0, down=-5.0):
    client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(north, 0, down)), True)
    client.moveByVelocityAsync(0, 0, 0, 2).join()
    return client


def position(client):
    return np.array(list(client.simGetVehiclePose().position))


def test_takeoff_and_landing(client):
    assert client.takeoffAsync().get() is False  # as the real one answers
    state = client.getMultirotorState()
    assert -1.7 < state.kinematics_estimated.position.z_val < -1.3
    assert state.landed_state == airsim.LandedState.Flying
    assert client.landAsync().get() is True
    assert abs(position(client)[2]) < 0.01
    with pytest.raises(Exception, match="already moving"):
        client.moveByVelocityAsync(0, 0, -3, 10)
        time.sleep(0.5)
        client.takeoffAsync().get()


def test_velocity_position_and_path(client):
    airborne(client)
    start = position(client)
    assert client.moveByVelocityAsync(3, 0, 0, 3).get() is True
    assert 6.0 < position(client)[0] - start[0] < 9.5
    assert client.moveToPositionAsync(0, 5, -6, 4).get() is True
    assert np.linalg.norm(position(client) - [0, 5, -6]) < 1.5
    square = [airsim.Vector3r(*corner) for corner in ((10, 5, -6), (10, 15, -6))]
    forward, along = airsim.DrivetrainType.ForwardOnly, airsim.YawMode(False, 0)
    assert client.moveOnPathAsync(square, 4, 120, forward, along).get() is True
    assert np.linalg.norm(position(client) - [10, 15, -6]) < 2.0
    client.moveToZAsync(-9, 2).join()
    assert abs(position(client)[2] + 9) < 1.0
    assert client.hoverAsync().get() is False


def test_rotation(client):
    airborne(client)
    assert client.rotateToYawAsync(45).get() is True
    yaw = airsim.to_eularian_angles(client.simGetVehiclePose().orientation)[2]
    assert np.degrees(yaw) == pytest.approx(45, abs=6)
    assert client.rotateByYawRateAsync(30, 2).get() is True
    turned = airsim.to_eularian_angles(client.simGetVehiclePose().orientation)[2]
    assert np.degrees(turned - yaw) == pytest.approx(55, abs=12)


def test_pictures_of_a_wall(client):
    airborne(client, north=20.0)
    client.simPause(True)
    scene, depth, visible, ids = client.simGetImages(
        [
            airsim.ImageRequest("0", airsim.ImageType.Scene, False, False),
            airsim.ImageRequest("front_center", airsim.ImageType.DepthPlanar, True),
            airsim.ImageRequest("0", airsim.ImageType.DepthVis),
            airsim.ImageRequest("0", airsim.ImageType.Segmentation, False, False),
        ]
    )
    assert len(scene.image_data_uint8) == 256 * 144 * 3 == len(ids.image_data_uint8)
    metres = airsim.list_to_2d_float_array(depth.image_data_float, depth.width, depth.height)
    expected = WALL_NORTH_M - depth.camera_position.x_val
    assert metres[72, 128] == pytest.approx(expected, abs=0.3)
    assert metres[0, 128] > 1000  # the sky
    assert visible.image_data_uint8[:4] == b"\x89PNG"
    stamp = client.getMultirotorState().timestamp
    assert scene.time_stamp == depth.time_stamp == stamp
    assert client.simGetImage("0", airsim.ImageType.Scene)[:4] == b"\x89PNG"
    assert client.simGetCameraInfo("0").fov == pytest.approx(89.9, abs=0.1)


def test_every_image_type_comes_as_png_raw_and_float(client):
    airborne(client, north=20.0)
    client.simPause(True)
    for kind in range(10):
        requests = [
            airsim.ImageRequest("0", kind),
            airsim.ImageRequest("0", kind, False, False),
            airsim.ImageRequest("0", kind, True),
        ]
        compressed, raw, floats = client.simGetImages(requests)
        assert compressed.image_data_uint8[:4] == b"\x89PNG" and compressed.image_type == kind
        assert len(raw.image_data_uint8) == 256 * 144 * 3 and len(floats.image_data_float) == 256 * 144
    normals = np.frombuffer(
        client.simGetImages([airsim.ImageRequest("0", 6, False, False)])[0].image_data_uint8, np.uint8
    )
    assert normals.reshape(144, 256, 3)[72, 128].tolist() == [128, 128, 0]  # BGR of a face that looks south


def test_weather_light_lens_and_detections_of_a_wall(client):
    def brightness():
        (scene,) = client.simGetImages([airsim.ImageRequest("0", airsim.ImageType.Scene, False, False)])
        return np.frombuffer(scene.image_data_uint8, np.uint8).reshape(144, 256, 3).astype(int)

    airborne(client, north=20.0)
    client.simPause(True)
    plain = brightness()
    client.simEnableWeather(True)
    client.simSetWeatherParameter(airsim.WeatherParameter.Fog, 1.0)
    assert brightness().std() < 0.7 * plain.std()
    client.simEnableWeather(False)
    client.simSetTimeOfDay(True, start_datetime="2026-06-21 23:30:00")
    assert brightness().mean() < 0.5 * plain.mean()
    client.simSetTimeOfDay(False)
    np.testing.assert_array_equal(brightness(), plain)
    client.simAddDetectionFilterMeshName("0", airsim.ImageType.Scene, "Wal*")
    (wall,) = client.simGetDetections("0", airsim.ImageType.Scene)
    assert wall.name == "wall" and wall.box2D.max.x_val == 256.0
    assert wall.relative_pose.position.x_val == pytest.approx(40.0 - 20.46, abs=0.5)
    client.simSetFocalLength(23.76, "0")
    assert client.simGetCameraInfo("0").fov == pytest.approx(53.13, abs=0.01)
    client.simSetDistortionParam("0", "K1", 0.1)
    assert client.simGetDistortionParams("0") == pytest.approx([0.1, 0, 0, 0, 0])


def test_a_wall_is_hit(client):
    airborne(client, north=25.0)
    client.simGetCollisionInfo()
    assert client.moveByVelocityAsync(5, 0, 0, 5).get() is True
    hit = client.simGetCollisionInfo()
    assert hit.has_collided and hit.object_name == "wall" and hit.time_stamp > 0
    assert hit.normal.x_val == pytest.approx(-1.0, abs=0.01)
    assert position(client)[0] < WALL_NORTH_M
    assert client.simGetCollisionInfo().time_stamp >= hit.time_stamp


def test_time_is_paused_and_continued_exactly(client):
    airborne(client)
    client.simPause(True)
    assert client.simIsPause() is True
    move = client.moveByVelocityAsync(2, 0, 0, 0.6)
    before = client.getMultirotorState().timestamp
    time.sleep(0.2)
    assert client.getMultirotorState().timestamp == before and move.result is None
    client.simContinueForTime(0.3)
    assert client.getMultirotorState().timestamp - before == 300_000_000
    client.simContinueForTime(0.6)
    assert move.get() is True
    assert client.getMultirotorState().timestamp - before == 900_000_000


def test_errors_are_airsims(client):
    for arguments, text in (
        (("flyToTheMoon", 1), "could not find function 'flyToTheMoon' with argument count 1"),
        (("takeoff",), "'takeoff' was called with an invalid number of arguments. Expected: 2, got: 0"),
        (("getMultirotorState", "Drone9"), "Vehicle API for 'Drone9' is not available"),
    ):
        with pytest.raises(Exception, match=re.escape(text)):
            client.client.call(*arguments)


def test_the_newest_move_wins_across_clients_and_without_a_join(simulator, client):
    airborne(client)
    other = airsim.MultirotorClient(port=simulator.port)
    moves = [client.moveByVelocityAsync(1, 0, 0, 30) for _ in range(8)]
    last = other.moveByVelocityAsync(0, 3, 0, 2)  # sent at once, nobody joins it yet
    assert [move.get() for move in moves] == [False] * 8
    assert last.get() is True
    assert client.getMultirotorState().kinematics_estimated.linear_velocity.y_val > 1.5
    last = other.moveByVelocityAsync(0, 3, 0, 30)
    other.ping()  # two connections have no common order
    client.cancelLastTask()
    assert last.get() is False
    other.client.close()


def test_a_dying_client_and_garbage_harm_no_other(simulator, client):
    airborne(client)
    code = (
        "import sys; from navisplit.airsim.transport import install_transport; install_transport(); import airsim, os;"
        f"c = airsim.MultirotorClient(port={simulator.port}); c.moveByVelocityAsync(0, 2, 0, 6); c.ping(); os._exit(9)"
    )
    start = position(client)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(10) == b""
    before = client.getMultirotorState().timestamp
    while client.getMultirotorState().timestamp < before + 1_500_000_000:
        pass
    assert position(client)[1] - start[1] > 1.0  # its move goes on
    simulator.wait_for_line("does not speak msgpack-RPC")


def test_objects_and_sensors(client):
    assert {"ground", "wall"} <= set(client.simListSceneObjects())
    assert client.simGetObjectPose("wall").position.x_val == pytest.approx(40.0)
    assert np.isnan(client.simGetObjectPose("nothing").position.x_val)
    assert client.listVehicles() == ["SimpleFlight"]
    assert client.getSettingsString() == '{"ClockSpeed": 4}'
    assert client.getImuData().linear_acceleration.z_val == pytest.approx(-9.8, abs=0.3)
    assert client.getGpsData().gnss.geo_point.latitude == pytest.approx(47.641468, abs=1e-6)
    assert client.simGetGroundTruthKinematics().position.z_val == pytest.approx(0.0, abs=0.01)
    assert client.isApiControlEnabled() is True
