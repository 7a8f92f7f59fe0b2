"""A drone hits what is there, lands on what it may stand on, and pays nothing for contact in the open."""

import numpy as np
import pytest
from render_scenes import MATERIALS, box, ground

from navisplit.frames import VelocityCommand
from navisplit.sim.flight.contact import BODY_RADIUS_M, FlatGround, bounce, survey
from navisplit.sim.flight.vehicle import Vehicle
from navisplit.sim.scene import Scene, SceneObject
from navisplit.sim.simulation import Simulation

WALL_X = 10.0


class Yard(FlatGround):
    """A floor at z = 0 (object 0) and a thin wall at x = WALL_X (object 1); counts queries."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def nearest(self, points, max_distance):
        self.calls += 1
        distance, index, closest, normal = super().nearest(points, max_distance)
        away = np.asarray(points, np.float32).reshape(-1, 3)[:, 0] - WALL_X
        for i in np.flatnonzero(np.abs(away) < distance):
            distance[i], index[i] = abs(away[i]), 1
            closest[i] = points[i]
            closest[i, 0] = WALL_X
            normal[i] = (np.sign(away[i]), 0, 0)
        return distance, index, closest, normal

    def cast(self, origins, directions, max_range):
        distance, index, normal = super().cast(origins, directions, max_range)
        with np.errstate(divide="ignore", invalid="ignore"):
            way = (WALL_X - np.asarray(origins)[:, 0]) / np.asarray(directions)[:, 0]
        for i in np.flatnonzero(np.isfinite(way) & (way >= 0) & (way < distance)):
            distance[i], index[i], normal[i] = way[i], 1, (-np.sign(directions[i, 0]), 0, 0)
        return distance, index, normal


def at(position, velocity=(0.0, 0.0, 0.0)):
    drone = Vehicle("d", Yard(), origin=np.zeros(3), object_names=("ground", "wall"))
    drone.teleport(np.array(position, float), 0.0)
    drone.pilot.velocity[:] = velocity[1], velocity[0], -velocity[2]
    return drone


def test_a_wall_stops_the_drone_and_is_named():
    drone = at((5.0, 0.0, 3.0))
    drone.fly(VelocityCommand(np.array([5.0, 0.0, 0.0])), 3.0)
    drone.advance(1000)
    assert drone.collision_count >= 1
    hit = drone.collision
    assert hit.has_collided and hit.object_name == "wall" and hit.object_id == 1
    assert hit.normal == pytest.approx([-1.0, 0.0, 0.0], abs=1e-5)
    assert hit.point[0] == pytest.approx(WALL_X)
    assert 2.0 < hit.speed < 6.0
    assert drone.position[0] <= WALL_X - BODY_RADIUS_M + 1e-3


def test_a_drone_beside_the_wall_is_not_hit_by_it():
    drone = at((WALL_X - BODY_RADIUS_M - 0.05, 0.0, 3.0))
    drone.fly(VelocityCommand(np.array([0.0, 3.0, 0.0])), 3.0)
    drone.advance(900)
    assert drone.collision_count == 0


@pytest.mark.parametrize("speed", [20.0, 100.0, 400.0])
def test_nothing_is_fast_enough_to_tunnel(speed):
    drone = at((0.0, 0.0, 5.0), velocity=(speed, 0.0, 0.0))
    for _ in range(300):
        drone.advance(1)
        assert drone.position[0] < WALL_X
    assert drone.collision_count >= 1


def test_landing_is_no_collision():
    drone = at((0.0, 0.0, 1.0))
    task = drone.land()
    drone.advance(3000)
    assert task.result and drone.pilot.grounded
    assert drone.collision_count == 0 and not drone.collision.has_collided
    assert drone.touchdown.has_collided and drone.touchdown.object_name == "ground"
    assert drone.position[2] == pytest.approx(0.0, abs=1e-3)


def test_a_fall_on_the_ground_is_a_collision():
    drone = at((0.0, 0.0, 4.0))
    drone.pilot.enable_api_control(False)  # the rotors idle
    drone.advance(1000)
    assert drone.collision_count >= 1 and drone.collision.speed > 5.0
    assert drone.pilot.grounded


def test_skimming_the_ground_fast_is_a_collision_and_bounces():
    drone = at((0.0, 0.0, 0.02), velocity=(4.0, 0.0, -0.5))
    drone.advance(30)
    assert drone.collision_count >= 1
    assert drone.position[2] >= -1e-6


def test_low_flight_over_the_floor_is_free():
    drone = at((0.0, 0.0, 0.2))
    drone.fly(VelocityCommand(np.array([1.0, 0.0, 0.0])), 3.0)
    drone.advance(900)
    assert drone.collision_count == 0 and drone.position[0] > 1.5


def test_a_wall_is_hit_even_close_to_the_ground():
    drone = at((8.0, 0.0, 0.15))
    drone.fly(VelocityCommand(np.array([2.0, 0.0, 0.0])), 3.0)
    drone.advance(1000)
    assert drone.collision.object_name == "wall"
    assert drone.position[0] <= WALL_X - BODY_RADIUS_M + 1e-2


def test_a_grounded_drone_stays_until_it_takes_off():
    drone = at((0.0, 0.0, 0.5))
    drone.land()
    drone.advance(3000)
    place = drone.position
    drone.advance(1000)
    assert drone.position.tolist() == place.tolist()
    drone.takeoff()
    drone.advance(1000)
    assert drone.position[2] > 1.0 and drone.collision_count == 0


def test_contact_costs_few_queries_in_the_open():
    drone = at((-500.0, 0.0, 8.0))
    drone.fly(VelocityCommand(np.array([5.0, 0.0, 0.0])), 20.0)
    drone.advance(6000)
    assert drone._probe.calls < 30


def test_survey_measures_free_distance_and_penetration():
    assert survey(Yard(), np.array([5.0, 0.0, 3.0])).free_m == pytest.approx(3.0 - BODY_RADIUS_M)
    (contact,) = survey(Yard(), np.array([WALL_X - 0.2, 0.0, 5.0])).contacts
    assert contact.penetration == pytest.approx(0.1, abs=1e-5) and not contact.floor


def test_a_bounce_keeps_restitution_and_loses_no_more_than_friction_takes():
    (contact,) = survey(Yard(), np.array([WALL_X - 0.2, 0.0, 5.0])).contacts
    velocity, _ = bounce(np.array([4.0, 2.0, 0.0]), np.zeros(3), contact)
    assert velocity[0] == pytest.approx(-0.55 * 4.0, abs=1e-4)
    assert 0.0 < velocity[1] <= 2.0
    leaving = np.array([-1.0, 0.0, 0.0])
    assert bounce(leaving, np.zeros(3), contact)[0].tolist() == leaving.tolist()


def test_a_held_position_moves_along_when_the_drone_is_placed():
    sim = Simulation(Scene("flat", (), ()), probe=FlatGround())
    drone = sim.vehicle()
    drone.teleport(np.array([0.0, 0.0, 5.0]), np.pi / 2)
    sim.advance(1.0)
    drone.place(np.array([30.0, 0.0, 5.0]), np.array([0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)]))
    sim.advance(3.0)
    assert drone.position == pytest.approx([30.0, 0.0, 5.0], abs=0.2)


@pytest.mark.parametrize("angle", [0, 10, 25, 40])
def test_it_lands_on_a_slope_and_takes_off_from_it_without_a_collision(angle):
    rise = 50.0 * np.tan(np.radians(angle))
    corners = np.array([[-50, -50, -rise], [50, -50, rise], [50, 50, rise], [-50, 50, -rise]], np.float32)
    faces, normals = np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.tile(np.float32([0, 0, 1]), (4, 1))
    slope = SceneObject("slope", corners, faces, normals, np.zeros(2, np.int32), 1)
    sim = Simulation(Scene("slope", (slope,), MATERIALS))
    drone = sim.vehicle()
    drone.takeoff()
    sim.advance(4.0)
    assert drone.position[2] > 1.3
    landing = drone.land()
    sim.advance(12.0)
    assert landing.result and drone.pilot.grounded and drone.collision_count == 0
    assert drone.position == pytest.approx([0.0, 0.0, 0.0], abs=0.01)


@pytest.mark.parametrize("thickness", [0.001, 0.2, 1.0])
@pytest.mark.parametrize("speed", [0.3, 2.0, 6.0])
def test_a_ceiling_stops_a_climbing_drone_and_is_named(speed, thickness):
    roof = box("roof", (0.0, 0.0, 5.0 + thickness / 2), (20.0, 20.0, thickness), 0, 7)
    sim = Simulation(Scene("hall", (ground(), roof), MATERIALS))
    drone = sim.vehicle()
    drone.teleport(np.array([0.0, 0.0, 3.5]), 0.0)
    drone.fly(VelocityCommand(np.array([0.0, 0.0, speed])), 8.0)
    highest = 0.0
    for _ in range(80):
        sim.advance(0.1)
        highest = max(highest, drone.position[2])
    assert highest < 5.0 - BODY_RADIUS_M + 0.01
    assert drone.collision.object_name == "roof" and drone.collision.normal == pytest.approx([0, 0, -1], abs=1e-3)


@pytest.mark.parametrize("gap", [0.02, 0.1, 0.2])
def test_a_drone_put_close_under_something_solid_does_not_stand_on_its_underside(gap):
    roof = box("roof", (0.0, 0.0, 5.5), (20.0, 20.0, 1.0), 0, 7)
    sim = Simulation(Scene("hall", (ground(), roof), MATERIALS))
    drone = sim.vehicle()
    drone.teleport(np.array([0.0, 0.0, 5.0 - gap]), 0.0)
    sim.advance(0.1)
    assert not drone.pilot.grounded and drone.position[2] <= 5.0 - BODY_RADIUS_M + 0.01
    drone.fly(VelocityCommand(np.array([0.0, 0.0, -1.0])), 3.0)
    sim.advance(3.0)
    assert drone.position[2] < 3.5


@pytest.mark.parametrize("depth", [0.1, 0.25])
def test_a_drone_that_starts_a_little_under_the_ground_comes_up_through_it(depth):
    sim = Simulation(Scene("field", (ground(),), MATERIALS))
    drone = sim.vehicle()
    drone.place(np.array([0.0, 0.0, -depth]), np.array([0.0, 0.0, 0.0, 1.0]))
    sim.advance(1.0)
    assert drone.position[2] == pytest.approx(0.0, abs=0.01) and drone.pilot.grounded
