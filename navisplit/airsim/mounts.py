"""Where AirSim's cameras sit on the body, and AirSim's vectors as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from navisplit.frames import Quaternion, Vector, quaternion_multiply, rotation_matrix

ATTEMPTS = 100


@dataclass(frozen=True)
class Mount:
    """A camera on the body, FRD."""

    position: Vector
    orientation: Quaternion


def measure_mount(client: Any, camera: str, vehicle: str) -> Mount:
    """Measure a camera's mount while the clock stands still. Raises RPCError.

    Clients of several vehicles may do this at once: who finds the clock stopped leaves that to the one who stopped it,
    and the body's pose before and after tells whether time has passed meanwhile.
    """
    for _ in range(ATTEMPTS):
        stopped_here = not client.simIsPause()
        if stopped_here:
            client.simPause(True)
        try:
            body = client.simGetVehiclePose(vehicle)
            seen = client.simGetCameraInfo(camera, vehicle).pose
            after = client.simGetVehiclePose(vehicle)
        finally:
            if stopped_here:
                client.simPause(False)
        if _same(body, after):
            break
    to_body = conjugate(quaternion(body.orientation))
    offset = rotation_matrix(to_body) @ (vector(seen.position) - vector(body.position))
    return Mount(offset, quaternion_multiply(to_body, quaternion(seen.orientation)))


def _same(a: Any, b: Any) -> bool:
    """Whether two poses are one."""
    still = np.array_equal(vector(a.position), vector(b.position))
    return still and np.array_equal(quaternion(a.orientation), quaternion(b.orientation))


def vector(v: Any) -> Vector:
    """(3,) of AirSim's Vector3r."""
    return np.array([v.x_val, v.y_val, v.z_val], np.float64)


def quaternion(q: Any) -> Quaternion:
    """(4,) xyzw of AirSim's Quaternionr."""
    return np.array([q.x_val, q.y_val, q.z_val, q.w_val], np.float64)


def conjugate(q: Quaternion) -> Quaternion:
    """The opposite turn."""
    return np.array([-q[0], -q[1], -q[2], q[3]])
