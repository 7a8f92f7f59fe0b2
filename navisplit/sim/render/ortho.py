"""Orthographic pictures from the perspective kernel: a camera far behind the picture's plane, and a long lens.

The kernel ignores hits nearer than 1e-4 of its unit of distance, so with the unit chosen that large the picture begins
at the plane, and nothing behind it is seen.
"""

from __future__ import annotations

import numpy as np

from navisplit.frames import Intrinsics, Quaternion, Vector, rotation_matrix
from navisplit.sim.kernel import Floats
from navisplit.sim.render.trace import NEAREST
from navisplit.sim.scene import SKY_DEPTH_M

_WIDTHS_BACK = 2000.0  # the camera stands this many picture widths behind the plane: rays converge by 0.03 degrees,
_FURTHEST_BACK_M = 20_000.0  # but no further, or single precision shows


def flat_rows(
    position: Vector, orientation: Quaternion, intrinsics: Intrinsics, width_m: float
) -> tuple[Floats, float, float]:
    """Kernel form of the camera (4, 3) as ``camera_rows``, its unit of distance in m, and how far the plane is, m."""
    back_m = min(_WIDTHS_BACK * width_m, _FURTHEST_BACK_M)
    unit_m = back_m / float(NEAREST)
    rotation = rotation_matrix(np.asarray(orientation, np.float64) / np.linalg.norm(orientation))
    forward, right, down = rotation[:, 0], -rotation[:, 1], -rotation[:, 2]
    step = width_m / intrinsics.width / back_m
    corner = forward - (intrinsics.cx * right + intrinsics.cy * down) * step
    rows = np.stack(
        [
            np.asarray(position, np.float64) - forward * back_m,
            corner * unit_m,
            right * step * unit_m,
            down * step * unit_m,
        ]
    )
    return rows.astype(np.float32), unit_m, back_m


def flat_depth(depth: Floats, unit_m: float, start_m: float) -> Floats:
    """Metres from the picture's plane (H, W); the sky stays what it is."""
    sky = depth >= np.float32(SKY_DEPTH_M)
    return np.where(sky, np.float32(SKY_DEPTH_M), depth.astype(np.float64) * unit_m - start_m).astype(np.float32)
