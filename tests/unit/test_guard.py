"""The guard's promises, stage by stage, with injected time."""

import math

import numpy as np
import pytest

from navisplit.config import GuardConfig
from navisplit.frames import VelocityCommand
from navisplit.vehicle.guard import Guard, Stage
from tests.unit.guard_flights import MS, REST, S, reply, started, stream


@pytest.mark.fault(14, does="a guard that starts anew brakes until the first fresh command")
def test_before_the_first_command_it_brakes_and_never_latches():
    guard = Guard(GuardConfig())
    for now in range(0, 60 * S, S):
        output = guard.command(REST, now)
        assert output.stage is Stage.BRAKE and not output.command.velocity.any() and output.age_s == math.inf
    guard.note_sent(1, 60 * S)
    assert guard.accept(reply(1), 60 * S) is None
    assert guard.command(REST, 60 * S).stage is Stage.EDGE
    assert guard.counters.stale == 0


@pytest.mark.parametrize(
    ("age_ms", "stage"),
    [
        (0, "edge"),
        (250, "edge"),
        (251, "brake"),
        (999, "brake"),
        (1000, "hold"),
        (4999, "hold"),
        (5000, "land"),
        (60_000, "land"),
    ],
)
def test_silence_brakes_holds_and_lands(age_ms, stage):
    output = started().command(REST, age_ms * MS)
    assert output.stage.value == stage
    assert output.age_s == pytest.approx(age_ms / 1000)


def test_braking_and_holding_are_zero_at_once_and_landing_descends():
    guard = started()
    for now in range(0, 200 * MS, 20 * MS):
        guard.command(np.array([3.0, 0, 0]), now)
    for now in (260 * MS, 1100 * MS):
        command = guard.command(np.array([3.0, 0, 0]), now).command
        assert not command.velocity.any() and command.yaw_rate == 0
    command = guard.command(REST, 5 * S).command
    np.testing.assert_array_equal(command.velocity, [0, 0, -GuardConfig().land_speed_mps])
    assert command.yaw_rate == 0


def test_a_short_gap_brakes_and_the_next_fresh_command_flies_again():
    guard = started()
    assert guard.command(REST, 300 * MS).stage is Stage.BRAKE
    guard.note_sent(1, 310 * MS)
    assert guard.accept(reply(1), 350 * MS) is None
    assert guard.command(REST, 350 * MS).stage is Stage.EDGE


def test_hold_is_latched_and_left_only_by_a_second_of_fresh_commands():
    guard = started()
    assert guard.command(REST, 1100 * MS).stage is Stage.HOLD
    stages, _ = stream(guard, 2 * S, 3500 * MS, stamp=1)
    assert stages == [Stage.HOLD] * 10 + [Stage.EDGE] * 5, "the first is accepted at 2.05 s, 1 s later it may fly"


def test_hold_is_not_left_by_commands_with_gaps():
    guard = started()
    guard.command(REST, 1100 * MS)
    stages, _ = stream(guard, 2 * S, 20 * S, stamp=1, period_ns=400 * MS)
    assert set(stages) == {Stage.HOLD}


def test_a_gap_starts_the_second_anew():
    guard = started()
    guard.command(REST, 1100 * MS)
    _, stamp = stream(guard, 2 * S, 2900 * MS, stamp=1)
    stages, _ = stream(guard, 3300 * MS, 4600 * MS, stamp=stamp)
    assert stages.count(Stage.EDGE) == 3 and stages[:10] == [Stage.HOLD] * 10


def test_hold_latches_even_when_nobody_asked_for_a_command_meanwhile():
    guard = started()
    guard.note_sent(1, 2 * S)
    guard.accept(reply(1), 2 * S)
    assert guard.command(REST, 2 * S).stage is Stage.HOLD


def test_landing_is_final_until_rearmed():
    guard = started()
    assert guard.command(REST, 5 * S).stage is Stage.LAND
    stages, stamp = stream(guard, 6 * S, 10 * S, stamp=1)
    assert set(stages) == {Stage.LAND}
    guard.rearm(10 * S)
    assert guard.command(REST, 10 * S).stage is Stage.BRAKE
    stages, _ = stream(guard, 10 * S, 11 * S, stamp=stamp)
    assert set(stages) == {Stage.EDGE}


def test_landing_does_not_fall_back_to_holding():
    guard = started()
    guard.command(REST, 5 * S)
    stream(guard, 6 * S, 6 * S + 1, stamp=1)
    assert guard.command(REST, 8 * S).stage is Stage.LAND, "2 s of silence after a lone command"


