"""A scene: the geometry, materials and light that the ray caster draws and that the drone can hit.

Everything is in the ``map`` frame (ENU, metres). A scene is built once from a world (``navisplit.sim.worlds``) and
never changes; what moves, actors too, is held by ``navisplit.sim.things``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.trajectory import Trajectory
from navisplit.sim.weather import CALM, Weather

SKY_DEPTH_M = 65504.0
"""Planar depth where a ray meets nothing: the largest half float, which is what AirSim's depth target can hold."""


NO_TINT = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Material:
    """How a surface looks."""

    name: str
    picture: NDArray[np.float32]  # (N, N, 3) linear RGB in [0, 1], N a power of two (1 for a plain colour)
    tile_m: float | None = 4.0  # triplanar tile size in metres; None: mapped by the mesh's uv
    foliage: bool = False  # lit softly from both sides
    glow: float = 0.0  # light sent out by itself, times the albedo; a glowing surface lets the sun through (skylights)
    tint: tuple[float, float, float] = NO_TINT  # multiplies the picture, which many materials may share

    @property
    def albedo(self) -> NDArray[np.float32]:
        """The tinted picture (N, N, 3), linear RGB in [0, 1]; made anew where there is a tint."""
        if self.tint == NO_TINT:
            return self.picture
        return np.clip(self.picture * np.asarray(self.tint, np.float32), 0.0, 1.0)


@dataclass(frozen=True)
class SceneObject:
    """One named thing, as triangles in map coordinates."""

    name: str
    vertices: NDArray[np.float32]  # (V, 3) m
    faces: NDArray[np.int32]  # (F, 3) counter-clockwise from outside
    normals: NDArray[np.float32]  # (V, 3) unit; split vertices where an edge is sharp
    material: NDArray[np.int32]  # (F,) index into Scene.materials
    segmentation_id: int  # 0..255, 0 is sky
    uv: NDArray[np.float32] | None = None  # (V, 2)
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)  # pose of the object's origin, for the API
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)  # x, y, z, w


@dataclass(frozen=True)
class Actor:
    """Something that moves by itself on a way that the world file states: a car, a person."""

    shape: SceneObject  # vertices in the actor's own frame: x forward, z up, origin on the ground
    trajectory: Trajectory


@dataclass(frozen=True)
class Light:
    """Sun, sky and air."""

    sun_direction: tuple[float, float, float] = (0.45, 0.35, 0.82)  # towards the sun; normalised by the renderer
    sun_intensity: float = 1.0
    ambient: float = 1.0
    fog_density: float = 0.004  # 1/m, exponential
    cloud_cover: float = 0.5  # 0 clear .. 1 overcast
    warmth: float = 0.0  # -1 blue .. 1 golden, our choice of one colour axis for the time of day


@dataclass(frozen=True)
class PlayerStart:
    """Where a vehicle rests when the simulation starts: AirSim's NED origin."""

    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw: float = 0.0


@dataclass(frozen=True)
class Scene:
    """All that a renderer and a collision test need."""

    name: str
    objects: tuple[SceneObject, ...]
    materials: tuple[Material, ...]
    light: Light = field(default_factory=Light)
    player_start: PlayerStart = field(default_factory=PlayerStart)
    actors: tuple[Actor, ...] = ()
    weather: Weather = CALM  # when a simulation starts

    @property
    def triangle_count(self) -> int:
        """Number of triangles in all objects."""
        return sum(len(o.faces) for o in self.objects)
