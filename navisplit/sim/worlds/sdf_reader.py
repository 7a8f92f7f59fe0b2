"""Read an SDF world: the subset that has shapes, materials, light and a start; the rest gives named warnings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from navisplit.errors import WorldError
from navisplit.frames import yaw_of
from navisplit.sim.scene import Light, PlayerStart
from navisplit.sim.worlds.build import is_ground
from navisplit.sim.worlds.description import GROUND_ID, Model, Visual, World, named_id
from navisplit.sim.worlds.sdf_actors import read_actors
from navisplit.sim.worlds.sdf_frames import Scope, child_numbers, read_pose, world_scope
from navisplit.sim.worlds.sdf_geometry import Library
from navisplit.sim.worlds.sdf_include import FOLDER, resolve_includes
from navisplit.sim.worlds.sdf_text import DEFAULT_AMBIENT, read_label, warn, warn_unknown
from navisplit.sim.worlds.sdf_weather import read_weather

START_FRAME = "player_start"
_WITHOUT_SHAPE = {
    *("actor", "atmosphere", "audio", "frame", "gravity", "gui", "include", "light", "magnetic_field", "model"),
    *("physics", "plugin", "scene", "spherical_coordinates", "wind"),
}
_MODEL_WITHOUT_SHAPE = {
    *("allow_auto_disable", "enable_wind", "frame", "include", "link", "model", "plugin", "pose", "self_collide"),
    "static",
}
_LINK_WITHOUT_SHAPE = {
    *("collision", "enable_wind", "gravity", "inertial", "kinematic", "must_be_base_link", "pose", "self_collide"),
    *("velocity_decay", "visual", "sensor", "plugin"),
}


def read_sdf(path: str | Path) -> World:
    """Read a world file. Unsupported elements are WorldWarnings that name the element.

    Raises WorldError when the file, or a mesh or texture that it names, is missing or broken.
    """
    path = Path(path)
    world = world_element(path)
    where = f"{path}: world[{world.get('name', '')}]"
    library = Library(path.parent)
    warn_unknown(world, _WITHOUT_SHAPE, where)
    resolve_includes(world, path.parent, where)
    scope = world_scope(world, where)
    models: list[Model] = []
    for element in world.findall("model"):
        name = element.get("name", "")
        models += _models(element, name, scope, (library, path.parent), f"{where}/model[{name}]")
    actors = read_actors(world, library, where)
    start = start_frame(scope)
    name, light, weather = world.get("name") or path.stem, _light(world, where), read_weather(world, where)
    return World(name, tuple(models), library.meshes, library.materials, light, start, tuple(actors), weather)


def world_element(path: Path) -> ET.Element:
    """The ``<world>`` of a file. Raises WorldError when the file is missing, not XML, or has no world."""
    if not path.is_file():
        raise WorldError(f"World file {path} does not exist.")
    try:
        root = ET.parse(path).getroot()
    except (ET.ParseError, OSError, UnicodeDecodeError, ValueError, LookupError) as problem:
        raise WorldError(f"World file {path} is not readable XML: {problem}.") from problem
    world = root.find("world") if root.tag == "sdf" else None
    if world is None:
        raise WorldError(f"World file {path}: expected <sdf><world>, found <{root.tag}> without a world in it.")
    return world


def start_frame(scope: Scope) -> PlayerStart | None:
    """The player start that a world states, or None."""
    if START_FRAME not in scope.raw:
        return None
    pose = scope.resolve(START_FRAME)
    return PlayerStart(pose.position, yaw_of(pose.orientation))


def _models(element: ET.Element, name: str, outer: Scope, source: tuple[Library, Path], where: str) -> list[Model]:
    """A model and the models nested in it, flattened: nested ones are named ``outer::inner``."""
    warn_unknown(element, _MODEL_WITHOUT_SHAPE, where)
    library, folder = source
    own = element.get("name", "")
    pose, scope = outer.resolve(own), outer.inner[own]
    folder = Path(element.get(FOLDER, folder))  # of the file that the model is from
    visuals: list[Visual] = []
    for link in element.findall("link"):
        visuals += _link_visuals(link, scope, library, folder, f"{where}/link[{link.get('name', '')}]")
    label = read_label(element, where)
    model = Model(name, tuple(visuals), pose, label or named_id(name))
    if label is None and is_ground(model):
        model = replace(model, segmentation_id=GROUND_ID)
    found = [model] if visuals else []
    for inner in element.findall("model"):
        inner_name = inner.get("name", "")
        path = f"{where}/model[{inner_name}]"
        for part in _models(inner, f"{name}::{inner_name}", scope, (library, folder), path):
            found.append(replace(part, pose=pose @ part.pose))
    return found


def _link_visuals(link: ET.Element, scope: Scope, library: Library, folder: Path, where: str) -> list[Visual]:
    """Visuals of a link in its model's frame; its collisions when it has no visual."""
    warn_unknown(link, _LINK_WITHOUT_SHAPE, where)
    tag = "visual" if link.find("visual") is not None else "collision"
    found = []
    for element in link.findall(tag):
        name = element.get("name", tag)
        path = f"{where}/{tag}[{name}]"
        clear = child_numbers(element, "transparency", (0.0,), path)[0]
        if clear > 0:
            warn(f"{path}/transparency", f"transparency {clear:g} is not supported: the visual is shown solid.")
        own = library.material(element, folder, path)
        pose = scope.pose_of(element, link.get("name", ""), path)
        for shape, mesh_material in library.geometry(element, folder, path):
            found.append(Visual(name, shape, library.keep(own or mesh_material), pose))
    return found


