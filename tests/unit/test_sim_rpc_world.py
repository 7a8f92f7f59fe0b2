"""Clock, objects and space through the RPC table, with two vehicles beside the player start."""

import math

import numpy as np
import pytest
from sim_service import FREE, kind_of, make_service, refused

from navisplit.sim.geodesy import GeoPoint, geo_of
from navisplit.sim.rpc.pacing import to_nanoseconds
from navisplit.sim.rpc.table import call

TWO = '{"Vehicles": {"A": {"X": 2, "Y": 1, "Yaw": 90}, "B": {"X": -4, "Z": -3}}, "Wind": {"Y": 2}}'
ORIGIN = GeoPoint(47.641468, -122.140165, 122.0)


@pytest.fixture
def service():
    return make_service(TWO)


def place(service, name):
    return tuple(call("simGetObjectPose", [name], service)["position"].values())


def test_each_vehicle_stands_where_the_settings_say_and_counts_from_there(service):
    assert call("listVehicles", [], service) == ["A", "B"]
    assert (place(service, "A"), place(service, "B")) == ((2.0, 1.0, 0.0), (-4.0, 0.0, -3.0))  # in the world
    for name in "AB":
        own = call("simGetVehiclePose", [name], service)
        assert own["position"] == {"x_val": 0.0, "y_val": 0.0, "z_val": 0.0}
    headings = [math.degrees(service.simulation.vehicle(name).pilot.yaw) for name in "AB"]
    assert headings == pytest.approx([90.0, 90.0])  # A's is absolute, B's is the start's, which looks east
    home = call("getHomeGeoPoint", ["B"], service)
    assert home["altitude"] == 125.0 and home["latitude"] < ORIGIN.latitude
    assert call("getSettingsString", [], service) == TWO


def test_vehicles_are_scene_objects_too(service):
    assert call("simListSceneObjects", [".*"], service) == ["ground", "tree_1", "A", "B"]
    assert call("simListSceneObjects", ["A|B"], service) == ["A", "B"]


def test_the_scale_of_what_does_not_exist_is_zero(service):
    scales = [call("simGetObjectScale", [name], service)["x_val"] for name in ("tree_1", "nothing")]
    assert scales == [1.0, 0.0]


def test_the_pose_of_what_does_not_exist_is_nan_and_complete(service):
    pose = call("simGetObjectPose", ["nothing"], service)
    assert kind_of(pose) == kind_of(call("simGetObjectPose", ["tree_1"], service))
    assert all(math.isnan(v) for part in pose.values() for v in part.values())


def test_the_world_is_as_large_as_its_objects(service):
    low, high = call("simGetWorldExtents", [], service)
    corners = [geo_of(np.array(ned), ORIGIN) for ned in ((-50.0, -50.0, 1.0), (50.0, 50.0, -9.0))]
    for answer, corner in zip((low, high), corners, strict=True):
        assert answer["latitude"] == pytest.approx(corner.latitude, abs=1e-9)
        assert (answer["longitude"], answer["altitude"]) == pytest.approx((corner.longitude, corner.altitude))


def point(*ned):
    at = geo_of(np.array(ned, float), ORIGIN)
    return {"latitude": at.latitude, "longitude": at.longitude, "altitude": at.altitude}


def test_a_line_of_sight_ends_at_the_ground(service):
    above, far, below = point(0, 0, -2), point(30, 20, -5), point(5, 0, 3)
    between = "simTestLineOfSightBetweenPoints"
    assert call(between, [above, far], service) and call(between, [above, above], service)
    assert not call(between, [above, below], service) and not call(between, [below, above], service)
    assert call("simTestLineOfSightToPoint", [far, "B"], service)
    assert not call("simTestLineOfSightToPoint", [below, "B"], service)


def test_wind_blows_on_every_vehicle_and_can_be_changed(service):
    airs = [vehicle.pilot.air for vehicle in service.simulation.vehicles]
    assert [air[:3].tolist() for air in airs] == [[0.0, 2.0, 0.0]] * 2
    call("simSetWind", [{"x_val": -3.0, "z_val": 1.0}], service)
    assert [air[:3].tolist() for air in airs] == [[-3.0, 0.0, 1.0]] * 2
    assert airs[1][3] == 122.0  # the altitude of the origin stays
    assert "NaN" in refused(service, "simSetWind", {"x_val": float("nan")})


