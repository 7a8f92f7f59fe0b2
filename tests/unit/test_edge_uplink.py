"""What leaves the vehicle for the edge, frame by frame: numbers, keys, and what the gate is told of the exchange."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from navisplit import wire
from navisplit.config import FlightConfig
from navisplit.errors import ModelError, PacketError
from navisplit.frames import Odometry, VelocityCommand, quaternion_from_euler
from navisplit.nets.gate import META_FILE, RegretNet, load_gate, save_gate
from navisplit.vehicle.gate import SKIP, GateInput
from navisplit.vehicle.head import MAX_PAYLOAD
from navisplit.vehicle.meter import ROUND_TRIPS, UNANSWERED
from navisplit.vehicle.neural_gate import SAMPLES, gate_features, load_neural_gate, wire_bytes
from navisplit.vehicle.onboard import Onboard

MS = 10**6
RGB = np.full((2, 2, 3), 128, np.uint8)


class Head:
    def trunk(self, rgb):
        return SimpleNamespace()  # no summary

    def encode(self, activations, branch, max_bytes=None):
        return SimpleNamespace(branch_id=0, codec_id=1, shape=(1, 2, 2), slices=[b"abc"])


class Watcher:
    def choose(self, inputs):
        self.inputs = inputs
        return "b0"


def odometry(position=(0, 0, 2), velocity=(3.0, 4.0, 0.5), yaw=0.0):
    orientation = quaternion_from_euler(0, 0, yaw)
    return Odometry(0, np.array(position, float), orientation, np.array(velocity), np.zeros(3))


def send(onboard, stamp_ns, now_ns=None):
    now_ns = stamp_ns if now_ns is None else now_ns
    return onboard.process(RGB, odometry(), np.array([9.0, 0, 2]), stamp_ns, now_ns=now_ns)


def answer(stamp_ns):
    return wire.AnswerPacket(1, 0, stamp_ns, VelocityCommand.zero(), 4.0, 0.5, 0, 1)


def test_the_round_trip_is_the_longest_of_the_last_answers_on_the_vehicles_clock():
    gate = Watcher()
    onboard = Onboard(Head(), gate, 1)
    trips_ms = [90, *([20] * (ROUND_TRIPS - 1)), 30]
    for number, trip in enumerate(trips_ms[:-1]):
        send(onboard, 1000 * number, now_ns=7 * MS)
        onboard.on_answer(answer(1000 * number), now_ns=7 * MS + trip * MS)
    send(onboard, 10**6, now_ns=0)
    assert gate.inputs.round_trip_s == pytest.approx(0.09)
    onboard.on_answer(answer(10**6), now_ns=30 * MS)
    send(onboard, 2 * 10**6)
    assert gate.inputs.round_trip_s == pytest.approx(0.03)  # the slow one is long ago


def test_an_answer_counts_once_and_only_to_a_frame_that_was_sent():
    gate = Watcher()
    onboard = Onboard(Head(), gate, 1)
    send(onboard, 5)
    onboard.on_answer(answer(4), now_ns=800 * MS)
    onboard.on_answer(answer(5), now_ns=10 * MS)
    onboard.on_answer(answer(5), now_ns=900 * MS)
    send(onboard, 6)
    assert gate.inputs.round_trip_s == pytest.approx(0.01, rel=1e-3)


def test_frames_that_are_never_answered_do_not_pile_up():
    gate = Watcher()
    onboard = Onboard(Head(), gate, 1)
    for stamp in range(UNANSWERED + 1):
        send(onboard, stamp)
    onboard.on_answer(answer(0), now_ns=10**9)  # forgotten
    send(onboard, 10**6)
    assert gate.inputs.round_trip_s == 0.0
    onboard.on_answer(answer(UNANSWERED), now_ns=10**9)
    send(onboard, 10**6 + 1)
    assert gate.inputs.round_trip_s > 0.9


def test_sequence_numbers_start_again_after_the_last_of_32_bits():
    onboard = Onboard(Head(), "b0", 1)
    onboard._sequence = 0xFFFFFFFF
    numbers = [wire.decode(send(onboard, stamp).packets[0]).sequence for stamp in (1, 2, 3)]
    assert numbers == [0xFFFFFFFF, 0, 1]


def test_with_a_key_every_packet_is_signed():
    key = bytes(range(32))
    (packet,) = send(Onboard(Head(), "b0", 1, key=key), 5).packets
    assert wire.decode(packet, key).payload == b"abc"
    with pytest.raises(PacketError):
        wire.decode(packet, bytes(32))


def test_a_head_without_a_summary_still_has_a_gate():
    gate = Watcher()
    send(Onboard(Head(), gate, 1), 5)
    assert gate.inputs.summary.shape == (0,) and gate_features(gate.inputs).shape == (len(SAMPLES),)


# The gate's view ------------------------------------------------------------------------------------------------------


def told(**changes):
    plain = GateInput(np.zeros(0, np.float32), odometry(), np.array([10.0, 0, 2]), answer(0), answer_age_s=0.1)
    return dict(zip(SAMPLES, gate_features(dataclasses.replace(plain, **changes)), strict=True))


def test_the_gate_knows_speed_climb_and_the_way_to_the_goal():
    seen = told()
    assert seen["speed"] == pytest.approx(5.0) and seen["climb"] == pytest.approx(0.5)
    assert seen["goal_distance"] == pytest.approx(np.log(11.0))
    assert (seen["clearance"], seen["confidence"]) == pytest.approx((np.log(5.0), 0.5))


@pytest.mark.parametrize("yaw", [0.0, 1.0, -2.5])
def test_the_bearing_of_the_goal_is_seen_from_the_vehicle(yaw):
    direction = yaw + np.pi / 2  # always to the left
    goal = 8.0 * np.array([np.cos(direction), np.sin(direction), 0]) + [0, 0, 2]
    seen = told(odometry=odometry(yaw=yaw), goal=goal)
    assert (seen["goal_cos"], seen["goal_sin"]) == pytest.approx((0.0, 1.0), abs=1e-6)


def test_nothing_the_gate_sees_grows_without_bounds():
    seen = told(answer=None, answer_age_s=float("inf"), since_sent_s=50.0)
    assert (seen["answer_age"], seen["since_sent"], seen["confidence"]) == (1.0, 1.0, 0.0)
    behind_a_wall = dataclasses.replace(answer(0), clearance_m=-1.0)
    assert told(answer=behind_a_wall)["clearance"] == 0.0


@pytest.mark.parametrize(("coded", "packets"), [(1.0, 1), (MAX_PAYLOAD, 1), (MAX_PAYLOAD + 1.0, 2), (0.0, 1)])
def test_the_price_of_a_branch_is_that_of_its_packets_too(coded, packets):
    assert wire_bytes(SimpleNamespace(expected_bytes=coded)) == coded + packets * wire.FEATURE_OVERHEAD


def regret_net(choices, width=3):
    layers = ((np.zeros((width, len(choices)), np.float32), np.zeros(len(choices), np.float32)),)
    return RegretNet(choices, np.zeros(width, np.float32), np.ones(width, np.float32), layers, 7, 1e-3)


def test_a_gate_flies_with_the_configurations_camera_guard_and_price(tmp_path):
    save_gate(regret_net((SKIP, "b0")), tmp_path)
    specs = (SimpleNamespace(name="b0", expected_bytes=100.0),)
    config = FlightConfig(byte_weight=0.25)
    gate = load_neural_gate(SimpleNamespace(path=tmp_path, hash=7, branches=specs), config)
    assert (gate.byte_weight, gate.frame_period_s, gate.brake_after_s) == (0.25, 0.1, config.guard.brake_after_s)
    assert gate.expected_bytes == {SKIP: 0.0, "b0": 100.0 + wire.FEATURE_OVERHEAD}


def test_a_gate_whose_weights_do_not_fit_or_are_not_finite_is_refused(tmp_path):
    save_gate(regret_net((SKIP, "b0")), tmp_path)
    meta = (tmp_path / META_FILE).read_text()
    (tmp_path / META_FILE).write_text(meta.replace('"b0"', '"b0",\n"b1"'))
    with pytest.raises(ModelError, match="3 choices"):
        load_gate(tmp_path, models_hash=7)
    save_gate(dataclasses.replace(regret_net((SKIP, "b0")), mean=np.full(3, np.nan, np.float32)), tmp_path)
    with pytest.raises(ModelError, match="not finite"):
        load_gate(tmp_path, models_hash=7)
