"""The structs on the wire: no key missing, none too many, every number as wide as AirSim's."""

import math

import numpy as np
import pytest
from sim_service import kind_of, make_service, settled, wire

from navisplit.sim.geodesy import pressure_pa
from navisplit.sim.rpc.table import call

VECTOR = dict.fromkeys(("x_val", "y_val", "z_val"), "f")
QUATERNION = {"w_val": "f", **VECTOR}
POSE = {"position": VECTOR, "orientation": QUATERNION}
GEO = {"latitude": "d", "longitude": "d", "altitude": "f"}
KINEMATICS = POSE | dict.fromkeys(
    ("linear_velocity", "angular_velocity", "linear_acceleration", "angular_acceleration"), VECTOR
)
COLLISION = {"has_collided": "bool", "penetration_depth": "f", "time_stamp": "int", "normal": VECTOR,
             "impact_point": VECTOR, "position": VECTOR, "object_name": "str", "object_id": "int"}  # fmt: skip
RC = {"timestamp": "int", "switches": "int", "vendor_id": "str", "is_initialized": "bool", "is_valid": "bool"}
RC |= dict.fromkeys(("pitch", "roll", "throttle", "yaw", "left_z", "right_z"), "f")
IMAGE = {"image_data_uint8": "bin", "image_data_float": [], "camera_position": VECTOR, "camera_name": "str",
         "camera_orientation": QUATERNION, "time_stamp": "int", "message": "str", "pixels_as_float": "bool",
         "compress": "bool", "width": "int", "height": "int", "image_type": "int"}  # fmt: skip
GNSS = {"geo_point": GEO, "eph": "f", "epv": "f", "velocity": VECTOR, "fix_type": "int", "time_utc": "int"}
STRUCTS = {
    "simGetVehiclePose": POSE,
    "simGetObjectPose": POSE,
    "simGetObjectScale": VECTOR,
    "simGetCollisionInfo": COLLISION,
    "simGetGroundTruthKinematics": KINEMATICS,
    "getMultirotorState": {"collision": COLLISION, "kinematics_estimated": KINEMATICS, "gps_location": GEO,
                           "timestamp": "int", "landed_state": "int", "rc_data": RC},
    "getRotorStates": {"rotors": [dict.fromkeys(("thrust", "torque_scaler", "speed"), "f")], "timestamp": "int"},
    "getHomeGeoPoint": GEO,
    "simGetWorldExtents": [GEO],
    "simGetCameraInfo": {"pose": POSE, "fov": "f", "proj_mat": {"matrix": [["f"]]}},
    "simGetGroundTruthEnvironment": {"position": VECTOR, "geo_point": GEO, "gravity": VECTOR, "air_pressure": "f",
                                     "temperature": "f", "air_density": "f"},
    "getImuData": {"time_stamp": "int", "orientation": QUATERNION, "angular_velocity": VECTOR,
                   "linear_acceleration": VECTOR},
    "getBarometerData": {"time_stamp": "int", "altitude": "f", "pressure": "f", "qnh": "f"},
    "getMagnetometerData": {"time_stamp": "int", "magnetic_field_body": VECTOR, "magnetic_field_covariance": []},
    "getGpsData": {"time_stamp": "int", "gnss": GNSS, "is_valid": "bool"},
}  # fmt: skip
ARGUMENTS = {"simGetWorldExtents": [], "simGetCameraInfo": ["0", "", False]}
ARGUMENTS |= dict.fromkeys(("getImuData", "getBarometerData", "getMagnetometerData", "getGpsData"), ["", ""])


@pytest.fixture
def service():
    service = make_service()
    service.simulation.vehicle().teleport(np.array([3.0, 4.0, 5.0]), 0.3)
    service.simulation.advance(0.5)
    return service


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_a_struct_is_complete_with_numbers_of_airsims_width(service, name):
    assert kind_of(call(name, ARGUMENTS.get(name, [""]), service)) == STRUCTS[name]


def test_a_collision_that_happened_has_the_same_keys_as_none(service):
    service.simulation.vehicle().pilot.enable_api_control(False)
    service.simulation.advance(3.0)
    answer = call("simGetCollisionInfo", [""], service)
    assert kind_of(answer) == COLLISION
    assert answer["has_collided"] and answer["object_id"] == 1  # the ground's segmentation id
    assert answer["normal"]["z_val"] == pytest.approx(-1.0)  # NED: out of the ground
    assert answer["impact_point"]["x_val"] == pytest.approx(4.0, abs=0.1)  # north


