"""The objects of the scene: list, look, move, scale, spawn, destroy, label, paint. World-relative NED."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError
from navisplit.frames import Quaternion, Vector
from navisplit.sim.assets import asset, asset_names
from navisplit.sim.flight.vehicle import Vehicle
from navisplit.sim.matching import Pattern
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.service import MAX_NAME, MAX_TEXTURES, Later, Service, printable
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import HandlerError, rpc
from navisplit.sim.sweeping import corners, free_distance
from navisplit.sim.things import Thing

MAX_SPAWNED = 10_000

PoseNed = tuple[Vector, Quaternion]


# Looking ----------------------------------------------------------------------------------------------------------
@rpc("name_regex:str", name="simListSceneObjects", differs="patterns without look-ahead and back references")
def list_objects(service: Service, pattern: str) -> list[str]:
    """Names that the pattern matches from end to end."""
    return _pattern(pattern).among(_names(service))


def _names(service: Service) -> list[str]:
    return service.simulation.things.names() + [vehicle.name for vehicle in service.simulation.vehicles]


def _pattern(text: str, *, ignore_case: bool = False) -> Pattern:
    try:
        return Pattern(text, ignore_case=ignore_case)
    except UsageError as error:
        raise HandlerError(str(error)) from None


def _vehicle(service: Service, name: str) -> Vehicle | None:
    return next((vehicle for vehicle in service.simulation.vehicles if vehicle.name == name), None)


@rpc("object_name:str ned:bool+", name="simGetObjectPose")
def object_pose(service: Service, name: str, ned: bool = True) -> Struct:
    """World pose; NaN for what does not exist."""
    thing, vehicle = service.simulation.things.find(name), _vehicle(service, name)
    if thing is not None:
        position, orientation = service.world_pose(np.array(thing.position), np.array(thing.orientation))
    elif vehicle is not None:
        position, orientation = service.world_ned(vehicle.position), vehicle.pilot.orientation
    else:
        return structs.NO_POSE
    return structs.pose(position, orientation) if ned else structs.pose(*unreal_pose(position, orientation))


def unreal_pose(position: Vector, orientation: Quaternion) -> PoseNed:
    """A NED/FRD pose in Unreal's axes (north, east, up; left-handed) and centimetres."""
    return position * (100.0, 100.0, -100.0), orientation * (-1.0, -1.0, 1.0, 1.0)


@rpc("object_name:str", name="simGetObjectScale")
def object_scale(service: Service, name: str) -> Struct:
    """1 unless it was set; 0 for what does not exist."""
    thing = service.simulation.things.find(name)
    if thing is not None:
        return structs.vector(np.array(thing.scale))
    return structs.vector(np.full(3, 1.0 if _vehicle(service, name) else 0.0))


# Moving -----------------------------------------------------------------------------------------------------------
@rpc("object_name:str pose:Pose teleport:bool", name="simSetObjectPose", differs="every object can be moved, also one "
     "that is static in Unreal; a sweep (teleport False) follows the object's corners; NaN keeps a value")  # fmt: skip
def set_object_pose(service: Service, name: str, pose: PoseNed, teleport: bool) -> bool:
    """Put an object somewhere; without teleport it stops before what is in its way."""
    things = service.simulation.things
    vehicle, thing = _vehicle(service, name), things.find(name)
    if vehicle is not None:
        start = service.world_ned(vehicle.origin)
        service.place(vehicle, pose[0] - start, pose[1], swept=not teleport)
        return True
    if thing is None:
        return False
    position, orientation = service.map_pose(pose, thing)
    if not teleport:
        way = position - thing.position
        turned = corners(thing_at(thing, np.array(thing.position), orientation))
        own = service.object_index(name)
        free = free_distance(service.simulation.probe, turned, way, own_index=own)
        position = thing.position + way * (free / max(float(np.linalg.norm(way)), 1e-9))
    things.place(name, position, orientation)
    service.simulation.moved(name)
    return True


def thing_at(thing: Thing, position: Vector, orientation: Quaternion) -> Thing:
    """The same thing somewhere else."""
    return replace(thing, position=tuple(position.tolist()), orientation=tuple(orientation.tolist()))


@rpc("object_name:str scale:Vector3r", name="simSetObjectScale")
def set_object_scale(service: Service, name: str, scale: Vector) -> bool:
    """Scale an object along its own axes."""
    return service.simulation.things.rescale(name, scale)


# Coming and going -------------------------------------------------------------------------------------------------
@rpc(name="simListAssets", differs="lists AirSim's starter shapes and the objects of the loaded world")
def list_assets(service: Service) -> list[str]:
    """What can be spawned."""
    return asset_names(service.simulation.scene, service.simulation.things)