def test_holding_too_is_counted_from_sending():
    guard = Guard(GuardConfig())
    guard.note_sent(0, 0)
    guard.accept(reply(0), 200 * MS)
    assert guard.command(REST, 999 * MS).stage is Stage.BRAKE
    assert guard.command(REST, 1000 * MS).stage is Stage.HOLD


def test_rearm_leaves_hold_forgets_old_frames_and_counts_silence_from_there():
    guard = started()
    guard.note_sent(1, 1050 * MS)
    assert guard.command(REST, 1100 * MS).stage is Stage.HOLD
    guard.rearm(1100 * MS)
    assert guard.accept(reply(1), 1110 * MS) == "unknown stamp"
    assert guard.command(REST, 1200 * MS).stage is Stage.BRAKE
    assert guard.command(REST, 2100 * MS).stage is Stage.HOLD
    assert guard.command(REST, 6100 * MS).stage is Stage.LAND
    guard.rearm(7 * S)
    guard.note_sent(0, 7 * S)  # a simulator that was reset starts its stamps again
    assert guard.accept(reply(0), 7 * S) is None


def test_age_is_counted_from_sending_not_from_the_arrival_of_the_answer():
    guard = Guard(GuardConfig())
    guard.note_sent(0, 0)
    assert guard.accept(reply(0), 200 * MS) is None
    assert guard.command(REST, 250 * MS).stage is Stage.EDGE
    assert guard.command(REST, 260 * MS).stage is Stage.BRAKE


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.fault(27, does="the guard refuses commands that are not finite")
def test_commands_that_are_not_finite_are_refused(value):
    guard = Guard(GuardConfig())
    guard.note_sent(0, 0)
    for command in (
        VelocityCommand(np.array([0, value, 0])),
        VelocityCommand(REST, value),
        VelocityCommand(np.zeros(2)),
    ):
        assert guard.accept(reply(0, command), 0) == "non-finite"
    assert guard.accept(reply(0), 0) is None, "a refused answer does not use up the stamp"
    assert guard.counters.refused == {"non-finite": 3} and guard.counters.accepted == 1


def test_denormal_commands_are_harmless():
    guard = Guard(GuardConfig())
    guard.note_sent(0, 0)
    assert guard.accept(reply(0, VelocityCommand(np.full(3, 5e-324), 5e-324)), 0) is None
    assert guard.command(np.full(3, 1e308), 20 * MS).command.finite


@pytest.mark.fault(5, does="takes the first answer to a frame, and no second one")
@pytest.mark.fault(26, does="refused: used already, or older than the newest")
def test_replayed_answers_are_refused():
    guard = started()
    for _ in range(3):
        assert guard.accept(reply(0), 10 * MS) == "already used"
    assert guard.command(REST, 260 * MS).stage is Stage.BRAKE, "a replay does not refresh the command"


@pytest.mark.fault(6, does="refuses an answer that is older than the newest one")
def test_answers_out_of_order_are_refused():
    guard = Guard(GuardConfig())
    guard.note_sent(0, 0)
    guard.note_sent(1, 50 * MS)
    assert guard.accept(reply(1), 100 * MS) is None
    assert guard.accept(reply(0), 110 * MS) == "older than newest"


def test_answers_to_frames_never_sent_are_refused():
    guard = started()
    for stamp in (1, -1, 10**18, 2**64 - 1):  # future stamps among them
        assert guard.accept(reply(stamp), MS) == "unknown stamp"


@pytest.mark.fault(9, does="refuses all that was sent more than 250 ms ago, however much of it comes at once")
def test_late_answers_are_refused():
    """Fault 9: a partition, and then the flood of the backlog."""
    guard = Guard(GuardConfig())
    for number in range(50):
        guard.note_sent(number, number * 100 * MS)
    refused = [guard.accept(reply(number), 5 * S) for number in range(50)]
    assert refused[:48] == ["stale"] * 48 and refused[48:] == [None, None]


@pytest.mark.fault(13, does="refuses answers of another branch set, and stops as if there were none")
def test_answers_of_another_model_are_refused():
    """Fault 13: the edge restarts with other models."""
    guard = Guard(GuardConfig())
    guard.note_sent(0, 0, model_hash=1)
    assert guard.accept(reply(0, model_hash=2), 0) == "other model"
    assert guard.accept(reply(0, model_hash=1), 0) is None


