"""The guard's limits, its trust in odometry, and the on-board exit."""

import math

import numpy as np
import pytest

from navisplit.config import GuardConfig
from navisplit.frames import Odometry, VelocityCommand
from navisplit.vehicle.guard import Guard, Stage
from tests.unit.guard_flights import FORWARD, MS, REST, S, reply, started


def flown(command: VelocityCommand, config: GuardConfig, measured=REST, seconds: float = 4.0) -> list[VelocityCommand]:
    """Outputs at 50 Hz while the same command keeps coming."""
    guard, out = Guard(config), []
    for tick in range(int(seconds * 50)):
        now = tick * 20 * MS
        guard.note_sent(tick, now)
        assert guard.accept(reply(tick, command), now) is None
        out.append(guard.command(measured, now).command)
    return out


@pytest.mark.parametrize("velocity", [[100.0, 0, 0], [0, -50.0, 50.0], [1e300, 1e300, 1e300], [1.7e308, -1.7e308, 0]])
@pytest.mark.fault(28, does="never flies faster than max_speed_mps, nor accelerates beyond its limit")
def test_speed_acceleration_and_yaw_rate_are_limited(velocity):
    config = GuardConfig()
    out = flown(VelocityCommand(np.array(velocity), -1e300), config)
    speeds = np.array([c.velocity for c in out])
    assert np.isfinite(speeds).all()
    assert np.linalg.norm(speeds, axis=1).max() <= config.max_speed_mps + 1e-9
    steps = np.linalg.norm(np.diff(speeds, axis=0), axis=1)
    assert steps.max() <= config.max_acceleration_mps2 * 0.02 + 1e-9
    assert all(abs(c.yaw_rate) <= config.max_yaw_rate_rps for c in out)
    if velocity[0] == 100.0:
        np.testing.assert_allclose(speeds[-1], [config.max_speed_mps, 0, 0])
        assert speeds[50, 0] == pytest.approx(config.max_acceleration_mps2, rel=0.03), "8 m/s after a second"


def test_a_limited_command_keeps_its_direction():
    out = flown(VelocityCommand(np.array([30.0, 40.0, 0.0])), GuardConfig())
    np.testing.assert_allclose(out[-1].velocity, [6.0, 8.0, 0.0])


def test_a_command_within_the_limits_passes_unchanged():
    out = flown(FORWARD, GuardConfig())
    np.testing.assert_array_equal(out[-1].velocity, FORWARD.velocity)
    assert out[-1].yaw_rate == FORWARD.yaw_rate


def test_after_a_short_stop_the_ramp_starts_at_the_speed_that_is_left():
    guard = started()
    assert guard.command(REST, 300 * MS).stage is Stage.BRAKE
    guard.note_sent(1, 310 * MS)
    guard.accept(reply(1), 320 * MS)
    command = guard.command(np.array([2.5, 0.7, 0.0]), 320 * MS).command
    np.testing.assert_allclose(command.velocity, [2.5 + 8.0 * 0.02, 0, 0])


@pytest.mark.parametrize(
    "measured", [[math.nan, 0, 0], [math.inf, 0, 0], [1e308, 1e308, -1e308], [-50, 0, 0], [0, 50, 0], [50, 0, 0]]
)
def test_wrong_odometry_cannot_speed_the_vehicle_up_or_turn_it(measured):
    """Fault 34: jumping or NaN odometry."""
    out = flown(FORWARD, GuardConfig(), measured=np.array(measured))
    for command in out:
        assert command.finite and -1e-9 <= command.velocity[0] <= 3.0 + 1e-9 and not command.velocity[1:].any()


def test_a_control_loop_that_stalled_does_not_jump_to_full_speed():
    guard = started()
    guard.command(REST, 0)
    for tick in range(1, 30):
        guard.note_sent(tick, tick * 100 * MS)
        guard.accept(reply(tick, VelocityCommand(np.array([10.0, 0, 0]))), tick * 100 * MS)
    speed = guard.command(REST, 2900 * MS).command.velocity[0]
    assert speed == pytest.approx(GuardConfig().max_acceleration_mps2 * GuardConfig().brake_after_s)


def test_odometry_is_taken_as_well_as_a_velocity():
    odometry = Odometry(0, np.zeros(3), np.array([0, 0, 0, 1.0]), np.array([2.0, 0, 0]), np.zeros(3))
    np.testing.assert_allclose(started().command(odometry, 0).command.velocity, [2.0, 0, 0])


def test_a_command_changed_by_its_owner_later_changes_nothing():
    guard = Guard(GuardConfig())
    mine = VelocityCommand(np.array([1.0, 0, 0]))
    guard.note_sent(0, 0)
    guard.accept(reply(0, mine), 0)
    mine.velocity[:] = math.nan
    assert guard.command(REST, 20 * MS).command.finite


def test_the_exit_flies_while_the_edge_is_silent_but_never_before_it_or_after_five_seconds():
    aside = VelocityCommand(np.array([0.0, 1.0, 0.0]))
    fresh = Guard(GuardConfig())
    fresh.note_exit(aside, 0)
    assert fresh.command(REST, 0).stage is Stage.BRAKE, "no exit before the edge ever commanded"
    guard = started()
    guard.note_exit(aside, 100 * MS)
    assert guard.command(REST, 150 * MS).stage is Stage.EDGE
    for now in range(300 * MS, 4900 * MS, 100 * MS):
        guard.note_exit(aside, now)
        output = guard.command(REST, now)
        assert output.stage is Stage.EXIT
    np.testing.assert_allclose(output.command.velocity, aside.velocity)
    guard.note_exit(aside, 5 * S)
    assert guard.command(REST, 5 * S).stage is Stage.LAND


def test_a_stale_or_broken_exit_is_not_flown():
    guard = started()
    guard.note_exit(FORWARD, 100 * MS)
    assert guard.command(REST, 400 * MS).stage is Stage.BRAKE
    guard.note_exit(VelocityCommand(np.full(3, math.nan)), 400 * MS)
    assert guard.command(REST, 400 * MS).stage is Stage.BRAKE
