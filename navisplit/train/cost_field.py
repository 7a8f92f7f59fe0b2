"""Cost to go of a route through the true geometry: the shortest way with clearance, from everywhere at once.

An eikonal solved by fast marching (Sethian 1996) on a grid around the route: unlike Dijkstra's on a grid it has no
preferred directions, so its slope points along the way. Prices are our choice.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.errors import RouteError
from navisplit.frames import Vector

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds.routes import Route

BLOCKED_M, ROOMY_M = 0.55, 1.5  # clearance of the body's centre: blocked below, free of extra cost above
TIGHT, BLOCKED = 2.0, 12.0  # extra price of a metre where it is just enough; price of a blocked one
MARGINS_M = (15.0, 40.0)  # around the route, tried in turn
FAR = 1e6


@dataclass(frozen=True)
class CostField:
    """Cost to go (X, Y, Z), m, at points of a grid."""

    origin: Vector  # (3,) m, of the point (0, 0, 0)
    step_m: float
    cost: NDArray[np.float64]

    @classmethod
    def of(cls, query: SceneQuery, route: Route, step_m: float = 0.5) -> CostField:
        """The field of a route. Raises RouteError when its start cannot be reached from its goal."""
        for margin in MARGINS_M:
            field = cls._around(query, route, margin, step_m)
            if field.at(np.asarray(route.start, float)[None])[0] < 4.0 * max(route.length_m or 0.0, route.distance_m):
                return field
        raise RouteError(f"Route {route.id}: there is no way from its start to its goal within {margin:g} m around it.")

    @classmethod
    def _around(cls, query: SceneQuery, route: Route, margin_m: float, step_m: float) -> CostField:
        start, goal = np.asarray(route.start, float), np.asarray(route.goal, float)
        low, high = np.minimum(start, goal) - margin_m, np.maximum(start, goal) + margin_m
        low[2] = min(start[2], goal[2]) - 2.0 if route.min_z is None else route.min_z
        high[2] = max(start[2], goal[2]) + 6.0 if route.max_z is None else route.max_z
        shape = np.ceil((high - low) / step_m).astype(int) + 1
        axes = [low[i] + step_m * np.arange(shape[i]) for i in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        room = query.nearest(points, ROOMY_M)[0].reshape(shape).astype(np.float64)
        lack = np.clip((ROOMY_M - room) / (ROOMY_M - BLOCKED_M), 0.0, 1.0)
        price = np.where(room < BLOCKED_M, BLOCKED, 1.0 + TIGHT * lack**2)
        edge = np.minimum(axes[2] - low[2], high[2] - axes[2])  # keep off the airspace's limits
        price = price + 2.0 * np.clip(1.0 - edge / 0.8, 0.0, 1.0)
        return cls(low, step_m, _march(price, (goal - low) / step_m, step_m))

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cost to go (N,) from points (N, 3); outside of the grid from its nearest point, plus the way there."""
        out = np.empty(len(points))
        _sample_all(self.cost, (points - self.origin) / self.step_m, self.step_m, out)
        return out

    def way(self, position: Vector, length_m: float) -> NDArray[np.float64]:
        """Points (N, 3) about ``length_m`` down the slope from a position."""
        points, step = [np.asarray(position, float)], self.step_m
        shifts = 0.5 * step * np.vstack([np.eye(3), -np.eye(3)])
        for _ in range(int(np.ceil(length_m / step))):
            around = self.at(points[-1] + shifts)
            slope = around[:3] - around[3:]
            norm = float(np.linalg.norm(slope))
            if norm < 1e-6:
                break
            points.append(points[-1] - step * slope / norm)
        return np.array(points)


