"""``Sensors`` and ``DefaultSensors`` of settings.json: all keys that AirSim documents or reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from navisplit.errors import ConfigError
from navisplit.frames import quaternion_from_euler
from navisplit.sim.flight.quadrotor import HISTORY_STEPS, STEP_S
from navisplit.sim.sensors.specs import (
    DEFAULT_SENSORS,
    KINDS,
    BarometerSpec,
    DistanceSpec,
    GpsSpec,
    ImuSpec,
    LidarSpec,
    MagnetometerSpec,
    Mount,
    SensorType,
    Spec,
    Timing,
)

MAX_LATENCY_S = (HISTORY_STEPS - 8) * STEP_S
MAX_CHANNELS, MAX_POINTS_PER_SECOND = 512, 10_000_000


class Entry(Protocol):
    """One JSON object with typed access; errors name file and key."""

    values: Mapping[str, Any]
    source: str

    def number(self, key: str, default: float) -> float:
        """A number."""

    def text(self, key: str, default: str) -> str:
        """A string."""

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""

    def inside(self, key: str) -> Entry:
        """An object."""


def sensors_of(own: Entry, defaults: Mapping[str, Spec] | None = None) -> dict[str, Spec]:
    """Sensors of a list in the settings, and of each type that it does not mention, the default ones."""
    found: dict[str, Spec] = {}
    mentioned: set[type[Spec]] = set()
    for name in own.values:
        entry = own.inside(name)
        number = int(entry.number("SensorType", 0))
        try:
            kind = KINDS[SensorType(number)]
        except ValueError:
            known = ", ".join(f"{each.value} {each.name.lower()}" for each in SensorType)
            raise ConfigError(f"{entry.source}: SensorType must be one of {known}; got {number}.") from None
        mentioned.add(kind)
        if entry.flag("Enabled", True):
            found[name] = _READERS[kind](entry)
    rest = DEFAULT_SENSORS if defaults is None else defaults
    return {**{name: spec for name, spec in rest.items() if type(spec) not in mentioned}, **found}


def _imu(entry: Entry) -> Spec:
    spec = ImuSpec()
    return ImuSpec(
        angular_random_walk=_at_least(entry, "AngularRandomWalk", spec.angular_random_walk),
        gyro_bias_stability=_at_least(entry, "GyroBiasStability", spec.gyro_bias_stability),
        gyro_bias_tau_s=_positive(entry, "GyroBiasStabilityTau", spec.gyro_bias_tau_s),
        velocity_random_walk=_at_least(entry, "VelocityRandomWalk", spec.velocity_random_walk),
        accel_bias_stability=_at_least(entry, "AccelBiasStability", spec.accel_bias_stability),
        accel_bias_tau_s=_positive(entry, "AccelBiasStabilityTau", spec.accel_bias_tau_s),
        noise=_noise(entry),
    )


def _barometer(entry: Entry) -> Spec:
    spec = BarometerSpec()
    return BarometerSpec(
        pressure_factor_sigma=_at_least(entry, "PressureFactorSigma", spec.pressure_factor_sigma),
        pressure_factor_tau_s=_positive(entry, "PressureFactorTau", spec.pressure_factor_tau_s),
        sigma_pa=_at_least(entry, "UncorrelatedNoiseSigma", spec.sigma_pa),
        timing=_timing(entry, spec.timing),
        noise=_noise(entry),
    )


def _magnetometer(entry: Entry) -> Spec:
    spec = MagnetometerSpec()
    return MagnetometerSpec(
        sigma_gauss=_at_least(entry, "NoiseSigma", spec.sigma_gauss),
        scale=entry.number("ScaleFactor", spec.scale),
        bias_gauss=_at_least(entry, "NoiseBias", spec.bias_gauss),
        timing=_timing(entry, spec.timing),
        noise=_noise(entry),
    )


def _gps(entry: Entry) -> Spec:
    spec = GpsSpec()
    return GpsSpec(
        eph_first=_at_least(entry, "EphInitial", spec.eph_first),
        epv_first=_at_least(entry, "EpvInitial", spec.epv_first),
        eph_last=_at_least(entry, "EphFinal", spec.eph_last),
        epv_last=_at_least(entry, "EpvFinal", spec.epv_last),
        # the documents and the code of AirSim spell these two differently
        eph_tau_s=_at_least(entry, "EphTimeConstant", _at_least(entry, "EPH_TimeConstant", spec.eph_tau_s)),
        epv_tau_s=_at_least(entry, "EpvTimeConstant", _at_least(entry, "EPV_TimeConstant", spec.epv_tau_s)),
        eph_min_3d=_at_least(entry, "EphMin3d", spec.eph_min_3d),
        eph_min_2d=_at_least(entry, "EphMin2d", spec.eph_min_2d),
        timing=_timing(entry, spec.timing),
    )


def _distance(entry: Entry) -> Spec:
    spec = DistanceSpec()
    return DistanceSpec(
        min_m=_at_least(entry, "MinDistance", spec.min_m),
        max_m=_positive(entry, "MaxDistance", spec.max_m),
        sigma_m=_at_least(entry, "UncorrelatedNoiseSigma", spec.sigma_m),
        mount=_mount(entry),
        timing=_timing(entry, spec.timing),
        noise=_noise(entry),
    )


def _lidar(entry: Entry) -> Spec:
    spec = LidarSpec()
    frame = entry.text("DataFrame", "")
    if frame not in ("", "VehicleInertialFrame", "SensorLocalFrame"):
        raise ConfigError(f"{entry.source}: DataFrame must be VehicleInertialFrame or SensorLocalFrame, got '{frame}'.")
    start, end = spec.horizontal_deg
    upper, lower = spec.vertical_deg
    return LidarSpec(
        channels=int(_between(entry, "NumberOfChannels", spec.channels, 1, MAX_CHANNELS)),
        range_m=_positive(entry, "Range", spec.range_m),
        points_per_second=int(_between(entry, "PointsPerSecond", spec.points_per_second, 1, MAX_POINTS_PER_SECOND)),
        rotations_per_second=_positive(entry, "RotationsPerSecond", spec.rotations_per_second),
        horizontal_deg=(
            _between(entry, "HorizontalFOVStart", start, -360, 360),
            _between(entry, "HorizontalFOVEnd", end, -360, 360),
        ),
        vertical_deg=(
            _between(entry, "VerticalFOVUpper", upper, -90, 90),
            _between(entry, "VerticalFOVLower", lower, -90, 90),
        ),
        sensor_frame=frame == "SensorLocalFrame",
        mount=_mount(entry),
        timing=_timing(entry, spec.timing),
    )


_READERS = {
    ImuSpec: _imu,
    BarometerSpec: _barometer,
    MagnetometerSpec: _magnetometer,
    GpsSpec: _gps,
    DistanceSpec: _distance,
    LidarSpec: _lidar,
}


def _noise(entry: Entry) -> bool:
    """Cosys-AirSim's key; AirSim has none."""
    return entry.flag("GenerateNoise", True)


