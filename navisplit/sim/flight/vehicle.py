"""One simulated drone: autopilot, tasks, contact, cameras. Speaks ENU (map); its autopilot speaks NED."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from navisplit.frames import (
    Intrinsics,
    Odometry,
    Quaternion,
    Vector,
    VelocityCommand,
    quaternion_from_euler,
    rotation_matrix,
    swap_frd_flu,
    swap_ned_enu,
    swap_quaternion,
)
from navisplit.sim.camera.cameras import Camera, default_cameras, find_camera
from navisplit.sim.flight import commands, path, quadrotor
from navisplit.sim.flight.autopilot import Autopilot
from navisplit.sim.flight.commands import TICK_NS, Routine, Task, YawMode
from navisplit.sim.flight.contact import (
    LANDING_SPEED_MPS,
    MAX_SWEEP_M,
    CollisionState,
    Contact,
    SceneProbe,
    bounce,
    risen,
    stands,
    survey,
    sweep,
)
from navisplit.sim.flight.quadrotor import STEP_NS, STEP_S
from navisplit.sim.geodesy import GeoPoint, geo_of
from navisplit.sim.sensors import SensorSuite, Site
from navisplit.sim.sensors.specs import Spec

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import CameraView


class Vehicle:
    """A drone in a scene. Advanced by its Simulation; nothing here knows of threads or the wall clock."""

    def __init__(
        self,
        name: str,
        probe: SceneProbe,
        *,
        origin: Vector,
        yaw: float = 0.0,
        armed: bool = True,
        flies: bool = True,
        altitude_m: float = 122.0,
        time_ns: int = 0,
        object_names: Sequence[str] = (),
        motion: Callable[[int, Vector], Vector] | None = None,
        push: Callable[[int, Vector], None] | None = None,
        cameras: dict[str, Camera] | None = None,
        sensors: Mapping[str, Spec] | None = None,
        site: Site | None = None,
    ) -> None:
        """``origin`` (3,) ENU m: its start and NED origin; ``yaw`` ENU rad; ``altitude_m`` of the origin.

        ``flies``: False for a carrier of cameras that stays where it is put.
        ``motion``: velocity (3,) ENU m/s of a point (3,) of an object by its number; None where nothing moves.
        ``push``: is told the impulse (3,) ENU N s with which an object, by its number, is hit.
        ``sensors``: None for AirSim's default ones; ``site``: where in the world they measure.
        """
        self.name, self.flies = name, flies
        self.origin = np.asarray(origin, np.float64)
        self.pilot = Autopilot(yaw_ned=math.pi / 2 - yaw, altitude_m=altitude_m, time_ns=time_ns, armed=armed)
        self.cameras = default_cameras() if cameras is None else cameras
        self._default_cameras = dict(self.cameras)
        here = GeoPoint(0.0, 0.0, altitude_m)
        self.sensors = SensorSuite(name, self.pilot, site or Site(lambda place: geo_of(place, here)), sensors)
        self._probe = probe
        self._object_names = object_names
        self._motion = motion or (lambda number, point: np.zeros(3))
        self._push = push or (lambda number, impulse: None)
        self._task: Task | None = None
        self._next_tick_ns = 0
        self._free_m = 0.0
        self._surveyed = self._put = False  # put somewhere since the last step, maybe into something
        self.collision = self.touchdown = CollisionState()
        self.collision_count = 0
        self._stand()

    # State --------------------------------------------------------------------------------------------------------
    @property
    def position(self) -> Vector:
        """(3,) ENU m."""
        return self.origin + swap_ned_enu(self.pilot.position)

    def odometry(self) -> Odometry:
        """Pose and motion now, ENU / FLU, stamped with the simulation's clock."""
        pilot, orientation = self.pilot, swap_quaternion(self.pilot.orientation)
        velocity, rate = swap_ned_enu(pilot.velocity), swap_frd_flu(pilot.angular_rate)
        return Odometry(pilot.clock_ns, self.position, orientation, velocity, rate)

    @property
    def airframe(self) -> Vector:
        """(3,) NED m from the start: see ``Kinematics.airframe``."""
        return self.pilot.kinematics().airframe if self.flies else self.pilot.position.copy()

    def camera_view(self, camera: str = "0", intrinsics: Intrinsics | None = None) -> CameraView:
        """Where a camera is now, for the renderer; its own Scene intrinsics unless others are given."""
        from navisplit.sim.render.renderer import CameraView

        mounted = find_camera(self.cameras, camera)
        position, turn = mounted.pose_in(self.airframe, self.pilot.orientation)
        position, turn = self.origin + swap_ned_enu(position), swap_quaternion(turn)
        return CameraView(position, turn, intrinsics or mounted.capture().intrinsics)

    # Commands -----------------------------------------------------------------------------------------------------
    def start(self, routine: Routine) -> Task:
        """Run a command from now on; a running one ends with result False. Its first tick happens here."""
        self.cancel()
        task = Task(routine)
        self._task = task
        self._tick()
        return task

    def cancel(self) -> None:
        """End the running command with result False; its set-point stays for 60 ms."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def fly(self, command: VelocityCommand, duration_s: float) -> Task:
        """AirSim's moveByVelocity with a yaw rate; takes API control where it has none."""
        yaw = YawMode(True, -math.degrees(command.yaw_rate))
        return self._start(commands.move_by_velocity, swap_ned_enu(command.velocity).tolist(), duration_s, yaw_mode=yaw)

    def takeoff(self, timeout_s: float = 20.0) -> Task:
        """Climb from the ground."""
        return self._start(path.takeoff, timeout_s)

    def land(self, timeout_s: float = 60.0) -> Task:
        """Descend to the ground."""
        return self._start(commands.land, timeout_s)

    def hover(self) -> Task:
        """Stop and hold."""
        return self._start(path.hover)

    def go_home(self, timeout_s: float = commands.FOREVER_S) -> Task:
        """Back to the start."""
        return self._start(path.go_home, timeout_s)

    def move_to(self, position: Vector, speed: float) -> Task:
        """AirSim's moveToPosition to ``position`` (3,) ENU m."""
        return self.move_on_path([position], speed)

    def move_on_path(self, points: Sequence[Vector], speed: float) -> Task:
        """Through ``points`` (each (3,) ENU m)."""
        return self._start(path.move_on_path, [swap_ned_enu(p - self.origin) for p in points], speed)

    def rotate_to_yaw(
        self, yaw: float, timeout_s: float = commands.FOREVER_S, margin: float = math.radians(5.0)
    ) -> Task:
        """Turn to ``yaw`` (ENU rad)."""
        return self._start(commands.rotate_to_yaw, 90.0 - math.degrees(yaw), timeout_s, math.degrees(margin))

    def _start(self, command: Callable[..., Routine], *arguments: object, **options: object) -> Task:
        self.pilot.enable_api_control(True)
        return self.start(command(self.pilot, *arguments, **options))

    # Placement ----------------------------------------------------------------------------------------------------
    def teleport(self, position: Vector, yaw: float) -> None:
        """Hover at rest at ``position`` (3,) ENU m with heading ``yaw`` (ENU rad): rotors trimmed, task ended."""
        self.cancel()
        self.place(position, quaternion_from_euler(0.0, 0.0, yaw))
        self.pilot.trim()
        self.collision = self.touchdown = CollisionState()

    def place(self, position: Vector, orientation: Quaternion) -> None:
        """Put it somewhere (ENU, FLU), keeping its velocity, as AirSim's simSetVehiclePose does."""
        self.place_ned(swap_ned_enu(np.asarray(position) - self.origin), swap_quaternion(orientation))

    def place_ned(self, position: Vector, orientation: Quaternion) -> None:
        """As ``place``, in the autopilot's frame (NED from the start, FRD)."""
        self.pilot.place(position, orientation)
        self._surveyed, self._put = False, True

    def reset(self) -> None:
        """Back to the start: on the ground, no API control, no collision, cameras as mounted."""
        self.cancel()
        self.pilot.reset()
        self.sensors.reset()
        self.cameras = dict(self._default_cameras)
        self.collision = self.touchdown = CollisionState()
        self.collision_count = 0
        self._surveyed = self._put = False
        self._stand()

    # Motion -------------------------------------------------------------------------------------------------------
    def advance(self, steps: int) -> None:
        """Fly ``steps`` steps of 3 ms, ticking the running command and answering contacts on the way."""
        pilot = self.pilot
        if not self.flies:
            pilot.time_ns += steps * STEP_NS
            return
        if self._put:
            self._put = False
            pilot.position[2] -= float((risen(self._probe, self.position) - self.position)[2])
        while steps > 0:
            if not self._surveyed:
                self._survey()
            if self._task is not None and pilot.time_ns >= self._next_tick_ns:
                self._tick()
            until_tick = -((pilot.time_ns - self._next_tick_ns) // STEP_NS)  # rounded up
            chunk = steps if self._task is None else min(steps, until_tick)
            done, flown = pilot.fly(chunk, self._free_m)
            steps -= done
            self._free_m -= flown
            if self._free_m < 0 and flown > 0:
                self._stop_tunnelling()
                self._survey()

    def look_again(self) -> None:
        """Something around has moved: survey before the next step, and fall when what it stood on is gone."""
        self._surveyed = False
        self._stand()

    def _stand(self) -> None:
        if self.pilot.grounded and not stands(self._probe, self.position):
            self.pilot.body[quadrotor.GROUNDED_AT] = 0.0

    def _tick(self) -> None:
        task = self._task
        if task is not None:
            self._next_tick_ns = self.pilot.time_ns + TICK_NS
            task.tick()
            if task.done and self._task is task:
                self._task = None

    def _stop_tunnelling(self) -> None:
        """A body so fast that its last step may have crossed a surface is put back in front of it."""
        step = self.pilot.velocity * STEP_S
        length = float(np.linalg.norm(step))
        if length > MAX_SWEEP_M:
            end = self.position
            allowed = sweep(self._probe, end - swap_ned_enu(step), end)
            self.pilot.position[:] -= step * (1.0 - allowed / length)

    # Contact ------------------------------------------------------------------------------------------------------
    def _survey(self) -> None:
        self._surveyed = True
        around = survey(self._probe, self.position)
        self._free_m = around.free_m
        for contact in around.contacts:
            number, before = contact.object_index, self.pilot.velocity.copy()
            name = self._object_names[number] if 0 <= number < len(self._object_names) else "Ground"
            self.meet(contact, self._motion(number, contact.point), name)
            self._push(number, swap_ned_enu(before - self.pilot.velocity) * quadrotor.MASS)

    def meet(self, contact: Contact, carried: Vector, name: str) -> None:
        """Answer a contact with what is called ``name`` and moves at ``carried`` (3,) ENU m/s."""
        pilot = self.pilot
        velocity = swap_ned_enu(pilot.velocity) - carried
        if (carried.any() or velocity.any()) and not contact.floor:
            pilot.body[quadrotor.GROUNDED_AT] = 0.0  # run into where it stands
        if contact.penetration > 0 and not pilot.grounded:
            pilot.position[:] += swap_ned_enu(contact.way_out)
        if velocity @ contact.normal >= 0:
            return
        speed = float(np.linalg.norm(velocity))
        sinking = -velocity[2] > max(abs(velocity[0]), abs(velocity[1]))
        state = CollisionState.at(contact, self.pilot.time_ns, self.position, name, speed)
        if not contact.floor or speed > LANDING_SPEED_MPS:
            self.collision = state
            self.collision_count += 1
        if contact.floor and (sinking or speed <= LANDING_SPEED_MPS):
            self.touchdown = state
            self._settle()
            return
        to_world = rotation_matrix(pilot.orientation)
        rate = swap_ned_enu(to_world @ pilot.angular_rate)
        velocity, rate = bounce(velocity, rate, contact)
        pilot.jumps += 1
        pilot.velocity[:] = swap_ned_enu(velocity + carried)
        pilot.angular_rate[:] = to_world.T @ swap_ned_enu(rate)
        pilot.body[quadrotor.ACCELERATION_AT : quadrotor.GROUNDED_AT] = 0.0

    def _settle(self) -> None:
        """Rest level on the floor until the rotors lift more than the weight."""
        body, yaw = self.pilot.body, self.pilot.yaw
        body[quadrotor.ORIENTATION_AT : quadrotor.VELOCITY_AT] = quaternion_from_euler(0.0, 0.0, yaw)
        body[quadrotor.VELOCITY_AT : quadrotor.GROUNDED_AT] = 0.0
        body[quadrotor.GROUNDED_AT] = 1.0
