"""A map of a world seen from above, cut off at the ceiling of the airspace: what a flight has to go around."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.evaluate.episode import Episode
from navisplit.evaluate.pictures import encode_png
from navisplit.frames import Vector

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery

CELL_M = 0.25
MAX_CELLS = 2000  # a side; larger areas get larger cells
MARGIN_M = 8.0
WIDE = 1.6  # a map of flights is at least so many times as wide as high: the page is
_LOW, _HIGH = np.array([196, 206, 180.0]), np.array([64, 74, 70.0])  # colours at the ground and 4 m above it


@dataclass(frozen=True)
class TopDown:
    """Raster of the highest surface below the ceiling; row 0 is the northernmost."""

    height: NDArray[np.float32]  # (H, W) m, nan where there is nothing
    west: float
    north: float
    cell_m: float

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(west, east, south, north) m."""
        rows, columns = self.height.shape
        return self.west, self.west + columns * self.cell_m, self.north - rows * self.cell_m, self.north

    def picture(self) -> NDArray[np.uint8]:
        """Colours (H, W, 3) by height above the ground around: the lowest surface within a square of 14 m."""
        from scipy.ndimage import minimum_filter

        known = np.isfinite(self.height)
        lowest = float(np.min(self.height[known])) if known.any() else 0.0
        filled = np.where(known, self.height, lowest)
        above = filled - minimum_filter(filled, int(14.0 / self.cell_m))  # wider than a house
        share = np.clip((above - 0.4) / 4.0, 0.0, 1.0) ** 0.6
        return np.uint8(_LOW + (_HIGH - _LOW) * share[..., None])

    def pixel(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(column, row) of points (N, 2+) of the map."""
        return np.stack([(points[:, 0] - self.west) / self.cell_m, (self.north - points[:, 1]) / self.cell_m], axis=1)

    def overview(self, paths: Iterable[tuple[NDArray[np.float64], str]], pixels: int = 400) -> bytes:
        """PNG of the whole map with paths (N, 3) in colours ``#rrggbb``."""
        import cv2

        scale = pixels / max(self.height.shape)
        size = (round(self.height.shape[1] * scale), round(self.height.shape[0] * scale))
        image = cv2.resize(self.picture(), size, interpolation=cv2.INTER_AREA)
        for path, colour in paths:
            points = np.int32((self.pixel(path) * scale).round())
            rgb = tuple(bytes.fromhex(colour[1:]))
            cv2.polylines(image, [points], False, rgb, 1, cv2.LINE_AA)
            cv2.circle(image, points[-1].tolist(), 3, rgb, -1, cv2.LINE_AA)
        return encode_png(image)

    def crop(self, path: NDArray[np.float64], goal: Sequence[float], side_m: float = 24.0, pixels: int = 216) -> bytes:
        """PNG of the surroundings of a path's end, with the path and the direction of the goal on it."""
        import cv2

        scale = pixels / side_m
        centre = path[-1, :2]
        half = side_m / self.cell_m / 2
        (column, row) = self.pixel(centre[None])[0]
        matrix = np.float32([[scale * self.cell_m, 0, -(column - half) * scale * self.cell_m],
                             [0, scale * self.cell_m, -(row - half) * scale * self.cell_m]])  # fmt: skip
        image = cv2.warpAffine(self.picture(), matrix, (pixels, pixels), borderValue=(228, 228, 228))

        def place(points: NDArray[np.float64]) -> NDArray[np.int32]:
            offset = (points[:, :2] - centre) * scale
            return np.int32(np.stack([pixels / 2 + offset[:, 0], pixels / 2 - offset[:, 1]], axis=1).round())

        towards = np.array([[*centre], [*goal[:2]]])
        cv2.polylines(image, [place(towards)], False, (120, 120, 220), 1, cv2.LINE_AA)
        cv2.polylines(image, [place(path)], False, (20, 90, 200), 2, cv2.LINE_AA)
        cv2.circle(image, (pixels // 2, pixels // 2), max(3, round(0.3 * scale)), (210, 40, 40), -1, cv2.LINE_AA)
        return encode_png(image)


def survey(query: SceneQuery, points: Iterable[Vector], ceiling_m: float, wide: float = 0.0) -> TopDown:
    """The map around points (x, y, ...) of a world, seen from ``ceiling_m`` downwards; ``wide``: least width/height."""
    xy = np.array([p[:2] for p in points], float).reshape(-1, 2)
    low, high = xy.min(axis=0) - MARGIN_M, xy.max(axis=0) + MARGIN_M
    missing = max(0.0, wide * (high[1] - low[1]) - (high[0] - low[0]))
    low[0], high[0] = low[0] - missing / 2, high[0] + missing / 2
    cell = max(CELL_M, float((high - low).max()) / MAX_CELLS)
    columns, rows = np.ceil((high - low) / cell).astype(int)
    x = low[0] + (np.arange(columns) + 0.5) * cell
    y = high[1] - (np.arange(rows) + 0.5) * cell
    height = np.empty((rows, columns), np.float32)
    reach = 200.0
    for row in range(rows):  # a row at a time bounds the memory
        origins = np.column_stack([x, np.full(columns, y[row]), np.full(columns, ceiling_m)])
        distance, index, _ = query.cast(origins, np.tile([0.0, 0.0, -1.0], (columns, 1)), reach)
        height[row] = np.where(index >= 0, ceiling_m - distance, np.nan)
    return TopDown(height, float(low[0]), float(high[1]), cell)


def survey_flights(query: SceneQuery, episodes: Sequence[Episode], ceiling_m: float) -> TopDown | None:
    """The map around all flights; None when there is none."""
    points = [np.asarray(p) for e in episodes for p in (e.start, e.goal, *(s.position for s in e.samples[::10]))]
    return survey(query, points, ceiling_m, WIDE) if points else None