def test_control_is_taken_of_one_vehicle_at_a_time(service):
    call("enableApiControl", [True, "B"], service)
    assert [call("isApiControlEnabled", [name], service) for name in ("", "A", "B")] == [False, False, True]
    assert call("armDisarm", [True, "A"], service) is False  # as without control in AirSim
    assert call("armDisarm", [True, "B"], service) is True


def test_each_vehicle_has_its_own_collision_to_read(service):
    for vehicle in service.simulation.vehicles:
        vehicle.teleport(np.array([vehicle.origin[0], vehicle.origin[1], 3.0]), 0.0)
        vehicle.pilot.enable_api_control(False)
    service.simulation.advance(2.0)
    assert call("simGetCollisionInfo", ["A"], service)["has_collided"]
    assert not call("simGetCollisionInfo", ["A"], service)["has_collided"]
    hit = call("simGetCollisionInfo", ["B"], service)
    assert hit["has_collided"] and hit["position"]["z_val"] == pytest.approx(3.0, abs=0.01)  # below its own start


def test_a_camera_of_one_vehicle_is_not_that_of_another(service):
    call("simSetCameraFov", ["0", 40.0, "A", False], service)
    widths = [call("simGetCameraInfo", ["0", name, False], service)["fov"] for name in "AB"]
    assert widths == pytest.approx([40.0, 89.903625])
    for asked, set_to in ((1.0, 5.0), (400.0, 170.0)):
        call("simSetCameraFov", ["0", asked, "A", False], service)
        assert call("simGetCameraInfo", ["0", "A", False], service)["fov"] == set_to
    call("reset", [], service)
    assert call("simGetCameraInfo", ["0", "A", False], service)["fov"] == pytest.approx(89.903625)


def test_a_camera_pose_without_a_rotation_keeps_the_old_one(service):
    zero = dict.fromkeys(("w_val", "x_val", "y_val", "z_val"), 0.0)
    before = service.simulation.vehicle("A").cameras["bottom_center"]
    pose = {"position": {"z_val": 0.2}, "orientation": zero}
    call("simSetCameraPose", ["3", pose, "A", False], service)
    after = service.simulation.vehicle("A").cameras["bottom_center"]
    assert after.orientation == before.orientation and after.position == (0.0, 0.0, 0.2)


def test_frames_are_sixtieths_of_a_second_and_reply_at_once(service):
    call("simPause", [True], service)
    assert call("simContinueForFrames", [6], service) is None
    assert call("simIsPaused", [], service) is False
    for n in range(200):
        service.pacer.drive(n * 0.01)
    assert service.simulation.clock_ns == 100_000_000  # 6 frames of a 60th of a second
    assert call("simIsPaused", [], service) is True


def test_a_move_waits_while_the_clock_stands_and_queries_do_not(service):
    call("enableApiControl", [True, "A"], service)
    call("simPause", [True], service)
    move = call("moveByVelocity", [0.0, 0.0, -1.0, 0.5, 0, FREE, "A"], service)
    for n in range(50):
        service.pacer.drive(float(n))
    assert not move.done and call("getMultirotorState", ["A"], service)["timestamp"] == 0
    waiting = call("simContinueForTime", [0.6], service)
    for n in range(50, 200):
        service.pacer.drive(50 + n * 0.01)
    assert waiting.done and waiting.result is None and (move.done, move.result) == (True, True)
    assert service.simulation.clock_ns == 600_000_000


def test_a_pause_lets_a_waiting_continue_go(service):
    waiting = call("simContinueForTime", [1e12], service)
    service.pacer.drive(0.0)
    service.pacer.drive(0.1)
    assert not waiting.done
    call("simPause", [True], service)
    assert waiting.done


def test_continuing_for_no_time_or_less_replies_at_once_and_pauses(service):
    for seconds in (0.0, -5.0):
        assert call("simContinueForTime", [seconds], service).done
        assert call("simIsPaused", [], service)
    assert service.simulation.clock_ns == 0


def test_seconds_become_nanoseconds_whatever_they_are():
    assert to_nanoseconds(0.1) == 100_000_000
    assert to_nanoseconds(1e300) == to_nanoseconds(float("inf")) == 10**18
