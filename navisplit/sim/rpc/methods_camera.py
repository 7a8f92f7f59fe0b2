"""Pictures, and where cameras are. Every call takes AirSim's trailing ``external``, which Cosys' client leaves out."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable

import numpy as np

from navisplit.frames import Quaternion, Vector
from navisplit.sim.camera.cameras import IMAGE_TYPES, Capture
from navisplit.sim.camera.pictures import Development, Film
from navisplit.sim.render.flow import Moment
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.images import FLOW, FLOW_VIS, FROM_DEPTH, Printer, bgr, png
from navisplit.sim.rpc.mounts import CAMERA, Mount, find_mount
from navisplit.sim.rpc.service import Later, Service
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import ImageRequest, rpc
from navisplit.tracing import Trace

NEAR_PLANE_CM = 10.0
FAR_PLANE_CM = 2097152.0 / 8.0  # of an orthographic camera: an eighth of Unreal's largest world


class Session:
    """The pictures of one call: fixed now, on the simulation's thread; developed later, each view rendered once."""

    def __init__(self, service: Service, vehicle: str, external: bool) -> None:
        self._service, self._vehicle, self._external = service, vehicle, external
        self._films: dict[tuple[str, Capture], Film] = {}
        self._conditions = service.simulation.conditions()
        self._layer = service.simulation.snapshot(without=None if external else service.vehicle(vehicle).name)
        self._flows: dict[tuple[str, str, int], Moment] = {}

    def shot(self, request: ImageRequest) -> Callable[[], Struct]:
        """One picture; the returned function develops it. Raises what ``find_mount`` raises."""
        mount = find_mount(self._service, request.camera_name, self._vehicle, self._external)
        answer = _empty_answer(mount, request)
        simulation = self._service.simulation
        if simulation.renderer is None or not 0 <= request.image_type < IMAGE_TYPES:
            why = (
                "The simulator runs without a camera."
                if simulation.renderer is None
                else "There is no such image type."
            )
            return lambda: {**answer, "message": why}
        capture = mount.camera.capture(request.image_type)
        printer = Printer(
            self._film(mount, capture, request.image_type),
            self._development(mount, capture, request.image_type),
            self._service.palette,
            self._before(mount, request.image_type),
        )

        def develop() -> Struct:
            size = {"width": capture.width, "height": capture.height}
            if request.pixels_as_float:
                return {**answer, **size, "image_data_float": printer.floats(request.image_type).reshape(-1)}
            rgb = printer.colours(request.image_type)
            return {**answer, **size, "image_data_uint8": png(rgb) if request.compress else bgr(rgb)}

        return develop

    def close(self) -> None:
        """All pictures are fixed: the next optical flow is measured against this moment."""
        self._service.flows.update(self._flows)

    def _film(self, mount: Mount, capture: Capture, kind: int) -> Film:
        same = Capture(capture.width, capture.height, capture.fov_deg, capture.ortho_width_m)
        key = (mount.camera.name, same)
        if key not in self._films:
            renderer = self._service.simulation.renderer
            self._films[key] = Film(renderer, mount.view(kind), self._conditions, capture.ortho_width_m, self._layer)
        self._films[key].colours |= kind not in FROM_DEPTH
        return self._films[key]

    def _development(self, mount: Mount, capture: Capture, kind: int) -> Development:
        opened = mount.shutter_opened(capture.motion_blur) if capture.motion_blur > 0 else None
        meter = self._service.meters[(*mount.key, kind)]
        return Development(mount.camera, capture, mount.clock_ns, opened, meter)

    def _before(self, mount: Mount, kind: int) -> Moment | None:
        if kind not in (FLOW, FLOW_VIS):
            return None
        key = (*mount.key, kind)
        self._flows[key] = Moment(*mount.to_map(*mount.pose), self._layer.things)
        return self._service.flows.get(key)


