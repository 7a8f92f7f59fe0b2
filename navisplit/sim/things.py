"""What may move, appear, vanish or be relabelled while a scene is flown: actors, and whatever a script touches.

A scene's own objects are baked and never change. One that a script moves, scales or destroys is hidden there
(``hidden``) and goes on here as a thing. Renderers and collision tests read ``things`` and ``hidden`` anew whenever
``revision`` has grown. Pure: time is an argument, and equal calls leave an equal state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError
from navisplit.frames import Quaternion, Vector, rotation_matrix
from navisplit.sim.scene import Scene, SceneObject

IDENTITY = (0.0, 0.0, 0.0, 1.0)
MOTION_S = 0.009
"""Actors move by this much time at once; it divides into steps, and at 30 m/s is less than a drone's radius."""

_FASTEST_MPS = 100.0  # an actor that is faster did not drive there, it was put at the start of its way again


@dataclass(frozen=True)
class Thing:
    """One object that is not baked. Its shape is shared and never written to."""

    name: str
    shape: SceneObject  # vertices and normals in the thing's own frame, m, before scaling; materials of the scene
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of its frame, ENU m
    orientation: tuple[float, float, float, float] = IDENTITY  # x, y, z, w, FLU -> ENU
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)  # along its own axes
    segmentation_id: int = 255
    material: int | None = None  # index into the scene's materials, in the place of the shape's own
    falls: bool = False  # by gravity: ``navisplit.sim.falling``
    vehicle: bool = False  # a drone: its own cameras and its own body do not meet it

    @property
    def radius_m(self) -> float:
        """Of the sphere around its frame's origin that holds it."""
        corners = np.asarray(self.shape.vertices, np.float64) * self.scale
        return float(np.sqrt((corners**2).sum(1).max())) if len(corners) else 0.0


