"""What scripts plot and print reaches the store that the live view draws, in map coordinates, with its end."""

import math

import numpy as np
import pytest
from sim_service import make_service, refused

from navisplit.sim.markers import Shape, Trail
from navisplit.sim.rpc.table import call

RED = [1.0, 0.0, 0.0, 1.0]
SECOND = 1_000_000_000


def vector(x, y, z):
    return {"x_val": x, "y_val": y, "z_val": z}


@pytest.fixture
def service():
    return make_service('{"Vehicles": {"A": {}, "B": {"X": 3}}}')


def drawn(service, now_ns=0):
    return service.simulation.markers.visible(now_ns)


POINTS = [vector(1.0, 2.0, -3.0), vector(4.0, 5.0, -6.0)]
ENU = [[2.0, 1.0, 3.0], [5.0, 4.0, 6.0]]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("simPlotPoints", Shape.POINTS),
        ("simPlotLineStrip", Shape.LINE_STRIP),
        ("simPlotLineList", Shape.LINE_LIST),
    ],
)
def test_points_and_lines_are_kept_in_the_map_with_their_looks_and_end(service, name, shape):
    call(name, [POINTS, RED, 7.0, 2.5, False], service)
    (marker,) = drawn(service)
    assert (marker.shape, marker.colour, marker.thickness) == (shape, tuple(RED), 7.0)
    assert marker.points.tolist() == ENU and marker.expires_ns == 2.5 * SECOND
    assert drawn(service, 2 * SECOND) and not drawn(service, 3 * SECOND)


def test_a_point_left_over_of_a_line_list_is_ignored(service):
    call("simPlotLineList", [[*POINTS, vector(9, 9, 9)], RED, 1.0, 1.0, False], service)
    assert drawn(service)[0].points.tolist() == ENU


def test_persistent_markers_stay_until_they_are_flushed(service):
    call("simPlotArrows", [POINTS, POINTS[::-1], RED, 3.0, 20.0, 1.0, True], service)
    (arrows,) = drawn(service, 10**18)
    assert arrows.shape is Shape.ARROWS and arrows.arrow_size == 20.0
    assert arrows.points.tolist() == [ENU[0], ENU[1], ENU[1], ENU[0]]  # start, end, start, end
    call("simFlushPersistentMarkers", [], service)
    assert drawn(service) == ()


def test_strings_without_a_duration_stay_until_they_are_flushed(service):
    call("simPlotStrings", [["here", "there"], POINTS, 5.0, RED, -1.0], service)
    call("simPlotStrings", [["soon gone", ""], POINTS, 5.0, RED, 2.0], service)
    (lasting,) = drawn(service, 3 * SECOND)
    assert lasting.texts == ("here", "there") and lasting.scale == 5.0
    call("simFlushPersistentMarkers", [], service)
    assert drawn(service) == ()


@pytest.mark.parametrize("named", [False, True])
def test_frames_are_kept_with_their_orientation(service, named):
    yaw = {"w_val": math.cos(0.25), "x_val": 0.0, "y_val": 0.0, "z_val": math.sin(0.25)}
    poses = [{"position": POINTS[0], "orientation": yaw}]
    if named:
        call("simPlotTransformsWithNames", [poses, ["gate"], 100.0, 5.0, 10.0, RED, 4.0], service)
    else:
        call("simPlotTransforms", [poses, 100.0, 5.0, 4.0, False], service)
    (frame,) = drawn(service)
    assert frame.shape is Shape.TRANSFORMS and frame.scale == 100.0 and frame.texts == (("gate",) if named else ())
    x, y, z, w = frame.orientations[0]
    assert 2 * math.atan2(z, w) == pytest.approx(math.pi / 2 - 0.5) and (x, y) == pytest.approx((0, 0))


def test_what_does_not_fit_together_is_refused(service):
    for name, arguments, text in (
        ("simPlotPoints", [POINTS, [1.0], 1.0, 1.0, False], "color_rgba needs red, green, blue and alpha, got 1"),
        ("simPlotStrings", [["a"], POINTS, 1.0, RED, 1.0], "must be as many: got 1 and 2"),
        ("simPlotArrows", [POINTS, [], RED, 1.0, 1.0, 1.0, False], "must be as many: got 2 and 0"),
        ("simPlotTransforms", [[{"position": {"x_val": math.nan}}], 1.0, 1.0, 1.0, False], "NaN"),
        ("simPlotPoints", [[vector(math.nan, 0, 0)], RED, 1.0, 1.0, False], "NaN"),
    ):
        assert text in refused(service, name, *arguments)
    assert drawn(service) == ()


def test_nothing_is_plotted_for_no_points(service):
    call("simPlotLineStrip", [[], RED, 1.0, 1.0, False], service)
    assert drawn(service)[0].points.shape == (0, 3)


def test_a_trail_is_set_for_one_vehicle(service):
    call("simSetTraceLine", [[0.0, 1.0, 0.0, 1.0], 12.0, "B"], service)
    call("simSetTraceLine", [RED, 1.0, ""], service)
    assert service.simulation.markers.trails == {"B": Trail((0.0, 1.0, 0.0, 1.0), 12.0), "A": Trail(tuple(RED), 1.0)}


def test_a_message_is_shown_and_told_without_control_characters(service):
    call("simPrintLogMessage", ["Height: ", "3 m\x1b[2J\nx", 2], service)
    (line,) = service.simulation.markers.messages(0)
    assert line.text == "Height: 3 m [2J x" and line.severity == 2
    assert service.told == ["warning: Height: 3 m [2J x"]


def test_a_message_in_a_loop_does_not_flood_the_terminal(service):
    for n in range(3000):
        call("simPrintLogMessage", ["step ", str(n), 0], service)
        call("simPrintLogMessage", [f"other {n}", "", 0], service)
        service.simulation.clock_ns += SECOND // 1000
    assert 10 < len(service.told) <= 40  # in three seconds
    assert service.simulation.markers.messages(service.simulation.clock_ns)[-1].text == "other 2999"


def test_plotting_a_hundred_thousand_points_does_not_stall_the_simulator(service):
    import time

    many = [vector(float(n), 0.0, 0.0) for n in range(100_000)]
    start_s = time.perf_counter()
    call("simPlotPoints", [many, RED, 1.0, 1.0, False], service)
    assert time.perf_counter() - start_s < 2.0  # 0.2 s when measured alone
    assert np.allclose(drawn(service)[0].points[-1], [0.0, 99_999.0, 0.0])