@pytest.mark.parametrize("as_float", [False, True])
def test_a_picture_is_complete_and_depth_is_an_array_of_float32(service, as_float):
    request = {"camera_name": "0", "image_type": 1 if as_float else 0, "pixels_as_float": as_float, "compress": False}
    pictures = settled(service, call("simGetImages", [[request, {**request, "image_type": 11}], "", False], service))
    assert kind_of(pictures[0]) == IMAGE | ({"image_data_float": ["f"]} if as_float else {})
    assert kind_of(pictures[1]) == IMAGE  # there is no such type, and yet complete
    sizes = len(pictures[0]["image_data_uint8"]), len(pictures[0]["image_data_float"])
    assert sizes == ((0, 256 * 144) if as_float else (256 * 144 * 3, 0))
    assert pictures[0]["time_stamp"] == service.simulation.clock_ns


def test_a_picture_carries_the_cameras_pose_when_it_was_asked_for(service):
    asked = call("simGetImages", [[{"camera_name": "3", "compress": False}], "", False], service)
    before = call("simGetCameraInfo", ["3", "", False], service)["pose"]
    call("simSetVehiclePose", [{"position": {"x_val": 40.0, "y_val": 0.0, "z_val": -9.0}}, True, ""], service)
    (picture,) = asked.work()
    assert picture["camera_position"] == before["position"]
    (view,) = service.simulation.renderer.views
    assert view.position == pytest.approx([3.0, 4.0, 5.0], abs=0.05)


def test_a_missing_picture_is_one_zero_byte(service):
    assert settled(service, call("simGetImage", ["0", 11, "", False], service)) == b"\0"


def test_stamps_keep_every_nanosecond(service):
    pilot = service.simulation.vehicle().pilot
    pilot.time_ns, pilot.lead_ns = 1_790_000_000_122_000_000, 1_456_789
    assert pilot.clock_ns == 1_790_000_000_123_456_789
    state = wire(call("getMultirotorState", [""], service))
    assert state["timestamp"] == 1_790_000_000_123_456_789
    assert wire(call("getRotorStates", [""], service))["timestamp"] == 1_790_000_000_123_456_789


def test_latitude_is_good_to_a_millimetre(service):
    place = wire(call("getMultirotorState", [""], service))["gps_location"]
    metres = math.radians(place["latitude"] - 47.641468) * 6378137.0
    assert metres == pytest.approx(service.simulation.vehicle().pilot.position[0], abs=1e-3)


def test_the_environment_is_that_of_the_height(service):
    air = call("simGetGroundTruthEnvironment", [""], service)
    assert air["geo_point"]["altitude"] == pytest.approx(127.0, abs=0.1)
    assert air["gravity"] == {"x_val": 0.0, "y_val": 0.0, "z_val": 9.80665}
    assert air["air_pressure"] == pytest.approx(pressure_pa(127.0), rel=1e-4)
    assert air["air_density"] == pytest.approx(1.21, abs=0.01) and 286.0 < air["temperature"] < 288.0


def test_rotors_carry_the_weight_in_hover_and_their_torques_cancel(service):
    rotors = call("getRotorStates", [""], service)["rotors"]
    assert len(rotors) == 4
    assert sum(rotor["thrust"] for rotor in rotors) == pytest.approx(9.80665, rel=0.03)  # 1 kg, thinner air
    assert sum(rotor["torque_scaler"] for rotor in rotors) == pytest.approx(0.0, abs=1e-6)
    assert [rotor["torque_scaler"] < 0 for rotor in rotors] == [True, True, False, False]
    assert rotors[0]["speed"] == pytest.approx(math.sqrt(0.594) * 669.86, rel=0.01)


def test_the_projection_maps_forward_to_depth_and_the_field_of_view_to_the_edge(service):
    info = call("simGetCameraInfo", ["0", "", False], service)
    matrix = np.array(info["proj_mat"]["matrix"])
    assert info["fov"] == pytest.approx(89.9036, abs=1e-3)  # until it is set
    forward, right, down = 7.0, 7.0, 7.0 * 144 / 256  # the corner of a picture of 90 degrees
    x, y, z, w = matrix @ [forward, right, down, 1.0]
    assert (x / w, y / w) == pytest.approx((-1.0, 1.0)) or (abs(x / w), abs(y / w)) == pytest.approx((1.0, 1.0))
    assert abs(z / w) == pytest.approx(10.0 / forward)
