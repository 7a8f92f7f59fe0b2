"""The figures of `bench loop --drones`, and the packets behind them."""

from __future__ import annotations

import numpy as np
import pytest

from navisplit import wire
from navisplit.evaluate.edge_load import Ledger, levels, renewed

MS = 1_000_000
STATE = wire.VehicleState(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3), np.array([10.0, 0.0, 0.0]))
KEY = bytes(range(32))


def test_a_recorded_frame_is_sent_again_with_a_new_number_and_stamp_and_the_same_content():
    slices = [wire.FeaturePacket(5, 1, 0, 3, 99, k, 2, (4, 2, 2), STATE, bytes([k])) for k in range(2)]
    again = [wire.decode(data, KEY) for data in renewed(slices, 1000, 12345, KEY)]
    assert [(p.sequence, p.stamp_ns, p.slice_index, p.payload) for p in again] == [
        (1000, 12345, 0, b"\0"),
        (1000, 12345, 1, b"\1"),
    ]


def test_a_row_tells_the_least_served_drone_the_slowest_answers_and_who_got_none():
    ledger = Ledger()
    for drone, answered in ((0, 80), (1, 40), (2, 0)):
        for k in range(80):
            ledger.sent(drone, k, k * 100 * MS)
            if k < answered:
                ledger.heard(drone, k, k * 100 * MS + (20 if drone == 0 else 60) * MS)
    row = ledger.row(window_s=8.0, cpu_s=2.0)
    assert (row.drones, row.served, row.refused) == (3, 2, 1)
    assert (row.rate_mean_hz, row.rate_least_hz) == (7.5, 5.0)
    assert row.p50_ms == pytest.approx(20.0) and row.p99_ms == pytest.approx(60.0)
    assert row.cpu == 0.25
    assert row.drones_per_core == pytest.approx(120 / 10 / 2.0)  # 120 answers for 2 s: 6 drones' worth a core


def test_answers_to_other_windows_and_drones_do_not_count():
    ledger = Ledger()
    ledger.sent(0, 1, 0)
    ledger.heard(0, 2, MS)
    ledger.heard(1, 1, MS)
    ledger.heard(0, 1, MS)
    ledger.heard(0, 1, 2 * MS)
    row = ledger.row(1.0, 0.1)
    assert row.served == 1 and row.rate_mean_hz == 1.0 and row.p99_ms == pytest.approx(1.0)


@pytest.mark.parametrize(("most", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_levels_double_up_to_the_number_asked_for(most, expected):
    assert list(levels(most)) == expected
