"""Geometry and materials of SDF visuals: shapes, mesh files, colours and albedo maps."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import WorldError, nearest_name
from navisplit.sim.scene import Material
from navisplit.sim.worlds.description import NO_TINT, Geometry, Mesh, MeshInstance, Triple, plain_material
from navisplit.sim.worlds.glb import Part
from navisplit.sim.worlds.glb_kept import read_parts
from navisplit.sim.worlds.images import read_albedo, to_linear
from navisplit.sim.worlds.sdf_frames import child_numbers
from navisplit.sim.worlds.sdf_heightmap import read_heightmap
from navisplit.sim.worlds.sdf_shapes import SHAPES, polyline
from navisplit.sim.worlds.sdf_text import NAMESPACE, warn

DEFAULT_COLOUR = (0.7, 0.7, 0.7)
"""Linear grey of a visual without a material."""


@dataclass
class Library:
    """Meshes and materials met while reading one world."""

    folder: Path  # of the world file
    meshes: dict[str, Mesh] = field(default_factory=dict)
    materials: dict[str, Material] = field(default_factory=dict)
    _files: dict[Path, dict[str, Part]] = field(default_factory=dict)
    _pictures: dict[tuple[Path, _Look], Material] = field(default_factory=dict)
    _albedos: dict[Path, NDArray[np.float32]] = field(default_factory=dict)  # as in the files, without a tint
    _found: dict[tuple[str, Path], Path] = field(default_factory=dict)

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
            elif shape.tag in SHAPES:
                found.append((SHAPES[shape.tag](shape, path), None))
            elif shape.tag == "polyline":
                found += [(self.own_mesh(visual.get("name", "polyline"), polyline(shape, path)), None)]
            elif shape.tag == "heightmap":
                mesh, look = read_heightmap(shape, partial(find_file, folder=folder, where=path), path)
                found.append((self.own_mesh("heightmap", mesh), look))
            elif shape.tag != "empty":
                warn(path, f"geometry <{shape.tag}> is not supported and is missing from the world.")
        return found

    def material(self, visual: ET.Element, folder: Path, where: str) -> Material | None:
        """The material that a visual gives itself, or None."""
        element = visual.find("material")
        if element is None:
            return None
        path = f"{where}/material"
        if element.find("shader") is not None:
            warn(f"{path}/shader", "<shader> materials are not supported; its colour is used.")
        extra = element.find(f"{{{NAMESPACE}}}material")
        look = _Look.of(element, extra, path)
        name = None if extra is None else extra.get("name")
        albedo_map = element.find("pbr/metal/albedo_map")
        albedo_map = element.find("pbr/specular/albedo_map") if albedo_map is None else albedo_map
        if albedo_map is not None and (albedo_map.text or "").strip():
            picture = self._find(albedo_map.text or "", folder, f"{path}/pbr/albedo_map")
            key = (picture, look)
            if key not in self._pictures:
                try:
                    albedo = self._albedo(picture)
                except OSError as problem:
                    raise WorldError(f"{path}: texture {picture} cannot be read: {problem}.") from problem
                self._pictures[key] = look.material(name or picture.name, albedo)
            return self._pictures[key]
        colour = _colour(element, "diffuse", path) or _colour(element, "ambient", path) or _script_colour(element, path)
        if colour is None:
            return None
        made = plain_material(name or "colour_" + "_".join(f"{v:.4g}" for v in colour), to_linear(np.asarray(colour)))
        return replace(made, foliage=look.foliage, glow=look.glow)

    def keep(self, material: Material | None) -> str:
        """Store a material under its name, made unique where two differ; returns the name."""
        material = material or plain_material("default", DEFAULT_COLOUR)
        name, number = material.name, 1
        while name in self.materials and not _same(self.materials[name], material):
            number += 1
            name = f"{material.name}_{number}"
        if name not in self.materials:
            self.materials[name] = replace(material, name=name)
        return name

    def own_mesh(self, name: str, mesh: Mesh) -> MeshInstance:
        """Keep a mesh that is not from a file."""
        key = f"{name}@{len(self.meshes)}"
        self.meshes[key] = mesh
        return MeshInstance(key)

    def file_parts(self, file: Path) -> list[tuple[str, str, Material]]:
        """All meshes of a file: name, key under which it is kept, material."""
        parts = self._parts(file)
        for name, part in parts.items():
            self.meshes[f"{file.stem}/{name}"] = part.mesh
        return [(name, f"{file.stem}/{name}", part.material) for name, part in parts.items()]

    def _find(self, uri: str, folder: Path, where: str) -> Path:
        """``find_file``, once for each uri: a town names a dozen files two thousand times."""
        key = uri, folder
        if key not in self._found:
            self._found[key] = find_file(uri, folder, where)
        return self._found[key]

    def _albedo(self, picture: Path) -> NDArray[np.float32]:
        """``read_albedo``, once for each file, however many tints it is given."""
        if picture not in self._albedos:
            self._albedos[picture] = read_albedo(picture)
        return self._albedos[picture]

    def _parts(self, path: Path) -> dict[str, Part]:
        if path not in self._files:
            self._files[path] = read_parts(path)
        return self._files[path]

    def _mesh(self, shape: ET.Element, folder: Path, where: str) -> list[tuple[Geometry, Material | None]]:
        uri = shape.findtext("uri") or ""
        path = self._find(uri, folder, f"{where}/uri")
        parts = self._parts(path)
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


@dataclass(frozen=True)
class _Look:
    """What a ``<material>`` says besides its picture."""

    tile_m: float | None = None
    foliage: bool = False
    glow: float = 0.0
    tint: Triple = NO_TINT  # of the picture, linear

    @classmethod
    def of(cls, element: ET.Element, extra: ET.Element | None, where: str) -> _Look:
        """From our own element; without it, pictures are mapped by uv and tinted by the diffuse colour (as Gazebo)."""
        if extra is None:
            diffuse, emissive = (_colour(element, tag, where) for tag in ("diffuse", "emissive"))
            tint = NO_TINT if diffuse is None else tuple(float(v) for v in to_linear(np.asarray(diffuse)))
            glow = 0.0 if emissive is None else float(np.mean(to_linear(np.asarray(emissive)))) * 2.0
            return cls(glow=glow, tint=tint)
        tile = extra.get("tile_m", "none")
        try:
            tint = tuple(max(float(v), 0.0) for v in extra.get("tint", "1 1 1").split())
            tile_m = None if tile == "none" else float(tile)
            glow = float(extra.get("glow", "0"))
        except ValueError as problem:
            raise WorldError(f"{where}: expected tile_m in metres or 'none', tint and glow as numbers.") from problem
        if len(tint) != 3:
            raise WorldError(f"{where}: tint: expected 3 numbers, found {len(tint)}.")
        return cls(tile_m, extra.get("foliage") == "true", glow, tint)

    def material(self, name: str, albedo: NDArray[np.float32]) -> Material:
        """With a picture (not tinted yet) or colour."""
        return Material(name, albedo, self.tile_m, self.foliage, self.glow, self.tint)


_SCRIPT_COLOURS = {
    "Black": (0, 0, 0), "Blue": (0, 0, 1), "BlueGlow": (0, 0, 1), "DarkGrey": (0.17, 0.17, 0.17), "Green": (0, 1, 0),
    "Grey": (0.3, 0.3, 0.3), "Indigo": (0.33, 0, 0.5), "Orange": (1, 0.5, 0.04), "Purple": (1, 0, 1),
    "Red": (1, 0, 0), "Turquoise": (0, 1, 1), "White": (1, 1, 1), "Wood": (0.55, 0.39, 0.25), "Yellow": (1, 1, 0),
}  # fmt: skip
"""Gazebo Classic's plain materials as sRGB, about; its scripts themselves are not read."""


