"""AirSim's image responses as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import SimulatorError


def decode_scene(response: Any, *, bgr: bool = True) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a Scene response, uncompressed (``bgr``: AirSim and Colosseum; Cosys sends RGB) or PNG."""
    data = np.frombuffer(response.image_data_uint8, np.uint8)
    height, width = int(response.height), int(response.width)
    if data.size == height * width * 3 and data.size > 0:
        picture = data.reshape(height, width, 3)
        return np.ascontiguousarray(picture[..., ::-1]) if bgr else picture.copy()
    if data.size > 8 and data[:4].tobytes() == b"\x89PNG":
        import cv2

        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if decoded is not None:
            return np.ascontiguousarray(decoded[..., ::-1])
    raise SimulatorError(
        f"The simulator sent no picture: expected {height}x{width}x3 bytes or a PNG, got {data.size} bytes. "
        f"{getattr(response, 'message', '')} Is its rendering switched off?"
    )


def decode_depth(response: Any) -> NDArray[np.float32]:
    """(H, W) float32 metres of a depth response taken with ``pixels_as_float``."""
    values = np.asarray(response.image_data_float, np.float32).reshape(-1)
    height, width = int(response.height), int(response.width)
    if values.size != height * width or values.size == 0:
        raise SimulatorError(f"The simulator sent no depth: expected {height}x{width} numbers, got {values.size}.")
    return values.reshape(height, width)
