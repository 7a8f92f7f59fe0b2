"""guard_node: the promises of the failsafe, through topics, on a clock that the test holds."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from fakes import MODEL_HASH
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Empty, UInt8MultiArray

from navisplit import wire
from navisplit.frames import VelocityCommand
from navisplit.nodes import messages, qos
from navisplit.nodes.guard_node import GuardNode
from tests.attacks.packets import features

EAST = VelocityCommand(np.array([2.0, 0.0, 0.0]), 0.5)


class Failsafe:
    """A guard whose time stands still until the test moves it."""

    def __init__(self, bench, parameters: dict | None = None) -> None:
        self.bench = bench
        self.now_ns = 10**9
        self.node = bench.start(GuardNode, parameters, now_ns=lambda: self.now_ns)
        self.commands: list[TwistStamped] = bench.heard(TwistStamped, "cmd_vel", qos.SENSOR)
        self.statuses: list[DiagnosticArray] = bench.heard(DiagnosticArray, "/diagnostics", qos.STATE)
        self.frame_left = bench.publisher(CompressedImage, "features", qos.PACKETS)
        self.answer_came = bench.publisher(UInt8MultiArray, "answer", qos.PACKETS)

    def send_frame(self, stamp_ns: int, key: bytes | None = None) -> None:
        self.frame_left(
            messages.feature_message(wire.encode(features(stamp_ns=stamp_ns, model_hash=MODEL_HASH), key), stamp_ns)
        )
        self.bench.spin_until(lambda: self.node._sent_ns == stamp_ns, "the frame noted")

    def answer(self, stamp_ns: int, command: VelocityCommand = EAST, model_hash: int = MODEL_HASH) -> None:
        packet = wire.AnswerPacket(model_hash, 0, stamp_ns, command, 5.0, 1.0, 0, 1)
        before = self.counted()
        self.answer_came(messages.answer_message(wire.encode(packet)))
        self.bench.spin_until(lambda: self.counted() > before, "the answer judged")

    def counted(self) -> int:
        counters = self.node._guard.counters
        return counters.accepted + sum(counters.refused.values())

    def next_command(self) -> TwistStamped:
        """The first command that was published after now."""
        self.bench.spin_for(0.03)
        known = len(self.commands)
        self.bench.spin_until(lambda: len(self.commands) > known, "a command")
        return self.commands[-1]

    def fly(self, stamp_ns: int, steps: int = 20) -> TwistStamped:
        """Fresh answers for a second, so that the ramp is over."""
        for step in range(steps):
            self.now_ns += 50_000_000
            self.send_frame(stamp_ns + step)
            self.answer(stamp_ns + step)
        return self.next_command()


def speed(command: TwistStamped) -> float:
    return float(np.linalg.norm(messages.from_xyz(command.twist.linear)))


def test_before_the_first_answer_it_stands_still(bench):
    command = Failsafe(bench).next_command()
    assert speed(command) == 0.0
    assert messages.from_time(command.header.stamp) == 0


def test_an_answer_to_a_frame_that_was_sent_flies_with_that_frames_stamp(bench):
    failsafe = Failsafe(bench)
    command = failsafe.fly(1_000)
    assert speed(command) == pytest.approx(2.0, abs=0.02)
    assert command.twist.angular.z == pytest.approx(0.5, abs=0.01)
    assert command.header.frame_id == "odom"
    assert messages.from_time(command.header.stamp) == 1_019


def test_an_answer_flies_at_once_not_at_the_next_tick(bench):
    failsafe = Failsafe(bench, {"rate_hz": 0.2})
    failsafe.send_frame(1_000)
    failsafe.now_ns += 50_000_000
    failsafe.answer(1_000)
    failsafe.bench.spin_until(lambda: failsafe.commands, "a command within a fraction of the period", timeout_s=3.0)
    assert messages.from_time(failsafe.commands[-1].header.stamp) == 1_000


@pytest.mark.parametrize(("silence_s", "stage"), [(0.3, "brake"), (1.1, "hold")])
def test_silence_brakes_then_holds(bench, silence_s, stage):
    failsafe = Failsafe(bench)
    failsafe.fly(1_000)
    failsafe.now_ns += int(silence_s * 1e9)
    assert speed(failsafe.next_command()) == 0.0
    failsafe.bench.spin_until(lambda: failsafe.statuses[-1].status[0].message == stage, stage)
    assert messages.from_time(failsafe.next_command().header.stamp) == 0


def test_long_silence_lands_and_only_rearm_leaves_it(bench):
    failsafe = Failsafe(bench)
    failsafe.fly(1_000)
    failsafe.now_ns += 6 * 10**9
    assert failsafe.next_command().twist.linear.z < 0.0
    failsafe.fly(2_000)
    assert failsafe.next_command().twist.linear.z < 0.0
    rearm = bench.publisher(Empty, "rearm", qos.STATE)
    rearm(Empty())
    bench.spin_until(lambda: failsafe.next_command().twist.linear.z == 0.0, "the end of the landing")
    assert speed(failsafe.fly(3_000)) == pytest.approx(2.0, abs=0.02)


def test_an_answer_to_a_frame_never_sent_is_refused_and_counted(bench):
    failsafe = Failsafe(bench)
    failsafe.send_frame(1_000)
    failsafe.answer(5_000)
    assert speed(failsafe.next_command()) == 0.0
    failsafe.bench.spin_until(
        lambda: (
            {"refused: unknown stamp": "1"}.items()
            <= {v.key: v.value for v in failsafe.statuses[-1].status[0].values}.items()
        ),
        "the count in the diagnostics",
    )


def test_garbage_and_packets_of_the_other_kind_are_survived(bench):
    failsafe = Failsafe(bench)
    failsafe.answer_came(messages.answer_message(b"\x00" * 40))
    failsafe.answer_came(UInt8MultiArray())
    bench.spin_until(lambda: failsafe.node._unreadable.total() == 2, "both counted")
    assert speed(failsafe.fly(1_000)) == pytest.approx(2.0, abs=0.02)


@pytest.mark.fault(50, does="with a key: takes neither an unsigned answer nor an unsigned frame for its own")
def test_with_a_key_an_unsigned_answer_is_refused(bench, monkeypatch):
    monkeypatch.setenv("NAVISPLIT_LINK_KEY", "11" * 32)
    failsafe = Failsafe(bench)
    failsafe.send_frame(1_000, bytes.fromhex("11" * 32))
    packet = wire.AnswerPacket(MODEL_HASH, 0, 1_000, EAST, 5.0, 1.0, 0, 1)
    failsafe.answer_came(messages.answer_message(wire.encode(packet)))
    bench.spin_until(lambda: failsafe.node._unreadable.total() == 1, "the refusal")
    failsafe.answer_came(messages.answer_message(wire.encode(packet, bytes.fromhex("11" * 32))))
    bench.spin_until(lambda: failsafe.node._guard.counters.accepted == 1, "the signed one")


def test_diagnostics_name_the_vehicle(bench):
    failsafe = Failsafe(bench)
    bench.spin_until(lambda: failsafe.statuses, "diagnostics")
    status = failsafe.statuses[-1].status[0]
    assert (status.name, status.hardware_id) == ("drone_1: guard", "/drone_1")


def test_while_the_edge_is_silent_the_exit_flies_and_a_body_frame_is_refused(bench):
    failsafe = Failsafe(bench)
    leave = bench.publisher(TwistStamped, "exit/cmd_vel", qos.SENSOR)
    failsafe.fly(1_000)
    command = messages.command_message(VelocityCommand(np.array([0.0, 1.0, 0.0])), 2_000)
    for _ in range(30):
        failsafe.now_ns += 50_000_000
        leave(command)
        bench.spin_for(0.01)
    flown = failsafe.next_command()
    assert messages.from_xyz(flown.twist.linear) == pytest.approx([0.0, 1.0, 0.0], abs=0.05)
    assert failsafe.statuses[-1].status[0].message == "exit"
    command.header.frame_id = "base_link"
    for _ in range(8):
        failsafe.now_ns += 50_000_000
        leave(command)
        bench.spin_for(0.01)
    assert speed(failsafe.next_command()) == 0.0


@pytest.mark.fault(13, does="refuses answers of another branch set, and stops as if there were none")
def test_an_answer_of_another_branch_set_than_the_frames_is_refused(bench):
    failsafe = Failsafe(bench)
    failsafe.send_frame(1_000)
    failsafe.answer(1_000, model_hash=MODEL_HASH ^ 1)
    assert failsafe.node._guard.counters.refused == {"other model": 1}
    failsafe.answer(1_000)
    assert failsafe.node._guard.counters.accepted == 1


@pytest.mark.fault(50, does="with a key: takes neither an unsigned answer nor an unsigned frame for its own")
def test_with_a_key_a_frame_of_somebody_else_is_not_taken_for_one_of_ours(bench, monkeypatch):
    monkeypatch.setenv("NAVISPLIT_LINK_KEY", "11" * 32)
    failsafe = Failsafe(bench)
    failsafe.frame_left(messages.feature_message(wire.encode(features(stamp_ns=9_000)), 9_000))
    bench.spin_until(lambda: sum(failsafe.node._unreadable.values()) == 1, "the refusal")
    packet = wire.AnswerPacket(MODEL_HASH, 0, 9_000, EAST, 5.0, 1.0, 0, 1)
    failsafe.answer_came(messages.answer_message(wire.encode(packet, bytes.fromhex("11" * 32))))
    bench.spin_until(lambda: failsafe.node._guard.counters.refused["unknown stamp"] == 1, "the answer refused")


@pytest.mark.fault(39, does="goes by a steady clock of its own, so that it brakes and holds in a paused simulation too")
def test_the_guard_brakes_while_the_simulations_clock_stands_still(bench):
    node = bench.start(GuardNode, {"use_sim_time": True})  # nobody publishes /clock
    commands = bench.heard(TwistStamped, "cmd_vel", qos.SENSOR)
    bench.spin_until(lambda: len(commands) > 5, "commands")
    assert node.get_clock().now().nanoseconds == 0 and speed(commands[-1]) == 0.0