def _timing(entry: Entry, default: Timing) -> Timing:
    return replace(
        default,
        frequency_hz=_at_least(entry, "UpdateFrequency", default.frequency_hz),
        latency_s=_between(entry, "UpdateLatency", default.latency_s, 0.0, MAX_LATENCY_S),
        startup_s=_at_least(entry, "StartupDelay", default.startup_s),
    )


def _mount(entry: Entry) -> Mount:
    x, y, z = (entry.number(axis, 0.0) for axis in "XYZ")
    roll, pitch, yaw = (math.radians(entry.number(angle, 0.0)) for angle in ("Roll", "Pitch", "Yaw"))
    qx, qy, qz, qw = quaternion_from_euler(roll, pitch, yaw).tolist()
    return Mount((x, y, z), (qx, qy, qz, qw))


def _at_least(entry: Entry, key: str, default: float) -> float:
    return _between(entry, key, default, 0.0, math.inf)


def _positive(entry: Entry, key: str, default: float) -> float:
    value = entry.number(key, default)
    if value <= 0:
        raise ConfigError(f"{entry.source}: {key} must be more than 0, got {value:g}.")
    return value


def _between(entry: Entry, key: str, default: float, low: float, high: float) -> float:
    value = entry.number(key, default)
    if not low <= value <= high:
        limits = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
        raise ConfigError(f"{entry.source}: {key} must be {limits}, got {value:g}.")
    return value
