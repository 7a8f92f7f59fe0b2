"""One edge server for many drones: who gets a seat, who is refused and why, and what stays of those who leave."""

from __future__ import annotations

import numpy as np
import pytest
from test_server import MODEL, MS, Pilot, Source, packet

from navisplit import wire
from navisplit.config import CameraConfig, FleetConfig
from navisplit.edge.admission import MAX_REMEMBERED, Admission, Change
from navisplit.edge.depth_source import Decoded
from navisplit.edge.fleet import INBOX_PACKETS, FleetServer, Inbox
from navisplit.edge.policies import Decision
from navisplit.edge.server import EdgeServer
from navisplit.errors import ConfigError
from navisplit.frames import VelocityCommand

SECOND = 1_000_000_000


class Batched(Source):
    """Takes all frames at once, and notes how many."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def infer_many(self, frames: list[Decoded]):
        self.batches.append(len(frames))
        return [self.infer(f.branch_id, f.symbols, f.mask, f.memory) for f in frames]


class Clock:
    """Each look at it takes a millisecond."""

    def __init__(self, now_ns: int = 0):
        self.now_ns = now_ns

    def __call__(self) -> int:
        self.now_ns += MS
        return self.now_ns


def fleet(**config) -> FleetServer:
    return FleetServer(EdgeServer(Batched(), Pilot, CameraConfig(), MODEL), FleetConfig(**config))


def test_frames_that_wait_together_are_answered_together_each_to_its_own_drone():
    server = fleet()
    for k, drone in enumerate("abc"):
        server.receive(drone, packet(k), 0)
    replies = server.work(Clock())
    assert [(r.source, wire.decode(r.answer).sequence) for r in replies] == [("a", 0), ("b", 1), ("c", 2)]
    assert server.server.depth_source.batches == [3]


def test_a_damaged_frame_costs_the_others_of_its_turn_nothing():
    server = fleet()
    server.receive("a", packet(), 0)
    server.receive("b", packet(payload=b"bad"), 0)
    server.receive("c", packet(), 0)
    assert [reply.source for reply in server.work(Clock())] == ["a", "c"]
    assert server.figures("b") == {"answered": 0, "replaced": 0, "stale": 0, "refused: PacketError": 1}


def test_a_policy_that_answers_nonsense_costs_the_other_drones_nothing():
    server = fleet()
    for drone in "abc":
        server.receive(drone, packet(), 0)
    server.server.session("b").policy.act = lambda *_: Decision(VelocityCommand(np.full(3, np.nan), 0.0), 1.0, 1.0)
    assert [reply.source for reply in server.work(Clock())] == ["a", "c"]
    assert server.figures("b")["refused: BadField"] == 1


def test_a_frame_with_lost_slices_is_answered_when_its_patience_is_over():
    server = fleet()
    server.receive("a", packet(0, 0, 2), 0)
    assert server.work(Clock(10 * MS)) == [] and server.patience_ns(10 * MS, SECOND) == 20 * MS
    assert server.patience_ns(10 * MS, 5 * MS) == 5 * MS
    assert [reply.packet.received_slices for reply in server.work(Clock(30 * MS))] == [1]


def test_past_the_limit_a_drone_is_refused_by_name_with_the_reason_and_the_others_fly_on():
    server = fleet(max_drones=2)
    for drone in "abc":
        server.receive(drone, packet(), 0)
    assert [reply.source for reply in server.work(Clock())] == ["a", "b"]
    (*_, refusal) = server.admission.news()
    assert (refusal.drone, refusal.change) == ("c", Change.REFUSED)
    assert "all 2 seats" in refusal.why and "max_drones" in refusal.why
    assert server.admission.refused == {"c": refusal.why}
    server.receive("c", packet(1), MS)
    assert server.admission.news() == []  # told once, not with every packet


def test_a_seat_that_becomes_free_goes_to_the_one_who_asks():
    server = fleet(max_drones=1, leave_after_s=2.0)
    server.receive("a", packet(), 0)
    server.receive("b", packet(), 0)
    server.work(Clock(2 * SECOND))
    server.receive("b", packet(1), 2 * SECOND)
    assert [reply.source for reply in server.work(Clock(2 * SECOND))] == ["b"]
    assert server.admission.refused == {}
    changes = [(news.drone, news.change.value) for news in server.admission.news()]
    assert changes == [("a", "admitted"), ("b", "refused"), ("a", "left"), ("b", "admitted")]


def test_nothing_stays_on_the_server_of_a_drone_that_has_left():
    server = fleet(leave_after_s=5.0)
    server.receive("a", packet(), 0)
    server.work(Clock())
    pilot = server.server.session("a").policy
    server.work(Clock(5 * SECOND))
    assert not server.server._sessions and server.admission.served == []
    server.receive("a", packet(0), 6 * SECOND)  # and it may come again, at any sequence number
    assert len(server.work(Clock(6 * SECOND))) == 1
    assert server.server.session("a").policy is not pilot


def test_bytes_that_are_no_valid_packet_get_no_seat_and_keep_none():
    server = fleet(max_drones=1, leave_after_s=1.0)
    for junk in (b"", packet(model_hash=1), packet()[:-1] + b"\0"):
        server.receive("junk", junk, 0)
    server.receive("a", packet(), 0)
    assert server.admission.served == ["a"]
    server.receive("a", b"", 2 * SECOND)
    server.work(Clock(2 * SECOND))
    assert server.admission.served == []


@pytest.mark.parametrize(("cost_ms", "seats"), [(5, 18), (20, 4), (500, 1)])
def test_without_a_number_the_seats_follow_from_what_a_frame_costs(cost_ms, seats):
    admission = Admission(FleetConfig(rate_hz=10.0))
    admitted = [admission.admit(str(k), 0, cost_ms * 1e6) for k in range(30)]
    assert sum(admitted) == seats and admitted[:seats] == [True] * seats
    assert f"{cost_ms} ms at 10 Hz" in admission.refused["29"]


def test_refused_drones_are_remembered_within_bounds_and_while_they_ask():
    admission = Admission(FleetConfig(max_drones=1, leave_after_s=5.0))
    for k in range(MAX_REMEMBERED + 100):
        admission.admit(str(k), k, None)
    assert len(admission.refused) == MAX_REMEMBERED
    admission.leave(6 * SECOND)
    assert admission.refused == {}


def test_the_inbox_keeps_of_each_drone_the_packets_of_its_newest_frame():
    inbox = Inbox()
    for drone, stamp, data in (("a", 1, b"1"), ("b", 5, b"5"), ("a", 2, b"2"), ("a", 1, b"late"), ("a", 2, b"2b")):
        inbox.put(drone, stamp, data)
    assert inbox.take(0) == [("a", b"2"), ("a", b"2b"), ("b", b"5")]
    assert inbox.take(0) == []


def test_the_inbox_is_bounded():
    inbox = Inbox()
    for _ in range(10 * INBOX_PACKETS):
        inbox.put("a", 1, b"x")
    assert len(inbox.take(0)) == INBOX_PACKETS


@pytest.mark.parametrize("wrong", [{"max_drones": -1}, {"deadline_s": 0.0}, {"max_batch": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FleetConfig(**wrong)
