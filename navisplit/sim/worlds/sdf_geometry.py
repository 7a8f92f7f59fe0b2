"""Geometry and materials of SDF visuals: shapes, mesh files, colours and albedo maps."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from navisplit.errors import WorldError, nearest_name
from navisplit.sim.scene import Material
from navisplit.sim.worlds.description import Box, Cylinder, Geometry, Mesh, MeshInstance, Plane, Sphere, plain_material
from navisplit.sim.worlds.glb import Part, read_parts
from navisplit.sim.worlds.images import read_albedo, to_linear
from navisplit.sim.worlds.sdf_frames import child_numbers
from navisplit.sim.worlds.sdf_writer import NAMESPACE

DEFAULT_COLOUR = (0.7, 0.7, 0.7)
"""Linear grey of a visual without a material."""


class WorldWarning(UserWarning):
    """Something in a world file that is not understood and was left out; the message names the element."""


def warn(where: str, text: str) -> None:
    """Warn about an element by its path."""
    warnings.warn(f"{where}: {text}", WorldWarning, stacklevel=2)


@dataclass
class Library:
    """Meshes and materials met while reading one world."""

    folder: Path  # of the world file
    meshes: dict[str, Mesh] = field(default_factory=dict)
    materials: dict[str, Material] = field(default_factory=dict)
    _files: dict[Path, dict[str, Part]] = field(default_factory=dict)

    def geometry(self, visual: ET.Element, folder: Path, where: str) -> list[tuple[Geometry, Material | None]]:
        """The shapes of a visual or collision; a mesh file without ``<submesh>`` may give several.

        The material is the mesh file's own, or None. Unsupported shapes give a WorldWarning and an empty list.
        """
        element = visual.find("geometry")
        shapes = [] if element is None else list(element)
        if not shapes:
            warn(where, "no geometry in it; nothing is shown.")
        found: list[tuple[Geometry, Material | None]] = []
        for shape in shapes:
            path = f"{where}/geometry/{shape.tag}"
            if shape.tag == "mesh":
                found += self._mesh(shape, folder, path)
            elif shape.tag in _SHAPES:
                found.append((_SHAPES[shape.tag](shape, path), None))
            elif shape.tag != "empty":
                warn(path, f"geometry <{shape.tag}> is not supported and is missing from the world.")
        return found

    def material(self, visual: ET.Element, folder: Path, where: str) -> Material | None:
        """The material that a visual gives itself, or None."""
        element = visual.find("material")
        if element is None:
            return None
        path = f"{where}/material"
        for tag in ("script", "shader"):
            if element.find(tag) is not None:
                warn(f"{path}/{tag}", f"<{tag}> materials are not supported; its colour is used.")
        extra = element.find(f"{{{NAMESPACE}}}material")
        name = None if extra is None else extra.get("name")
        tile_m, foliage = _extra_look(extra, path)
        albedo_map = element.find("pbr/metal/albedo_map")
        albedo_map = element.find("pbr/specular/albedo_map") if albedo_map is None else albedo_map
        if albedo_map is not None and (albedo_map.text or "").strip():
            picture = find_file(albedo_map.text or "", folder, f"{path}/pbr/albedo_map")
            try:
                return Material(name or picture.name, read_albedo(picture), tile_m, foliage)
            except OSError as problem:
                raise WorldError(f"{path}: texture {picture} cannot be read: {problem}.") from problem
        if element.find("diffuse") is None and element.find("ambient") is None:
            return None
        tag = "diffuse" if element.find("diffuse") is not None else "ambient"
        words = (element.findtext(tag) or "").split()
        colour = child_numbers(element, tag, (0.0,) * (4 if len(words) == 4 else 3), path)[:3]
        made = plain_material(name or "colour_" + "_".join(f"{v:.4g}" for v in colour), to_linear(np.asarray(colour)))
        return Material(made.name, made.albedo, made.tile_m, foliage)

    def keep(self, material: Material | None) -> str:
        """Store a material under its name, made unique where two differ; returns the name."""
        material = material or plain_material("default", DEFAULT_COLOUR)
        name, number = material.name, 1
        while name in self.materials and not _same(self.materials[name], material):
            number += 1
            name = f"{material.name}_{number}"
        if name not in self.materials:
            self.materials[name] = Material(name, material.albedo, material.tile_m, material.foliage)
        return name

    def _mesh(self, shape: ET.Element, folder: Path, where: str) -> list[tuple[Geometry, Material | None]]:
        uri = shape.findtext("uri") or ""
        path = find_file(uri, folder, f"{where}/uri")
        if path not in self._files:
            self._files[path] = read_parts(path)
        parts = self._files[path]
        scale = child_numbers(shape, "scale", (1.0, 1.0, 1.0), where)
        wanted = shape.findtext("submesh/name")
        if wanted is not None:
            if wanted.strip() not in parts:
                raise WorldError(
                    f"{where}/submesh: {path} has no mesh '{wanted.strip()}'.{nearest_name(wanted, parts)}"
                )
            parts = {wanted.strip(): parts[wanted.strip()]}
        centre = (shape.findtext("submesh/center") or "").strip() in {"true", "1"}
        found: list[tuple[Geometry, Material | None]] = []
        for name, part in parts.items():
            key = f"{path.stem}/{name}" + ("@centre" if centre else "")
            while key in self.meshes and self.meshes[key].faces is not part.mesh.faces:
                key += "'"
            self.meshes[key] = _centred(part.mesh) if centre else part.mesh
            found.append((MeshInstance(key, scale), part.material))
        return found


def find_file(uri: str, folder: Path, where: str) -> Path:
    """The file that a uri names: relative to the file that names it, ``file://``, ``model://`` or ``package://``.

    The last two are searched beside the world, in its ``models`` folder, and under ``GZ_SIM_RESOURCE_PATH``.
    Raises WorldError when there is none.
    """
    uri = uri.strip()
    scheme, _, rest = uri.rpartition("://")
    roots = [folder]
    if scheme in {"model", "package"}:
        extra = os.environ.get("GZ_SIM_RESOURCE_PATH", "").split(os.pathsep)
        roots = [folder, folder.parent, folder / "models", folder.parent / "models", *(Path(p) for p in extra if p)]
    elif scheme not in {"", "file"}:
        raise WorldError(
            f"{where}: '{uri}' is on the network; expected a file. Download it and name it relative to the world."
        )
    for root in roots:
        if rest and (root / rest).exists():
            return (root / rest).resolve()
    raise WorldError(f"{where}: file '{uri}' does not exist; looked in {', '.join(str(r) for r in roots)}.")


def _box(shape: ET.Element, where: str) -> Geometry:
    return Box(_positive(child_numbers(shape, "size", (1.0, 1.0, 1.0), where), where))


def _cylinder(shape: ET.Element, where: str) -> Geometry:
    (radius,), (length,) = (child_numbers(shape, tag, (1.0,), where) for tag in ("radius", "length"))
    return Cylinder(*_positive((radius, length), where))


def _sphere(shape: ET.Element, where: str) -> Geometry:
    return Sphere(*_positive(child_numbers(shape, "radius", (1.0,), where), where))


def _plane(shape: ET.Element, where: str) -> Geometry:
    size = _positive(child_numbers(shape, "size", (1.0, 1.0), where), where)
    return Plane(child_numbers(shape, "normal", (0.0, 0.0, 1.0), where), size)


_SHAPES = {"box": _box, "cylinder": _cylinder, "sphere": _sphere, "plane": _plane}


def _positive(values: tuple[float, ...], where: str) -> tuple[float, ...]:
    if min(values) <= 0:
        raise WorldError(f"{where}: expected sizes > 0, found {' '.join(f'{v:g}' for v in values)}.")
    return values


def _extra_look(extra: ET.Element | None, where: str) -> tuple[float | None, bool]:
    """Tile size and foliage of our own element; without it, pictures are mapped by uv, as Gazebo does."""
    if extra is None:
        return None, False
    tile = extra.get("tile_m", "none")
    try:
        return (None if tile == "none" else float(tile)), extra.get("foliage") == "true"
    except ValueError as problem:
        raise WorldError(f"{where}: tile_m: expected metres or 'none', found '{tile}'.") from problem


def _same(a: Material, b: Material) -> bool:
    """Whether two looks are one: a picture may have been compressed twice on its way into a file."""
    if (a.tile_m, a.foliage, a.albedo.shape) != (b.tile_m, b.foliage, b.albedo.shape):
        return False
    return a.albedo is b.albedo or float(np.abs(a.albedo - b.albedo).mean()) < (0.01 if len(a.albedo) > 1 else 1e-6)


def _centred(mesh: Mesh) -> Mesh:
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    return Mesh(mesh.vertices - middle, mesh.faces, mesh.normals, mesh.uv)