@njit(cache=True, nogil=True, error_model="numpy")
def _solve(a, b, c, slow):  # noqa: ANN001, ANN202 - numba kernel
    """Arrival from up to three upwind neighbours (FAR where there is none) at a price per step: the eikonal's root."""
    low, high = min(a, b, c), max(a, b, c)
    middle = a + b + c - low - high
    value = low + slow
    if value > middle:
        value = 0.5 * (low + middle + np.sqrt(max(0.0, 2 * slow * slow - (low - middle) ** 2)))
        if value > high:
            total = low + middle + high
            rest = total * total - 3.0 * (low * low + middle * middle + high * high - slow * slow)
            value = (total + np.sqrt(max(0.0, rest))) / 3.0
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _best_of(cost, i, j, k, axis):  # noqa: ANN001, ANN202
    """The smaller of a cell's two neighbours along an axis."""
    best = FAR
    for step in (-1, 1):
        u, v, w = i, j, k
        if axis == 0:
            u += step
        elif axis == 1:
            v += step
        else:
            w += step
        if 0 <= u < cost.shape[0] and 0 <= v < cost.shape[1] and 0 <= w < cost.shape[2]:
            best = min(best, cost[u, v, w])
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _march(price, goal, step):  # noqa: ANN001, ANN202
    """Fast marching from ``goal`` (3,) in cells; around it, where the grid is too coarse, distances are exact."""
    nx, ny, nz = price.shape
    cost, done = np.full(price.shape, FAR), np.zeros(price.shape, np.bool_)
    heap = [(0.0, np.int64(-1))]
    heap.pop()
    for i in range(max(int(goal[0]) - 2, 0), min(int(goal[0]) + 4, nx)):
        for j in range(max(int(goal[1]) - 2, 0), min(int(goal[1]) + 4, ny)):
            for k in range(max(int(goal[2]) - 2, 0), min(int(goal[2]) + 4, nz)):
                distance = np.sqrt((i - goal[0]) ** 2 + (j - goal[1]) ** 2 + (k - goal[2]) ** 2)
                if distance <= 2.0:
                    cost[i, j, k] = distance * step
                    heapq.heappush(heap, (cost[i, j, k], np.int64((i * ny + j) * nz + k)))
    while len(heap) > 0:
        value, cell = heapq.heappop(heap)
        i, j, k = cell // (ny * nz), (cell // nz) % ny, cell % nz
        if done[i, j, k] or value > cost[i, j, k]:
            continue
        done[i, j, k] = True
        for axis in range(3):
            for sign in (-1, 1):
                u = i + sign * (axis == 0)
                v = j + sign * (axis == 1)
                w = k + sign * (axis == 2)
                if u < 0 or v < 0 or w < 0 or u >= nx or v >= ny or w >= nz or done[u, v, w]:
                    continue
                a, b, c = (_best_of(cost, u, v, w, 0), _best_of(cost, u, v, w, 1), _best_of(cost, u, v, w, 2))
                reached = _solve(a, b, c, price[u, v, w] * step)
                if reached < cost[u, v, w]:
                    cost[u, v, w] = reached
                    heapq.heappush(heap, (reached, np.int64((u * ny + v) * nz + w)))
    return cost


@njit(cache=True, nogil=True, error_model="numpy")
def _sample_all(cost, points, step, out):  # noqa: ANN001, ANN202
    """Trilinear values (N,) at points (N, 3) in cells, with the straight way to the grid added outside of it."""
    nx, ny, nz = cost.shape
    for n in range(len(points)):
        x = min(max(points[n, 0], 0.0), nx - 1.001)
        y = min(max(points[n, 1], 0.0), ny - 1.001)
        z = min(max(points[n, 2], 0.0), nz - 1.001)
        beyond = np.sqrt((points[n, 0] - x) ** 2 + (points[n, 1] - y) ** 2 + (points[n, 2] - z) ** 2)
        i, j, k = int(x), int(y), int(z)
        a, b, c = x - i, y - j, z - k
        value = 0.0
        for di in range(2):
            for dj in range(2):
                for dk in range(2):
                    weight = (a if di else 1 - a) * (b if dj else 1 - b) * (c if dk else 1 - c)
                    value += weight * cost[i + di, j + dj, k + dk]
        out[n] = value + 3.0 * beyond * step
