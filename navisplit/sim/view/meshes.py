"""A scene's triangles for the browser: a few GLB files, coloured at their corners. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.scene import Material, Scene, SceneObject
from navisplit.sim.things import Thing

CHUNK_TRIANGLES = 20_000
"""Objects of about this many triangles travel together: few enough to send anew when one of them is taken away, many
enough that 300,000 triangles are a dozen draw calls."""


@dataclass(frozen=True)
class Chunk:
    """Objects that are drawn at once."""

    name: str
    objects: tuple[SceneObject, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """Of its objects."""
        return frozenset(thing.name for thing in self.objects)

    def without(self, hidden: frozenset[str]) -> tuple[SceneObject, ...]:
        """Its objects that are still there."""
        return tuple(thing for thing in self.objects if thing.name not in hidden)


def chunks(scene: Scene) -> Iterator[Chunk]:
    """All baked objects, in their order."""
    group: list[SceneObject] = []
    number, count = 0, 0
    for thing in scene.objects:
        group.append(thing)
        count += len(thing.faces)
        if count >= CHUNK_TRIANGLES:
            yield Chunk(f"{number:03d}", tuple(group))
            group, number, count = [], number + 1, 0
    if group:
        yield Chunk(f"{number:03d}", tuple(group))


def glb_of(objects: Sequence[SceneObject], materials: Sequence[Material]) -> bytes:
    """One mesh of all objects, in their common frame; b"" where there is no triangle."""
    import trimesh

    parts = [_coloured(thing, materials) for thing in objects if len(thing.faces)]
    if not parts:
        return b""
    starts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
    vertices, normals, colours = (np.concatenate([part[i] for part in parts]) for i in range(3))
    faces = np.concatenate([part[3] + start for part, start in zip(parts, starts, strict=True)])
    look = trimesh.visual.material.PBRMaterial(roughnessFactor=1.0, metallicFactor=0.0, doubleSided=True)
    visual = trimesh.visual.TextureVisuals(material=look)
    visual.vertex_attributes["color"] = colours
    mesh = trimesh.Trimesh(vertices=vertices, faces=faces, vertex_normals=normals, visual=visual, process=False)
    return trimesh.Scene(mesh).export(file_type="glb", include_normals=True)


def glb_of_thing(thing: Thing, materials: Sequence[Material]) -> bytes:
    """A thing in its own frame, unscaled."""
    return glb_of([_repainted(thing)], materials)


def _repainted(thing: Thing) -> SceneObject:
    if thing.material is None:
        return thing.shape
    return replace(thing.shape, material=np.full(len(thing.shape.faces), thing.material, np.int32))


def _coloured(thing: SceneObject, materials: Sequence[Material]) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Vertices (N, 3), normals (N, 3), linear RGBA (N, 4) uint8 and faces (F, 3).

    A vertex where two materials meet is doubled.
    """
    kind = np.repeat(np.asarray(thing.material), 3)
    pairs, faces = np.unique(np.asarray(thing.faces).ravel() * np.int64(len(materials)) + kind, return_inverse=True)
    vertex, material = np.divmod(pairs, len(materials))
    colours = np.full((len(pairs), 4), 255, np.uint8)
    for index in np.unique(material):
        here = material == index
        uv = None if thing.uv is None else np.asarray(thing.uv)[vertex[here]]
        colours[here, :3] = np.rint(_albedo(materials[index], uv) * 255.0)
    vertices, normals = np.asarray(thing.vertices)[vertex], np.asarray(thing.normals)[vertex]
    return vertices, normals, colours, faces.reshape(-1, 3)


def _albedo(material: Material, uv: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Linear RGB: (3,) the mean of a tiled texture, or (N, 3) of a texture that is laid by ``uv`` (N, 2)."""
    if material.tile_m is not None or uv is None or len(material.albedo) == 1:
        return material.albedo.mean((0, 1))
    size = len(material.albedo)
    column, row = np.floor(np.stack([uv[:, 0], 1.0 - uv[:, 1]]) * size).astype(np.int64) % size
    return material.albedo[row, column]
