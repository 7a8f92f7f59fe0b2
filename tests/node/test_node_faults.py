"""Faults ordered in a live flight act on the messages, and a withheld frame is told."""

from __future__ import annotations

import time

import numpy as np
import pytest
from fakes import MODEL_HASH, FakeVehicle
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import UInt8MultiArray
from test_node_loop import Flight
from test_node_tail import Edge, packet

from navisplit import wire
from navisplit.errors import UsageError
from navisplit.nodes import messages, qos
from navisplit.nodes.airsim_node import AirsimNode


def order(node, text: str):
    (result,) = node.set_parameters([Parameter("faults", value=text)])
    return result


def test_a_camera_that_is_stuck_shows_one_picture_under_fresh_stamps_until_it_is_ok_again(bench):
    node = bench.start(AirsimNode, {"start": [0.0, 0.0, 2.0, 0.0]}, connect=lambda *_: FakeVehicle())
    pictures = bench.heard(Image, "camera/image_raw", qos.SENSOR)
    bench.spin_until(lambda: len(pictures) > 2, "pictures")
    assert order(node, "camera:stuck").successful
    bench.spin_for(0.2)
    known = len(pictures)
    bench.spin_until(lambda: len(pictures) > known + 3, "stuck pictures")
    stuck = pictures[known:]
    assert len({bytes(p.data) for p in stuck}) == 1
    assert len({messages.from_time(p.header.stamp) for p in stuck}) == len(stuck)
    assert order(node, "camera:ok").successful
    bench.spin_for(0.2)
    known = len(pictures)
    bench.spin_until(lambda: len(pictures) > known + 2, "pictures again")
    assert len({bytes(p.data) for p in pictures[known:]}) == len(pictures[known:])


def test_a_fault_lasts_as_long_as_it_was_ordered_for(bench):
    node = bench.start(AirsimNode, {"start": [0.0, 0.0, 2.0, 0.0]}, connect=lambda *_: FakeVehicle())
    states = bench.heard(OdometryMessage, "odom", qos.SENSOR)
    bench.spin_until(lambda: len(states) > 2, "odometry")
    assert order(node, "odometry:off+0.5").successful
    bench.spin_for(0.2)
    known = len(states)
    bench.spin_for(0.15)
    assert len(states) == known
    bench.spin_until(lambda: len(states) > known, "odometry again", timeout_s=3.0)


def test_answers_that_are_delayed_come_later_also_when_nothing_else_comes(bench):
    edge = Edge(bench)
    assert order(edge.node, "edge:delayed").successful
    edge.send(packet(1))
    begun = time.monotonic()
    assert edge.answer().sequence == 1
    assert time.monotonic() - begun >= 0.3


def test_an_edge_with_the_fault_garbage_answers_commands_that_nobody_planned(bench):
    edge = Edge(bench)
    assert order(edge.node, "edge:garbage").successful
    edge.send(packet(1))
    answer = edge.answer()
    assert (answer.sequence, answer.model_hash) == (1, MODEL_HASH)
    assert np.abs(answer.command.velocity - [3.0, 0.0, 0.0]).max() > 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [("edge:of", "Did you mean 'off'"), ("camera:off", "airsim_node, not at tail_node"), ("edge", "UNIT:KIND")],
)
def test_a_fault_that_cannot_be_ordered_here_is_refused_with_a_reason(bench, text, said):
    result = order(Edge(bench).node, text)
    assert not result.successful and said in result.reason


def test_a_fault_that_cannot_be_is_refused_at_the_start(bench):
    with pytest.raises(UsageError, match="no unit 'kamera'"):
        bench.start(AirsimNode, {"faults": "kamera:off"}, connect=lambda *_: FakeVehicle())


def test_a_fault_of_the_flights_plan_is_ordered_by_the_mission_when_the_flight_begins(bench, tmp_path):
    flight = Flight(bench, tmp_path, **{"flight.faults": "edge:off@0.3"})
    row, _ = flight.run()
    assert row["outcome"] == "failsafe" and float(row["path_m"]) < 4.0


@pytest.mark.fault(30, does="does not send a picture that it has seen before from elsewhere, and stops")
def test_a_frozen_camera_stops_the_vehicle(bench, tmp_path):
    flight = Flight(bench, tmp_path, **{"flight.faults": "camera:stuck@0.3"})
    answers = bench.heard(UInt8MultiArray, "answer", qos.PACKETS)
    frames = bench.heard(CompressedImage, "features", qos.PACKETS)
    row, _ = flight.run()
    assert row["outcome"] == "failsafe" and float(row["path_m"]) < 4.0
    assert frames and all(isinstance(wire.decode(bytes(a.data)), wire.AnswerPacket) for a in answers)
