"""The cameras of a vehicle or of the world: mounts, gimbals, sizes, fields of view. FRD body frame, as in AirSim."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from navisplit.errors import SimulatorError, nearest_name
from navisplit.frames import (
    Intrinsics,
    Quaternion,
    Vector,
    euler_of,
    quaternion_from_euler,
    quaternion_multiply,
    rotation_matrix,
)
from navisplit.sim.camera.lenses import Lens

FORWARD_M = 0.46  # users of AirSim measured 0.46-0.50 m
HALF_BASELINE_M = 0.125
IMAGE_TYPES = 10  # AirSim's, 0 (Scene) to 9 (OpticalFlowVis)

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
class Exposure:
    """AirSim's AutoExposure settings. Without a method the picture is exposed for the scene's light, plus the bias."""

    method: int | None = None  # 0 or 1: meters each picture, Unreal's Histogram and Basic; 2: by hand, the bias alone
    bias_ev: float = 0.0  # steps of 2x
    speed_ev_s: float = 100.0  # how fast the meter follows
    darkest: float = 0.03  # range of the mean linear brightness to which the meter adapts
    brightest: float = 0.64


@dataclass(frozen=True)
class ImageNoise:
    """AirSim's NoiseSettings of one image type: analogue interference. Each effect has a share 0..1 (``*_contrib``)."""

    rand_contrib: float = 0.2  # blend of random grains
    rand_speed: float = 100000.0  # 1 stands still; large: new grains in every picture
    rand_size: float = 500.0  # 1: a grain each pixel; larger: coarser grains, from 2 pixels wide at 1000 (our scale)
    rand_density: float = 2.0  # 1 all pixels, larger exponentially fewer
    horz_wave_contrib: float = 0.03  # dark and bright waves that travel down the picture
    horz_wave_strength: float = 0.08
    horz_wave_vert_size: float = 1.0
    horz_wave_screen_size: float = 1.0
    horz_noise_lines_contrib: float = 1.0  # broken horizontal lines
    horz_noise_lines_density_y: float = 0.01  # share of the rows
    horz_noise_lines_density_xy: float = 0.5  # share of the pixels in such a row
    horz_distortion_contrib: float = 1.0  # rows that are torn sideways
    horz_distortion_strength: float = 0.002  # in image widths


@dataclass(frozen=True)
class SensorNoise:
    """A sensor's own noise; not in AirSim. EMVA 1288's model: shot noise of the electrons, and read noise."""

    full_well_e: float = 0.0  # electrons of a white pixel; 0: no shot noise
    read_noise_e: float = 0.0  # standard deviation, electrons; counts against ``full_well_e``, or 10,000 without it

    @property
    def is_on(self) -> bool:
        """Whether there is any."""
        return self.full_well_e > 0 or self.read_noise_e > 0


@dataclass(frozen=True)
class Capture:
    """Size, projection and development of one kind of image."""

    width: int = 256
    height: int = 144
    fov_deg: float = 90.0
    ortho_width_m: float | None = None  # of the picture when the projection is orthographic
    target_gamma: float | None = None  # None: AirSim's default for Scene, 1.4
    motion_blur: float = 0.0  # share of 1/60 s for which the shutter is open
    exposure: Exposure = Exposure()
    noise: ImageNoise | None = None

    @property
    def intrinsics(self) -> Intrinsics:
        """Pinhole parameters."""
        return Intrinsics.from_fov(self.width, self.height, self.fov_deg)


@dataclass(frozen=True)
class Gimbal:
    """Holds angles of a camera in the world (NED, degrees); NaN moves with the body."""

    stabilization: float = 0.0  # 0 none .. 1 full
    pitch_deg: float = math.nan
    roll_deg: float = math.nan
    yaw_deg: float = math.nan

    def hold(self, orientation: Quaternion) -> Quaternion:
        """World orientation of the camera with these angles mixed in, as AirSim mixes them: angle by angle."""
        if self.stabilization <= 0:
            return orientation
        held = (self.roll_deg, self.pitch_deg, self.yaw_deg)
        mixed = [
            free if math.isnan(want) else math.radians(want) * self.stabilization + free * (1.0 - self.stabilization)
            for free, want in zip(euler_of(orientation), held, strict=True)
        ]
        return quaternion_from_euler(*mixed)


@dataclass(frozen=True)
class Camera:
    """A mounted camera. ``captures`` holds what settings changed, by AirSim's image type number."""

    name: str
    position: tuple[float, float, float]  # m, FRD body; for an external camera NED from the player start
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)  # x, y, z, w, camera FRD -> body FRD
    captures: dict[int, Capture] = field(default_factory=dict)
    lens: Lens = Lens()
    gimbal: Gimbal = Gimbal()
    sensor: SensorNoise = SensorNoise()

    def capture(self, image_type: int = 0) -> Capture:
        """Size and field of view of an image type; unset types are 256x144 at 90 degrees."""
        return self.captures.get(image_type, Capture())

    def with_fov(self, fov_deg: float) -> Camera:
        """The same camera with another field of view for every image type; its focal length follows."""
        return replace(self._seeing(fov_deg), lens=self.lens.with_fov(fov_deg))

    def with_lens(self, lens: Lens) -> Camera:
        """The same camera behind another lens or sensor, whose field of view every image type takes."""
        return replace(self._seeing(lens.fov_deg), lens=lens)

    def _seeing(self, fov_deg: float) -> Camera:
        captures = {kind: replace(self.capture(kind), fov_deg=fov_deg) for kind in range(IMAGE_TYPES)}
        return replace(self, captures=captures)

    def turned(self, position: Vector, orientation: Quaternion) -> Camera:
        """Mounted anew. NaN keeps a position or, in any component, the orientation; a gimbal takes the angles."""
        x, y, z = np.where(np.isfinite(position), position, self.position).tolist()
        norm = float(np.linalg.norm(orientation))
        if not math.isfinite(norm) or norm < 1e-6:
            return replace(self, position=(x, y, z))
        qx, qy, qz, qw = (np.asarray(orientation) / norm).tolist()
        if self.gimbal.stabilization > 0:
            roll, pitch, yaw = map(math.degrees, euler_of((qx, qy, qz, qw)))
            return replace(self, position=(x, y, z), gimbal=Gimbal(self.gimbal.stabilization, pitch, roll, yaw))
        return replace(self, position=(x, y, z), orientation=(qx, qy, qz, qw))

    def pose_in(self, position: Vector, orientation: Quaternion) -> tuple[Vector, Quaternion]:
        """World (NED) pose of the camera for a body pose (NED)."""
        place = position + rotation_matrix(orientation) @ np.asarray(self.position)
        return place, self.gimbal.hold(quaternion_multiply(orientation, self.orientation))


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
    raise SimulatorError(f"There is no camera '{name}' here.{nearest_name(name, cameras)}")
