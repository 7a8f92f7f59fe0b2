"""Building blocks of procedural textures; everything wraps around at the edges. Row 0 is the top of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.float32]  # (N, N) or (N, N, 3)


def noise(
    rng: np.random.Generator, size: int, cells: int | tuple[int, int], octaves: int = 5, gain: float = 0.55
) -> Image:
    """Value noise (N, N) in 0..1, mean 0.5; ``cells`` across, or (across, down) for streaks."""
    across, down = (cells, cells) if isinstance(cells, int) else cells
    total, weight, amplitude = np.zeros((size, size), np.float32), 0.0, 1.0
    for _ in range(octaves):
        if max(across, down) > size:
            break
        grid = rng.random((down, across), np.float32)
        total += amplitude * _interpolate(_interpolate(grid, size, 0), size, 1)
        weight, amplitude = weight + amplitude, amplitude * gain
        across, down = across * 2, down * 2
    return total / max(weight, 1e-9)


def _interpolate(grid: Image, size: int, axis: int) -> Image:
    cells = grid.shape[axis]
    position = np.arange(size, dtype=np.float32) * np.float32(cells / size)
    low = position.astype(np.int64)
    t = position - low
    t = t * t * (3 - 2 * t)
    t = t[:, None] if axis == 0 else t[None, :]
    return np.take(grid, low, axis) * (1 - t) + np.take(grid, (low + 1) % cells, axis) * t


def cells(
    rng: np.random.Generator, size: int, count: int, jitter: float = 0.9
) -> tuple[Image, Image, NDArray[np.int64]]:
    """Jittered cells, ``count`` x ``count``: gap to the border between two (N, N), distance to the centre, cell number.

    Both lengths in cell sizes (Worley 1996).
    """
    points = 0.5 + jitter * (rng.random((count, count, 2)) - 0.5)
    x = np.arange(size) * (count / size)
    column, row = np.meshgrid(x.astype(np.int64), x.astype(np.int64))
    u, v = np.meshgrid(x, x)
    first, second = np.full((size, size), 9.0), np.full((size, size), 9.0)
    number = np.zeros((size, size), np.int64)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            i, j = row + down, column + across
            point = points[i % count, j % count]
            gap = np.hypot(j + point[..., 0] - u, i + point[..., 1] - v)
            nearer = gap < first
            second = np.where(nearer, first, np.minimum(second, gap))
            first = np.where(nearer, gap, first)
            number = np.where(nearer, (i % count) * count + j % count, number)
    return (second - first).astype(np.float32), first.astype(np.float32), number


def ramp(t: ArrayLike, colours: Sequence[ArrayLike]) -> Image:
    """Colours (k, 3) interpolated at t (N, N) in 0..1."""
    table, t = np.asarray(colours, np.float32), np.clip(t, 0.0, 1.0)
    at = np.linspace(0.0, 1.0, len(table))
    return np.stack([np.interp(t, at, table[:, c]) for c in range(3)], axis=-1).astype(np.float32)


def blend(a: Image, b: ArrayLike, t: Image) -> Image:
    """A where t is 0, b where t is 1."""
    weight = np.clip(t, 0.0, 1.0)[..., None]
    return (a * (1 - weight) + np.asarray(b, np.float32) * weight).astype(np.float32)


def step(low: float, high: float, x: ArrayLike) -> Image:
    """Smooth 0..1 between low and high."""
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def blades(image: Image, rng: np.random.Generator, count: int, length: tuple[float, float], colours: Image,
           spread: float = math.pi, heading: float = 0.0, width: int = 1) -> None:  # fmt: skip
    """Paint curved strokes, later over earlier; ``length`` in shares of the picture, ``colours`` (count, 3).

    ``heading`` +- ``spread`` in radians, 0 = to the right, pi/2 = downwards.
    """
    size = len(image)
    points = max(int(length[1] * size), 2)
    reach = rng.uniform(*length, (count, 1)) * size
    t = np.linspace(0.0, 1.0, points)[None, :]
    angle = heading + rng.uniform(-spread, spread, (count, 1)) + rng.normal(0.0, 0.35, (count, 1)) * t
    start = rng.random((2, count, 1)) * size
    x, y = start[0] + np.cos(angle) * reach * t, start[1] + np.sin(angle) * reach * t
    light = (0.6 + 0.6 * t)[..., None] * colours[:, None, :]  # dark at the root
    for shift in range(width):
        image[(y + shift).astype(np.int64) % size, x.astype(np.int64) % size] = light


def scatter(image: Image, rng: np.random.Generator, count: int, radius: tuple[float, float], colours: Image,
            slim: float = 2.0) -> None:  # fmt: skip
    """Paint leaf-shaped spots, later over earlier; ``radius`` in shares of the picture, ``slim`` length : width."""
    size = len(image)
    half = max(int(math.ceil(radius[1] * size)), 1)
    v, u = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, 1, -1)
    reach = rng.uniform(*radius, (count, 1)) * size
    angle = rng.uniform(0, 2 * math.pi, (count, 1))
    along = (np.cos(angle) * u + np.sin(angle) * v) / reach
    across = (-np.sin(angle) * u + np.cos(angle) * v) / reach * slim
    inside = np.abs(across) < 1.0 - along**2
    light = np.clip(0.82 + 0.35 * across + 0.12 * (np.abs(across) < 0.12), 0.3, 1.3)
    x, y = rng.integers(0, size, (2, count, 1))
    rows, columns = (np.broadcast_to(at % size, inside.shape)[inside] for at in (y + v, x + u))
    shade = (light[..., None] * colours[:, None, :])[inside]
    image[rows, columns] = shade


def courses(rng: np.random.Generator, size: int, across: int, down: int, wobble: float = 0.0
            ) -> tuple[Image, Image, NDArray[np.int64]]:  # fmt: skip
    """Rows of blocks laid in running bond: place in the block across and down (N, N) in 0..1, block number."""
    t = (np.arange(size) + 0.5) / size
    shift = wobble * (noise(rng, size, 8, 3) - 0.5)
    y = (t[:, None] + shift) * down
    row = np.floor(y).astype(np.int64)
    x = (t[None, :] + shift.T) * across + 0.5 * (row % 2)
    column = np.floor(x).astype(np.int64)
    return (x - column).astype(np.float32), (y - row).astype(np.float32), (row % down) * across + column % across
