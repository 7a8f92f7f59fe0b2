"""A voxel grid of what is occupied, and its binvox file: cells that a surface passes through, and the inside of solids.

All ENU metres; the grid's axes are AirSim's (x north, y east, z up). The file is laid out as AirSim's: run lengths with
x fastest, then z, then y, which binvox's readers take as (y, x, z).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Vector
from navisplit.sim.kernel import kernel

MAX_CELLS = 64_000_000
MAGIC = b"#binvox"
TOUCH = 1e-4  # of a cell: cells are drawn in by this, so that a face on their border does not fill both sides

Cells = NDArray[np.bool_]  # (nx, ny, nz), x north, y east, z up


@dataclass(frozen=True)
class Grid:
    """Where the cells are."""

    centre: Vector  # (3,) ENU m
    size: tuple[int, int, int]  # m north, east, up
    res: float  # m

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of cells north, east, up."""
        x, y, z = (int(length / self.res + 1e-6) for length in self.size)
        return x, y, z

    @property
    def cells(self) -> int:
        """Number of all cells."""
        x, y, z = self.shape
        return x * y * z

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        """Lowest and highest corner, ENU m. Cell n // 2 of an axis has its centre at the grid's, as in AirSim."""
        x, y, z = self.shape
        low = np.array([-(y // 2), -(x // 2), -(z // 2)], np.float64) * self.res - self.res / 2
        return self.centre + low, self.centre + low + np.array([y, x, z]) * self.res


def occupancy(grid: Grid, shapes: Iterable[tuple[NDArray[np.float64], NDArray[np.int32]]]) -> Cells:
    """The cells that are occupied by triangles: vertices (V, 3) ENU m and faces (F, 3) of each object."""
    north, east, up = grid.shape
    filled = np.zeros((east, north, up), np.bool_)
    low = grid.bounds[0]
    for vertices, faces in shapes:
        corners = np.ascontiguousarray((np.asarray(vertices, np.float64) - low) / grid.res)  # in cells
        triangles = np.ascontiguousarray(faces, np.int64)
        _mark_surface(corners, triangles, filled)
        first = np.maximum(np.floor(corners.min(0)).astype(np.int64), 0)
        last = np.minimum(np.floor(corners.max(0)).astype(np.int64), np.array(filled.shape) - 1)
        if (first <= last).all():
            part = filled[first[0] : last[0] + 1, first[1] : last[1] + 1]
            windings = np.zeros((*part.shape[:2], up + 1), np.int16)
            _count_windings(corners - (first[0], first[1], 0), triangles, windings)
            inside = np.cumsum(windings, axis=2)
            closed = inside[..., -1:] == 0  # through an open surface no inside can be told
            part |= (inside[..., :-1] > 0) & closed
    return np.ascontiguousarray(filled.transpose(1, 0, 2))


@kernel
def _mark_surface(corners: NDArray[np.float64], faces: NDArray[np.int64], filled: Cells) -> None:
    """Fill the cells that triangles pass through: separating axes of box and triangle (Akenine-Moeller 2001)."""
    half = 0.5 - TOUCH
    a, b, c = np.empty(3), np.empty(3), np.empty(3)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for f in range(faces.shape[0]):
        p, q, r = corners[faces[f, 0]], corners[faces[f, 1]], corners[faces[f, 2]]
        for k in range(3):
            first[k] = max(0, int(np.floor(min(p[k], q[k], r[k]) - 0.5)))
            last[k] = min(filled.shape[k] - 1, int(np.floor(max(p[k], q[k], r[k]) + 0.5)))
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for n in range(first[2], last[2] + 1):
                    if filled[i, j, n]:
                        continue
                    for k in range(3):
                        middle = 0.5 + (i if k == 0 else j if k == 1 else n)
                        a[k], b[k], c[k] = p[k] - middle, q[k] - middle, r[k] - middle
                    if _meets(a, b, c, half):
                        filled[i, j, n] = True


@kernel
def _meets(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], half: float) -> bool:
    """Whether a triangle meets the cube of half edge ``half`` around the origin."""
    for k in range(3):
        if min(a[k], b[k], c[k]) > half or max(a[k], b[k], c[k]) < -half:
            return False
    u, v = b - a, c - a
    nx, ny, nz = u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]
    if abs(nx * a[0] + ny * a[1] + nz * a[2]) > half * (abs(nx) + abs(ny) + abs(nz)):
        return False
    for side in range(3):
        edge = u if side == 0 else c - b if side == 1 else v
        for k in range(3):  # the axis is this edge times unit vector k
            y, z = (k + 1) % 3, (k + 2) % 3
            pa, pb, pc = (
                edge[z] * a[y] - edge[y] * a[z],
                edge[z] * b[y] - edge[y] * b[z],
                edge[z] * c[y] - edge[y] * c[z],
            )
            reach = half * (abs(edge[y]) + abs(edge[z]))
            if min(pa, pb, pc) > reach or max(pa, pb, pc) < -reach:
                return False
    return True


@kernel
def _count_windings(corners: NDArray[np.float64], faces: NDArray[np.int64], windings: NDArray[np.int16]) -> None:
    """At the cell above each crossing of a column's middle line: +1 where a solid begins, -1 where it ends."""
    columns, rows, top = windings.shape[0], windings.shape[1], windings.shape[2] - 1
    for f in range(faces.shape[0]):
        p, q, r = corners[faces[f, 0]], corners[faces[f, 1]], corners[faces[f, 2]]
        twice = (q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1])
        if twice == 0.0:
            continue
        for i in range(max(0, int(min(p[0], q[0], r[0])) - 1), min(columns - 1, int(max(p[0], q[0], r[0])) + 1) + 1):
            x = i + 0.5 + 6.1e-5  # off the middle, so that no line runs exactly through an edge
            for j in range(max(0, int(min(p[1], q[1], r[1])) - 1), min(rows - 1, int(max(p[1], q[1], r[1])) + 1) + 1):
                y = j + 0.5 + 3.7e-5
                wq = ((x - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (y - p[1])) / twice
                wr = ((q[0] - p[0]) * (y - p[1]) - (x - p[0]) * (q[1] - p[1])) / twice
                if wq < 0.0 or wr < 0.0 or wq + wr > 1.0:
                    continue
                z = p[2] + wq * (q[2] - p[2]) + wr * (r[2] - p[2])
                cell = min(top, max(0, int(np.ceil(z - 0.5))))
                windings[i, j, cell] += 1 if twice < 0.0 else -1


def write_binvox(path: str, grid: Grid, filled: Cells) -> str | None:
    """Write a binvox file in one go; what went wrong, or None. Only a voxel grid is ever replaced."""
    target = Path(path)
    try:
        if target.exists() and not (target.is_file() and _begins_with_magic(target)):
            return f"{path} exists and is not a voxel grid. Remove it, or give another path."
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".binvox-", delete=False) as file:
            try:
                file.write(binvox_bytes(grid, filled))
                file.close()
                os.chmod(file.name, 0o644)
                os.replace(file.name, target)
            except BaseException:
                os.unlink(file.name)
                raise
    except (OSError, ValueError) as error:
        return f"cannot write {path} ({error}). Give a path in a folder that exists and can be written to."
    return None


def _begins_with_magic(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def binvox_bytes(grid: Grid, filled: Cells) -> bytes:
    """The file's bytes. ``translate`` and ``scale`` are what AirSim writes."""
    x, y, z = grid.size
    nx, ny, nz = filled.shape
    head = f"#binvox 1\ndim {ny} {nz} {nx}\ntranslate {-x * 0.5:g} {-y * 0.5:g} {-z * 0.5:g}\nscale {1 / x:g}\ndata\n"
    return head.encode() + _run_lengths(filled.transpose(1, 2, 0).reshape(-1))


def _run_lengths(values: NDArray[np.bool_]) -> bytes:
    """Pairs of value and count 1..255."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    lengths = np.diff(np.append(starts, len(values)))
    pieces = -(-lengths // 255)
    pairs = np.empty((int(pieces.sum()), 2), np.uint8)
    pairs[:, 0] = np.repeat(values[starts], pieces)
    pairs[:, 1] = 255
    pairs[np.cumsum(pieces) - 1, 1] = lengths - 255 * (pieces - 1)
    return pairs.tobytes()
