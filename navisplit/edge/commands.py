"""The commands that the learned policy chooses from, in the frame of its heading: x ahead, y left, z up.

A choice among commands, and not the command itself, is what a network is trained to give: of two ways around a trunk
it takes one, where the mean of both would be the trunk. Figures are our choice.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from navisplit.config import PolicyConfig
from navisplit.frames import Vector

_SIDES = np.radians([0, 6, 13, 21, 31, 44, 62, 90, 135])
AZIMUTHS = np.concatenate([-_SIDES[:0:-1], _SIDES, [math.pi]])  # (18,) rad, left is positive
ELEVATIONS = np.radians([-20.0, 0.0, 20.0])
SPEEDS = np.array([1.0, 0.6, 0.3])  # of the cruise speed
SPARE_Z_M = 0.5  # kept from the airspace's limits
CLIMB_GAIN = 1.5  # 1/s
YAW_RATES = np.array([-1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0])  # of the highest yaw rate


def _directions() -> NDArray[np.float64]:
    a, e, s = np.meshgrid(AZIMUTHS, ELEVATIONS, SPEEDS, indexing="ij")
    table = np.stack([s * np.cos(e) * np.cos(a), s * np.cos(e) * np.sin(a), s * np.sin(e)], axis=-1).reshape(-1, 3)
    return np.vstack([table, np.zeros((1, 3))])


VELOCITIES = _directions()
"""(163, 3) velocities as shares of the cruise speed; the last one is to stand still."""


def _mirror_image() -> NDArray[np.int64]:
    """For every command (163,) the one that is its mirror image, left for right."""
    mirrored = VELOCITIES * [1.0, -1.0, 1.0]
    return np.abs(VELOCITIES[None] - mirrored[:, None]).sum(-1).argmin(1)


MIRRORED = _mirror_image()


def approach_speed(cruise_mps: float, remaining_m: float) -> float:
    """Cruise speed, less near the goal: a velocity loop of 1.1 /s overshoots otherwise."""
    return min(cruise_mps, max(1.0, 0.7 * remaining_m))


def heading_to_map(vector: Vector, yaw: float) -> Vector:
    """A vector, or rows (N, 3) of them, of the heading's frame in the map."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.asarray(vector, np.float64) @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])


def map_to_heading(vector: Vector, yaw: float) -> Vector:
    """The inverse of ``heading_to_map``."""
    return heading_to_map(vector, -yaw)


def climb_within(climb_mps: float, z: float, config: PolicyConfig) -> float:
    """The climb, limited so that a vehicle at height ``z`` stays half a metre inside its airspace, or comes back."""
    low, high = config.min_z_m + SPARE_Z_M - z, config.max_z_m - SPARE_Z_M - z
    limited = float(np.clip(climb_mps, CLIMB_GAIN * low, CLIMB_GAIN * high))
    return float(np.clip(limited, -config.speed_mps, config.speed_mps))
