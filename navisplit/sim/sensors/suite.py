"""All sensors of one vehicle, found by name as AirSim finds them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from navisplit.errors import SimulatorError
from navisplit.frames import Vector
from navisplit.sim.flight.autopilot import Autopilot, Kinematics
from navisplit.sim.flight.quadrotor import STEP_NS
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.sensors.inertial import (
    Barometer,
    BarometerReading,
    Gps,
    GpsReading,
    Imu,
    ImuReading,
    Magnetometer,
    MagnetometerReading,
)
from navisplit.sim.sensors.ranging import DistanceReading, DistanceSensor, Lidar, LidarReading, Look
from navisplit.sim.sensors.sampling import Schedule
from navisplit.sim.sensors.specs import (
    DEFAULT_SENSORS,
    BarometerSpec,
    DistanceSpec,
    GpsSpec,
    ImuSpec,
    LidarSpec,
    MagnetometerSpec,
    Spec,
)

WARM_STEPS = 3333  # 10 s for which sensors have run when a simulation starts: AirSim's have when a client comes

Sensor = Imu | Barometer | Magnetometer | Gps | DistanceSensor | Lidar
Kind = TypeVar("Kind", Imu, Barometer, Magnetometer, Gps, DistanceSensor, Lidar)


@dataclass(frozen=True)
class Site:
    """What the sensors of a vehicle need to know of the world."""

    geo: Callable[[Vector], GeoPoint]  # of a place (3,) NED m from the vehicle's start
    seed: int = 0


class SensorSuite:
    """Sensors by name. Their noise is that of the seed, the vehicle's name and the sensor's, from each reset anew."""

    def __init__(self, vehicle: str, pilot: Autopilot, site: Site, specs: Mapping[str, Spec] | None = None) -> None:
        self._vehicle, self._pilot, self._site = vehicle, pilot, site
        self.specs = dict(sorted((DEFAULT_SENSORS if specs is None else specs).items()))  # AirSim's order
        self._begin(WARM_STEPS)

    def reset(self) -> None:
        """Start anew at this time. What is late still shows what it showed: a GPS has a fix, as in AirSim."""
        self._begin(0)

    def _begin(self, steps_ago: int) -> None:
        self._start_ns = self._pilot.time_ns - steps_ago * STEP_NS
        self._sensors = {name: self._build(name, spec) for name, spec in self.specs.items()}

    def _build(self, name: str, spec: Spec) -> Sensor:
        words = [self._site.seed, zlib.crc32(self._vehicle.encode()), zlib.crc32(name.encode())]
        rng = np.random.default_rng(np.random.SeedSequence(words))
        match spec:
            case ImuSpec():
                return Imu(spec, rng)
            case BarometerSpec():
                return Barometer(spec, rng)
            case MagnetometerSpec():
                return Magnetometer(spec, rng)
            case GpsSpec():
                return Gps(spec)
            case DistanceSpec():
                return DistanceSensor(spec, rng)
            case LidarSpec():
                return Lidar(spec)

    # Readings ---------------------------------------------------------------------------------------------------------
    def imu(self, name: str = "") -> ImuReading:
        """Of now."""
        pilot = self._pilot
        return self._find(name, Imu, "IMU").read(self._step, pilot.clock_ns, pilot.kinematics())

    def barometer(self, name: str = "") -> BarometerReading:
        """The newest sample."""
        sensor = self._find(name, Barometer, "barometer")
        sample = self._sample(sensor.schedule)
        return sensor.read(sample.number, sample.stamp_ns, self._site.geo(sample.state.position))

    def magnetometer(self, name: str = "") -> MagnetometerReading:
        """The newest sample."""
        sensor = self._find(name, Magnetometer, "magnetometer")
        sample = self._sample(sensor.schedule)
        place = self._site.geo(sample.state.position)
        return sensor.read(sample.number, sample.stamp_ns, sample.state, place)

    def gps(self, name: str = "") -> GpsReading:
        """The newest fix that is out."""
        sensor = self._find(name, Gps, "gps")
        sample = self._sample(sensor.schedule)
        age = WARM_STEPS if sample.step == 0 else sample.step  # 0: the fix from before the reset
        return sensor.read(age, sample.stamp_ns, sample.state, self._site.geo(sample.state.position))

    def distance(self, name: str, look: Look) -> tuple[DistanceSpec, DistanceReading]:
        """The newest sample, and the sensor's range and mount; ``look`` gives what the ray meets now."""
        sensor = self._find(name, DistanceSensor, "distance sensor")
        sample = self._sample(sensor.schedule)
        return sensor.spec, sensor.read(sample.number, sample.stamp_ns, sample.state, look)

    def lidar(self, name: str, look: Look) -> LidarReading:
        """The newest sweep; ``look`` gives what the rays meet now."""
        sensor = self._find(name, Lidar, "lidar")
        sample = self._sample(sensor.schedule)
        return sensor.read(sample.number, sample.stamp_ns, sample.state, look)

    @property
    def _step(self) -> int:
        return (self._pilot.time_ns - self._start_ns) // STEP_NS

    def _sample(self, schedule: Schedule) -> _Sample:
        number, step = schedule.newest(self._step)
        stamp_ns = self._start_ns + step * STEP_NS
        return _Sample(number, step, stamp_ns, self._pilot.state_at(stamp_ns))

    def _find(self, name: str, kind: type[Kind], called: str) -> Kind:
        """By name, or the first of its kind for the empty name. Raises SimulatorError with AirSim's text."""
        for own, sensor in self._sensors.items():
            if isinstance(sensor, kind) and name in ("", own):
                return sensor
        raise SimulatorError(f"No {called} with name {name} exist on vehicle")


@dataclass(frozen=True)
class _Sample:
    number: int
    step: int  # since the sensors' start
    stamp_ns: int
    state: Kinematics
