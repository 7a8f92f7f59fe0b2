"""After a partition the radio delivers all it has kept: what is late is dropped everywhere, and queued nowhere."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from link_flights import GOAL, MS, Head, LinkFlight, S

from navisplit import wire
from navisplit.codecs import codec
from navisplit.codecs.slices import parse
from navisplit.codecs.tables import Tables
from navisplit.frames import Odometry
from navisplit.link import Link, profile
from navisplit.vehicle.gate import FixedGate
from navisplit.vehicle.guard import Stage
from navisplit.vehicle.onboard import Onboard

PARTITION = "latency=5ms,outage=1.2,every=4,backlog=1"  # from 2.8 to 4.0 s


def flight(link: str) -> LinkFlight:
    return LinkFlight(link, gate=FixedGate("b0"))


def test_old_frames_of_a_backlog_are_dropped_at_the_edge_and_the_newest_is_answered_at_once():
    flown = flight("latency=5ms")
    flown.exchange.uplink.profile = profile(PARTITION)
    flown.run(4.0)
    before = len(flown.replies)
    frames = flown.run(0.5)
    assert flown.server.refused["OldFrame"] == 11  # frames of 2.8 to 3.8 s; that of 3.9 s is the newest
    assert [reply.packet.stamp_ns / S for reply in flown.replies[before:]] == [3.9, 4.0, 4.1, 4.2, 4.3, 4.4]
    assert max(frame.answer_ms for frame in frames[1:]) <= 50  # nothing queues behind the flood


def test_old_answers_of_a_backlog_are_refused_at_the_guard():
    flown = flight("latency=5ms")
    flown.exchange.downlink.profile = profile(PARTITION)
    flown.run(4.0)
    assert flown.guard.stage in (Stage.HOLD, Stage.BRAKE)
    accepted = flown.guard.counters.accepted
    flown.run(0.1)
    assert flown.guard.counters.refused["stale"] == 10  # of 2.8 to 3.7 s, more than 250 ms old at 4.0 s
    assert flown.guard.counters.accepted - accepted == 3  # of 3.8 to 4.0 s, each newer than the one before
    assert flown.guard.command(np.zeros(3), flown.now_ns).age_s < 0.15


def test_the_guard_flies_on_no_answer_older_than_its_limit_through_floods_both_ways():
    flown = flight(PARTITION)
    ages = []
    for _ in range(1200):
        flown.run(0.01)
        output = flown.guard.command(np.zeros(3), flown.now_ns)
        if output.stage is Stage.EDGE:
            ages.append(output.age_s)
    assert max(ages) <= 0.25 + 1e-9 and len(ages) > 300


def test_frames_kept_by_the_radio_longer_than_a_restart_takes_are_not_taken_for_a_new_flight():
    flown = flight("latency=5ms")
    flown.exchange.uplink.profile = profile("outage=2.5,every=6,backlog=1")
    flown.run(6.5)
    answered = [reply.packet.sequence for reply in flown.replies]
    assert answered == sorted(answered) and len(set(answered)) == len(answered)


def test_packets_of_several_frames_at_once_give_one_answer():
    flown = flight("none")
    onboard = Onboard(Head(), "b4", 7)
    batch = [p for stamp in (1, 2, 3) for p in send(onboard, stamp).packets]
    (reply,) = flown.server.receive_all([batch[0], *reversed(batch), b"garbage"], 5 * MS)
    assert (reply.packet.stamp_ns, reply.packet.received_slices) == (3, 4)
    assert flown.server.refused == {"OldFrame": 9, "Truncated": 1}
    assert flown.server.receive_all([], 6 * MS) == []


def send(onboard: Onboard, stamp_ns: int):
    still = Odometry(stamp_ns, np.zeros(3), np.array([0, 0, 0, 1.0]), np.zeros(3), np.zeros(3))
    return onboard.process(np.full((2, 2, 3), 128, np.uint8), still, GOAL, stamp_ns, now_ns=stamp_ns)


# Most important first ------------------------------------------------------------------------------------------------


def coded_slices() -> list[bytes]:
    """Slices of the product's own coder for 24 channels of noise, which does not compress."""
    symbols = np.random.default_rng(0).integers(-7, 8, (24, 18, 32)).astype(np.int16)
    return codec("rans").encode(symbols, Tables.uniform(24, 15, -7), 1200)


def test_slices_leave_in_the_order_of_their_channels_which_is_that_of_their_importance():
    slices = coded_slices()

    class Coded(Head):
        def encode(self, activations, branch, max_bytes=None):
            return SimpleNamespace(branch_id=3, codec_id=1, shape=(24, 18, 32), slices=slices)

    packets = [wire.decode(p) for p in send(Onboard(Coded(), "b4", 7), 5).packets]
    firsts = [parse(p.payload, p.shape)[0].first for p in packets]
    assert len(firsts) > 4 and firsts == sorted(firsts) and firsts[0] == 0
    assert [p.slice_index for p in packets] == list(range(len(packets)))


def test_a_narrow_link_delivers_the_most_important_slices_and_drops_the_rest():
    link = Link(profile("bandwidth=1M,queue=3k"), np.random.default_rng(0))
    for packet in send(Onboard(Head(), "b4", 7), 5).packets:
        link.send(packet, 0)
    assert [wire.decode(data).slice_index for data in link.receive(S)] == [0, 1]
