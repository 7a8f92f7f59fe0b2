"""A vehicle in AirSim (the real one or ours), in our frames: ENU map, FLU body, xyzw quaternions."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.airsim.images import decode_scene
from navisplit.airsim.mounts import Mount, conjugate, measure_mount, quaternion, vector
from navisplit.airsim.transport import COSYS_SERVER_VERSION, RPCError, install_transport
from navisplit.errors import SimulatorError
from navisplit.frames import (
    Odometry,
    Vector,
    VelocityCommand,
    quaternion_from_euler,
    quaternion_multiply,
    rotation_matrix,
    swap_frd_flu,
    swap_ned_enu,
    swap_quaternion,
)

RETRY_S = 0.25
SETTLE_S = 1.5  # to come to rest after being placed
FLOOR_NORMAL = 0.7  # a contact with a surface that rises at least this much, slower than LANDING_SPEED, is a landing
LANDING_SPEED_MPS = 1.5


@dataclass(frozen=True)
class Collision:
    """The last contact. ENU map."""

    has_collided: bool
    stamp_ns: int
    position: Vector  # (3,) of the vehicle, m
    normal: Vector  # (3,) unit, towards the vehicle
    object_name: str
    penetration: float


def import_airsim() -> ModuleType:
    """AirSim's client on our transport. Raises SimulatorError when it is not installed."""
    install_transport()
    try:
        import airsim
    except ImportError as error:
        raise SimulatorError(
            f"AirSim's Python client is not installed ({error}). Run: navisplit install-airsim"
        ) from None
    return airsim


def connect(
    host: str = "127.0.0.1",
    port: int = 41451,
    timeout_s: float = 10.0,
    *,
    origin_enu: ArrayLike = (0.0, 0.0, 0.0),
    vehicle_name: str = "",
) -> AirSimVehicle:
    """Connect, waiting up to ``timeout_s`` for the server to start and answer. Raises SimulatorError."""
    airsim = import_airsim()
    deadline = time.monotonic() + timeout_s
    while True:
        left_s = deadline - time.monotonic()
        try:
            client = airsim.MultirotorClient(ip=host, port=port, timeout_value=max(left_s, 0.1))
            client.ping()
            break
        except RPCError as error:
            if time.monotonic() + RETRY_S >= deadline:
                raise SimulatorError(
                    f"no AirSim server answers on {host}:{port} after {timeout_s:g} s ({error}). "
                    "Start one (navisplit sim), or correct the host and port."
                ) from None
            time.sleep(RETRY_S)
    client.client.close()
    client = airsim.MultirotorClient(ip=host, port=port, timeout_value=60)
    return AirSimVehicle(client, airsim, origin_enu=origin_enu, vehicle_name=vehicle_name)


@contextmanager
def _reported(what: str) -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        raise SimulatorError(f"{what} failed: {error}") from None


