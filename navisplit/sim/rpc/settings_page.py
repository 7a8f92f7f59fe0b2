"""The part of the compatibility page on settings.json: AirSim's keys, tried one by one on our reader."""

from __future__ import annotations

import json
from typing import Any

from navisplit.sim.settings import WITHOUT_EFFECT, parse_settings

CAMERA = "CameraDefaults"
VEHICLE = "Vehicles.NAME"
CAPTURE, NOISE = f"{CAMERA}.CaptureSettings[]", f"{CAMERA}.NoiseSettings[]"
KEYS: tuple[tuple[str, Any, str], ...] = (
    ("SimMode", "ComputerVision", "Multirotor (also when empty or absent) or ComputerVision; Car is refused"),
    ("ClockSpeed", 2.0, "exact, up to 1000; 0 is as fast as possible"),
    ("ClockType", "ScalableClock", "steps are always 3 ms"),
    ("LocalHostIp", "127.0.0.1", "the address on which to listen"),
    ("ApiServerPort", 41452, ""),
    ("RpcEnabled", False, ""),
    ("PhysicsEngineName", "ExternalPhysicsEngine", ""),
    ("OriginGeopoint.Latitude", 47.0, ""),
    ("OriginGeopoint.Longitude", 8.0, ""),
    ("OriginGeopoint.Altitude", 100.0, ""),
    ("Wind.X", 1.0, "also Y and Z; NED, m/s"),
    ("TimeOfDay.Enabled", True, ""),
    ("TimeOfDay.StartDateTime", "2026-06-21 12:00:00", "without an offset, the standard time of the place"),
    ("TimeOfDay.StartDateTimeDst", True, ""),
    ("TimeOfDay.CelestialClockSpeed", 2.0, ""),
    ("TimeOfDay.UpdateIntervalSecs", 30.0, ""),
    ("TimeOfDay.MoveSun", False, ""),
    ("SegmentationSettings.InitMethod", "None", "ids are the world's"),
    ("SegmentationSettings.OverrideExisting", False, ""),
    ("SegmentationSettings.MeshNamingMethod", "StaticMeshName", ""),
    ("SegmentationSettings.PaletteFile", "seg_rgbs.txt", "not in AirSim: the colours of ids from AirSim's own table"),
    ("Recording.Enabled", True, ""),
    ("Recording.RecordInterval", 0.1, "simulated seconds"),
    ("Recording.RecordOnMove", True, ""),
    ("Recording.Folder", "/tmp", ""),
    ("Recording.Cameras[].CameraName", "0", "also ImageType, PixelsAsFloat, VehicleName and Compress"),
    ("ViewMode", "NoDisplay", "what is shown is up to `--view`"),
    ("SubWindows", [], ""),
    ("CameraDirector.FollowDistance", -3, ""),
    ("LogMessagesVisible", False, ""),
    ("ShowLosDebugLines", True, ""),
    (f"{CAPTURE}.Width", 64, "also in Vehicles.NAME.Cameras.NAME and ExternalCameras.NAME"),
    (f"{CAPTURE}.Height", 48, ""),
    (f"{CAPTURE}.FOV_Degrees", 60.0, ""),
    (f"{CAPTURE}.ImageType", 1, ""),
    (f"{CAPTURE}.TargetGamma", 2.0, ""),
    (f"{CAPTURE}.MotionBlurAmount", 0.5, ""),
    (f"{CAPTURE}.ProjectionMode", "Orthographic", ""),
    (f"{CAPTURE}.OrthoWidth", 10.0, ""),
    (f"{CAPTURE}.AutoExposureMethod", 1, ""),
    (f"{CAPTURE}.AutoExposureSpeed", 10.0, ""),
    (f"{CAPTURE}.AutoExposureBias", 0.5, ""),
    (f"{CAPTURE}.AutoExposureMaxBrightness", 0.6, ""),
    (f"{CAPTURE}.AutoExposureMinBrightness", 0.1, ""),
    (f"{CAPTURE}.AutoExposureLowPercent", 80.0, ""),
    (f"{CAPTURE}.AutoExposureHighPercent", 98.0, ""),
    (f"{NOISE}.RandContrib", 0.2, "and every other key of NoiseSettings"),
    (f"{CAMERA}.Gimbal.Stabilization", 1.0, "also Pitch, Roll and Yaw"),
    (f"{CAMERA}.X", 0.5, "also Y, Z, Pitch, Roll and Yaw"),
    ("ExternalCameras.NAME.X", 1.0, "as for other cameras"),
    (f"{VEHICLE}.VehicleType", "SimpleFlight", "SimpleFlight; in ComputerVision mode ComputerVision"),
    (f"{VEHICLE}.AutoCreate", False, ""),
    (f"{VEHICLE}.X", 1.0, "also Y and Z; NED from the player start"),
    (f"{VEHICLE}.Yaw", 90.0, "absolute, as in AirSim; without it the heading of the world's start"),
    (f"{VEHICLE}.Pitch", 5.0, ""),
    (f"{VEHICLE}.DefaultVehicleState", "Disarmed", "Armed, Disarmed or Inactive"),
    (f"{VEHICLE}.EnableCollisions", False, ""),
    (f"{VEHICLE}.EnableCollisionPassthrogh", True, ""),
    (f"{VEHICLE}.AllowAPIAlways", False, ""),
    (f"{VEHICLE}.EnableTrace", True, "the live view draws trails"),
    (f"{VEHICLE}.PawnPath", "Other", ""),
    (f"{VEHICLE}.RC.RemoteControlID", 0, "there is no remote control but `moveByRC`"),
    (f"{VEHICLE}.Cameras.NAME.X", 0.5, "as for CameraDefaults"),
    (f"{VEHICLE}.Sensors.NAME.SensorType", 2, "with the keys of each sensor"),
    ("DefaultSensors.NAME.SensorType", 2, ""),
)
"""Keys of AirSim's documentation with a value that is not its default, and what there is to say about ours."""


def settings_section() -> str:
    """The table, in Markdown."""
    head = """
## settings.json

Read from `--settings` (a path or JSON text), the working folder, or `~/Documents/AirSim`. A key without effect is named at the start, unless its value makes no difference.

| key | effect | note |
|---|---|---|
"""  # noqa: E501
    return head + "\n".join(f"| `{path}` | {effect(path, value)} | {note} |" for path, value, note in KEYS) + "\n"


def effect(path: str, value: Any) -> str:
    """Whether our reader takes notice of a key."""
    unread = parse_settings(json.dumps(_nested(path.split("."), value)), "it").warnings
    if unread:
        return "none"
    return "none, and silent" if path.split(".")[-1] in WITHOUT_EFFECT else "yes"


def _nested(keys: list[str], value: Any) -> Any:
    if not keys:
        return value
    first, inner = keys[0], _nested(keys[1:], value)
    others = {"Enabled": True} if first.split("[")[0] in ("TimeOfDay", "NoiseSettings") and len(keys) > 1 else {}
    if others and isinstance(inner, dict):
        inner = others | inner
    return {first[:-2]: [inner]} if first.endswith("[]") else {first: inner}
