"""Rate-distortion curves, and what one method needs to equal another.

Between branches a curve is linear in the logarithm of the bytes, and only its lower convex hull counts: Bjontegaard's
measure (VCEG-M33) with straight lines in the place of polynomials; a branch above the hull does not raise it. The mean
of the bytes on the wire is the rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Vertices of a falling convex curve, by rising bytes."""

    log_bytes: Array  # (K,)
    distortion: Array  # (K,) falling
    members: NDArray[np.int64]  # (K,) which points they are

    @classmethod
    def through(cls, sizes: Array, distortion: Array) -> Curve:
        """The lower convex hull of points (N,), up to the smallest distortion; empty where nothing was measured."""
        order = [int(i) for i in np.lexsort((distortion, sizes)) if np.isfinite(distortion[i])]
        x, y = np.log(sizes), distortion
        hull: list[int] = []
        for i in order:
            if hull and x[i] == x[hull[-1]]:
                continue  # the better of two points of one size came first
            while len(hull) > 1 and _above(x, y, hull[-2], hull[-1], i):
                hull.pop()
            hull.append(i)
        best = min(range(len(hull)), key=lambda k: y[hull[k]], default=-1)
        members = np.array(hull[: best + 1], int)
        return cls(x[members], y[members], members)

    def bytes_at(self, distortion: float) -> float:
        """Bytes that this distortion needs: the lightest point's for anything poorer, inf where none is so good."""
        if not len(self.members) or math.isnan(distortion):
            return math.nan
        if distortion < self.distortion[-1]:
            return math.inf
        if distortion >= self.distortion[0]:
            return float(np.exp(self.log_bytes[0]))
        return float(np.exp(np.interp(distortion, self.distortion[::-1], self.log_bytes[::-1])))

    def at(self, size: float, values: Array) -> float:
        """Some other figure of the points (N,) at a number of bytes, between the vertices."""
        if not len(self.members) or math.isnan(size):
            return math.nan
        return float(np.interp(math.log(size), self.log_bytes, values[self.members]))


def _above(x: Array, y: Array, first: int, middle: int, last: int) -> bool:
    """Whether the middle point is on or above the line through the two others."""
    rise = (y[last] - y[first]) * (x[middle] - x[first]) / (x[last] - x[first])
    return bool(y[middle] >= y[first] + rise)
