"""Pictures and cameras. Every call takes AirSim's trailing ``external``, which Cosys' client leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from navisplit.errors import SimulatorError
from navisplit.frames import Intrinsics, Quaternion, Vector, swap_ned_enu, swap_quaternion
from navisplit.sim.cameras import Camera, find_camera
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.images import RENDERED, image_data
from navisplit.sim.rpc.service import Later, Service
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import ImageRequest, UnknownFailure, rpc
from navisplit.sim.vehicle import Vehicle

_CAMERA = "camera_name:str vehicle_name:str external:bool?"
UNSET_FOV_DEG = 89.903625  # what AirSim reports until a field of view is set
NEAR_PLANE_CM = 10.0


def _camera(drone: Vehicle, name: str) -> Camera:
    try:
        return find_camera(drone.cameras, name)
    except SimulatorError as error:
        raise UnknownFailure(str(error)) from None


def _view(drone: Vehicle, position: Vector, orientation: Quaternion, intrinsics: Intrinsics) -> Any:
    from navisplit.sim.renderer import CameraView

    return CameraView(drone.origin + swap_ned_enu(position), swap_quaternion(orientation), intrinsics)


def _shot(service: Service, drone: Vehicle, request: ImageRequest, frames: dict[Any, Any]) -> Callable[[], Struct]:
    """Fix the camera's pose now; the returned function renders it later, once for equal views."""
    camera = _camera(drone, request.camera_name)
    capture = camera.capture(request.image_type)
    position, orientation = camera.pose_in(drone.pilot.position, drone.pilot.orientation)
    answer = {
        "image_data_uint8": b"",
        "image_data_float": np.zeros(0, np.float32),
        "camera_position": structs.vector(position),
        "camera_name": request.camera_name,
        "camera_orientation": structs.quaternion(orientation),
        "time_stamp": drone.pilot.time_ns,
        "message": "",
        "pixels_as_float": request.pixels_as_float,
        "compress": request.compress,
        "width": 0,
        "height": 0,
        "image_type": request.image_type,
    }
    renderer = service.simulation.renderer
    if request.image_type not in RENDERED or renderer is None:
        answer["message"] = (
            "This image type is not simulated here." if renderer else "The simulator runs without a camera."
        )
        return lambda: answer
    layer = service.simulation.snapshot(without=drone.name)
    view, key = _view(drone, position, orientation, capture.intrinsics), (camera.name, capture)

    def develop() -> Struct:
        if key not in frames:
            frames[key] = renderer.render(view, layer)
        data, floats = image_data(frames[key], request, capture.intrinsics)
        size = {"width": capture.width, "height": capture.height}
        return {**answer, **size, "image_data_uint8": data, "image_data_float": floats}

    return develop


@rpc("requests:[ImageRequest] vehicle_name:str external:bool?", name="simGetImages")
def get_images(service: Service, requests: list[ImageRequest], vehicle: str, external: bool = False) -> Later:
    """Pictures of one moment."""
    drone, frames = service.vehicle(vehicle), {}
    shots = [_shot(service, drone, request, frames) for request in requests]
    return Later(lambda: [develop() for develop in shots])


@rpc("camera_name:str image_type:int vehicle_name:str external:bool?", name="simGetImage")
def get_image(service: Service, camera: str, kind: int, vehicle: str, external: bool = False) -> Later:
    """One PNG."""
    develop = _shot(service, service.vehicle(vehicle), ImageRequest(camera, kind, False, True), {})
    return Later(lambda: develop()["image_data_uint8"] or b"\0")


@rpc(_CAMERA, name="simGetCameraInfo")
def camera_info(service: Service, name: str, vehicle: str, external: bool = False) -> Struct:
    """Pose, field of view and projection of a camera."""
    drone = service.vehicle(vehicle)
    camera = _camera(drone, name)
    capture = camera.capture()
    changed = camera.fov_set or bool(camera.captures)
    return {
        "pose": structs.pose(*camera.pose_in(drone.pilot.position, drone.pilot.orientation)),
        "fov": capture.fov_deg if changed else UNSET_FOV_DEG,
        "proj_mat": {"matrix": _projection(capture.fov_deg, capture.width / capture.height)},
    }


