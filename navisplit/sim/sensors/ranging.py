"""Distance sensor and lidar: rays through the scene as it is now, vehicles and other moving things included."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Quaternion, Vector, rotation_matrix, swap_ned_enu
from navisplit.sim.flight.autopilot import Kinematics
from navisplit.sim.flight.contact import SceneProbe
from navisplit.sim.flight.quadrotor import STEP_S
from navisplit.sim.sensors.sampling import Schedule, WhiteNoise
from navisplit.sim.sensors.specs import DistanceSpec, LidarSpec

MAX_POINTS = 100_000  # of one sweep, as in AirSim


@dataclass(frozen=True)
class Surroundings:
    """What rays meet. ``origin`` (3,) ENU m: where the vehicle's NED begins."""

    probe: SceneProbe
    labels: NDArray[np.int32]  # segmentation id of each object by its number
    origin: Vector

    def cast(self, start: Vector, directions: NDArray[np.float64], reach_m: float) -> tuple[NDArray, NDArray]:
        """Distance (N,) m and object number (N,), -1 none, along unit directions (N, 3); all NED."""
        enu = directions[:, [1, 0, 2]] * [1.0, 1.0, -1.0]
        starts = np.tile(self.origin + swap_ned_enu(start), (len(enu), 1))
        distance, number, _ = self.probe.cast(starts.astype(np.float32), enu.astype(np.float32), reach_m)
        return distance, number


Look = Callable[[], Surroundings]


@dataclass(frozen=True)
class DistanceReading:
    """Metres to what is ahead, the range's end where nothing is; the noise may carry it beyond."""

    stamp_ns: int
    distance_m: float


@dataclass(frozen=True)
class LidarReading:
    """The last sweep."""

    stamp_ns: int
    points: NDArray[np.float32]  # (N, 3) m
    labels: NDArray[np.int32]  # (N,) segmentation ids
    position: Vector  # (3,) of the lidar, NED from the vehicle's start
    orientation: Quaternion  # (4,) x, y, z, w


class DistanceSensor:
    """One ray."""

    def __init__(self, spec: DistanceSpec, rng: np.random.Generator) -> None:
        self.schedule = Schedule.of(spec.timing)
        self.spec = spec
        self._jitter = WhiteNoise(rng, 1)
        self._last: tuple[int, DistanceReading] | None = None

    def read(self, number: int, stamp_ns: int, state: Kinematics, look: Look) -> DistanceReading:
        """Sample ``number``, taken in ``state``."""
        if self._last is None or self._last[0] != number:
            position, orientation = self.spec.mount.pose_in(state.airframe, state.orientation)
            ahead = rotation_matrix(orientation)[:, 0]
            distance = float(look().cast(position, ahead[None], self.spec.max_m)[0][0])
            if self.spec.noise:
                distance += self.spec.sigma_m * float(self._jitter.at(number)[0])
            self._last = number, DistanceReading(stamp_ns, distance)
        return self._last[1]


class Lidar:
    """Channels of equal steps in height, turning. A sweep is what they saw since the one before."""

    def __init__(self, spec: LidarSpec) -> None:
        self.schedule = Schedule.of(spec.timing)
        self.spec = spec
        self._last: tuple[int, LidarReading] | None = None

    def read(self, number: int, stamp_ns: int, state: Kinematics, look: Look) -> LidarReading:
        """Sweep ``number``, all of it from ``state``."""
        if self._last is None or self._last[0] != number:
            self._last = number, self._sweep(number, stamp_ns, state, look())
        return self._last[1]

    def _sweep(self, number: int, stamp_ns: int, state: Kinematics, around: Surroundings) -> LidarReading:
        spec = self.spec
        position, orientation = spec.mount.pose_in(state.airframe, state.orientation)
        own = self.directions(number)
        to_world = rotation_matrix(orientation)
        world = own @ to_world.T
        distance, index = around.cast(position, world, spec.range_m)
        seen = index >= 0
        points = own if spec.sensor_frame else world
        points = points[seen] * distance[seen, None]
        if not spec.sensor_frame:
            points = points + position
        return LidarReading(stamp_ns, points.astype(np.float32), around.labels[index[seen]], position, orientation)

    def directions(self, number: int) -> NDArray[np.float64]:
        """Unit rays (N, 3) of a sweep in the sensor's frame (FRD), channel by channel from above."""
        spec = self.spec
        time_s = self.schedule.period * STEP_S
        count = min(round(spec.points_per_second * time_s), MAX_POINTS) // spec.channels
        turn = 360.0 * spec.rotations_per_second * time_s
        angles = np.fmod(number * turn, 360.0) + turn * np.arange(count) / max(count, 1)
        angles = np.fmod(angles, 360.0)
        start, end = (math.fmod(360.0 + limit, 360.0) for limit in spec.horizontal_deg)
        within = (angles >= start) & (angles <= end) if start <= end else (angles >= start) | (angles <= end)
        across = np.radians(angles[within])
        upper, lower = spec.vertical_deg
        up = np.radians(np.linspace(upper, lower, spec.channels))[:, None]
        rays = (
            np.cos(up) * np.cos(across),
            np.cos(up) * np.sin(across),
            np.broadcast_to(-np.sin(up), (len(up), len(across))),
        )
        return np.stack(rays, axis=-1).reshape(-1, 3)
