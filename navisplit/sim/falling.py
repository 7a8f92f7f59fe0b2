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
        """Something hits an object with an impulse (3,) N s."""
        thing = self._things.find(name)
        if thing is not None and name in self._velocity and np.any(impulse):
            self._velocity[name] = self._velocity[name] + np.asarray(impulse) / mass(thing)
            self._awake.add(name)

    def motion(self, name: str) -> Vector:
        """Velocity (3,) m/s, ENU."""
        return self._velocity[name].copy()

    def advance(self, seconds: float, probe: SceneProbe, numbers: list[str]) -> None:
        """Let time pass; ``numbers``: the names of all objects as the probe counts them.

        Who rests is looked at again only when something has moved.
        """
        changed = self._things.revision != self._revision
        for name in list(self._velocity):
            if not changed and name not in self._awake:
                continue
            thing = self._things.find(name)
            if thing is None or thing.position[2] < LOWEST_M:
                self._things.remove(name)
                del self._velocity[name]
                self._awake.discard(name)
            else:
                self._fall(thing, seconds, probe, numbers.index(name))
        self._revision = self._things.revision

    def _fall(self, thing: Thing, seconds: float, probe: SceneProbe, number: int) -> None:
        velocity = self._velocity[thing.name] - (0.0, 0.0, GRAVITY * seconds)
        way = np.array([0.0, 0.0, velocity[2] * seconds])
        wanted = abs(way[2])
        free = free_distance(probe, underside(thing), way, own_index=number, shrink=1.0)
        step = way * (free / wanted) if wanted > 0 else way
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
        if step.any():
            self._move(thing, step)

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
