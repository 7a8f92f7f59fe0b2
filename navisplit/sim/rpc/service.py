"""What the RPC methods work on: the simulation, its pacing, and the state that only the API has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import SimulatorError
from navisplit.frames import Quaternion, Vector, swap_ned_enu, swap_quaternion
from navisplit.sim.camera.detection import DetectionFilter
from navisplit.sim.camera.development import Meter
from navisplit.sim.flight.commands import Routine, Task
from navisplit.sim.flight.vehicle import CollisionState, Vehicle
from navisplit.sim.geodesy import GeoPoint, geo_of
from navisplit.sim.render.flow import Moment
from navisplit.sim.rpc.images import segmentation_palette
from navisplit.sim.rpc.pacing import Pacer
from navisplit.sim.rpc.recorder import Recorder
from navisplit.sim.rpc.table import HandlerError
from navisplit.sim.scene import Material, Scene
from navisplit.sim.settings import Settings
from navisplit.sim.simulation import Simulation
from navisplit.sim.sweeping import body_dome, free_distance
from navisplit.sim.things import Thing

MAX_DISTANCE_M = 1e6  # of a vehicle from its start, of an object from the map's origin
MAX_SPEED, MAX_RATE, MAX_ACCELERATION = 500.0, 500.0, 1e5  # m/s, rad/s, m/s^2: beyond them 3 ms steps are too long
MAX_NAME, MAX_VEHICLES, MAX_TEXTURES = 200, 256, 256
TEXTURE_TILE_M = 2.0  # a picture on a shape without texture coordinates repeats every so far (our choice)

CameraType = tuple[str, str, int]
"""Vehicle (empty for an external camera), camera, image type."""


@dataclass(frozen=True)
class Later:
    """A reply that is computed away from the clock (rendering): ``work`` must not touch the simulation.

    What it returns is the reply, or goes through ``then``, which runs between two steps of the clock and may touch it.
    """

    work: Callable[[], Any]
    then: Callable[[Any], Any] | None = None
    slow: bool = False  # takes seconds: not in the queue of the pictures

    def result(self) -> Any:
        """Work and finish here and now."""
        done = self.work()
        return done if self.then is None else self.then(done)


def _at_once(work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - told to the caller
        done(error)
    else:
        done(None)


@dataclass
class Service:
    """One running simulator, without sockets. Used from one thread."""

    simulation: Simulation
    pacer: Pacer
    notify: Callable[[str], None]
    background: Callable[[Callable[[], None], Callable[[Exception | None], None]], None] = _at_once
    """Does ``work()`` away from the clock, then ``done(error)`` between two of its steps; a server replaces it."""
    palette: NDArray[np.uint8] = field(default_factory=segmentation_palette)  # (256, 3) RGB of segmentation ids
    flows: dict[CameraType, Moment] = field(default_factory=dict)  # the last optical flow picture
    meters: defaultdict[CameraType, Meter] = field(default_factory=lambda: defaultdict(Meter))
    detection_filters: defaultdict[CameraType, DetectionFilter] = field(
        default_factory=lambda: defaultdict(DetectionFilter)
    )
    _textures: dict[tuple[str, bool], int] = field(default_factory=dict)  # numbers of materials made of picture files
    _seen_ns: dict[str, int] = field(default_factory=dict)  # stamp of the newest contact that a client has read
    _noticed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self)
        self.pacer.alarm = self.recorder

    @property
    def settings(self) -> Settings:
        """The simulation's settings."""
        return self.simulation.settings

    def vehicle(self, name: str) -> Vehicle:
        """By name. Raises HandlerError with AirSim's text."""
        try:
            return self.simulation.vehicle(name)
        except SimulatorError:
            raise unavailable(name) from None

    def drone(self, name: str) -> Vehicle:
        """As ``vehicle``, for what only a drone has; in ComputerVision mode AirSim says the same of all of it."""
        vehicle = self.vehicle(name)
        if not vehicle.flies:
            raise unavailable(name)
        return vehicle

    def start(self, name: str, command: Callable[..., Routine], *arguments: Any, **options: Any) -> Task:
        """Start a flight command on a vehicle; the reply waits for its end."""
        vehicle = self.drone(name)
        return vehicle.start(command(vehicle.pilot, *arguments, **options))

    def no_effect(self, what: str) -> None:
        """Tell the operator once that a call does nothing here."""
        if what not in self._noticed:
            self._noticed.add(what)
            self.notify(f"{what} has no effect in this simulator.")

    def reset(self) -> None:
        """AirSim's reset."""
        self.simulation.reset()
        self._seen_ns.clear()

    def load_level(self, name: str) -> Later:
        """Build another world away from the clock, then fly in it."""
        renderer_type = type(self.simulation.renderer)

        def build() -> tuple[Scene, Any]:
            from navisplit.sim.worlds import load_scene

            scene = load_scene(name)
            return scene, None if renderer_type is type(None) else renderer_type(scene)

        def enter(built: tuple[Scene, Any]) -> bool:
            self.simulation.enter(*built)
            for memory in (self._seen_ns, self.flows, self.meters, self._textures):
                memory.clear()
            self.notify(f"world {self.simulation.scene.name}")
            return True

        return Later(build, enter, slow=True)

    # Frames ---------------------------------------------------------------------------------------------------------
    def world_ned(self, position: Vector) -> Vector:
        """ENU map (3,) to AirSim's world: NED from the player start."""
        return swap_ned_enu(np.asarray(position) - np.asarray(self.simulation.scene.player_start.position))

    def world_pose(self, position: Vector, orientation: Quaternion) -> tuple[Vector, Quaternion]:
        """ENU/FLU pose in AirSim's world."""
        return self.world_ned(position), swap_quaternion(orientation)

    def map_points(self, ned: Vector) -> Vector:
        """AirSim's world (..., 3) to the ENU map."""
        return np.asarray(self.simulation.scene.player_start.position) + swap_ned_enu(ned)

    def map_pose(self, pose: tuple[Vector, Quaternion], thing: Thing) -> tuple[Vector, Quaternion]:
        """AirSim's world pose in the map; what is not finite stays as ``thing`` has it, a zero rotation too."""
        position = self.map_points(pose[0])
        position = np.where(np.isfinite(position), position, thing.position)
        if np.abs(position).max() > MAX_DISTANCE_M:
            raise HandlerError(f"position is more than {MAX_DISTANCE_M / 1000:.0f} km away")
        turn = unit(pose[1])
        return (
            position,
            np.array(thing.orientation) if turn is None else swap_quaternion(turn),
        )

    def geo_point(self, vehicle: Vehicle) -> GeoPoint:
        """Where a vehicle is on the globe."""
        return geo_of(self.world_ned(vehicle.position), self.settings.origin)

    # Objects --------------------------------------------------------------------------------------------------------
    def object_boxes(self) -> NDArray[np.float64]:
        """(N, 2, 3) lowest and highest corner of every object, ENU m, in the order of ``things.names()``."""
        things = self.simulation.things
        return np.array([things.box(name) for name in things.names()]).reshape(-1, 2, 3)

    def label(self, name: str, number: int) -> bool:
        """Set the segmentation id of an object or a vehicle; whether there is one."""
        if any(vehicle.name == name for vehicle in self.simulation.vehicles):
            self.simulation.vehicle_ids[name] = number
            return True
        return self.simulation.things.label(name, number)

    def label_of(self, name: str) -> int:
        """The segmentation id of an object or a vehicle; -1 when there is none."""
        label = self.simulation.things.label_of(name)
        if label is not None:
            return int(label)
        known = any(vehicle.name == name for vehicle in self.simulation.vehicles)
        return self.simulation.vehicle_ids.get(name, Thing.segmentation_id) if known else -1

    def texture(self, stamp: str, albedo: NDArray[np.float32], *, mapped: bool) -> int | None:
        """The material of a picture (N, N, 3), made when its ``stamp`` is new; None when there are too many."""
        key = (stamp, mapped)
        if key not in self._textures:
            if len(self._textures) >= MAX_TEXTURES:
                self.notify(f"simSetObjectMaterialFromTexture: there are {MAX_TEXTURES} textures already.")
                return None
            material = Material(stamp, albedo, None if mapped else TEXTURE_TILE_M)
            self._textures[key] = self.simulation.add_material(material)
        return self._textures[key]

    def object_index(self, name: str) -> int:
        """The number under which the probe reports an object; -1 when there is none."""
        scene, things = self.simulation.scene, self.simulation.things
        loose = [thing.name for thing in things.things]
        if name in loose:
            return len(scene.objects) + loose.index(name)
        return next((i for i, thing in enumerate(scene.objects) if thing.name == name), -1)

    def place(self, vehicle: Vehicle, position: Vector, orientation: Quaternion, *, swept: bool) -> None:
        """Put a vehicle somewhere (NED from its start), where it is stopped by what is in its way if ``swept``.

        What is not finite stays as it is.
        """
        pilot = vehicle.pilot
        place = np.where(np.isfinite(position), position, pilot.position)
        if np.abs(place).max() > MAX_DISTANCE_M:
            raise HandlerError(f"position is more than {MAX_DISTANCE_M / 1000:.0f} km away")
        turn = unit(orientation)
        if swept:
            way = swap_ned_enu(place - pilot.position)
            free = free_distance(self.simulation.probe, body_dome(vehicle.position), way)
            place = pilot.position + (place - pilot.position) * (free / max(float(np.linalg.norm(way)), 1e-9))
        vehicle.place_ned(place, pilot.orientation.copy() if turn is None else turn)

    # Collisions -----------------------------------------------------------------------------------------------------
    def last_contact(self, vehicle: Vehicle) -> tuple[CollisionState, bool]:
        """The newest hit or touchdown, and whether no client has read it yet; reading it clears that, as in AirSim."""
        newest = max(vehicle.collision, vehicle.touchdown, key=lambda state: state.stamp_ns)
        unread = newest.has_collided and newest.stamp_ns > self._seen_ns.get(vehicle.name, -1)
        self._seen_ns[vehicle.name] = newest.stamp_ns
        return newest, unread


def unavailable(name: str) -> HandlerError:
    """AirSim's text for a vehicle that does not exist or cannot do this."""
    return HandlerError(
        f"Vehicle API for '{name}' is not available. This could either because this is simulation-only API or "
        "this vehicle does not exist"
    )


def unit(orientation: Quaternion) -> Quaternion | None:
    """A rotation (4,) of length 1; None for what is not finite or has no length."""
    largest = float(np.abs(orientation).max())
    if not np.isfinite(orientation).all() or largest < 1e-6:
        return None
    scaled = orientation / largest  # a square of the largest float would overflow
    return scaled / np.linalg.norm(scaled)


def bounded(name: str, values: Vector, limit: float) -> Vector:
    """A vector (3,) whose parts are at most ``limit``. Raises HandlerError."""
    if np.abs(values).max() > limit:
        raise HandlerError(f"{name} must be at most {limit:g} along each axis, got {values.tolist()}")
    return values


def printable(text: str, longest: int = 500) -> str:
    """On one line and without control characters: what a client sends must not steer the terminal."""
    shown = "".join(c if c.isprintable() else " " for c in text[:longest])
    return shown if len(text) <= longest else f"{shown} ..."
