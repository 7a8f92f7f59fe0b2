"""What surrounds the flight: vehicles in a simulation, cameras, the globe, the sensors, and contact's measures."""

import math

import numpy as np
import pytest
from flight_server import flat_simulation
from render_scenes import MATERIALS, ground

from navisplit.errors import ConfigError, SimulatorError
from navisplit.frames import Intrinsics, rotation_matrix
from navisplit.sim import geodesy
from navisplit.sim.camera.cameras import default_cameras, find_camera
from navisplit.sim.flight.contact import BODY_RADIUS_M, Contact, FlatGround, bounce, survey, sweep
from navisplit.sim.flight.vehicle import CollisionState
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.scene import PlayerStart, Scene
from navisplit.sim.settings import parse_settings
from navisplit.sim.simulation import Simulation

HOME = GeoPoint(47.641468, -122.140165, 122.0)


# Vehicles and cameras -----------------------------------------------------------------------------------------------
def test_vehicles_start_beside_the_player_start_and_their_yaw_is_absolute():
    text = '{"Vehicles": {"A": {"X": 2, "Y": 1, "Z": -3, "Yaw": 90}}, "OriginGeopoint": {"Altitude": 1000}}'
    scene = Scene("flat", (), (), player_start=PlayerStart((10.0, 20.0, 5.0), 0.5))
    drone = Simulation(scene, probe=FlatGround(), settings=parse_settings(text)).vehicle()
    assert drone.name == "A" and drone.position.tolist() == [11.0, 22.0, 8.0]
    assert drone.odometry().yaw == pytest.approx(0.0, abs=1e-9)
    assert drone.pilot.air[3] == 1000.0


def test_an_unknown_vehicle_and_a_missing_renderer_are_said_with_what_to_do():
    simulation = Simulation(Scene("flat", (), ()), probe=FlatGround())
    with pytest.raises(SimulatorError, match="no vehicle 'SimpleFlght'. Did you mean 'SimpleFlight'"):
        simulation.vehicle("SimpleFlght")
    with pytest.raises(SimulatorError, match="RayCaster"):
        simulation.capture()


def test_the_clock_starts_where_it_is_told_and_survives_a_reset():
    simulation = flat_simulation(start_ns=1_790_000_000_000_000_000)
    simulation.advance(0.01)
    simulation.reset()
    simulation.advance(0.002)
    assert simulation.clock_ns == simulation.vehicle().odometry().stamp_ns == 1_790_000_000_012_000_000


@pytest.mark.parametrize(
    ("camera", "ahead", "left", "looks"),
    [
        ("0", 0.46, 0.0, (1, 0, 0)),
        ("front_right", 0.46, -0.125, (1, 0, 0)),
        ("2", 0.46, 0.125, (1, 0, 0)),
        ("bottom_center", 0.0, 0.0, (0, 0, -1)),
        ("4", -0.46, 0.0, (-1, 0, 0)),
    ],
)
def test_a_camera_sits_and_looks_where_airsims_does(camera, ahead, left, looks):
    drone = flat_simulation().vehicle()
    drone.teleport(np.array([3.0, -2.0, 6.0]), 0.7)
    view = drone.camera_view(camera)
    body = rotation_matrix(drone.odometry().orientation)
    assert view.position - drone.position == pytest.approx(body @ [ahead, left, 0.0], abs=1e-9)
    assert rotation_matrix(view.orientation) @ [1.0, 0.0, 0.0] == pytest.approx(body @ np.array(looks), abs=1e-9)
    assert (view.intrinsics.width, view.intrinsics.fx) == (256, pytest.approx(128.0))


def test_a_view_can_have_intrinsics_of_its_own():
    small = Intrinsics.from_fov(64, 36, 60.0)
    assert flat_simulation().vehicle().camera_view("0", small).intrinsics is small


def test_a_field_of_view_is_that_of_every_image_type_and_of_this_camera_only():
    camera = default_cameras()["front_center"]
    zoomed = camera.with_fov(30.0)
    assert {zoomed.capture(kind).fov_deg for kind in range(10)} == {30.0} and zoomed.lens.fov_deg == pytest.approx(30.0)
    assert camera.capture().fov_deg == 90.0 and camera.lens.fov_deg == pytest.approx(89.9036, abs=1e-4)


def test_an_unknown_camera_gets_the_nearest_name():
    with pytest.raises(SimulatorError, match="no camera 'botom_center'.*Did you mean 'bottom_center'"):
        find_camera(default_cameras(), "botom_center")


