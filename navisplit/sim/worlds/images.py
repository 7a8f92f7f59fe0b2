"""Pictures on surfaces: between linear RGB arrays and sRGB files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

LARGEST_TEXTURE = 1024
"""Side of the largest texture kept, in pixels; larger pictures are reduced."""


def to_srgb(linear: NDArray[np.floating]) -> NDArray[np.float64]:
    """Linear RGB in [0, 1] to sRGB in [0, 1] (IEC 61966-2-1)."""
    value = np.clip(np.asarray(linear, np.float64), 0.0, 1.0)
    return np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)


def to_linear(srgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """SRGB in [0, 1] to linear RGB in [0, 1] (IEC 61966-2-1)."""
    value = np.clip(np.asarray(srgb, np.float64), 0.0, 1.0)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def jpeg_of(albedo: NDArray[np.float32], quality: int = 85) -> Image.Image:
    """An albedo (N, N, 3) as a JPEG picture."""
    from PIL import Image

    pixels = np.round(to_srgb(albedo) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality)
    buffer.seek(0)
    return Image.open(buffer)


def albedo_of(picture: Image.Image) -> NDArray[np.float32]:
    """A picture as an albedo (N, N, 3), linear; resampled to a square whose side is a power of two."""
    from PIL import Image

    side = 2 ** int(np.ceil(np.log2(max(1, *picture.size))))
    side = min(side, LARGEST_TEXTURE)
    picture = picture.convert("RGB")
    if picture.size != (side, side):
        picture = picture.resize((side, side), Image.Resampling.LANCZOS)
    levels = to_linear(np.arange(256) / 255.0).astype(np.float32)
    return levels[np.asarray(picture)]


def read_albedo(path: Path) -> NDArray[np.float32]:
    """An image file as an albedo. Raises OSError when it is missing or not a picture."""
    from PIL import Image

    with Image.open(path) as picture:
        return albedo_of(picture)
