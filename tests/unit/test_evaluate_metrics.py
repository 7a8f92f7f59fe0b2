"""The figures of a flight and of many: each by a number that was worked out by hand."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from navisplit.config import FlightConfig
from navisplit.errors import PacketError, UsageError
from navisplit.evaluate import episode as record
from navisplit.evaluate.crew import Models, load_models
from navisplit.evaluate.episode import Episode, Metrics, Outcome, Sample
from navisplit.evaluate.metrics import (
    EnergyModel,
    jerk_rms,
    mcnemar,
    measure,
    newcombe_paired,
    percentiles,
    spl,
    wilson,
)
from navisplit.evaluate.oracle import ORACLE, Oracle
from navisplit.evaluate.summary import git_revision, summarise
from navisplit.vehicle.gate import FixedGate
from navisplit.vehicle.simple_gates import HeuristicGate, RandomGate

PATH = np.array([[0, 0, 2], [3, 0, 2], [3, 4, 2.0]])  # 7 m


def sample(size=100, latency_ms=float("nan"), branch="b0", time_s=0.0):
    return Sample(time_s, (0.0, 0.0, 2.0), (1.0, 0.0, 0.0), branch, size, latency_ms)


def measured(**changes):
    given = dict(
        success=True, path=PATH, velocities=[[0, 0, 0], [3, 0, 0], [0, 0, -2]], times_s=[0, 1, 3.5], time_s=3.5,
        goal=(3.0, 4.0, 3.0), shortest_m=6.0,
        samples=[sample(100, 20.0), sample(300, 40.0), sample(200)], clearances=[2.0, 0.5, np.inf, 1.0], crowding=0.25,
        stale_commands=2, refused_packets=1, energy=EnergyModel(100.0, 10.0, 1e-3), head_s=0.5, cruise_mps=3.0,
    )  # fmt: skip
    return measure(**{**given, **changes})


def flight(route_id=1, outcome=Outcome.SUCCESS, seed=0, samples=(), use=None, **changes):
    metrics = dataclasses.replace(measured(), **changes)
    return Episode(route_id, seed, outcome, metrics, use or {"b0": 3}, samples=tuple(samples))


def test_the_figures_of_one_flight():
    m = measured()
    assert (m.path_m, m.shortest_m, m.goal_distance_m) == (7.0, 6.0, 1.0)
    assert m.spl == pytest.approx(6 / 7) and m.soft_spl == pytest.approx((1 - 1 / 6) * 6 / 7)
    assert (m.speed_mean_mps, m.speed_max_mps, m.time_to_goal_s) == (2.0, 3.0, 3.5)
    assert (m.frames, m.bytes, m.bytes_per_frame) == (3, 600, 200.0) and m.bytes_per_metre == pytest.approx(600 / 7)
    assert (m.age_p50_ms, m.clearance_min_m) == (30.0, 0.5)  # frames that nothing was flown on have no age
    assert m.energy_j == pytest.approx(100 * 3.5 + 10 * 0.5 * 3 + 0.6)


def test_without_a_known_way_the_straight_line_is_the_shortest():
    assert measured(shortest_m=None).shortest_m == pytest.approx(math.sqrt(26))


def test_a_failed_flight_has_no_time_to_the_goal_and_no_spl_but_its_progress_counts():
    m = measured(success=False)
    assert m.time_to_goal_s is None and m.spl == 0.0 and m.soft_spl > 0.5


def test_a_flight_that_never_moved_has_no_figures_made_up():
    m = measured(path=PATH[:1], velocities=[], times_s=[], time_s=0.0, samples=[], clearances=[])
    assert (m.path_m, m.speed_mean_mps, m.speed_max_mps) == (0.0, 0.0, 0.0)
    assert m.bytes_per_frame is m.bytes_per_metre is m.age_p50_ms is m.clearance_min_m is m.jerk_rms_mps3 is None


def test_scores_by_time_are_shares_of_the_optimum_at_cruise_speed():
    m = measured(time_s=8.0)  # the way of 6 m takes 2 s at 3 m/s
    assert (m.sct, m.barn) == (0.25, 0.25)
    assert measured(time_s=3.0).barn == 0.5 and measured(time_s=1.0).sct == 1.0  # never more than its most
    assert measured(success=False).sct == measured(success=False).barn == 0.0


def test_jerk_is_that_of_the_motion_however_it_was_sampled():
    times = np.sort(np.random.default_rng(0).uniform(0, 10, 900))
    speeds = 0.5 * 2.0 * times**2  # a jerk of 2 m/s^3 along x
    assert jerk_rms(np.stack([speeds, 0 * times, 0 * times], axis=1), times) == pytest.approx(2.0, abs=0.3)
    assert jerk_rms(np.tile([3.0, 0, 0], (50, 1)), np.arange(50) / 50) == 0.0


def test_percentiles_leave_out_what_is_not_finite():
    assert percentiles([1.0, np.nan, 3.0, np.inf], 0, 50, 100) == (1.0, 2.0, 3.0)
    assert percentiles([np.nan], 5, 50) == (None, None)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_an_interval_of_success_holds_its_rate_and_narrows_with_more_flights(n):
    for k in range(n + 1):
        low, high = wilson(k, n)
        assert 0.0 <= low <= k / n <= high <= 1.0
        more_low, more_high = wilson(4 * k, 4 * n)
        assert more_high - more_low < high - low
        assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low))  # failure is success turned over
    assert wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_is_the_two_sided_binomial_test():
    from scipy.stats import binomtest

    for a, b in itertools.product(range(7), range(7)):
        if a + b:
            assert mcnemar(a, b) == pytest.approx(binomtest(a, a + b).pvalue), (a, b)


@pytest.mark.parametrize("table", [(5, 3, 1, 2), (0, 4, 4, 0), (10, 0, 0, 0), (0, 9, 0, 0), (20, 1, 0, 9)])
def test_a_paired_difference_turns_its_sign_with_its_sides_and_stays_in_range(table):
    both, only_a, only_b, neither = table
    d, low, high = newcombe_paired(both, only_a, only_b, neither)
    assert d == pytest.approx((only_a - only_b) / sum(table))
    assert -1.0 <= low <= d <= high <= 1.0
    assert newcombe_paired(both, only_b, only_a, neither) == pytest.approx((-d, -high, -low))


def test_flights_that_agree_narrow_the_interval_of_their_difference():
    _, low, high = newcombe_paired(20, 1, 0, 9)
    phi = (20 * 9 - 1 * 0 - 30 / 2) / math.sqrt(21 * 9 * 20 * 10)  # Newcombe 1998c, method 10, corrected by n / 2
    low_a, high_b = wilson(21, 30)[0], wilson(20, 30)[1]
    down, up = 0.7 - low_a, high_b - 20 / 30
    assert 1 / 30 - low == pytest.approx(math.sqrt(down**2 - 2 * phi * down * up + up**2))
    assert high - low < newcombe_paired(14, 7, 6, 3)[2] - newcombe_paired(14, 7, 6, 3)[1]


def test_no_way_at_all_does_not_divide_by_zero():
    assert spl(True, 0.0, 0.0) == 0.0 and newcombe_paired(0, 0, 0, 0) == (0.0, -1.0, 1.0)


# Many flights ---------------------------------------------------------------------------------------------------------


def test_bytes_are_weighed_by_frames_and_metres_and_not_by_flights():
    long = flight(1, frames=90, bytes=9000, path_m=30.0, use={"b0": 90})
    short = flight(2, frames=10, bytes=11000, path_m=10.0, use={"b1": 10})
    s = summarise([long, short], {}, 0, None)
    assert (s["bytes_per_frame"], s["bytes_per_metre"]) == (200.0, 500.0)
    assert s["branch_use"] == {"b0": 0.9, "b1": 0.1} and s["model_hash"] is None


def test_latency_is_of_all_frames_together():
    flights = [flight(1, samples=[sample(latency_ms=10.0)] * 3), flight(2, samples=[sample(latency_ms=90.0), sample()])]
    assert summarise(flights, {}, 0, None)["latency_ms"]["p50"] == 10.0


def test_every_outcome_but_success_counts_against_the_success_rate():
    flights = [flight(i, outcome) for i, outcome in enumerate(Outcome)]
    s = summarise(flights, {}, 0, None)
    assert s["success_rate"] == pytest.approx(1 / 6) and s["collision_rate"] == pytest.approx(1 / 6)
    assert s["success_ci95"] == list(wilson(1, 6))


def test_the_commit_is_told_when_nothing_has_a_branch_and_none_is_made_up(tmp_path):
    (tmp_path / ".git").mkdir()
    assert git_revision(tmp_path / "x.py") is None  # no HEAD
    (tmp_path / ".git" / "HEAD").write_text("0123abc\n")
    assert git_revision(tmp_path / "x.py") == "0123abc"
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/gone\n")
    assert git_revision(tmp_path / "x.py") is None


def test_the_table_of_flights_is_in_the_order_of_routes_and_can_be_read_back(tmp_path):
    flights = [flight(7), flight(2, Outcome.COLLISION), flight(2, seed=1, clearance_min_m=None)]
    record.write_csv(flights[::-1], tmp_path / "episodes.csv")
    rows = record.read_csv(tmp_path / "episodes.csv")
    assert [(r["route_id"], r["seed"]) for r in rows] == [("2", "0"), ("2", "1"), ("7", "0")]
    assert tuple(rows[0]) == record.COLUMNS and rows[1]["clearance_min_m"] == ""
    record.write_csv(flights, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "episodes.csv").read_bytes()


def test_a_missing_or_foreign_table_is_refused(tmp_path):
    with pytest.raises(UsageError, match="navisplit evaluate"):
        record.read_csv(tmp_path / "episodes.csv")
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")
    with pytest.raises(UsageError, match="route_id, seed and outcome, found x, y"):
        record.read_csv(tmp_path / "other.csv")


def test_a_record_with_a_number_too_many_is_refused(tmp_path):
    flown = flight(samples=[sample(), sample()])
    record.save(flown, tmp_path / "1.npz")
    with np.load(tmp_path / "1.npz") as data:
        meta, table = data["meta"], data["samples"]
    np.savez(tmp_path / "2.npz", meta=meta, samples=np.vstack([table, table]))
    with pytest.raises(UsageError, match="Delete it"):
        record.load(tmp_path / "2.npz")


# Who flies ------------------------------------------------------------------------------------------------------------


def test_the_oracle_gives_each_frame_its_own_depth_and_forgets_old_ones():
    oracle, names = Oracle(), []
    for number in range(40):
        depth = np.full((72, 128), number, np.float32)
        names.append(oracle.encode(oracle.trunk(depth), ORACLE).slices)
    for number in (39, 8):
        assert oracle.infer(0, oracle.decode(0, 0, (1, 1, 1), names[number])[0], None).depth[0, 0] == number
    with pytest.raises(PacketError, match="Frame 7"):
        oracle.infer(0, oracle.decode(0, 0, (1, 1, 1), names[7])[0], None)


@pytest.mark.parametrize("slices", [[], [None], [b"seven b"], [b"x" * 8, b"x" * 8]])
def test_the_oracle_refuses_what_another_head_sent(slices):
    with pytest.raises(PacketError, match="eight bytes"):
        Oracle().decode(0, 0, (1, 1, 1), slices)


def test_every_flight_gets_objects_of_its_own():
    models = load_models(FlightConfig(branch=ORACLE))
    first, second = (models.crew(FlightConfig(branch=ORACLE), np.random.default_rng(0)) for _ in range(2))
    assert first.oracle is not second.oracle and first.onboard is not second.onboard
    assert first.server.session().policy is not second.server.session().policy


@pytest.mark.parametrize(
    ("branch", "kind"),
    [
        ("random", RandomGate),
        ("random:b1=1", RandomGate),
        ("heuristic", HeuristicGate),
        ("b1", FixedGate),
        ("gate", str),
    ],
)
def test_the_branch_of_the_configuration_decides_who_chooses(branch, kind):
    made = []
    models = Models(7, ("b0", "b1"), head=object(), tail=object(), make_gate=lambda c: made.append(c) or "a gate")
    config = FlightConfig(branch=branch)
    gate = models.crew(config, np.random.default_rng(0)).onboard.gate
    assert made == ([config] if branch == "gate" else [])
    assert isinstance(gate, kind) or gate.branch == "a gate"


def test_every_figure_has_a_column():
    assert {f.name for f in dataclasses.fields(Metrics)} <= set(record.COLUMNS)
