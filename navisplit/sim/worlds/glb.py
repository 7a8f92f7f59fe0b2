"""Meshes and their materials in one GLB file, through trimesh.

Coordinates are written z-up, as they are: gz-common (AssimpLoader) reads glTF vertices without turning them, and so
do we. What glTF cannot say (triplanar tile size, foliage) travels in each mesh's ``extras``; other programs see
ordinary uv with a base colour texture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import WorldError
from navisplit.sim.scene import Material
from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.images import albedo_of, jpeg_of

_EXTRAS = "navisplit"
_DEFAULT_COLOUR = 0.6
_MAX_COUNT = 20_000_000
"""Values of one accessor (our choice): 240 MB of vertices."""


@dataclass(frozen=True)
class Part:
    """One named mesh of a file with its material."""

    mesh: Mesh
    material: Material
    bare: bool = False  # written without its picture: every visual that shows it brings its own


def write_glb(path: Path, parts: Mapping[str, Part]) -> None:
    """Write the parts as nodes of their names; parts of one material share its texture."""
    import trimesh

    scene = trimesh.Scene()
    looks = {}
    for name, part in parts.items():
        material = part.material
        look = (material.name, part.bare)
        if look not in looks:
            looks[look] = _pbr_of(material, part.bare)
        visual = trimesh.visual.TextureVisuals(uv=_display_uv(part), material=looks[look])
        geometry = trimesh.Trimesh(
            vertices=part.mesh.vertices,
            faces=part.mesh.faces,
            vertex_normals=part.mesh.normals,
            visual=visual,
            process=False,
            metadata={_EXTRAS: _extras_of(material, part.bare)},
        )
        scene.add_geometry(geometry, node_name=name, geom_name=name)
    path.write_bytes(scene.export(file_type="glb", include_normals=True))


def read_parts(path: Path) -> dict[str, Part]:
    """All triangle meshes of a file that trimesh reads, node transforms applied, by node name.

    Raises WorldError when the file is missing, broken or holds no triangles.
    """
    import trimesh

    if not path.is_file():
        raise WorldError(f"Mesh file {path} does not exist. Keep the meshes folder beside the world file.")
    try:
        _check_claims(path)
        parts = _parts_of(trimesh.load_scene(path, process=False), path)
    except WorldError:
        raise
    except Exception as problem:  # trimesh raises whatever its loaders meet: KeyError, struct.error, ValueError ...
        raise WorldError(f"Mesh file {path} cannot be read: {type(problem).__name__}: {problem}.") from problem
    if not parts:
        raise WorldError(f"Mesh file {path} holds no triangles.")
    return parts


def _parts_of(loaded: Any, path: Path) -> dict[str, Part]:
    import trimesh

    parts = {}
    unit_m = _collada_unit_m(path) if path.suffix.lower() == ".dae" else 1.0
    for node in loaded.graph.nodes_geometry:
        placed, geometry_name = loaded.graph[node]
        transform = np.diag([unit_m, unit_m, unit_m, 1.0]) @ placed
        geometry = loaded.geometry[geometry_name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            _check_geometry(geometry, f"{path}, mesh '{node}'")
            parts[str(node)] = _part_of(geometry, transform, f"{path.stem}.{node}")
    return parts


def _check_claims(path: Path) -> None:
    """Refuse a GLB whose accessors claim more than a world can hold: one without data is allocated as it claims."""
    if path.suffix.lower() != ".glb":
        return
    with path.open("rb") as file:
        head = file.read(20)
        length = int.from_bytes(head[12:16], "little")
        text = file.read(min(length, path.stat().st_size))
    accessors = json.loads(text).get("accessors", [])
    most = max((accessor.get("count", 0) for accessor in accessors), default=0)
    if not 0 <= most <= _MAX_COUNT:
        raise WorldError(f"Mesh file {path} claims {most} values in one accessor, expected {_MAX_COUNT} at most.")


def _check_geometry(geometry: Any, where: str) -> None:
    """Corners that exist and are somewhere: the ray caster reads them unchecked."""
    faces, vertices = np.asarray(geometry.faces), np.asarray(geometry.vertices)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise WorldError(f"{where}: a face names vertex {faces.max()}, of {len(vertices)}; export the file again.")
    if not np.isfinite(vertices).all():
        raise WorldError(f"{where}: a vertex is not finite; export the file again.")


def _collada_unit_m(path: Path) -> float:
    """Metres of a COLLADA file's unit, which trimesh reports but does not apply.

    Its z axis is taken as up whatever it says, as in Gazebo (gazebo-classic issue 1305).
    """
    for _, element in ET.iterparse(path, ("start",)):
        tag = element.tag.rpartition("}")[2]
        if tag == "unit":
            return float(element.get("meter", "1"))
        if tag.startswith("library_"):
            break
    return 1.0


def _pbr_of(material: Material, bare: bool) -> Any:
    import trimesh

    look = trimesh.visual.material.PBRMaterial(name=material.name, roughnessFactor=1.0, metallicFactor=0.0)
    look.doubleSided = material.foliage
    if material.glow > 0:
        look.emissiveFactor = [float(v) for v in np.clip(_mean_colour(material) * material.glow, 0, 1)]
    if len(material.albedo) > 1 and not bare:
        look.baseColorTexture = jpeg_of(material.albedo)
    else:
        look.baseColorFactor = [*(float(v) for v in _mean_colour(material)), 1.0]
    return look


def _mean_colour(material: Material) -> NDArray[np.float32]:
    return material.albedo.reshape(-1, 3).mean(axis=0)


def _extras_of(material: Material, bare: bool) -> dict[str, Any]:
    extras: dict[str, Any] = {"material": material.name, "tile_m": material.tile_m, "foliage": material.foliage}
    if material.glow > 0:
        extras["glow"] = round(material.glow, 6)
    if len(material.albedo) == 1 or bare:
        extras["linear_rgb"] = [round(float(v), 6) for v in _mean_colour(material)]
    return extras


def _display_uv(part: Part) -> NDArray[np.float32] | None:
    """The mesh's own uv, or for a tiled material its projection along the main axis of each normal."""
    mesh, tile = part.mesh, part.material.tile_m
    if tile is not None and len(part.material.albedo) == 1:
        return None
    if tile is None:
        return mesh.uv if mesh.uv is not None else np.zeros((len(mesh.vertices), 2), np.float32)
    axis = np.abs(mesh.normals).argmax(axis=1)
    u = np.where(axis == 0, mesh.vertices[:, 1], mesh.vertices[:, 0])
    v = np.where(axis == 2, mesh.vertices[:, 1], mesh.vertices[:, 2])
    return (np.stack([u, v], axis=1) / tile).astype(np.float32)


