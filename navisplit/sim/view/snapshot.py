"""What the view shows, taken in one go on the simulation's thread. Immutable, so that any thread may read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import SimulatorError
from navisplit.frames import Vector
from navisplit.sim.markers import Marker, Message
from navisplit.sim.markers import Trail as TrailLook
from navisplit.sim.things import Thing

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import Frame
    from navisplit.sim.simulation import Simulation

SPACING_M = 0.2  # between the points of a trail
JUMP_M = 5.0  # from one look at the drone to the next: it was put there, it did not fly
MAX_TRAIL = 2000  # points; beyond it every second one goes
PICTURE_WIDTH = 256  # pixels; a larger camera is drawn smaller, to cost no more than one of AirSim's default size
SPEED_WINDOW_S = 1.0


@dataclass(frozen=True)
class Drone:
    """One vehicle at one moment. ENU / FLU."""

    name: str
    position: tuple[float, float, float]  # m
    yaw: float  # rad
    speed_mps: float
    collisions: int
    cameras: tuple[str, ...]


@dataclass(frozen=True)
class Details:
    """What need not be told as often as poses."""

    time_s: float  # simulated, since the start
    speed: float  # simulated seconds a second of wall time
    paused: bool
    clients: int
    markers: tuple[Marker, ...]
    markers_revision: int
    messages: tuple[Message, ...]
    trails: dict[str, NDArray[np.float32]]  # by vehicle: (N, 2, 3) segments, m
    trail_looks: dict[str, TrailLook]  # where a script has chosen one


@dataclass(frozen=True)
class Snapshot:
    """One moment."""

    drones: tuple[Drone, ...]
    things: tuple[Thing, ...]  # that are not baked, the drones' bodies too
    hidden: frozenset[str]  # baked objects that are not there
    chase: tuple[Vector, Vector] | None  # position and target (3,) m of the browsers' cameras; None: they are free
    details: Details | None  # None: no news
    picture: Callable[[], Frame] | None  # draws the chosen camera as it was then; None: no new one


class Trails:
    """Where the drones have been."""

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[NDArray[np.float32], bool]]] = {}  # (3,), and whether it flew there
        self._last: dict[str, NDArray[np.float32]] = {}

    def note(self, name: str, position: NDArray[np.float64]) -> None:
        """Where a drone is now; to be called often."""
        here = np.asarray(position, np.float32)
        last = self._last.get(name)
        flown = last is not None and float(np.linalg.norm(here - last)) < JUMP_M
        self._last[name] = here
        points = self._points.setdefault(name, [])
        if not points or not flown or np.linalg.norm(here - points[-1][0]) >= SPACING_M:
            points.append((here, flown))
        if len(points) > MAX_TRAIL:
            self._points[name] = _halved(points)

    def segments(self, name: str) -> NDArray[np.float32]:
        """(N, 2, 3) m."""
        points = self._points.get(name, [])
        pairs = [(a[0], b[0]) for a, b in zip(points, points[1:], strict=False) if b[1]]
        return np.array(pairs, np.float32).reshape(-1, 2, 3)


def _halved(points: list[tuple[NDArray[np.float32], bool]]) -> list[tuple[NDArray[np.float32], bool]]:
    """Every second point, and those before and after a jump."""
    last = len(points) - 1
    return [p for i, p in enumerate(points) if i % 2 == 0 or not p[1] or i == last or not points[i + 1][1]]


class SpeedMeter:
    """Simulated time against the wall clock, over the last second."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, wall_s: float, clock_ns: int) -> None:
        """Both clocks now."""
        samples = self._samples
        samples.append((wall_s, clock_ns))
        while len(samples) > 2 and wall_s - samples[0][0] > SPEED_WINDOW_S:
            samples.popleft()

    @property
    def speed(self) -> float:
        """Simulated seconds a second; 0 before there are two notes."""
        if len(self._samples) < 2:
            return 0.0
        (wall_s, clock_ns), (wall_then_s, clock_then_ns) = self._samples[-1], self._samples[0]
        return (clock_ns - clock_then_ns) * 1e-9 / (wall_s - wall_then_s)


def drones_of(simulation: Simulation) -> tuple[Drone, ...]:
    """All vehicles as they are now."""
    found = []
    for vehicle in simulation.vehicles:
        state = vehicle.odometry()
        x, y, z = state.position.tolist()
        speed = float(np.linalg.norm(state.velocity))
        found.append(Drone(vehicle.name, (x, y, z), state.yaw, speed, vehicle.collision_count, tuple(vehicle.cameras)))
    return tuple(found)


def picture_of(simulation: Simulation, vehicle: str, camera: str) -> Callable[[], Frame] | None:
    """What draws a camera from where it is now; None where there is no such camera or no renderer."""
    renderer = simulation.renderer
    try:
        view = simulation.vehicle(vehicle).camera_view(camera)
    except SimulatorError:
        return None
    if renderer is None:
        return None
    from navisplit.sim.camera.pictures import Film

    full = view.intrinsics
    width = min(full.width, PICTURE_WIDTH)
    small = replace(view, intrinsics=full.scaled(width, max(1, round(full.height * width / full.width))))
    return Film(renderer, small, simulation.conditions(), layer=simulation.snapshot(without=vehicle)).shown
