"""The cameras of a vehicle: mounts, sizes, fields of view. FRD body frame, as in AirSim's settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from navisplit.errors import SimulatorError, nearest_name
from navisplit.frames import Intrinsics, Quaternion, Vector, quaternion_from_euler, quaternion_multiply, rotation_matrix

FORWARD_M = 0.46  # users of AirSim measured 0.46-0.50 m
HALF_BASELINE_M = 0.125

ALIASES = {
    "": "front_center",
    "0": "front_center",
    "1": "front_right",
    "2": "front_left",
    "3": "bottom_center",
    "4": "back_center",
}
"""AirSim's numbers for its camera names."""


@dataclass(frozen=True)
class Capture:
    """Size and field of view of one kind of image."""

    width: int = 256
    height: int = 144
    fov_deg: float = 90.0

    @property
    def intrinsics(self) -> Intrinsics:
        """Pinhole parameters."""
        return Intrinsics.from_fov(self.width, self.height, self.fov_deg)


@dataclass(frozen=True)
class Camera:
    """A mounted camera. ``captures`` holds what settings changed, by AirSim's image type number."""

    name: str
    position: tuple[float, float, float]  # m, FRD body
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)  # x, y, z, w, camera FRD -> body FRD
    captures: dict[int, Capture] = field(default_factory=dict)
    fov_set: bool = False  # AirSim reports 89.90 degrees until someone sets the field of view

    def capture(self, image_type: int = 0) -> Capture:
        """Size and field of view of an image type; unset types are 256x144 at 90 degrees."""
        return self.captures.get(image_type, Capture())

    def with_fov(self, fov_deg: float) -> Camera:
        """The same camera with another field of view for every image type."""
        captures = {kind: replace(self.capture(kind), fov_deg=fov_deg) for kind in range(10)}
        return replace(self, captures=captures, fov_set=True)

    def pose_in(self, position: Vector, orientation: Quaternion) -> tuple[Vector, Quaternion]:
        """World (NED) pose of the camera for a body pose (NED)."""
        place = position + rotation_matrix(orientation) @ np.asarray(self.position)
        return place, quaternion_multiply(orientation, self.orientation)


def _mounted(name: str, position: tuple[float, float, float], pitch_deg: float = 0.0, yaw_deg: float = 0.0) -> Camera:
    x, y, z, w = quaternion_from_euler(0.0, math.radians(pitch_deg), math.radians(yaw_deg)).tolist()
    return Camera(name, position, (x, y, z, w))


def default_cameras() -> dict[str, Camera]:
    """AirSim's five cameras of a multirotor."""
    cameras = (
        _mounted("front_center", (FORWARD_M, 0.0, 0.0)),
        _mounted("front_right", (FORWARD_M, HALF_BASELINE_M, 0.0)),
        _mounted("front_left", (FORWARD_M, -HALF_BASELINE_M, 0.0)),
        _mounted("bottom_center", (0.0, 0.0, 0.0), pitch_deg=-90.0),
        _mounted("back_center", (-FORWARD_M, 0.0, 0.0), yaw_deg=180.0),
    )
    return {camera.name: camera for camera in cameras}


def find_camera(cameras: dict[str, Camera], name: str) -> Camera:
    """By AirSim's name or number. Raises SimulatorError with a hint."""
    if name in cameras:
        return cameras[name]
    alias = ALIASES.get(name)
    if alias in cameras:
        return cameras[alias]
    raise SimulatorError(f"There is no camera '{name}' on this vehicle.{nearest_name(name, cameras)}")
