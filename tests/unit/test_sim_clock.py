"""Simulated time passes as it is told to: exactly, at any speed, as fast as possible, or not at all."""

import pytest
from flight_server import flat_simulation
from typer.testing import CliRunner

from navisplit.cli.main import build_app
from navisplit.errors import UsageError
from navisplit.sim.rpc.pacing import Pacer
from navisplit.sim.settings import parse_settings


def driven(speed, wall_s, each_s=0.005):
    """Simulated seconds after ``wall_s`` of wall time in which every drive takes no time itself."""
    simulation = flat_simulation()
    pacer, now_s = Pacer(simulation, speed, 0.0), 0.0
    while now_s < wall_s:
        pacer.drive(now_s)
        now_s += each_s
    return simulation.clock_ns / 1e9


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 2.5, 10.0])
def test_the_clock_runs_at_any_speed(speed):
    assert driven(speed, 2.0) == pytest.approx(2.0 * speed, rel=0.02)


def test_as_fast_as_possible_is_faster_than_any_wall_clock_and_leaves_it_room():
    assert parse_settings('{"ClockSpeed": 0}').clock_speed == 0.0
    simulation = flat_simulation()
    pacer, now_s = Pacer(simulation, 0.0, 0.0), 0.0
    for _ in range(200):
        before = simulation.clock_ns
        assert pacer.drive(now_s) == 0.0
        taken = (simulation.clock_ns - before) // 3_000_000
        now_s += taken * 0.0001  # a machine that needs 0.1 ms for a step
    assert simulation.clock_ns / 1e9 > 20 * now_s
    assert 10 <= taken <= 200  # a drive lasts a few milliseconds, so that requests are answered in between


def test_as_fast_as_possible_stops_to_the_nanosecond_and_pauses():
    simulation = flat_simulation()
    pacer = Pacer(simulation, 0.0, 0.0)
    pacer.pause(True)
    for _ in range(5):
        pacer.drive(1.0)
    assert simulation.clock_ns == 0
    waiting = pacer.continue_for(1_001_000_007)
    for k in range(100):
        pacer.drive(1.0 + k * 1e-3)
    assert waiting.done and pacer.paused and simulation.clock_ns == 1_001_000_007


def test_the_speed_of_the_command_line_is_a_number_or_max():
    with pytest.raises(UsageError, match="--clock-speed must be a number up to 1000.0, or max; got 'quick'"):
        CliRunner().invoke(build_app(), ["sim", "--clock-speed", "quick"], catch_exceptions=False)