class Things:
    """All things of one simulation, by name."""

    def __init__(self, scene: Scene) -> None:
        self._baked = {thing.name: thing for thing in scene.objects}
        self._loosened: dict[str, Thing] = {}  # baked objects as things, once asked for
        self._boxes: dict[str, NDArray[np.float64]] = {}  # of baked objects, once asked for
        self._ids: dict[str, int] = {}  # baked object -> segmentation id that a script gave it
        self._hidden: set[str] = set()
        self._actors = scene.actors
        self._things: dict[str, Thing] = {}
        self.shapes: dict[str, SceneObject] = {}  # of things that were spawned, by the asset's name
        self.revision = 0
        self.reset(0.0)

    def reset(self, time_s: float) -> None:
        """As the scene began: spawned things gone, moved ones back. AirSim's own reset moves only vehicles."""
        self._ids.clear()
        self._hidden.clear()
        self._things = {
            actor.shape.name: Thing(actor.shape.name, actor.shape, segmentation_id=actor.shape.segmentation_id)
            for actor in self._actors
        }
        self.revision += 1
        self.advance(time_s)

    # Looking ----------------------------------------------------------------------------------------------------------
    @property
    def things(self) -> tuple[Thing, ...]:
        """Those that are not baked, in the order in which they came."""
        return tuple(self._things.values())

    @property
    def hidden(self) -> frozenset[str]:
        """Baked objects that are not where they were baked: neither seen nor hit there."""
        return frozenset(self._hidden)

    @property
    def labels(self) -> dict[str, int]:
        """Segmentation ids of baked objects that differ from the scene's."""
        return dict(self._ids)

    def names(self) -> list[str]:
        """Every object, the scene's first."""
        return [name for name in self._baked if name not in self._hidden] + list(self._things)

    def label_of(self, name: str) -> int | None:
        """Segmentation id of an object as it is now; None when there is no such object."""
        if name in self._things:
            return self._things[name].segmentation_id
        baked = None if name in self._hidden else self._baked.get(name)
        return None if baked is None else self._ids.get(name, baked.segmentation_id)

    def find(self, name: str) -> Thing | None:
        """By name; a baked object as the thing that it would be."""
        if name in self._things:
            return self._things[name]
        return self.original(name) if name in self else None

    def original(self, name: str) -> Thing | None:
        """One of the scene's own objects where it stood at the beginning, also when it has gone since."""
        for actor in self._actors:
            if actor.shape.name == name:
                return Thing(name, actor.shape, segmentation_id=actor.shape.segmentation_id)
        baked = self._baked.get(name)
        if baked is None:
            return None
        if name not in self._loosened:
            self._loosened[name] = _loosened(baked)
        return replace(self._loosened[name], segmentation_id=self._ids.get(name, baked.segmentation_id))

    def __contains__(self, name: str) -> bool:
        """Whether there is an object of this name now."""
        return name in self._things or (name in self._baked and name not in self._hidden)

    def box(self, name: str) -> NDArray[np.float64]:
        """(2, 3) lowest and highest corner of an object, ENU m. Raises KeyError for what does not exist."""
        thing = self._things.get(name)
        if thing is not None:
            points = np.asarray(thing.shape.vertices, np.float64) * thing.scale
            points = points @ rotation_matrix(thing.orientation).T + thing.position
            return np.array([points.min(0), points.max(0)])
        if name not in self._boxes:
            points = self._baked[name].vertices
            self._boxes[name] = np.array([points.min(0), points.max(0)], np.float64)
        return self._boxes[name]

    # Changing ---------------------------------------------------------------------------------------------------------
    def add(self, thing: Thing) -> None:
        """A new thing. Raises UsageError when the name is taken."""
        if thing.name in self:
            raise UsageError(f"There is an object '{thing.name}' already. Give the new one another name.")
        self._put(thing)

    def remove(self, name: str) -> bool:
        """Take an object out of the scene; whether there was one."""
        if name not in self:
            return False
        self._things.pop(name, None)
        if name in self._baked:
            self._hidden.add(name)
        self.revision += 1
        return True

    def place(self, name: str, position: Vector, orientation: Quaternion) -> bool:
        """Put an object's frame at a pose (ENU, FLU); whether there is one."""
        x, y, z = (float(v) for v in position)
        unit = np.asarray(orientation, np.float64) / np.linalg.norm(orientation)
        return self._change(name, lambda t: replace(t, position=(x, y, z), orientation=tuple(map(float, unit))))

    def rescale(self, name: str, scale: Vector) -> bool:
        """Scale an object along its own axes; whether there is one."""
        x, y, z = (float(v) for v in scale)
        return self._change(name, lambda t: replace(t, scale=(x, y, z)))

    def paint(self, name: str, material: int) -> bool:
        """Give all of an object one of the scene's materials; whether there is one."""
        return self._change(name, lambda t: replace(t, material=material))

    def label(self, name: str, segmentation_id: int) -> bool:
        """Set an object's segmentation id (0..255); whether there is one. A baked object stays baked."""
        if name in self._things:
            return self._change(name, lambda t: replace(t, segmentation_id=segmentation_id))
        if name not in self:
            return False
        self._ids[name] = segmentation_id
        self.revision += 1
        return True

    @property
    def acting(self) -> bool:
        """Whether something moves by itself."""
        return any(actor.shape.name in self._things for actor in self._actors)

    def motion(self, name: str, point: Vector) -> Vector:
        """Velocity (3,) m/s of a point (3,) of an object, ENU; zero for what does not move by itself."""
        actor = next((a for a in self._actors if a.shape.name == name and name in self._things), None)
        if actor is None:
            return np.zeros(3)
        (here, turned), (before, turned_before) = (
            actor.trajectory.pose(t) for t in (self._time, self._time - MOTION_S)
        )
        own = rotation_matrix(np.array(turned)).T @ (np.asarray(point) - here)
        moved = np.asarray(point) - before - rotation_matrix(np.array(turned_before)) @ own
        return moved / MOTION_S if np.linalg.norm(moved) < _FASTEST_MPS * MOTION_S else np.zeros(3)

    def advance(self, time_s: float) -> None:
        """Move the actors along their trajectories to a time since the simulation's start."""
        self._time = time_s
        for actor in self._actors:
            thing = self._things.get(actor.shape.name)
            if thing is None:
                continue
            position, orientation = actor.trajectory.pose(time_s)
            if position != thing.position or orientation != thing.orientation:
                self._put(replace(thing, position=position, orientation=orientation))

    def _change(self, name: str, change: Callable[[Thing], Thing]) -> bool:
        thing = self.find(name)
        if thing is None:
            return False
        if name not in self._things:
            self._hidden.add(name)
        self._put(change(thing))
        return True

    def _put(self, thing: Thing) -> None:
        self._things[thing.name] = thing
        self.revision += 1


def _loosened(baked: SceneObject) -> Thing:
    """A baked object in its own frame."""
    to_own = rotation_matrix(baked.orientation)  # rows of points times this: world axes -> own axes
    vertices = (np.asarray(baked.vertices, np.float64) - baked.position) @ to_own
    normals = np.asarray(baked.normals, np.float64) @ to_own
    shape = replace(
        baked,
        vertices=vertices.astype(np.float32),
        normals=normals.astype(np.float32),
        position=(0.0, 0.0, 0.0),
        orientation=IDENTITY,
    )
    return Thing(baked.name, shape, baked.position, baked.orientation)