def _part_of(geometry: Any, transform: NDArray[np.float64], fallback_name: str) -> Part:
    linear = transform[:3, :3]
    vertices = np.asarray(geometry.vertices) @ linear.T + transform[:3, 3]
    normals = np.asarray(geometry.vertex_normals) @ np.linalg.inv(linear)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    faces = np.asarray(geometry.faces)
    if np.linalg.det(linear) < 0:
        faces = faces[:, ::-1]
    uv = getattr(geometry.visual, "uv", None)
    uv = None if uv is None or len(uv) != len(vertices) else np.asarray(uv, np.float32)
    mesh = Mesh(vertices.astype(np.float32), np.ascontiguousarray(faces, np.int32), normals.astype(np.float32), uv)
    material = _material_of(geometry, uv is not None, fallback_name)
    colours = _face_colours(geometry)
    if colours is not None and len(material.albedo) == 1 and _EXTRAS not in geometry.metadata:
        return painted(mesh, colours, fallback_name)
    return Part(mesh, material)


def _face_colours(geometry: Any) -> NDArray[np.float64] | None:
    """Linear colour of each face (F, 3) where a mesh has colours of its own, and more than one."""
    attributes = getattr(geometry.visual, "vertex_attributes", None) or {}
    colours = attributes.get("color")
    if colours is None and getattr(geometry.visual, "kind", None) in {"vertex", "face"}:
        colours = geometry.visual.vertex_colors
    if colours is None or len(colours) != len(geometry.vertices):
        return None
    colours = np.asarray(colours, np.float64)[:, :3] / (255.0 if np.asarray(colours).dtype.kind in "iu" else 1.0)
    return colours[np.asarray(geometry.faces)].mean(axis=1) if len(np.unique(colours, axis=0)) > 1 else None