@pytest.mark.fault(15, does="flies the first answer to each frame; the other edge's is refused")
def test_two_edges_cannot_both_command():
    """Fault 15: only the first answer to a frame counts."""
    guard = Guard(GuardConfig())
    guard.note_sent(0, 0)
    assert guard.accept(reply(0), 10 * MS) is None
    assert guard.accept(reply(0, VelocityCommand(np.array([-3.0, 0, 0]))), 20 * MS) == "already used"


@pytest.mark.fault(12, does="refuses the answer that was used already, and stops as if there were none")
def test_an_edge_stuck_on_one_stamp_ends_in_holding():
    """Fault 12: answers come at full rate, all to one cached frame."""
    guard = started()
    for now in range(0, 1500 * MS, 50 * MS):
        guard.note_sent(now + 1, now)
        guard.accept(reply(0), now)
        stage = guard.command(REST, now).stage
    assert stage is Stage.HOLD and guard.counters.refused["already used"] == 30


@pytest.mark.fault(30, does="does not send a picture that it has seen before from elsewhere, and stops")
def test_a_frozen_camera_ends_in_holding():
    """Fault 30: the same stamp is sent again and again; it may be answered once, counted from its first sending."""
    guard = started()
    for now in range(20 * MS, 1500 * MS, 20 * MS):
        guard.note_sent(0, now)
        guard.accept(reply(0), now)
        stage = guard.command(REST, now).stage
    assert stage is Stage.HOLD and guard.counters.accepted == 1 and guard.counters.repeated_frames == 74


def test_a_stamp_sent_twice_is_aged_from_the_first_time():
    guard = Guard(GuardConfig())
    guard.note_sent(5, 0)
    guard.note_sent(5, 240 * MS)
    assert guard.accept(reply(5), 260 * MS) == "stale"


def test_memory_of_stamps_is_bounded_and_forgotten_ones_are_unknown():
    guard = Guard(GuardConfig())
    for stamp in range(3000):
        guard.note_sent(stamp, 0)
    assert guard.accept(reply(0), 0) == "unknown stamp"
    assert guard.accept(reply(2999), 0) is None
    assert len(guard._sent) <= 1024


@pytest.mark.fault(37, does="takes a jump ahead for silence and one back for a stale command, and brakes")
def test_a_clock_that_jumps_back_makes_the_command_stale_at_once():
    guard = started(now_ns=1000 * S)
    assert guard.command(REST, 1000 * S).stage is Stage.EDGE
    assert guard.command(REST, 10 * S).stage is Stage.BRAKE
    assert guard.counters.clock_jumps == 1
    guard.note_sent(1, 10 * S)
    assert guard.accept(reply(1), 10 * S + 20 * MS) is None, "and new frames count by the new clock"
    assert guard.command(REST, 10 * S + 20 * MS).stage is Stage.EDGE


def test_answers_to_frames_sent_before_a_jump_back_are_stale():
    guard = Guard(GuardConfig())
    guard.note_sent(0, 1000 * S)
    assert guard.accept(reply(0), 10 * S) == "stale"


def test_a_clock_that_runs_backwards_ends_in_landing():
    guard = started(now_ns=1000 * S)
    stages = [guard.command(REST, 1000 * S - tick * MS).stage for tick in range(30)]
    assert stages[0] is Stage.EDGE and Stage.EDGE not in stages[1:] and stages[-1] is Stage.LAND


@pytest.mark.fault(37, does="takes a jump ahead for silence and one back for a stale command, and brakes")
def test_a_clock_that_jumps_ahead_counts_as_silence():
    assert started().command(REST, 3600 * S).stage is Stage.LAND


def test_a_clock_that_stands_still_keeps_the_output():
    """Fault 39: the simulation is paused."""
    guard = started()
    guard.command(REST, 20 * MS)
    first = guard.command(REST, 40 * MS).command.velocity
    for _ in range(100):
        np.testing.assert_array_equal(guard.command(REST, 40 * MS).command.velocity, first)


def test_counters_say_what_happened():
    guard = started()
    guard.accept(reply(9), 10 * MS)
    guard.command(REST, 20 * MS)
    guard.command(REST, 300 * MS)
    guard.command(REST, 320 * MS)
    counters = guard.counters
    assert (counters.accepted, dict(counters.refused), counters.stale) == (1, {"unknown stamp": 1}, 2)
    assert guard.stage is Stage.BRAKE


def test_the_promises_follow_the_configuration():
    guard = started(config=GuardConfig(brake_after_s=0.1, hold_after_s=0.2, land_after_s=0.3))
    assert [guard.command(REST, t * MS).stage.value for t in (90, 110, 210, 310)] == ["edge", "brake", "hold", "land"]
