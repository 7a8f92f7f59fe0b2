"""The sun stands where it is known to, the day runs on simulated time, weather shows only while it is on."""

from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest
from render_scenes import box, view, yard
from sim_service import make_service, refused

from navisplit.errors import ConfigError, UsageError
from navisplit.sim.atmosphere import Atmosphere, Conditions
from navisplit.sim.camera.pictures import Film
from navisplit.sim.daylight import TimeOfDay, read_date, sun_direction
from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.render.renderer import RayCaster, camera_rows
from navisplit.sim.render.sky import bake_sky, mist_colour
from navisplit.sim.render.weather_passes import draw_falling
from navisplit.sim.rpc.table import call
from navisplit.sim.scene import Light
from navisplit.sim.settings import parse_settings
from navisplit.sim.simulation import Simulation
from navisplit.sim.weather import NAMES, Weather, parse_weather

HOME = GeoPoint(47.641468, -122.140165, 122.0)


@pytest.fixture(scope="module")
def caster():
    return RayCaster(yard(), shadow_resolution=256)


def picture(caster, weather=None, date=None, time_s=2.0, seed=1):
    """RGB as int of the yard, 160x90."""
    air = Atmosphere(caster.scene.light, HOME)
    air.set_weather(weather or Weather(enabled=False))
    if date:
        air.set_time_of_day(TimeOfDay(read_date(date, HOME)), 0)
    return Film(caster, view(160, 90), air.conditions(int(time_s * 1e9), 0, seed)).scene.astype(int)


# The sun ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("date", "place", "elevation_deg", "azimuth_deg"),
    [
        # NREL's solar position algorithm, its published example: zenith 50.11, azimuth 194.34 (2003, Golden, Colorado)
        ("2003-10-17T12:30:30-07:00", GeoPoint(39.742476, -105.1786, 1830.14), 39.89, 194.34),
        ("2026-06-21T08:24:40Z", GeoPoint(23.4367, 54.3, 0.0), 90.0, None),  # overhead at the tropic on the solstice
        ("2026-12-21T12:00:00Z", GeoPoint(80.0, 0.0, 0.0), -13.4, 180.0),  # polar night
    ],
)
def test_the_sun_stands_where_it_is_known_to_stand(date, place, elevation_deg, azimuth_deg):
    east, north, up = sun_direction(read_date(date, place), place)
    assert np.degrees(np.arcsin(up)) == pytest.approx(elevation_deg, abs=0.2)
    if azimuth_deg is not None:
        assert np.degrees(np.arctan2(east, north)) % 360 == pytest.approx(azimuth_deg, abs=1.0)


def test_a_date_is_the_places_own_time_and_summer_time_is_an_hour_earlier():
    noon = datetime(2026, 6, 21, 20, 0, tzinfo=timezone.utc).timestamp()  # 12:00 eight hours west of Greenwich
    assert read_date("2026-06-21 12:00:00", HOME) == read_date("2026-06-21T12:00", HOME) == noon
    assert read_date("2026-06-21 13:00:00", HOME, summer_time=True) == noon
    with pytest.raises(UsageError, match="such as 2026-06-21 18:30:00, got '21 June'"):
        read_date("21 June", HOME)


def test_the_sun_moves_with_simulated_time_in_the_steps_asked_for():
    time = TimeOfDay(1000.0, clock_ns=int(5e9), speed=60.0, update_s=2.0)
    assert [time.epoch_s(int(s * 1e9)) for s in (0, 5, 6.9, 7, 9.5)] == [1000, 1000, 1000, 1120, 1240]
    assert TimeOfDay(1000.0, clock_ns=0, moves=False).epoch_s(int(1e12)) == 1000.0
    assert TimeOfDay(1000.0, update_s=0.0, speed=2.0).epoch_s(int(6e9)) == 1010.0  # no finer than 10 s of the sun


def test_noon_is_brighter_than_evening_and_evening_than_night(caster):
    means = [picture(caster, date=f"2026-06-21 {hour}").mean() for hour in ("12:00", "20:10", "23:59")]
    assert means[0] > 2 * means[1] > 2 * means[2] > 2.0  # and the night is not black


def test_daylight_of_a_world_does_not_depend_on_how_night_is_drawn(caster):
    plain = RayCaster(yard(), shadow_resolution=256).render(view(160, 90)).rgb.astype(int)
    picture(caster, date="2026-06-21 23:59")
    np.testing.assert_array_equal(picture(caster), plain)  # off again: as the scene is lit


# Weather ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_each_weather_changes_the_picture_and_is_the_same_at_the_same_time(caster, name):
    weather, calm = Weather().changed(name, 0.8), picture(caster)
    once = picture(caster, weather)
    assert np.abs(once - calm).mean() > 0.1
    np.testing.assert_array_equal(once, picture(caster, weather))
    off = Weather(**{name: 0.8}, enabled=False)
    np.testing.assert_array_equal(picture(caster, off), calm)


