"""SDF's ``<heightmap>``: a picture of heights as triangles, with the look of its first texture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import WorldError
from navisplit.sim.scene import Material
from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.images import read_albedo
from navisplit.sim.worlds.meshes import from_triangles
from navisplit.sim.worlds.sdf_frames import child_numbers
from navisplit.sim.worlds.sdf_text import warn

LARGEST_SIDE = 513
"""Heights of a side that are kept (525,000 triangles); a larger picture is thinned out."""


def read_heightmap(shape: ET.Element, find: Callable[[str], Path], where: str) -> tuple[Mesh, Material | None]:
    """Triangles and look. ``find`` gives the file of a uri. Raises WorldError.

    As in Gazebo the picture spans ``<size>`` x y, its darkest possible grey (0) lies at ``<pos>`` z and white at
    ``<size>`` z above it; row 0 is the north edge (+y).
    """
    size = child_numbers(shape, "size", (1.0, 1.0, 1.0), where)
    pos = child_numbers(shape, "pos", (0.0, 0.0, 0.0), where)
    heights = _heights(find(shape.findtext("uri") or ""), where)
    if min(size) <= 0:
        raise WorldError(f"{where}/size: expected sizes > 0, found {size}.")
    rows, columns = heights.shape
    x = np.linspace(-size[0] / 2, size[0] / 2, columns) + pos[0]
    y = np.linspace(size[1] / 2, -size[1] / 2, rows) + pos[1]
    grid_x, grid_y = np.meshgrid(x, y)
    vertices = np.stack([grid_x, grid_y, heights * size[2] + pos[2]], axis=-1).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (row * columns + column).ravel()  # north west corner of each cell
    below = a + columns
    faces = np.concatenate([np.stack([a, below, below + 1], 1), np.stack([a, below + 1, a + 1], 1)])
    return from_triangles(vertices, faces), _texture(shape, find, where)


def _heights(path: Path, where: str) -> NDArray[np.float64]:
    """Grey values of a picture of 8 or 16 bits in 0..1, thinned to ``LARGEST_SIDE``."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            wide = picture.mode.startswith(("I", "F"))
            grey = np.asarray(picture if wide else picture.convert("L"), np.float64)
    except OSError as problem:
        raise WorldError(
            f"{where}/uri: heights {path} cannot be read as a picture: {problem}. Elevation models (.tif of "
            "real-world heights) must be turned into a PNG of 8 or 16 bits first."
        ) from problem
    grey = grey / (65535.0 if wide else 255.0)
    if min(grey.shape) < 2:
        raise WorldError(f"{where}/uri: expected a picture of 2 x 2 or more heights, found {grey.shape}.")
    if max(grey.shape) > LARGEST_SIDE:
        warn(where, f"{grey.shape[1]} x {grey.shape[0]} heights are thinned to {LARGEST_SIDE} a side.")
        keep = [np.linspace(0, n - 1, min(n, LARGEST_SIDE)).round().astype(int) for n in grey.shape]
        grey = grey[np.ix_(*keep)]
    return grey


def _texture(shape: ET.Element, find: Callable[[str], Path], where: str) -> Material | None:
    """The first texture, tiled by its ``<size>``; blending several by height is a warning."""
    textures = shape.findall("texture")
    if len(textures) > 1 or shape.find("blend") is not None:
        warn(f"{where}/texture", "textures are not blended by height; the first one covers all.")
    if not textures or not (textures[0].findtext("diffuse") or "").strip():
        return None
    (tile_m,) = child_numbers(textures[0], "size", (10.0,), f"{where}/texture")
    try:
        picture = find(textures[0].findtext("diffuse") or "")
        return Material(picture.name, read_albedo(picture), tile_m)
    except (WorldError, OSError) as problem:
        warn(f"{where}/texture", f"the texture is missing; the ground is grey: {problem}")
        return None