def _light(world: ET.Element, where: str) -> Light:
    """Sun, ambient light, fog and clouds; what the file does not say keeps our default."""
    default = Light()
    scene = world.find("scene")
    scene = ET.Element("scene") if scene is None else scene
    path = f"{where}/scene"
    ambient = default.ambient
    if scene.find("ambient") is not None:
        words = len((scene.findtext("ambient") or "").split())
        colour = child_numbers(scene, "ambient", (0.0,) * (3 if words == 3 else 4), path)[:3]
        ambient = float(np.mean(colour)) / DEFAULT_AMBIENT
    fog = scene.find("fog")
    has_fog = fog is not None and (fog.findtext("type") or "none").strip() != "none"
    (density,) = child_numbers(fog, "density", (1.0,), f"{path}/fog") if has_fog else (0.0,)
    (cloud,) = child_numbers(scene, "sky/clouds/humidity", (default.cloud_cover,), path)
    suns = [light for light in world.findall("light") if light.get("type") == "directional"]
    for light in world.findall("light"):
        if light not in suns[:1]:
            warn(
                f"{where}/light[{light.get('name', '')}]",
                "only one directional light is supported; this one is left out.",
            )
    direction, intensity, warmth = default.sun_direction, default.sun_intensity, default.warmth
    if suns:
        direction, intensity, warmth = _sun(suns[0], f"{where}/light[{suns[0].get('name', '')}]")
    return Light(direction, intensity, ambient, density, cloud, warmth)


def _sun(sun: ET.Element, where: str) -> tuple[tuple[float, float, float], float, float]:
    """Direction towards the sun, intensity and warmth (red minus blue of its diffuse colour)."""
    towards = np.asarray(child_numbers(sun, "direction", (0.0, 0.0, -1.0), where))
    towards = read_pose(sun.find("pose"), where).rotation() @ -towards
    length = float(np.linalg.norm(towards))
    if length < 1e-9:
        raise WorldError(f"{where}/direction: expected a direction, found zeros.")
    (intensity,) = child_numbers(sun, "intensity", (1.0,), where)
    words = len((sun.findtext("diffuse") or "").split())
    red, _, blue = child_numbers(sun, "diffuse", (1.0,) * (3 if words == 3 else 4), where)[:3]
    return tuple(float(v) for v in towards / length), intensity, float(np.clip(2 * (red - blue), -1, 1))