def test_a_camera_in_the_settings_is_turned_and_sized_as_written():
    text = """{"Vehicles": {"A": {"Cameras": {"0": {"X": 0.2, "Pitch": -30, "CaptureSettings": [
        {"ImageType": 5, "Width": 64}, {"ImageType": 0, "FOV_Degrees": 120}]}}}}}"""
    camera = parse_settings(text).vehicles["A"].mounted_cameras()["front_center"]
    assert camera.position == (0.2, 0.0, 0.0)
    looks = rotation_matrix(camera.orientation) @ [1.0, 0.0, 0.0]
    assert looks == pytest.approx([math.cos(math.pi / 6), 0.0, math.sin(math.pi / 6)])  # FRD: downwards
    sizes = [(c.width, c.height, c.fov_deg) for c in (camera.capture(5), camera.capture(0), camera.capture(1))]
    assert sizes == [(64, 144, 90.0), (256, 144, 120.0), (256, 144, 90.0)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"ApiServerPort": true}', "ApiServerPort must be a number, got True"),
        ('{"Wind": 3}', "Wind must be an object"),
        ('{"Vehicles": {"A": {"X": "far"}}}', "Vehicles: A: X must be a number"),
        ('{"CameraDefaults": {"CaptureSettings": [{"FOV_Degrees": 179}]}}', "0..179 degrees"),
        ('{"SimMode": 3}', "SimMode must be a string"),
    ],
)
def test_a_setting_of_the_wrong_type_is_named_with_its_place(text, named):
    with pytest.raises(ConfigError, match=named):
        parse_settings(text)


def test_a_vehicle_that_is_not_created_leaves_the_default_one():
    settings = parse_settings('{"Vehicles": {"A": {"AutoCreate": false}}}')
    assert list(settings.vehicles) == ["SimpleFlight"]


def test_a_teleport_forgets_the_last_collision_but_not_the_count():
    drone = flat_simulation().vehicle()
    drone.collision, drone.collision_count = CollisionState(True, 5), 3
    task = drone.land()
    drone.teleport(np.array([0.0, 0.0, 4.0]), 0.0)
    assert not drone.collision.has_collided and drone.collision_count == 3
    assert (task.done, task.result) == (True, False)


# The globe -------------------------------------------------------------------------------------------------------
def test_a_degree_of_latitude_and_of_longitude_have_their_lengths():
    degree = math.radians(1.0) * geodesy.EARTH_RADIUS_M
    north = geodesy.geo_of(np.array([degree, 0.0, -8.0]), HOME)
    assert (north.latitude, north.longitude) == pytest.approx((HOME.latitude + 1.0, HOME.longitude))
    assert north.altitude == 130.0
    east = geodesy.geo_of(np.array([0.0, 1000.0, 0.0]), HOME)
    metres = math.radians(east.longitude - HOME.longitude) * geodesy.EARTH_RADIUS_M * math.cos(math.radians(47.641468))
    assert metres == pytest.approx(1000.0, rel=1e-5)


@pytest.mark.parametrize(
    ("altitude", "pascal", "kelvin", "density"),
    [(0.0, 101325.0, 288.15, 1.2250), (1000.0, 89874.6, 281.65, 1.1116), (5000.0, 54019.9, 255.65, 0.7361)],
)
def test_air_is_the_standard_atmosphere(altitude, pascal, kelvin, density):
    assert geodesy.pressure_pa(altitude) == pytest.approx(pascal, rel=1e-4)
    assert geodesy.temperature_k(altitude) == pytest.approx(kelvin)
    assert geodesy.air_density(altitude) == pytest.approx(density, rel=1e-3)


# Contact ------------------------------------------------------------------------------------------------------------
def test_flat_ground_answers_as_a_query_of_a_flat_scene_does():
    from navisplit.sim.render.query import SceneQuery

    query, flat = SceneQuery(Scene("flat", (ground(),), MATERIALS)), FlatGround()
    rng = np.random.default_rng(3)
    points = rng.uniform((-9, -9, 0.05), (9, 9, 9), (200, 3)).astype(np.float32)
    rays = rng.normal(size=(200, 3)).astype(np.float32)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    for mine, theirs in zip(flat.nearest(points, 6.0)[:2], query.nearest(points, 6.0)[:2], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
    for mine, theirs in zip(flat.cast(points, rays, 15.0)[:2], query.cast(points, rays, 15.0)[:2], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_a_body_on_the_floor_touches_it_and_nothing_else():
    (contact,) = survey(FlatGround(2.0), np.array([1.0, 1.0, 1.95])).contacts
    assert contact.floor and contact.penetration == pytest.approx(0.05, abs=1e-5)
    assert contact.normal.tolist() == [0.0, 0.0, 1.0] and contact.point[2] == pytest.approx(2.0)
    assert survey(FlatGround(2.0), np.array([1.0, 1.0, 2.05])).contacts == ()


def test_a_sweep_stops_before_what_is_in_the_way_and_never_goes_back():
    flat, start = FlatGround(), np.array([0.0, 0.0, 3.0])
    assert sweep(flat, start, start - [0.0, 0.0, 10.0]) == pytest.approx(3.0 - BODY_RADIUS_M / 2)
    assert sweep(flat, start, start + [4.0, 0.0, 0.0]) == 4.0
    assert sweep(flat, np.array([0.0, 0.0, 0.1]), np.array([0.0, 0.0, -5.0])) == 0.0


def test_no_bounce_gains_speed_or_goes_on_into_the_surface():
    rng = np.random.default_rng(5)
    for _ in range(200):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        contact = Contact(np.zeros(3), normal, np.zeros(3), 0.0, 0, False)
        velocity = rng.normal(size=3) * 5.0
        after, _ = bounce(velocity, np.zeros(3), contact)
        assert np.linalg.norm(after) <= np.linalg.norm(velocity) + 1e-9
        if velocity @ normal < 0:
            assert after @ normal == pytest.approx(-0.55 * (velocity @ normal))
