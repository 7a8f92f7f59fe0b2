"""Sensors read what AirSim's would: its noise, its rates, its delays; and the time alone decides what they read."""

import itertools
import json
import math

import numpy as np
import pytest
from flight_server import flat_scene

from navisplit.errors import ConfigError, SimulatorError
from navisplit.frames import VelocityCommand
from navisplit.sim import geodesy
from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.sensors.inertial import magnetic_field
from navisplit.sim.sensors.sampling import Schedule
from navisplit.sim.sensors.specs import DEFAULT_SENSORS, LidarSpec, Timing
from navisplit.sim.settings import parse_settings
from navisplit.sim.simulation import Simulation

QUIET = {"Imu": 2, "Barometer": 1, "Gps": 3, "Magnetometer": 4}
ALL_QUIET = {name: {"SensorType": kind, "GenerateNoise": False} for name, kind in QUIET.items()}


def simulation(sensors=None, seed=0):
    vehicle = {} if sensors is None else {"Sensors": sensors}
    settings = parse_settings(json.dumps({"Vehicles": {"D": vehicle}}))
    return Simulation(flat_scene(), probe=FlatGround(), settings=settings, seed=seed)


def readings(sim, read, count, every_s=0.021):
    """``count`` readings, one each ``every_s``."""
    found = []
    for _ in range(count):
        sim.steps(round(every_s / 0.003))
        found.append(read(sim.vehicle().sensors))
    return found


# Noise --------------------------------------------------------------------------------------------------------------
def test_the_imu_has_the_white_noise_of_the_mpu_6000():
    sim = simulation()
    found = readings(sim, lambda s: s.imu(), 4000, 0.003)
    force = np.array([r.linear_acceleration for r in found])
    rate = np.array([r.angular_velocity for r in found])
    assert force.mean(0) == pytest.approx([0.0, 0.0, -9.80665], abs=0.003)
    assert force.std(0) == pytest.approx(np.full(3, 0.24e-3 * 9.80665 / math.sqrt(0.003)), rel=0.05)
    assert rate.std(0) == pytest.approx(np.full(3, math.radians(0.3 / 60) / math.sqrt(0.003)), rel=0.05)
    assert np.corrcoef(force[1:, 0], force[:-1, 0])[0, 1] == pytest.approx(0.0, abs=0.06)


def test_the_imus_bias_walks_as_far_as_its_stability_says():
    quiet = {"AngularRandomWalk": 0, "VelocityRandomWalk": 0, "SensorType": 2}
    ends = []
    for seed in range(60):
        sim = simulation({"I": quiet}, seed)
        sim.vehicle().pilot.time_ns += 100_000 * 3_000_000  # 300 s pass
        ends.append(sim.vehicle().sensors.imu().angular_velocity)
    expected = math.radians(4.6 / 3600) * math.sqrt(300.0 / 500.0)
    assert np.std(ends) == pytest.approx(expected, rel=0.15)
    assert abs(np.mean(ends)) < expected / 3


def test_the_barometer_has_its_jitter_and_drifts_with_the_weather():
    sim = simulation({"B": {"SensorType": 1, "PressureFactorSigma": 0}})
    pressure = np.array([r.pressure_pa for r in readings(sim, lambda s: s.barometer(), 1500)])
    assert pressure.mean() == pytest.approx(geodesy.pressure_pa(122.0), abs=0.3)
    assert pressure.std() == pytest.approx(2.7, rel=0.08)
    factors = []
    for seed in range(200):
        sim = simulation({"B": {"SensorType": 1, "UncorrelatedNoiseSigma": 0}}, seed)
        factors.append(sim.vehicle().sensors.barometer().pressure_pa / geodesy.pressure_pa(122.0) - 1.0)
    assert np.std(factors) == pytest.approx(0.0365 / 20, rel=0.15)


