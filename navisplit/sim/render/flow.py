"""Optical flow: where what a pixel shows was in the camera's previous picture. Exact, from depth and known motions."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import FLU_FROM_OPTICAL, Quaternion, Vector, rotation_matrix
from navisplit.sim.render.renderer import CameraView
from navisplit.sim.things import Thing

STEPS_PER_PX = 4.0  # of the 8-bit picture: 128 + 4 v, so 31 pixels fit either way
FULL_COLOUR_PX = 16.0  # flow at which the colour picture is brightest

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Moment:
    """What a picture's motion is measured against."""

    position: Vector  # (3,) ENU m of the camera
    orientation: Quaternion  # camera FLU -> ENU
    things: tuple[Thing, ...] = ()  # all that moves
    clock_ns: int = 0


def optical_flow(
    view: CameraView,
    depth: Floats,
    before: Moment,
    *,
    objects: NDArray[np.int32] | None = None,
    things: Sequence[Thing] = (),
    baked: int = 0,
) -> Floats:
    """Motion (H, W, 2) of each pixel's surface since ``before``, in pixels right and down.

    ``depth`` (H, W) planar; ``objects`` (H, W) numbers what is seen, ``things`` counting on from ``baked``. What was
    behind the camera then has no flow.
    """
    points = view.intrinsics.rays().reshape(-1, 3) * depth.reshape(-1, 1)
    world = points @ (rotation_matrix(view.orientation) @ FLU_FROM_OPTICAL).T + view.position
    if objects is not None:
        _undo_motion(world, objects.reshape(-1), things, before, baked)
    seen = (world - before.position) @ (rotation_matrix(before.orientation) @ FLU_FROM_OPTICAL)
    ahead = seen[:, 2] > 1e-3
    z = np.where(ahead, seen[:, 2], 1.0)
    camera = view.intrinsics
    old = np.stack([seen[:, 0] / z * camera.fx + camera.cx, seen[:, 1] / z * camera.fy + camera.cy], axis=1)
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    flow = np.stack([columns, rows], axis=2).reshape(-1, 2) - old
    return np.where(ahead[:, None], flow, 0.0).astype(np.float32).reshape(*depth.shape, 2)


def _undo_motion(
    world: NDArray[np.float64], objects: NDArray[np.int32], things: Sequence[Thing], before: Moment, baked: int
) -> None:
    """Carry points (N, 3) on moving things back to where they were at ``before``."""
    old = {thing.name: thing for thing in before.things}
    for number, now in enumerate(things, baked):
        then = old.get(now.name)
        if then is None or (then.position, then.orientation) == (now.position, now.orientation):
            continue
        mine = objects == number
        if mine.any():
            own = (world[mine] - now.position) @ rotation_matrix(now.orientation)
            world[mine] = own @ rotation_matrix(then.orientation).T + then.position


def flow_bytes(flow: Floats) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: red and green are 128 + 4 x the flow right and down in pixels; blue is 0."""
    out = np.zeros((*flow.shape[:2], 3), np.uint8)
    out[..., :2] = np.clip(np.rint(flow * STEPS_PER_PX + 128.0), 0, 255)
    return out


def flow_colours(flow: Floats) -> NDArray[np.uint8]:
    """(H, W, 3) RGB for people: the hue is the direction, the brightness the length; black stands still."""
    angle = np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi) % 1.0
    bright = np.clip(np.linalg.norm(flow, axis=2) / FULL_COLOUR_PX, 0.0, 1.0)
    wheel = _hues()[np.minimum((angle * 256).astype(np.int32), 255)]
    return np.rint(wheel * np.sqrt(bright)[..., None] * 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _hues() -> Floats:
    return np.array([colorsys.hsv_to_rgb(i / 256, 1.0, 1.0) for i in range(256)], np.float32)
