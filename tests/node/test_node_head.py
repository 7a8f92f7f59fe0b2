"""head_node: frames become packets, and the branch changes in flight."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import MODEL_HASH, onboard
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String, UInt8MultiArray

from navisplit import wire
from navisplit.errors import ModelError, UsageError
from navisplit.frames import Odometry, VelocityCommand, quaternion_from_euler
from navisplit.nodes import messages, qos
from navisplit.nodes.head_node import HeadNode

YAW = quaternion_from_euler(0.0, 0.0, 1.0)


def state(stamp_ns: int, x: float = 0.0) -> OdometryMessage:
    return messages.odometry_message(
        Odometry(stamp_ns, np.array([x, 2.0, 3.0]), YAW, np.array([1.0, 0.5, 0.0]), np.zeros(3))
    )


def picture(stamp_ns: int, width: int = 256) -> Image:
    return messages.image_message(np.full((144, width, 3), 90, np.uint8), stamp_ns, "camera_optical")


class Flight:
    """A head with goal and odometry, and what it says."""

    def __init__(self, bench, branch: str = "b0") -> None:
        self.bench = bench
        self.node = bench.start(HeadNode, {"branch": branch}, load=onboard)
        self.features = bench.heard(CompressedImage, "features", qos.PACKETS)
        self.branches = bench.heard(String, "branch", qos.STATE)
        self.show = bench.publisher(Image, "camera/image_raw", qos.SENSOR)
        self.move = bench.publisher(OdometryMessage, "odom", qos.SENSOR)
        self.aim = bench.publisher(PoseStamped, "goal_pose", qos.LATCHED)

    def begin(self) -> None:
        self.aim(messages.goal_message(np.array([10.0, 0.0, 2.0])))
        self.move(state(1_000, 4.0))
        self.bench.spin_until(lambda: self.node._goal is not None and self.node._odometry, "goal and odometry")

    def frame(self, stamp_ns: int) -> list[wire.FeaturePacket]:
        known, named = len(self.features), len(self.branches)
        self.show(picture(stamp_ns))
        self.bench.spin_until(lambda: len(self.branches) > named, "a branch")
        expected = 1 + int(self.branches[-1].data == "b1")
        self.bench.spin_until(lambda: len(self.features) >= known + expected, "the frame's packets")
        return [wire.decode(bytes(m.data)) for m in self.features[known:]]


def test_a_frame_becomes_one_message_per_packet_with_the_vehicles_state(bench):
    flight = Flight(bench, "b1")
    flight.begin()
    packets = flight.frame(5_000)
    assert [p.slice_index for p in packets] == [0, 1]
    assert all(p.model_hash == MODEL_HASH and p.stamp_ns == 5_000 for p in packets)
    np.testing.assert_allclose(packets[0].state.position, [4.0, 2.0, 3.0], atol=1e-3)
    np.testing.assert_allclose(packets[0].state.velocity, [1.0, 0.5, 0.0], atol=2e-2)
    np.testing.assert_allclose(packets[0].state.goal, [10.0, 0.0, 2.0], atol=1e-3)
    assert messages.from_time(flight.features[0].header.stamp) == 5_000
    assert flight.features[0].format == "navisplit/1"


def test_the_state_is_that_of_the_pictures_own_stamp(bench):
    flight = Flight(bench)
    flight.begin()
    for stamp_ns, x in ((200_000_000, 4.2), (400_000_000, 4.4)):
        flight.move(state(stamp_ns, x))
        bench.spin_until(lambda stamp_ns=stamp_ns: flight.node._odometry[-1].stamp_ns == stamp_ns, "odometry")
    (packet,) = flight.frame(200_000_000)
    assert packet.state.position[0] == pytest.approx(4.2)


def test_nothing_is_sent_without_a_goal(bench):
    flight = Flight(bench)
    flight.move(state(1_000))
    flight.show(picture(1_000))
    bench.spin_for(0.3)
    assert not flight.features and not flight.branches


def test_the_branch_changes_in_flight_from_the_next_frame_on(bench):
    flight = Flight(bench, "b0")
    flight.begin()
    assert len(flight.frame(1_000)) == 1
    (result,) = flight.node.set_parameters([Parameter("branch", value="b1")])
    assert result.successful
    assert len(flight.frame(2_000)) == 2
    assert [m.data for m in flight.branches] == ["b0", "b1"]


@pytest.mark.parametrize(("value", "reason"), [("b7", "no branch 'b7'"), ("gate", "gate")])
def test_a_branch_that_is_not_there_is_refused_with_a_reason_and_the_flight_goes_on(bench, value, reason):
    flight = Flight(bench, "b0")
    flight.begin()
    (result,) = flight.node.set_parameters([Parameter("branch", value=value)])
    assert not result.successful
    assert reason in result.reason
    assert flight.node.get_parameter("branch").value == "b0"
    assert len(flight.frame(1_000)) == 1


def test_other_parameters_cannot_be_set_in_flight(bench):
    flight = Flight(bench)
    (result,) = flight.node.set_parameters([Parameter("camera.rate_hz", value=1.0)])
    assert not result.successful


@pytest.mark.fault(32, does="drops the picture, with an error in the log; 8-bit encodings have no byte order")
def test_a_picture_of_another_size_or_encoding_is_dropped_and_the_next_one_flies(bench):
    flight = Flight(bench)
    flight.begin()
    flight.show(picture(1_000, width=100))
    strange = picture(2_000)
    strange.encoding = "mono16"
    flight.show(strange)
    assert len(flight.frame(3_000)) == 1
    assert {messages.from_time(m.header.stamp) for m in flight.features} == {3_000}


def test_only_answers_to_frames_that_were_sent_reach_the_gate(bench):
    flight = Flight(bench)
    flight.begin()
    flight.frame(1_000)
    answer = bench.publisher(UInt8MultiArray, "answer", qos.PACKETS)

    def say(stamp_ns: int, model_hash: int = MODEL_HASH) -> None:
        packet = wire.AnswerPacket(model_hash, 0, stamp_ns, VelocityCommand.zero(), 5.0, 1.0, 0, 1)
        answer(messages.answer_message(wire.encode(packet)))

    say(999)
    say(1_000, model_hash=7)
    answer(messages.answer_message(b"garbage"))
    bench.spin_for(0.2)
    assert flight.node._onboard.answer is None
    say(1_000)
    bench.spin_until(lambda: flight.node._onboard.answer is not None, "the answer")


def test_an_unknown_branch_at_the_start_is_an_error_with_a_hint(bench):
    with pytest.raises(UsageError, match="Known: b0, b1, gate"):
        bench.start(HeadNode, {"branch": "bo"}, load=onboard)


def test_asking_for_a_gate_that_the_branch_set_lacks_is_an_error(bench):
    with pytest.raises(ModelError, match="no gate"):
        bench.start(HeadNode, {"branch": "gate"}, load=onboard)