def test_weather_changes_over_its_time_constant_and_not_faster():
    entry = {"SensorType": 1, "UncorrelatedNoiseSigma": 0, "PressureFactorTau": 2}
    sim = simulation({"B": entry}, 3)
    pilot, step = sim.vehicle().pilot, 7 * 3_000_000
    values = []
    for _ in range(20_000):
        pilot.time_ns += step
        values.append(sim.vehicle().sensors.barometer().pressure_pa)
    values = np.array(values) - geodesy.pressure_pa(122.0)
    lag = round(2 / 0.021)
    assert np.corrcoef(values[:-1], values[1:])[0, 1] > 0.98
    assert np.corrcoef(values[:-lag], values[lag:])[0, 1] == pytest.approx(math.exp(-1), abs=0.15)


def test_the_magnetometer_has_five_milligauss_on_airsims_field():
    sim = simulation()
    field = np.array([r.field for r in readings(sim, lambda s: s.magnetometer(), 1000)])
    assert field.std(0) == pytest.approx(np.full(3, 0.005), rel=0.1)
    yaw = sim.vehicle().pilot.yaw
    north = field.mean(0)[0] * math.cos(yaw) - field.mean(0)[1] * math.sin(yaw)
    assert north == pytest.approx(magnetic_field(GeoPoint(47.641468, -122.140165, 122.0))[0], abs=0.001)
    # AirSim's own figures for this place
    assert magnetic_field(GeoPoint(47.637, -122.147, 622.0)) == pytest.approx([0.250394, 0.0340771, 0.36567], abs=2e-4)


def test_noise_can_be_switched_off():
    sim = simulation(ALL_QUIET)
    sim.steps(7)
    sensors = sim.vehicle().sensors
    assert sensors.imu().linear_acceleration == pytest.approx([0.0, 0.0, -9.80665])
    assert sensors.barometer().pressure_pa == pytest.approx(geodesy.pressure_pa(122.0))
    assert sensors.barometer().altitude_m == pytest.approx(122.0, abs=0.5)
    field = sensors.magnetometer().field
    assert np.linalg.norm(field) == pytest.approx(np.linalg.norm(magnetic_field(GeoPoint(47.641468, -122.140165, 122))))


# Time ---------------------------------------------------------------------------------------------------------------
def test_readings_depend_on_the_seed_and_the_time_and_on_nothing_else():
    def flight(seed, often):
        sim = simulation(seed=seed)
        sim.vehicle().fly(VelocityCommand(np.array([2.0, 0.0, 1.0])), 5.0)
        for _ in range(300 if often else 1):
            sim.steps(1 if often else 300)
            if often:
                sim.vehicle().sensors.imu()
                sim.vehicle().sensors.barometer()
        s = sim.vehicle().sensors
        return [s.imu().linear_acceleration.tobytes(), s.imu().angular_velocity.tobytes(), s.barometer().pressure_pa,
                s.magnetometer().field.tobytes(), s.gps().place]  # fmt: skip

    assert flight(1, True) == flight(1, False)
    assert flight(1, False)[0] != flight(2, False)[0]


def test_a_reset_begins_the_same_noise_anew_and_a_standing_clock_reads_the_same():
    sim = simulation()
    sim.reset()
    sim.steps(50)
    first = sim.vehicle().sensors.imu().angular_velocity
    assert sim.vehicle().sensors.imu().angular_velocity.tolist() == first.tolist()
    sim.reset()
    sim.steps(50)
    assert sim.vehicle().sensors.imu().angular_velocity.tolist() == first.tolist()


def test_samples_come_at_their_rate_and_late():
    schedule = Schedule.of(Timing(frequency_hz=50.0, latency_s=0.2, startup_s=1.0))
    assert (schedule.period, schedule.delay, schedule.latency) == (7, 334, 67)
    assert schedule.newest(340) == (0, 0)
    assert schedule.newest(334 + 70) == (0, 0) and schedule.newest(334 + 77) == (1, 341)
    assert Schedule.of(Timing()).newest(20) == (2, 14)


