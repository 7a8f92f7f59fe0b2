"""A world as a description: models placed in the ``map`` frame, the meshes and materials they share, light and start.

Generators make one, ``sdf.py`` reads and writes one, ``build.py`` turns one into the flat triangles of a Scene.
Poses follow SDF: a visual's pose is in its model, a model's pose is in the map (ENU, metres).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.frames import quaternion_from_euler, quaternion_multiply, rotation_matrix
from navisplit.sim.scene import NO_TINT, Light, Material, PlayerStart
from navisplit.sim.trajectory import Trajectory
from navisplit.sim.weather import CALM, Weather

Triple: TypeAlias = tuple[float, float, float]
Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """A rigid placement: metres and an (x, y, z, w) quaternion."""

    position: Triple = (0.0, 0.0, 0.0)
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)

    @classmethod
    def from_euler(cls, position: Iterable[float], roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> Pose:
        """From a position and intrinsic z-y-x angles in radians, as SDF's ``<pose>`` has them."""
        x, y, z = (float(v) for v in position)
        return cls((x, y, z), tuple(float(q) for q in quaternion_from_euler(roll, pitch, yaw)))

    def rotation(self) -> Array:
        """The 3x3 rotation matrix."""
        return rotation_matrix(self.orientation)

    def apply(self, points: ArrayLike) -> Array:
        """Points (N, 3) of this pose's frame in its parent frame."""
        return np.asarray(points, np.float64) @ self.rotation().T + np.asarray(self.position)

    def __matmul__(self, inner: Pose) -> Pose:
        """The pose of ``inner``, given in this pose's frame, in the parent frame."""
        if inner == _NO_POSE:  # most links and many models stand where their parent does
            return self
        if self == _NO_POSE:
            return inner
        x, y, z = (float(v) for v in self.apply(np.asarray(inner.position)[None])[0])
        turned = quaternion_multiply(self.orientation, inner.orientation)
        return Pose((x, y, z), tuple(float(q) for q in turned))

    def inverse(self) -> Pose:
        """The parent's pose in this frame."""
        x, y, z, w = self.orientation
        px, py, pz = (float(v) for v in -(self.rotation().T @ np.asarray(self.position)))
        return Pose((px, py, pz), (-x, -y, -z, w))


_NO_POSE = Pose()


@dataclass(frozen=True)
class Mesh:
    """Triangles of one material, shared by any number of visuals."""

    vertices: NDArray[np.float32]  # (V, 3) m
    faces: NDArray[np.int32]  # (F, 3) counter-clockwise from outside
    normals: NDArray[np.float32]  # (V, 3) unit
    uv: NDArray[np.float32] | None = None  # (V, 2), v grows upwards in the picture


@dataclass(frozen=True)
class Box:
    """Centred box."""

    size: Triple = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Cylinder:
    """Centred cylinder along z."""

    radius: float = 0.5
    length: float = 1.0


@dataclass(frozen=True)
class Sphere:
    """Centred sphere."""

    radius: float = 0.5


@dataclass(frozen=True)
class Capsule:
    """Centred cylinder along z with half a sphere on each end; ``length`` is the cylinder's."""

    radius: float = 0.5
    length: float = 1.0


@dataclass(frozen=True)
class Cone:
    """Centred cone along z, its tip up."""

    radius: float = 0.5
    length: float = 1.0


@dataclass(frozen=True)
class Ellipsoid:
    """Centred ellipsoid."""

    radii: Triple = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Plane:
    """Rectangle, seen from the side of its normal."""

    normal: Triple = (0.0, 0.0, 1.0)
    size: tuple[float, float] = (100.0, 100.0)


@dataclass(frozen=True)
class MeshInstance:
    """A mesh of the world by name, scaled."""

    mesh: str
    scale: Triple = (1.0, 1.0, 1.0)


Shape: TypeAlias = Box | Capsule | Cone | Cylinder | Ellipsoid | Plane | Sphere
Geometry: TypeAlias = Shape | MeshInstance


@dataclass(frozen=True)
class Visual:
    """One geometry of one material, placed in its model. It is also what a vehicle collides with."""

    name: str
    geometry: Geometry
    material: str  # key of World.materials
    pose: Pose = Pose()
    tint: Triple = NO_TINT  # multiplies the material's linear colour: no two houses of one brick look the same


@dataclass(frozen=True)
class Model:
    """One named thing of a world: an object of the simulator's API."""

    name: str
    visuals: tuple[Visual, ...]
    pose: Pose = Pose()
    segmentation_id: int = 2


@dataclass(frozen=True)
class MovingModel:
    """One named thing that moves along a trajectory: SDF's ``<actor>``."""

    name: str
    visuals: tuple[Visual, ...]  # in the actor's frame: x forward, z up, origin on the ground
    trajectory: Trajectory
    segmentation_id: int = 2


@dataclass(frozen=True)
class World:
    """All that a world file says."""

    name: str
    models: tuple[Model, ...]
    meshes: dict[str, Mesh] = field(default_factory=dict)
    materials: dict[str, Material] = field(default_factory=dict)
    light: Light = field(default_factory=Light)
    player_start: PlayerStart | None = None  # None: on the top surface at the map's origin
    actors: tuple[MovingModel, ...] = ()
    weather: Weather = CALM


GROUND_ID = 1
"""Segmentation id of the ground in every world; 0 is the sky."""

_CLASS_IDS = {
    "ground": (1, 1),
    "tree": (2, 99),
    "bush": (100, 129),
    "rock": (130, 144),
    "log": (145, 154),
    "house": (155, 194),
    "fence": (195, 209),
    "hedge": (210, 219),
    "car": (220, 234),
    "pole": (235, 249),
    "person": (250, 251),
    "other": (252, 255),
}


def class_instance_id(kind: str, index: int) -> int:
    """Segmentation id of the index-th object of a class: a range of ids for each class, reused in turn (our choice)."""
    first, last = _CLASS_IDS.get(kind, _CLASS_IDS["other"])
    return first + index % (last - first + 1)


def named_id(name: str) -> int:
    """Segmentation id of an object that has none of its own: 2..255, the same for the same name everywhere."""
    return 2 + zlib.crc32(name.encode()) % 254


def plain_material(name: str, linear_rgb: ArrayLike, foliage: bool = False, glow: float = 0.0) -> Material:
    """A material of one colour (linear RGB in [0, 1])."""
    colour = np.clip(np.asarray(linear_rgb, np.float32), 0.0, 1.0).reshape(1, 1, 3)
    return Material(name, colour, foliage=foliage, glow=glow)
