"""Depth alone, many small pictures at once: for planners, oracles and data."""

from __future__ import annotations

import numpy as np

from navisplit.sim.kernel import Floats, kernel
from navisplit.sim.render.bvh import STACK_SIZE, Bvh
from navisplit.sim.render.instances import Instances, new_lanes, trace_things
from navisplit.sim.render.trace import FAR, LANES, PACKET_HEIGHT, PACKET_WIDTH, aim_packet, trace_packet


@kernel
def trace_depth(bvh: Bvh, things: Instances, cameras: Floats, nothing: np.float32, depth: Floats) -> None:
    """Planar depth (N, height, width) of N cameras (N, 4, 3); ``nothing`` where no triangle is."""
    count, height, width = depth.shape
    directions, work = np.empty((3, LANES), np.float32), np.empty((4, LANES), np.float32)
    stack = np.empty(STACK_SIZE, np.int32)
    distance, hit, thing = np.empty(LANES, np.float32), np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    lanes, any_things = new_lanes(), things.frames.shape[0] > 0
    for n in range(count):
        camera = cameras[n]
        for row in range(0, height, PACKET_HEIGHT):
            for column in range(0, width, PACKET_WIDTH):
                aim_packet(camera, column, row, directions)
                distance[:] = FAR
                hit[:] = -1
                trace_packet(bvh, 0, camera[0], directions, work, stack, distance, hit)
                if any_things:
                    trace_things(things, camera[0], directions, lanes, stack, distance, hit, thing)
                for k in range(LANES):
                    i, j = row + k // PACKET_WIDTH, column + k % PACKET_WIDTH
                    if i < height and j < width:
                        depth[n, i, j] = distance[k] if hit[k] >= 0 else nothing
