"""Depth alone, many small pictures at once: for planners, oracles and data."""

from __future__ import annotations

import numpy as np

from navisplit.sim.kernel import Floats, kernel
from navisplit.sim.render.bvh import STACK_SIZE
from navisplit.sim.render.clusters import Clusters
from navisplit.sim.render.instances import Instances, new_lanes, trace_things
from navisplit.sim.render.trace import LANES, PACKET_HEIGHT, PACKET_WIDTH, aim_packet
from navisplit.sim.render.visible import new_descent, new_tiles, see


@kernel
def trace_depth(clusters: Clusters, things: Instances, cameras: Floats, nothing: np.float32, depth: Floats) -> None:
    """Planar depth (N, height, width) of N cameras (N, 4, 3); ``nothing`` where no triangle is."""
    count, height, width = depth.shape
    directions, stack, scratch = np.empty((3, LANES), np.float32), np.empty(STACK_SIZE, np.int32), new_descent()
    thing, lanes, any_things = np.empty(LANES, np.int32), new_lanes(), things.frames.shape[0] > 0
    all_distances, all_hits = new_tiles(width, height)
    for n in range(count):
        camera, start = cameras[n], 0
        see(clusters, camera, width, height, scratch, all_distances, all_hits)
        for row in range(0, height, PACKET_HEIGHT):
            for column in range(0, width, PACKET_WIDTH):
                distance, hit = all_distances[start : start + LANES], all_hits[start : start + LANES]
                start += LANES
                if any_things:
                    aim_packet(camera, column, row, directions)
                    trace_things(things, camera[0], directions, lanes, stack, distance, hit, thing)
                for k in range(LANES):
                    i, j = row + k // PACKET_WIDTH, column + k % PACKET_WIDTH
                    if i < height and j < width:
                        depth[n, i, j] = distance[k] if hit[k] >= 0 else nothing
