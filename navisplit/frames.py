"""Frames and the few types that cross rooms: poses, intrinsics, odometry, commands.

Inside NaviSplit everything is REP-103: ``map``/``odom`` are ENU (x east, y north, z up), bodies are FLU (x forward,
y left, z up), metres, radians, seconds, nanosecond stamps; quaternions are (x, y, z, w) and rotate body into world.
AirSim's NED world and FRD body are converted here and used only in ``navisplit.airsim`` and ``navisplit.sim``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]  # (3,)
Quaternion = NDArray[np.float64]  # (4,) x, y, z, w

FLU_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Rotation from the optical frame (x right, y down, z forward; REP-103 suffix ``_optical``) to FLU."""

OPTICAL_QUATERNION = np.array([-0.5, 0.5, -0.5, 0.5])
"""The same rotation as a quaternion: orientation of ``*_optical`` in its FLU parent."""


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera without distortion; pixel (0, 0) is the centre of the top left pixel."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_fov(cls, width: int, height: int, fov_deg: float) -> Intrinsics:
        """Square pixels and a horizontal field of view, as AirSim has it: f = w / 2 / tan(fov / 2)."""
        focal = width / 2.0 / math.tan(math.radians(fov_deg) / 2.0)
        return cls(width, height, focal, focal, (width - 1) / 2.0, (height - 1) / 2.0)

    def scaled(self, width: int, height: int) -> Intrinsics:
        """The same camera at another resolution of the same field of view."""
        sx, sy = width / self.width, height / self.height
        return Intrinsics(width, height, self.fx * sx, self.fy * sy, (width - 1) / 2.0, (height - 1) / 2.0)

    def rays(self) -> NDArray[np.float32]:
        """Optical-frame ray of every pixel with z = 1, so that ray * planar depth = point: (height, width, 3)."""
        x = (np.arange(self.width) - self.cx) / self.fx
        y = (np.arange(self.height) - self.cy) / self.fy
        grid = np.ones((self.height, self.width, 3), np.float32)
        grid[..., 0], grid[..., 1] = x[None, :], y[:, None]
        return grid


@dataclass(frozen=True)
class Odometry:
    """State of a vehicle, in the ``odom`` frame (ENU; map and odom coincide unless a localiser says otherwise)."""

    stamp_ns: int
    position: Vector  # (3,) m
    orientation: Quaternion  # (4,) body FLU -> ENU
    velocity: Vector  # (3,) m/s, ENU (nav_msgs wants it in the body frame: convert at the node)
    angular_rate: Vector  # (3,) rad/s, body FLU

    @property
    def yaw(self) -> float:
        """Heading in radians, counter-clockwise from east."""
        return yaw_of(self.orientation)


@dataclass(frozen=True)
class VelocityCommand:
    """What a policy asks of the vehicle: a velocity in ``odom`` (ENU, m/s), a yaw rate (rad/s, counter-clockwise)."""

    velocity: Vector  # (3,)
    yaw_rate: float = 0.0

    @classmethod
    def zero(cls) -> VelocityCommand:
        """Stand still."""
        return cls(np.zeros(3), 0.0)

    @property
    def finite(self) -> bool:
        """Whether every number in it is finite."""
        return bool(np.isfinite(self.velocity).all() and math.isfinite(self.yaw_rate))


def swap_ned_enu(vector: ArrayLike) -> Vector:
    """NED <-> ENU (the same swap both ways) for vectors (..., 3)."""
    v = np.asarray(vector, np.float64)
    return np.stack([v[..., 1], v[..., 0], -v[..., 2]], axis=-1)


def swap_frd_flu(vector: ArrayLike) -> Vector:
    """FRD <-> FLU (the same flip both ways) for vectors (..., 3)."""
    return np.asarray(vector, np.float64) * np.array([1.0, -1.0, -1.0])


_NED_TO_ENU = np.array([math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0])  # rotation by pi about (1, 1, 0)
_FRD_TO_FLU = np.array([1.0, 0.0, 0.0, 0.0])  # rotation by pi about x


def swap_quaternion(orientation: ArrayLike) -> Quaternion:
    """(FRD body in NED) <-> (FLU body in ENU): the same product both ways, as both factors are half turns."""
    q = quaternion_multiply(quaternion_multiply(_NED_TO_ENU, np.asarray(orientation, np.float64)), _FRD_TO_FLU)
    return -q if q[3] < 0 else q


def quaternion_multiply(a: ArrayLike, b: ArrayLike) -> Quaternion:
    """Hamilton product a * b of (x, y, z, w) quaternions: first b, then a."""
    ax, ay, az, aw = np.asarray(a, np.float64)
    bx, by, bz, bw = np.asarray(b, np.float64)
    return np.array(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ]
    )


def quaternion_from_euler(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Intrinsic z-y-x (yaw, pitch, roll) angles in radians to (x, y, z, w)."""
    cr, sr, cp, sp, cy, sy = (f(a / 2) for a in (roll, pitch, yaw) for f in (math.cos, math.sin))
    return np.array(
        [
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
            cr * cp * cy + sr * sp * sy,
        ]
    )


def euler_of(orientation: ArrayLike) -> tuple[float, float, float]:
    """(x, y, z, w) to intrinsic z-y-x angles (roll, pitch, yaw) in radians."""
    x, y, z, w = np.asarray(orientation, np.float64)
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return roll, pitch, yaw


def yaw_of(orientation: ArrayLike) -> float:
    """Heading of an (x, y, z, w) quaternion, radians."""
    return euler_of(orientation)[2]


def rotation_matrix(orientation: ArrayLike) -> NDArray[np.float64]:
    """(x, y, z, w), or rows of them (N, 4), to the matrix (3, 3) or (N, 3, 3) from body vectors to world vectors."""
    x, y, z, w = np.asarray(orientation, np.float64).T
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return matrix if matrix.ndim == 2 else matrix.transpose(2, 0, 1)


def wrap_angle(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi
