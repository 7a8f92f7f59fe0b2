"""The pass of a picture: what all pixels see, then packet by packet to colour, depth and objects."""

from __future__ import annotations

import numpy as np

from navisplit.sim.kernel import Bytes, Floats, Ints, kernel
from navisplit.sim.render.bvh import STACK_SIZE
from navisplit.sim.render.instances import new_lanes, trace_things
from navisplit.sim.render.lanes import develop
from navisplit.sim.render.shading import Moving, World, new_shades, shade_from_things, shade_packet
from navisplit.sim.render.trace import LANES, PACKET_HEIGHT, PACKET_WIDTH, aim_packet, pixel_size
from navisplit.sim.render.visible import new_descent, new_tiles, see
from navisplit.sim.scene import SKY_DEPTH_M

f32 = np.float32
_SKY_DEPTH = f32(SKY_DEPTH_M)
_SRGB_STEPS = 4095


def srgb_curve() -> Bytes:
    """Table of IEC 61966-2-1's transfer function, rounded to bytes."""
    x = np.arange(_SRGB_STEPS + 1) / _SRGB_STEPS
    return np.round(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


@kernel
def render_frame(world: World, moving: Moving, camera: Floats, rgb: Bytes, depth: Floats, segmentation: Bytes,
                 objects: Ints) -> None:  # fmt: skip
    """Fill rgb (H, W, 3), planar depth, segmentation and object numbers (H, W) as ``camera`` (4, 3) sees them.

    See ``aim_packet`` for the camera; things count on from ``moving.labels``' length.
    """
    height, width = depth.shape
    origin, things, baked = camera[0], moving.things, moving.labels.shape[0]
    any_things = things.frames.shape[0] > 0
    pixel = pixel_size(camera)
    directions, stack, thing = (
        np.empty((3, LANES), np.float32),
        np.empty(STACK_SIZE, np.int32),
        np.empty(LANES, np.int32),
    )
    lanes, shades, tones = new_lanes(), new_shades(), np.empty(3 * LANES, np.int32)
    all_distances, all_hits = new_tiles(width, height)
    see(world.clusters, camera, width, height, new_descent(), all_distances, all_hits)
    thing[:] = -1
    start = 0
    for row in range(0, height, PACKET_HEIGHT):
        for column in range(0, width, PACKET_WIDTH):
            aim_packet(camera, column, row, directions)
            distance, hit = all_distances[start : start + LANES], all_hits[start : start + LANES]
            start += LANES
            if any_things:
                thing[:] = -1
                trace_things(things, origin, directions, lanes, stack, distance, hit, thing)
                shade_from_things(world, things, origin, directions, distance, hit, lanes, stack, shades)
            shade_packet(world, moving, origin, directions, distance, hit, thing, pixel, any_things, shades)
            develop(shades.lane, f32(_SRGB_STEPS), tones)
            for k in range(LANES):
                i, j = row + k // PACKET_WIDTH, column + k % PACKET_WIDTH
                if i < height and j < width:
                    number, label = -1, 0
                    if thing[k] >= 0:
                        number, label = baked + things.order[thing[k]], things.labels[thing[k]]
                    elif hit[k] >= 0:
                        number = shades.kinds[2 * LANES + k]
                        label = moving.labels[number]
                    depth[i, j] = distance[k] if hit[k] >= 0 else _SKY_DEPTH
                    objects[i, j], segmentation[i, j] = number, label
                    for c in range(3):
                        rgb[i, j, c] = world.curve[tones[c * LANES + k]]