def painted(mesh: Mesh, colours: NDArray[np.float64], name: str) -> Part:
    """A mesh whose faces have colours (F, 3) of their own: a palette as its picture, each face in one of its texels.

    The renderer has no colour per vertex; 4,096 levels (16 of each of red, green and blue) are kept.
    """
    levels = np.clip(np.round(np.sqrt(np.clip(colours, 0, 1)) * 15), 0, 15).astype(np.int64)
    index = levels @ [256, 16, 1]
    number = np.arange(64 * 64)
    table = np.stack([number // 256, number // 16 % 16, number % 16], axis=1) / 15.0
    place = np.stack([(index % 64 + 0.5) / 64, 1.0 - (index // 64 + 0.5) / 64], axis=1)
    corners = mesh.faces.ravel()
    split = Mesh(
        mesh.vertices[corners],
        np.arange(len(corners), dtype=np.int32).reshape(-1, 3),
        mesh.normals[corners],
        np.repeat(place, 3, axis=0).astype(np.float32),
    )
    return Part(split, Material(name, (table**2).astype(np.float32).reshape(64, 64, 3), None))


def _material_of(geometry: Any, has_uv: bool, fallback_name: str) -> Material:
    """The look of a mesh: our extras first, else base colour texture, factor, or mean vertex colour."""
    look = getattr(geometry.visual, "material", None)
    extras = geometry.metadata.get(_EXTRAS)
    extras = extras if isinstance(extras, dict) else {}
    name = str(extras.get("material") or fallback_name)
    texture = getattr(look, "baseColorTexture", None) or getattr(look, "image", None)
    foliage, glow = bool(extras.get("foliage", False)), float(extras.get("glow", 0.0))
    if texture is not None and (has_uv or extras):
        factor = getattr(look, "baseColorFactor", None)
        albedo = albedo_of(texture)
        if factor is not None:  # glTF: the picture times the factor
            albedo = albedo * _as_linear(factor).astype(np.float32)
        return Material(name, albedo, extras.get("tile_m"), foliage, glow)
    colour = extras.get("linear_rgb")
    if colour is None:
        colour = _plain_colour(geometry, look)
    albedo = np.clip(np.asarray(colour, np.float32), 0, 1).reshape(1, 1, 3)
    return Material(name, albedo, extras.get("tile_m", 4.0), foliage, glow)


def _plain_colour(geometry: Any, look: Any) -> NDArray[np.float64]:
    factor = getattr(look, "baseColorFactor", None)
    if factor is None:
        factor = getattr(look, "diffuse", None)
    if factor is None and getattr(geometry.visual, "kind", None) in {"vertex", "face"}:
        factor = np.asarray(geometry.visual.vertex_colors).mean(axis=0)
    if factor is None:
        return np.full(3, _DEFAULT_COLOUR)
    return _as_linear(factor)


def _as_linear(factor: Any) -> NDArray[np.float64]:
    """A colour factor (3,) in 0..1, whether trimesh gives it in bytes or not."""
    factor = np.asarray(factor)
    return np.asarray(factor[:3], np.float64) / (255.0 if factor.dtype.kind in "iu" else 1.0)
