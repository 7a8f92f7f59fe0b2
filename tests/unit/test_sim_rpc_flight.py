"""Flying through the RPC table: which move runs, what it replies, and that it ends where AirSim's ends."""

import math

import numpy as np
import pytest
from sim_service import FREE, make_service, refused, settled

from navisplit.sim.flight import controller
from navisplit.sim.geodesy import GeoPoint, geo_of
from navisplit.sim.rpc.table import call

ALONG = [60.0, 0, FREE, -1.0, 1.0, ""]  # timeout, drivetrain, yaw, look-ahead, adaptive look-ahead, vehicle


@pytest.fixture
def service():
    service = make_service()
    service.simulation.vehicle().teleport(np.array([0.0, 0.0, 10.0]), math.pi / 2)  # facing north
    return service


def ned(service, name=""):
    return service.simulation.vehicle(name).pilot.position


def test_the_newest_move_wins_and_the_older_ones_reply_false(service):
    moves = [call("moveByVelocity", [v, 0.0, 0.0, 5.0, 0, FREE, ""], service) for v in (1.0, 2.0, -3.0)]
    assert [(move.done, move.result) for move in moves] == [(True, False), (True, False), (False, False)]
    assert settled(service, moves[2]) is True
    assert ned(service)[0] < -5.0


def test_moves_of_different_vehicles_do_not_supersede_each_other():
    service = make_service('{"Vehicles": {"A": {}, "B": {"Y": 8}}}')
    for name in "AB":
        call("enableApiControl", [True, name], service)
    tasks = [call("moveByVelocity", [0.0, 0.0, -1.0, 2.0, 0, FREE, name], service) for name in "AB"]
    assert [settled(service, task) for task in tasks] == [True, True]
    assert ned(service, "A")[2] < -1.0 and ned(service, "B")[2] < -1.0


def test_cancel_ends_the_move_with_false_and_the_vehicle_stops(service):
    move = call("moveByVelocity", [4.0, 0.0, 0.0, 100.0, 0, FREE, ""], service)
    service.simulation.advance(2.0)
    assert call("cancelLastTask", [""], service) is None
    assert (move.done, move.result) == (True, False)
    assert call("cancelLastTask", [""], service) is None  # nothing runs: no error
    service.simulation.advance(20.0)
    assert np.linalg.norm(service.simulation.vehicle().pilot.velocity) < 0.2


def test_reset_ends_the_move_and_takes_control_away(service):
    move = call("moveByVelocity", [4.0, 0.0, 0.0, 100.0, 0, FREE, ""], service)
    call("reset", [], service)
    assert (move.done, move.result) == (True, False)
    assert call("isApiControlEnabled", [""], service) is False
    assert call("getMultirotorState", [""], service)["landed_state"] == 0


def test_takeoff_ends_half_a_metre_short_and_says_false_as_airsim_does():
    service = make_service()
    call("enableApiControl", [True, ""], service)
    assert settled(service, call("takeoff", [20.0, ""], service)) is False
    assert ned(service)[2] == pytest.approx(-1.54, abs=0.05)
    assert service.simulation.clock_ns / 1e9 == pytest.approx(3.39, abs=0.15)
    assert call("getMultirotorState", [""], service)["landed_state"] == 1


def test_a_takeoff_in_flight_is_refused_in_airsims_words(service):
    service.simulation.vehicle().pilot.velocity[:] = (0.3, 0.0, 0.0)
    task = call("takeoff", [20.0, ""], service)
    assert task.done and str(task.error) == (
        "Cannot perform takeoff because vehicle is already moving with velocity 0.300000 m/s"
    )


def test_go_home_flies_straight_to_the_start(service):
    service.simulation.vehicle().teleport(np.array([0.0, 6.0, 3.0]), 0.0)
    settled(service, call("goHome", [100.0, ""], service))
    assert np.linalg.norm(ned(service)) < 1.0


def test_move_to_z_keeps_the_place_and_reaches_the_height(service):
    service.simulation.vehicle().teleport(np.array([7.0, 3.0, 10.0]), 0.0)
    settled(service, call("moveToZ", [-4.0, 2.0, 60.0, FREE, -1.0, 1.0, ""], service))
    assert ned(service) == pytest.approx([3.0, 7.0, -4.0], abs=1.0)


