"""The sensors of a vehicle. A name that it does not have, or a kind that it has none of, is refused as by AirSim."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from navisplit.errors import SimulatorError
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import HandlerError, rpc
from navisplit.sim.sensors import SensorSuite
from navisplit.sim.sensors.inertial import QNH_HPA
from navisplit.sim.sensors.ranging import Look

Read = TypeVar("Read")


def _reading(service: Service, vehicle: str, read: Callable[[SensorSuite], Read]) -> Read:
    try:
        return read(service.drone(vehicle).sensors)
    except SimulatorError as absent:
        raise HandlerError(str(absent)) from None


def _look(service: Service, vehicle: str) -> Look:
    drone = service.drone(vehicle)
    return lambda: service.simulation.surroundings_of(drone)


@rpc("imu_name:str vehicle_name:str", name="getImuData")
def imu_data(service: Service, name: str, vehicle: str) -> Struct:
    """Inertial measurement."""
    reading = _reading(service, vehicle, lambda sensors: sensors.imu(name))
    return {
        "time_stamp": reading.stamp_ns,
        "orientation": structs.quaternion(reading.orientation),
        "angular_velocity": structs.vector(reading.angular_velocity),
        "linear_acceleration": structs.vector(reading.linear_acceleration),
    }


@rpc("barometer_name:str vehicle_name:str", name="getBarometerData")
def barometer_data(service: Service, name: str, vehicle: str) -> Struct:
    """Pressure altitude."""
    reading = _reading(service, vehicle, lambda sensors: sensors.barometer(name))
    return {
        "time_stamp": reading.stamp_ns,
        "altitude": reading.altitude_m,
        "pressure": reading.pressure_pa,
        "qnh": QNH_HPA,
    }


@rpc("magnetometer_name:str vehicle_name:str", name="getMagnetometerData")
def magnetometer_data(service: Service, name: str, vehicle: str) -> Struct:
    """Field in the body."""
    reading = _reading(service, vehicle, lambda sensors: sensors.magnetometer(name))
    return {
        "time_stamp": reading.stamp_ns,
        "magnetic_field_body": structs.vector(reading.field),
        "magnetic_field_covariance": [],
    }


@rpc("gps_name:str vehicle_name:str", name="getGpsData")
def gps_data(service: Service, name: str, vehicle: str) -> Struct:
    """Position fix."""
    reading = _reading(service, vehicle, lambda sensors: sensors.gps(name))
    report = {
        "geo_point": structs.geo_point(reading.place),
        "eph": reading.eph,
        "epv": reading.epv,
        "velocity": structs.vector(reading.velocity),
        "fix_type": reading.fix_type,
        "time_utc": reading.stamp_ns // 1000,
    }
    return {"time_stamp": reading.stamp_ns, "gnss": report, "is_valid": True}


@rpc("distance_sensor_name:str vehicle_name:str", name="getDistanceSensorData",
     differs="the ray meets what is there when the sample is first read")  # fmt: skip
def distance_data(service: Service, name: str, vehicle: str) -> Struct:
    """Distance along a ray."""
    look = _look(service, vehicle)
    spec, reading = _reading(service, vehicle, lambda sensors: sensors.distance(name, look))
    return {
        "time_stamp": reading.stamp_ns,
        "distance": reading.distance_m,
        "min_distance": spec.min_m,
        "max_distance": spec.max_m,
        "relative_pose": structs.pose(np.array(spec.mount.position), np.array(spec.mount.orientation)),
    }


@rpc("lidar_name:str vehicle_name:str", name="getLidarData",
     differs="rays meet what is there when the sweep is first read")  # fmt: skip
def lidar_data(service: Service, name: str, vehicle: str) -> Struct:
    """The last sweep."""
    look = _look(service, vehicle)
    reading = _reading(service, vehicle, lambda sensors: sensors.lidar(name, look))
    return {
        "time_stamp": reading.stamp_ns,
        "point_cloud": reading.points.ravel(),
        "pose": structs.pose(reading.position, reading.orientation),
        "segmentation": reading.labels,
    }
