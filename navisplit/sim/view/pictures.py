"""Depth as colours that the eye can rank. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.scene import SKY_DEPTH_M

NEAR_M, FAR_M = 0.5, 80.0  # the ends of the colour scale
SKY_RGB = (24, 26, 38)


def depth_colours(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(H, W) metres to (H, W, 3) RGB: near is red, far is blue, by the logarithm; the sky is dark."""
    import cv2

    share = np.log(np.clip(depth, NEAR_M, FAR_M) / NEAR_M) / np.log(FAR_M / NEAR_M)
    colours = cv2.applyColorMap(np.rint(255.0 * (1.0 - share)).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1].copy()
    colours[depth >= SKY_DEPTH_M] = SKY_RGB
    return colours
