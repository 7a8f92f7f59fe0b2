"""What the edge server promises: named refusals, no queue, one session a drone, one answer a frame."""

from __future__ import annotations

import copy
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from navisplit import wire
from navisplit.config import CameraConfig
from navisplit.edge import server as edge
from navisplit.edge.policies import Decision
from navisplit.edge.server import EdgeServer
from navisplit.errors import PacketError
from navisplit.frames import VelocityCommand

MODEL = 0xC0FFEE
MS = 1_000_000
STATE = wire.VehicleState(np.zeros(3), np.array([0, 0, 0, 1.0]), np.array([1.0, 0, 0]), np.array([30.0, 0, 2]))


class Source:
    """Depth as far as slices arrived; slice b'bad' is damaged."""

    def __init__(self):
        self.seen = []

    def decode(self, branch_id, codec_id, shape, slices):
        if b"bad" in slices:
            raise PacketError("damaged")
        self.seen.append(list(slices))
        return slices, None

    def infer(self, branch_id, symbols, mask, memory=None):
        return SimpleNamespace(depth=np.full((72, 128), 9.0, np.float32), spread=None)


class Pilot:
    def __init__(self):
        self.calls, self.resets = [], 0

    def act(self, image, view, state, stamp_ns):
        self.calls.append((image, view, state, stamp_ns))
        return Decision(VelocityCommand(np.array([len(self.calls), 0.5, 0.0]), 0.25), 7.5, 0.8)

    def reset(self):
        self.resets += 1


def packet(sequence=0, index=0, count=1, payload=b"abc", **changes):
    fields = dict(
        model_hash=MODEL, branch=2, codec=1, sequence=sequence, stamp_ns=1000 + sequence, slice_index=index,
        slice_count=count, shape=(4, 18, 32), state=STATE, payload=payload,
    )  # fmt: skip
    return wire.encode(wire.FeaturePacket(**{**fields, **changes}))


@pytest.fixture
def server():
    return EdgeServer(Source(), Pilot, CameraConfig(), MODEL)


def test_a_complete_frame_is_answered_at_once_with_its_own_stamp(server):
    assert server.receive(packet(5, 0, 2, b"x"), 0) is None
    reply = server.receive(packet(5, 1, 2, b"y"), MS)
    answer = wire.decode(reply.answer)
    assert (answer.sequence, answer.stamp_ns, answer.branch, answer.received_slices) == (5, 1005, 2, 2)
    assert answer.command.velocity == pytest.approx([1, 0.5, 0]) and answer.command.yaw_rate == pytest.approx(0.25)
    assert answer.clearance_m == pytest.approx(7.5) and answer.confidence == pytest.approx(0.8, abs=0.01)
    assert server.depth_source.seen == [[b"x", b"y"]]


def test_the_policy_sees_only_what_the_packet_carries(server):
    server.receive(packet(), 0)
    image, view, state, stamp = server.session().policy.calls[0]
    assert image.depth.shape == (72, 128) and view.offset_x_m == CameraConfig().offset_x_m
    assert state.goal == pytest.approx([30, 0, 2]) and stamp == 1000


@pytest.mark.fault(6, does="slices of a frame are put together in any order")
@pytest.mark.fault(5, does="slices that come twice change nothing")
def test_slices_may_come_in_any_order_and_twice(server):
    assert server.receive(packet(0, 2, 3, b"c"), 0) is None
    assert server.receive(packet(0, 2, 3, b"c"), 0) is None
    assert server.receive(packet(0, 0, 3, b"a"), 0) is None
    assert server.receive(packet(0, 1, 3, b"b"), 0) is not None
    assert server.depth_source.seen == [[b"a", b"b", b"c"]]


def test_a_frame_with_lost_slices_is_answered_after_30_ms(server):
    server.receive(packet(0, 1, 3), 0)
    assert server.poll(29 * MS) == [] and server.due_ns() == 30 * MS
    (reply,) = server.poll(30 * MS)
    assert reply.packet.received_slices == 1
    assert server.depth_source.seen == [[None, b"abc", None]]
    assert server.poll(60 * MS) == [] and server.due_ns() is None


@pytest.mark.fault(26, does="the edge drops frames older than the newest")
def test_a_newer_frame_replaces_an_unfinished_one_and_older_slices_are_dropped(server):
    server.receive(packet(0, 0, 2), 0)
    assert server.receive(packet(1, 0, 1), 5 * MS).packet.sequence == 1
    assert server.receive(packet(0, 1, 2), 6 * MS) is None
    assert server.receive(packet(1, 0, 1), 7 * MS) is None  # answered already
    assert server.refused == {"OldFrame": 2}
    assert server.poll(100 * MS) == []


@pytest.mark.parametrize(
    "data, name",
    [
        (b"", "Truncated"),
        (b"\x00" * 80, "BadMagic"),
        (packet(model_hash=1), "WrongModel"),
        (wire.encode(wire.AnswerPacket(MODEL, 0, 0, VelocityCommand.zero(), 1.0, 1.0, 0, 1)), "NotFeatures"),
        (packet()[:-1] + b"\x00", "BadChecksum"),
        (packet(payload=b"bad"), "PacketError"),
    ],
)
def test_a_refused_packet_is_counted_by_the_name_of_its_error(server, data, name):
    assert server.receive(data, 0) is None
    assert server.refused == {name: 1}
    assert server.receive(packet(1), MS) is not None  # and the next one is served