def _projection(fov_deg: float, aspect: float) -> list[list[float]]:
    """Unreal's reversed-depth projection of NED axes (forward, right, down)."""
    fx = 1.0 / math.tan(math.radians(fov_deg) / 2.0)
    return [[0.0, fx, 0.0, 0.0], [0.0, 0.0, -fx * aspect, 0.0], [0.0, 0.0, 0.0, NEAR_PLANE_CM], [-1.0, 0.0, 0.0, 0.0]]


@rpc("camera_name:str pose:Pose vehicle_name:str external:bool?", name="simSetCameraPose")
def set_camera_pose(
    service: Service, name: str, pose: tuple[Vector, Quaternion], vehicle: str, external: bool = False
) -> None:
    """Mount a camera anew, relative to the body. NaN keeps a value."""
    drone = service.vehicle(vehicle)
    camera = _camera(drone, name)
    position = np.where(np.isfinite(pose[0]), pose[0], camera.position)
    norm = float(np.linalg.norm(pose[1]))
    orientation = pose[1] / norm if math.isfinite(norm) and norm > 1e-6 else np.array(camera.orientation)
    (x, y, z), (qx, qy, qz, qw) = position.tolist(), orientation.tolist()
    drone.cameras[camera.name] = replace(camera, position=(x, y, z), orientation=(qx, qy, qz, qw))


@rpc("camera_name:str fov_degrees:float vehicle_name:str external:bool?", name="simSetCameraFov")
def set_camera_fov(service: Service, name: str, fov_deg: float, vehicle: str, external: bool = False) -> None:
    """Horizontal field of view of every image type."""
    drone = service.vehicle(vehicle)
    camera = _camera(drone, name)
    drone.cameras[camera.name] = camera.with_fov(min(170.0, max(5.0, fov_deg)))


_LENS: tuple[tuple[str, str, Any], ...] = (
    ("simGetPresetLensSettings", _CAMERA, []),
    ("simGetLensSettings", _CAMERA, ""),
    ("simSetPresetLensSettings", f"preset:str {_CAMERA}", None),
    ("simGetPresetFilmbackSettings", _CAMERA, []),
    ("simSetPresetFilmbackSettings", f"preset:str {_CAMERA}", None),
    ("simGetFilmbackSettings", _CAMERA, ""),
    ("simSetFilmbackSettings", f"width:float height:float {_CAMERA}", 0.0),
    ("simGetFocalLength", _CAMERA, 11.9),
    ("simSetFocalLength", f"focal_length:float {_CAMERA}", None),
    ("simEnableManualFocus", f"enable:bool {_CAMERA}", None),
    ("simGetFocusDistance", _CAMERA, 1000.0),
    ("simSetFocusDistance", f"focus_distance:float {_CAMERA}", None),
    ("simGetFocusAperture", _CAMERA, 2.8),
    ("simSetFocusAperture", f"focus_aperture:float {_CAMERA}", None),
    ("simEnableFocusPlane", f"enable:bool {_CAMERA}", None),
    ("simGetCurrentFieldOfView", _CAMERA, ""),
    ("simSetDistortionParam", "camera_name:str param_name:str value:float vehicle_name:str external:bool?", None),
    ("simGetDistortionParams", _CAMERA, [0.0] * 5),
    (
        "simAddDetectionFilterMeshName",
        "camera_name:str image_type:int mesh_name:str vehicle_name:str external:bool?",
        None,
    ),
    (
        "simSetDetectionFilterRadius",
        "camera_name:str image_type:int radius_cm:float vehicle_name:str external:bool?",
        None,
    ),
    ("simClearDetectionMeshNames", "camera_name:str image_type:int vehicle_name:str external:bool?", None),
    ("simGetDetections", "camera_name:str image_type:int vehicle_name:str external:bool?", []),
)


def _register_lens(name: str, signature: str, answer: Any) -> None:
    def handler(service: Service, *_: Any) -> Any:
        service.no_effect(name)
        return answer

    rpc(signature, name=name, neutral="not simulated here")(handler)


for _name, _signature, _answer in _LENS:
    _register_lens(_name, _signature, _answer)
