"""AirSim's settings.json means here what it means there, and a mistake in it is named."""

import numpy as np
import pytest

from navisplit.errors import ConfigError
from navisplit.sim.camera.cameras import default_cameras, find_camera
from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.geodesy import GeoPoint, geo_of, ned_of
from navisplit.sim.scene import PlayerStart, Scene
from navisplit.sim.settings import Settings, load_settings, parse_settings
from navisplit.sim.simulation import Simulation

FULL = """{"SettingsVersion": 1.2, "SimMode": "Multirotor", "ClockSpeed": 2, "ApiServerPort": 41999,
 "CameraDirector": {},
 "OriginGeopoint": {"Latitude": 45.0, "Longitude": 9.0, "Altitude": 200}, "Wind": {"X": 3},
 "CameraDefaults": {"CaptureSettings": [{"ImageType": 0, "Width": 320, "Height": 240, "FOV_Degrees": 60}]},
 "Vehicles": {"Drone1": {"VehicleType": "SimpleFlight", "X": 4, "Yaw": 90,
   "Cameras": {"down": {"X": 0.1, "Y": 0, "Z": 0.2, "Pitch": -90, "Roll": "NaN"}}}, "Drone2": {}}}"""


def test_a_full_file_is_understood():
    settings = parse_settings(FULL)
    assert (settings.clock_speed, settings.port, settings.text) == (2.0, 41999, FULL)
    assert settings.origin == GeoPoint(45.0, 9.0, 200.0) and settings.wind.tolist() == [3.0, 0.0, 0.0]
    assert list(settings.vehicles) == ["Drone1", "Drone2"]
    first = settings.vehicles["Drone1"]
    assert first.position.tolist() == [4.0, 0.0, 0.0] and first.yaw_deg == 90.0
    cameras = first.mounted_cameras()
    assert (cameras["front_center"].capture().width, cameras["front_center"].capture().fov_deg) == (320, 60.0)
    assert cameras["down"].position == (0.1, 0.0, 0.2)


def test_what_has_no_effect_is_named():
    assert parse_settings(FULL).warnings == ("settings.json: 'CameraDirector' has no effect here.",)


def test_what_nobody_reads_is_named_at_any_depth_unless_it_makes_no_difference():
    text = """{"ViewMode": "Fpv", "RpcEnabled": true, "ClockType": "ScalableClock", "PhysicsEngineName": "PhysX",
     "CameraDefaults": {"CaptureSettings": [{"Widht": 4}], "Gimbal": {"Yaw": 1, "Speed": 2}},
     "Recording": {"RecordInterval": 1, "Colour": "red"},
     "Vehicles": {"A": {"PawnPath": "", "EnableCollisions": true, "AllowAPIAlways": false, "Weight": 3},
                  "B": {"AutoCreate": false, "Weight": 3}}}"""
    assert sorted(line.split("'")[1] for line in parse_settings(text).warnings) == [
        "CameraDefaults.CaptureSettings.Widht",
        "CameraDefaults.Gimbal.Speed",
        "PhysicsEngineName",
        "Recording.Colour",
        "Vehicles.A.AllowAPIAlways",
        "Vehicles.A.Weight",
    ]


def test_the_default_is_airsims():
    settings = load_settings(None)
    assert settings.port == 41451 and list(settings.vehicles) == ["SimpleFlight"] and settings.clock_speed == 1.0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ('{"SimMode": "Car"}', "SimMode 'Car'"),
        ('{"ClockSpeed": -1}', "ClockSpeed"),
        ('{"ClockSpeed": "fast"}', "ClockSpeed"),
        ('{"Vehicles": {"A": {"VehicleType": "PX4Multirotor"}}}', "VehicleType 'PX4Multirotor'"),
        ('{"CameraDefaults": {"CaptureSettings": [{"Width": 0}]}}', "1..8192"),
    ],
)
def test_a_mistake_is_named(text, named):
    with pytest.raises(ConfigError, match=named):
        parse_settings(text)


def test_a_missing_file_is_an_error_only_when_asked_for(tmp_path):
    assert isinstance(load_settings(None, (tmp_path,)), Settings)
    with pytest.raises(ConfigError, match="no settings file"):
        load_settings(str(tmp_path / "none.json"))
    (tmp_path / "settings.json").write_text('{"ApiServerPort": 5}', encoding="utf-8-sig")
    assert load_settings(None, (tmp_path,)).port == 5
    assert load_settings('{"ApiServerPort": 6}', (tmp_path,)).port == 6


def test_cameras_answer_to_numbers_and_names():
    cameras = default_cameras()
    assert find_camera(cameras, "") is find_camera(cameras, "0") is find_camera(cameras, "front_center")
    down = find_camera(cameras, "3")
    position, orientation = down.pose_in(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))
    from navisplit.frames import rotation_matrix

    assert rotation_matrix(orientation) @ [1.0, 0.0, 0.0] == pytest.approx([0.0, 0.0, 1.0], abs=1e-12)  # NED: down


def test_geodesy_round_trips():
    origin = GeoPoint(47.641468, -122.140165, 122.0)
    for ned in ([0.0, 0.0, 0.0], [120.0, -75.0, -30.0], [-2000.0, 900.0, 5.0]):
        assert ned_of(geo_of(np.array(ned), origin), origin) == pytest.approx(ned, abs=0.05)


def test_a_vehicles_yaw_is_absolute_and_without_one_it_looks_where_the_world_starts():
    text = """{"Vehicles": {"A": {"Yaw": 90, "X": 2}, "B": {"Yaw": "NaN"}, "C": {}}}"""
    north = Scene("start", (), (), player_start=PlayerStart((5.0, 0.0, 0.0), np.pi / 2))
    simulation = Simulation(north, settings=parse_settings(text), probe=FlatGround())
    assert [vehicle.pilot.yaw for vehicle in simulation.vehicles] == pytest.approx([np.pi / 2, 0.0, 0.0])
    assert simulation.vehicle("A").position.tolist() == pytest.approx([5.0, 2.0, 0.0])


def test_a_vehicle_that_shall_start_disarmed_does_so_again_after_a_reset():
    text = (
        """{"Vehicles": {"A": {"DefaultVehicleState": "Disarmed"}, "B": {"DefaultVehicleState": "Armed"}, "C": {}}}"""
    )
    scene = Scene("start", (), ())
    simulation = Simulation(scene, settings=parse_settings(text), probe=FlatGround())
    simulation.vehicle("A").pilot.enable_api_control(True)
    assert simulation.vehicle("A").pilot.arm(True)
    simulation.reset()
    assert [vehicle.pilot.armed for vehicle in simulation.vehicles] == [False, True, True]
    with pytest.raises(ConfigError, match="DefaultVehicleState must be Armed or Disarmed, got 'Flying'"):
        parse_settings("""{"Vehicles": {"A": {"DefaultVehicleState": "Flying"}}}""")
