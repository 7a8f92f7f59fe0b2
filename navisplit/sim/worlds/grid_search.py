"""Shortest collision-free paths: A* on a grid of free points, then straightened against the exact geometry."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.sim.render.query import SceneQuery

Array = NDArray[np.float64]
_CHUNK = 200_000


@dataclass(frozen=True)
class FreeSpace:
    """Grid points at which a vehicle keeps its clearance."""

    origin: Array  # (3,) m, of the point (0, 0, 0)
    step: float  # m
    free: NDArray[np.bool_]  # (X, Y, Z)
    query: SceneQuery
    clearance_m: float

    @classmethod
    def sample(
        cls,
        query: SceneQuery,
        low: Array,
        high: Array,
        step: float,
        clearance_m: float,
        wanted: NDArray[np.bool_] | None,
    ) -> FreeSpace:
        """Ask the scene at every point of the box low..high; ``wanted`` (X, Y, Z) leaves points out."""
        shape = grid_shape(low, high, step)
        flags = np.zeros(shape, bool)
        cells = np.argwhere(wanted) if wanted is not None else np.argwhere(np.ones(shape, bool))
        for first in range(0, len(cells), _CHUNK):
            some = cells[first : first + _CHUNK]
            distance = query.nearest(low + some * step, clearance_m)[0]
            flags[tuple(some.T)] = distance >= clearance_m - 1e-4
        return cls(low, step, flags, query, clearance_m)

    def clear(self, a: Array, b: Array, clearance_m: float | None = None) -> bool:
        """Whether the straight line from a to b (3,) keeps the clearance everywhere."""
        clearance = self.clearance_m if clearance_m is None else clearance_m
        spacing = 0.4 * clearance
        count = int(np.ceil(np.linalg.norm(b - a) / spacing)) + 1
        points = a + np.linspace(0, 1, max(count, 2))[:, None] * (b - a)
        return bool((self.query.nearest(points, clearance)[0] >= clearance - 1e-4).all())

    def shortest(self, start: Array, goal: Array, min_z: float, max_z: float) -> Array | None:
        """A shortest path (K, 3) from start to goal within min_z..max_z, or None where there is none.

        Its length is within about 2 % of the best: A* is exact on its grid (26 neighbours), and straightening removes
        most of the detour that a grid's directions cost.
        """
        if self.clear(start, goal):
            return np.stack([start, goal])
        ends = [
            np.clip(np.round((p - self.origin) / self.step), 0, np.array(self.free.shape) - 1) for p in (start, goal)
        ]
        free = self.free.copy()
        heights = self.origin[2] + np.arange(free.shape[2]) * self.step
        free[:, :, (heights < min_z) | (heights > max_z)] = False
        cells = _a_star(free, ends[0].astype(np.int64), ends[1].astype(np.int64))
        if len(cells) == 0:
            return None
        middle = self.origin + cells[1:-1] * self.step
        return self._straightened(np.concatenate([start[None], middle, goal[None]]))

    def _straightened(self, path: Array) -> Array:
        """Skip points where the straight line is clear, then pull the rest towards their neighbours' line."""
        tolerance = 0.95 * self.clearance_m  # grid edges may dip a little under the clearance of their ends
        kept, i = [path[0]], 0
        while i < len(path) - 1:
            low, high = i + 1, len(path) - 1
            if not self.clear(path[i], path[high], tolerance):
                while high - low > 1:  # visibility is not monotonous; a bisection is good enough to begin with
                    middle = (low + high) // 2
                    low, high = (middle, high) if self.clear(path[i], path[middle], tolerance) else (low, middle)
                high = low
            kept.append(path[high])
            i = high
        points = np.array(kept)
        for _ in range(4):
            for k in range(len(points) - 2, 0, -1):
                points = self._pulled(points, k, tolerance)
        return points

    def _pulled(self, points: Array, k: int, tolerance: float) -> Array:
        """Drop corner k, or move it as far as it may go towards the line between its neighbours."""
        before, corner, after = points[k - 1], points[k], points[k + 1]
        if self.clear(before, after, tolerance):
            return np.delete(points, k, axis=0)
        along = after - before
        target = before + along * np.clip((corner - before) @ along / max(along @ along, 1e-9), 0, 1)
        for share in (0.5, 0.25, 0.1):
            moved = corner + share * (target - corner)
            if self.clear(before, moved, tolerance) and self.clear(moved, after, tolerance):
                points = points.copy()
                points[k] = moved
                break
        return points


def grid_shape(low: Array, high: Array, step: float) -> tuple[int, int, int]:
    """Number of grid points from low to high in each direction."""
    counts = np.floor((np.asarray(high) - low) / step + 1e-6).astype(int) + 1
    return int(counts[0]), int(counts[1]), int(counts[2])


def path_length(path: Array) -> float:
    """Length of a polyline (K, 3), m."""
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


@njit(cache=True, nogil=True, error_model="numpy")
def _a_star(free: NDArray[np.bool_], start: NDArray[np.int64], goal: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells (K, 3) of a shortest path on the 26-neighbour grid, ends included; empty where there is none."""
    nx, ny, nz = free.shape
    cost = np.full(nx * ny * nz, np.inf, np.float32)
    parent = np.full(nx * ny * nz, -1, np.int32)
    first = (start[0] * ny + start[1]) * nz + start[2]
    last = (goal[0] * ny + goal[1]) * nz + goal[2]
    cost[first] = 0.0
    heap = [(np.float64(0.0), np.int64(first))]
    while len(heap) > 0:
        estimate, cell = heapq.heappop(heap)
        if cell == last:
            break
        x, y, z = cell // (ny * nz), (cell // nz) % ny, cell % nz
        rest = np.sqrt((x - goal[0]) ** 2.0 + (y - goal[1]) ** 2.0 + (z - goal[2]) ** 2.0)
        if estimate > cost[cell] + rest + 1e-3:
            continue  # an older entry of a cell that was reached more cheaply since
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                for dz in range(-1, 2):
                    u, v, w = x + dx, y + dy, z + dz
                    if u < 0 or v < 0 or w < 0 or u >= nx or v >= ny or w >= nz:
                        continue
                    other = (u * ny + v) * nz + w
                    if not free[u, v, w] and other != last:
                        continue
                    reached = cost[cell] + np.sqrt(dx * dx + dy * dy + dz * dz)
                    if reached + 1e-5 < cost[other]:
                        cost[other] = reached
                        parent[other] = cell
                        ahead = np.sqrt((u - goal[0]) ** 2.0 + (v - goal[1]) ** 2.0 + (w - goal[2]) ** 2.0)
                        heapq.heappush(heap, (np.float64(reached + ahead), np.int64(other)))
    count, cell = 0, last
    if parent[last] < 0:
        return np.empty((0, 3), np.int64)
    while cell >= 0:
        count += 1
        cell = parent[cell]
    path, cell = np.empty((count, 3), np.int64), last
    for k in range(count - 1, -1, -1):
        path[k, 0], path[k, 1], path[k, 2] = cell // (ny * nz), (cell // nz) % ny, cell % nz
        cell = parent[cell]
    return path
