"""Pictures as AirSim's ImageResponse: BGR or PNG, floats, segmentation colours."""

from __future__ import annotations

import colorsys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import ConfigError
from navisplit.sim.scene import SKY_DEPTH_M

if TYPE_CHECKING:
    from navisplit.sim.camera.pictures import Development, Film
    from navisplit.sim.render.flow import Moment

SCENE, DEPTH_PLANAR, DEPTH_PERSPECTIVE, DEPTH_VIS, DISPARITY, SEGMENTATION, NORMALS, INFRARED, FLOW, FLOW_VIS = range(
    10
)
FROM_DEPTH = (DEPTH_PLANAR, DEPTH_PERSPECTIVE, DEPTH_VIS, DISPARITY, NORMALS, FLOW, FLOW_VIS)
"""Image types that need no colours or ids."""

VISIBLE_DEPTH_M = 100.0  # DepthVis saturates here
BASELINE_M = 0.25  # of the stereo pair that DisparityNormalized stands for
PNG_EFFORT = 1  # of 9: 3 ms instead of 20 for a small picture, 15 % larger

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@lru_cache(maxsize=1)
def segmentation_palette() -> Pixels:
    """(256, 3) RGB colour of each segmentation id, all different; 0 is black. Ours, not AirSim's table."""
    colours = [
        colorsys.hsv_to_rgb(i * 0.618034 % 1.0, 0.55 + 0.4 * (i % 3) / 2, 0.6 + 0.35 * (i % 5) / 4) for i in range(256)
    ]
    palette = np.rint(np.array(colours) * 255).astype(np.uint8)
    palette[0] = 0
    return palette


def load_palette(path: Path) -> Pixels:
    """AirSim's own colours, from a user's copy of its seg_rgbs.txt: lines of ``id  [red, green, blue]``.

    Raises ConfigError unless it names 256 different colours.
    """
    try:
        lines = [line.replace("[", " ").replace("]", " ").replace(",", " ").split() for line in path.open()]
        rows = {int(line[0]): tuple(map(int, line[1:4])) for line in lines if line}
        palette = np.array([rows[i] for i in range(256)], np.uint8)
    except (OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise ConfigError(
            f"{path}: expected 256 lines such as '7  [153, 108, 6]' ({type(error).__name__}: {error})."
        ) from None
    if len(np.unique(palette, axis=0)) < 256:
        raise ConfigError(f"{path}: expected 256 different colours, found fewer: ids could not be told apart.")
    return palette


class Printer:
    """Turns one view's film into the data of one image type."""

    def __init__(self, film: Film, development: Development, palette: Pixels, before: Moment | None) -> None:
        self.film, self.development, self.palette = film, development, palette
        self.before = before  # the camera's last optical flow picture; None: this is the first, and nothing has moved

    def floats(self, kind: int) -> Floats:
        """(H, W) float32: depth in metres, flow to the right in pixels, else the red channel 0..1 as AirSim's."""
        if kind in (DEPTH_PLANAR, DEPTH_PERSPECTIVE, DEPTH_VIS, DISPARITY):
            return self.development.bent(self._measured(kind))
        if kind == FLOW:
            return self.development.bent(np.ascontiguousarray(self._flow()[..., 0]))
        return self.colours(kind)[..., 0].astype(np.float32) / 255.0

    def colours(self, kind: int) -> Pixels:
        """(H, W, 3) RGB."""
        if kind == SCENE:
            return self.development.scene(self.film)
        return self.development.noisy(self.development.bent(self._picture(kind)))

    def _picture(self, kind: int) -> Pixels:
        if kind == SEGMENTATION:
            return self.palette[self.film.frame.segmentation]
        if kind == NORMALS:
            return _normal_colours(self.film.normals)
        if kind in (FLOW, FLOW_VIS):
            from navisplit.sim.render.flow import flow_bytes, flow_colours

            return (flow_bytes if kind == FLOW else flow_colours)(self._flow())
        if kind == INFRARED:
            grey = self.film.frame.segmentation
        else:
            scale = 255.0 if kind in (DEPTH_VIS, DISPARITY) else 1.0
            grey = np.clip(self._measured(kind) * scale, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)

    def _measured(self, kind: int) -> Floats:
        depth, camera = self.film.depth, self.film.view.intrinsics
        if kind == DEPTH_PLANAR or (kind == DEPTH_PERSPECTIVE and self.film.ortho_width_m is not None):
            return depth
        if kind == DEPTH_PERSPECTIVE:
            return np.minimum(depth * np.linalg.norm(camera.rays(), axis=2), np.float32(SKY_DEPTH_M))
        if kind == DEPTH_VIS:
            return np.clip(depth / VISIBLE_DEPTH_M, 0.0, 1.0)
        return np.clip(BASELINE_M * camera.fx / camera.width / np.maximum(depth, 1e-3), 0.0, 1.0).astype(np.float32)

    def _flow(self) -> Floats:
        shape = (self.film.view.intrinsics.height, self.film.view.intrinsics.width, 2)
        return np.zeros(shape, np.float32) if self.before is None else self.film.flow(self.before)


def _normal_colours(normals: Floats) -> Pixels:
    """Normals ENU (H, W, 3) as Unreal shows them: red north, green east, blue up, each 0..255 for -1..1."""
    return np.rint((normals[..., [1, 0, 2]] + 1.0) * 127.5).astype(np.uint8)


def png(rgb: Pixels) -> bytes:
    """PNG of (H, W, 3) RGB."""
    import cv2

    ok, data = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_EFFORT])
    if not ok:
        raise RuntimeError("OpenCV could not write a PNG")
    return data.tobytes()


def bgr(rgb: Pixels) -> bytes:
    """AirSim's uncompressed picture: rows from the top, blue first."""
    return np.ascontiguousarray(rgb[..., ::-1]).tobytes()
