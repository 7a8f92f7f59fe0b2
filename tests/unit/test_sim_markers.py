"""What scripts draw is kept as long as they asked for, in simulated time, and within bounds."""

import numpy as np
import pytest

from navisplit.sim.markers import MAX_MARKERS, MAX_MESSAGES, MAX_POINTS, Marker, Markers, Shape, Trail, expiry_ns

SECOND = 1_000_000_000


def point(expires_ns):
    return Marker(Shape.POINTS, np.zeros((1, 3)), expires_ns=expires_ns)


def test_a_marker_ends_with_its_duration_and_a_persistent_one_when_flushed():
    markers = Markers()
    short, lasting = point(expiry_ns(2.0, False, SECOND)), point(expiry_ns(2.0, True, SECOND))
    markers.add(short)
    markers.add(lasting)
    assert markers.visible(3 * SECOND - 1) == (short, lasting)
    assert markers.visible(3 * SECOND) == (lasting,)
    markers.flush()
    assert markers.visible(3 * SECOND) == ()


def test_flushing_leaves_what_ends_by_itself():
    markers = Markers()
    markers.add(point(5 * SECOND))
    markers.flush()
    assert len(markers.visible(0)) == 1


@pytest.mark.parametrize("duration", [0.0, -1.0])
def test_without_a_duration_a_marker_stays_for_unreals_second(duration):
    assert expiry_ns(duration, False, 7) == SECOND + 7


def test_the_revision_grows_when_and_only_when_something_changes():
    markers = Markers()
    seen = [markers.revision]
    for change in (
        lambda: markers.add(point(SECOND)),
        lambda: markers.visible(SECOND),
        lambda: markers.set_trail("A", Trail()),
        lambda: markers.say("a", "a 1", 0, 0),
    ):
        change()
        seen.append(markers.revision)
    assert seen == sorted(set(seen))
    markers.visible(2 * SECOND)
    markers.flush()
    assert markers.revision == seen[-1]


def test_a_message_replaces_the_former_of_its_key_and_goes_after_five_seconds():
    markers = Markers()
    markers.say("speed", "speed 1", 0, 0)
    markers.say("height", "height 2", 2, 0)
    markers.say("speed", "speed 3", 0, SECOND)
    assert [line.text for line in markers.messages(SECOND)] == ["height 2", "speed 3"]
    assert [line.text for line in markers.messages(5 * SECOND)] == ["speed 3"]
    assert markers.messages(6 * SECOND) == ()


def test_a_script_that_plots_for_ever_fills_no_memory():
    markers = Markers()
    for n in range(MAX_MARKERS + 50):
        markers.add(point(None if n < 100 else n))
        markers.say(str(n), "", 0, 0)
    kept = markers.visible(-1)
    assert len(kept) == MAX_MARKERS and kept[-1].expires_ns == MAX_MARKERS + 49
    assert len(markers.messages(0)) == MAX_MESSAGES


def test_markers_of_many_points_are_bounded_by_their_points():
    markers, many = Markers(), np.zeros((MAX_POINTS // 3, 3))
    for _ in range(7):
        markers.add(Marker(Shape.LINE_STRIP, many))
    assert len(markers.visible(0)) == 3
    markers.flush()
    markers.add(Marker(Shape.LINE_STRIP, many))
    assert len(markers.visible(0)) == 1