def _empty_answer(mount: Mount, request: ImageRequest) -> Struct:
    """What AirSim answers for a capture that is switched off."""
    position, orientation = mount.pose
    return {
        "image_data_uint8": b"",
        "image_data_float": np.zeros(0, np.float32),
        "camera_position": structs.vector(position),
        "camera_name": request.camera_name,
        "camera_orientation": structs.quaternion(orientation),
        "time_stamp": mount.clock_ns,
        "message": "",
        "pixels_as_float": request.pixels_as_float,
        "compress": request.compress,
        "width": 0,
        "height": 0,
        "image_type": request.image_type,
    }


_OURS = "segmentation colours (without a copy of AirSim's table) and the scale of optical flow are this simulator's"


@rpc("requests:[ImageRequest] vehicle_name:str external:bool?", name="simGetImages", differs=_OURS)
def get_images(service: Service, requests: list[ImageRequest], vehicle: str, external: bool = False) -> Later:
    """Pictures of one moment."""
    session = Session(service, vehicle, external)
    shots = [session.shot(request) for request in requests]
    session.close()

    def develop_all() -> list[Struct]:
        began_ns = time.monotonic_ns()
        pictures = [develop() for develop in shots]
        for picture in pictures[:1]:
            _trace().span("render", picture["time_stamp"], began_ns)
        return pictures

    return Later(develop_all)


@functools.cache
def _trace() -> Trace:
    return Trace.of("simulator")


@rpc("camera_name:str image_type:int vehicle_name:str external:bool?", name="simGetImage", differs=_OURS)
def get_image(service: Service, camera: str, kind: int, vehicle: str, external: bool = False) -> Later:
    """One PNG; a zero byte where there is no picture."""
    session = Session(service, vehicle, external)
    develop = session.shot(ImageRequest(camera, kind, False, True))
    session.close()
    return Later(lambda: develop()["image_data_uint8"] or b"\0")


@rpc(CAMERA, name="simGetCameraInfo")
def camera_info(service: Service, name: str, vehicle: str, external: bool = False) -> Struct:
    """Pose, field of view and projection of a camera."""
    mount = find_mount(service, name, vehicle, external)
    capture = mount.camera.capture()
    return {
        "pose": structs.pose(*mount.nominal_pose),
        "fov": capture.fov_deg if mount.camera.captures else mount.camera.lens.fov_deg,
        "proj_mat": {"matrix": _projection(capture)},
    }


def _projection(capture: Capture) -> list[list[float]]:
    """Unreal's reversed-depth projection of NED axes (forward, right, down), in cm."""
    aspect = capture.width / capture.height
    across, along = (1.0, aspect) if aspect >= 1.0 else (1.0 / aspect, 1.0)
    if capture.ortho_width_m is not None:
        half = capture.ortho_width_m * 50.0
        scale = 1.0 / FAR_PLANE_CM
        return [
            [0.0, 1.0 / half, 0.0, 0.0],
            [0.0, 0.0, -along / across / half, 0.0],
            [scale, 0.0, 0.0, 1.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    fx = 1.0 / math.tan(math.radians(capture.fov_deg) / 2.0)
    return [
        [0.0, fx * across, 0.0, 0.0],
        [0.0, 0.0, -fx * along, 0.0],
        [0.0, 0.0, 0.0, NEAR_PLANE_CM],
        [-1.0, 0.0, 0.0, 0.0],
    ]


@rpc("camera_name:str pose:Pose vehicle_name:str external:bool?", name="simSetCameraPose")
def set_camera_pose(
    service: Service, name: str, pose: tuple[Vector, Quaternion], vehicle: str, external: bool = False
) -> None:
    """Mount a camera anew, relative to the body; an external one in the world. NaN keeps a value."""
    mount = find_mount(service, name, vehicle, external)
    mount.change(mount.camera.turned(*pose))


@rpc(
    "camera_name:str fov_degrees:float vehicle_name:str external:bool?",
    name="simSetCameraFov",
    differs="from 5 to 170 degrees",
)
def set_camera_fov(service: Service, name: str, fov_deg: float, vehicle: str, external: bool = False) -> None:
    """Horizontal field of view of every image type."""
    mount = find_mount(service, name, vehicle, external)
    mount.change(mount.camera.with_fov(min(170.0, max(5.0, fov_deg))))
