"""Frames of the renderer as AirSim's ImageResponse: BGR or PNG, float depth, segmentation colours."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Intrinsics
from navisplit.sim.rpc.table import ImageRequest

SCENE, DEPTH_PLANAR, DEPTH_PERSPECTIVE, DEPTH_VIS, DISPARITY, SEGMENTATION, NORMALS, INFRARED = range(8)
RENDERED = (SCENE, DEPTH_PLANAR, DEPTH_PERSPECTIVE, DEPTH_VIS, SEGMENTATION, INFRARED)
"""Image types that hold a picture; the others get AirSim's answer for a capture that is switched off."""

VISIBLE_DEPTH_M = 100.0  # DepthVis saturates here
PNG_EFFORT = 1  # of 9: 3 ms instead of 20 for a small picture, 15 % larger

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@lru_cache(maxsize=1)
def segmentation_palette() -> Pixels:
    """(256, 3) RGB colour of each segmentation id: hues spread evenly (ours, not AirSim's table); 0 is black."""
    colours = [
        colorsys.hsv_to_rgb(i * 0.618034 % 1.0, 0.55 + 0.4 * (i % 3) / 2, 0.6 + 0.35 * (i % 5) / 4) for i in range(256)
    ]
    palette = np.rint(np.array(colours) * 255).astype(np.uint8)
    palette[0] = 0
    return palette


def float_pixels(frame: Any, kind: int, intrinsics: Intrinsics) -> Floats:
    """(H, W) float32: depth in metres, or 0..1 for what is a picture."""
    if kind == DEPTH_PLANAR:
        return frame.depth
    if kind == DEPTH_PERSPECTIVE:
        return frame.depth * np.linalg.norm(intrinsics.rays(), axis=2)
    if kind == DEPTH_VIS:
        return np.clip(frame.depth / VISIBLE_DEPTH_M, 0.0, 1.0)
    return colour_pixels(frame, kind)[..., 0].astype(np.float32) / 255.0


def colour_pixels(frame: Any, kind: int) -> Pixels:
    """(H, W, 3) RGB."""
    if kind == SCENE:
        return frame.rgb
    if kind == SEGMENTATION:
        return segmentation_palette()[frame.segmentation]
    if kind == INFRARED:
        grey = frame.segmentation
    elif kind == DEPTH_VIS:
        grey = np.clip(frame.depth * (255.0 / VISIBLE_DEPTH_M), 0, 255).astype(np.uint8)
    else:
        grey = np.clip(frame.depth, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def png(rgb: Pixels) -> bytes:
    """PNG of (H, W, 3) RGB."""
    import cv2

    ok, data = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_EFFORT])
    if not ok:
        raise RuntimeError("OpenCV could not write a PNG")
    return data.tobytes()


def image_data(frame: Any, request: ImageRequest, intrinsics: Intrinsics) -> tuple[bytes, Floats]:
    """What goes into image_data_uint8 and image_data_float."""
    if request.pixels_as_float:
        return b"", float_pixels(frame, request.image_type, intrinsics).reshape(-1)
    rgb = colour_pixels(frame, request.image_type)
    data = png(rgb) if request.compress else np.ascontiguousarray(rgb[..., ::-1]).tobytes()
    return data, np.zeros(0, np.float32)
