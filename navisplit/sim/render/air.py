"""Sky and air as a ray sees them."""

from __future__ import annotations

import math

import numpy as np

from navisplit.sim.kernel import Floats, index, inlined
from navisplit.sim.render.sky import Sky

f32 = np.float32
_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)
_DISC_COSINE = f32(0.9993)  # of the sun's radius with its bloom: 2 degrees


@inlined
def dome_colour(image: Floats, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """Bilinear colour of a paraboloid map in unit direction (x, y, z); below the horizon: the horizon's."""
    size = image.shape[0]
    if z > 0:
        scale = _HALF / (_ONE + z)
    else:
        scale = _HALF / math.sqrt(max(x * x + y * y, f32(1e-12)))
    last = f32(size - 2) + f32(0.99)
    u = min(max((x * scale + _HALF) * f32(size) - _HALF, _ZERO), last)
    v = min(max((y * scale + _HALF) * f32(size) - _HALF, _ZERO), last)
    i, j = index(v), index(u)
    b, a = v - f32(i), u - f32(j)
    k, l = i + index(1), j + index(1)
    w00, w01, w10, w11 = (_ONE - a) * (_ONE - b), a * (_ONE - b), (_ONE - a) * b, a * b
    red = image[i, j, 0] * w00 + image[i, l, 0] * w01 + image[k, j, 0] * w10 + image[k, l, 0] * w11
    green = image[i, j, 1] * w00 + image[i, l, 1] * w01 + image[k, j, 1] * w10 + image[k, l, 1] * w11
    blue = image[i, j, 2] * w00 + image[i, l, 2] * w01 + image[k, j, 2] * w10 + image[k, l, 2] * w11
    return red, green, blue


@inlined
def sky_colour(sky: Sky, x: np.float32, y: np.float32, z: np.float32) -> tuple:
    """Sky with clouds and the sun's disc above the horizon; below it the air of the horizon over a far ground."""
    if z <= 0:
        red, green, blue = dome_colour(sky.haze, x, y, _ZERO)
        ground = min(-z * f32(5.0), _ONE) * f32(0.6)
        return (
            red + (sky.below[0] - red) * ground,
            green + (sky.below[1] - green) * ground,
            blue + (sky.below[2] - blue) * ground,
        )
    red, green, blue = dome_colour(sky.dome, x, y, z)
    towards = x * sky.sun[0] + y * sky.sun[1] + z * sky.sun[2]
    if towards > _DISC_COSINE:
        disc = sky.air[1] * min((towards - _DISC_COSINE) * f32(3000.0), _ONE)
        red, green, blue = red + disc, green + disc * f32(0.92), blue + disc * f32(0.75)
    return red, green, blue