@pytest.mark.parametrize("name", ["rain", "snow", "maple_leaf"])
def test_what_falls_moves_with_time_and_differs_by_seed(caster, name):
    weather = Weather().changed(name, 1.0)
    first = picture(caster, weather)
    assert np.abs(first - picture(caster, weather, time_s=2.1)).max() > 20
    assert np.abs(first - picture(caster, weather, seed=2)).max() > 20


def test_fog_hides_what_is_far_before_what_is_near(caster):
    def contrast(weather, rows):
        return picture(caster, weather)[rows].std(axis=(0, 1)).mean()

    far, near = slice(40, 46), slice(75, 90)
    thick = Weather(fog=1.0)
    assert contrast(thick, far) < 0.5 * contrast(None, far)
    assert np.abs(picture(caster, thick)[near] - picture(caster)[near]).mean() < 60


@pytest.mark.parametrize("height_deg", [-4.0, -8.0, -20.0])
def test_fog_after_sunset_is_no_brighter_than_the_clear_horizon(height_deg):
    z = np.sin(np.radians(height_deg))
    light = Light(sun_direction=(0.0, float(np.sqrt(1 - z * z)), float(z)), cloud_cover=0.0)
    clear = bake_sky(light, np.full(3, 0.15, np.float32), 0).dome
    level = clear[256, 2]  # level with the horizon, a quarter turn from the sun
    toned = level * (2.51 * level + 0.03) / (level * (2.43 * level + 0.59) + 0.14)
    shown = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)
    for air in (Weather(fog=0.3), Weather(fog=1.0), Weather(rain=0.7), Weather(snow=0.7)):
        assert 0.0 < np.mean(mist_colour(air.light(light))) < 1.1 * shown.mean() + 0.01


def test_a_sun_that_has_set_does_not_redden_the_air_in_front_of_near_walls():
    z = float(np.sin(np.radians(-4.0)))
    sky = bake_sky(Light(sun_direction=(1.0, 0.0, z), cloud_cover=0.0), np.full(3, 0.15, np.float32), 0)
    towards, away = sky.haze[32, -1], sky.haze[32, 0]
    np.testing.assert_allclose(towards, away, rtol=0.1)
    assert sky.dome[256, -1].mean() > 1.5 * sky.dome[256, 0].mean()  # while the sky over it still glows


def test_falling_leaves_are_as_dark_as_the_night():
    black = np.full(3, 0.05, np.float32)
    rgb, depth = np.zeros((90, 160, 3), np.uint8), np.full((90, 160), 1e3, np.float32)
    roofs = RayCaster(yard(), shadow_resolution=64, ao=False).roofs
    draw_falling(rgb, depth, camera_rows(view(160, 90)), Weather(maple_leaf=1.0), black, roofs, 2.0, 1)
    assert 0 < rgb.max() < 40


def test_snow_lies_on_the_ground_and_not_on_walls(caster):
    change = picture(caster, Weather(road_snow=1.0)) - picture(caster)
    frame = caster.render(view(160, 90))
    front = (frame.segmentation == 7) & (np.abs(frame.depth - 9.0) < 0.01)
    assert change[frame.segmentation == 1].mean() > 40
    assert np.abs(change[front]).max() == 0


def test_it_neither_rains_nor_snows_under_a_roof():
    base = yard()
    hall = RayCaster(replace(base, objects=(*base.objects, box("roof", (5, 0, 6), (60, 60, 0.2), 0, 3))))
    down = view(96, 54, position=(0.0, 0.0, 3.0), pitch=1.2)

    def seen(weather):
        # the light of the weather apart: only what falls and lies is compared
        return Film(hall, down, Conditions(weather=weather, time_s=1.0)).scene.astype(int)

    for weather in (Weather(road_snow=1.0, road_wetness=1.0, road_leaf=1.0), Weather(maple_leaf=1.0)):
        np.testing.assert_array_equal(seen(weather), seen(Weather()))


def test_rain_closes_the_clouds_and_calm_weather_leaves_the_light_alone():
    light = Light(cloud_cover=0.2)
    assert Weather(rain=0.5).light(light).cloud_cover == 0.9
    assert Weather(road_snow=1.0).light(light) is light
    high, low = (replace(light, cloud_cover=0.0, sun_direction=(0.9, 0.0, up)) for up in (0.9, 0.08))
    for air in (Weather(fog=0.4), Weather(dust=0.5)):  # no hard shadows of a low sun in fog, nor in a dust storm
        assert air.light(high).cloud_cover + 0.2 < air.light(low).cloud_cover and air.light(low).cloud_cover > 0.7
    assert Weather(rain=1.0, enabled=False).light(light) is light


