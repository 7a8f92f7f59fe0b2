"""Write a world as SDF 1.9 with its meshes in one GLB, so that Gazebo opens the same files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from navisplit.errors import WorldError
from navisplit.frames import euler_of
from navisplit.sim.scene import Light, Material
from navisplit.sim.worlds.build import build_scene
from navisplit.sim.worlds.description import Box, Cylinder, MeshInstance, Model, Plane, Pose, Sphere, Visual, World
from navisplit.sim.worlds.glb import Part, write_glb
from navisplit.sim.worlds.images import jpeg_of, to_srgb

NAMESPACE = "urn:navisplit:world:1"
"""XML namespace of what SDF has no word for (SDF allows foreign namespaces)."""

DEFAULT_AMBIENT = 0.4
"""SDF's default grey of ``<scene><ambient>``: our Light.ambient of 1."""


def write_sdf(world: World, path: str | Path) -> None:
    """Write ``path`` and beside it ``meshes/STEM.glb`` and the textures of simple shapes. Overwrites.

    Raises WorldError when the world names a mesh or material it does not have, or the folder cannot be written.
    """
    path = Path(path)
    build_scene(world)  # refuses a world that could not be read back
    try:
        (path.parent / "meshes").mkdir(parents=True, exist_ok=True)
        parts = _glb_parts(world)
        if parts:
            write_glb(path.parent / "meshes" / f"{path.stem}.glb", {name: part for name, part in parts.values()})
        ET.register_namespace("navisplit", NAMESPACE)
        tree = ET.ElementTree(_sdf_element(world, path, {key: name for key, (name, _) in parts.items()}))
        ET.indent(tree, " ")
        tree.write(path, encoding="utf-8", xml_declaration=True)
    except OSError as problem:
        raise WorldError(f"World {path} cannot be written: {problem}.") from problem


def _glb_parts(world: World) -> dict[tuple[str, str], tuple[str, Part]]:
    """Every pair of mesh and material in use: the name it gets in the file, and the part."""
    pairs = dict.fromkeys(
        (v.geometry.mesh, v.material) for m in world.models for v in m.visuals if isinstance(v.geometry, MeshInstance)
    )
    seen: dict[str, int] = {}
    parts = {}
    for mesh, material in pairs:
        count = seen[mesh] = seen.get(mesh, 0) + 1
        name = mesh if count == 1 else f"{mesh}.{material}"
        parts[(mesh, material)] = (name, Part(world.meshes[mesh], world.materials[material]))
    return parts


def _sdf_element(world: World, path: Path, names: dict[tuple[str, str], str]) -> ET.Element:
    root = ET.Element("sdf", version="1.9")
    element = ET.SubElement(root, "world", name=world.name)
    _add_light(element, world.light)
    if world.player_start is not None:
        frame = ET.SubElement(element, "frame", name="player_start")
        _add_pose(frame, Pose.from_euler(world.player_start.position, yaw=world.player_start.yaw))
    textures: dict[str, str] = {}
    for model in world.models:
        element.append(_model_element(world, model, path, names, textures))
    return root


def _add_light(world: ET.Element, light: Light) -> None:
    """Sun, ambient light, fog and sky; ``warmth`` is the sun's colour, ``cloud_cover`` the clouds' humidity."""
    scene = ET.SubElement(world, "scene")
    ambient = DEFAULT_AMBIENT * light.ambient
    _add(scene, "ambient", f"{_number(ambient)} {_number(ambient)} {_number(ambient)} 1")
    sky = ET.SubElement(scene, "sky")
    _add(ET.SubElement(sky, "clouds"), "humidity", _number(light.cloud_cover))
    if light.fog_density > 0:
        fog = ET.SubElement(scene, "fog")
        _add(fog, "type", "quadratic")
        _add(fog, "density", _number(light.fog_density))
    sun = ET.SubElement(world, "light", name="sun", type="directional")
    _add(sun, "cast_shadows", "true")
    _add(sun, "direction", " ".join(_number(-v) for v in light.sun_direction))
    _add(sun, "intensity", _number(light.sun_intensity))
    red, blue = min(1.0, 1.0 + 0.5 * light.warmth), min(1.0, 1.0 - 0.5 * light.warmth)
    _add(sun, "diffuse", f"{_number(red)} {_number((red + blue) / 2)} {_number(blue)} 1")


