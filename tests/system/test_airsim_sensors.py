"""Sensors, stepping and several drones through the unmodified airsim client."""

import json

import numpy as np
import pytest
from simulator import WORLD, Simulator

from navisplit.airsim.transport import install_transport

install_transport()
airsim = pytest.importorskip("airsim")

LIDAR = {"SensorType": 6, "NumberOfChannels": 8, "PointsPerSecond": 20000, "DataFrame": "SensorLocalFrame"}
DOWN = {"SensorType": 5, "Pitch": -90, "GenerateNoise": False}
SETTINGS = {"ClockSpeed": 0, "Vehicles": {"A": {"Sensors": {"Lidar1": LIDAR, "Down": DOWN}}, "B": {"X": 3}}}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    world = tmp_path_factory.mktemp("world") / "tiny.sdf"
    world.write_text(WORLD)
    simulator = Simulator("--world", world, "--port", 0, "--settings", json.dumps(SETTINGS), "--seed", 7)
    client = airsim.MultirotorClient(port=int(simulator.wait_for_line(r"ready on 127\.0\.0\.1:(\d+)").group(1)))
    yield client
    simulator.end()


def test_a_script_measures_steps_and_hits_as_fast_as_possible(client):
    client.simPause(True)
    client.reset()
    for name in "AB":
        client.enableApiControl(True, name)
    started = client.getMultirotorState("A").timestamp
    task = client.moveToZAsync(-5, 2, vehicle_name="A")
    other = client.moveToZAsync(-5, 2, vehicle_name="B")
    client.simContinueForTime(9.0)
    task.join()
    other.join()
    assert client.getMultirotorState("A").timestamp - started == 9_000_000_000
    height = -client.simGetVehiclePose("A").position.z_val
    assert client.getDistanceSensorData("Down", "A").distance == pytest.approx(height, abs=0.1)
    lidar = client.getLidarData("Lidar1", "A")
    points = np.array(lidar.point_cloud, np.float32).reshape(-1, 3)
    assert len(points) > 1000 and len(lidar.segmentation) == len(points)
    on_the_ground = points[points[:, 2] > height - 0.5]
    assert np.median(on_the_ground[:, 2]) == pytest.approx(height, abs=0.1)
    assert client.getGpsData(vehicle_name="A").gnss.fix_type == 3
    assert len({client.getImuData(vehicle_name="A").linear_acceleration.z_val for _ in range(3)}) == 1  # time stands
    with pytest.raises(Exception, match="No lidar with name x exist on vehicle"):
        client.getLidarData("x", "A")
    client.moveByVelocityAsync(3, 0, 0, 5, vehicle_name="A")
    client.simContinueForTime(3.0)
    assert client.simGetCollisionInfo("A").object_name == "B"
    assert client.simGetCollisionInfo("B").object_name == "A"
