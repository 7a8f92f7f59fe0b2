"""Spawned objects with physics fall at g, rest on what is below, slide when hit, and fall again when moved."""

import numpy as np
import pytest
from render_scenes import MATERIALS, box, ground
from sim_service import make_service

from navisplit.frames import VelocityCommand
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.rpc.table import call
from navisplit.sim.scene import Scene
from navisplit.sim.simulation import Simulation

UPRIGHT = {"w_val": 1.0, "x_val": 0.0, "y_val": 0.0, "z_val": 0.0}


def vector(x, y, z):
    return {"x_val": x, "y_val": y, "z_val": z}


def pose(north, east, down):
    return {"position": vector(north, east, down), "orientation": UPRIGHT}


@pytest.fixture
def service():
    """Ground at 0, a table of 1 m to the east whose top is narrower than what is put on it."""
    scene = Scene("yard", (ground(), box("table", (10, 0, 0.5), (0.3, 0.3, 1.0), 0, 7)), MATERIALS)
    return make_service(simulation=Simulation(scene, probe=SceneQuery(scene)))


def spawn(service, name, north, east, down, asset="Cube", scale=(1.0, 1.0, 1.0)):
    return call("simSpawnObject", [name, asset, pose(north, east, down), vector(*scale), True, False], service)


def height(service, name):
    return -call("simGetObjectPose", [name], service)["position"]["z_val"]


def test_it_falls_at_g_in_simulated_time_and_rests(service):
    spawn(service, "box", 3.0, 0.0, -20.5)
    assert height(service, "box") == 20.5
    service.simulation.advance(1.0)
    assert height(service, "box") == pytest.approx(20.5 - 9.80665 / 2, abs=0.1)
    service.simulation.advance(2.0)
    assert height(service, "box") == pytest.approx(0.5, abs=2e-3)
    revision = service.simulation.things.revision
    service.simulation.advance(1.0)
    assert service.simulation.things.revision == revision  # at rest it costs nothing


@pytest.mark.parametrize("asset", ["Cube", "Sphere", "Cylinder"])
def test_it_rests_on_things_narrower_than_itself_and_on_other_objects(service, asset):
    spawn(service, "low", 0.0, 10.0, -3.0, asset, (0.8, 0.8, 0.8))
    service.simulation.advance(1.5)
    assert height(service, "low") == pytest.approx(1.4, abs=5e-3)
    spawn(service, "high", 0.1, 10.0, -5.0)
    service.simulation.advance(1.5)
    assert height(service, "high") == pytest.approx(1.4 + 0.4 + 0.5, abs=0.05)  # a round top is met between two rays


def test_what_loses_its_support_falls_again(service):
    spawn(service, "low", 3.0, 0.0, -0.5)
    spawn(service, "high", 3.0, 0.0, -1.6)
    service.simulation.advance(1.0)
    assert height(service, "high") == pytest.approx(1.5, abs=5e-3)
    call("simDestroyObject", ["low"], service)
    service.simulation.advance(1.0)
    assert height(service, "high") == pytest.approx(0.5, abs=2e-3)


def test_a_new_pose_starts_the_fall_again_and_without_physics_nothing_falls(service):
    spawn(service, "box", 3.0, 0.0, -0.5)
    call("simSpawnObject", ["kite", "Cube", pose(6.0, 0.0, -4.0), vector(1, 1, 1), False, False], service)
    service.simulation.advance(0.5)
    for name, north in (("box", -4.0), ("kite", -8.0)):
        assert call("simSetObjectPose", [name, pose(north, 2.0, -10.0), True], service)
    assert height(service, "box") == 10.0
    service.simulation.advance(0.5)
    assert 8.0 < height(service, "box") < 9.5
    service.simulation.advance(3.0)
    assert height(service, "box") == pytest.approx(0.5, abs=2e-3) and height(service, "kite") == 10.0


def test_another_object_of_the_same_name_without_physics_does_not_fall(service):
    spawn(service, "box", 3.0, 0.0, -5.0)
    call("simDestroyObject", ["box"], service)
    call("simSpawnObject", ["box", "Cube", pose(3.0, 0.0, -5.0), vector(1, 1, 1), False, False], service)
    service.simulation.advance(0.5)
    assert height(service, "box") == 5.0


def test_what_is_spawned_half_in_the_ground_comes_up_and_what_has_no_ground_is_gone(service):
    spawn(service, "half", 3.0, 0.0, 0.0)
    assert height(service, "half") == pytest.approx(0.5, abs=2e-3)
    spawn(service, "lost", 300.0, 0.0, 995.0)
    service.simulation.advance(2.0)
    assert "lost" not in call("simListSceneObjects", [".*"], service)


def test_a_drone_that_hits_it_is_told_its_name_and_pushes_the_lighter_one_further(service):
    moved = {}
    for width in (0.1, 1.0):
        name = spawn(service, "box", 0.0, 5.0, -1.0, scale=(width, width, 2.0))
        drone = service.simulation.vehicle()
        service.simulation.advance(0.5)
        drone.teleport(np.array([3.0, 0.0, 1.0]), 0.0)
        drone.fly(VelocityCommand(np.array([4.0, 0.0, 0.0])), 1.2)
        service.simulation.advance(2.0)
        info = call("simGetCollisionInfo", [""], service)
        assert info["object_name"] == name and info["has_collided"]
        moved[width] = call("simGetObjectPose", [name], service)["position"]["y_val"] - 5.0
        assert height(service, name) == pytest.approx(1.0, abs=2e-3)
        call("simDestroyObject", [name], service)
    assert moved[0.1] > 0.01 and 0.0 <= moved[1.0] < moved[0.1] / 3


def test_the_fall_and_the_flight_are_the_same_however_the_steps_are_asked_for(service):
    ends = []
    for portion in (3.0, 0.003, 0.05):
        scene = service.simulation.scene
        own = make_service(simulation=Simulation(scene, probe=SceneQuery(scene)))
        spawn(own, "box", 0.0, 5.0, -2.0, scale=(0.1, 0.1, 2.0))
        drone = own.simulation.vehicle()
        drone.teleport(np.array([3.0, 0.0, 0.8]), 0.0)
        drone.fly(VelocityCommand(np.array([3.0, 0.0, 0.0])), 2.0)
        for _ in range(round(3.0 / portion)):
            own.simulation.advance(portion)
        assert drone.collision.object_name == "box"
        ends.append((drone.pilot.body.tobytes(), own.simulation.things.find("box").position))
    assert ends[0] == ends[1] == ends[2]