def test_weather_by_seed_is_valid_varied_and_repeatable():
    days = [Weather.random(np.random.default_rng(seed)) for seed in range(60)]
    assert days == [Weather.random(np.random.default_rng(seed)) for seed in range(60)]
    assert 10 < sum(day.calm for day in days) < 40
    assert all(any(getattr(day, name) > 0 for day in days) for name in ("fog", "rain", "snow", "dust", "road_leaf"))


def test_weather_is_read_from_text_and_mistakes_are_named():
    assert parse_weather("rain=0.5, road-wetness=1") == Weather(rain=0.5, road_wetness=1.0)
    day = Weather.random(np.random.default_rng(7))
    assert parse_weather("seed=7") == day and parse_weather("seed=7,dust=1") == replace(day, dust=1.0)
    assert (
        parse_weather("none").calm
        and parse_weather(str(day)) == day
        and str(Weather(rain=1.0, enabled=False)) == "none"
    )
    mistakes = {
        "ran=0.5": "Did you mean 'rain'",
        "rain": "rain=0.5",
        "fog=2": "0..1, got 2",
        "fog=nan": "0..1, got nan",
    }
    for text, named in {**mistakes, "seed=-1": "no weather 'seed'", "seed=1.5": "no weather 'seed'"}.items():
        with pytest.raises(UsageError, match=named):
            parse_weather(text)


def test_a_world_starts_in_its_own_weather_until_a_script_sets_another():
    stormy, dusty = Weather(rain=0.5), Weather(dust=0.5)
    air = Atmosphere(Light(cloud_cover=0.2), HOME, stormy)
    assert air.conditions(0, 0, 1).weather == stormy and air.conditions(0, 0, 1).light.cloud_cover == 0.9
    air.enter(Light(), dusty)
    assert air.weather == dusty
    air.enter(Light())
    assert air.weather.calm and not air.weather.enabled and air.conditions(0, 0, 1).light is None
    air.set_weather(Weather(fog=0.2))
    air.enter(Light(), stormy)
    assert air.weather == Weather(fog=0.2)
    scene = replace(yard(), weather=stormy)
    assert Simulation(scene, probe=FlatGround()).conditions().weather == stormy


# AirSim's calls -----------------------------------------------------------------------------------------------------
def test_weather_parameters_are_airsims_in_order_and_hidden_until_enabled():
    service = make_service()
    air = service.simulation.atmosphere
    for number in range(8):
        call("simSetWeatherParameter", [number, 0.1 * number + 0.2], service)
    assert air.weather.calm and not air.weather.enabled
    call("simEnableWeather", [True], service)
    assert air.weather == Weather(*(0.1 * n + 0.2 for n in range(8)))
    call("simSetWeatherParameter", [7, 3.0], service)
    assert air.weather.fog == 1.0
    call("simSetWeatherParameter", [8, 0.0], service)
    assert not air.weather.enabled
    assert "WeatherParameter must be 0..8, got 9" in refused(service, "simSetWeatherParameter", 9, 0.5)


def test_time_of_day_is_set_refused_and_switched_off():
    service = make_service()
    simulation = service.simulation
    before = simulation.conditions().light
    call("simSetTimeOfDay", [True, "2026-06-21 12:00:00", False, 3600.0, 1.0, True], service)
    noon = simulation.conditions().light
    simulation.advance(9.0)
    assert noon.sun_direction[2] > 0.9 and simulation.conditions().light.sun_direction[2] < 0.1
    assert "got 'noon'" in refused(service, "simSetTimeOfDay", True, "noon", False, 1.0, 60.0, True)
    call("simSetTimeOfDay", [False, "", False, 1.0, 60.0, True], service)
    assert before is None and simulation.conditions().light == simulation.scene.light


def test_lights_have_names_and_what_has_none_is_false():
    service = make_service()
    light = service.simulation.scene.light
    assert call("simSetLightIntensity", ["DirectionalLight_2", 0.5], service) is True
    assert call("simSetLightIntensity", ["SkyLight", 2.0], service) is True
    assert call("simSetLightIntensity", ["PointLight", 2.0], service) is False
    changed = service.simulation.conditions().light
    assert (changed.sun_intensity, changed.ambient) == (light.sun_intensity * 0.5, light.ambient * 2.0)


def test_the_settings_time_of_day_starts_with_the_simulation():
    text = '{"TimeOfDay": {"Enabled": true, "StartDateTime": "2026-06-21 12:00:00", "CelestialClockSpeed": 10}}'
    light = make_service(text).simulation.conditions().light
    assert light.sun_direction[2] > 0.9
    assert parse_settings('{"TimeOfDay": {"Enabled": false}}').time_of_day is None
    with pytest.raises(ConfigError, match="TimeOfDay: StartDateTime: .*'now'"):
        parse_settings('{"TimeOfDay": {"Enabled": true, "StartDateTime": "now"}}')
