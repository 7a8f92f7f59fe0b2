"""Pictures for reports: what the drone saw and what the edge thought, as small JPEG and PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.evaluate.episode import Picture

if TYPE_CHECKING:
    from navisplit.sim.camera.pictures import Film

STRIP = 6
SPACING = 4  # frames between two pictures of a strip
NEAR_M, FAR_M = 0.5, 20.0
TRUTH_STEP = 2  # pixels: to the resolution of the tail's depth


@dataclass
class Shot:
    """One frame, kept while it may become part of a strip."""

    time_s: float
    film: Film | None = None  # what the camera saw, to be drawn later where there is no rgb
    rgb: NDArray[np.uint8] | None = None  # (H, W, 3)
    depth: NDArray[np.float32] | None = None  # (h, w) m, as the edge had it
    branch: str = ""


def develop(shots: Sequence[Shot]) -> tuple[Picture, ...]:
    """The last frames, some tenths of a second apart, oldest first."""
    chosen = list(shots)[::-1][::SPACING][:STRIP][::-1]
    pictures = []
    for shot in chosen:
        rgb, truth = shot.rgb, None
        if shot.film is not None:
            rgb = shot.film.scene if rgb is None else rgb
            truth = shot.film.depth[::TRUTH_STEP, ::TRUTH_STEP]
        depths = (b"" if depth is None else encode_depth(depth) for depth in (shot.depth, truth))
        pictures.append(Picture(shot.time_s, b"" if rgb is None else encode_rgb(rgb), *depths, shot.branch))
    return tuple(pictures)


def encode_rgb(rgb: NDArray[np.uint8], quality: int = 80) -> bytes:
    """JPEG of a picture (H, W, 3)."""
    import cv2

    return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def encode_depth(depth: NDArray[np.float32]) -> bytes:
    """PNG of a depth image (h, w) m: near is bright, by the logarithm."""
    import cv2

    share = np.log(np.clip(depth, NEAR_M, FAR_M) / NEAR_M) / np.log(FAR_M / NEAR_M)
    coloured = cv2.applyColorMap(np.uint8(255 * (1.0 - share)), cv2.COLORMAP_INFERNO)
    return cv2.imencode(".png", coloured)[1].tobytes()


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """PNG of a picture (H, W, 3)."""
    import cv2

    return cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()
