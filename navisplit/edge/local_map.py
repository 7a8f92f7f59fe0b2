"""A rolling occupancy map around the vehicle: what left the view is not forgotten.

A dense grid of log-odds in the ``odom`` frame that follows the vehicle by whole cells. Every depth image marks the
cells its points fall in and frees the cells it sees through. A truncated distance transform turns the occupied cells
into the clearance that the planner asks for. All figures below are our choice unless a source is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from navisplit.edge.policies import DepthImage, View
from navisplit.frames import Quaternion, Vector, rotation_matrix

OCCUPIED_LOG_ODDS = 0.3
FREE_LOG_ODDS = -0.2
TRUNCATION_CELLS = 6
"""The distance transform is exact up to this many cells and saturates there."""


@dataclass(frozen=True)
class MapConfig:
    """Size and sensor model of the map."""

    cell_m: float = 0.3
    cells_xy: int = 80  # 24 m
    cells_z: int = 24  # 7.2 m
    max_range_m: float = 13.0
    hit: float = 0.85  # log-odds of a well-covered cell
    miss: float = 0.35
    min_log_odds: float = -2.0
    max_log_odds: float = 3.0
    forget_per_s: float = 0.02  # share of the log-odds lost each second
    body_m: float = 0.5  # around the vehicle itself unknown counts as free: it is there
    nose_m: float = 0.4  # and around a point so far before the lens, where the view is too narrow to tell


class LocalMap:
    """Log-odds occupancy (X, Y, Z) float32, its lower corner (cells from the odom origin), and the clearance field."""

    def __init__(self, config: MapConfig | None = None) -> None:
        self.config = config or MapConfig()
        shape = (self.config.cells_xy, self.config.cells_xy, self.config.cells_z)
        self.log_odds: NDArray[np.float32] = np.zeros(shape, np.float32)
        self.clearance: NDArray[np.float32] = np.full(shape, self.max_clearance_m, np.float32)
        self._spare = np.zeros(shape, np.float32)
        self._hits = np.zeros(shape, np.uint16)
        self._squares = (np.zeros(shape, np.int16), np.zeros(shape, np.int16))
        self._roots = np.sqrt(np.arange(TRUNCATION_CELLS**2 + 1)).astype(np.float32) * np.float32(self.config.cell_m)
        self._corner: NDArray[np.int64] | None = None
        self._stamp_ns: int | None = None

    @property
    def max_clearance_m(self) -> float:
        """Where the clearance field saturates, m."""
        return TRUNCATION_CELLS * self.config.cell_m

    @property
    def origin(self) -> Vector:
        """Lower corner of cell (0, 0, 0) in odom, m."""
        if self._corner is None:
            raise RuntimeError("LocalMap.origin asked before the first centre_on().")
        return self._corner * self.config.cell_m

    def reset(self) -> None:
        """Forget everything."""
        self.log_odds[:] = 0.0
        self.clearance[:] = self.max_clearance_m
        self._corner = None
        self._stamp_ns = None

    def centre_on(self, position: Vector, stamp_ns: int) -> None:
        """Move the window so that the vehicle is at its middle, and let old knowledge fade.

        It moves by pairs of cells: the wavefront's cells, twice as large, then stay where they are in the world.
        """
        shape = np.array(self.log_odds.shape)
        corner = 2 * np.floor(position / (2 * self.config.cell_m)).astype(np.int64) - shape // 2
        elapsed = 0.0 if self._stamp_ns is None else min(max(stamp_ns - self._stamp_ns, 0) * 1e-9, 10.0)
        keep = np.float32(max(0.0, 1.0 - self.config.forget_per_s * elapsed))
        shift = np.zeros(3, np.int64) if self._corner is None else corner - self._corner
        _move(self.log_odds, self._spare, shift, keep)
        self.log_odds, self._spare = self._spare, self.log_odds
        self._corner, self._stamp_ns = corner, stamp_ns
        _free_body(self.log_odds, self.origin, position, self.config.cell_m, self.config.body_m)

    def insert(self, image: DepthImage, view: View, position: Vector, orientation: Quaternion) -> None:
        """Fuse one depth image seen from the body pose (odom). ``centre_on`` comes first."""
        config = self.config
        rotation = rotation_matrix(orientation)
        camera = position + rotation @ np.array([view.offset_x_m, 0.0, 0.0])
        depth = np.ascontiguousarray(image.depth, np.float32)
        if depth.min() > 2.0 * config.nose_m:
            nose = camera + rotation[:, 0] * 0.5 * config.nose_m
            _free_body(self.log_odds, self.origin, nose, config.cell_m, config.nose_m)
        spread = image.spread if image.spread is not None else np.zeros(depth.shape, np.float32)
        k = view.intrinsics
        lens = np.array([k.fx, k.fy, k.cx, k.cy])
        self._hits[:] = 0
        _mark_hits(self._hits, depth, lens, rotation, camera, self.origin, config.cell_m, config.max_range_m)
        limits = np.array([config.hit, config.miss, config.min_log_odds, config.max_log_odds])
        spread = np.ascontiguousarray(spread, np.float32)
        nearest = _nearest_around(depth)
        _fuse(
            self.log_odds, self._hits, nearest, spread, lens, rotation, camera, self.origin, config.cell_m,
            config.max_range_m, limits,
        )  # fmt: skip

    def update_clearance(self) -> None:
        """Distance of every cell's centre to the nearest occupied cell's centre, m, up to ``max_clearance_m``."""
        _distance(self.log_odds, *self._squares, self.clearance, self._roots)

    def clearance_at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clearance (N,) m at points (N, 3) of odom; outside the map it saturates."""
        out = np.empty(len(points))
        for i, (x, y, z) in enumerate((points - self.origin) / self.config.cell_m):
            out[i] = sample(self.clearance, x, y, z, self.max_clearance_m)
        return out


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _move(values, out, shift, keep):  # noqa: ANN001, ANN202
    """Values, times ``keep``, as seen from a corner moved by ``shift`` cells; what is new is 0 (unknown)."""
    nx, ny, nz = values.shape
    low, high = max(0, -shift[2]), min(nz, nz - shift[2])
    for i in range(nx):
        for j in range(ny):
            a, b = i + shift[0], j + shift[1]
            inside = 0 <= a < nx and 0 <= b < ny
            for k in range(nz):
                out[i, j, k] = keep * values[a, b, k + shift[2]] if inside and low <= k < high else np.float32(0.0)


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def sample(field, x, y, z, outside):  # noqa: ANN001, ANN201 - numba kernel
    """Trilinear value of a cell-centred field at (x, y, z) in cells from its corner; ``outside`` beyond its border."""
    x, y, z = x - 0.5, y - 0.5, z - 0.5
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if i < 0 or j < 0 or k < 0 or i + 1 >= field.shape[0] or j + 1 >= field.shape[1] or k + 1 >= field.shape[2]:
        return outside
    a, b, c = x - i, y - j, z - k
    low = (field[i, j, k] * (1 - b) + field[i, j + 1, k] * b) * (1 - a)
    low += (field[i + 1, j, k] * (1 - b) + field[i + 1, j + 1, k] * b) * a
    high = (field[i, j, k + 1] * (1 - b) + field[i, j + 1, k + 1] * b) * (1 - a)
    high += (field[i + 1, j, k + 1] * (1 - b) + field[i + 1, j + 1, k + 1] * b) * a
    return low * (1 - c) + high * c


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def free_along(log_odds, start, direction, cell, reach):  # noqa: ANN001, ANN201
    """Distance to the first occupied cell on a ray from ``start`` (m from the corner), at most ``reach``."""
    distance = 0.5
    while distance < reach:
        i = int(np.floor((start[0] + distance * direction[0]) / cell))
        j = int(np.floor((start[1] + distance * direction[1]) / cell))
        k = int(np.floor((start[2] + distance * direction[2]) / cell))
        inside = 0 <= i < log_odds.shape[0] and 0 <= j < log_odds.shape[1] and 0 <= k < log_odds.shape[2]
        if inside and log_odds[i, j, k] > OCCUPIED_LOG_ODDS:
            return distance
        distance += 0.5 * cell
    return reach


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _free_body(log_odds, origin, position, cell, radius):  # noqa: ANN001, ANN202
    reach = int(radius / cell) + 1
    ci, cj, ck = (int((position[0] - origin[0]) / cell), int((position[1] - origin[1]) / cell),
                  int((position[2] - origin[2]) / cell))  # fmt: skip
    for i in range(max(ci - reach, 0), min(ci + reach + 1, log_odds.shape[0])):
        for j in range(max(cj - reach, 0), min(cj + reach + 1, log_odds.shape[1])):
            for k in range(max(ck - reach, 0), min(ck + reach + 1, log_odds.shape[2])):
                dx = origin[0] + (i + 0.5) * cell - position[0]
                dy = origin[1] + (j + 0.5) * cell - position[1]
                dz = origin[2] + (k + 0.5) * cell - position[2]
                if dx * dx + dy * dy + dz * dz < radius * radius and abs(log_odds[i, j, k]) < 0.3:
                    log_odds[i, j, k] = -0.4


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _mark_hits(hits, depth, lens, rotation, camera, origin, cell, max_range):  # noqa: ANN001, ANN202
    """Count the points of the image that fall in each cell."""
    nx, ny, nz = hits.shape
    height, width = depth.shape
    for v in range(height):
        down = (v - lens[3]) / lens[1]
        for u in range(width):
            d = depth[v, u]
            if not (0.05 < d < max_range):
                continue
            left = -(u - lens[2]) / lens[0] * d
            up = -down * d
            x = camera[0] + rotation[0, 0] * d + rotation[0, 1] * left + rotation[0, 2] * up
            y = camera[1] + rotation[1, 0] * d + rotation[1, 1] * left + rotation[1, 2] * up
            z = camera[2] + rotation[2, 0] * d + rotation[2, 1] * left + rotation[2, 2] * up
            i, j, k = int((x - origin[0]) / cell), int((y - origin[1]) / cell), int((z - origin[2]) / cell)
            if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and x >= origin[0] and y >= origin[1] and z >= origin[2]:
                if hits[i, j, k] < 65000:
                    hits[i, j, k] += 1


