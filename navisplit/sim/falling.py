"""Spawned objects with physics: they fall, come to rest on what is below, and slide when a drone runs into them.

Kept small on purpose: an object keeps its orientation (it neither topples nor rolls) and does not bounce. It rests on
the scene, on actors and on other objects, not on drones; to a drone it is as hard as a wall. Pure: time is an argument.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Vector
from navisplit.sim.flight.contact import SceneProbe
from navisplit.sim.flight.quadrotor import FRICTION, GRAVITY
from navisplit.sim.sweeping import corners, free_distance
from navisplit.sim.things import Thing, Things

DENSITY, MASS_POWER = 1000.0, 0.75  # kg/m^3, and Unreal's exponent of the mass that follows from it
LEAST_MASS = 0.1  # kg
LOOK_M = 20.0  # how far below an object is looked at once
NEAR_M = 0.5  # from here on at every step: somebody may have slid there since
LOWEST_M = -1000.0  # of the map: what falls further is gone, as in Unreal
_LATTICE = 4  # parts of an edge of a downward face between points that may meet something
_ROUNDING_M = 1e-9
_MOST_FACES = 24  # the largest ones; the vertices do for the others


class Falling:
    """The objects of ``things`` that gravity moves."""

    def __init__(self, things: Things) -> None:
        self._things = things
        self._velocity: dict[str, Vector] = {}  # (3,) m/s, ENU, of every one, by name
        self._awake: set[str] = set()
        self._room: dict[str, float] = {}  # m below an object in which nothing was, by name
        self._revision = -1  # of the things when those asleep were found to be supported

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._velocity)

    def __contains__(self, name: str) -> bool:
        """Whether this object falls."""
        return name in self._velocity

    def drop(self, name: str, probe: SceneProbe, number: int) -> None:
        """Let an object fall from where it is, at rest; out of what it is in, if that is less than its own height.

        ``number``: of the object as the probe reports it.
        """
        thing = self._things.find(name)
        if thing is None:
            return
        self._velocity[name] = np.zeros(3)
        self._awake.add(name)
        points = underside(thing)
        height = float(np.ptp(corners(thing)[:, 2]))
        above = points + (0.0, 0.0, height)
        sunk = height - free_distance(probe, above, np.array([0.0, 0.0, -height]), own_index=number, shrink=1.0)
        if height > sunk > 0:
            self._move(thing, np.array([0.0, 0.0, sunk]))

    def push(self, name: str, impulse: Vector) -> None:
        """Something hits an object with an impulse (3,) N s; what of it is vertical moves nothing."""
        thing = self._things.find(name)
        if thing is not None and name in self._velocity and np.any(impulse[:2]):
            self._velocity[name] = self._velocity[name] + impulse * (1.0, 1.0, 0.0) / mass(thing)
            self._awake.add(name)

    def motion(self, name: str) -> Vector:
        """Velocity (3,) m/s, ENU."""
        return self._velocity[name].copy()

    def advance(self, seconds: float, probe: SceneProbe, numbers: list[str]) -> None:
        """Let time pass; ``numbers``: the names of all objects as the probe counts them.

        Who rests is looked at again only when something has moved. All go by where the others were before.
        """
        changed = self._things.revision != self._revision
        steps: list[tuple[Thing, Vector]] = []
        if changed:
            self._room.clear()
        for name in list(self._velocity) if changed else sorted(self._awake):
            thing = self._things.find(name)
            if thing is not None and thing.falls and thing.position[2] > LOWEST_M:
                steps.append((thing, self._step(thing, seconds, probe, numbers.index(name))))
                continue
            if thing is not None and thing.falls:
                self._things.remove(name)
            del self._velocity[name]
            self._awake.discard(name)
        for thing, step in steps:
            if step.any():
                self._move(thing, step)
        self._revision = self._things.revision

    def _step(self, thing: Thing, seconds: float, probe: SceneProbe, number: int) -> Vector:
        """How far (3,) m an object gets; sets its velocity."""
        velocity = self._velocity[thing.name] - (0.0, 0.0, GRAVITY * seconds)
        wanted, room = float(-velocity[2]) * seconds, self._room.get(thing.name, 0.0)
        if room < wanted + NEAR_M or velocity[:2].any():
            down = np.array([0.0, 0.0, -LOOK_M])
            room = free_distance(probe, underside(thing), down, own_index=number, shrink=1.0)
        free = min(wanted, room)
        self._room[thing.name] = room - free
        step = np.array([0.0, 0.0, -free])
        if free < wanted - _ROUNDING_M:
            sliding = float(np.hypot(*velocity[:2]))
            kept = max(0.0, sliding - FRICTION * GRAVITY * seconds) / sliding if sliding > 0 else 0.0
            velocity = velocity * (kept, kept, 0.0)
        side = velocity * (seconds, seconds, 0.0)
        length = float(np.linalg.norm(side))
        if length > 0:
            free = free_distance(probe, corners(thing) + step, side, own_index=number)
            step = step + side * (free / length)
            velocity = velocity if free > length - _ROUNDING_M else velocity * (0.0, 0.0, 1.0)
        self._velocity[thing.name] = velocity
        (self._awake.add if velocity.any() else self._awake.discard)(thing.name)
        return step

    def _move(self, thing: Thing, step: Vector) -> None:
        self._things.place(thing.name, np.asarray(thing.position) + step, np.asarray(thing.orientation))


def underside(thing: Thing) -> NDArray[np.float64]:
    """Points (N, 3) ENU m that may come to rest on something: all vertices, and a lattice on large downward faces."""
    points, faces = corners(thing), np.asarray(thing.shape.faces)
    a, b, c = (points[faces[:, k]] for k in range(3))
    rise = np.cross(b - a, c - a)[:, 2] * (-1.0 if np.prod(thing.scale) < 0 else 1.0)  # a mirrored shape is inside out
    down = np.argsort(rise, kind="stable")[:_MOST_FACES]
    down = down[rise[down] < 0]
    shares = [(i / _LATTICE, j / _LATTICE) for i in range(_LATTICE + 1) for j in range(_LATTICE + 1 - i)]
    lattice = [a[down] + u * (b - a)[down] + v * (c - a)[down] for u, v in shares]
    return np.concatenate([points, *lattice])


def mass(thing: Thing) -> float:
    """Of a solid of water's density, kg, to Unreal's power, so that large things are not too heavy."""
    own = np.asarray(thing.shape.vertices, np.float64)
    a, b, c = (own[np.asarray(thing.shape.faces)[:, k]] for k in range(3))
    volume = abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6.0 * float(np.prod(thing.scale)))
    return max(LEAST_MASS, (DENSITY * volume) ** MASS_POWER)
