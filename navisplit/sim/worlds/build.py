"""From a world's description to the flat triangles of a Scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from navisplit.errors import WorldError
from navisplit.sim.scene import Actor, Material, PlayerStart, Scene, SceneObject
from navisplit.sim.worlds.description import NO_TINT, Mesh, MeshInstance, Model, Plane, Triple, Visual, World
from navisplit.sim.worlds.primitives import primitive_mesh

MAX_TRIANGLES = 2_000_000
"""A million take 22 s and 0.8 GB until the first picture (measured); twice that is where we stop (our choice)."""


def build_scene(world: World) -> Scene:
    """All objects in map coordinates, one per model.

    Raises WorldError when the world holds no triangle, or names a mesh or material that it does not have.
    """
    looks = _Looks(world)
    objects = tuple(_build_object(world, model, looks) for model in world.models if model.visuals)
    if not any(len(o.faces) for o in objects):
        raise WorldError(
            f"World '{world.name}' has nothing in it: expected at least one model with a box, cylinder, sphere, plane "
            "or mesh, found none. Check the world file."
        )
    count = sum(len(o.faces) for o in objects)
    if count > MAX_TRIANGLES:
        raise WorldError(
            f"World '{world.name}' has {count} triangles, expected at most {MAX_TRIANGLES}. Use coarser meshes, or "
            "leave out what nobody flies near."
        )
    start = world.player_start or PlayerStart((0.0, 0.0, top_surface(objects, 0.0, 0.0)))
    movers = [Model(a.name, a.visuals, segmentation_id=a.segmentation_id) for a in world.actors]
    actors = tuple(
        Actor(_build_object(world, model, looks), actor.trajectory)
        for model, actor in zip(movers, world.actors, strict=True)
    )
    return Scene(world.name, objects, tuple(looks.materials), world.light, start, actors, world.weather)


class _Looks:
    """The scene's materials: the world's own, and the tinted ones that visuals ask for."""

    def __init__(self, world: World) -> None:
        self.materials = list(world.materials.values())
        self._world = world
        self._index: dict[tuple[str, Triple], int] = {(n, NO_TINT): i for i, n in enumerate(world.materials)}

    def of(self, visual: Visual, model: Model) -> int:
        """Index of a visual's material. Raises WorldError when the world does not have it."""
        key = (visual.material, visual.tint)
        if key not in self._index:
            if visual.material not in self._world.materials:
                raise WorldError(
                    f"World '{self._world.name}', model '{model.name}': there is no material '{visual.material}'."
                )
            self._index[key] = len(self.materials)
            self.materials.append(tinted(self._world.materials[visual.material], visual.tint))
        return self._index[key]


def tinted(material: Material, tint: Triple) -> Material:
    """A material whose colour is multiplied; it shares the picture."""
    both = tuple(a * b for a, b in zip(material.tint, tint, strict=True))
    return replace(material, name=tinted_name(material.name, tint), tint=both)


def tinted_name(material: str, tint: Triple) -> str:
    """Name of a tinted material: ``brick*0.9,1,1.1``."""
    return material if tint == NO_TINT else f"{material}*" + ",".join(f"{t:g}" for t in tint)


def visual_mesh(world: World, visual: Visual) -> Mesh:
    """The visual's triangles in the frame of its model (scale and pose applied)."""
    if isinstance(visual.geometry, MeshInstance):
        if visual.geometry.mesh not in world.meshes:
            raise WorldError(
                f"World '{world.name}', visual '{visual.name}': there is no mesh '{visual.geometry.mesh}'."
            )
        mesh, scale = world.meshes[visual.geometry.mesh], np.asarray(visual.geometry.scale, np.float64)
    else:
        mesh, scale = primitive_mesh(visual.geometry), np.ones(3)
    rotation = visual.pose.rotation()
    vertices = (mesh.vertices * scale) @ rotation.T + np.asarray(visual.pose.position)
    normals = _unit((mesh.normals / scale) @ rotation.T)
    faces = mesh.faces[:, ::-1] if np.prod(scale) < 0 else mesh.faces  # a mirror turns triangles inside out
    return Mesh(vertices, faces, normals, mesh.uv)


def is_ground(model: Model) -> bool:
    """Whether a model of a foreign world is the ground: a plane facing up, or named so."""
    planes = [v for v in model.visuals if isinstance(v.geometry, Plane) and v.geometry.normal[2] > 0.9]
    return len(planes) > 0 or model.name.lower() in {"ground", "ground_plane", "terrain"}


def top_surface(objects: tuple[SceneObject, ...], x: float, y: float, default: float = 0.0) -> float:
    """Height of the highest triangle over the point (x, y), or ``default`` where there is none."""
    best = -np.inf
    for item in objects:
        low, high = item.vertices[:, :2].min(0), item.vertices[:, :2].max(0)
        if low[0] > x or low[1] > y or high[0] < x or high[1] < y:
            continue
        a, b, c = (item.vertices[item.faces[:, k]].astype(np.float64) for k in range(3))
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        steep = np.abs(area) < 1e-12
        area = np.where(steep, 1.0, area)
        v = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
        w = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
        inside = (v >= -1e-9) & (w >= -1e-9) & (v + w <= 1 + 1e-9) & ~steep
        if inside.any():
            height = a[:, 2] + v * (b[:, 2] - a[:, 2]) + w * (c[:, 2] - a[:, 2])
            best = max(best, float(height[inside].max()))
    return best if np.isfinite(best) else default


def _build_object(world: World, model: Model, looks: _Looks) -> SceneObject:
    """One model's visuals as one object."""
    parts = [visual_mesh(world, visual) for visual in model.visuals]
    materials, faces, offset = [], [], 0
    for visual, part in zip(model.visuals, parts, strict=True):
        materials.append(np.full(len(part.faces), looks.of(visual, model), np.int32))
        faces.append(part.faces + offset)
        offset += len(part.vertices)
    rotation, position = model.pose.rotation(), np.asarray(model.pose.position)
    vertices = np.concatenate([p.vertices for p in parts]) @ rotation.T + position
    normals = np.concatenate([p.normals for p in parts]) @ rotation.T
    by_uv = any(world.materials[v.material].tile_m is None for v in model.visuals)
    return SceneObject(
        name=model.name,
        vertices=np.ascontiguousarray(vertices, np.float32),
        faces=np.ascontiguousarray(np.concatenate(faces), np.int32),
        normals=np.ascontiguousarray(normals, np.float32),
        material=np.concatenate(materials),
        segmentation_id=model.segmentation_id,
        uv=np.concatenate([_uv(p) for p in parts]) if by_uv else None,
        position=model.pose.position,
        orientation=model.pose.orientation,
    )


def _uv(part: Mesh) -> np.ndarray:
    return part.uv if part.uv is not None else np.zeros((len(part.vertices), 2), np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12)