class AirSimVehicle:
    """One vehicle of an AirSim server. Methods may be called from several threads."""

    def __init__(
        self,
        client: Any,
        airsim: ModuleType,
        *,
        origin_enu: ArrayLike = (0.0, 0.0, 0.0),
        vehicle_name: str = "",
    ) -> None:
        """``origin_enu`` (3,): where the vehicle's NED origin (its start) is in the map, m."""
        self._client, self._airsim, self._name = client, airsim, vehicle_name
        self._origin = np.asarray(origin_enu, np.float64)
        self._mounts: dict[str, Mount] = {}
        self._history: deque[Odometry] = deque(maxlen=128)
        self._mount_lock = threading.Lock()
        with _reported("getServerVersion"):
            self._bgr = int(client.getServerVersion()) < COSYS_SERVER_VERSION

    # State --------------------------------------------------------------------------------------------------------
    def odometry(self) -> Odometry:
        """Pose and motion now, stamped with the simulator's clock."""
        with _reported("getMultirotorState"):
            state = self._client.getMultirotorState(self._name)
        k = state.kinematics_estimated
        odometry = Odometry(
            stamp_ns=int(state.timestamp),
            position=self._origin + swap_ned_enu(vector(k.position)),
            orientation=swap_quaternion(quaternion(k.orientation)),
            velocity=swap_ned_enu(vector(k.linear_velocity)),
            angular_rate=swap_frd_flu(vector(k.angular_velocity)),
        )
        self._history.append(odometry)
        return odometry

    def camera(self, name: str = "0") -> tuple[int, NDArray[np.uint8], Odometry]:
        """Stamp (ns), RGB (H, W, 3) and odometry of one capture.

        The pose is the one that came with the picture; AirSim sends no velocity with it, so that is interpolated
        between the states before and after.
        """
        mount = self._mount(name)
        before = self.odometry()
        request = self._airsim.ImageRequest(name, self._airsim.ImageType.Scene, False, False)
        with _reported("simGetImages"):
            (response,) = self._client.simGetImages([request], self._name)
        after = self.odometry()
        stamp_ns = int(response.time_stamp)
        orientation = quaternion_multiply(quaternion(response.camera_orientation), conjugate(mount.orientation))
        position = vector(response.camera_position) - rotation_matrix(orientation) @ mount.position
        odometry = replace(
            between(before, after, stamp_ns),
            position=self._origin + swap_ned_enu(position),
            orientation=swap_quaternion(orientation),
        )
        return stamp_ns, decode_scene(response, bgr=self._bgr), odometry

    def collided(self) -> Collision:
        """The last contact; ``has_collided`` is True once a hit. Touching down gently is no hit."""
        with _reported("simGetCollisionInfo"):
            info = self._client.simGetCollisionInfo(self._name)
        normal = swap_ned_enu(vector(info.normal))
        landing = normal[2] > FLOOR_NORMAL and self._speed_before(int(info.time_stamp)) < LANDING_SPEED_MPS
        return Collision(
            bool(info.has_collided) and not landing,
            int(info.time_stamp),
            self._origin + swap_ned_enu(vector(info.position)),
            normal,
            str(info.object_name),
            float(info.penetration_depth),
        )

    def _speed_before(self, stamp_ns: int) -> float:
        earlier = [odometry for odometry in list(self._history) if odometry.stamp_ns < stamp_ns]
        return float(np.linalg.norm(earlier[-1].velocity)) if earlier else 0.0

    # Commands -----------------------------------------------------------------------------------------------------
    def send(self, command: VelocityCommand, duration_s: float) -> None:
        """Fly a velocity and yaw rate for a time, from now on, in place of what was commanded before. Does not wait."""
        north, east, down = swap_ned_enu(command.velocity).tolist()
        yaw = self._airsim.YawMode(True, -math.degrees(command.yaw_rate))
        with _reported("moveByVelocity"):
            self._client.moveByVelocityAsync(
                north, east, down, float(duration_s), yaw_mode=yaw, vehicle_name=self._name
            )

    def place(self, position: ArrayLike, yaw: float) -> None:
        """Bring to rest at ``position`` (3,) ENU m with heading ``yaw`` (ENU rad), rotors running. Waits."""
        self._take_control()
        state = self._airsim.KinematicsState()
        north, east, down = swap_ned_enu(np.asarray(position, np.float64) - self._origin).tolist()
        x, y, z, w = swap_quaternion(quaternion_from_euler(0.0, 0.0, yaw)).tolist()
        make = self._airsim.Vector3r
        state.position, state.orientation = make(north, east, down), self._airsim.Quaternionr(x, y, z, w)
        for rate in ("linear_velocity", "angular_velocity", "linear_acceleration", "angular_acceleration"):
            setattr(state, rate, make())
        with _reported("simSetKinematics"):
            self._client.simSetKinematics(state, True, self._name)
            self._client.moveByVelocityAsync(0.0, 0.0, 0.0, SETTLE_S, vehicle_name=self._name).join()
            self._client.simGetCollisionInfo(self._name)  # what was touched before does not count

    def takeoff(self) -> None:
        """Climb from the ground (AirSim: to about 1.5 m). Waits."""
        self._take_control()
        with _reported("takeoff"):
            self._client.takeoffAsync(vehicle_name=self._name).get()

    def land(self) -> None:
        """Descend to the ground (AirSim: at 0.2 m/s). Waits."""
        with _reported("land"):
            self._client.landAsync(vehicle_name=self._name).get()

    def hover(self) -> None:
        """Stop and hold."""
        with _reported("hover"):
            self._client.hoverAsync(vehicle_name=self._name).get()

    def pause(self, paused: bool) -> None:
        """Stop or start the simulator's clock."""
        with _reported("simPause"):
            self._client.simPause(paused)

    def continue_for(self, seconds: float) -> None:
        """Let the paused simulator run for a time. Waits."""
        with _reported("simContinueForTime"):
            self._client.simContinueForTime(float(seconds))

    def print_message(self, key: str, text: str) -> None:
        """A line on the simulator's screen, in the place of the former one of the same ``key``."""
        with _reported("simPrintLogMessage"):
            self._client.simPrintLogMessage(key, text)

    def close(self) -> None:
        """Hang up."""
        self._client.client.close()

    def _take_control(self) -> None:
        with _reported("enableApiControl"):
            self._client.enableApiControl(True, self._name)
            self._client.armDisarm(True, self._name)

    def _mount(self, name: str) -> Mount:
        with self._mount_lock:
            if name not in self._mounts:
                with _reported("simGetCameraInfo"):
                    self._mounts[name] = measure_mount(self._client, name, self._name)
            return self._mounts[name]


def between(before: Odometry, after: Odometry, stamp_ns: int) -> Odometry:
    """Linear interpolation of position, velocity and rate (orientation of the nearer one) at ``stamp_ns``."""
    span = after.stamp_ns - before.stamp_ns
    share = min(1.0, max(0.0, (stamp_ns - before.stamp_ns) / span)) if span > 0 else 1.0
    nearer = after if share >= 0.5 else before
    return Odometry(
        stamp_ns,
        before.position + share * (after.position - before.position),
        nearer.orientation,
        before.velocity + share * (after.velocity - before.velocity),
        before.angular_rate + share * (after.angular_rate - before.angular_rate),
    )
