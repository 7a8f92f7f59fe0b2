"""Which ways are known to be blocked, far beyond the rolling map: what gets the vehicle around a block of houses.

A plan view of the price of a metre of way, the cheapest height of each column. The rolling map writes what it knows of
its window into it before it moves on. A wavefront from the goal then tells the detour from every place near the
vehicle; without it, a wall longer than the map's window is a trap. All figures are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.frames import Vector

CELLS = 512
EDGE_CELLS = 64
"""The plan moves on when the vehicle is so near to its border."""
UNKNOWN = np.float32(0.0)
_BUCKET = 0.5  # cells of way
_BUCKETS = 4096


@dataclass(frozen=True)
class OverviewConfig:
    """How far the search goes."""

    every: int = 8  # updates between two searches
    beyond_m: float = 30.0  # of cost to go past the vehicle's
    ellipse: float = 1.3  # places are left out from which start and goal are together further than this many times
    spare_m: float = 60.0  # the straight way, and so much
    most_tried: float = 12.0  # the dearest that a vain attempt makes a metre


class Overview:
    """Prices (N, N) float32 of a metre of way, UNKNOWN where nobody looked, and the detours (N, N) float32 m to a goal.

    A detour is what the way to the goal is longer, or dearer, than with nothing in between. ``tried`` (N, N) is what a
    metre costs more where the vehicle wanted to go and did not get on.
    """

    def __init__(self, cell_m: float, config: OverviewConfig | None = None) -> None:
        self.config = config or OverviewConfig()
        self.cell_m = cell_m
        self.price: NDArray[np.float32] = np.zeros((CELLS, CELLS), np.float32)
        self.tried: NDArray[np.float32] = np.zeros((CELLS, CELLS), np.float32)
        self.detour: NDArray[np.float32] = np.zeros((CELLS, CELLS), np.float32)
        self._corner: NDArray[np.int64] | None = None
        self._goal: Vector | None = None
        self._age = 0

    def reset(self) -> None:
        """Forget everything."""
        self.price[:] = UNKNOWN
        self.tried[:] = 0.0
        self.detour[:] = 0.0
        self._corner = self._goal = None

    def window(
        self, origin: Vector, shape: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Views of price, tried and detour under a window of cells of the same size whose lower corner is ``origin``.

        The plan follows the window when it comes near the border; what it leaves is forgotten.
        """
        corner = np.round(origin[:2] / self.cell_m).astype(np.int64)
        low, high = EDGE_CELLS, CELLS - EDGE_CELLS - np.array(shape)
        if self._corner is None or not ((corner - self._corner >= low) & (corner - self._corner <= high)).all():
            self._centre_on(corner + np.array(shape) // 2)
        assert self._corner is not None
        at = tuple(slice(a, a + n) for a, n in zip(corner - self._corner, shape, strict=True))
        return self.price[at], self.tried[at], self.detour[at]

    def discourage(self, way: NDArray[np.float64], price: float) -> None:
        """Make a metre dearer in the columns around a way (N, 3) of odom."""
        assert self._corner is not None
        cells = np.floor(way[:, :2] / self.cell_m).astype(np.int64) - self._corner
        around = cells[:, None] + np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(1, 9, 2)
        cells = np.unique(np.clip(around.reshape(-1, 2), 0, CELLS - 1), axis=0)
        at = cells[:, 0], cells[:, 1]
        self.tried[at] = np.minimum(self.tried[at] + np.float32(price), np.float32(self.config.most_tried))

    def search(self, position: Vector, goal: Vector) -> None:
        """Renew the detours to ``goal``, if it is another one or they are some updates old. ``window`` comes first."""
        assert self._corner is not None
        self._age += 1
        if self._goal is not None and np.linalg.norm(goal - self._goal) < 1.0 and self._age < self.config.every:
            return
        self._age, self._goal = 0, goal.copy()
        c = self.config
        ends = np.array([position[:2], goal[:2]]) / self.cell_m - self._corner
        ends = np.clip(ends.astype(np.int64), 1, CELLS - 2)
        limits = np.array([c.beyond_m / self.cell_m, c.ellipse, c.spare_m / self.cell_m])
        _search(self.price, self.tried, ends[0], ends[1], limits, self.detour)
        self.detour *= np.float32(self.cell_m)

    def _centre_on(self, middle: NDArray[np.int64]) -> None:
        """Move the plan so that a cell of odom is at its middle."""
        corner = middle - CELLS // 2
        before, self._goal = (self.price, self.tried), None
        self.price, self.tried, self.detour = (np.zeros((CELLS, CELLS), np.float32) for _ in range(3))
        if self._corner is not None and (np.abs(shift := corner - self._corner) < CELLS).all():
            source = tuple(slice(max(s, 0), CELLS + min(s, 0)) for s in shift)
            target = tuple(slice(max(-s, 0), CELLS + min(-s, 0)) for s in shift)
            self.price[target], self.tried[target] = before[0][source], before[1][source]
        self._corner = corner


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _octile(dx, dy):  # noqa: ANN001, ANN202
    """Length in cells of the shortest way on a grid with diagonals."""
    a, b = abs(dx), abs(dy)
    return max(a, b) + 0.41421356 * min(a, b)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _search(price, tried, start, goal, limits, detour):  # noqa: ANN001, ANN202
    """Dijkstra over 8 neighbours with a bucket queue (Dial 1969) from the goal; the detours in cells of way."""
    n = price.shape[0]
    beyond, ellipse, spare = limits
    far = np.float32(1e9)
    cost = np.full(n * n, far, np.float32)
    heads = np.full(_BUCKETS, -1, np.int32)
    nodes, keys, following = (
        np.empty(4 * n * n, np.int32),
        np.empty(4 * n * n, np.float32),
        np.empty(4 * n * n, np.int32),
    )
    first, last = goal[0] * n + goal[1], start[0] * n + start[1]
    longest = ellipse * _octile(goal[0] - start[0], goal[1] - start[1]) + spare
    cost[first] = 0.0
    nodes[0], keys[0], following[0] = first, 0.0, -1
    heads[0], used, bucket = 0, 1, 0
    while bucket < _BUCKETS and bucket * _BUCKET < cost[last] + beyond:
        entry = heads[bucket]
        if entry < 0:
            bucket += 1
            continue
        heads[bucket] = following[entry]
        node, key = nodes[entry], keys[entry]
        if key > cost[node]:
            continue
        x, y = node // n, node % n
        here = max(price[x, y], 1.0 + tried[x, y])
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                u, v = x + dx, y + dy
                if (dx == 0 and dy == 0) or u < 0 or v < 0 or u >= n or v >= n:
                    continue
                length = 1.0 if dx == 0 or dy == 0 else 1.41421356
                value = key + 0.5 * length * (here + max(price[u, v], 1.0 + tried[u, v]))
                other = u * n + v
                if value < cost[other] and used < len(nodes):
                    if _octile(u - goal[0], v - goal[1]) + _octile(u - start[0], v - start[1]) > longest:
                        continue
                    cost[other] = value
                    slot = min(int(value / _BUCKET), _BUCKETS - 1)
                    nodes[used], keys[used], following[used] = other, value, heads[slot]
                    heads[slot] = used
                    used += 1
    reached = bucket * _BUCKET
    for x in range(n):
        for y in range(n):
            straight = _octile(x - goal[0], y - goal[1])
            detour[x, y] = max(min(cost[x * n + y], max(reached, straight)) - straight, 0.0)
