"""Cost to go: the cheapest way to the goal through the local map, around what is known and through what may be free.

Dijkstra's wavefront on cells of twice the map's size, started at the goal, or at the map's border with the straight
distance that remains from there. Unlike the straight distance it leads out of dead ends. Figures are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.edge.local_map import FREE_LOG_ODDS, LocalMap
from navisplit.frames import Vector

COARSEN = 2
FAR = np.float32(1e6)


@dataclass(frozen=True)
class WavefrontConfig:
    """Prices of a metre of way."""

    blocked_clearance_m: float = 0.62
    roomy_clearance_m: float = 1.4
    tight: float = 2.5  # extra per metre where the clearance is just enough
    unknown: float = 0.4  # extra per metre never seen
    blocked: float = 60.0  # per metre; finite, so that a vehicle inside a false obstacle still has a way out


class Wavefront:
    """Cost to go (X, Y, Z) float32 m on the coarse grid, and the way down it."""

    def __init__(self, config: WavefrontConfig | None = None) -> None:
        self.config = config or WavefrontConfig()
        self.cost: NDArray[np.float32] = np.zeros((0, 0, 0), np.float32)
        self.origin: Vector = np.zeros(3)
        self.cell_m = 0.0

    def update(self, local_map: LocalMap, goal: Vector, min_z: float, max_z: float, position: Vector) -> None:
        """Recompute for a goal in odom and an airspace; exact up to a few metres beyond ``position``."""
        c = self.config
        self.origin, self.cell_m = local_map.origin, local_map.config.cell_m * COARSEN
        price = _prices(
            local_map.clearance, local_map.log_odds, self.origin[2], local_map.config.cell_m, min_z, max_z,
            c.blocked_clearance_m, c.roomy_clearance_m, c.tight, c.unknown, c.blocked,
        )  # fmt: skip
        self.cost = _flood(price, self.origin, self.cell_m, goal, position)

    def at(self, point: Vector) -> float:
        """Cost to go from a point of odom, m."""
        x, y, z = (point - self.origin) / self.cell_m
        return cost_at(self.cost, x, y, z, self.cell_m) if self.cost.size else 0.0

    def way(self, position: Vector, length_m: float) -> NDArray[np.float64]:
        """Points (N, 3) of odom down the cost to go from ``position``, at most ``length_m`` long."""
        cells = _descend(self.cost, (position - self.origin) / self.cell_m, int(np.ceil(length_m / self.cell_m)) + 1)
        points = self.origin + (cells + 0.5) * self.cell_m
        return np.vstack([position[None], points[1:]]) if len(points) > 1 else np.array(position[None])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def cost_at(cost, x, y, z, cell):  # noqa: ANN001, ANN201 - numba kernel
    """Cost to go at (x, y, z) in cells: the best of the cells around it plus the way there, m."""
    nx, ny, nz = cost.shape
    i, j, k = int(np.floor(x - 0.5)), int(np.floor(y - 0.5)), int(np.floor(z - 0.5))
    best = FAR
    for di in range(2):
        for dj in range(2):
            for dk in range(2):
                a, b, c = min(max(i + di, 0), nx - 1), min(max(j + dj, 0), ny - 1), min(max(k + dk, 0), nz - 1)
                dx, dy, dz = a + 0.5 - x, b + 0.5 - y, c + 0.5 - z
                best = min(best, cost[a, b, c] + cell * np.sqrt(dx * dx + dy * dy + dz * dz))
    return best


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _prices(  # noqa: ANN202
    clearance, log_odds, origin_z, cell, min_z, max_z, blocked_m, roomy_m, tight, unknown, blocked  # noqa: ANN001
):  # fmt: skip
    """Price of a metre in every coarse cell."""
    nx, ny, nz = clearance.shape[0] // COARSEN, clearance.shape[1] // COARSEN, clearance.shape[2] // COARSEN
    price = np.empty((nx, ny, nz), np.float32)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                z = origin_z + (k + 0.5) * cell * COARSEN
                room, seen = 0.0, 0
                for a in range(i * COARSEN, (i + 1) * COARSEN):
                    for b in range(j * COARSEN, (j + 1) * COARSEN):
                        for c in range(k * COARSEN, (k + 1) * COARSEN):
                            room = max(room, clearance[a, b, c])
                            if log_odds[a, b, c] < FREE_LOG_ODDS:
                                seen += 1
                value = 1.0
                if seen < 4:
                    value += unknown
                if room < roomy_m:
                    lack = (roomy_m - room) / (roomy_m - blocked_m)
                    value += tight * lack * lack
                if room < blocked_m or z < min_z + 0.25 or z > max_z - 0.25:
                    value = blocked
                price[i, j, k] = value
    return price


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _push(keys, ids, size, key, cell):  # noqa: ANN001, ANN202
    n = size
    while n > 0 and keys[(n - 1) >> 1] > key:
        keys[n], ids[n] = keys[(n - 1) >> 1], ids[(n - 1) >> 1]
        n = (n - 1) >> 1
    keys[n], ids[n] = key, cell
    return size + 1


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _pop(keys, ids, size):  # noqa: ANN001, ANN202
    size -= 1
    key, cell = keys[size], ids[size]
    n = 0
    while 2 * n + 1 < size:
        child = 2 * n + 1
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[n], ids[n] = keys[child], ids[child]
        n = child
    keys[n], ids[n] = key, cell
    return size


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _flood(price, origin, cell, goal, position):  # noqa: ANN001, ANN202
    """Dijkstra over 26 neighbours; stops a few metres after the vehicle's cell is settled."""
    nx, ny, nz = price.shape
    cost = np.full((nx, ny, nz), FAR, np.float32)
    keys, ids = np.empty(16 * price.size, np.float32), np.empty(16 * price.size, np.int32)
    size = 0
    g = (goal - origin) / cell
    g[2] = min(max(g[2], 0.5), nz - 0.5)
    inside = 0 <= g[0] < nx and 0 <= g[1] < ny
    for i in range(nx):
        for j in range(ny):
            border = i == 0 or j == 0 or i == nx - 1 or j == ny - 1
            if (inside and (i + 0.5 - g[0]) ** 2 + (j + 0.5 - g[1]) ** 2 > 4.0) or (not inside and not border):
                continue
            for k in range(nz):
                d = np.sqrt((i + 0.5 - g[0]) ** 2 + (j + 0.5 - g[1]) ** 2 + (k + 0.5 - g[2]) ** 2)
                if inside and d > 2.0:
                    continue
                cost[i, j, k] = d * cell * (1.0 if inside else 1.1)
                size = _push(keys, ids, size, cost[i, j, k], (i * ny + j) * nz + k)
    home = ((int((position[0] - origin[0]) / cell) * ny) + int((position[1] - origin[1]) / cell)) * nz
    home += min(max(int((position[2] - origin[2]) / cell), 0), nz - 1)
    limit = FAR
    while size > 0 and keys[0] < limit:
        key, here = keys[0], ids[0]
        size = _pop(keys, ids, size)
        i, j, k = here // (ny * nz), (here // nz) % ny, here % nz
        if key > cost[i, j, k]:
            continue
        if here == home:
            limit = key + 6.0
        for a in range(max(i - 1, 0), min(i + 2, nx)):
            for b in range(max(j - 1, 0), min(j + 2, ny)):
                for c in range(max(k - 1, 0), min(k + 2, nz)):
                    length = cell * np.sqrt(float((a - i) ** 2 + (b - j) ** 2 + 2.0 * (c - k) ** 2))
                    value = np.float32(key + length * 0.5 * (price[i, j, k] + price[a, b, c]))
                    if value < cost[a, b, c] and size < keys.size:
                        cost[a, b, c] = value
                        size = _push(keys, ids, size, value, (a * ny + b) * nz + c)
    return cost


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _descend(cost, start, steps):  # noqa: ANN001, ANN202
    """Cells (N, 3) of steepest descent from ``start`` (in cells)."""
    nx, ny, nz = cost.shape
    cells = np.empty((steps + 1, 3), np.float64)
    i, j, k = (
        min(max(int(start[0]), 0), nx - 1),
        min(max(int(start[1]), 0), ny - 1),
        min(max(int(start[2]), 0), nz - 1),
    )
    n = 0
    cells[0, 0], cells[0, 1], cells[0, 2] = i, j, k
    while n < steps:
        bi, bj, bk, best = i, j, k, cost[i, j, k]
        for a in range(max(i - 1, 0), min(i + 2, nx)):
            for b in range(max(j - 1, 0), min(j + 2, ny)):
                for c in range(max(k - 1, 0), min(k + 2, nz)):
                    if cost[a, b, c] < best:
                        bi, bj, bk, best = a, b, c, cost[a, b, c]
        if bi == i and bj == j and bk == k:
            break
        i, j, k = bi, bj, bk
        n += 1
        cells[n, 0], cells[n, 1], cells[n, 2] = i, j, k
    return cells[: n + 1]
