"""When simulated time passes: with the wall clock, faster, not at all, or exactly as long as asked for."""

import pytest
from flight_server import flat_simulation

from navisplit.sim.rpc.pacing import MAX_LAG_S, Pacer


def drive(pacer, start_s, end_s, period_s=0.005):
    now_s = start_s
    while now_s < end_s - 1e-9:
        now_s += period_s
        pacer.drive(now_s)


def test_simulated_time_follows_the_wall_clock_without_drift():
    simulation = flat_simulation()
    pacer = Pacer(simulation, 1.0, 100.0)
    pacer.drive(100.0)
    drive(pacer, 100.0, 130.0, 0.0071)
    assert simulation.clock_ns == pytest.approx(30e9, abs=1.1e7)


def test_clock_speed_multiplies():
    simulation = flat_simulation()
    pacer = Pacer(simulation, 4.0, 0.0)
    pacer.drive(0.0)
    drive(pacer, 0.0, 2.0)
    assert simulation.clock_ns == pytest.approx(8e9, abs=2e7)


def test_a_pause_stops_the_clock_and_is_not_caught_up():
    simulation = flat_simulation()
    pacer = Pacer(simulation, 1.0, 0.0)
    pacer.drive(0.0)
    pacer.pause(True)
    drive(pacer, 0.0, 5.0)
    assert simulation.clock_ns == 0
    pacer.pause(False)
    pacer.drive(5.01)
    pacer.drive(5.02)
    assert simulation.clock_ns <= 12_000_000


@pytest.mark.parametrize("speed", [0.0, 1.0, 3.7])
def test_continue_for_time_is_exact_for_any_time_at_any_speed(speed):
    simulation = flat_simulation()
    pacer, now_s, asked = Pacer(simulation, speed, 0.0), 0.0, 0
    pacer.pause(True)
    for portion in (100_000_000, 1, 2_999_999, 3_000_000, 7_123_457, 1_000_000_000, 0, 16_666_667):
        waiting = pacer.continue_for(portion)
        for _ in range(300):
            now_s += 0.005
            pacer.drive(now_s)
        asked += portion
        assert waiting.done and pacer.paused and simulation.clock_ns == asked


def test_a_stall_slows_the_simulation_instead_of_making_it_jump():
    simulation = flat_simulation()
    pacer = Pacer(simulation, 1.0, 0.0)
    pacer.drive(0.0)
    pacer.drive(10.0)
    assert simulation.clock_ns <= MAX_LAG_S * 1e9
    assert pacer.lost_s == pytest.approx(10.0 - MAX_LAG_S)
