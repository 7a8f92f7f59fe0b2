"""The cameras of AirSim's ``settings.json``: CameraDefaults, Cameras and ExternalCameras."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace

from navisplit.errors import ConfigError
from navisplit.frames import quaternion_from_euler
from navisplit.sim.camera.cameras import (
    ALIASES,
    IMAGE_TYPES,
    Camera,
    Capture,
    Exposure,
    Gimbal,
    ImageNoise,
    SensorNoise,
)
from navisplit.sim.settings_reader import Reader

NOISE_KEYS = {
    field.name: "".join(part.capitalize() for part in field.name.split("_")).replace("Xy", "XY")
    for field in fields(ImageNoise)
}
"""Our names of AirSim's NoiseSettings."""


def read_cameras(defaults: Mapping[str, Camera], entries: Reader) -> dict[str, Camera]:
    """The default cameras, those of ``entries`` changed or added."""
    cameras = dict(defaults)
    for key in entries.values:
        name = ALIASES.get(key, key)
        cameras[name] = read_camera(cameras.get(name, _new(name, defaults)), entries.inside(key))
    return cameras


def _new(name: str, defaults: Mapping[str, Camera]) -> Camera:
    """A camera at the body's origin that takes pictures as CameraDefaults says."""
    pattern = next(iter(defaults.values()), Camera(name, (0.0, 0.0, 0.0)))
    return replace(pattern, name=name, position=(0.0, 0.0, 0.0), orientation=(0.0, 0.0, 0.0, 1.0))


def read_camera(camera: Camera, entry: Reader) -> Camera:
    """``camera`` as one object of the settings changes it. Raises ConfigError."""
    x, y, z = (entry.number(axis, value) for axis, value in zip("XYZ", camera.position, strict=True))
    orientation = camera.orientation
    angles = [entry.number(angle, math.nan) for angle in ("Roll", "Pitch", "Yaw")]
    if not all(map(math.isnan, angles)):
        roll, pitch, yaw = (0.0 if math.isnan(a) else math.radians(a) for a in angles)
        qx, qy, qz, qw = quaternion_from_euler(roll, pitch, yaw).tolist()
        orientation = (qx, qy, qz, qw)
    captures = dict(camera.captures)
    for capture in entry.each("CaptureSettings"):
        kind = int(capture.number("ImageType", 0))  # -1 is Unreal's own window
        if 0 <= kind < IMAGE_TYPES:
            captures[kind] = _capture(captures.get(kind, Capture()), capture)
    for noise in entry.each("NoiseSettings"):
        kind = int(noise.number("ImageType", 0))
        if 0 <= kind < IMAGE_TYPES:
            captures[kind] = replace(captures.get(kind, Capture()), noise=_noise(noise))
    gimbal, sensor = entry.inside("Gimbal"), entry.inside("SensorNoise")
    return replace(
        camera,
        position=(x, y, z),
        orientation=orientation,
        captures=captures,
        gimbal=_gimbal(gimbal) if gimbal.values else camera.gimbal,
        sensor=_sensor(sensor) if sensor.values else camera.sensor,
    )


def _capture(old: Capture, entry: Reader) -> Capture:
    width, height = entry.number("Width", old.width), entry.number("Height", old.height)
    fov = entry.number("FOV_Degrees", old.fov_deg)
    if not (1 <= width <= 8192 and 1 <= height <= 8192 and 0 < fov < 179):
        raise ConfigError(f"{entry.source}: expected 1..8192 pixels and 0..179 degrees, got {dict(entry.values)!r}.")
    mode = entry.text("ProjectionMode", "orthographic" if old.ortho_width_m else "").lower()
    if mode not in ("", "perspective", "orthographic"):
        raise ConfigError(f"{entry.source}: ProjectionMode must be Perspective or Orthographic, got {mode!r}.")
    ortho_width = entry.number("OrthoWidth", old.ortho_width_m or 5.12)  # AirSim's default, m
    gamma = entry.number("TargetGamma", old.target_gamma or math.nan)
    if ortho_width <= 0 or gamma <= 0:
        raise ConfigError(
            f"{entry.source}: OrthoWidth and TargetGamma must be more than 0, got {dict(entry.values)!r}."
        )
    return replace(
        old,
        width=int(width),
        height=int(height),
        fov_deg=fov,
        ortho_width_m=ortho_width if mode == "orthographic" else None,
        target_gamma=None if math.isnan(gamma) else gamma,
        motion_blur=min(max(entry.number("MotionBlurAmount", old.motion_blur), 0.0), 1.0),
        exposure=_exposure(old.exposure, entry),
    )


def _exposure(old: Exposure, entry: Reader) -> Exposure:
    method = int(entry.number("AutoExposureMethod", -1 if old.method is None else old.method))
    if method not in (-1, 0, 1, 2):
        raise ConfigError(f"{entry.source}: AutoExposureMethod must be 0, 1 or 2, got {method}.")
    return Exposure(
        method=None if method < 0 else method,
        bias_ev=entry.number("AutoExposureBias", old.bias_ev),
        speed_ev_s=max(entry.number("AutoExposureSpeed", old.speed_ev_s), 0.0),
        darkest=max(entry.number("AutoExposureMinBrightness", old.darkest), 1e-4),
        brightest=max(entry.number("AutoExposureMaxBrightness", old.brightest), 1e-4),
    )


def _noise(entry: Reader) -> ImageNoise | None:
    if not entry.flag("Enabled", False):
        return None
    return ImageNoise(
        **{ours: entry.number(airsims, getattr(ImageNoise, ours)) for ours, airsims in NOISE_KEYS.items()}
    )


def _gimbal(entry: Reader) -> Gimbal:
    angles = (entry.number(angle, math.nan) for angle in ("Pitch", "Roll", "Yaw"))
    return Gimbal(min(max(entry.number("Stabilization", 0.0), 0.0), 1.0), *angles)


def _sensor(entry: Reader) -> SensorNoise:
    full_well, read = entry.number("FullWellElectrons", 0.0), entry.number("ReadNoiseElectrons", 0.0)
    if full_well < 0 or read < 0:
        raise ConfigError(f"{entry.source}: expected electrons >= 0, got {dict(entry.values)!r}.")
    return SensorNoise(full_well, read)
