"""What AirSim's default sensors would read: IMU, barometer, magnetometer. Without noise or delay (our choice)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from navisplit.frames import Vector, rotation_matrix
from navisplit.sim import geodesy
from navisplit.sim.autopilot import Kinematics
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.quadrotor import GRAVITY

QNH_HPA = 1013.25
DIPOLE_GAUSS = 0.312  # of the earth's field at the magnetic equator


@dataclass(frozen=True)
class Imu:
    """Specific force and body rate, FRD."""

    angular_velocity: Vector  # (3,) rad/s
    linear_acceleration: Vector  # (3,) m/s^2; (0, 0, -9.81) at rest and in hover


@dataclass(frozen=True)
class Barometer:
    """Pressure and the altitude it means in the standard atmosphere."""

    altitude_m: float
    pressure_pa: float


def read_imu(state: Kinematics) -> Imu:
    """Accelerometer and gyroscope."""
    to_body = rotation_matrix(state.orientation).T
    return Imu(state.angular_velocity, to_body @ (state.linear_acceleration - np.array([0.0, 0.0, GRAVITY])))


def read_barometer(place: GeoPoint) -> Barometer:
    """Static pressure."""
    return Barometer(place.altitude, geodesy.pressure_pa(place.altitude))


def read_magnetometer(state: Kinematics, place: GeoPoint) -> Vector:
    """(3,) Gauss in the body, of a dipole along the earth's axis (no declination)."""
    latitude = math.radians(place.latitude)
    field = DIPOLE_GAUSS * np.array([math.cos(latitude), 0.0, 2.0 * math.sin(latitude)])
    return rotation_matrix(state.orientation).T @ field
