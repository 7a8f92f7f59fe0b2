"""What a report promises: it stands alone, tells the truth about few flights, and escapes what it is given."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from navisplit.evaluate import figures
from navisplit.evaluate.episode import Episode, Metrics, Outcome, Picture, Sample
from navisplit.evaluate.pictures import Shot, develop, encode_depth, encode_rgb
from navisplit.evaluate.report import render_report, worst, write_report
from navisplit.evaluate.summary import summarise
from navisplit.evaluate.topdown import TopDown, survey

JPEG = encode_rgb(np.zeros((36, 64, 3), np.uint8))
PNG = encode_depth(np.full((18, 32), 3.0, np.float32))


def flight(route_id=0, outcome=Outcome.SUCCESS, clearance=1.0, frames=30, detail=""):
    numbers = {f.name: 1.0 for f in dataclasses.fields(Metrics)}
    numbers |= dict(clearance_min_m=clearance, frames=frames, bytes=200 * frames, stale_commands=0, refused_packets=0)
    numbers |= dict(crowding=0.01 * route_id, shortest_m=40.0 + route_id)
    samples = tuple(
        Sample(0.1 * i, (0.3 * i, float(route_id), 2.0), (3.0, 0.0, 0.0), "b1" if i % 3 else "b0", 200, 40.0 + i % 5)
        for i in range(frames)
    )
    pictures = () if outcome is Outcome.SUCCESS else (Picture(1.0, JPEG, PNG, PNG, "b0"), Picture(1.4, JPEG, b""))
    use = {"b0": frames // 3, "b1": frames - frames // 3}
    return Episode(route_id, 0, outcome, Metrics(**numbers), use, detail, (0, 0, 2), (9, 0, 2), samples, pictures)


class Posts:
    """Rays down: a floor at 0 and a block 4 m high at x in [2, 3], y in [-1, 1]."""

    def cast(self, origins, directions, max_range):
        block = (np.abs(origins[:, 0] - 2.5) < 0.5) & (np.abs(origins[:, 1]) < 1.0)
        return origins[:, 2] - np.where(block, 4.0, 0.0), np.zeros(len(origins), int), None


@pytest.fixture(scope="module")
def flights():
    kinds = [Outcome.SUCCESS] * 9 + [Outcome.COLLISION, Outcome.TIMEOUT]
    return [flight(i, kind, 0.2 + 0.1 * i, detail="<tree> & co") for i, kind in enumerate(kinds)]


@pytest.fixture(scope="module")
def top_down():
    return survey(Posts(), [np.array([0, 0]), np.array([9, 3])], 6.0)


@pytest.fixture(scope="module")
def page(flights, top_down):
    return render_report(flights, summarise(flights, {"world": "w"}, 7, 12.0), {"": top_down})


def test_the_page_needs_nothing_else(page):
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", markup)
    assert not re.search(r"<script[^>]+src=", page)
    assert len(re.findall(r"plotly\.js v\d", page)) == 1  # the library is inlined once


def test_the_page_shows_success_with_its_interval(page):
    assert "81.8%" in page and "52.3% – 94.9%" in page  # 9 of 11, Wilson
    assert "success, 9 of 11" in page


def test_text_from_outside_is_escaped(page):
    assert "<tree>" not in page and "&lt;tree&gt; &amp; co" in page


def test_failures_are_shown_as_pictures_with_a_map(page):
    assert page.count("what the drone saw") == 4 and page.count("what the edge thought") == 2
    assert page.count("what was there") == 2 and page.count("no answer") == 2 and "1.0 s b0" in page
    assert page.count("24 m around the end") == 2


def test_flights_in_several_worlds_are_told_world_by_world(flights, top_down):
    flown = [e.in_world("hill" if e.route_id % 2 else "dale") for e in flights]
    told = render_report(flown, summarise(flown, {"world": "two"}, 7, 12.0), {"hill": top_down, "dale": top_down})
    assert "Success by world" in told and "hill: 4 of 5" in told and "dale: 5 of 6" in told
    assert "hill, route 9" in told and told.count("alt='flights in ") == 2


def test_failures_come_first_among_the_worst_then_the_narrowest(flights):
    assert [e.route_id for e in worst(flights, 4)] == [9, 10, 0, 1]


@pytest.mark.parametrize("count", [0, 1])
def test_a_report_of_one_flight_or_none_is_written(tmp_path, count, top_down):
    flights = [flight(5, Outcome.COLLISION)][:count]
    path = write_report(flights, summarise(flights, {}, 0, None), tmp_path, {"": top_down})
    text = path.read_text()
    assert path.name == "report.html" and ("The end of the flight" in text) == bool(count)


def test_a_flight_without_samples_or_latency_does_not_break_the_figures():
    empty = dataclasses.replace(flight(), samples=(), branch_use={})
    for draw in (figures.bytes_over_time, figures.branch_use, figures.latency, figures.clearance):
        draw([empty])
    figures.trajectories([empty], None)
    figures.difficulty([empty] * 7)


def test_the_map_has_the_block_where_it_stands(top_down):
    column, row = top_down.pixel(np.array([[2.5, 0.0], [5.0, 2.0]])).astype(int).T
    assert top_down.height[row[0], column[0]] == pytest.approx(4.0)
    assert top_down.height[row[1], column[1]] == pytest.approx(0.0)
    picture = top_down.picture()
    assert picture[row[0], column[0]].mean() < picture[row[1], column[1]].mean() - 80


def test_a_large_world_gets_a_coarser_map_and_not_a_larger_one():
    large = survey(Posts(), [np.array([0.0, 0.0]), np.array([1500.0, 3.0])], 6.0)
    assert isinstance(large, TopDown) and max(large.height.shape) <= 2001


def test_bins_of_difficulty_hold_every_flight_once(flights):
    for figure in figures.difficulty(flights):
        assert sum(int(label.split("n = ")[1]) for label in figure.data[0].x) == len(flights)


def test_a_strip_holds_the_last_frames_in_order():
    rgb, depth = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), np.float32)
    pictures = develop([Shot(0.1 * i, None, rgb, depth if i > 15 else None) for i in range(32)])
    times = [p.time_s for p in pictures]
    assert times == sorted(times) and times[-1] == pytest.approx(3.1)
    assert pictures[0].depth_png == b"" and pictures[-1].depth_png != b""