def test_the_gps_shows_where_the_drone_was():
    sim = simulation()
    first = sim.vehicle().sensors.gps()  # it has run for a while when the simulation starts
    assert first.place == GeoPoint(47.641468, -122.140165, 122.0) and first.fix_type == 3 and first.eph < 0.11
    sim.vehicle().fly(VelocityCommand(np.array([0.0, 0.0, 2.0])), 20.0)
    heights = []
    for _ in range(1000):
        sim.steps(1)
        heights.append(122.0 + sim.vehicle().position[2])
    fix = sim.vehicle().sensors.gps()
    late = sim.clock_ns - fix.stamp_ns
    assert 200e6 <= late <= 225e6
    assert fix.place.altitude == pytest.approx(heights[-1 - round(late / 3e6)], abs=1e-6)
    assert fix.velocity[2] == pytest.approx(-2.0, abs=0.1)


def test_the_gps_gains_precision_after_a_reset():
    sim = simulation()
    sim.reset()
    assert sim.vehicle().sensors.gps().fix_type == 3  # still the fix from before
    seen = []
    for fix in readings(sim, lambda s: s.gps(), 400):
        seen.append(fix.fix_type)
        age = fix.stamp_ns / 1e9
        if age > 0:
            assert fix.eph == pytest.approx(0.1 + 99.9 * math.exp(-age / 0.9))
    assert [kind for kind, _ in itertools.groupby(seen)] == [3, 0, 2, 3]


# Which there are ----------------------------------------------------------------------------------------------------
def test_sensors_are_found_by_name_and_absent_ones_are_named_as_by_airsim():
    sim = simulation({"Second": {"SensorType": 5, "MaxDistance": 7}, "First": {"SensorType": 5}})
    sensors = sim.vehicle().sensors
    look = lambda: sim.surroundings_of(sim.vehicle())  # noqa: E731
    assert sensors.distance("", look)[0].max_m == 40.0  # the first of the alphabet
    assert sensors.distance("Second", look)[0].max_m == 7.0
    with pytest.raises(SimulatorError, match="No distance sensor with name Third exist on vehicle"):
        sensors.distance("Third", look)
    with pytest.raises(SimulatorError, match="No lidar with name  exist on vehicle"):
        sensors.lidar("", look)
    for read, called in ((sensors.imu, "IMU"), (sensors.barometer, "barometer"), (sensors.gps, "gps")):
        with pytest.raises(SimulatorError, match=f"No {called} with name x exist"):
            read("x")


def test_a_list_of_sensors_replaces_those_of_its_types_only():
    text = {
        "DefaultSensors": {
            "Lidar": {"SensorType": 6, "NumberOfChannels": 4},
            "NoGps": {"SensorType": 3, "Enabled": False},
        },
        "Vehicles": {"A": {}, "B": {"Sensors": {"MyImu": {"SensorType": 2}}}},
    }
    a, b = (parse_settings(json.dumps(text)).vehicles[name].sensors for name in "AB")
    assert set(a) == {"Lidar", "imu", "barometer", "magnetometer"} and a["Lidar"].channels == 4
    assert set(b) == {"Lidar", "MyImu", "barometer", "magnetometer"}
    assert set(parse_settings("{}").vehicles["SimpleFlight"].sensors) == set(DEFAULT_SENSORS)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"SensorType": 9}, "SensorType must be one of 1 barometer.*got 9"),
        ({"SensorType": 6, "Range": -1}, "Range must be more than 0, got -1"),
        ({"SensorType": 6, "DataFrame": "World"}, "DataFrame must be VehicleInertialFrame or SensorLocalFrame"),
        ({"SensorType": 3, "UpdateLatency": 9}, "UpdateLatency must be 0 to 1.5"),
        ({"SensorType": 2, "Enabled": 1}, "Enabled must be true or false"),
    ],
)
def test_a_wrong_sensor_setting_is_named_with_its_place(entry, named):
    with pytest.raises(ConfigError, match=f"Sensors: X: {named}"):
        parse_settings(json.dumps({"Vehicles": {"A": {"Sensors": {"X": entry}}}}))


