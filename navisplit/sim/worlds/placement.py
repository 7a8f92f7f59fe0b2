"""Where things stand: random points that keep their distance, denser here and sparser there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Occupancy:
    """Discs already taken on the ground; a hash grid keeps the look-up short."""

    def __init__(self, cell_m: float = 4.0) -> None:
        self._cell = cell_m
        self._discs: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
        self._largest = 0.0

    def add(self, x: float, y: float, radius: float) -> None:
        """Take a disc."""
        key = (int(x // self._cell), int(y // self._cell))
        self._discs.setdefault(key, []).append((x, y, radius))
        self._largest = max(self._largest, radius)

    def free(self, x: float, y: float, radius: float) -> bool:
        """Whether a disc touches none of those taken."""
        reach = int(np.ceil((radius + self._largest) / self._cell))
        i, j = int(x // self._cell), int(y // self._cell)
        for di in range(-reach, reach + 1):
            for dj in range(-reach, reach + 1):
                for ox, oy, taken in self._discs.get((i + di, j + dj), ()):
                    if (ox - x) ** 2 + (oy - y) ** 2 < (radius + taken) ** 2:
                        return False
        return True


def scatter(
    rng: np.random.Generator,
    count: int,
    half: float,
    radius: float | Callable[[float, float], float],
    taken: Occupancy,
    *,
    allowed: Callable[[Array, Array], NDArray[np.bool_]] | None = None,
    attempts: int = 30,
) -> Array:
    """Up to ``count`` points in [-half, half]^2, none nearer to another than the sum of their radii: (N, 2).

    ``radius`` may depend on the place, which makes thick and thin regions; ``allowed`` filters whole arrays of points.
    The discs are added to ``taken``.
    """
    candidates = rng.uniform(-half, half, (count * attempts, 2))
    if allowed is not None:
        candidates = candidates[allowed(candidates[:, 0], candidates[:, 1])]
    points: list[tuple[float, float]] = []
    for x, y in candidates.tolist():
        size = radius(x, y) if callable(radius) else radius
        if taken.free(x, y, size):
            taken.add(x, y, size)
            points.append((x, y))
            if len(points) == count:
                break
    return np.asarray(points, np.float64).reshape(-1, 2)
