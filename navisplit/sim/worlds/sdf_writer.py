"""Write a world as SDF 1.9 with its meshes in one GLB, so that Gazebo opens the same files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET

import numpy as np

from navisplit.errors import WorldError
from navisplit.sim.scene import Light, Material
from navisplit.sim.worlds.build import build_scene, tinted_name
from navisplit.sim.worlds.description import NO_TINT, MeshInstance, Model, Pose, Triple, Visual, World
from navisplit.sim.worlds.glb import Part, write_glb
from navisplit.sim.worlds.images import jpeg_of, to_srgb
from navisplit.sim.worlds.sdf_actors import actor_element, write_skins
from navisplit.sim.worlds.sdf_text import DEFAULT_AMBIENT, NAMESPACE, add, add_label, add_pose, number, numbers_text
from navisplit.sim.worlds.sdf_weather import add_weather


def write_sdf(world: World, path: str | Path) -> None:
    """Write ``path`` and beside it ``meshes/STEM.glb`` and the textures of simple shapes. Overwrites.

    Raises WorldError when the world names a mesh or material it does not have, or the folder cannot be written.
    """
    path = Path(path)
    build_scene(world)  # refuses a world that could not be read back
    try:
        (path.parent / "meshes").mkdir(parents=True, exist_ok=True)
        parts = _glb_parts(world)
        write_skins(world, path)
        if parts:
            write_glb(path.parent / "meshes" / f"{path.stem}.glb", {name: part for name, part in parts.values()})
        ET.register_namespace("navisplit", NAMESPACE)
        tree = ET.ElementTree(_sdf_element(world, path, {key: name for key, (name, _) in parts.items()}))
        ET.indent(tree, "")  # one element a line; spaces in front would be a tenth of the file
        tree.write(path, encoding="utf-8", xml_declaration=True)
    except OSError as problem:
        raise WorldError(f"World {path} cannot be written: {problem}.") from problem


PartKey: TypeAlias = tuple[str, str, bool]  # mesh, material (its tile, for a tinted one), whether tinted


def _key(world: World, visual: Visual) -> PartKey:
    """Which part of the GLB shows a visual: all tints of one mesh share one, as long as their uv are the same."""
    shape, material = visual.geometry, world.materials[visual.material]
    assert isinstance(shape, MeshInstance)
    if visual.tint == NO_TINT:
        return shape.mesh, visual.material, False
    return shape.mesh, "plain" if len(material.albedo) == 1 else str(material.tile_m), True


def _glb_parts(world: World) -> dict[PartKey, tuple[str, Part]]:
    """Every part in use: the name it gets in the file, and the part."""
    seen: dict[str, int] = {}
    parts: dict[PartKey, tuple[str, Part]] = {}
    for visual in (v for m in world.models for v in m.visuals if isinstance(v.geometry, MeshInstance)):
        key = _key(world, visual)
        if key not in parts:
            mesh, look, bare = key
            count = seen[mesh] = seen.get(mesh, 0) + 1
            name = mesh if count == 1 else f"{mesh}.{look}{'*' if bare else ''}"
            parts[key] = (name, Part(world.meshes[mesh], world.materials[visual.material], bare))
    return parts


def _sdf_element(world: World, path: Path, names: dict[PartKey, str]) -> ET.Element:
    root = ET.Element("sdf", version="1.9")
    element = ET.SubElement(root, "world", name=world.name)
    _add_light(element, world.light)
    add_weather(element, world.weather)
    if world.player_start is not None:
        frame = ET.SubElement(element, "frame", name="player_start")
        add_pose(frame, Pose.from_euler(world.player_start.position, yaw=world.player_start.yaw))
    textures: dict[str, str] = {}
    for model in world.models:
        element.append(_model_element(world, model, path, names, textures))
    for actor in world.actors:
        element.append(actor_element(actor, path))
    return root


def _add_light(world: ET.Element, light: Light) -> None:
    """Sun, ambient light, fog and sky; ``warmth`` is the sun's colour, ``cloud_cover`` the clouds' humidity."""
    scene = ET.SubElement(world, "scene")
    ambient = DEFAULT_AMBIENT * light.ambient
    add(scene, "ambient", f"{number(ambient)} {number(ambient)} {number(ambient)} 1")
    sky = ET.SubElement(scene, "sky")
    add(ET.SubElement(sky, "clouds"), "humidity", number(light.cloud_cover))
    if light.fog_density > 0:
        fog = ET.SubElement(scene, "fog")
        add(fog, "type", "quadratic")
        add(fog, "density", number(light.fog_density))
    sun = ET.SubElement(world, "light", name="sun", type="directional")
    add(sun, "cast_shadows", "true")
    add(sun, "direction", " ".join(number(-v) for v in light.sun_direction))
    add(sun, "intensity", number(light.sun_intensity))
    red, blue = min(1.0, 1.0 + 0.5 * light.warmth), min(1.0, 1.0 - 0.5 * light.warmth)
    add(sun, "diffuse", f"{number(red)} {number((red + blue) / 2)} {number(blue)} 1")


def _model_element(
    world: World, model: Model, path: Path, names: dict[PartKey, str], textures: dict[str, str]
) -> ET.Element:
    """One static model; its collisions are its visuals."""
    element = ET.Element("model", name=model.name)
    add(element, "static", "true")
    add_pose(element, model.pose)
    link = ET.SubElement(element, "link", name="link")
    for visual in model.visuals:
        shown = ET.SubElement(link, "visual", name=visual.name)
        hit = ET.SubElement(link, "collision", name=visual.name)
        for parent in (shown, hit):
            add_pose(parent, visual.pose)
            parent.append(_geometry_element(world, visual, path, names))
        if not isinstance(visual.geometry, MeshInstance) or visual.tint != NO_TINT:
            shown.append(_material_element(world.materials[visual.material], visual.tint, path, textures))
    add_label(element, model.segmentation_id)
    return element


def _geometry_element(world: World, visual: Visual, path: Path, names: dict[PartKey, str]) -> ET.Element:
    element = ET.Element("geometry")
    shape = visual.geometry
    if isinstance(shape, MeshInstance):
        mesh = ET.SubElement(element, "mesh")
        add(mesh, "uri", f"meshes/{path.stem}.glb")
        add(ET.SubElement(mesh, "submesh"), "name", names[_key(world, visual)])
        if shape.scale != (1.0, 1.0, 1.0):
            add(mesh, "scale", numbers_text(shape.scale))
        return element
    made = ET.SubElement(element, type(shape).__name__.lower())
    for field in fields(shape):  # the fields of our shapes have the names of SDF's elements
        value = getattr(shape, field.name)
        add(made, field.name, numbers_text(value if isinstance(value, tuple) else (value,)))
    return element


def _material_element(material: Material, tint: Triple, path: Path, textures: dict[str, str]) -> ET.Element:
    """Colour or albedo map of a visual; the picture is written once, beside the meshes, and tinted by the colour."""
    element = ET.Element("material")
    mean = np.asarray(material.albedo, np.float64).reshape(-1, 3).mean(axis=0) * tint
    if len(material.albedo) > 1 and max(tint) <= 1:
        mean = np.asarray(tint)  # a picture times the diffuse colour is what Gazebo shows
    colour = " ".join(f"{v:.6f}" for v in to_srgb(mean))
    add(element, "diffuse", f"{colour} 1")
    if len(material.albedo) > 1:
        if material.name not in textures:
            textures[material.name] = f"meshes/{path.stem}_{material.name}.jpg"
            jpeg_of(material.albedo).save(path.parent / textures[material.name], format="JPEG", quality="keep")
        metal = ET.SubElement(ET.SubElement(element, "pbr"), "metal")
        add(metal, "albedo_map", textures[material.name])
        add(metal, "metalness", "0")
        add(metal, "roughness", "1")
    extra = ET.SubElement(element, f"{{{NAMESPACE}}}material", name=tinted_name(material.name, tint))
    extra.set("tile_m", "none" if material.tile_m is None else number(material.tile_m))
    extra.set("foliage", "true" if material.foliage else "false")
    if tint != NO_TINT and len(material.albedo) > 1:
        extra.set("tint", numbers_text(tint))
    if material.glow > 0:
        extra.set("glow", number(material.glow))
        glow = to_srgb(np.clip(mean * material.glow, 0, 1))
        add(element, "emissive", " ".join(f"{v:.6f}" for v in glow) + " 1")
    return element