def _model_element(
    world: World, model: Model, path: Path, names: dict[tuple[str, str], str], textures: dict[str, str]
) -> ET.Element:
    """One static model; its collisions are its visuals."""
    element = ET.Element("model", name=model.name)
    _add(element, "static", "true")
    _add_pose(element, model.pose)
    link = ET.SubElement(element, "link", name="link")
    for visual in model.visuals:
        shown = ET.SubElement(link, "visual", name=visual.name)
        hit = ET.SubElement(link, "collision", name=visual.name)
        for parent in (shown, hit):
            _add_pose(parent, visual.pose)
            parent.append(_geometry_element(visual, path, names))
        if not isinstance(visual.geometry, MeshInstance):
            shown.append(_material_element(world.materials[visual.material], path, textures))
    label = ET.SubElement(element, "plugin", filename="gz-sim-label-system", name="gz::sim::systems::Label")
    _add(label, "label", str(model.segmentation_id))
    return element


def _geometry_element(visual: Visual, path: Path, names: dict[tuple[str, str], str]) -> ET.Element:
    element = ET.Element("geometry")
    shape = visual.geometry
    if isinstance(shape, MeshInstance):
        mesh = ET.SubElement(element, "mesh")
        _add(mesh, "uri", f"meshes/{path.stem}.glb")
        _add(ET.SubElement(mesh, "submesh"), "name", names[(shape.mesh, visual.material)])
        if shape.scale != (1.0, 1.0, 1.0):
            _add(mesh, "scale", _numbers(shape.scale))
    elif isinstance(shape, Box):
        _add(ET.SubElement(element, "box"), "size", _numbers(shape.size))
    elif isinstance(shape, Cylinder):
        cylinder = ET.SubElement(element, "cylinder")
        _add(cylinder, "radius", _number(shape.radius))
        _add(cylinder, "length", _number(shape.length))
    elif isinstance(shape, Sphere):
        _add(ET.SubElement(element, "sphere"), "radius", _number(shape.radius))
    elif isinstance(shape, Plane):
        plane = ET.SubElement(element, "plane")
        _add(plane, "normal", _numbers(shape.normal))
        _add(plane, "size", _numbers(shape.size))
    return element


def _material_element(material: Material, path: Path, textures: dict[str, str]) -> ET.Element:
    """Colour or albedo map of a simple shape; the picture is written once, beside the meshes."""
    element = ET.Element("material")
    mean = np.asarray(material.albedo, np.float64).reshape(-1, 3).mean(axis=0)
    colour = " ".join(f"{v:.6f}" for v in to_srgb(mean))
    _add(element, "ambient", f"{colour} 1")
    _add(element, "diffuse", f"{colour} 1")
    if len(material.albedo) > 1:
        if material.name not in textures:
            textures[material.name] = f"meshes/{path.stem}_{material.name}.jpg"
            jpeg_of(material.albedo).save(path.parent / textures[material.name], format="JPEG", quality="keep")
        metal = ET.SubElement(ET.SubElement(element, "pbr"), "metal")
        _add(metal, "albedo_map", textures[material.name])
        _add(metal, "metalness", "0")
        _add(metal, "roughness", "1")
    extra = ET.SubElement(element, f"{{{NAMESPACE}}}material", name=material.name)
    extra.set("tile_m", "none" if material.tile_m is None else _number(material.tile_m))
    extra.set("foliage", "true" if material.foliage else "false")
    return element


def _add_pose(parent: ET.Element, pose: Pose) -> None:
    angles = euler_of(pose.orientation)
    if any(pose.position) or any(angles):
        _add(parent, "pose", f"{_numbers(pose.position)} {_numbers(angles)}")


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(_number(v) for v in values)


def _number(value: float) -> str:
    return f"{float(value):.7g}"
