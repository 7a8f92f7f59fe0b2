"""Detections: named objects that a camera sees, filtered per camera and image type."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from navisplit.frames import rotation_matrix
from navisplit.sim.camera.detection import Candidate, Detection, DetectionFilter, detect
from navisplit.sim.geodesy import geo_of
from navisplit.sim.render.moving import MovingLayer
from navisplit.sim.rpc import structs
from navisplit.sim.rpc.mounts import Mount, find_mount
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.structs import Struct
from navisplit.sim.rpc.table import rpc
from navisplit.sim.simulation import Simulation

_WHICH = "camera_name:str image_type:int"
_WHOSE = "vehicle_name:str external:bool?"
_DIFFERENCE = "places are relative to the camera wherever the vehicle started; AirSim takes off its start's offset"


def _filter(service: Service, mount: Mount, kind: int) -> DetectionFilter:
    return service.detection_filters[(*mount.key, kind)]


@rpc(f"{_WHICH} mesh_name:str {_WHOSE}", name="simAddDetectionFilterMeshName")
def add_name(service: Service, name: str, kind: int, mesh: str, vehicle: str, external: bool = False) -> None:
    """Report objects whose name matches, with wildcards * and ?."""
    wanted = _filter(service, find_mount(service, name, vehicle, external), kind)
    if mesh not in wanted.names:
        wanted.names.append(mesh)


@rpc(f"{_WHICH} radius_cm:float {_WHOSE}", name="simSetDetectionFilterRadius")
def set_radius(service: Service, name: str, kind: int, radius_cm: float, vehicle: str, external: bool = False) -> None:
    """Report objects whose origin is within this distance of the camera."""
    _filter(service, find_mount(service, name, vehicle, external), kind).radius_cm = radius_cm


@rpc(f"{_WHICH} {_WHOSE}", name="simClearDetectionMeshNames")
def clear_names(service: Service, name: str, kind: int, vehicle: str, external: bool = False) -> None:
    """Report nothing."""
    _filter(service, find_mount(service, name, vehicle, external), kind).names.clear()


@rpc(f"{_WHICH} {_WHOSE}", name="simGetDetections", differs=_DIFFERENCE)
def detections(service: Service, name: str, kind: int, vehicle: str, external: bool = False) -> list[Struct]:
    """Objects in view."""
    mount = find_mount(service, name, vehicle, external)
    wanted = _filter(service, mount, kind)
    if not wanted.names:
        return []
    simulation = service.simulation
    layer = simulation.snapshot(without=mount.owner or None)
    candidates = (c for c in _candidates(simulation, layer) if wanted.matches(c.name))
    found = detect(mount.view(kind), wanted, candidates, simulation.probe_of(mount.owner))
    return [_struct(service, d) for d in found]


def _candidates(simulation: Simulation, layer: MovingLayer) -> Iterator[Candidate]:
    """What is baked and still there, then what moved, drones too."""
    for number, item in enumerate(simulation.scene.objects):
        if item.name not in layer.hidden:
            place, turn = np.array(item.position), np.array(item.orientation)
            yield Candidate(item.name, number, place, turn, np.asarray(item.vertices, np.float64), item.faces)
    for number, thing in enumerate(layer.things, len(simulation.scene.objects)):
        place, turn = np.array(thing.position), np.array(thing.orientation)
        own = np.asarray(thing.shape.vertices, np.float64) * thing.scale
        yield Candidate(thing.name, number, place, turn, own @ rotation_matrix(turn).T + place, thing.shape.faces)


def _struct(service: Service, detection: Detection) -> Struct:
    """DetectionInfo."""
    left, top, right, bottom = detection.box_px
    return {
        "name": detection.name,
        "geo_point": structs.geo_point(geo_of(service.world_ned(detection.position), service.settings.origin)),
        "box2D": {"min": {"x_val": left, "y_val": top}, "max": {"x_val": right, "y_val": bottom}},
        "box3D": {"min": structs.vector(detection.low), "max": structs.vector(detection.high)},
        "relative_pose": structs.pose(detection.relative_position, detection.relative_orientation),
    }
