"""Trails, speed, pictures and the following camera: what is taken from the simulation for the view."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flight_server import flat_simulation

from navisplit.sim.settings import parse_settings
from navisplit.sim.view.chase import BEHIND_M, Chase, behind
from navisplit.sim.view.snapshot import MAX_TRAIL, Drone, SpeedMeter, Trails, drones_of, picture_of

WIDE = (
    '{"Vehicles": {"A": {"Cameras": {"wide": {"CaptureSettings": [{"ImageType": 0, "Width": 1920, "Height": 1080}]}}}}}'
)


class Wall:
    """Something ``away_m`` in every direction."""

    def __init__(self, away_m: float) -> None:
        self.away_m = away_m

    def cast(self, origins, directions, max_range):
        met = self.away_m <= max_range
        return (
            np.full(len(origins), self.away_m if met else max_range, np.float32),
            np.full(len(origins), 0 if met else -1, np.int32),
            np.zeros((len(origins), 3), np.float32),
        )


def drone(name: str = "A", yaw: float = 0.0) -> Drone:
    return Drone(name, (1.0, 2.0, 3.0), yaw, 0.0, 0, ("front_center",))


def flown(trails: Trails, *places: float) -> None:
    for x in places:
        trails.note("A", np.array([x, 0.0, 0.0]))


def test_a_trail_is_the_way_flown():
    trails = Trails()
    flown(trails, 0.0, 0.05, 0.3, 0.31, 1.0)
    assert trails.segments("A")[:, :, 0].tolist() == [[0.0, pytest.approx(0.3)], [pytest.approx(0.3), 1.0]]
    assert trails.segments("B").shape == (0, 2, 3)


def test_a_drone_that_was_put_elsewhere_has_not_flown_there():
    trails = Trails()
    flown(trails, 0.0, 1.0, 50.0, 51.0)
    assert trails.segments("A")[:, :, 0].tolist() == [[0.0, 1.0], [50.0, 51.0]]


def test_a_trail_of_hours_stays_small_keeps_its_ends_and_its_gaps():
    trails = Trails()
    flown(trails, *np.arange(0.0, MAX_TRAIL * 1.5), 1e5, *np.arange(1e5, 1e5 + MAX_TRAIL * 1.5))
    segments = trails.segments("A")
    assert len(segments) <= MAX_TRAIL
    assert segments[0, 0, 0] == 0.0 and segments[-1, 1, 0] == 1e5 + MAX_TRAIL * 1.5 - 1
    assert np.abs(segments[:, 1] - segments[:, 0]).max() < 100.0


def test_speed_is_simulated_time_over_wall_time_of_the_last_second():
    meter = SpeedMeter()
    assert meter.speed == 0.0
    for i in range(11):
        meter.note(0.1 * i, int(1e9 * 0.2 * i))
    assert meter.speed == pytest.approx(2.0)
    for i in range(20):  # then paused
        meter.note(1.1 + 0.1 * i, int(2e9))
    assert meter.speed == 0.0


def test_a_picture_is_drawn_from_where_the_camera_was_and_is_never_large():
    simulation = flat_simulation(settings=parse_settings(WIDE))
    develop = picture_of(simulation, "A", "wide")
    simulation.vehicle("A").place([7.0, 8.0, 9.0], [0.0, 0.0, 0.0, 1.0])
    frame = develop()
    assert frame.rgb.shape == (144, 256, 3)
    assert np.linalg.norm(simulation.renderer.views[0].position) < 1.0


def test_a_camera_that_is_not_there_has_no_picture():
    simulation = flat_simulation()
    assert picture_of(simulation, "SimpleFlight", "none") is None
    assert picture_of(simulation, "none", "0") is None


def test_drones_are_told_in_the_map():
    simulation = flat_simulation()
    simulation.vehicle().place([1.0, 2.0, 3.0], [0.0, 0.0, math.sin(0.5), math.cos(0.5)])
    (told,) = drones_of(simulation)
    assert told.position == pytest.approx((1.0, 2.0, 3.0)) and told.yaw == pytest.approx(1.0)
    assert "front_center" in told.cameras


def test_the_camera_follows_from_behind_and_turns_softly():
    chase = Chase()
    position, target = chase.look(drone(yaw=0.0), Wall(99.0))
    assert target.tolist() == [1.0, 2.0, 3.0] and position[0] == pytest.approx(1.0 - BEHIND_M)
    turned, _ = chase.look(drone(yaw=1.0), Wall(99.0))
    assert 0.0 < math.atan2(2.0 - turned[1], 1.0 - turned[0]) < 0.5
    for _ in range(100):
        turned, _ = chase.look(drone(yaw=1.0), Wall(99.0))
    np.testing.assert_allclose(turned, behind(drone(), 1.0)[0], atol=1e-3)


def test_the_camera_stays_in_front_of_what_is_behind_the_drone():
    position, target = Chase().look(drone(), Wall(2.0))
    assert np.linalg.norm(position - target) < 2.0