def _script_colour(element: ET.Element, where: str) -> tuple[float, ...] | None:
    """The colour of a ``<script>`` that names one of Gazebo Classic's plain materials; a WorldWarning for others."""
    if element.find("script") is None:
        return None
    name = (element.findtext("script/name") or "").strip()
    colour = _SCRIPT_COLOURS.get(name.removeprefix("Gazebo/"))
    if colour is None:
        warn(f"{where}/script", f"<script> materials are not supported; '{name}' is shown grey.")
    return colour


def _colour(element: ET.Element, tag: str, where: str) -> tuple[float, ...] | None:
    """The sRGB colour of a child, with or without alpha, or None."""
    if element.find(tag) is None:
        return None
    words = (element.findtext(tag) or "").split()
    return child_numbers(element, tag, (0.0,) * (4 if len(words) == 4 else 3), where)[:3]


def _same(a: Material, b: Material) -> bool:
    """Whether two looks are one: a picture may have been compressed twice on its way into a file."""
    if a is b:
        return True
    if (a.tile_m, a.foliage, a.glow, a.picture.shape) != (b.tile_m, b.foliage, b.glow, b.picture.shape):
        return False
    if a.picture is b.picture:
        return a.tint == b.tint
    return float(np.abs(a.albedo - b.albedo).mean()) < (0.01 if len(a.picture) > 1 else 1e-6)


def _centred(mesh: Mesh) -> Mesh:
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    return Mesh(mesh.vertices - middle, mesh.faces, mesh.normals, mesh.uv)
