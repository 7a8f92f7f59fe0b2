"""A drone that is started, added or put under the ground or into something stands on top of it; in the air it falls."""

import numpy as np
import pytest
from render_scenes import MATERIALS, box, ground, yard
from sim_service import make_service

from navisplit.sim.flight.contact import LEGS_M
from navisplit.sim.render.renderer import RayCaster
from navisplit.sim.rpc.table import call
from navisplit.sim.scene import SKY_DEPTH_M, Scene
from navisplit.sim.settings import parse_settings
from navisplit.sim.simulation import Simulation

UPRIGHT = {"w_val": 1.0, "x_val": 0.0, "y_val": 0.0, "z_val": 0.0}


def started(north, east, down, scene=None):
    text = f'{{"Vehicles": {{"A": {{"X": {north}, "Y": {east}, "Z": {down}}}}}}}'
    return Simulation(scene or yard(), settings=parse_settings(text))


def pose(north, east, down):
    return {"position": {"x_val": north, "y_val": east, "z_val": down}, "orientation": UPRIGHT}


@pytest.mark.parametrize("down", [0.0, 0.05, 0.3, 0.5, 3.0, 200.0])
def test_a_start_under_the_ground_is_on_it_and_is_the_vehicles_origin(down):
    sim = started(0.0, 0.0, down)
    drone = sim.vehicle()
    assert drone.position == pytest.approx([0.0, 0.0, 0.0], abs=2e-3) and not drone.pilot.position.any()
    drone.takeoff()
    sim.advance(5.0)
    assert 1.4 < drone.position[2] < 1.7 and drone.collision_count == 0
    sim.reset()
    assert drone.position == pytest.approx([0.0, 0.0, 0.0], abs=2e-3) and drone.pilot.grounded


def test_a_start_within_something_solid_is_on_top_of_it():
    drone = started(0.0, 10.0, -1.0).vehicle()  # the middle of the crate
    assert drone.position == pytest.approx([10.0, 0.0, 2.0], abs=1e-3) and drone.pilot.grounded
    low, high = box("low", (0, 0, 1), (2, 2, 2), 0, 2), box("high", (0, 0, 2.5), (2, 2, 2), 0, 3)
    stacked = Scene("stack", (ground(), low, high), MATERIALS)
    assert started(0.0, 0.0, 5.0, stacked).vehicle().position[2] == pytest.approx(3.5, abs=1e-2)


def test_a_start_under_a_roof_stays_there():
    hall = Scene("hall", (ground(), box("roof", (0, 0, 4), (20, 20, 0.3), 0, 2)), MATERIALS)
    assert started(0.0, 0.0, 0.0, hall).vehicle().position[2] == pytest.approx(0.0, abs=1e-3)
    assert started(0.0, 0.0, -2.0, hall).vehicle().position[2] == pytest.approx(2.0)


def test_a_start_in_the_air_falls_to_the_ground_and_so_does_a_reset():
    sim = started(0.0, 0.0, -3.0)
    for _ in range(2):
        assert sim.vehicle().position[2] == 3.0
        sim.advance(4.0)
        assert sim.vehicle().position[2] == pytest.approx(0.0, abs=0.01) and sim.vehicle().pilot.grounded
        sim.reset()


@pytest.mark.parametrize("ignore_collision", [True, False])
@pytest.mark.parametrize("down", [0.3, 5.0])
def test_a_pose_under_the_ground_comes_up_once_time_passes(down, ignore_collision):
    service = make_service(simulation=started(0.0, 0.0, 0.0))
    drone = service.simulation.vehicle()
    call("simSetVehiclePose", [pose(4.0, 0.0, down), ignore_collision, ""], service)
    if ignore_collision:
        assert drone.pilot.position == pytest.approx([4.0, 0.0, down])  # exactly as asked for, until physics takes over
    service.simulation.advance(0.5)
    assert drone.position[2] == pytest.approx(0.0, abs=2e-3) and drone.pilot.grounded


def test_a_vehicle_added_within_the_ground_or_a_crate_is_on_top():
    service = make_service(simulation=started(0.0, 0.0, 0.0))
    assert call("simAddVehicle", ["B", "simpleflight", pose(-5.0, 3.0, 0.7), ""], service)
    assert call("simAddVehicle", ["C", "simpleflight", pose(0.0, 10.0, -0.5), ""], service)
    assert service.simulation.vehicle("B").position == pytest.approx([3.0, -5.0, 0.0], abs=2e-3)
    assert service.simulation.vehicle("C").position == pytest.approx([10.0, 0.0, 2.0], abs=2e-3)
    home = call("getHomeGeoPoint", ["C"], service)
    assert home["altitude"] == pytest.approx(124.0, abs=0.01)


def test_a_camera_without_physics_stays_where_it_is_put():
    sim = Simulation(yard(), settings=parse_settings('{"SimMode": "ComputerVision", "Vehicles": {"A": {"Z": 0.5}}}'))
    sim.advance(0.5)
    assert sim.vehicle().position.tolist() == [0.0, 0.0, -0.5]
    assert np.isfinite(sim.vehicle().odometry().position).all()


@pytest.mark.parametrize("rise", [0.0, 0.05])
def test_a_camera_of_a_resting_drone_sees_the_world_from_above_the_ground(rise):
    ahead = box("kerb", (20.4, 0, rise / 2 - 0.5), (40.0, 40.0, 1.0 + rise), 0, 2)  # the ground rises in front of it
    scene = Scene("step", (ground(), ahead), MATERIALS)
    sim = Simulation(scene, renderer=RayCaster(scene, shadow_resolution=64, ao=False))
    depth = sim.capture().depth
    assert np.median(depth[:60]) == SKY_DEPTH_M and (depth[100:] < 1.0).all()
    service = make_service(simulation=sim)
    info, body = call("simGetCameraInfo", ["0", "", False], service), call("simGetVehiclePose", [""], service)
    assert body["position"]["z_val"] == 0.0 == info["pose"]["position"]["z_val"]  # mounts are as in flight
    assert sim.vehicle().camera_view().position[2] == pytest.approx(LEGS_M)
    sim.vehicle().takeoff()
    sim.advance(5.0)
    view, place = sim.vehicle().camera_view(), sim.vehicle().position
    assert view.position[2] == pytest.approx(place[2], abs=0.05)
