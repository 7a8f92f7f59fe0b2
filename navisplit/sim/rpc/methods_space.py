"""The space around: lines of sight, the world's size, its meshes, and a voxel grid of it."""

from __future__ import annotations

import numpy as np

from navisplit.frames import Vector, swap_ned_enu, swap_quaternion
from navisplit.sim import voxels
from navisplit.sim.geodesy import GeoPoint, geo_of, ned_of
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.methods_objects import unreal_pose
from navisplit.sim.rpc.service import Later, Service, printable
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import HandlerError, rpc
from navisplit.sim.sweeping import corners


def _map_point(service: Service, point: GeoPoint) -> Vector:
    return service.map_points(ned_of(point, service.settings.origin))


def _clear(service: Service, a: Vector, b: Vector, own_index: int = -1) -> bool:
    way = b - a
    length = float(np.linalg.norm(way))
    if length < 1e-6:
        return True
    rays = np.asarray(a, np.float32)[None], (way / length).astype(np.float32)[None]
    return int(service.simulation.probe.cast(*rays, length)[1][0]) in (-1, own_index)


@rpc(
    "point:GeoPoint vehicle_name:str", name="simTestLineOfSightToPoint", differs="other drones do not stand in the way"
)
def line_of_sight_to_point(service: Service, point: GeoPoint, vehicle: str) -> bool:
    """Whether the vehicle sees a point."""
    drone = service.vehicle(vehicle)
    return _clear(service, drone.position, _map_point(service, point))


@rpc(
    "point1:GeoPoint point2:GeoPoint", name="simTestLineOfSightBetweenPoints", differs="drones do not stand in the way"
)
def line_of_sight_between(service: Service, a: GeoPoint, b: GeoPoint) -> bool:
    """Whether nothing is between two points."""
    return _clear(service, _map_point(service, a), _map_point(service, b))


@rpc(name="simGetWorldExtents")
def world_extents(service: Service) -> list[Struct]:
    """Two corners of the box around all objects, the lower south-west one first."""
    boxes = service.object_boxes()
    if not len(boxes):
        return [structs.geo_point(service.settings.origin)] * 2
    extremes = boxes[:, 0].min(0), boxes[:, 1].max(0)
    return [structs.geo_point(geo_of(service.world_ned(corner), service.settings.origin)) for corner in extremes]


@rpc(name="simGetMeshPositionVertexBuffers", differs="the vertices hold the object's scale; Unreal's origin is the "
     "player start")  # fmt: skip
def mesh_buffers(service: Service) -> Later:
    """Every object as triangles, in Unreal's axes and centimetres: a position, an orientation, vertices, indices."""
    things = service.simulation.things
    loose = [thing for thing in map(things.find, things.names()) if thing is not None]
    start = np.asarray(service.simulation.scene.player_start.position)

    def meshes() -> list[Struct]:
        answer = []
        for thing in loose:
            ned = swap_ned_enu(np.asarray(thing.position) - start)
            vertices = np.asarray(thing.shape.vertices, np.float64) * thing.scale * (100.0, -100.0, 100.0)
            answer.append(
                structs.pose(*unreal_pose(ned, swap_quaternion(thing.orientation)))
                | {
                    "vertices": vertices.astype(np.float32).reshape(-1),
                    "indices": np.asarray(thing.shape.faces).reshape(-1),
                    "name": thing.name.lower(),
                }
            )
        return answer

    return Later(meshes, slow=True)


@rpc("position:Vector3r x:int y:int z:int res:float output_file:str", name="simCreateVoxelGrid",
     differs="closed shapes are filled; a grid that is not cubic names its dimensions in the order of its data; a file "
     "that is not a voxel grid is never overwritten")  # fmt: skip
def create_voxel_grid(service: Service, position: Vector, x: int, y: int, z: int, res: float, path: str) -> Later:
    """Write what is occupied around a point as a binvox file; whether that went well."""
    if min(x, y, z) < 1 or not 0.001 <= res <= min(x, y, z):
        raise HandlerError(f"expected sizes of at least one cell, got {x} x {y} x {z} m in cells of {res:g} m")
    grid = voxels.Grid(service.map_points(position), (x, y, z), res)
    if grid.cells > voxels.MAX_CELLS:
        raise HandlerError(f"a voxel grid has at most {voxels.MAX_CELLS} cells, got {grid.cells}")
    low, high = grid.bounds
    things = service.simulation.things
    near = [
        name
        for name, (least, most) in zip(things.names(), service.object_boxes(), strict=True)
        if (least <= high).all() and (most >= low).all()
    ]
    shapes = [(corners(thing), thing.shape.faces) for thing in map(things.find, near) if thing is not None]
    notify = service.notify

    def write() -> str | None:
        return voxels.write_binvox(path, grid, voxels.occupancy(grid, shapes))

    def told(problem: str | None) -> bool:
        if problem is not None:
            notify(f"simCreateVoxelGrid: {printable(problem)}")
        return problem is None

    return Later(write, told, slow=True)
