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
from navisplit.sim.commands import Routine, Task
from navisplit.sim.detection import DetectionFilter
from navisplit.sim.development import Meter
from navisplit.sim.flow import Moment
from navisplit.sim.geodesy import GeoPoint, geo_of
from navisplit.sim.rpc.images import segmentation_palette
from navisplit.sim.rpc.pacing import Pacer
from navisplit.sim.rpc.table import HandlerError
from navisplit.sim.settings import Settings
from navisplit.sim.simulation import Simulation
from navisplit.sim.vehicle import CollisionState, Vehicle

CameraType = tuple[str, str, int]
"""Vehicle (empty for an external camera), camera, image type."""


@dataclass(frozen=True)
class Later:
    """A reply that is computed away from the clock (rendering): ``work`` must not touch the simulation."""

    work: Callable[[], Any]


@dataclass
class Service:
    """One running simulator, without sockets. Used from one thread."""

    simulation: Simulation
    pacer: Pacer
    notify: Callable[[str], None]
    palette: NDArray[np.uint8] = field(default_factory=segmentation_palette)  # (256, 3) RGB of segmentation ids
    flows: dict[CameraType, Moment] = field(default_factory=dict)  # the last optical flow picture
    meters: defaultdict[CameraType, Meter] = field(default_factory=lambda: defaultdict(Meter))
    detection_filters: defaultdict[CameraType, DetectionFilter] = field(
        default_factory=lambda: defaultdict(DetectionFilter)
    )
    _seen_ns: dict[str, int] = field(default_factory=dict)  # stamp of the newest contact that a client has read
    _noticed: set[str] = field(default_factory=set)

    @property
    def settings(self) -> Settings:
        """The simulation's settings."""
        return self.simulation.settings

    def vehicle(self, name: str) -> Vehicle:
        """By name. Raises HandlerError with AirSim's text."""
        try:
            return self.simulation.vehicle(name)
        except SimulatorError:
            raise HandlerError(
                f"Vehicle API for '{name}' is not available. This could either because this is simulation-only API or "
                "this vehicle does not exist"
            ) from None

    def start(self, name: str, command: Callable[..., Routine], *arguments: Any, **options: Any) -> Task:
        """Start a flight command on a vehicle; the reply waits for its end."""
        vehicle = self.vehicle(name)
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

    # Frames ---------------------------------------------------------------------------------------------------------
    def world_ned(self, position: Vector) -> Vector:
        """ENU map (3,) to AirSim's world: NED from the player start."""
        return swap_ned_enu(np.asarray(position) - np.asarray(self.simulation.scene.player_start.position))

    def world_pose(self, position: Vector, orientation: Quaternion) -> tuple[Vector, Quaternion]:
        """ENU/FLU pose in AirSim's world."""
        return self.world_ned(position), swap_quaternion(orientation)

    def geo_point(self, vehicle: Vehicle) -> GeoPoint:
        """Where a vehicle is on the globe."""
        return geo_of(self.world_ned(vehicle.position), self.settings.origin)

    # Collisions -----------------------------------------------------------------------------------------------------
    def last_contact(self, vehicle: Vehicle) -> tuple[CollisionState, bool]:
        """The newest hit or touchdown, and whether no client has read it yet; reading it clears that, as in AirSim."""
        newest = max(vehicle.collision, vehicle.touchdown, key=lambda state: state.stamp_ns)
        unread = newest.has_collided and newest.stamp_ns > self._seen_ns.get(vehicle.name, -1)
        self._seen_ns[vehicle.name] = newest.stamp_ns
        return newest, unread
