"""What a hit looks up: normals, openness, texture coordinates and material of each triangle, in leaf order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import WorldError
from navisplit.sim.kernel import Floats, Ints
from navisplit.sim.render.ambient import OCCLUSION_RADIUS_M, bake_exposure
from navisplit.sim.render.atlas import Atlas
from navisplit.sim.render.baked import WORTH_TRIANGLES, Arrays, fingerprint, recall, shaped
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.scene import Scene

MAPPED, TRIPLANAR = 0, 1

_FLAT_COSINE = 0.999  # corner normals this close to the face's: a flat face, mapped along itself
_TURNED_COSINE = 0.8  # further away: shaded as part of a crown, so the normal says nothing about the face
_GROUND_SLOPE = 0.75  # all normals more upright than this: mapped from above


class Surface(NamedTuple):
    """Attributes of triangles (T, ...), in the order of the hierarchy's leaves."""

    values: Floats  # (T, 25): 0-8 corner normals, 9-11 corner openness, 12-17 corner uv, 18 uv per metre,
    #                 19-21 direction in which u grows, 22-24 direction in which v grows
    kinds: Ints  # (T, 3): material, MAPPED or TRIPLANAR, number of the object


def surface_kinds(scene: Scene, query: SceneQuery) -> Ints:
    """``Surface.kinds`` with the mode still MAPPED; WorldError for a material or segmentation id out of range."""
    kinds = np.zeros((len(query.faces), 3), np.int32)
    kinds[:, 0] = np.concatenate([np.broadcast_to(np.asarray(o.material), len(o.faces)) for o in scene.objects])
    for item in scene.objects:
        if not 0 <= item.segmentation_id <= 255:
            raise WorldError(f"Object {item.name!r}: expected segmentation_id 0..255, found {item.segmentation_id}.")
    kinds[:, 2] = np.repeat(np.arange(len(scene.objects)), [len(o.faces) for o in scene.objects])
    if kinds[:, 0].min() < 0 or kinds[:, 0].max() >= len(scene.materials):
        raise WorldError(
            f"Scene {scene.name!r}: expected material indices 0..{len(scene.materials) - 1}, "
            f"found {kinds[:, 0].min()}..{kinds[:, 0].max()}. Add the material to the scene or fix the index."
        )
    return np.ascontiguousarray(kinds[query.bvh.order])


def build_surface(scene: Scene, query: SceneQuery, kinds: Ints, ambient_occlusion: bool) -> Surface:
    """Gather attributes and bake openness; ``kinds`` from ``surface_kinds``."""
    order, faces = query.bvh.order, query.faces
    tile_m = np.array([m.tile_m or 0.0 for m in scene.materials], np.float32)
    soft = np.array([m.foliage for m in scene.materials], np.bool_)
    normals = np.concatenate([np.asarray(o.normals, np.float32).reshape(-1, 3) for o in scene.objects])
    uv = _mesh_uv(scene)

    def make() -> Arrays:
        values, modes = _gather(query, _unit(normals), uv, kinds[:, 0], (tile_m, soft), ambient_occlusion)
        return {"values": values, "modes": modes}

    def fits(a: Arrays) -> bool:
        return shaped(a["values"], np.float32, len(order), 25) and shaped(a["modes"], np.int32, len(order))

    if scene.triangle_count >= WORTH_TRIANGLES:
        looks = tile_m, soft, ambient_occlusion, OCCLUSION_RADIUS_M
        found = recall("surface", fingerprint(query.vertices, faces, order, normals, uv, kinds, *looks), make, fits)
    else:
        found = make()
    modes = np.stack([kinds[:, 0], found["modes"], kinds[:, 2]], axis=1)
    return Surface(found["values"], modes)


