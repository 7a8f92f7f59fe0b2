"""Which camera a call means: one of a vehicle's, or an external one of the world."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from navisplit.errors import SimulatorError
from navisplit.frames import Quaternion, Vector, quaternion_multiply, swap_ned_enu, swap_quaternion
from navisplit.sim.camera.cameras import Camera, find_camera
from navisplit.sim.render.flow import Moment
from navisplit.sim.render.renderer import CameraView
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import UnknownFailure

CAMERA = "camera_name:str vehicle_name:str external:bool?"
"""Trailing parameters of every camera call; Cosys' client leaves out ``external``."""

SHUTTER_S = 1.0 / 60.0  # open time at MotionBlurAmount 1
_LEVEL = np.array([0.0, 0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Mount:
    """A camera and what carries it. Poses are AirSim's: NED from the vehicle's start, or from the player start."""

    camera: Camera
    cameras: dict[str, Camera]  # where it is kept
    origin: Vector  # (3,) ENU m of the NED frame
    position: Vector  # (3,) of the airframe
    orientation: Quaternion
    velocity: Vector  # (3,) of the body, NED m/s
    rate: Vector  # (3,) of the body, FRD rad/s
    owner: str  # the vehicle's name; empty for an external camera
    clock_ns: int
    legs_m: float = 0.0  # by which the airframe is above the body's origin: it rests on the floor

    @property
    def key(self) -> tuple[str, str]:
        """Of this camera in the service's books."""
        return self.owner, self.camera.name

    @property
    def pose(self) -> tuple[Vector, Quaternion]:
        """Of the camera, from where it looks."""
        return self.camera.pose_in(self.position, self.orientation)

    @property
    def nominal_pose(self) -> tuple[Vector, Quaternion]:
        """Of the camera as it is mounted on the body, without legs: clients measure mounts once."""
        return self.camera.pose_in(self.position + (0.0, 0.0, self.legs_m), self.orientation)

    def view(self, image_type: int) -> CameraView:
        """For the renderer."""
        position, orientation = self.to_map(*self.pose)
        return CameraView(position, orientation, self.camera.capture(image_type).intrinsics)

    def to_map(self, position: Vector, orientation: Quaternion) -> tuple[Vector, Quaternion]:
        """NED pose to the map."""
        return self.origin + swap_ned_enu(position), swap_quaternion(orientation)

    def shutter_opened(self, amount: float) -> Moment:
        """Where the camera was when the shutter opened for a picture that is taken now."""
        back_s = -amount * SHUTTER_S
        angle = float(np.linalg.norm(self.rate)) * back_s
        axis = self.rate / max(float(np.linalg.norm(self.rate)), 1e-9)
        turn = np.append(axis * math.sin(angle / 2), math.cos(angle / 2))
        body = self.position + self.velocity * back_s, quaternion_multiply(self.orientation, turn)
        return Moment(*self.to_map(*self.camera.pose_in(*body)))

    def change(self, camera: Camera) -> None:
        """Keep a changed camera in this one's place."""
        self.cameras[self.camera.name] = camera


def find_mount(service: Service, name: str, vehicle: str, external: bool) -> Mount:
    """By AirSim's names. Raises HandlerError for the vehicle, UnknownFailure for the camera, as AirSim does."""
    simulation = service.simulation
    zero = np.zeros(3)
    if external:
        start = np.asarray(simulation.scene.player_start.position, np.float64)
        camera = _find(simulation.external_cameras, name)
        return Mount(camera, simulation.external_cameras, start, zero, _LEVEL, zero, zero, "", simulation.clock_ns)
    drone = service.vehicle(vehicle)
    pilot = drone.pilot
    return Mount(
        _find(drone.cameras, name), drone.cameras, drone.origin, drone.airframe, pilot.orientation.copy(),
        pilot.velocity.copy(), pilot.angular_rate.copy(), drone.name, pilot.clock_ns,
        float((pilot.position - drone.airframe)[2]),
    )  # fmt: skip


def _find(cameras: dict[str, Camera], name: str) -> Camera:
    try:
        return find_camera(cameras, name)
    except SimulatorError as error:
        raise UnknownFailure(str(error)) from None
