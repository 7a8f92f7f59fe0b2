"""Drones hit each other: both feel it, both know whom they hit, and it does not depend on how time was cut."""

import json
import time

import numpy as np
import pytest
from flight_server import flat_scene

from navisplit.frames import VelocityCommand
from navisplit.sim.flight.contact import BODY_RADIUS_M, FlatGround
from navisplit.sim.flight.encounters import Encounters
from navisplit.sim.settings import parse_settings
from navisplit.sim.simulation import Simulation


def drones(*places):
    """Hovering at (east, north, up) m."""
    text = {f"D{k}": {"X": y, "Y": x, "Z": -z} for k, (x, y, z) in enumerate(places)}
    sim = Simulation(flat_scene(), probe=FlatGround(), settings=parse_settings(json.dumps({"Vehicles": text})))
    for drone in sim.vehicles:
        drone.teleport(drone.position, 0.0)
    return sim, sim.vehicles


def fly(drone, *velocity):
    drone.fly(VelocityCommand(np.array(velocity, float)), 60.0)


def test_both_are_hit_and_name_each_other():
    sim, (a, b) = drones((0, 0, 5), (4, 0, 5))
    fly(a, 3, 0, 0)
    fly(b, -3, 0, 0)
    while a.collision_count == 0:
        sim.step()
    assert (a.collision.object_name, b.collision.object_name) == ("D1", "D0") and b.collision_count == 1
    assert a.collision.normal == pytest.approx([-1, 0, 0], abs=0.05) and b.collision.normal[0] > 0.99
    assert a.collision.point == pytest.approx(b.collision.point) and a.collision.point[0] == pytest.approx(2.0, abs=0.1)
    assert np.linalg.norm(a.position - b.position) >= 2 * BODY_RADIUS_M - 1e-6
    assert a.odometry().velocity[0] < 0 < b.odometry().velocity[0]  # thrown back


def test_the_momentum_goes_to_the_one_that_hovered():
    sim, (a, b) = drones((0, 0, 5), (0.7, 0, 5))
    a.pilot.velocity[:] = 0.0, 4.0, 0.0  # east, in NED
    before = a.pilot.velocity + b.pilot.velocity
    while a.collision_count == 0:
        before = a.pilot.velocity + b.pilot.velocity
        sim.step()
    after = a.pilot.velocity + b.pilot.velocity
    assert after == pytest.approx(before, abs=0.1)
    assert b.pilot.velocity[1] == pytest.approx(before[1] * (1 + 0.55) / 2, rel=0.05)


def test_one_that_rests_is_knocked_off_and_one_beside_is_not():
    sim, (a, b, c) = drones((0, 0, 0.1), (1.2, 0, 0.1), (1.2, 3, 0.1))
    for each in (b, c):
        each.pilot.enable_api_control(False)
    sim.advance(1.0)
    assert b.pilot.grounded and c.pilot.grounded and a.collision_count == 0
    fly(a, 2, 0, 0)
    sim.advance(2.0)
    assert b.collision.object_name == "D0" and b.position[0] > 1.2
    assert c.collision_count == 0


def test_a_flight_with_hits_is_the_same_to_the_bit_however_time_is_cut():
    def flight(cut):
        sim, all_of_them = drones((0, 0, 5), (4, 0, 5.2), (2, 3, 5))
        for drone, velocity in zip(all_of_them, ((3, 0, 0), (-3, 0.2, 0), (0, -3, 0)), strict=True):
            fly(drone, *velocity)
        for _ in range(1000 // cut):
            sim.steps(cut)
        assert sum(d.collision_count for d in all_of_them) >= 2
        return [d.pilot.body.tobytes() for d in all_of_them]

    assert flight(1) == flight(8) == flight(1000)


def test_drones_far_apart_are_left_alone_and_never_too_long():
    sim, (a, b) = drones((0, 0, 5), (30, 0, 5))
    assert Encounters().free(sim.vehicles, 10_000) > 200
    a.pilot.velocity[:] = 0.0, 40.0, 0.0
    steps = Encounters().free(sim.vehicles, 10_000)
    assert 50 < steps < 250
    sim.steps(steps)
    assert np.linalg.norm(a.position - b.position) > 2 * BODY_RADIUS_M
    assert Encounters().free(sim.vehicles[:1], 123) == 123


def test_one_that_is_put_beside_another_is_seen_at_once():
    sim, (a, b) = drones((0, 0, 5), (30, 0, 5))
    sim.steps(1)
    b.teleport(np.array([0.5, 0.0, 5.0]), 0.0)
    a.pilot.velocity[:] = 0.0, 1.0, 0.0
    sim.steps(1)
    assert a.collision.object_name == "D1" and b.collision.object_name == "D0"


def test_a_hundred_drones_fly_faster_than_real_time():
    sim, all_of_them = drones(*((2.0 * (k % 10), 2.0 * (k // 10), 6.0) for k in range(100)))
    rng = np.random.default_rng(0)
    for drone in all_of_them:
        fly(drone, *rng.uniform(-2, 2, 2), 0.0)
    sim.advance(0.1)
    started = time.thread_time()
    sim.advance(0.5)
    assert time.thread_time() - started < 0.5
