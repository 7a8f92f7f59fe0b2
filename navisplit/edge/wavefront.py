"""Cost to go: the cheapest way to the goal through the local map, around what is known and through what may be free.

Dijkstra's wavefront on cells of twice the map's size, started at the goal and at the map's border, with the straight
distance that remains from there and the detour that the overview knows of. Unlike the straight distance it leads out of
dead ends, of those too that are larger than the map. Figures are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.edge.local_map import FREE_LOG_ODDS, OCCUPIED_LOG_ODDS, LocalMap
from navisplit.edge.overview import Overview
from navisplit.frames import Vector

COARSEN = 2
FAR = np.float32(1e6)
BUCKET_M = 0.3
BEHIND_M = 6.0  # of cost to go beyond the vehicle's: as far back as a primitive may lead
BEYOND = 1.1  # metres of way per metre of straight distance outside of the map


@dataclass(frozen=True)
class WavefrontConfig:
    """Prices of a metre of way."""

    blocked_clearance_m: float = 0.62
    roomy_clearance_m: float = 1.4
    tight: float = 2.5  # extra per metre where the clearance is just enough
    unknown: float = 0.4  # extra per metre never seen
    shadow: float = 12.0  # extra per metre never seen under or over something solid: most walls go on there
    steep: float = 6.0  # extra per metre of height never seen: the camera does not look there, so it is flown slowly
    high: float = 0.15  # extra, for each metre more than 1 m over the goal: wires and lamps' arms are up there
    blocked: float = 60.0  # per metre; finite, so that a vehicle inside a false obstacle still has a way out


class Wavefront:
    """Cost to go (X, Y, Z) float32 m on the coarse grid, and the way down it."""

    def __init__(self, config: WavefrontConfig | None = None) -> None:
        self.config = config or WavefrontConfig()
        self.cost: NDArray[np.float32] = np.zeros((0, 0, 0), np.float32)
        self.origin: Vector = np.zeros(3)
        self.cell_m = 0.0
        self.overview: Overview | None = None

    def reset(self) -> None:
        """Forget the overview."""
        if self.overview is not None:
            self.overview.reset()

    def update(self, local_map: LocalMap, goal: Vector, min_z: float, max_z: float, position: Vector) -> None:
        """Recompute for a goal in odom and an airspace; exact up to a few metres beyond ``position``."""
        c = self.config
        self.origin, self.cell_m = local_map.origin, local_map.config.cell_m * COARSEN
        if self.overview is None:
            self.overview = Overview(self.cell_m)
        columns = (local_map.log_odds.shape[0] // COARSEN, local_map.log_odds.shape[1] // COARSEN)
        plan, tried, detour = self.overview.window(self.origin, columns)
        prices = np.array(
            [c.blocked_clearance_m, c.roomy_clearance_m, c.tight, c.unknown, c.shadow, c.steep, c.high, c.blocked]
        )
        price, steep = _prices(
            local_map.clearance, local_map.log_odds, plan, tried, self.origin[2], local_map.config.cell_m,
            min_z, max_z, goal[2] + 1.0, prices,
        )  # fmt: skip
        self.overview.search(position, goal)
        self.cost = _flood(price, steep, detour, self.origin, self.cell_m, goal, position)

    def discourage(self, way: NDArray[np.float64], price: float) -> None:
        """Make the columns under a way (N, 3) dearer: it was tried, and nothing came of it."""
        if self.overview is not None:
            self.overview.discourage(way, price)

    def at(self, point: Vector) -> float:
        """Cost to go from a point of odom, m."""
        x, y, z = (point - self.origin) / self.cell_m
        return cost_at(self.cost, x, y, z, self.cell_m) if self.cost.size else 0.0

    def way(self, position: Vector, length_m: float) -> NDArray[np.float64]:
        """Points (N, 3) of odom down the cost to go from ``position``: ``length_m`` of way or more, or all of it."""
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
def _look_into(clearance, log_odds, rooms, seen, solid):  # noqa: ANN001, ANN202
    """Of the map's cells in each coarse one: the best clearance, how many are seen to be free, and are occupied."""
    nx, ny, nz = rooms.shape
    for i in range(nx * COARSEN):
        for j in range(ny * COARSEN):
            u, v = i // COARSEN, j // COARSEN
            for k in range(nz):
                for c in range(k * COARSEN, (k + 1) * COARSEN):
                    value = log_odds[i, j, c]
                    rooms[u, v, k] = max(rooms[u, v, k], clearance[i, j, c])
                    seen[u, v, k] += np.uint8(value < FREE_LOG_ODDS)
                    solid[u, v, k] |= np.uint8(value > OCCUPIED_LOG_ODDS)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _prices(clearance, log_odds, plan, tried, origin_z, cell, min_z, max_z, high_z, prices):  # noqa: ANN001, ANN202
    """Price of a metre in every coarse cell, and what a metre of height costs more there.

    ``plan`` is the overview under the map: it is asked where the map knows nothing, and told what the map knows.
    """
    blocked_m, roomy_m, tight, unknown, shadow, steep, high_up, blocked = prices
    nx, ny, nz = clearance.shape[0] // COARSEN, clearance.shape[1] // COARSEN, clearance.shape[2] // COARSEN
    rooms, price = np.zeros((nx, ny, nz), np.float32), np.empty((nx, ny, nz), np.float32)
    seen, solid = np.zeros((nx, ny, nz), np.uint8), np.zeros((nx, ny, nz), np.uint8)
    extra = np.zeros((nx, ny, nz), np.float32)
    _look_into(clearance, log_odds, rooms, seen, solid)
    low = max(int(np.ceil((min_z + 0.25 - origin_z) / (cell * COARSEN) - 0.5)), 0)
    high = min(int(np.floor((max_z - 0.25 - origin_z) / (cell * COARSEN) - 0.5)) + 1, nz)
    for i in range(nx):
        for j in range(ny):
            walled = plan[i, j] > 0.5 * blocked
            best, known = blocked, False
            for k in range(low, high):
                known = known or seen[i, j, k] > 0 or solid[i, j, k] > 0
                walled = walled or solid[i, j, k] > 0
            price[i, j, :] = blocked
            for k in range(low, high):
                over = max(origin_z + (k + 0.5) * cell * COARSEN - high_z, 0.0)
                room, value = rooms[i, j, k], 1.0 + tried[i, j] + high_up * over
                if seen[i, j, k] < 4:
                    value += shadow if walled else unknown
                    extra[i, j, k] = steep
                if room < roomy_m:
                    lack = (roomy_m - room) / (roomy_m - blocked_m)
                    value = blocked if room < blocked_m else value + tight * lack * lack
                best = min(best, value)
                price[i, j, k] = value
            if known:
                plan[i, j] = best if best > 1.0 + unknown else 1.0
    return price, extra


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _push(queue, heads, used, base, key, node):  # noqa: ANN001, ANN202
    """Put a node into the bucket of its key; a full pool drops it, which only costs exactness."""
    nodes, keys, following = queue
    if used < len(nodes):
        bucket = min(int((key - base) / BUCKET_M), len(heads) - 1)
        nodes[used], keys[used], following[used] = node, key, heads[bucket]
        heads[bucket] = used
        used += 1
    return used


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _seed(i, j, k, shape, goal, cell, detour):  # noqa: ANN001, ANN202
    """Cost to go where the wavefront starts, FAR elsewhere: around the goal, and on the lateral border."""
    distance = np.sqrt((i + 0.5 - goal[0]) ** 2 + (j + 0.5 - goal[1]) ** 2 + (k + 0.5 - goal[2]) ** 2)
    if distance <= 2.0:
        return np.float32(distance * cell)
    if i == 0 or j == 0 or i == shape[0] - 1 or j == shape[1] - 1:
        return np.float32(BEYOND * (distance * cell + detour[i, j]))
    return FAR


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _flood(price, steep, detour, origin, cell, goal, position):  # noqa: ANN001, ANN202
    """Dijkstra over 26 neighbours with a bucket queue (Dial 1969); stops a few metres after the vehicle is reached.

    Works on a grid with a border of one cell that nothing enters, so that neighbours are plain offsets.
    """
    nx, ny, nz = price.shape
    sy, sx = nz + 2, (nz + 2) * (ny + 2)
    padded = np.full((nx + 2) * sx, 1000.0 * FAR, np.float32)  # half the price of a metre
    climb = np.zeros((nx + 2) * sx, np.float32)  # half of what a metre of height costs more
    cost = np.full((nx + 2) * sx, FAR, np.float32)
    g = (goal - origin) / cell
    g[2] = min(max(g[2], 0.5), nz - 0.5)
    base = FAR
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                node = (i + 1) * sx + (j + 1) * sy + k + 1
                padded[node] = 0.5 * price[i, j, k]
                climb[node] = 0.5 * steep[i, j, k]
                cost[node] = _seed(i, j, k, price.shape, g, cell, detour)
                base = min(base, cost[node])
    heads = np.full(4096, -1, np.int32)
    pool = 12 * price.size
    queue = (np.empty(pool, np.int32), np.empty(pool, np.float32), np.empty(pool, np.int32))
    used = 0
    for node in range(len(cost)):
        if cost[node] < FAR:
            used = _push(queue, heads, used, base, cost[node], node)
    offsets, lengths, heights = _neighbours(sx, sy, cell)
    home = (min(max(int((position[0] - origin[0]) / cell), 0), nx - 1) + 1) * sx
    home += (min(max(int((position[1] - origin[1]) / cell), 0), ny - 1) + 1) * sy
    home += min(max(int((position[2] - origin[2]) / cell), 0), nz - 1) + 1
    bucket = 0
    while bucket < len(heads) and base + bucket * BUCKET_M < cost[home] + BEHIND_M:
        entry = heads[bucket]
        if entry < 0:
            bucket += 1
            continue
        heads[bucket] = queue[2][entry]
        node, key = queue[0][entry], queue[1][entry]
        if key > cost[node]:
            continue
        for n in range(26):
            other = node + offsets[n]
            value = key + lengths[n] * (padded[node] + padded[other]) + heights[n] * (climb[node] + climb[other])
            if value < cost[other]:
                cost[other] = value
                used = _push(queue, heads, used, base, value, other)
    return cost.reshape((nx + 2, ny + 2, nz + 2))[1:-1, 1:-1, 1:-1].copy()


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _neighbours(sx, sy, cell):  # noqa: ANN001, ANN202
    """Offsets (26,) of a cell's neighbours; lengths (26,) of the way, climbs 1.4 times, and heights (26,), m."""
    offsets, lengths, heights = np.empty(26, np.int32), np.empty(26, np.float32), np.empty(26, np.float32)
    n = 0
    for a in range(-1, 2):
        for b in range(-1, 2):
            for c in range(-1, 2):
                if a != 0 or b != 0 or c != 0:
                    offsets[n] = a * sx + b * sy + c
                    lengths[n] = cell * np.sqrt(a * a + b * b + 2.0 * c * c)
                    heights[n] = cell * abs(c)
                    n += 1
    return offsets, lengths, heights


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
