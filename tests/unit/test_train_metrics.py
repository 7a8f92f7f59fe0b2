import numpy as np
import pytest

from navisplit.train.metrics import DepthMetrics, missed_obstacles


def test_metrics_of_a_perfect_guess():
    depth = np.full((1, 8, 8), 4.0, np.float32)
    metrics = DepthMetrics()
    metrics.add(depth, depth, np.full((1, 8, 8), 7, np.uint8))
    summary = metrics.summary()
    assert summary["abs_rel"] == summary["rmse_m"] == summary["near_abs_rel"] == summary["missed_rate"] == 0.0
    assert summary["delta125"] == 1.0 and summary["obstacles"] == 1.0


def test_metrics_by_hand():
    true = np.array([[[2.0, 10.0]]], np.float32)
    metrics = DepthMetrics()
    metrics.add(np.array([[[3.0, 11.0]]], np.float32), true)
    summary = metrics.summary()
    assert summary["abs_rel"] == pytest.approx((0.5 + 0.1) / 2)
    assert summary["near_abs_rel"] == pytest.approx(0.5)
    assert summary["delta125"] == 0.5 and summary["rmse_m"] == pytest.approx(1.0)
    assert "missed_rate" not in summary and "bytes_mean" not in summary


def test_sky_and_what_is_beyond_fifty_metres_count_as_fifty():
    metrics = DepthMetrics()
    metrics.add(np.full((1, 2, 2), 50.0, np.float32), np.array([[[65504.0, 80.0], [50.0, np.inf]]], np.float32))
    assert metrics.summary()["abs_rel"] == 0.0


def obstacle(predicted_m):
    true, ids = np.full((20, 20), 30.0), np.zeros((20, 20), np.uint8)
    true[5:15, 8:11], ids[5:15, 8:11] = 3.0, 9
    predicted = true.copy()
    predicted[ids == 9] = predicted_m
    return predicted, true, ids


def test_an_obstacle_is_missed_when_it_is_seen_half_as_far_again():
    assert missed_obstacles(*obstacle(4.4)) == (1, 0)
    assert missed_obstacles(*obstacle(4.6)) == (1, 1)
    assert missed_obstacles(*obstacle(0.5)) == (1, 0)  # too near is safe


def test_two_things_side_by_side_are_two_obstacles():
    predicted, true, ids = obstacle(3.0)
    true[5:15, 11:14], ids[5:15, 11:14] = 3.0, 12
    assert missed_obstacles(predicted, true, ids) == (2, 1)  # the second is predicted at 30 m


def test_ground_specks_and_far_things_are_no_obstacles():
    predicted, true, ids = obstacle(30.0)
    assert missed_obstacles(predicted, true, ids, ground_ids={9}) == (0, 0)
    speck = np.zeros_like(ids)
    speck[5:7, 8:11] = 9
    assert missed_obstacles(predicted, np.where(speck > 0, 3.0, 30.0), speck) == (0, 0)
    assert missed_obstacles(predicted, np.full_like(true, 6.0), ids) == (0, 0)


def test_bytes_are_summarised_by_mean_and_percentiles():
    metrics = DepthMetrics()
    metrics.add_bytes([100.0] * 95 + [1000.0] * 5)
    summary = metrics.summary()
    assert summary["bytes_mean"] == 145.0 and summary["bytes_p50"] == 100.0 and summary["bytes_p95"] > 100.0
