"""tail_node: packets become answers; whatever else arrives is counted and forgotten."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import MODEL_HASH, SHAPE, FakeTail, StraightOn
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import UInt8MultiArray

from navisplit import wire
from navisplit.errors import UsageError
from navisplit.nodes import messages, qos
from navisplit.nodes.tail_node import TailNode

STATE = wire.VehicleState(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3), np.array([10.0, 0.0, 0.0]))


def packet(sequence: int, *, index: int = 0, count: int = 1, model_hash: int = MODEL_HASH) -> CompressedImage:
    stamp_ns = 1_000_000_000 + sequence
    features = wire.FeaturePacket(model_hash, count - 1, 0, sequence, stamp_ns, index, count, SHAPE, STATE, b"slice")
    return messages.feature_message(wire.encode(features), stamp_ns)


class Edge:
    """A tail, and what it says."""

    def __init__(self, bench, tail: FakeTail | None = None) -> None:
        self.bench = bench
        self.tail = tail or FakeTail()
        self.node = bench.start(TailNode, {}, load=lambda _: (self.tail, MODEL_HASH), policy=StraightOn)
        self.answers = bench.heard(UInt8MultiArray, "edge/answer", qos.PACKETS)
        self.send = bench.publisher(CompressedImage, "edge/features", qos.PACKETS)

    def answer(self, count: int = 1) -> wire.AnswerPacket:
        self.bench.spin_until(lambda: len(self.answers) >= count, f"{count} answers")
        return wire.decode(bytes(self.answers[-1].data))


def test_an_answer_carries_the_frames_stamp_and_the_policys_command(bench):
    edge = Edge(bench)
    edge.send(packet(7))
    answer = edge.answer()
    assert (answer.sequence, answer.stamp_ns, answer.model_hash) == (7, 1_000_000_007, MODEL_HASH)
    np.testing.assert_allclose(answer.command.velocity, [3.0, 0.0, 0.0], atol=0.01)


def test_people_see_depth_and_command_with_the_frames_stamp(bench):
    edge = Edge(bench)
    depths = bench.heard(Image, "edge/depth", qos.SENSOR)
    commands = bench.heard(TwistStamped, "edge/cmd_vel", qos.SENSOR)
    bench.spin_until(lambda: edge.node.count_subscribers("/drone_1/edge/depth") > 0, "someone who looks at depth")
    edge.send(packet(1))
    bench.spin_until(lambda: depths and commands, "depth and command")
    assert depths[0].encoding == "32FC1"
    assert (messages.depth_array(depths[0]) == 10.0).all()
    assert messages.from_time(depths[0].header.stamp) == messages.from_time(commands[0].header.stamp) == 1_000_000_001
    assert commands[0].header.frame_id == "odom"


def test_the_slices_of_a_frame_give_one_answer(bench):
    edge = Edge(bench)
    edge.send(packet(1, index=0, count=2))
    edge.send(packet(1, index=1, count=2))
    assert edge.answer().received_slices == 2
    bench.spin_for(0.2)
    assert len(edge.answers) == 1


def test_a_lost_slice_does_not_lose_the_frame(bench):
    edge = Edge(bench)
    edge.send(packet(1, index=0, count=2))
    assert edge.answer().received_slices == 1


@pytest.mark.parametrize(
    "strange",
    [
        messages.feature_message(b"", 0),
        messages.feature_message(b"NS" + bytes(100), 1),
        packet(1, model_hash=1),
    ],
    ids=["empty", "garbage", "foreign model"],
)
def test_what_is_not_a_packet_of_this_model_is_refused_and_the_next_frame_is_answered(bench, strange):
    edge = Edge(bench)
    edge.send(strange)
    bench.spin_until(lambda: sum(edge.node._server.refused.values()) == 1, "the refusal")
    edge.send(packet(2))
    assert edge.answer().sequence == 2


def test_a_message_of_another_format_is_not_even_tried(bench):
    edge = Edge(bench)
    jpeg = packet(1)
    jpeg.format = "jpeg"
    edge.send(jpeg)
    edge.send(packet(2))
    assert edge.answer().sequence == 2
    assert not edge.node._server.refused


@pytest.mark.fault(9, does="the edge works on the newest frame only")
@pytest.mark.fault(41, does="drops frames, never queues them: the edge works on the newest only")
def test_frames_that_pile_up_behind_a_slow_network_are_dropped_but_the_newest(bench):
    edge = Edge(bench, FakeTail(delay_s=0.3))
    for sequence in range(8):
        edge.send(packet(sequence))
        bench.spin_for(0.02)
    bench.spin_until(lambda: edge.answers and edge.answer(1).sequence == 7, "the newest frame's answer")
    assert edge.tail.inferred < 4


def test_an_unknown_policy_is_an_error_at_the_start(bench):
    with pytest.raises(UsageError, match="no policy 'plannet'"):
        bench.start(TailNode, {"policy.name": "plannet"}, load=lambda _: (FakeTail(), MODEL_HASH))


@pytest.mark.fault(40, does="the edge's node ends with the error; the drone stops as for total loss")
def test_a_device_without_memory_ends_the_node_with_its_error(bench):
    tail = FakeTail()
    tail.infer = lambda *_, **__: (_ for _ in ()).throw(RuntimeError("CUDA out of memory"))
    edge = Edge(bench, tail)
    edge.send(packet(1))
    bench.spin_until(edge.node.finished.done, "the node's end")
    assert "out of memory" in str(edge.node.finished.exception())
