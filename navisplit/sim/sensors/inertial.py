"""IMU, barometer, magnetometer and GPS. Frames as AirSim's: NED world, FRD body."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from navisplit.frames import Quaternion, Vector, rotation_matrix
from navisplit.sim import geodesy
from navisplit.sim.flight.autopilot import Kinematics
from navisplit.sim.flight.quadrotor import GRAVITY, STEP_S
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.sensors.sampling import GaussMarkov, Schedule, Walk, WhiteNoise
from navisplit.sim.sensors.specs import BarometerSpec, GpsSpec, ImuSpec, MagnetometerSpec

QNH_HPA = 1013.25
NO_FIX, FIX_2D, FIX_3D = 0, 2, 3
MAGNETIC_POLE = math.radians(80.31), math.radians(-72.62)  # latitude, longitude: the geomagnetic pole, NOAA
DIPOLE_GAUSS = 0.312  # mean field at the magnetic equator


@dataclass(frozen=True)
class ImuReading:
    """Specific force and body rate, FRD; the attitude has no noise, as in AirSim."""

    stamp_ns: int
    orientation: Quaternion  # (4,) x, y, z, w, FRD -> NED
    angular_velocity: Vector  # (3,) rad/s
    linear_acceleration: Vector  # (3,) m/s^2; about (0, 0, -9.81) at rest and in hover


@dataclass(frozen=True)
class BarometerReading:
    """Pressure and the altitude that it means in the standard atmosphere."""

    stamp_ns: int
    altitude_m: float
    pressure_pa: float


@dataclass(frozen=True)
class MagnetometerReading:
    """Field in the body, Gauss."""

    stamp_ns: int
    field: Vector  # (3,)


@dataclass(frozen=True)
class GpsReading:
    """A fix, or the place without one while the dilution is large."""

    stamp_ns: int
    place: GeoPoint
    velocity: Vector  # (3,) m/s NED
    eph: float
    epv: float
    fix_type: int


class Imu:
    """Samples every step."""

    def __init__(self, spec: ImuSpec, rng: np.random.Generator) -> None:
        self._noise = spec.noise
        degree, hour = math.pi / 180, 3600.0
        white = spec.angular_random_walk * degree / math.sqrt(hour), spec.velocity_random_walk * GRAVITY / 1e3
        drift = (
            spec.gyro_bias_stability * degree / hour / math.sqrt(spec.gyro_bias_tau_s),
            spec.accel_bias_stability * 1e-6 * GRAVITY / math.sqrt(spec.accel_bias_tau_s),
        )
        self._white = np.repeat(white, 3) / math.sqrt(STEP_S)
        self._drift = np.repeat(drift, 3) * math.sqrt(STEP_S)
        first, second = rng.spawn(2)
        self._jitter, self._bias = WhiteNoise(first, 6), Walk(second, 6)

    def read(self, step: int, stamp_ns: int, state: Kinematics) -> ImuReading:
        """Of ``state``, the one at ``step`` since the sensor's start."""
        force = rotation_matrix(state.orientation).T @ (state.linear_acceleration - np.array([0.0, 0.0, GRAVITY]))
        rate = state.angular_velocity
        if self._noise:
            error = self._jitter.at(step) * self._white + self._bias.at(step) * self._drift
            rate, force = rate + error[:3], force + error[3:]
        return ImuReading(stamp_ns, state.orientation, rate, force)


class Barometer:
    """Static pressure."""

    def __init__(self, spec: BarometerSpec, rng: np.random.Generator) -> None:
        self.schedule = Schedule.of(spec.timing)
        self._spec = spec
        first, second = rng.spawn(2)
        self._weather = GaussMarkov(first, self.schedule.period * STEP_S, spec.pressure_factor_tau_s)
        self._jitter = WhiteNoise(second, 1)

    def read(self, number: int, stamp_ns: int, place: GeoPoint) -> BarometerReading:
        """Sample ``number``, taken at ``place``."""
        pressure = geodesy.pressure_pa(place.altitude)
        if self._spec.noise:
            pressure *= 1.0 + self._spec.pressure_factor_sigma * float(self._weather.at(number)[0])
            pressure += self._spec.sigma_pa * float(self._jitter.at(number)[0])
        return BarometerReading(stamp_ns, pressure_altitude_m(pressure), pressure)


