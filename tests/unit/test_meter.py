"""What the vehicle measures of its link, and that what it sends follows: no frame waits behind another for long."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from link_flights import MS, PERIOD_S, WIRE, LinkFlight, S
from test_simple_gates import seen as plain

from navisplit.vehicle.gate import FixedGate, GateInput, may_skip
from navisplit.vehicle.meter import HEADROOM, LinkMeter
from navisplit.vehicle.simple_gates import HeuristicGate


def fits(branch: str, bps: float) -> bool:
    return WIRE[branch] * 8 <= bps * PERIOD_S


@pytest.mark.parametrize(("link", "bps"), [("bandwidth=50k", 50_000), ("lora,loss=0", 21_875)])
def test_when_the_bandwidth_collapses_the_gate_sends_what_fits_within_a_second_and_comes_back(link, bps):
    flight = LinkFlight("wifi-near,loss=0")
    assert {frame.branch for frame in flight.run(3.0)} == {"b4"}
    flight.change(link)
    first, rest = flight.run(1.0), flight.run(7.0)
    assert not fits("b4", bps) and fits(first[-1].branch, bps)
    assert np.mean([fits(frame.branch, bps) for frame in rest]) > 0.9  # it tries more now and then
    ages = np.array([np.inf if frame.answer_ms is None else frame.answer_ms for frame in rest])
    assert np.mean(ages < 250) > 0.9, "frames wait behind each other"
    assert flight.guard.counters.refused["stale"] <= 3
    flight.change("wifi-near,loss=0")
    assert {frame.branch for frame in flight.run(10.0)[-10:]} == {"b4"}, "it comes back"


@pytest.mark.parametrize("link", ["none", "wifi-near", "wifi-far", "lte", "none,reorder=5%,duplicate=5%"])
def test_jitter_and_some_loss_are_not_taken_for_a_narrow_link(link):
    assert Counter(frame.branch for frame in LinkFlight(link).run(30.0))["b4"] > 290


@pytest.mark.parametrize(("link", "bps"), [("lora,loss=0", 21_875), ("bandwidth=50k", 50_000), ("bandwidth=500k", 5e5)])
def test_a_link_that_is_narrow_from_the_beginning_is_found_out(link, bps):
    flight = LinkFlight(link)
    flight.run(10.0)
    frames = flight.run(20.0)
    ages = [np.inf if frame.answer_ms is None else frame.answer_ms for frame in frames]
    assert np.mean([fits(frame.branch, bps) for frame in frames]) > 0.8
    assert np.mean(np.array(ages) < 250) > 0.75


def test_the_measured_rate_is_that_of_the_link():
    flight = LinkFlight("wifi-near,loss=0")
    flight.run(3.0)
    flight.change("bandwidth=100k,overhead=0")
    flight.run(0.5)
    first = flight.onboard.meter.budget_bps(flight.now_ns)
    assert first == pytest.approx(HEADROOM * 100_000, rel=0.25), "the edge waits for lost slices: low at first"
    flight.run(1.5)
    assert flight.onboard.meter.budget_bps(flight.now_ns) == pytest.approx(HEADROOM * 100_000, rel=0.1)


def test_silence_makes_frames_small_and_answers_let_them_grow_again():
    meter = LinkMeter(PERIOD_S)
    now = 0
    for number in range(20):
        meter.note_sent(number, [1000], now)
        meter.note_answer(number, 1, now + 30 * MS)
        assert meter.budget_bps(now) is None
        now += 100 * MS
    for number in range(20, 25):
        meter.note_sent(number, [1000], now)
        now += 100 * MS
    silent = meter.budget_bps(now)
    assert silent is not None and silent * PERIOD_S / 8 <= 250
    budgets = []
    for number in range(25, 40):
        meter.note_sent(number, [200], now)
        meter.note_answer(number, 1, now + 30 * MS)
        now += 100 * MS
        budgets.append(meter.budget_bps(now))
    assert budgets[0] is not None and budgets[0] > silent and budgets[-1] is None


def test_loss_is_the_share_of_slices_that_came_to_nothing():
    meter = LinkMeter(PERIOD_S)
    assert meter.loss == 0.0
    for number in range(10):
        meter.note_sent(number, [1271, 1271, 500, 500], number * 100 * MS)
    for number in (1, 3, 5, 7, 9):  # every other frame, with half of its slices
        meter.note_answer(number, 2, number * 100 * MS + 40 * MS)
    assert meter.loss == pytest.approx(0.75)


def test_answers_to_nothing_sent_or_given_twice_change_nothing():
    meter = LinkMeter(PERIOD_S)
    meter.note_sent(1, [100], 0)
    meter.note_answer(2, 1, 9 * S)
    meter.note_answer(1, 200, 30 * MS)  # more slices than there were
    before = (meter.round_trip_s, meter.loss, meter.budget_bps(40 * MS))
    meter.note_answer(1, 1, 5 * S)
    assert (meter.round_trip_s, meter.loss, meter.budget_bps(40 * MS)) == before
    assert before == (pytest.approx(0.03), 0.0, None)


def seen(**changes) -> GateInput:
    return dataclasses.replace(plain(**{k: changes.pop(k) for k in ("clearance_m",) if k in changes}), **changes)


def test_no_frame_is_skipped_on_a_link_that_loses_many():
    assert may_skip(seen(), 0.1, 0.25) and may_skip(seen(loss=0.05), 0.1, 0.25)
    assert not may_skip(seen(loss=0.3), 0.1, 0.25)


def test_the_rule_of_thumb_sends_no_branch_that_the_link_does_not_carry():
    gate = HeuristicGate(("b0", "b1", "b2"), 0.1, 0.25, {"b0": 100.0, "b1": 500.0, "b2": 2000.0})
    sent = [gate.choose(seen(clearance_m=1.0, budget_bps=bps)) for bps in (None, 160_000, 159_000, 40_000, 1_000)]
    assert sent == ["b2", "b2", "b1", "b1", "b0"]


def test_a_branch_asked_for_by_name_is_sent_whatever_the_meter_says():
    flight = LinkFlight("bandwidth=50k", gate=FixedGate("b3"))
    budgets = []
    for _ in range(30):
        flight.run(0.1)
        budgets.append(flight.onboard.meter.budget_bps(flight.now_ns))
    assert {frame.branch for frame in flight.frames.values()} == {"b3"} and any(budgets)
    assert flight.exchange.uplink.stats.sent_bytes == 30 * WIRE["b3"]
