"""A scene, its vehicles and a clock of exact 3 ms steps. Pure: whoever drives it decides when time passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from navisplit.errors import SimulatorError, UsageError, nearest_name
from navisplit.frames import Vector, swap_ned_enu
from navisplit.sim import quadrotor
from navisplit.sim.contact import SceneProbe
from navisplit.sim.markers import Markers
from navisplit.sim.scene import Scene
from navisplit.sim.settings import Settings, VehicleSettings
from navisplit.sim.things import Things
from navisplit.sim.vehicle import Vehicle

if TYPE_CHECKING:
    from navisplit.sim.renderer import Frame, RayCaster


class Simulation:
    """Vehicles in a scene.

    Equal calls from an equal start give equal flights, to the bit. ``renderer`` is needed only by ``capture``; the
    scene's query is taken from it, from ``probe``, or built.
    """

    step_ns = quadrotor.STEP_NS

    def __init__(
        self,
        scene: Scene,
        *,
        renderer: RayCaster | None = None,
        settings: Settings | None = None,
        seed: int = 0,
        probe: SceneProbe | None = None,
        start_ns: int = 0,
    ) -> None:
        """``start_ns`` is the clock's first value; a server gives the wall time, as AirSim does."""
        self.scene = scene
        self.renderer = renderer
        self.settings = settings or Settings()
        self.seed = seed
        self._start_ns = start_ns
        self._owed_ns = 0
        self.clock_ns = start_ns
        self.things = Things(scene)
        self.markers = Markers()
        self.probe = probe or _query(scene, renderer)
        self.wind = np.asarray(self.settings.wind, np.float64)
        self._setups = dict(self.settings.vehicles)
        self._vehicles = {name: self._build(name) for name in self._setups}

    def _build(self, name: str) -> Vehicle:
        setup, start = self._setups[name], self.scene.player_start
        vehicle = Vehicle(
            name,
            self.probe,
            origin=np.asarray(start.position) + swap_ned_enu(setup.position),
            yaw=start.yaw - np.radians(setup.yaw_deg),
            altitude_m=self.settings.origin.altitude,
            time_ns=self.clock_ns,
            object_names=[thing.name for thing in self.scene.objects],
            cameras=setup.mounted_cameras(),
        )
        vehicle.pilot.air[quadrotor.WIND_AT : quadrotor.ALTITUDE_AT] = self.wind
        return vehicle

    def add_vehicle(self, name: str, setup: VehicleSettings) -> Vehicle:
        """One more, standing where ``setup`` says. Raises UsageError when the name is taken or empty."""
        if not name or name in self._vehicles or name in self.things:
            raise UsageError(f"A vehicle cannot be named '{name}': expected a name that nothing in the scene has.")
        self._setups[name] = setup
        self._vehicles[name] = self._build(name)
        return self._vehicles[name]

    def enter(self, scene: Scene, renderer: RayCaster | None = None, probe: SceneProbe | None = None) -> None:
        """Go on in another scene: every vehicle at its start there, nothing moved or plotted; the clock goes on."""
        for vehicle in self._vehicles.values():
            vehicle.cancel()
        self.scene, self.renderer = scene, renderer
        self.things = Things(scene)
        self.things.advance((self.clock_ns - self._start_ns) * 1e-9)
        self.markers.clear()
        self.probe = probe or _query(scene, renderer)
        self._vehicles = {name: self._build(name) for name in self._setups}

    def set_wind(self, wind: Vector) -> None:
        """Steady wind (3,) NED m/s on all vehicles, also on later ones."""
        self.wind = np.asarray(wind, np.float64)
        for vehicle in self._vehicles.values():
            vehicle.pilot.air[quadrotor.WIND_AT : quadrotor.ALTITUDE_AT] = self.wind

    @property
    def vehicles(self) -> tuple[Vehicle, ...]:
        """All vehicles, the default one first."""
        return tuple(self._vehicles.values())

    def vehicle(self, name: str = "") -> Vehicle:
        """By name; the empty name is the first one. Raises SimulatorError."""
        if name == "":
            return next(iter(self._vehicles.values()))
        if name not in self._vehicles:
            raise SimulatorError(f"There is no vehicle '{name}'.{nearest_name(name, self._vehicles)}")
        return self._vehicles[name]

    def step(self) -> None:
        """One step of 3 ms."""
        self.steps(1)

    def steps(self, count: int) -> None:
        """``count`` steps of 3 ms."""
        for vehicle in self._vehicles.values():
            vehicle.advance(count)
        self.clock_ns += count * quadrotor.STEP_NS
        self.things.advance((self.clock_ns - self._start_ns) * 1e-9)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass: whole steps now, the rest carried to the next call."""
        self.advance_ns(round(seconds * 1e9))

    def advance_ns(self, nanoseconds: int) -> None:
        """As ``advance``, without rounding."""
        self._owed_ns += nanoseconds
        count = self._owed_ns // quadrotor.STEP_NS
        if count > 0:
            self._owed_ns -= count * quadrotor.STEP_NS
            self.steps(count)

    def reset(self) -> None:
        """Every vehicle back to its start. The clock goes on, as AirSim's does."""
        self._owed_ns = 0
        for vehicle in self._vehicles.values():
            vehicle.reset()

    def capture(self, camera: str = "0", vehicle: str = "") -> Frame:
        """Picture, depth and segmentation of a camera now. Raises SimulatorError without a renderer."""
        if self.renderer is None:
            raise SimulatorError("This simulation has no renderer: give Simulation(scene, renderer=RayCaster(scene)).")
        return self.renderer.render(self.vehicle(vehicle).camera_view(camera))


def _query(scene: Scene, renderer: RayCaster | None) -> SceneProbe:
    if renderer is not None:
        return renderer.query
    from navisplit.sim.query import SceneQuery

    return SceneQuery(scene)


__all__ = ["Simulation", "Vehicle"]
