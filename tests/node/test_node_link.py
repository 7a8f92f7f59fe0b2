"""link_node: packets come out later, or not at all, and never changed."""

from __future__ import annotations

import time

from sensor_msgs.msg import CompressedImage
from std_msgs.msg import UInt8MultiArray

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