def _gather(
    query: SceneQuery, normals: Floats, uv: Floats, material: Ints, looks: tuple[Floats, NDArray[np.bool_]], ao: bool
) -> tuple[Floats, Ints]:
    """Values (T, 25) and modes (T,) of ``Surface``, of unit normals (V, 3) and uv (V, 2) of the vertices.

    ``material`` (T,) in leaf order; ``looks``: tile (m, 0 = mapped by uv) and foliage of each material.
    """
    corners, tile_m = query.faces[query.bvh.order], looks[0][material]
    values = np.zeros((len(corners), 25), np.float32)
    values[:, 0:9] = normals[corners].reshape(-1, 9)
    values[:, 9:12] = 1.0
    if ao:
        soft = looks[1][material]
        values[:, 9:12] = bake_exposure(query.bvh, query.vertices, normals, query.faces, soft)[corners]
    values[:, 12:18] = uv[corners].reshape(-1, 6)
    return values, _map_faces(query, values, tile_m)


def ground_colour(surface: Surface, query: SceneQuery, atlas: Atlas) -> Floats:
    """Mean albedo (3,) of what the sky sees: faces weighted by the area they show to it."""
    corners = query.bvh.triangles.reshape(-1, 3, 3)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    weight = area * np.maximum(query.face_normals[:, 2], 0.0) + 1e-9
    return (atlas.means[surface.kinds[:, 0]] * weight[:, None]).sum(0) / weight.sum()


def _mesh_uv(scene: Scene) -> Floats:
    """Mesh uv (V, 2) with v turned to grow down the picture; zeros where an object has none."""
    parts = []
    for item in scene.objects:
        uv = np.zeros((len(item.vertices), 2), np.float32)
        if item.uv is not None:
            uv[:] = np.asarray(item.uv, np.float32).reshape(-1, 2)
            uv[:, 1] = 1.0 - uv[:, 1]
        parts.append(uv)
    return np.concatenate(parts)


def _map_faces(query: SceneQuery, values: Floats, tile: Floats) -> Ints:
    """Project flat and ground-like faces once, here; leave curved ones to the kernel; note density and directions.

    ``tile`` (T,) metres, 0 = mapped by uv. Returns the mode (T,) of each face.
    """
    corners, face = query.bvh.triangles.reshape(-1, 3, 3), query.face_normals
    corner_normals = values[:, 0:9].reshape(-1, 3, 3)
    tiled = tile > 0
    agreement = np.einsum("tkc,tc->tk", corner_normals, face).min(1)
    flat = tiled & ((agreement > _FLAT_COSINE) | (agreement < _TURNED_COSINE))
    ground = tiled & (
        ((corner_normals[:, :, 2].min(1) > _GROUND_SLOPE) & (face[:, 2] > _GROUND_SLOPE))
        | (flat & (np.abs(face[:, 2]) > 0.98))
    )
    along = np.where(
        ground[:, None], [1.0, 0.0, 0.0], _unit(np.stack([-face[:, 1], face[:, 0], 0 * face[:, 0]], axis=1))
    )
    down = np.where(ground[:, None], [0.0, 1.0, 0.0], -np.cross(face, along))
    projected = flat | ground
    scale = 1.0 / np.where(tiled, tile, 1.0)
    uv = np.stack([np.einsum("tkc,tc->tk", corners, axis) * scale[:, None] for axis in (along, down)], axis=2)
    uv -= np.floor(uv.min(1, keepdims=True))  # whole tiles off: keeps precision
    values[:, 12:18] = np.where(projected[:, None], uv.reshape(-1, 6), values[:, 12:18])
    meshed = ~tiled
    values[:, 18] = np.where(tiled, scale, _density(corners, values[:, 12:18].reshape(-1, 3, 2)))
    values[:, 19:22] = np.where(meshed[:, None], 0.0, along)
    values[:, 22:25] = np.where(meshed[:, None], 0.0, down)
    return np.where(tiled & ~projected, TRIPLANAR, MAPPED).astype(np.int32)


def _density(corners: Floats, uv: Floats) -> Floats:
    """Texture lengths per metre (T,), from the areas."""
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    return np.sqrt(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / np.maximum(area, 1e-9))


def _unit(vectors: NDArray[np.floating]) -> Floats:
    """Normalised rows; +z where the length is zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), [0.0, 0.0, 1.0]).astype(np.float32)
