"""Versions, clock, objects and everything about the world, including the calls that have no effect without Unreal."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from navisplit.frames import Quaternion, Vector, swap_ned_enu
from navisplit.sim import quadrotor
from navisplit.sim.geodesy import GeoPoint, geo_of, ned_of
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.pacing import FRAME_NS, Waiting, to_nanoseconds
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import HandlerError, rpc
from navisplit.sim.scene import SceneObject


@rpc()
def ping(service: Service) -> bool:
    """Alive."""
    return True


@rpc(name="getServerVersion")
def server_version(service: Service) -> int:
    """AirSim 1.8.1's."""
    return 1


@rpc(name="getMinRequiredClientVersion")
def min_client_version(service: Service) -> int:
    """AirSim 1.8.1's."""
    return 1


@rpc()
def reset(service: Service) -> None:
    """Vehicles back to their starts."""
    service.reset()


@rpc(name="listVehicles")
def list_vehicles(service: Service) -> list[str]:
    """Names, the default one first."""
    return [vehicle.name for vehicle in service.simulation.vehicles]


@rpc(name="getSettingsString")
def settings_string(service: Service) -> str:
    """The text of settings.json."""
    return service.settings.text


# Clock ------------------------------------------------------------------------------------------------------------
@rpc("is_paused:bool", name="simPause")
def pause(service: Service, paused: bool) -> None:
    """Stop or start the clock."""
    service.pacer.pause(paused)


@rpc(name="simIsPaused")
def is_paused(service: Service) -> bool:
    """Whether the clock stands."""
    return service.pacer.paused


@rpc("seconds:float", name="simContinueForTime")
def continue_for_time(service: Service, seconds: float) -> Waiting:
    """Run exactly this long, then pause; replies then."""
    return service.pacer.continue_for(to_nanoseconds(seconds))


@rpc("frames:int", name="simContinueForFrames")
def continue_for_frames(service: Service, frames: int) -> None:
    """Run for a number of 60 Hz frames, then pause; replies at once, as AirSim does."""
    service.pacer.continue_for(frames * FRAME_NS)


# Objects ----------------------------------------------------------------------------------------------------------
@rpc("name_regex:str", name="simListSceneObjects")
def list_objects(service: Service, pattern: str) -> list[str]:
    """Names that the pattern matches from end to end."""
    expression = _compiled(pattern)
    names = [thing.name for thing in service.simulation.scene.objects]
    names += [vehicle.name for vehicle in service.simulation.vehicles]
    return [name for name in names if expression.fullmatch(name)]


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise HandlerError(f"regex_error: {error}") from None


def _object(service: Service, name: str) -> SceneObject | None:
    return next((thing for thing in service.simulation.scene.objects if thing.name == name), None)


@rpc("object_name:str", name="simGetObjectPose")
def object_pose(service: Service, name: str) -> Struct:
    """World pose; NaN for what does not exist."""
    thing = _object(service, name)
    if thing is not None:
        return structs.pose(*service.world_pose(np.array(thing.position), np.array(thing.orientation)))
    for vehicle in service.simulation.vehicles:
        if vehicle.name == name:
            return structs.pose(service.world_ned(vehicle.position), vehicle.pilot.orientation)
    return structs.NO_POSE


@rpc("object_name:str", name="simGetObjectScale")
def object_scale(service: Service, name: str) -> Struct:
    """1, or 0 for what does not exist."""
    return structs.vector(np.full(3, 1.0 if _object(service, name) else 0.0))


@rpc("mesh_name:str", name="simGetSegmentationObjectID")
def segmentation_id(service: Service, name: str) -> int:
    """The id, -1 for what does not exist."""
    thing = _object(service, name)
    return -1 if thing is None else int(thing.segmentation_id)


@rpc(name="simGetWorldExtents")
def world_extents(service: Service) -> list[Struct]:
    """Two corners of the box around all objects."""
    objects = service.simulation.scene.objects
    if not objects:
        return [structs.geo_point(service.settings.origin)] * 2
    low = np.min([thing.vertices.min(0) for thing in objects], axis=0)
    high = np.max([thing.vertices.max(0) for thing in objects], axis=0)
    return [structs.geo_point(geo_of(service.world_ned(corner), service.settings.origin)) for corner in (low, high)]


# Lines of sight ---------------------------------------------------------------------------------------------------
def _map_point(service: Service, point: GeoPoint) -> Vector:
    start = np.asarray(service.simulation.scene.player_start.position)
    return start + swap_ned_enu(ned_of(point, service.settings.origin))


