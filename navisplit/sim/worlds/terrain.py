"""Ground: smooth noise and a height grid that trees and houses stand on without floating."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.meshes import from_triangles

Array = NDArray[np.float64]


def noise(x: ArrayLike, y: ArrayLike, seed: int) -> Array:
    """Value noise in [0, 1) with features of size 1; every seed gives another field, always the same one."""
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    ix, iy = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = x - ix, y - iy
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    low = _lattice(ix, iy, seed) * (1 - fx) + _lattice(ix + 1, iy, seed) * fx
    high = _lattice(ix, iy + 1, seed) * (1 - fx) + _lattice(ix + 1, iy + 1, seed) * fx
    return low * (1 - fy) + high * fy


def _lattice(ix: NDArray[np.int64], iy: NDArray[np.int64], seed: int) -> Array:
    """One pseudo-random number in [0, 1) for each whole point: an integer hash (multiply, xor-shift)."""
    n = (ix * 374761393 + iy * 668265263 + (seed % 65536) * 2246822519) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    n = ((n ^ (n >> 15)) * 1103515245) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 65536.0


def hills(x: ArrayLike, y: ArrayLike, relief_m: float, seed: int) -> Array:
    """Gentle relief: three octaves of noise, about ``relief_m`` from the lowest to the highest point."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    broad = noise(x / 48, y / 48, seed) - 0.5
    middle = noise(x / 13, y / 13, seed + 1) - 0.5
    fine = noise(x / 4, y / 4, seed + 2) - 0.5
    return relief_m * (1.0 * broad + 0.22 * middle + 0.04 * fine)


@dataclass(frozen=True)
class Terrain:
    """A height grid on lines that need not be evenly spaced; each cell is two triangles."""

    xs: Array  # (X,) m, rising
    ys: Array  # (Y,) m, rising
    z: Array  # (X, Y) m

    def height(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Height of the triangles (not of a smooth surface through them) at points; the edge's outside the grid."""
        x = np.clip(np.asarray(x, np.float64), self.xs[0], self.xs[-1])
        y = np.clip(np.asarray(y, np.float64), self.ys[0], self.ys[-1])
        i = np.clip(np.searchsorted(self.xs, x, side="right") - 1, 0, len(self.xs) - 2)
        j = np.clip(np.searchsorted(self.ys, y, side="right") - 1, 0, len(self.ys) - 2)
        u = (x - self.xs[i]) / (self.xs[i + 1] - self.xs[i])
        v = (y - self.ys[j]) / (self.ys[j + 1] - self.ys[j])
        z00, z10, z01, z11 = self.z[i, j], self.z[i + 1, j], self.z[i, j + 1], self.z[i + 1, j + 1]
        lower = z00 + u * (z10 - z00) + v * (z11 - z10)  # u >= v: the triangle of the corner (1, 0)
        upper = z00 + u * (z11 - z01) + v * (z01 - z00)
        return np.where(u >= v, lower, upper)

    def mesh(self, keep: NDArray[np.bool_] | None = None) -> Mesh:
        """The triangles; ``keep`` (X - 1, Y - 1) chooses cells. Normals are smooth across the chosen cells' border."""
        count = len(self.ys)
        grid_x, grid_y = np.meshgrid(self.xs, self.ys, indexing="ij")
        vertices = np.stack([grid_x, grid_y, self.z], -1).reshape(-1, 3)
        i, j = np.meshgrid(np.arange(len(self.xs) - 1), np.arange(count - 1), indexing="ij")
        a = (i * count + j).ravel()
        cells = np.stack([a, a + count, a + count + 1, a, a + count + 1, a + 1], 1)
        whole = from_triangles(vertices, cells.reshape(-1, 3))
        if keep is None:
            return whole
        faces = cells[keep.ravel()].reshape(-1, 3)
        used, faces = np.unique(faces, return_inverse=True)
        return Mesh(whole.vertices[used], faces.reshape(-1, 3).astype(np.int32), whole.normals[used])

    def patch(self, x: float, y: float, radius: float, rng: np.random.Generator, lift: float = 0.05) -> Mesh:
        """A blot of other ground with a ragged rim, laid on the terrain around (x, y)."""
        angle = np.arange(18) * 2 * np.pi / 18 + rng.uniform(0, 1)
        wave = np.sin(angle * 2 + rng.uniform(0, 6)) * 0.2 + np.sin(angle * 3 + rng.uniform(0, 6)) * 0.15
        reach = radius * (1.0 + wave + rng.normal(0, 0.07, 18))
        rings = [np.array([[x, y]])]
        for share in (0.35, 0.7, 1.0):
            rings.append(np.column_stack([x + share * reach * np.cos(angle), y + share * reach * np.sin(angle)]))
        points = np.concatenate(rings)
        k, after = np.arange(18), (np.arange(18) + 1) % 18
        faces = [np.stack([0 * k, 1 + k, 1 + after], 1)]
        for inner, outer in ((1, 19), (19, 37)):
            a, b, c, d = inner + k, outer + k, outer + after, inner + after
            faces += [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
        heights = self.height(points[:, 0], points[:, 1]) + lift
        heights[37:] -= 1.6 * lift  # the rim dives under the ground
        return from_triangles(np.column_stack([points, heights]), np.concatenate(faces))

    def centres(self) -> tuple[Array, Array]:
        """Middles of the cells: x and y, each (X - 1, Y - 1)."""
        x, y = (self.xs[:-1] + self.xs[1:]) / 2, (self.ys[:-1] + self.ys[1:]) / 2
        return tuple(np.meshgrid(x, y, indexing="ij"))


def grid_lines(half: float, step: float, *, outer: tuple[float, ...] = ()) -> Array:
    """Lines from -half to half about ``step`` apart, and ``outer`` ones (distances beyond half) on both sides."""
    inside = np.linspace(-half, half, max(2, round(2 * half / step) + 1))
    beyond = half + np.asarray(outer, np.float64)
    return np.concatenate([-beyond[::-1], inside, beyond])
