"""SimMode: a drone that flies, or, in ComputerVision, a carrier of cameras that stays where scripts put it."""

import json

import pytest
from sim_service import FREE, make_service, refused

from navisplit.errors import ConfigError
from navisplit.sim.rpc.table import call
from navisplit.sim.settings import parse_settings

TILTED = {"w_val": 0.9, "x_val": 0.3, "y_val": 0.1, "z_val": 0.3}  # length 1
CARRIERS = {"A": {"VehicleType": "ComputerVision"}, "B": {"X": 0.1}}  # so near that drones would collide


@pytest.fixture
def service():
    return make_service(json.dumps({"SimMode": "ComputerVision", "Vehicles": CARRIERS}))


def put(service, name, z):
    pose = {"position": {"x_val": 2.0, "y_val": 1.0, "z_val": z}, "orientation": TILTED}
    call("simSetVehiclePose", [pose, True, name], service)
    return pose


def test_without_a_sim_mode_it_is_multirotor():
    for text in ("{}", '{"SimMode": ""}', '{"SimMode": "Multirotor"}'):
        settings = parse_settings(text)
        assert settings.flies and list(settings.vehicles) == ["SimpleFlight"]
    assert list(parse_settings('{"SimMode": "ComputerVision"}').vehicles) == ["ComputerVision"]


def test_a_car_is_refused_with_what_is_simulated():
    with pytest.raises(ConfigError, match="'Car' is not simulated here. Expected Multirotor or ComputerVision"):
        parse_settings('{"SimMode": "Car"}')
    with pytest.raises(ConfigError, match="'SimpleFlight' is not simulated.*expected ComputerVision"):
        parse_settings('{"SimMode": "ComputerVision", "Vehicles": {"A": {"VehicleType": "SimpleFlight"}}}')


def test_in_computer_vision_a_vehicle_stays_exactly_where_it_is_put_while_time_passes(service):
    before_ns = service.simulation.clock_ns
    poses = {name: put(service, name, -7.0) for name in "AB"}
    service.simulation.advance(3.0)
    assert service.simulation.clock_ns - before_ns == 3_000_000_000
    for name, pose in poses.items():
        answer = call("simGetVehiclePose", [name], service)
        assert answer["position"] == pose["position"]
        assert answer["orientation"] == pytest.approx(TILTED)
    assert call("simGetCollisionInfo", ["A"], service)["has_collided"] is False
    assert call("simGetGroundTruthKinematics", ["A"], service)["linear_velocity"]["z_val"] == 0.0
    call("reset", [], service)
    assert call("simGetVehiclePose", ["A"], service)["position"]["z_val"] == 0.0


def test_in_computer_vision_pictures_carry_the_pose_and_the_time(service):
    put(service, "A", -7.0)
    service.simulation.advance(0.3)
    request = {"camera_name": "0", "image_type": 0, "pixels_as_float": False, "compress": False}
    (picture,) = call("simGetImages", [[request], "A", False], service).result()
    assert picture["width"] == 256 and picture["time_stamp"] == service.simulation.clock_ns
    assert picture["camera_position"]["z_val"] == pytest.approx(-7.0, abs=0.5)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("enableApiControl", [True]),
        ("armDisarm", [True]),
        ("takeoff", [20.0]),
        ("moveByVelocity", [1.0, 0.0, 0.0, 1.0, 0, FREE]),
        ("cancelLastTask", []),
        ("getMultirotorState", []),
        ("getImuData", [""]),
        ("getHomeGeoPoint", []),
    ],
)
def test_what_only_a_drone_has_is_refused_in_airsims_words(service, method, arguments):
    assert "Vehicle API for 'A' is not available" in refused(service, method, *arguments, "A")


def test_vehicles_that_are_added_are_of_the_mode(service):
    pose = {"position": {"x_val": 5.0}, "orientation": {"w_val": 1.0}}
    assert call("simAddVehicle", ["C", "simpleflight", pose, ""], service) is False
    assert call("simAddVehicle", ["C", "computervision", pose, ""], service) is True
    put(service, "C", -3.0)
    service.simulation.advance(1.0)
    assert call("simGetVehiclePose", ["C"], service)["position"]["z_val"] == -3.0