@rpc(
    "object_name:str load_component:str pose:Pose scale:Vector3r physics_enabled:bool is_blueprint:bool",
    name="simSpawnObject",
    differs="an object with physics falls, rests and slides, but does not turn over or bounce; a blueprint's name is "
    "looked up among the assets",
)
def spawn_object(
    service: Service, name: str, component: str, pose: PoseNed, scale: Vector, physics: bool, blueprint: bool
) -> str:
    """A new object, under a name that it gets if the wanted one is taken."""
    simulation = service.simulation
    shape = asset(component, simulation.scene, simulation.things)
    if shape is None:
        raise HandlerError(f"There were no objects with name {component} found in the Registry")
    if len(name) > MAX_NAME or len(simulation.things.things) >= MAX_SPAWNED:
        raise HandlerError(f"expected a name of at most {MAX_NAME} letters and at most {MAX_SPAWNED} moving objects")
    name = _unused(name, _names(service))
    thing = Thing(name, shape, scale=tuple(scale.tolist()), segmentation_id=shape.segmentation_id, falls=physics)
    position, orientation = service.map_pose(pose, thing)
    thing = thing_at(thing, position, orientation)
    simulation.things.add(thing)
    if physics:
        simulation.drop(name)
    return name


def _unused(name: str, taken: list[str]) -> str:
    """The name itself, or, as AirSim does, with one more than the highest number behind names that hold it."""
    alike = [other for other in taken if name in other]
    numbers = [int(end.group()) for other in alike if (end := re.search(r"[0-9]{1,15}$", other))]
    return f"{name}{max(numbers, default=0) + 1}" if alike else name


@rpc("object_name:str", name="simDestroyObject")
def destroy_object(service: Service, name: str) -> bool:
    """Take an object out of the scene."""
    return service.simulation.things.remove(name)


# Looks ------------------------------------------------------------------------------------------------------------
@rpc("mesh_name:str object_id:int is_name_regex:bool", name="simSetSegmentationObjectID",
     differs="one mesh an object; ids above 255 are 255 and negative ones 0; "
     "patterns as in simListSceneObjects")  # fmt: skip
def set_segmentation_id(service: Service, name: str, number: int, is_regex: bool) -> bool:
    """Label the object, or all whose whole name matches the pattern (in upper or lower case)."""
    number = min(max(number, 0), 255)
    if not is_regex:
        return service.label(name, number)
    named = _pattern(name, ignore_case=True).among(_names(service))
    return any([service.label(each, number) for each in named])


@rpc("mesh_name:str", name="simGetSegmentationObjectID", differs="finds a name in upper or lower case; AirSim only "
     "finds one that is given in lower case")  # fmt: skip
def segmentation_id(service: Service, name: str) -> int:
    """The id, -1 for what does not exist."""
    names = _names(service)
    same = name if name in names else next((each for each in names if each.lower() == name.lower()), "")
    return service.label_of(same)


@rpc(
    "object_name:str material_name:str component_id:int",
    name="simSetObjectMaterial",
    differs="the materials are those of the loaded world, or the last part of a path; all components change",
)
def set_material(service: Service, name: str, material: str, component: int) -> bool:
    """Give an object another material of the world; whether both exist."""
    known = [each.name for each in service.simulation.scene.materials]
    wanted = next((each for each in (material, re.split(r"[/.]", material)[-1]) if each in known), None)
    return wanted is not None and service.simulation.things.paint(name, known.index(wanted))


@rpc(
    "object_name:str texture_path:str component_id:int",
    name="simSetObjectMaterialFromTexture",
    differs=f"all components change; at most {MAX_TEXTURES} textures",
)
def set_texture(service: Service, name: str, path: str, component: int) -> Later | bool:
    """Give an object a picture file as its look; whether there are both. The same file is read once."""
    if name not in service.simulation.things:
        return False

    from PIL import Image

    from navisplit.sim.worlds.images import read_albedo

    def read() -> tuple[str, NDArray[np.float32] | None]:
        try:
            status = Path(path).stat()
            return f"{path}:{status.st_mtime_ns}:{status.st_size}", read_albedo(Path(path))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            return f"cannot read {path} ({error}). Give the path of a picture file.", None

    def paint(picture: tuple[str, NDArray[np.float32] | None]) -> bool:
        stamp, albedo = picture
        simulation = service.simulation
        thing = simulation.things.find(name)
        if albedo is None or thing is None:
            service.notify(f"simSetObjectMaterialFromTexture: {printable(stamp)}")
            return False
        number = service.texture(stamp, albedo, mapped=thing.shape.uv is not None)
        return number is not None and simulation.things.paint(name, number)

    return Later(read, paint, slow=True)


@rpc("tag:str tex_id:int component_id:int material_id:int", name="simSwapTextures",
     neutral="no world here has texture shuffling actors: an empty list")  # fmt: skip
def swap_textures(service: Service, *_: Any) -> list[str]:
    """Names of the objects that were changed."""
    service.no_effect("simSwapTextures")
    return []
