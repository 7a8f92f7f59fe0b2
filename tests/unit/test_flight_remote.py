"""moveByRC's sticks, moveByManual and arming, as AirSim's SimpleFlight takes them."""

import numpy as np
import pytest
from sim_service import FREE, call, make_service, settled

from navisplit.sim.flight import path
from navisplit.sim.flight.commands import CommandError, YawMode


@pytest.fixture
def service():
    service = make_service()
    drone = service.simulation.vehicle()
    drone.teleport(np.array([0.0, 0.0, 20.0]), np.pi / 2)  # north
    return service


def sticks(**values):
    return {"is_valid": True, "is_initialized": True, "throttle": 0.6, **values}


def test_sticks_fly_the_drone_only_while_the_api_does_not(service):
    pilot = service.simulation.vehicle().pilot
    call("moveByRC", [sticks(pitch=0.5), ""], service)
    service.simulation.advance(1.0)
    assert abs(pilot.velocity[0]) < 0.05  # it hovers on
    call("enableApiControl", [False, ""], service)
    service.simulation.advance(1.0)
    assert pilot.velocity[0] > 1.0 and abs(pilot.velocity[1]) < 0.05  # forward is north
    call("moveByRC", [sticks(roll=0.5, yaw=0.2), ""], service)
    service.simulation.advance(1.0)
    assert pilot.velocity[1] > 1.0 and pilot.yaw > 0.1
    call("moveByRC", [{"is_valid": False}, ""], service)
    service.simulation.advance(0.5)
    assert pilot.velocity[2] > 2.0  # without a remote control the rotors idle


def test_the_state_tells_the_sticks(service):
    call("moveByRC", [{**sticks(pitch=0.25), "vendor_id": "me", "switches": 5, "timestamp": 12}, ""], service)
    rc = call("getMultirotorState", [""], service)["rc_data"]
    assert (rc["pitch"], rc["vendor_id"], rc["switches"], rc["timestamp"], rc["is_valid"]) == (0.25, "me", 5, 12, True)


def test_a_manual_move_takes_airsims_scale_of_the_sticks_and_only_fresh_ones(service):
    pilot = service.simulation.vehicle().pilot
    call("moveByRC", [{**sticks(pitch=5000.0, roll=0.0), "throttle": 0.0}, ""], service)
    task = call("moveByManual", [4.0, 4.0, -1.0, 4.0, 0, FREE, ""], service)
    assert settled(service, task) is True
    assert 1.3 < pilot.velocity[0] < 2.0  # of the 2 m/s that half a stick means
    stale = {**sticks(pitch=5000.0), "timestamp": 1}
    call("moveByRC", [stale, ""], service)
    settled(service, call("moveByManual", [4.0, 4.0, -1.0, 6.0, 0, FREE, ""], service))
    assert pilot.velocity[0] < 1.0  # the old set-point has timed out


def test_arming_answers_as_airsims_does(service):
    arm = [[True, ""], [False, ""], [False, ""], [True, ""]]
    assert [call("armDisarm", each, service) for each in arm] == [True, True, False, True]
    call("enableApiControl", [False, ""], service)
    assert call("armDisarm", [True, ""], service) is False


def test_disarmed_in_the_air_it_falls_and_armed_again_it_falls_with_idling_rotors(service):
    pilot = service.simulation.vehicle().pilot
    service.simulation.advance(0.2)
    call("armDisarm", [False, ""], service)
    service.simulation.advance(0.3)
    assert pilot.velocity[2] == pytest.approx(9.80665 * 0.3, rel=0.1)  # the rotors take a moment
    call("armDisarm", [True, ""], service)
    before = pilot.velocity[2]
    service.simulation.advance(0.1)
    assert call("getRotorStates", [""], service)["rotors"][0]["thrust"] == pytest.approx(0.1 / 1.5 * 4.17945, rel=0.02)
    assert 0.7 < pilot.velocity[2] - before < 0.9


def test_a_path_that_is_lost_ends_with_airsims_exception(monkeypatch):
    monkeypatch.setattr(path, "MAX_TICKS_ASTRAY", 1000)  # AirSim's 100,000 are half an hour
    drone = make_service().simulation.vehicle()
    drone.teleport(np.array([0.0, 0.0, 20.0]), np.pi / 2)
    drone.pilot.air[0:3] = 0.0, 60.0, 0.0  # a storm from the west
    task = drone.start(path.move_on_path(drone.pilot, [np.array([5000.0, 0.0, -20.0])], 3.0, yaw_mode=YawMode()))
    drone.advance(20_000)
    assert isinstance(task.error, CommandError) and "lookahead error is continually increasing" in str(task.error)