def _nearest_around(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smallest depth (3, H, W) within 1, 2 and 4 pixels of each."""
    near = cv2.erode(depth, np.ones((3, 3), np.uint8))
    middle = cv2.erode(near, np.ones((3, 3), np.uint8))
    return np.stack([near, middle, cv2.erode(middle, np.ones((5, 5), np.uint8))])


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _fuse(  # noqa: ANN202
    log_odds, hits, nearest, spread, lens, rotation, camera, origin, cell, max_range, limits  # noqa: ANN001
):  # fmt: skip
    """Update every cell in view: occupied where points fell, free where the image sees through all of it.

    All of it, and not through its centre alone: a wall along which the camera looks, and a wire, fill a part of their
    cells only, and few pixels fall on them; the rays beside them must not take them away. ``nearest`` as
    ``_nearest_around`` gives it.
    """
    hit, miss, low, high = limits
    nx, ny, nz = log_odds.shape
    height, width = spread.shape
    for i in range(nx):
        x = origin[0] + (i + 0.5) * cell - camera[0]
        for j in range(ny):
            y = origin[1] + (j + 0.5) * cell - camera[1]
            ahead0 = rotation[0, 0] * x + rotation[1, 0] * y
            left0 = rotation[0, 1] * x + rotation[1, 1] * y
            up0 = rotation[0, 2] * x + rotation[1, 2] * y
            for k in range(nz):
                z = origin[2] + (k + 0.5) * cell - camera[2]
                ahead = ahead0 + rotation[2, 0] * z
                count = hits[i, j, k]
                scale = 1.0 / max(ahead, 0.1)
                u = int(lens[2] - (left0 + rotation[2, 1] * z) * lens[0] * scale + 0.5)
                v = int(lens[3] - (up0 + rotation[2, 2] * z) * lens[1] * scale + 0.5)
                if ahead < 0.1 or ahead > max_range or u < 0 or v < 0 or u >= width or v >= height:
                    if count > 0:  # right before the lens: in view with a part of it, but not with its centre
                        log_odds[i, j, k] = min(high, max(log_odds[i, j, k], -0.5) + hit)
                    continue
                half = 0.5 * lens[0] * cell * scale  # of the cell, in pixels
                d = nearest[0 if half < 1.5 else 1 if half < 3.0 else 2, v, u]
                sigma = spread[v, u] * d
                if count > 0:
                    # A cell that a thin branch crosses gets few of the pixels that cover it; a tenth is enough.
                    weight = min(1.0, 2.5 * count / (half * half)) / (1.0 + (sigma / 0.6) ** 2)
                    log_odds[i, j, k] = min(high, max(log_odds[i, j, k], -0.5) + hit * max(weight, 0.25))
                elif d > ahead + 0.75 * cell + 1.0 * sigma:
                    log_odds[i, j, k] = max(low, log_odds[i, j, k] - miss / (1.0 + sigma / 0.6))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _distance(log_odds, out, scratch, clearance, roots):  # noqa: ANN001, ANN202
    """Separable distance transform, truncated (after Felzenszwalb and Huttenlocher, 2012).

    ``roots`` (reach^2 + 1,) holds the distance in metres of each square in cells; ``out``, ``scratch`` are work space.
    """
    nx, ny, nz = log_odds.shape
    reach = TRUNCATION_CELLS
    far = np.int16(reach * reach)
    for i in range(nx):
        for j in range(ny):
            distance = reach
            for k in range(nz):
                distance = 0 if log_odds[i, j, k] > OCCUPIED_LOG_ODDS else min(distance + 1, reach)
                out[i, j, k] = distance
            for k in range(nz - 1, -1, -1):
                distance = min(out[i, j, k], distance + 1) if k < nz - 1 else out[i, j, k]
                out[i, j, k] = distance
            for k in range(nz):
                out[i, j, k] *= out[i, j, k]
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                scratch[i, j, k] = far
            for m in range(max(j - reach, 0), min(j + reach + 1, ny)):
                square = np.int16((m - j) * (m - j))
                for k in range(nz):
                    scratch[i, j, k] = min(scratch[i, j, k], np.int16(out[i, m, k] + square))
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                out[i, j, k] = far
        for m in range(max(i - reach, 0), min(i + reach + 1, nx)):
            square = np.int16((m - i) * (m - i))
            for j in range(ny):
                for k in range(nz):
                    out[i, j, k] = min(out[i, j, k], np.int16(scratch[m, j, k] + square))
        for j in range(ny):
            for k in range(nz):
                clearance[i, j, k] = roots[out[i, j, k]]
