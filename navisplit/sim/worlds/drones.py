"""Other drones: quadrotors that fly around a block over the cars' lane, where nothing stands or hangs in the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError
from navisplit.sim.render.airframe import MATERIALS, quadrotor_parts
from navisplit.sim.trajectory import Trajectory
from navisplit.sim.worlds.build import visual_mesh
from navisplit.sim.worlds.description import MovingModel, Visual, World, class_instance_id
from navisplit.sim.worlds.meshes import Rng, merge
from navisplit.sim.worlds.parts import WorldParts, instance
from navisplit.sim.worlds.terrain import Terrain
from navisplit.sim.worlds.traffic import MOST_ON_A_WAY, Traffic, clear_of_start, clockwise, loop

HEIGHTS_M = (2.6, 3.2, 3.8, 4.4)
"""Over the street: above the cars, within reach of who flies there, mostly under the skywalks (our choice)."""

_SPEEDS_MPS = (2.5, 4.5)
_ROOM_M = (0.9, 0.9, 0.6)  # free around the body's origin on all sides
_TURN_RADIUS_M = 4.5
_SAMPLE_M = 0.4


def add_drones(parts: WorldParts, traffic: Traffic, terrain: Terrain, count: int, rng: Rng) -> list[MovingModel]:
    """``count`` drones, or as many as there is room for on free ways over the cars' lanes.

    Ways around different blocks do not meet, and several on one way share its speed, so that no two drones meet.
    """
    lane_m = traffic.lanes["car"]
    blocks = clear_of_start(traffic.blocks["car"], traffic.start, lane_m, _TURN_RADIUS_M)
    if count > MOST_ON_A_WAY * len(blocks) > 0:
        raise UsageError(
            f"Option 'drones': there is room for {MOST_ON_A_WAY * len(blocks)}, {MOST_ON_A_WAY} on each way, got "
            f"{count}. Make the world larger with size_m."
        )
    made: list[MovingModel] = []
    low, high = _boxes(parts) if blocks and count else (np.empty((0, 3)),) * 2
    rounds = -(-count // max(1, len(blocks)))
    for place in rng.permutation(len(blocks)).tolist():
        if len(made) == count:
            break
        points = clockwise(blocks[place], lane_m, _TURN_RADIUS_M)
        speed, phase = float(rng.uniform(*_SPEEDS_MPS)), float(rng.uniform())
        heights = rng.permutation(HEIGHTS_M).tolist()
        height = next((h for h in heights if _is_free(loop(points, terrain, speed, phase, h), low, high)), None)
        if height is not None:
            phases = [(phase + k / rounds) % 1.0 for k in range(min(rounds, count - len(made)))]
            ways = [loop(points, terrain, speed, p, height) for p in phases]
            made += [_drone(parts, number, way) for number, way in enumerate(ways, len(made))]
    return made


def _boxes(parts: WorldParts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (N, 3) of every triangle, grown by the room that a drone needs."""
    world = World("", (), parts.meshes)
    corners = []
    for model in parts.models:
        for visual in model.visuals:
            mesh = visual_mesh(world, visual)
            corners.append(model.pose.apply(mesh.vertices)[mesh.faces])
    triangles = np.concatenate(corners)
    return triangles.min(axis=1) - _ROOM_M, triangles.max(axis=1) + _ROOM_M


def _is_free(way: Trajectory, low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    """Whether no point of a way is in any of the boxes."""
    times = np.arange(0.0, way.times_s[-1], _SAMPLE_M / _SPEEDS_MPS[1])
    path = np.array([way.pose(time)[0] for time in times])
    near = ((low < path.max(axis=0)) & (high > path.min(axis=0))).all(axis=1)
    low, high = low[near], high[near]
    return not any(((low < point) & (high > point)).all(axis=1).any() for point in path)


def _drone(parts: WorldParts, number: int, way: Trajectory) -> MovingModel:
    visuals = []
    for kind, material in enumerate(MATERIALS):
        look = material.name.replace(" ", "_")
        parts.keep(**{look: material})
        parts.meshes[look] = merge([mesh for index, mesh in quadrotor_parts() if index == kind])
        visuals.append(Visual(look, instance(look), material.name))
    return MovingModel(f"moving_drone_{number:02d}", tuple(visuals), way, class_instance_id("other", number))