class Magnetometer:
    """The earth's field."""

    def __init__(self, spec: MagnetometerSpec, rng: np.random.Generator) -> None:
        self.schedule = Schedule.of(spec.timing)
        self._spec = spec
        self._bias = rng.uniform(-1.0, 1.0, 3) * spec.bias_gauss
        self._jitter = WhiteNoise(rng, 3)

    def read(self, number: int, stamp_ns: int, state: Kinematics, place: GeoPoint) -> MagnetometerReading:
        """Sample ``number``, taken at ``place`` in ``state``."""
        field = rotation_matrix(state.orientation).T @ magnetic_field(place) * self._spec.scale
        if self._spec.noise:
            field = field + self._jitter.at(number) * self._spec.sigma_gauss + self._bias
        return MagnetometerReading(stamp_ns, field)


class Gps:
    """Position and velocity, late."""

    def __init__(self, spec: GpsSpec) -> None:
        self.schedule = Schedule.of(spec.timing)
        self._spec = spec

    def read(self, step: int, stamp_ns: int, state: Kinematics, place: GeoPoint) -> GpsReading:
        """The sample taken at ``step`` since the sensor's start."""
        spec = self._spec
        eph = _falling(spec.eph_first, spec.eph_last, spec.eph_tau_s, step * STEP_S)
        epv = _falling(spec.epv_first, spec.epv_last, spec.epv_tau_s, step * STEP_S)
        fix = FIX_3D if eph <= spec.eph_min_3d else FIX_2D if eph <= spec.eph_min_2d else NO_FIX
        return GpsReading(stamp_ns, place, state.linear_velocity, eph, epv, fix)


def _falling(first: float, last: float, tau_s: float, time_s: float) -> float:
    return last + (first - last) * math.exp(-time_s / tau_s) if tau_s > 0 else last


def pressure_altitude_m(pressure_pa: float) -> float:
    """Altitude of a pressure in the standard atmosphere (the altimeter formula, in feet)."""
    return (1.0 - (pressure_pa / geodesy.SEA_LEVEL_PRESSURE_PA) ** 0.190284) * 145366.45 * 0.3048


def magnetic_field(place: GeoPoint) -> Vector:
    """(3,) Gauss NED of a dipole, as AirSim's sensor has it.

    AirSim takes latitudes for colatitudes in the textbook's formula (Lanza and Meloni, The Earth's Magnetism, 1.2.5),
    so that near Seattle the field is 0.45 G instead of 0.54 G. Kept: scripts know its readings.
    """
    pole_lat, pole_lon = MAGNETIC_POLE
    lat, turn = math.radians(place.latitude), math.radians(place.longitude) - pole_lon
    cosine = math.cos(lat) * math.cos(pole_lat) + math.sin(lat) * math.sin(pole_lat) * math.cos(turn)
    sine = math.sqrt(max(1e-12, 1.0 - cosine * cosine))  # of the magnetic colatitude
    beyond = cosine > math.sin(pole_lat) * math.sin(lat)
    share = (math.sin(turn) if beyond else math.cos(turn)) * math.cos(pole_lat) / sine
    declination = math.asin(min(1.0, max(-1.0, share)))
    strength = DIPOLE_GAUSS * (geodesy.EARTH_RADIUS_M / (geodesy.EARTH_RADIUS_M + place.altitude)) ** 3
    return strength * np.array([sine * math.cos(declination), sine * math.sin(declination), 2.0 * cosine])
