"""The pass of a picture: rays through all pixels, packet by packet, to colour, depth and objects."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from navisplit.sim.instances import Instances, new_lanes, trace_things
from navisplit.sim.kernel import Bytes, Floats, Ints, inlined, kernel
from navisplit.sim.scene import SKY_DEPTH_M
from navisplit.sim.shading import World, shade_from_things, shade_packet, shade_things
from navisplit.sim.surface import Surface
from navisplit.sim.trace import FAR, LANES, PACKET_HEIGHT, PACKET_STACK, PACKET_WIDTH, aim_packet, trace_packet

f32 = np.float32
_ZERO, _ONE = f32(0.0), f32(1.0)
_SKY_DEPTH = f32(SKY_DEPTH_M)
_SRGB_STEPS = 4095


class Moving(NamedTuple):
    """What changes from picture to picture besides the camera."""

    things: Instances
    surface: Surface  # of the triangles of ``things.shapes``
    labels: Ints  # (objects,) segmentation ids of the scene's own objects


def srgb_curve() -> Bytes:
    """Table of IEC 61966-2-1's transfer function, rounded to bytes."""
    x = np.arange(_SRGB_STEPS + 1) / _SRGB_STEPS
    return np.round(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


@inlined
def _develop(curve: Bytes, light: np.float32) -> np.uint8:
    """Filmic tone curve (Narkowicz's fit of ACES, 2016), then sRGB."""
    toned = light * (f32(2.51) * light + f32(0.03)) / (light * (f32(2.43) * light + f32(0.59)) + f32(0.14))
    return curve[int(min(max(toned, _ZERO), _ONE) * f32(_SRGB_STEPS))]


@kernel
def render_frame(world: World, moving: Moving, camera: Floats, rgb: Bytes, depth: Floats, segmentation: Bytes,
                 objects: Ints) -> None:  # fmt: skip
    """Fill rgb (H, W, 3), planar depth, segmentation and object numbers (H, W) as ``camera`` (4, 3) sees them.

    See ``aim_packet`` for the camera; things count on from ``moving.labels``' length.
    """
    height, width = depth.shape
    origin, things, baked = camera[0], moving.things, moving.labels.shape[0]
    any_things = things.frames.shape[0] > 0
    pixel = math.sqrt(camera[2, 0] ** 2 + camera[2, 1] ** 2 + camera[2, 2] ** 2)
    directions, work, points = (
        np.empty((3, LANES), np.float32),
        np.empty((4, LANES), np.float32),
        np.empty((3, LANES), np.float32),
    )
    stack, lanes, colour = np.empty(PACKET_STACK, np.int32), new_lanes(), np.empty((3, LANES), np.float32)
    distance, hit, thing = np.empty(LANES, np.float32), np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    visible = np.empty(LANES, np.float32)
    visible[:] = _ONE
    thing[:] = -1
    for row in range(0, height, PACKET_HEIGHT):
        for column in range(0, width, PACKET_WIDTH):
            aim_packet(camera, column, row, directions)
            distance[:] = FAR
            hit[:] = -1
            trace_packet(world.bvh, 0, origin, directions, work, stack, distance, hit)
            if any_things:
                thing[:] = -1
                trace_things(things, origin, directions, lanes, stack, distance, hit, thing)
                shade_from_things(world, things, origin, directions, distance, hit, lanes, points, stack, visible)
                shade_things(
                    world, things, moving.surface, origin, directions, distance, hit, thing, visible, pixel, colour
                )
            shade_packet(world, origin, directions, distance, hit, thing, visible, pixel, colour)
            for k in range(LANES):
                i, j = row + k // PACKET_WIDTH, column + k % PACKET_WIDTH
                if i < height and j < width:
                    number, label = -1, 0
                    if thing[k] >= 0:
                        number, label = baked + things.order[thing[k]], things.labels[thing[k]]
                    elif hit[k] >= 0:
                        number = world.surface.kinds[hit[k], 2]
                        label = moving.labels[number]
                    depth[i, j] = distance[k] if hit[k] >= 0 else _SKY_DEPTH
                    objects[i, j], segmentation[i, j] = number, label
                    for c in range(3):
                        rgb[i, j, c] = _develop(world.curve, colour[c, k])