# Ranging ------------------------------------------------------------------------------------------------------------
def ranging(sensor, height=10.0, vehicles=()):
    others = {name: {"X": x, "Y": y, "Z": -height} for name, x, y in vehicles}
    text = json.dumps({"Vehicles": {"D": {"Sensors": {"S": sensor}}, **others}})
    sim = Simulation(flat_scene(), probe=FlatGround(), settings=parse_settings(text))
    for drone in sim.vehicles:
        drone.teleport(drone.origin + [0, 0, height - drone.origin[2]], math.pi / 2)  # north
    sim.steps(70)
    return sim, sim.vehicle("D").sensors, lambda: sim.surroundings_of(sim.vehicle("D"))


def test_a_distance_sensor_measures_along_its_mount_with_its_noise():
    down = {"SensorType": 5, "Pitch": -90, "Z": 1.0, "GenerateNoise": False}
    _, sensors, look = ranging(down)
    assert sensors.distance("S", look)[1].distance_m == pytest.approx(9.0, abs=0.02)
    _, sensors, look = ranging({"SensorType": 5, "GenerateNoise": False, "MaxDistance": 12})
    assert sensors.distance("S", look)[1].distance_m == 12.0  # nothing ahead
    sim, sensors, look = ranging({"SensorType": 5, "Pitch": -90})
    found = []
    for _ in range(400):
        sim.steps(7)
        found.append(sensors.distance("S", look)[1].distance_m - 10.0)
    assert np.std(found) == pytest.approx(0.2, rel=0.12) and abs(np.mean(found)) < 0.04


def test_a_distance_sensor_meets_other_drones():
    sensor = {"SensorType": 5, "Z": -0.1, "GenerateNoise": False}  # a body is above its origin
    _, sensors, look = ranging(sensor, vehicles=[("E", 5.0, 0.0)])
    assert 4.4 < sensors.distance("S", look)[1].distance_m < 5.0


LIDAR = {"SensorType": 6, "NumberOfChannels": 4, "PointsPerSecond": 4000}


def test_a_lidar_sees_the_ground_where_its_channels_point():
    sim, sensors, look = ranging({**LIDAR, "DataFrame": "SensorLocalFrame"})
    sweep = sensors.lidar("", look)
    assert len(sweep.points) == len(sweep.labels) > 350  # 100 to a channel, less the 360th degree
    assert sweep.points[:, 2] == pytest.approx(np.full(len(sweep.points), 10.0), abs=0.05)  # level drone, NED
    reach = np.hypot(sweep.points[:, 0], sweep.points[:, 1])
    expected = 10.0 / np.tan(np.radians([15.0, 25.0, 35.0, 45.0]))
    assert sorted(set(reach.round(1))) == pytest.approx(expected[::-1], abs=0.2)
    assert set(sweep.labels.tolist()) == {1}
    assert sweep.position == pytest.approx(sim.vehicle("D").pilot.position, abs=0.01)


def test_a_lidar_in_the_vehicles_frame_gives_places_and_turns_with_its_mount():
    sim, sensors, look = ranging({**LIDAR, "HorizontalFOVStart": -20, "HorizontalFOVEnd": 20, "Yaw": 90})
    points = sensors.lidar("S", look).points
    assert points[:, 2] == pytest.approx(np.zeros(len(points)), abs=0.05)  # the ground at the start's height
    assert (points[:, 1] > 0).all() and np.abs(points[:, 0]).max() < np.tan(np.radians(20.5)) * points[:, 1].max()


def test_a_sweep_stands_until_the_next_one():
    sim, sensors, look = ranging(LIDAR)
    first = sensors.lidar("", look)
    assert sensors.lidar("", look) is first
    sim.steps(34)
    assert sensors.lidar("", look).stamp_ns - first.stamp_ns == 102_000_000


def test_slow_rotation_spreads_one_turn_over_several_sweeps():
    from navisplit.sim.sensors.ranging import Lidar

    lidar = Lidar(LidarSpec(channels=1, points_per_second=1000, rotations_per_second=2.5, vertical_deg=(0.0, 0.0)))
    turned = [np.degrees(np.arctan2(*lidar.directions(n)[:, 1::-1].T)) % 360 for n in (0, 1)]
    assert turned[0].max() < 92 and 91 < turned[1].min() and turned[1].max() < 184
