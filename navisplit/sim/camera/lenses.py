"""Lens and sensor of a camera, as AirSim takes them from Unreal's cine camera: together they make the field of view."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Intrinsics

DISTORTION = ("K1", "K2", "K3", "P1", "P2")
"""Names of AirSim's distortion parameters: three radial, two tangential (Brown and Conrady's model)."""


class LensPreset(NamedTuple):
    """A lens that can be chosen by name."""

    min_focal_mm: float
    max_focal_mm: float
    min_fstop: float
    max_fstop: float


LENS_PRESETS = {
    "12mm Prime f/2.8": LensPreset(12.0, 12.0, 2.8, 22.0),
    "30mm Prime f/1.4": LensPreset(30.0, 30.0, 1.4, 22.0),
    "50mm Prime f/1.8": LensPreset(50.0, 50.0, 1.8, 22.0),
    "85mm Prime f/1.8": LensPreset(85.0, 85.0, 1.8, 22.0),
    "105mm Prime f/2": LensPreset(105.0, 105.0, 2.0, 22.0),
    "200mm Prime f/2": LensPreset(200.0, 200.0, 2.0, 22.0),
    "24-70mm Zoom f/2.8": LensPreset(24.0, 70.0, 2.8, 22.0),
    "70-200mm Zoom f/2.8": LensPreset(70.0, 200.0, 2.8, 22.0),
    "Universal Zoom": LensPreset(4.0, 1000.0, 1.2, 22.0),
}
"""Unreal 4.27's."""

FILMBACK_PRESETS = {
    "16:9 Film": (24.0, 13.5),
    "16:9 Digital Film": (23.76, 13.365),
    "16:9 DSLR": (36.0, 20.25),
    "Super 8mm": (5.79, 4.01),
    "Super 16mm": (12.52, 7.58),
    "Super 35mm": (24.89, 18.66),
    "35mm Academy": (21.946, 16.002),
    "35mm Full Aperture": (24.892, 18.9121),
    "35mm VistaVision": (37.719, 25.146),
    "IMAX 70mm": (70.41, 56.63),
    "APS-C (Canon)": (22.2, 14.8),
    "Full Frame DSLR": (36.0, 24.0),
    "Micro Four Thirds": (17.3, 13.0),
}
"""Sensor width and height, mm; Unreal 4.27's."""

_OUTSIDE_PX = 0.5
BLADES = 7
MIN_FOCUS_MM = 15.0


@dataclass(frozen=True)
class Lens:
    """A lens on a sensor; the defaults are AirSim's, 89.90 degrees wide."""

    focal_mm: float = 11.9
    sensor_mm: tuple[float, float] = FILMBACK_PRESETS["16:9 Digital Film"]  # width, height
    preset: str = "Universal Zoom"
    aperture: float = 2.8
    manual_focus: bool = False  # off: sharp at every distance
    focus_distance_cm: float = 100000.0
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)  # as DISTORTION

    @property
    def fov_deg(self) -> float:
        """Horizontal field of view."""
        return 2.0 * math.degrees(math.atan(self.sensor_mm[0] / 2.0 / self.focal_mm))

    @property
    def vertical_fov_deg(self) -> float:
        """Vertical field of view of the whole sensor."""
        return 2.0 * math.degrees(math.atan(self.sensor_mm[1] / 2.0 / self.focal_mm))

    def confusion_px(self, depth: NDArray[np.float32], width: int) -> NDArray[np.float32]:
        """Diameter (H, W) of the blur of points at ``depth`` (H, W) m in a picture ``width`` wide: the thin lens's."""
        focus_mm = max(self.focus_distance_cm * 10.0, self.focal_mm * 1.01)
        mm = self.focal_mm**2 / (self.aperture * (focus_mm - self.focal_mm))
        return np.abs(1.0 - focus_mm / np.maximum(depth * 1000.0, 1.0)) * (mm / self.sensor_mm[0] * width)

    @property
    def filmback(self) -> str:
        """Name of the sensor's preset; empty when it has none."""
        return next((name for name, size in FILMBACK_PRESETS.items() if size == self.sensor_mm), "")

    def with_fov(self, fov_deg: float) -> Lens:
        """At the focal length that gives a horizontal field of view."""
        return replace(self, focal_mm=self.sensor_mm[0] / 2.0 / math.tan(math.radians(fov_deg) / 2.0))

    def with_preset(self, name: str) -> Lens:
        """Another lens; focal length and aperture move into its range. An unknown name changes nothing."""
        if name not in LENS_PRESETS:
            return self
        lens = LENS_PRESETS[name]
        focal = min(max(self.focal_mm, lens.min_focal_mm), lens.max_focal_mm)
        aperture = min(max(self.aperture, lens.min_fstop), lens.max_fstop)
        return replace(self, preset=name, focal_mm=focal, aperture=aperture)

    def with_distortion(self, name: str, value: float) -> Lens:
        """One parameter changed. Raises KeyError for a name that is not in DISTORTION."""
        if name not in DISTORTION:
            raise KeyError(name)
        values = dict(zip(DISTORTION, self.distortion, strict=True)) | {name: value}
        k1, k2, k3, p1, p2 = (values[key] for key in DISTORTION)
        return replace(self, distortion=(k1, k2, k3, p1, p2))


def distortion_maps(
    intrinsics: Intrinsics, distortion: tuple[float, float, float, float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each pixel of the distorted picture looks in the pinhole picture: columns and rows (H, W), for cv2.remap.

    OpenCV's convention: ``cv2.undistort`` with (K1, K2, P1, P2, K3) of a distorted picture gives the pinhole picture.
    """
    import cv2

    k1, k2, k3, p1, p2 = distortion
    matrix = np.array([[intrinsics.fx, 0, intrinsics.cx], [0, intrinsics.fy, intrinsics.cy], [0, 0, 1.0]])
    columns, rows = np.meshgrid(np.arange(intrinsics.width), np.arange(intrinsics.height))
    pixels = np.stack([columns, rows], axis=2).reshape(-1, 1, 2).astype(np.float64)
    coefficients, still = np.array([k1, k2, p1, p2, k3]), np.zeros(3)
    rays = cv2.undistortPoints(pixels, matrix, coefficients)
    again = cv2.projectPoints(cv2.convertPointsToHomogeneous(rays), still, still, matrix, coefficients)[0]
    seen = rays.reshape(-1, 2) * [intrinsics.fx, intrinsics.fy] + [intrinsics.cx, intrinsics.cy]
    seen[np.abs(again - pixels).max((1, 2)) > _OUTSIDE_PX] = -1e4  # no ray comes here: the model folds over
    seen = seen.reshape(intrinsics.height, intrinsics.width, 2).astype(np.float32)
    return np.ascontiguousarray(seen[..., 0]), np.ascontiguousarray(seen[..., 1])
