"""Drones of one edge server fly around each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from navisplit import wire
from navisplit.config import CameraConfig, FleetConfig, PolicyConfig
from navisplit.edge.fleet import FleetServer
from navisplit.edge.planner import Planner
from navisplit.edge.policies import View
from navisplit.edge.server import EdgeServer
from navisplit.edge.tail import Depth
from navisplit.edge.traffic import APART_M, BODY_M, Neighbour, Traffic, drawn_into, give_way
from navisplit.frames import VelocityCommand, quaternion_from_euler

MS = 1_000_000
MODEL = 7
BODY_RADIUS_M = 0.3


def state(position, velocity=(0.0, 0.0, 0.0), yaw=0.0, goal=(50.0, 0.0, 2.0)) -> wire.VehicleState:
    return wire.VehicleState(
        np.array(position, float),
        quaternion_from_euler(0.0, 0.0, yaw),
        np.array(velocity, float),
        np.array(goal, float),
    )


def free() -> Depth:
    return Depth(np.full((72, 128), 40.0, np.float32), np.full((72, 128), 0.3, np.float32))


def neighbour(position, velocity=(0.0, 0.0, 0.0), first=True) -> Neighbour:
    return Neighbour(np.array(position, float), np.array(velocity, float), first)


@pytest.fixture
def view() -> View:
    return View.of(CameraConfig(), free().depth)


def test_a_drone_ahead_is_a_disc_at_its_distance_and_hides_only_what_is_behind(view):
    image = free()
    image.depth[:, 64:] = 3.0  # a wall before the right half of it
    seen = drawn_into(image, view, state((0, 0, 2)), [neighbour((6.46, 0, 2))])
    rows, columns = np.nonzero(seen.depth == 6.0 - BODY_M)
    assert columns.max() == 63 and seen.depth[36, 64] == 3.0
    assert rows.mean() == pytest.approx(36, abs=1)
    assert columns.min() == pytest.approx(64 - 64 * BODY_M / 6.0, abs=1)
    assert (seen.spread[rows, columns] < 0.1).all() and seen.spread[0, 0] == pytest.approx(0.3)
    assert (image.depth == np.where(np.arange(128) < 64, 40.0, 3.0)).all()  # what the tail remembers is untouched


def test_left_is_left_up_is_up_and_the_heading_counts(view):
    place = np.array([0, 0, 2.0]) + 0.46 * np.array([0, 1, 0]) + np.array([-2.0, 6.0, 1.0])  # north, 2 m left, 1 m up
    rows, columns = np.nonzero(
        drawn_into(free(), view, state((0, 0, 2), yaw=math.pi / 2), [neighbour(place)]).depth < 7
    )
    assert columns.mean() == pytest.approx(64 - 64 * 2 / 6, abs=1.0)
    assert rows.mean() == pytest.approx(36 - 64 * 1 / 6, abs=1.0)


@pytest.mark.parametrize("place", [(-5, 0, 2), (0.5, 9, 2)])
def test_what_is_behind_or_beside_is_not_drawn(view, place):
    assert (drawn_into(free(), view, state((0, 0, 2)), [neighbour(place)]).depth == 40.0).all()


def test_states_are_moved_on_since_they_were_heard_and_the_first_to_come_goes_first():
    traffic = Traffic()
    traffic.note("a", state((0, 0, 2), (2, 0, 0)), 0)
    traffic.note("b", state((9, 0, 2)), 0)
    (seen_by_b,) = traffic.others("b", 500 * MS)
    assert seen_by_b.position == pytest.approx([1, 0, 2]) and seen_by_b.first
    (seen_by_a,) = traffic.others("a", 500 * MS)
    assert not seen_by_a.first
    traffic.forget("a")
    assert traffic.others("b", 0) == []


EAST = VelocityCommand(np.array([3.0, 0.0, 0.0]), 0.2)


def test_who_comes_later_slows_down_or_waits_and_keeps_turning():
    meets = neighbour((6, -6, 2), (0, 3, 0))  # both would be at (6, 0) after 2 s
    assert give_way(EAST, state((0, 0, 2)), [meets]).velocity == pytest.approx([1.5, 0, 0])
    near = neighbour((1.5, -1.5, 2), (0, 3, 0))
    waits = give_way(EAST, state((0, 0, 2)), [near])
    assert waits.velocity == pytest.approx([0, 0, 0]) and waits.yaw_rate == 0.2


@pytest.mark.parametrize(
    "other",
    [
        neighbour((6, -6, 2), (0, 3, 0), first=False),  # it gives way to us
        neighbour((6, 0, 2)),  # it stands: the policy flies around it
        neighbour((6, -6, 2), (0, -3, 0)),  # it flies away
        neighbour((6, -6, 2 + 2 * APART_M), (0, 3, 0)),  # it passes above
        neighbour((30, -30, 2), (0, 3, 0)),  # it is far away still
    ],
)
def test_who_need_not_wait_does_not(other):
    assert give_way(EAST, state((0, 0, 2)), [other]) is EAST


class FreeSpace:
    """The network sees nothing but open space: as good as it sees drones."""

    def decode(self, branch_id, codec_id, shape, slices):
        return slices, None

    def infer(self, branch_id, symbols, mask, memory=None):
        return free()


def nearest_approach(starts, goals, *, common_map: bool = True, seconds: float = 25.0) -> tuple[float, list[float]]:
    """Points that follow one edge server's answers: how near two come, and how far from its goal each ends, m."""
    config = PolicyConfig(speed_mps=3.0, min_z_m=0.5, max_z_m=6.0)
    server = FleetServer(
        EdgeServer(FreeSpace(), lambda: Planner(config), CameraConfig(), MODEL), FleetConfig(common_map=common_map)
    )
    places, goals = np.array(starts, float), np.array(goals, float)
    velocities = np.zeros_like(places)
    yaws = [math.atan2(*(goal - place)[1::-1]) for place, goal in zip(places, goals, strict=True)]
    nearest = math.inf
    for step in range(round(seconds * 10)):
        now = step * 100 * MS
        for k, place in enumerate(places):
            packet = wire.FeaturePacket(
                MODEL, 0, 0, step, now + 1, 0, 1, (1, 2, 2), state(place, velocities[k], yaws[k], goals[k]), b"x"
            )
            server.receive(str(k), wire.encode(packet), now)
        for reply in server.work(lambda now=now: now):
            k = int(reply.source)
            velocities[k] += 0.4 * (reply.command.velocity - velocities[k])  # of SimpleFlight's order
            yaws[k] += 0.1 * reply.command.yaw_rate
        places = places + 0.1 * velocities
        apart = [math.dist(a, b) for i, a in enumerate(places) for b in places[:i]]
        nearest = min(nearest, *apart)
    return nearest, [math.dist(a, b) for a, b in zip(places, goals, strict=True)]


HEAD_ON = [(0, 0, 2), (30, 0, 2)], [(30, 0, 2), (0, 0, 2)]
CROSSING = [(0, 0, 2), (15, -15, 2)], [(30, 0, 2), (15, 15, 2)]
THREE = [(0, 0, 2), (15, -15, 2), (30, 1, 2)], [(30, 0, 2), (15, 15, 2), (0, 1, 2)]


@pytest.mark.parametrize(("starts", "goals"), [HEAD_ON, CROSSING, THREE], ids=["head on", "crossing", "three"])
def test_drones_that_would_collide_fly_around_each_other_and_reach_their_goals(starts, goals):
    blind, _ = nearest_approach(starts, goals, common_map=False)
    assert blind < 2 * BODY_RADIUS_M  # else this would show nothing
    nearest, left = nearest_approach(starts, goals)
    assert nearest > 2 * BODY_RADIUS_M + 0.2
    assert max(left) < 2.5
