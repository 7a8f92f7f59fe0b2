"""What can be set about each sensor, with AirSim 1.8.1's defaults (docs "Sensors", "Lidar", "Distance sensor")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from navisplit.frames import Quaternion, Vector, quaternion_multiply, rotation_matrix

LEVEL = (0.0, 0.0, 0.0, 1.0)


class SensorType(IntEnum):
    """The number of ``SensorType`` in settings.json."""

    BAROMETER = 1
    IMU = 2
    GPS = 3
    MAGNETOMETER = 4
    DISTANCE = 5
    LIDAR = 6


@dataclass(frozen=True)
class Timing:
    """When a sensor samples, and how late a sample comes out."""

    frequency_hz: float = 50.0
    latency_s: float = 0.0
    startup_s: float = 0.0


@dataclass(frozen=True)
class Mount:
    """Where a sensor sits on the vehicle (FRD)."""

    position: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m
    orientation: tuple[float, float, float, float] = LEVEL  # x, y, z, w, sensor -> body

    def pose_in(self, position: Vector, orientation: Quaternion) -> tuple[Vector, Quaternion]:
        """Position (3,) and orientation (4,) of the sensor on a vehicle at a pose (NED, FRD)."""
        offset = rotation_matrix(orientation) @ np.array(self.position)
        return position + offset, quaternion_multiply(orientation, self.orientation)


@dataclass(frozen=True)
class ImuSpec:
    """MPU-6000: white noise and a bias that walks (Woodman, UCAM-CL-TR-696, 3.2). ``noise`` False: the truth."""

    angular_random_walk: float = 0.3  # degrees / sqrt(hour)
    gyro_bias_stability: float = 4.6  # degrees / hour
    gyro_bias_tau_s: float = 500.0
    velocity_random_walk: float = 0.24  # thousandths of gravity
    accel_bias_stability: float = 36.0  # millionths of gravity
    accel_bias_tau_s: float = 800.0
    noise: bool = True


@dataclass(frozen=True)
class BarometerSpec:
    """MEAS MS56112, and the slow changes of the weather as a Gauss-Markov factor on the pressure."""

    pressure_factor_sigma: float = 0.0365 / 20
    pressure_factor_tau_s: float = 3600.0
    sigma_pa: float = 2.7
    timing: Timing = Timing()
    noise: bool = True


@dataclass(frozen=True)
class MagnetometerSpec:
    """White noise on each axis and a bias that is drawn once from -bias..bias."""

    sigma_gauss: float = 0.005
    scale: float = 1.0
    bias_gauss: float = 0.0
    timing: Timing = Timing()
    noise: bool = True


@dataclass(frozen=True)
class GpsSpec:
    """Dilution that falls from its first to its last value exponentially; no position noise, as in AirSim."""

    eph_first: float = 100.0
    epv_first: float = 100.0
    eph_last: float = 0.1
    epv_last: float = 0.1
    eph_tau_s: float = 0.9
    epv_tau_s: float = 0.9
    eph_min_3d: float = 3.0
    eph_min_2d: float = 4.0
    timing: Timing = Timing(latency_s=0.2, startup_s=1.0)


@dataclass(frozen=True)
class DistanceSpec:
    """One ray along the sensor's x."""

    min_m: float = 0.2
    max_m: float = 40.0
    sigma_m: float = 0.2
    mount: Mount = Mount()
    timing: Timing = Timing()
    noise: bool = True


@dataclass(frozen=True)
class LidarSpec:
    """Channels that turn about the sensor's z; without noise, as in AirSim."""

    channels: int = 16
    range_m: float = 100.0
    points_per_second: int = 100_000
    rotations_per_second: float = 10.0
    horizontal_deg: tuple[float, float] = (0.0, 359.0)  # start, end
    vertical_deg: tuple[float, float] = (-15.0, -45.0)  # upper, lower
    sensor_frame: bool = False  # points in the sensor's frame; else NED from the vehicle's start
    mount: Mount = Mount()
    timing: Timing = Timing(frequency_hz=10.0)


Spec = ImuSpec | BarometerSpec | MagnetometerSpec | GpsSpec | DistanceSpec | LidarSpec
KINDS: dict[SensorType, type[Spec]] = {
    SensorType.BAROMETER: BarometerSpec,
    SensorType.IMU: ImuSpec,
    SensorType.GPS: GpsSpec,
    SensorType.MAGNETOMETER: MagnetometerSpec,
    SensorType.DISTANCE: DistanceSpec,
    SensorType.LIDAR: LidarSpec,
}

DEFAULT_SENSORS: dict[str, Spec] = {
    "imu": ImuSpec(),
    "magnetometer": MagnetometerSpec(),
    "gps": GpsSpec(),
    "barometer": BarometerSpec(),
}
"""Of a multirotor whose settings name none."""
