"""What can be spawned into a scene: AirSim's starter shapes of 1 m, and the shapes of the scene's own objects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from navisplit.sim.scene import Material, Scene, SceneObject
from navisplit.sim.things import Things
from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.primitives import box, cylinder, plane, sphere

CONE_SIDES = 24
GREY = 0.3  # linear; spawned shapes take the scene's plain material that is nearest to it (our choice)


def cone(radius: float, height: float, sides: int = CONE_SIDES) -> Mesh:
    """A closed cone along z, its frame half way up."""
    angle = np.arange(sides + 1) * 2 * np.pi / sides
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    low = np.column_stack([ring * radius, np.full(sides + 1, -height / 2)])
    tip = np.tile([0.0, 0.0, height / 2], (sides, 1))
    side = np.column_stack([ring * height, np.full(sides + 1, radius)]) / np.hypot(height, radius)
    between = side[:-1] + side[1:]
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    around = np.arange(sides)
    first = 2 * sides + 1  # of the base's own vertices
    fan = np.stack([np.zeros(sides - 2, int), np.arange(2, sides), np.arange(1, sides - 1)], axis=1)
    along = np.linspace(0.0, 1.0, sides + 1)
    return Mesh(
        np.concatenate([low, tip, low[:-1]]).astype(np.float32),
        np.concatenate([np.stack([around, around + 1, around + sides + 1], 1), fan + first]).astype(np.int32),
        np.concatenate([side, between, np.tile([0.0, 0.0, -1.0], (sides, 1))]).astype(np.float32),
        np.concatenate(
            [np.stack([along, 0 * along], 1), np.stack([along[:-1], 0 * along[:-1] + 1], 1), ring[:-1] / 2 + 0.5]
        ).astype(np.float32),
    )


SHAPES: dict[str, Callable[[], Mesh]] = {
    "Cube": lambda: box((1.0, 1.0, 1.0)),
    "1M_Cube": lambda: box((1.0, 1.0, 1.0)),
    "1M_Cube_Chamfer": lambda: box((1.0, 1.0, 1.0)),
    "Sphere": lambda: sphere(0.5),
    "Cylinder": lambda: cylinder(0.5, 1.0),
    "Cone": lambda: cone(0.5, 1.0),
    "Plane": lambda: plane((0.0, 0.0, 1.0), (1.0, 1.0)),
}
"""Unreal's basic shapes, 1 m across, frame in the middle, by the names that AirSim's scripts use."""


def asset_names(scene: Scene, things: Things) -> list[str]:
    """All that can be spawned."""
    return [*SHAPES, *(name for name in _own_shapes(scene, things) if name not in SHAPES)]


def asset(name: str, scene: Scene, things: Things) -> SceneObject | None:
    """The shape of an asset, in its own frame and of its own size; None when there is none of this name."""
    if name not in things.shapes:  # made once: renderers know shapes by their identity
        thing = None if name in SHAPES else things.original(name)
        if name in SHAPES:
            things.shapes[name] = _basic(name, scene)
        elif thing is not None:
            things.shapes[name] = thing.shape
    return things.shapes.get(name)


def _own_shapes(scene: Scene, things: Things) -> dict[str, None]:
    """Names of the scene's own objects, also of those that are gone."""
    return dict.fromkeys([thing.name for thing in scene.objects] + [actor.shape.name for actor in scene.actors])


def _basic(name: str, scene: Scene) -> SceneObject:
    mesh = SHAPES[name]()
    material = np.full(len(mesh.faces), plainest_material(scene), np.int32)
    return SceneObject(name, mesh.vertices, mesh.faces, mesh.normals, material, 255, mesh.uv)


def plainest_material(scene: Scene) -> int:
    """Index of the scene's material that is the nearest to an even grey."""
    looks = [_unlike_grey(material) + 10.0 * material.foliage for material in scene.materials]
    return int(np.argmin(looks)) if looks else 0


def _unlike_grey(material: Material) -> float:
    part = material.picture[::8, ::8].reshape(-1, 3)  # of a texture a part will do
    pixels = np.clip(part * np.asarray(material.tint), 0.0, 1.0)
    return float(np.abs(pixels.mean(0) - GREY).sum() + pixels.std(0).sum())
