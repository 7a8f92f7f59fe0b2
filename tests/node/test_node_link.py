"""link_node: packets come out later, or not at all, and never changed."""

from __future__ import annotations

import time

import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import UInt8MultiArray

from navisplit.errors import UsageError
from navisplit.link import Profile
from navisplit.nodes import messages, qos
from navisplit.nodes.link_node import LinkNode


class Air:
    """Both directions of a radio."""

    def __init__(self, bench, profile: Profile) -> None:
        self.node = bench.start(LinkNode, {}, profile_of=lambda _: profile)
        self.at_edge = bench.heard(CompressedImage, "edge/features", qos.PACKETS)
        self.at_vehicle = bench.heard(UInt8MultiArray, "answer", qos.PACKETS)
        self.up = bench.publisher(CompressedImage, "features", qos.PACKETS)
        self.down = bench.publisher(UInt8MultiArray, "edge/answer", qos.PACKETS)


def test_packets_arrive_unchanged_after_the_latency(bench):
    air = Air(bench, Profile("slow", latency_s=0.3))
    started = time.monotonic()
    air.up(messages.feature_message(b"features", 123))
    bench.spin_until(lambda: air.at_edge, "the packet")
    assert time.monotonic() - started >= 0.3
    assert bytes(air.at_edge[0].data) == b"features"
    assert messages.from_time(air.at_edge[0].header.stamp) == 123
    assert air.at_edge[0].format == messages.FEATURE_FORMAT


def test_answers_come_back(bench):
    air = Air(bench, Profile("fast"))
    air.down(messages.answer_message(b"answer"))
    bench.spin_until(lambda: air.at_vehicle, "the answer")
    assert bytes(air.at_vehicle[0].data) == b"answer"


def test_a_dead_radio_delivers_nothing(bench):
    air = Air(bench, Profile("dead", loss_good=1.0))
    air.up(messages.feature_message(b"features", 1))
    bench.spin_for(0.3)
    assert not air.at_edge


def test_an_idle_radio_wakes_up_for_the_next_packet(bench):
    air = Air(bench, Profile("fast"))
    for number in range(3):
        air.up(messages.feature_message(b"x", number))
        bench.spin_until(lambda number=number: len(air.at_edge) == number + 1, "the packet", timeout_s=3.0)
        bench.spin_for(0.1)


def test_the_radio_can_become_another_one_in_flight_and_refuses_what_is_none(bench):
    node = bench.start(LinkNode, {"profile": "none"})
    at_edge, up = heard_and_sent(bench)
    up(messages.feature_message(b"before", 1))
    bench.spin_until(lambda: at_edge, "the packet")
    assert node.set_parameters([Parameter("profile", value="none,loss=100%")])[0].successful
    up(messages.feature_message(b"lost", 2))
    bench.spin_for(0.3)
    (refused,) = node.set_parameters([Parameter("profile", value="lte,los=1")])
    assert not refused.successful and "Did you mean 'loss'" in refused.reason
    assert node.set_parameters([Parameter("profile", value="none")])[0].successful
    up(messages.feature_message(b"after", 3))
    bench.spin_until(lambda: len(at_edge) == 2, "the packet after it")
    assert [bytes(message.data) for message in at_edge] == [b"before", b"after"]


def test_a_radio_from_a_trace_is_the_offline_one(bench, tmp_path):
    path = tmp_path / "radio.csv"
    path.write_text("time_s,latency_s\n0,0.3\n60,0.3\n")
    bench.start(LinkNode, {"profile": str(path)})
    at_edge, up = heard_and_sent(bench)
    started = time.monotonic()
    up(messages.feature_message(b"features", 1))
    bench.spin_until(lambda: at_edge, "the packet")
    assert 0.3 <= time.monotonic() - started


def test_a_backlog_floods_in_with_every_packet_whole(bench):
    bench.start(LinkNode, {"profile": "none,outage=1,every=1.5,backlog=1"})
    at_edge, up = heard_and_sent(bench)
    for number in range(8):  # at least six of them in an outage
        up(messages.feature_message(b"%d" % number, number))
        bench.spin_for(0.15)
    bench.spin_until(lambda: len(at_edge) == 8, "all packets")
    assert [bytes(message.data) for message in at_edge] == [b"%d" % number for number in range(8)]


def test_an_unknown_radio_is_refused_at_the_start(bench):
    with pytest.raises(UsageError, match="Did you mean 'lora'"):
        bench.start(LinkNode, {"profile": "lorra"})


def heard_and_sent(bench):
    at_edge = bench.heard(CompressedImage, "edge/features", qos.PACKETS)
    return at_edge, bench.publisher(CompressedImage, "features", qos.PACKETS)
