"""Exact depth made as wrong as a network's, so that a policy trained on the simulator's holds on estimates.

The error of log depth is smooth over the image, drifts from frame to frame and has a part common to all pixels; edges
are washed out, so that thin things thicken or vanish. Figures are our choice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from navisplit.edge.tail import Depth

COARSE = (9, 16)
DRIFT = 0.8  # correlation of the error from one frame to the next
COMMON = 0.4  # part of the error that all pixels share


class Blur:
    """Corrupts the images of one flight; ``level`` is the scale of the error of log depth (0: exact)."""

    def __init__(self, level: float, rng: np.random.Generator) -> None:
        self.level, self._rng = level, rng
        self._field, self._common = rng.normal(size=COARSE), float(rng.normal())

    def __call__(self, depth: NDArray[np.float32]) -> Depth:
        """The estimate (H, W) of a true depth (H, W), with its spread."""
        if self.level <= 0:
            return Depth(depth, None)
        import cv2

        fresh = np.sqrt(1.0 - DRIFT**2)
        self._field = DRIFT * self._field + fresh * self._rng.normal(size=COARSE)
        self._common = DRIFT * self._common + fresh * float(self._rng.normal())
        height, width = depth.shape
        error = cv2.resize(self._field.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        error = np.sqrt(1.0 - COMMON**2) * error + np.float32(COMMON * self._common)
        kernel = 1 + 2 * int(round(6.0 * self.level))  # 5 pixels of 128 at a level of 0.3
        log_depth = cv2.blur(np.log(np.clip(depth, 0.3, 50.0)), (kernel, kernel)) + np.float32(self.level) * error
        wrong = np.clip(np.exp(log_depth), 0.3, 50.0).astype(np.float32)
        spread = np.full(depth.shape, self.level * self._rng.uniform(0.7, 1.3), np.float32)
        return Depth(wrong, spread)