def test_a_place_on_the_globe_is_relative_to_the_origin_and_not_to_the_vehicles_start():
    service = make_service('{"Vehicles": {"A": {}, "B": {"X": 20}}}')
    service.simulation.vehicle("B").teleport(np.array([0.0, 20.0, 10.0]), 0.0)  # 20 m north: over its start
    place = geo_of(np.array([35.0, 0.0, -10.0]), GeoPoint(47.641468, -122.140165, 122.0))
    where = [place.latitude, place.longitude, place.altitude, 3.0, *ALONG[:-1], "B"]
    assert settled(service, call("moveToGPS", where, service)) is True
    assert ned(service, "B") == pytest.approx([15.0, 0.0, -10.0], abs=1.0)
    assert ned(service, "A").tolist() == [0.0, 0.0, 0.0]


def test_a_timeout_ends_a_path_with_false(service):
    task = call("moveToPosition", [300.0, 0.0, -10.0, 5.0, 2.0, *ALONG[1:]], service)
    assert settled(service, task) is False
    assert service.simulation.clock_ns / 1e9 == pytest.approx(2.0, abs=0.15)


def test_a_path_of_no_points_is_done(service):
    task = call("moveOnPath", [[], 3.0, *ALONG], service)
    assert (task.done, task.result) == (True, True)


@pytest.mark.parametrize("name", ["moveToPosition", "moveToGPS"])
def test_forward_only_with_a_yaw_rate_is_refused_on_paths(service, name):
    task = call(name, [20.0, 0.0, -10.0, 5.0, 60.0, 1, FREE, -1.0, 1.0, ""], service)
    assert str(task.error) == "Yaw cannot be specified as rate if drivetrain is ForwardOnly"


def test_forward_only_looks_where_it_flies(service):
    yaw = {"is_rate": False, "yaw_or_rate": 0.0}
    settled(service, call("moveByVelocity", [3.0, 3.0, 0.0, 5.0, 1, yaw, ""], service))
    assert math.degrees(service.simulation.vehicle().pilot.yaw) == pytest.approx(45.0, abs=1.0)


@pytest.mark.parametrize(("name", "z_or_vz", "z"), [("moveByVelocityBodyFrame", 0.0, -10.0),
                                                    ("moveByVelocityZBodyFrame", -12.0, -12.0)])  # fmt: skip
def test_the_body_frame_is_that_of_the_start_of_the_move(service, name, z_or_vz, z):
    service.simulation.vehicle().teleport(np.array([0.0, 0.0, 10.0]), 0.0)  # facing east
    turning = {"is_rate": True, "yaw_or_rate": 40.0}
    settled(service, call(name, [3.0, 0.0, z_or_vz, 4.0, 0, turning, ""], service))
    north, east, down = ned(service)
    assert east > 7.0 and abs(north) < 1.0 and down == pytest.approx(z, abs=0.7)


def test_rotations_end_at_the_yaw_and_stay_in_place(service):
    assert settled(service, call("rotateToYaw", [120.0, 30.0, 5.0, ""], service)) is True
    assert math.degrees(service.simulation.vehicle().pilot.yaw) == pytest.approx(120.0, abs=5.1)
    assert settled(service, call("rotateToYaw", [-100.0, 0.2, 5.0, ""], service)) is False  # no time for it
    turn = call("rotateByYawRate", [30.0, 3.0, ""], service)
    service.simulation.advance(2.9)
    assert math.degrees(service.simulation.vehicle().pilot.angular_rate[2]) == pytest.approx(30.0, abs=1.5)
    assert settled(service, turn) is True
    assert np.linalg.norm(ned(service)[:2]) < 0.5


