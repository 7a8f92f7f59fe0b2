"""AirSim's structs as the maps it sends, complete. NED world relative to the vehicle's start, FRD body."""

from __future__ import annotations

from typing import Any

import numpy as np

from navisplit.frames import Quaternion, Vector
from navisplit.sim.flight.autopilot import Autopilot, Kinematics, RemoteControl
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.rpc.codec import Double

Struct = dict[str, Any]


def vector(v: Vector) -> Struct:
    """Vector3r of (3,)."""
    x, y, z = (float(c) for c in v)
    return {"x_val": x, "y_val": y, "z_val": z}


def quaternion(q: Quaternion) -> Struct:
    """Quaternionr of (4,) x, y, z, w."""
    x, y, z, w = (float(c) for c in q)
    return {"w_val": w, "x_val": x, "y_val": y, "z_val": z}


def pose(position: Vector, orientation: Quaternion) -> Struct:
    """Pose."""
    return {"position": vector(position), "orientation": quaternion(orientation)}


NO_POSE = pose(np.full(3, np.nan), np.full(4, np.nan))
"""What AirSim answers for an object that does not exist."""


def geo_point(point: GeoPoint) -> Struct:
    """GeoPoint: latitude and longitude are doubles."""
    return {
        "latitude": Double(point.latitude),
        "longitude": Double(point.longitude),
        "altitude": float(point.altitude),
    }


def kinematics(state: Kinematics) -> Struct:
    """KinematicsState."""
    return {
        "position": vector(state.position),
        "orientation": quaternion(state.orientation),
        "linear_velocity": vector(state.linear_velocity),
        "angular_velocity": vector(state.angular_velocity),
        "linear_acceleration": vector(state.linear_acceleration),
        "angular_acceleration": vector(state.angular_acceleration),
    }


def collision(
    has_collided: bool = False,
    *,
    penetration: float = 0.0,
    stamp_ns: int = 0,
    normal: Vector | None = None,
    point: Vector | None = None,
    position: Vector | None = None,
    object_name: str = "",
    object_id: int = -1,
) -> Struct:
    """CollisionInfo, all vectors NED."""
    zero = np.zeros(3)
    return {
        "has_collided": has_collided,
        "penetration_depth": float(penetration),
        "time_stamp": int(stamp_ns),
        "normal": vector(zero if normal is None else normal),
        "impact_point": vector(zero if point is None else point),
        "position": vector(zero if position is None else position),
        "object_name": object_name,
        "object_id": int(object_id),
    }


def rc_data(remote: RemoteControl) -> Struct:
    """RCData."""
    sticks = {axis: float(getattr(remote, axis)) for axis in ("pitch", "roll", "throttle", "yaw", "left_z", "right_z")}
    return {
        "timestamp": remote.stamp_ns,
        **sticks,
        "switches": remote.switches,
        "vendor_id": remote.vendor_id,
        "is_initialized": remote.is_initialized,
        "is_valid": remote.is_valid,
    }


def multirotor_state(pilot: Autopilot, gps: GeoPoint) -> Struct:
    """MultirotorState; AirSim never fills its ``collision``."""
    return {
        "collision": collision(),
        "kinematics_estimated": kinematics(pilot.kinematics()),
        "gps_location": geo_point(gps),
        "timestamp": pilot.clock_ns,
        "landed_state": 0 if pilot.landed else 1,
        "rc_data": rc_data(pilot.remote),
    }