def test_slices_that_disagree_on_the_frame_are_refused(server):
    server.receive(packet(0, 0, 2), 0)
    assert server.receive(packet(0, 1, 2, branch=3), 0) is None
    assert server.receive(packet(0, 1, 3), 0) is None
    assert server.refused == {"InconsistentSlices": 2}
    assert server.receive(packet(0, 1, 2), 0) is not None


def test_drones_do_not_share_anything(server):
    assert server.receive(packet(7), 0, "a") is not None
    assert server.receive(packet(0), 0, "b") is not None
    assert server.session("a").policy is not server.session("b").policy
    assert server.receive(packet(0), 0, "a") is None


@pytest.mark.fault(14, does="a head that starts anew is heard again after a second: brakes, holds, flies on")
def test_a_drone_that_starts_again_is_heard_after_a_second(server):
    server.receive(packet(900), 0)
    assert server.receive(packet(0), 500 * MS) is None
    assert server.receive(packet(1), 1100 * MS) is not None  # refused packets do not keep the old flight alive
    assert server.session().policy.resets == 1


def test_the_number_of_sessions_is_bounded(server):
    for i in range(edge.MAX_SESSIONS + 10):
        server.receive(packet(), 0, str(i))
    assert len(server._sessions) == edge.MAX_SESSIONS


def test_with_a_key_unsigned_packets_are_refused_and_answers_are_signed():
    key = bytes(range(32))
    server = EdgeServer(Source(), Pilot, CameraConfig(), MODEL, key=key)
    assert server.receive(packet(), 0) is None and server.refused == {"BadTag": 1}
    signed = wire.encode(dataclasses.replace(wire.decode(packet())), key)
    reply = server.receive(signed, 0)
    assert wire.decode(reply.answer, key).sequence == 0


KEY = bytes(range(32))


def signed(sequence, **changes):
    return wire.encode(wire.decode(packet(sequence, **changes)), KEY)


@pytest.mark.parametrize("silence_ms", [10, 1500])
def test_a_signed_packet_that_is_sent_again_is_refused_also_when_the_drone_was_silent(silence_ms):
    server = EdgeServer(Source(), Pilot, CameraConfig(), MODEL, key=KEY)
    for sequence in range(5):
        assert server.receive(signed(sequence), 0)
    pilot = server.session().policy
    for sequence in (2, 4):
        assert server.receive(signed(sequence), silence_ms * MS) is None
    assert server.refused == {"OldFrame" if silence_ms < 1000 else "Replayed": 2}
    assert not pilot.resets
    assert server.receive(signed(5), (silence_ms + 10) * MS)


def test_a_recording_of_an_earlier_start_with_higher_numbers_does_not_pass():
    server = EdgeServer(Source(), Pilot, CameraConfig(), MODEL, key=KEY)
    assert server.receive(signed(900, stamp_ns=5000), 0)
    assert server.receive(signed(0, stamp_ns=6000), 1500 * MS), "a head that was started again"
    assert server.receive(signed(901, stamp_ns=5001), 1510 * MS) is None
    assert server.refused == {"Replayed": 1} and "recorded and sent again" in server.last_refusal
    assert server.receive(signed(1, stamp_ns=6001), 1520 * MS)


def test_without_a_key_a_simulator_that_was_set_back_is_heard_again(server):
    assert server.receive(packet(5, stamp_ns=9000), 0)
    assert server.receive(packet(0, stamp_ns=10), 1500 * MS)


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (packet(), "BadTag", "not signed"),
        (wire.encode(wire.decode(packet()), bytes(32)), "BadTag", "another key"),
        (signed(0)[:-1] + bytes([signed(0)[-1] ^ 1]), "BadTag", "tag does not match"),
        (signed(0, model_hash=7), "WrongModel", "Features of branch set 00000007, expected 00c0ffee"),
    ],
    ids=["unsigned", "other key", "forged", "other model"],
)
def test_every_refusal_of_a_server_with_a_key_has_its_name_and_its_reason(data, name, said):
    server = EdgeServer(Source(), Pilot, CameraConfig(), MODEL, key=KEY)
    assert server.receive(data, 0) is None
    assert server.refused == {name: 1} and said in server.last_refusal


@pytest.mark.fault(38, does="nothing: the edge's clock decides nothing but how long it waits for slices")
def test_an_edge_whose_clock_is_years_off_gives_the_same_answers(server):
    other = copy.deepcopy(server)
    for sequence in range(3):
        data = packet(sequence=sequence, stamp_ns=sequence + 1)
        now = 100 * 10**6 * sequence
        assert server.receive(data, now).answer == other.receive(data, now + 10**18).answer


@pytest.mark.fault(27, does="depth that is not finite gives no answer, and stops the drone as if there were none")
@pytest.mark.fault(44, does="depth that is not finite gives no answer, and stops the drone as if there were none")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_depth_that_is_not_finite_is_not_answered(server, value):
    depth = np.full((72, 128), 5.0, np.float32)
    depth[3, 4] = value
    server.depth_source.infer = lambda *_, **__: type("D", (), {"depth": depth, "spread": None})()
    assert server.receive(packet(), 0) is None
    assert server.refused == {"NotFinite": 1}
