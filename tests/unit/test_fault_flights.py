"""What the drone does when something breaks at 4 m/s, measured in simulated time: docs/safety.md tells the figures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from navisplit.config import FlightConfig
from navisplit.evaluate.crew import load_models
from navisplit.evaluate.flight import Limits, fly
from navisplit.vehicle.guard import Stage
from tests.unit.fault_flights import at, flown, renderer
from tests.unit.test_evaluate import ORACLE, route

GONE = [
    pytest.param(fault, marks=pytest.mark.fault(number, does=does))
    for number, fault, does in (
        (1, "link:off", "brakes, holds, and lands after 5 s of silence"),
        (2, "answer:off", "as for total loss: what counts is that answers come back"),
        (10, "edge:off", "as for total loss; the flight is reported as a failsafe"),
        (11, "edge:off", "as for total loss: a connection that is alive proves nothing"),
        (12, "edge:stuck", "refuses the answer that was used already, and stops as if there were none"),
        (13, "edge:wrong", "refuses answers of another branch set, and stops as if there were none"),
        (30, "camera:stuck", "does not send a picture that it has seen before from elsewhere, and stops"),
        (31, "camera:wrong", "does not send a black, white or noisy picture, and stops"),
        (31, "camera:garbage", "does not send a black, white or noisy picture, and stops"),
        (34, "odometry:garbage", "sends nothing while the state is not finite, and stops"),
        (34, "odometry:stuck", "sends nothing for 1.2 s after position and velocity contradict each other, and stops"),
    )
]


@pytest.mark.parametrize("fault", GONE)
def test_the_drone_stops_holds_and_lands_without_frames_or_answers(fault):
    seen = flown(at(fault))
    late_s = 0.2 if fault == "odometry:stuck" else 0.0  # until the contradiction shows
    assert seen.brakes_s <= 0.28 + late_s
    assert seen.stands_s < 3.0 and seen.blind_m < 5.0
    assert {Stage.BRAKE, Stage.HOLD, Stage.LAND} <= seen.stages
    assert seen.outcome == "failsafe" and seen.resumes_s is None


@pytest.mark.parametrize(
    "fault", ["link:off+2", "edge:stuck+2", "camera:stuck+2", "camera:wrong+2", "odometry:stuck+2"]
)
def test_the_drone_flies_on_when_the_fault_has_passed_and_commands_were_fresh_for_a_second(fault):
    seen = flown(at(fault))
    assert 3.0 <= seen.resumes_s < 5.5
    assert seen.outcome == "timeout" and Stage.LAND not in seen.stages


@pytest.mark.fault(3, does="brakes in the bursts that last longer than 250 ms, and flies on after them")
def test_bursts_of_loss_brake_and_never_land():
    seen = flown(link="none,loss=0.3,burst=0.2")
    assert 0.0 < seen.guarded < 0.6 and Stage.LAND not in seen.stages


@pytest.mark.fault(4, does="flies on answers younger than 250 ms, and brakes for older ones")
def test_a_round_trip_of_200_ms_with_jitter_is_flown_in_part():
    seen = flown(link="none,latency=75ms,jitter=10ms")
    assert seen.guarded < 1.0
    assert (
        flown(link="none,latency=150ms,jitter=10ms").fastest_mps < 0.5
    )  # the answers are always too old: it never goes


@pytest.mark.fault(7, does="flies on: a frame of 3.8 kB fits, and what does not is dropped, not queued")
def test_fifty_kilobytes_a_second_are_enough():
    seen = flown(link="none,bandwidth=400k")
    assert seen.guarded == 0.0 and seen.fastest_mps > 3.5


@pytest.mark.fault(8, does="brakes in every gap; a gap of 1 s latches the hold, which the next second does not end")
def test_a_link_that_flaps_brakes_and_holds_but_never_lands():
    seen = flown(at("link:intermittent"))
    assert seen.brakes_s <= 0.28 and Stage.LAND not in seen.stages and seen.outcome == "timeout"


@pytest.mark.fault(9, does="refuses all that was sent more than 250 ms ago, however much of it comes at once")
def test_answers_that_come_late_are_not_flown():
    seen = flown(at("answer:delayed"))
    assert seen.brakes_s <= 0.28 and seen.outcome == "failsafe"


@pytest.mark.fault(14, does="a head that starts anew is heard again after a second: brakes, holds, flies on")
def test_a_head_that_restarts_in_flight_is_answered_again():
    seen = flown(restarts=True)
    assert seen.brakes_s <= 0.4 and 0.1 < seen.guarded < 0.6 and seen.outcome == "timeout"


@pytest.mark.fault(28, does="never flies faster than max_speed_mps, nor accelerates beyond its limit")
def test_commands_of_forty_metres_a_second_are_limited():
    config = FlightConfig().guard
    assert flown(at("edge:garbage")).fastest_mps <= config.max_speed_mps


@pytest.mark.fault(33, does="flies for 250 ms on each picture, and brakes until the next")
def test_a_slow_camera_is_flown_in_jerks():
    seen = flown(at("camera:slow"))
    assert seen.brakes_s <= 0.28 and 0.2 < seen.guarded < 0.8 and Stage.LAND not in seen.stages


@pytest.mark.fault(34, does="sends nothing for 1.2 s after a jump, so that the edge forgets its map; then flies on")
def test_odometry_that_jumped_is_trusted_again_once_the_edge_has_forgotten():
    seen = flown(at("odometry:wrong"))
    assert seen.withheld == {"odometry jumps": 12} and seen.outcome == "timeout"
    assert seen.brakes_s <= 0.28 and Stage.HOLD in seen.stages and Stage.LAND not in seen.stages


@pytest.mark.fault(37, does="takes a jump ahead for silence and one back for a stale command, and brakes")
@pytest.mark.parametrize("fault", ["clock:wrong", "clock:garbage"])
def test_a_clock_that_jumps_stops_the_drone_and_never_speeds_it_up(fault):
    seen = flown(at(fault))
    assert seen.brakes_s <= 0.04 and Stage.HOLD in seen.stages and seen.fastest_mps < 4.1


@pytest.mark.fault(49, does="brakes, holds and lands if the gate sends nothing any more; any branch alone flies")
def test_a_gate_that_is_stuck_on_skip_stops_the_drone():
    seen = flown(gate=True)
    assert seen.brakes_s <= 0.28 and seen.outcome == "failsafe"
    assert flown().guarded == 0.0  # b0 alone, all the way


@pytest.mark.fault(36, does="flies up to the obstacle and stands before it until the time is over")
def test_a_goal_inside_an_obstacle_is_not_flown_into():
    way = route((10.2, 4.2, 2.0), start=(0.0, 2.0, 2.0))  # in a post
    episode = fly(renderer(), way, ORACLE, load_models(ORACLE), 0, limits=Limits(12.0, 0.1))
    assert episode.outcome.value in ("timeout", "success")  # the goal's radius is larger than the post
    near = dataclasses.replace(ORACLE, policy=dataclasses.replace(ORACLE.policy, goal_radius_m=0.1))
    assert fly(renderer(), way, near, load_models(near), 0, limits=Limits(12.0, 0.1)).outcome.value == "timeout"


def test_the_same_fault_gives_the_same_flight():
    first, again = flown(at("edge:garbage")), flown(at("edge:garbage"))
    assert first == again and np.isfinite(first.fastest_mps)
