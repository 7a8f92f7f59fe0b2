"""A scene, its vehicles and an exact clock. Pure: whoever drives it decides when time passes.

The world moves in steps of 3 ms counted from the start. The clock may stand anywhere between two of them: all is then
as the newest step left it, so that a flight does not depend on the portions in which time passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from navisplit.errors import SimulatorError, UsageError, nearest_name
from navisplit.frames import Vector, swap_ned_enu, swap_quaternion
from navisplit.sim.atmosphere import Atmosphere, Conditions
from navisplit.sim.falling import Falling
from navisplit.sim.flight import quadrotor
from navisplit.sim.flight.contact import SceneProbe, risen
from navisplit.sim.flight.encounters import Encounters
from navisplit.sim.flight.vehicle import Vehicle
from navisplit.sim.geodesy import geo_of
from navisplit.sim.markers import Markers
from navisplit.sim.render.moving import Layers, LiveProbe, MovingLayer
from navisplit.sim.scene import Material, Scene
from navisplit.sim.sensors import Site
from navisplit.sim.sensors.ranging import Surroundings
from navisplit.sim.settings import Settings, VehicleSettings
from navisplit.sim.things import MOTION_S, Thing, Things

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import Frame, RayCaster

_MOTION_STEPS = round(MOTION_S / quadrotor.STEP_S)


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
        self._done = 0  # steps
        self.clock_ns = start_ns
        self.things = Things(scene)
        self._falling = Falling(self.things)
        self.atmosphere = Atmosphere(scene.light, self.settings.origin, scene.weather)
        if self.settings.time_of_day is not None:
            self.atmosphere.set_time_of_day(self.settings.time_of_day, start_ns)
        self.markers = Markers()
        self.external_cameras = dict(self.settings.external_cameras)  # by name; poses are NED from the player start
        self._encounters = Encounters()
        self._survey(probe)
        self.wind = np.asarray(self.settings.wind, np.float64)
        self.vehicle_ids: dict[str, int] = {}  # segmentation ids of vehicles, where a script has set them
        self._setups = dict(self.settings.vehicles)
        self._vehicles = {name: self._build(name) for name in self._setups}

    def _survey(self, probe: SceneProbe | None) -> None:
        """Make what is asked about the scene and its things."""
        self._layers = Layers(self.scene)
        self._layer = (0, self._layers.empty)  # revision of the things, and those things
        self._names = [thing.name for thing in self.scene.objects]  # then the layer's things, as its numbers count
        self._baked = probe or _query(self.scene, self.renderer)
        self.probe: SceneProbe = LiveProbe(self._baked, self._present)
        self._present()

    def _build(self, name: str) -> Vehicle:
        setup, start = self._setups[name], self.scene.player_start
        wanted = np.asarray(start.position) + swap_ned_enu(setup.position)
        origin = risen(self.probe, wanted) if self.settings.flies else wanted
        from_start = swap_ned_enu(origin - start.position)
        vehicle = Vehicle(
            name,
            self.probe,
            origin=origin,
            yaw=start.yaw if setup.yaw_deg is None else np.pi / 2 - np.radians(setup.yaw_deg),
            armed=setup.armed,
            flies=self.settings.flies,
            altitude_m=self.settings.origin.altitude,
            time_ns=self._start_ns + self._done * quadrotor.STEP_NS,
            object_names=self._names,
            motion=self._motion,
            push=self._push,
            cameras=setup.mounted_cameras(),
            sensors=setup.sensors,
            site=Site(lambda place: geo_of(place + from_start, self.settings.origin), self.seed),
        )
        vehicle.pilot.air[quadrotor.WIND_AT : quadrotor.ALTITUDE_AT] = self.wind
        vehicle.pilot.lead_ns = self.clock_ns - vehicle.pilot.time_ns
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
        self._falling = Falling(self.things)
        self.things.advance((self.clock_ns - self._start_ns) * 1e-9)
        self.atmosphere.enter(scene.light, scene.weather)
        self.markers.clear()
        self._survey(probe)
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

    @property
    def materials(self) -> tuple[Material, ...]:
        """The scene's, and behind them those of the vehicles' bodies: what the things' numbers count."""
        return self._layers.materials

    def add_material(self, material: Material) -> int:
        """A look that things can have from now on; its number."""
        if self.renderer is not None:
            self.renderer.add_material(material)
        self._layers.materials += (material,)
        return len(self._layers.materials) - 1

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
        """Let ``count`` times 3 ms pass."""
        self.advance_ns(count * quadrotor.STEP_NS)

    def _step(self, count: int) -> None:
        """``count`` steps. Actors move at multiples of ``MOTION_S``, however the steps are asked for."""
        while count > 0:
            moving = self.things.acting or self._falling
            chunk = min(count, _MOTION_STEPS - self._done % _MOTION_STEPS) if moving else count
            self._see_changes()
            chunk = self._encounters.free(self.vehicles, chunk)
            for vehicle in self._vehicles.values():
                vehicle.advance(chunk)
            self._encounters.settle(self.vehicles)
            self._done += chunk
            count -= chunk
            if self._done % _MOTION_STEPS == 0:
                self.things.advance(self._done * quadrotor.STEP_NS * 1e-9)
                self._falling.advance(MOTION_S, self.probe, self._names)

    def _see_changes(self) -> None:
        """Tell the vehicles when something around them is not where they last looked."""
        if self.things.revision != self._layer[0]:
            self._present()
            for vehicle in self._vehicles.values():
                vehicle.look_again()

    def _present(self) -> MovingLayer:
        """The things of now, without vehicles."""
        things = self.things
        if self._layer[0] != things.revision:
            layer = self._layers.layer(things.things, things.hidden, things.labels)
            self._layer = (things.revision, layer)
            self._names[len(self.scene.objects) :] = [thing.name for thing in layer.things]
        return self._layer[1]

    def _motion(self, number: int, point: Vector) -> Vector:
        """Velocity (3,) m/s of a point of an object by its number, ENU."""
        if not len(self.scene.objects) <= number < len(self._names):
            return np.zeros(3)
        name = self._names[number]
        return self._falling.motion(name) if name in self._falling else self.things.motion(name, point)

    def _push(self, number: int, impulse: Vector) -> None:
        """A vehicle hits an object by its number with an impulse (3,) N s, ENU."""
        if 0 <= number < len(self._names):
            self._falling.push(self._names[number], impulse)

    def drop(self, name: str) -> None:
        """Let an object fall from where it is now on, whatever it did before."""
        self._present()
        self._falling.drop(name, self.probe, self._names.index(name))

    def moved(self, name: str) -> None:
        """Tell that a script has put an object somewhere: one with physics falls from there."""
        if name in self._falling:
            self.drop(name)

    def snapshot(self, without: str | None = None) -> MovingLayer:
        """All that moved or moves, vehicles too, as it is now: for a picture that is drawn later, in any thread.

        ``without``: name of the vehicle whose own camera looks; it does not see itself.
        """
        drones = [self._as_thing(vehicle) for vehicle in self._vehicles.values() if vehicle.name != without]
        present = self._present()
        if not drones:
            return present
        return self._layers.layer((*present.things, *drones), present.hidden, self.things.labels)

    def probe_of(self, name: str) -> SceneProbe:
        """What a vehicle's own range sensors meet now: as ``probe``, and the other vehicles."""
        layer = self.snapshot(without=name)
        return LiveProbe(self._baked, lambda: layer)

    def surroundings_of(self, vehicle: Vehicle) -> Surroundings:
        """What a vehicle's own range sensors meet now, by segmentation id: the scene, its things, other vehicles."""
        layer = self.snapshot(without=vehicle.name)
        labels = [*layer.labels.tolist(), *(thing.segmentation_id for thing in layer.things)]
        probe = LiveProbe(self._baked, lambda: layer)
        return Surroundings(probe, np.array(labels, np.int32), vehicle.origin)

    def _as_thing(self, vehicle: Vehicle) -> Thing:
        x, y, z = (vehicle.origin + swap_ned_enu(vehicle.airframe)).tolist()
        qx, qy, qz, qw = swap_quaternion(vehicle.pilot.orientation).tolist()
        label = self.vehicle_ids.get(vehicle.name, Thing.segmentation_id)
        pose = (x, y, z), (qx, qy, qz, qw)
        return Thing(vehicle.name, self._layers.airframe, *pose, segmentation_id=label, vehicle=True)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, to the nanosecond."""
        self.advance_ns(round(seconds * 1e9))

    def advance_ns(self, nanoseconds: int) -> None:
        """Let time pass: the clock goes on by exactly this much, and the steps that it has then reached are taken."""
        end_ns = self.clock_ns + nanoseconds
        self._step((end_ns - self._start_ns) // quadrotor.STEP_NS - self._done)
        self.clock_ns = end_ns
        for vehicle in self._vehicles.values():
            vehicle.pilot.lead_ns = end_ns - vehicle.pilot.time_ns

    def reset(self) -> None:
        """Every vehicle back to its start. The clock goes on, as AirSim's does."""
        for vehicle in self._vehicles.values():
            vehicle.reset()

    def conditions(self) -> Conditions:
        """Light and weather now."""
        return self.atmosphere.conditions(self.clock_ns, self._start_ns, self.seed)

    def capture(self, camera: str = "0", vehicle: str = "") -> Frame:
        """Picture in this weather, depth and segmentation of a camera now. Raises SimulatorError without a renderer."""
        if self.renderer is None:
            raise SimulatorError("This simulation has no renderer: give Simulation(scene, renderer=RayCaster(scene)).")
        from navisplit.sim.camera.pictures import Film

        drone = self.vehicle(vehicle)
        layer = self.snapshot(without=drone.name)
        return Film(self.renderer, drone.camera_view(camera), self.conditions(), layer=layer).shown()


def _query(scene: Scene, renderer: RayCaster | None) -> SceneProbe:
    if renderer is not None:
        return renderer.query
    from navisplit.sim.render.query import SceneQuery

    return SceneQuery(scene)


__all__ = ["Simulation", "Vehicle"]