ATTITUDE = {
    "moveByRollPitchYawZ": (controller.ANGLE, controller.ANGLE, controller.ANGLE, controller.POSITION),
    "moveByRollPitchYawThrottle": (controller.ANGLE, controller.ANGLE, controller.ANGLE, controller.PASSTHROUGH),
    "moveByRollPitchYawrateThrottle": (controller.ANGLE, controller.ANGLE, controller.RATE, controller.PASSTHROUGH),
    "moveByRollPitchYawrateZ": (controller.ANGLE, controller.ANGLE, controller.RATE, controller.POSITION),
    "moveByAngleRatesZ": (controller.RATE, controller.RATE, controller.RATE, controller.POSITION),
    "moveByAngleRatesThrottle": (controller.RATE, controller.RATE, controller.RATE, controller.PASSTHROUGH),
}


@pytest.mark.parametrize("name", sorted(ATTITUDE))
def test_attitude_calls_reach_the_axes_in_the_modes_of_their_names(service, name):
    call(name, [0.1, -0.05, 0.2, 0.6, 1.0, ""], service)
    pilot = service.simulation.vehicle().pilot
    assert pilot._goal.tolist() == [0.1, -0.05, 0.2, 0.6] and tuple(pilot._mode.tolist()) == ATTITUDE[name]
    service.simulation.advance(0.3)
    assert pilot.angular_rate[2] > 0.02 or pilot.yaw > 0.01  # clockwise


def test_motor_signals_reach_the_rotors_in_airsims_order(service):
    call("moveByMotorPWMs", [0.7, 0.5, 0.6, 0.55, 1.0, ""], service)
    assert service.simulation.vehicle().pilot._goal.tolist() == [0.7, 0.5, 0.6, 0.55]
    service.simulation.advance(0.05)
    assert service.simulation.vehicle().pilot.rotors[0] == pytest.approx([0.7, 0.5, 0.6, 0.55])


def test_without_a_remote_control_a_manual_move_only_lets_time_pass(service):
    task = call("moveByManual", [1.0, 1.0, -3.0, 1.0, 0, FREE, ""], service)
    assert settled(service, task) is True
    assert ned(service) == pytest.approx([0.0, 0.0, -10.0], abs=0.05)
    assert call("moveByRC", [{"throttle": 1.0}, ""], service) is None


@pytest.mark.parametrize(("name", "loop"), [("setAngleRateControllerGains", controller.RATE),
                                            ("setAngleLevelControllerGains", controller.ANGLE)])  # fmt: skip
def test_gains_of_the_angles_are_in_the_order_roll_pitch_yaw(service, name, loop):
    gains = service.simulation.vehicle().pilot.gains
    before = gains.copy()
    call(name, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], ""], service)
    assert gains[loop, :, :3].tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
    before[loop] = gains[loop]
    assert (gains == before).all()  # no other loop


def test_gains_of_fewer_than_three_axes_are_refused_and_change_nothing(service):
    before = service.simulation.vehicle().pilot.gains.copy()
    text = refused(service, "setVelocityControllerGains", [1.0, 2.0], [0.0] * 3, [0.0] * 3, "")
    assert text.endswith("contained this information: gains need three values each.")
    assert (service.simulation.vehicle().pilot.gains == before).all()


def test_a_state_that_is_set_is_flown_on_from(service):
    speed = {"x_val": 3.0, "y_val": 0.0, "z_val": 0.0}
    state = {"position": {"x_val": 5.0, "y_val": 6.0, "z_val": -8.0}, "orientation": {"w_val": 2.0},
             "linear_velocity": speed}  # fmt: skip
    call("simSetKinematics", [state, True, ""], service)
    answer = call("simGetGroundTruthKinematics", [""], service)
    assert answer["linear_velocity"] == speed and answer["position"]["y_val"] == 6.0
    assert answer["orientation"]["w_val"] == 1.0  # of unit length, whatever was sent
    service.simulation.advance(0.3)
    assert ned(service)[0] == pytest.approx(5.9, abs=0.1)


def test_a_place_beyond_all_measure_is_refused(service):
    pose = {"position": {"x_val": 2e6, "y_val": 0.0, "z_val": 0.0}}
    assert "position is more than 1000 km away" in refused(service, "simSetVehiclePose", pose, True, "")
    assert ned(service).tolist() == [0.0, 0.0, -10.0]
