"""What the vehicle's side promises: the gate's choice becomes packets, and a switch of branch takes effect at once."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from navisplit import wire
from navisplit.frames import Odometry, VelocityCommand
from navisplit.vehicle.gate import SKIP, FixedGate
from navisplit.vehicle.onboard import Onboard

GOAL = np.array([20.0, 5.0, 2.0])
RGB = np.full((144, 256, 3), 90, np.uint8)


class Head:
    def trunk(self, rgb):
        return SimpleNamespace(summary=np.arange(3, dtype=np.float32))

    def encode(self, activations, branch, max_bytes=None):
        slices = {"b0": [b"one"], "b3": [b"p" * 1200, b"q" * 700]}[branch]
        return SimpleNamespace(branch_id=int(branch[1]), codec_id=1, shape=(8, 18, 32), slices=slices)


class Recorder:
    def __init__(self, *choices):
        self.choices, self.inputs = list(choices), []

    def choose(self, inputs):
        self.inputs.append(inputs)
        return self.choices[(len(self.inputs) - 1) % len(self.choices)]


def odometry(stamp_ns):
    return Odometry(stamp_ns, np.array([1.0, 2, 3]), np.array([0, 0, 0, 1.0]), np.array([0.5, 0, 0]), np.zeros(3))


def process(onboard, stamp_ns):
    return onboard.process(RGB, odometry(stamp_ns), GOAL, stamp_ns, now_ns=stamp_ns)


def test_a_frame_becomes_packets_that_carry_state_goal_and_stamp():
    sent = process(Onboard(Head(), "b3", 77), 500)
    first, second = (wire.decode(p) for p in sent.packets)
    assert (first.slice_index, second.slice_index, second.slice_count) == (0, 1, 2)
    assert (second.payload, second.branch, second.model_hash, second.stamp_ns) == (b"q" * 700, 3, 77, 500)
    assert first.state.position == pytest.approx([1, 2, 3]) and first.state.goal == pytest.approx(GOAL)
    assert sent.size == sum(map(len, sent.packets)) and sent.branch == "b3"


def test_sequence_numbers_count_the_frames_that_were_sent():
    onboard = Onboard(Head(), Recorder("b0", SKIP, "b0"), 1)
    sent = [process(onboard, i) for i in range(3)]
    assert [t.branch for t in sent] == ["b0", SKIP, "b0"] and sent[1].packets == []
    assert wire.decode(sent[2].packets[0]).sequence == 1


def test_a_branch_is_switched_in_flight_and_the_gate_gets_the_choice_back():
    onboard = Onboard(Head(), Recorder("b3"), 1)
    branches = [process(onboard, 0).branch]
    onboard.set_branch("b0")
    branches.append(process(onboard, 1).branch)
    onboard.set_branch("gate")
    branches.append(process(onboard, 2).branch)
    assert branches == ["b3", "b0", "b3"]


def test_the_gate_is_told_the_newest_answer_and_its_age():
    gate = Recorder("b0")
    onboard = Onboard(Head(), gate, 1)
    process(onboard, 0)
    for sequence, stamp in ((1, 200), (0, 100)):  # the older one comes later
        onboard.on_answer(wire.AnswerPacket(1, sequence, stamp, VelocityCommand.zero(), 4.0, 0.5, 0, 1), now_ns=stamp)
    process(onboard, 200_000_200)
    before, after = gate.inputs
    assert before.answer is None and before.answer_age_s == float("inf") and before.previous == ""
    assert after.answer.stamp_ns == 200 and after.answer_age_s == pytest.approx(0.2)
    assert after.previous == "b0" and after.since_sent_s == pytest.approx(0.2000002)
    assert after.summary.tolist() == [0, 1, 2]


def test_the_fixed_gate_never_changes():
    assert FixedGate("b2").choose(None) == "b2"


class Asked(Head):
    """A head that notes how many bytes it was allowed."""

    def __init__(self):
        self.limits = []

    def encode(self, activations, branch, max_bytes=None):
        self.limits.append(max_bytes)
        return super().encode(activations, branch)


@pytest.mark.parametrize(
    ("most", "budget_bps", "limit"), [(0, None, None), (700, None, 700), (0, 8000.0, 100), (700, 8000.0, 100)]
)
def test_what_the_gate_chose_is_trimmed_to_the_smaller_of_the_limit_and_the_links_budget(most, budget_bps, limit):
    gate, head = Recorder("b0"), Asked()
    onboard = Onboard(head, gate, 1, max_frame_bytes=most, period_s=0.1)
    onboard.meter.budget_bps = lambda now_ns: budget_bps
    process(onboard, 5)
    assert head.limits == [limit] and gate.inputs[0].budget_bps == budget_bps


def test_a_branch_asked_for_by_name_is_sent_whole_whatever_the_link_carries():
    head = Asked()
    onboard = Onboard(head, "b0", 1, max_frame_bytes=700, period_s=0.1)
    onboard.meter.budget_bps = lambda now_ns: 8000.0
    process(onboard, 5)
    assert head.limits == [700]
