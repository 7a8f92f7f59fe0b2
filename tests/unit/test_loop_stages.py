"""The table of `bench loop`: its stages are what the traces say, and add up to the whole."""

from __future__ import annotations

import pytest

from navisplit.evaluate.loop_stages import STAGES, loop_times
from navisplit.tracing import TRACE_VARIABLE, Span, Trace, read_spans

MS = 1_000_000


def frame(number: int, slow_ms: float = 0.0) -> list[Span]:
    """One frame: picture 0..12 (render 8), head 13..17, edge 18..28, guard 29..30, command ..31 ms; at 20 Hz."""
    stamp, zero = 1000 + number, number * 50 * MS + MS

    def span(stage: str, began: float, ended: float, at: int = zero) -> Span:
        return Span(stage, stamp, at + round(began * MS), at + round(ended * MS))

    return [
        span("picture", 0, 12), span("render", 2, 10), span("onboard", 13, 17), span("trunk", 13.5, 14.5),
        span("gate", 14.5, 15), span("branch", 15, 15.5), span("received", 18, 18), span("decode", 0, 1, 0),
        span("tail", 0, 5, 0), span("policy", 0, 2, 0), span("answered", 28, 28), span("guard", 29, 30),
        span("command", 30.5, 31 + slow_ms),
    ]  # fmt: skip


EXPECTED = {
    "render": 8, "RPC (picture and state)": 4, "DDS (picture)": 1, "head (trunk, gate, branch)": 2,
    "encode (rANS, packets)": 2, "link/DDS (features)": 1, "edge (waiting)": 2, "decode": 1, "tail": 5, "policy": 2,
    "link/DDS (answer)": 1, "guard": 1, "DDS and RPC (command)": 1,
}  # fmt: skip


def test_every_stage_is_what_the_traces_say_and_all_add_up_to_the_whole():
    times = loop_times([span for k in range(10) for span in frame(k)], skip=0)
    assert {row.name: row.p50_ms for row in times.stages} == pytest.approx(EXPECTED)
    assert list(EXPECTED) == list(STAGES)
    assert times.total.p50_ms == pytest.approx(31.0) == sum(EXPECTED.values())
    assert times.rate_hz == pytest.approx(20.0)
    assert times.overhead == pytest.approx(1 - (8 + 2 + 5) / 31)


def test_slow_frames_show_in_the_tail_and_not_in_the_median():
    spans = [span for k in range(100) for span in frame(k, slow_ms=50.0 if k % 20 == 19 else 0.0)]
    times = loop_times(spans, skip=0)
    assert times.total.p50_ms == pytest.approx(31.0) and times.total.p99_ms == pytest.approx(81.0)


def test_frames_that_did_not_cross_the_whole_loop_are_counted_and_left_out():
    lost = [span for span in frame(3) if span.stage != "answered"]
    times = loop_times([span for k in (0, 1, 2) for span in frame(k)] + lost, skip=1)
    assert (times.frames, times.pictures, times.skipped) == (2, 3, 0)
    assert loop_times(lost) is None


def test_a_frame_that_the_gate_skips_is_counted_as_such():
    skipped = [span for span in frame(3) if span.stage in ("picture", "render", "onboard", "trunk", "gate")]
    times = loop_times([span for k in (0, 1, 2) for span in frame(k)] + skipped, skip=0)
    assert (times.frames, times.pictures, times.skipped) == (3, 4, 1)


def test_of_several_packets_of_a_frame_the_first_counts():
    spans = [span for k in range(3) for span in frame(k)]
    late = [Span("received", 1000, 40 * MS, 40 * MS)]
    assert loop_times(spans + late, skip=0).stages == loop_times(spans, skip=0).stages


class Worker:
    def work(self, value: int) -> int:
        if value < 0:
            raise ValueError("negative")
        return value + 1


def test_spans_survive_the_way_through_a_file_and_a_line_cut_short_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv(TRACE_VARIABLE, str(tmp_path))
    trace, worker = Trace.of("node"), Worker()
    trace.watch(worker, "work", "work")
    trace.frame = 7
    assert worker.work(1) == 2
    with pytest.raises(ValueError, match="negative"):
        worker.work(-1)
    trace.span("seen", 8, 100, 200)
    (path,) = tmp_path.glob("*.csv")
    path.write_text(path.read_text() + "cut,9,1")
    spans = list(read_spans(tmp_path))
    assert [(s.stage, s.stamp_ns) for s in spans] == [("work", 7), ("work", 7), ("seen", 8)]
    assert spans[2].ms == pytest.approx(1e-4) and all(s.ended_ns >= s.began_ns for s in spans)


def test_without_the_variable_nothing_is_watched_or_written(tmp_path, monkeypatch):
    monkeypatch.delenv(TRACE_VARIABLE, raising=False)
    trace, worker = Trace.of("node"), Worker()
    trace.watch(worker, "work", "work")
    trace.span("seen", 8, 100)
    assert not trace and "work" not in vars(worker)
