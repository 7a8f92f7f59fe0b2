"""What reports draw: every flight, in its place, with its own numbers; and what a comparison may say."""

from __future__ import annotations

import base64
import dataclasses

import cv2
import numpy as np
import pytest

from navisplit.evaluate import figures
from navisplit.evaluate.compare import Arm, compare
from navisplit.evaluate.episode import Episode, Metrics, Outcome, Sample
from navisplit.evaluate.pictures import Shot, develop, encode_depth, encode_png, encode_rgb
from navisplit.evaluate.topdown import TopDown, survey, survey_flights
from navisplit.sim.camera.pictures import Film


def flight(route_id=0, outcome=Outcome.SUCCESS, frames=25, size=100, clearance=1.0, branch="b0"):
    numbers = {f.name: 1.0 for f in dataclasses.fields(Metrics)} | {"clearance_min_m": clearance}
    samples = tuple(
        Sample(0.1 * i, (0.3 * i, float(route_id), 2.0), (3.0, 0, 0), branch, size, 30.0 if i % 2 else float("nan"))
        for i in range(frames)
    )
    return Episode(route_id, 0, outcome, Metrics(**numbers), {branch: frames}, samples=samples, goal=(9.0, 0, 2))


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_every_flight_is_drawn_in_the_colour_of_its_outcome():
    flights = [flight(0), flight(1, Outcome.COLLISION), flight(2, Outcome.TIMEOUT), flight(3)]
    drawn = {t.name: t for t in figures.trajectories(flights, None).data}
    assert set(drawn) == {"success", "collision", "timeout", "start", "goal"}
    assert set(drawn["success"].y) == {0.0, 3.0, None}
    assert drawn["collision"].line.color == figures.COLOURS[Outcome.COLLISION]
    assert drawn["success"].x.count(None) == 2  # lines of two flights are not joined
    assert len(drawn["start"].x) == 4


def test_the_end_of_a_flight_is_drawn_also_where_frames_are_left_out():
    many = [flight(i, frames=23) for i in range(figures.LINES + 1)]
    (line,) = [t for t in figures.trajectories(many, None).data if t.name == "success"]
    assert line.x.count(6.6) == len(many)


def test_the_map_lies_where_it_was_surveyed():
    top_down = TopDown(np.zeros((40, 80), np.float32), west=-5.0, north=12.0, cell_m=0.25)
    (image,) = figures.trajectories([flight()], top_down).layout.images
    assert (image.x, image.y, image.sizex, image.sizey) == (-5.0, 12.0, 20.0, 10.0)
    assert decoded(base64.b64decode(image.source.split(",")[1])).shape == (40, 80, 3)


def test_bars_of_success_carry_their_number_and_their_interval():
    groups = [("few", [flight(), flight(1, Outcome.ERROR)]), ("none", []), ("all", [flight()] * 5)]
    (bar,) = figures.success_by([], groups, "title").data
    assert bar.y == (0.5, 1.0) and [label.split("= ")[1] for label in bar.x] == ["2", "5"]
    assert bar.error_y.array[1] == 0.0 and bar.error_y.arrayminus[1] > 0.3


def test_bytes_over_time_are_those_of_whole_seconds():
    (line,) = figures.bytes_over_time([flight(frames=25, size=70)]).data
    assert list(line.y) == [700, 700]  # the third second is not complete


def test_many_flights_are_drawn_as_a_range_around_their_mean():
    many = [flight(i, frames=41, size=10 * (i + 1)) for i in range(figures.LINES + 7)]
    traces = figures.bytes_over_time(many).data
    mean = next(t for t in traces if t.name == "mean")
    assert len(traces) == 3 and list(mean.y) == pytest.approx([1000.0] * 4)


def test_branch_use_is_told_in_frames_and_in_bytes():
    light, heavy = flight(0, frames=30, size=100), flight(1, frames=10, size=900, branch="b3")
    frames, spent = figures.branch_use([light, heavy]).data
    assert frames.x == ("b0", "b3") and frames.y == (0.75, 0.25) and spent.y == (0.25, 0.75)


def test_the_histogram_of_latency_counts_answered_frames_once():
    (bar,) = figures.latency([flight(frames=25), flight(frames=25)]).data
    assert sum(bar.y) == 24
    assert not figures.latency([flight(frames=0)]).data


def test_clearance_is_drawn_of_flights_that_have_one():
    drawn = figures.clearance([flight(clearance=0.4), flight(clearance=None), flight(1, Outcome.ERROR, clearance=0.1)])
    assert {t.name: list(t.x) for t in drawn.data} == {"success": [0.4], "not": [0.1]}


# Pictures and maps ----------------------------------------------------------------------------------------------------


def test_a_depth_picture_is_brighter_where_it_is_nearer():
    depth = np.repeat(np.float32([0.1, 0.5, 2.0, 8.0, 65504.0])[:, None], 10, 0).repeat(40, 1)
    rows = decoded(encode_depth(depth)).astype(int).sum(-1)[5::10, 5]
    assert rows[0] == rows[1] > rows[2] > rows[3] > rows[4]


def test_pictures_keep_their_colours():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    assert (decoded(encode_png(red)) == red).all()
    assert np.abs(decoded(encode_rgb(red)).astype(int) - red).max() < 8