def _clear(service: Service, a: Vector, b: Vector) -> bool:
    way = b - a
    length = float(np.linalg.norm(way))
    if length < 1e-6:
        return True
    rays = np.asarray(a, np.float32)[None], (way / length).astype(np.float32)[None]
    return bool(service.simulation.probe.cast(*rays, length)[1][0] < 0)


@rpc("point:GeoPoint vehicle_name:str", name="simTestLineOfSightToPoint")
def line_of_sight_to_point(service: Service, point: GeoPoint, vehicle: str) -> bool:
    """Whether the vehicle sees a point."""
    return _clear(service, service.vehicle(vehicle).position, _map_point(service, point))


@rpc("point1:GeoPoint point2:GeoPoint", name="simTestLineOfSightBetweenPoints")
def line_of_sight_between(service: Service, a: GeoPoint, b: GeoPoint) -> bool:
    """Whether nothing is between two points."""
    return _clear(service, _map_point(service, a), _map_point(service, b))


@rpc("wind:Vector3r", name="simSetWind")
def set_wind(service: Service, wind: Vector) -> None:
    """Steady wind, NED m/s."""
    for vehicle in service.simulation.vehicles:
        vehicle.pilot.air[quadrotor.WIND_AT : quadrotor.ALTITUDE_AT] = wind


# Calls without effect ---------------------------------------------------------------------------------------------
_COLOUR = "color_rgba:[float]"
_MARK = "duration:float is_persistent:bool"
_WITHOUT_EFFECT: tuple[tuple[str, str, Any], ...] = (
    ("simRunConsoleCommand", "command:str", False),
    ("simGetMeshPositionVertexBuffers", "", []),
    ("simAddVehicle", "vehicle_name:str vehicle_type:str pose:Pose pawn_path:str", False),
    (
        "simSetTraceLine",
        f"{_COLOUR} thickness:float vehicle_name:str",
        None,
    ),
    ("simSetSegmentationObjectID", "mesh_name:str object_id:int is_name_regex:bool", False),
    ("simPrintLogMessage", "message:str message_param:str severity:int", None),
    ("simLoadLevel", "level_name:str", False),
    ("simDestroyObject", "object_name:str", False),
    ("simListAssets", "", []),
    ("simSetObjectPose", "object_name:str pose:Pose teleport:bool", False),
    ("simSetObjectScale", "object_name:str scale:Vector3r", False),
    ("simFlushPersistentMarkers", "", None),
    ("simPlotPoints", f"points:[Vector3r] {_COLOUR} size:float {_MARK}", None),
    ("simPlotLineStrip", f"points:[Vector3r] {_COLOUR} thickness:float {_MARK}", None),
    ("simPlotLineList", f"points:[Vector3r] {_COLOUR} thickness:float {_MARK}", None),
    (
        "simPlotArrows",
        f"points_start:[Vector3r] points_end:[Vector3r] {_COLOUR} thickness:float arrow_size:float {_MARK}",
        None,
    ),
    ("simPlotStrings", f"strings:[str] positions:[Vector3r] scale:float {_COLOUR} duration:float", None),
    ("simPlotTransforms", f"poses:[Pose] scale:float thickness:float {_MARK}", None),
    (
        "simPlotTransformsWithNames",
        "poses:[Pose] names:[str] tf_scale:float tf_thickness:float text_scale:float text_color_rgba:[float] "
        "duration:float",
        None,
    ),
    ("simCreateVoxelGrid", "position:Vector3r x:int y:int z:int res:float output_file:str", False),
    ("simSwapTextures", "tag:str tex_id:int component_id:int material_id:int", []),
    ("simSetObjectMaterial", "object_name:str material_name:str component_id:int", False),
    ("simSetObjectMaterialFromTexture", "object_name:str texture_path:str component_id:int", False),
    ("startRecording", "", None),
    ("stopRecording", "", None),
    ("isRecording", "", False),
)


def _register_without_effect(name: str, signature: str, answer: Any) -> None:
    def handler(service: Service, *_: Any) -> Any:
        service.no_effect(name)
        return answer

    rpc(signature, name=name)(handler)


for _name, _signature, _answer in _WITHOUT_EFFECT:
    _register_without_effect(_name, _signature, _answer)


@rpc(
    "object_name:str load_component:str pose:Pose scale:Vector3r physics_enabled:bool is_blueprint:bool",
    name="simSpawnObject",
)
def spawn_object(service: Service, name: str, component: str, pose: tuple[Vector, Quaternion], *_: Any) -> str:
    """The scene is fixed."""
    raise HandlerError("There were no objects of type " + component + " to spawn in this simulator")
