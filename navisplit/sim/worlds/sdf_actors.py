"""Actors: SDF's ``<actor>`` with a ``<skin>`` and a ``<script>`` of trajectories, written and read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from navisplit.errors import WorldError
from navisplit.sim.trajectory import Pose as TimedPose
from navisplit.sim.trajectory import Trajectory
from navisplit.sim.worlds.build import tinted, visual_mesh
from navisplit.sim.worlds.description import MeshInstance, MovingModel, Visual, World, named_id
from navisplit.sim.worlds.glb import Part, write_glb
from navisplit.sim.worlds.sdf_frames import child_numbers, read_pose
from navisplit.sim.worlds.sdf_geometry import Library, find_file
from navisplit.sim.worlds.sdf_text import add, add_label, number, numbers_text, read_label, warn, warn_unknown

_KNOWN = {"animation", "link", "plugin", "pose", "script", "skin", "static"}


def write_skins(world: World, path: Path) -> None:
    """One GLB for each actor: SDF's ``<skin>`` names a file, not a part of one."""
    for actor in world.actors:
        parts = {}
        for visual in actor.visuals:
            material = tinted(world.materials[visual.material], visual.tint)
            parts[visual.name] = Part(visual_mesh(world, visual), material)
        write_glb(path.parent / skin_name(path, actor), parts)


def skin_name(path: Path, actor: MovingModel) -> str:
    """File of an actor's skin, relative to the world file."""
    return f"meshes/{path.stem}_{actor.name}.glb"


def actor_element(actor: MovingModel, path: Path) -> ET.Element:
    """The ``<actor>``; its way points are poses in the map."""
    element = ET.Element("actor", name=actor.name)
    add(ET.SubElement(element, "skin"), "filename", skin_name(path, actor))
    script = ET.SubElement(element, "script")
    way = actor.trajectory
    add(script, "loop", "true" if way.loop else "false")
    add(script, "delay_start", number(way.delay_s))
    add(script, "auto_start", "true")
    line = ET.SubElement(script, "trajectory", id="0", type="move")
    for time_s, position, yaw in zip(way.times_s, way.positions, way.yaws, strict=True):
        point = ET.SubElement(line, "waypoint")
        add(point, "time", number(time_s))
        add(point, "pose", numbers_text((*position, 0.0, 0.0, yaw)))
    add_label(element, actor.segmentation_id)
    return element


def read_actors(world: ET.Element, library: Library, where: str) -> list[MovingModel]:
    """All actors of a world that have a skin; the others are WorldWarnings."""
    found = []
    for element in world.findall("actor"):
        name = element.get("name", "actor")
        path = f"{where}/actor[{name}]"
        warn_unknown(element, _KNOWN, path)
        visuals = _skin(element, library, path)
        if visuals:
            label = read_label(element, path) or named_id(name)
            found.append(MovingModel(name, visuals, _trajectory(element, path), label))
    return found


def _skin(element: ET.Element, library: Library, where: str) -> tuple[Visual, ...]:
    """The skin as visuals, placed by the actor's own pose: a way point's pose comes before it, as in Gazebo."""
    for tag in ("animation", "link"):
        if element.find(tag) is not None:
            warn(f"{where}/{tag}", f"<{tag}> of an actor is not supported; its skin moves as one rigid piece.")
    name = element.findtext("skin/filename", "").strip()
    if not name:
        warn(f"{where}/skin", "an actor without a skin is not shown.")
        return ()
    try:
        file = find_file(name, library.folder, f"{where}/skin/filename")
    except WorldError as problem:
        warn(f"{where}/skin", f"the actor is missing from the world: {problem}")
        return ()
    skin = element.find("skin")
    (scale,) = (1.0,) if skin is None else child_numbers(skin, "scale", (1.0,), f"{where}/skin")
    pose = read_pose(element.find("pose"), where)
    visuals = []
    for part, key, material in library.file_parts(file):
        if len(material.picture) == 1:
            material = replace(material, tile_m=None)  # its shade must not depend on where it is
        visuals.append(Visual(part, MeshInstance(key, (scale, scale, scale)), library.keep(material), pose))
    return tuple(visuals)


def _trajectory(element: ET.Element, where: str) -> Trajectory:
    """All of a script's trajectories, by time. Raises WorldError for times that do not rise."""
    script = element.find("script")
    points = [] if script is None else script.findall("trajectory/waypoint")
    if script is None or not points:
        warn(f"{where}/script", "an actor without way points stands still.")
        return Trajectory((0.0,), ((0.0, 0.0, 0.0),), (0.0,), loop=False)
    path = f"{where}/script/trajectory/waypoint"
    timed: list[tuple[float, TimedPose]] = []
    for point in points:
        (time_s,) = child_numbers(point, "time", (0.0,), path)
        pose = read_pose(point.find("pose"), path)
        timed.append((time_s, (pose.position, pose.orientation)))
    if script.findtext("auto_start", "true").strip() in {"false", "0"}:
        warn(
            f"{where}/script/auto_start", "there is nothing that could start the script later; the actor stands still."
        )
        timed = timed[:1]
    (delay,) = child_numbers(script, "delay_start", (0.0,), f"{where}/script")
    loop = script.findtext("loop", "true").strip() not in {"false", "0"}
    timed.sort(key=lambda item: item[0])
    try:
        return Trajectory.through([p for _, p in timed], [t for t, _ in timed], loop=loop, delay_s=delay)
    except WorldError as problem:
        raise WorldError(f"{where}/script: {problem}") from problem