def test_a_picture_that_was_not_kept_is_drawn_again_from_its_view():
    class Renderer:
        def render(self, view, layer=None):
            return type("Frame", (), {"rgb": np.full((16, 16, 3), view, np.uint8), "depth": np.full((16, 16), view)})

    made = develop([Shot(0.1 * i, Film(Renderer(), 10 * i)) for i in range(9)])
    assert [p.time_s for p in made] == pytest.approx([0.0, 0.4, 0.8])
    assert [decoded(p.rgb_jpeg)[8, 8, 0] for p in made] == pytest.approx([0, 40, 80], abs=2)
    assert all(decoded(p.truth_png).shape == (8, 8, 3) for p in made)  # as the tail's depth
    assert all(p.rgb_jpeg == p.depth_png == b"" for p in develop([Shot(0.1 * i) for i in range(9)]))


class Tower:
    """A floor at 0 and a tower 5 m high at x 6..8, y 1..3."""

    def cast(self, origins, directions, max_range):
        self.ceiling = origins[0, 2]
        inside = (np.abs(origins[:, 0] - 7.0) < 1.0) & (np.abs(origins[:, 1] - 2.0) < 1.0)
        return origins[:, 2] - np.where(inside, 5.0, 0.0), np.where(origins[:, 0] > -7.0, 0, -1), None


def test_the_map_holds_all_flights_with_a_margin_and_knows_what_it_does_not_know():
    query = Tower()
    made = survey_flights(query, [flight(frames=40)], ceiling_m=9.0)
    west, east, south, north = made.extent
    assert query.ceiling == 9.0 and west <= -8.0 and east >= 9.0 + 8.0 and south <= -8.0 and north >= 8.0
    column, row = made.pixel(np.array([[7.0, 2.0]]))[0].astype(int)
    assert made.height[row, column] == 5.0 and made.height[0, -1] == 0.0
    assert np.isnan(made.height[:, 0]).all()
    assert survey_flights(query, [], 9.0) is None


def test_the_map_of_a_way_to_the_north_is_as_wide_as_the_page():
    north = [flight(frames=2)]
    north[0] = dataclasses.replace(north[0], start=(0.0, 0.0, 2.0), goal=(0.0, 80.0, 2.0))
    west, east, south, top = survey_flights(Tower(), north, ceiling_m=9.0).extent
    assert east - west >= 1.5 * (top - south) > 1.5 * 80


def test_the_map_is_darker_where_it_is_higher():
    made = survey(Tower(), [np.array([0, 0]), np.array([10, 4])], 9.0)
    picture = made.picture().astype(int).sum(-1)
    (tower, floor) = made.pixel(np.array([[7.0, 2.0], [2.0, 2.0]])).astype(int)
    assert picture[tower[1], tower[0]] < picture[floor[1], floor[0]] - 200


def test_a_crop_is_centred_on_the_flights_end_and_points_to_the_goal():
    made = survey(Tower(), [np.array([0, 0]), np.array([10, 4])], 9.0)
    path = np.column_stack([np.linspace(0, 5, 20), np.full(20, 2.0), np.full(20, 2.0)])
    image = decoded(made.crop(path, (5.0, 12.0, 2.0), side_m=24.0, pixels=240)).astype(int)
    assert image.shape == (240, 240, 3)
    assert image[120, 120] == pytest.approx([210, 40, 40], abs=5)  # where it ended
    assert image[120, 90, 2] > image[120, 90, 0] + 100  # it came from the west
    assert image[60, 120, 2] > image[60, 120, 0] + 60  # the goal is in the north
    assert image[120, 140].sum() < 3 * 150  # the tower, 2 m to the east


# Comparisons ----------------------------------------------------------------------------------------------------------


def arm(name, successes, **config):
    flown = {(i, 0): bool(s) for i, s in enumerate(successes)}
    return Arm(name, flown, {"world": "w", **config}, 100.0 if name == "a" else None)


def test_a_comparison_counts_pairs_and_leaves_unknown_bytes_unknown():
    made = compare(arm("a", [1, 1, 0, 0, 1]), arm("b", [1, 0, 1, 0]))
    assert (made.pairs, made.unpaired, made.only_a, made.only_b) == (4, 1, 1, 1)
    assert (made.success_a, made.success_b, made.difference, made.bytes_ratio) == (0.5, 0.5, 0.0, None)


def test_few_differing_flights_are_told_to_be_too_few():
    made = compare(arm("a", [1] * 5), arm("b", [0] * 5))
    assert made.p_value > 0.05 and "Fewer than 6 differing flights" in made.conclusion
    assert "succeeds more often" in compare(arm("a", [1] * 6), arm("b", [0] * 6)).conclusion


def test_a_setting_deep_inside_that_differs_is_warned_of_and_branches_are_not():
    a = arm("a", [1], flight={"branch": "b0", "guard": {"brake_after_s": 0.25}})
    b = arm("b", [1], flight={"branch": "b3", "guard": {"brake_after_s": 0.5}})
    assert [w.split(" differs")[0] for w in compare(a, b).warnings] == ["flight.guard.brake_after_s"]
