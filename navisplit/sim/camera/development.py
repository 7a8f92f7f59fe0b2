"""From a rendered picture to what a camera delivers: blur, exposure, lens, gamma, noise. What is off costs nothing."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Intrinsics
from navisplit.sim.camera.cameras import Exposure, ImageNoise, SensorNoise
from navisplit.sim.camera.lenses import distortion_maps
from navisplit.sim.kernel import Bytes, Floats, kernel

SCENE_GAMMA = 1.4  # AirSim's TargetGamma of Scene when the settings name none; our pictures are made for it
MIDDLE_GREY = 0.18
_MAX_BLUR_STEPS = 24
_DIAMETER_PER_SIGMA = 3.5  # of a disc and the Gaussian that looks as soft
_SHARP_PX, _SOFTEST_PX = 0.3, 20.0  # standard deviations
_READ_WELL_E = 10_000.0  # electrons of white for read noise without a full well

Pixels = NDArray[np.uint8]
_distortion_maps = lru_cache(maxsize=16)(distortion_maps)


class Meter:
    """AirSim's auto exposure of one camera and image type: it follows the mean brightness of the pictures taken."""

    def __init__(self) -> None:
        self._level: float | None = None
        self._clock_ns = 0

    def gain(self, rgb: Pixels, exposure: Exposure, clock_ns: int) -> float:
        """Linear factor for a picture taken now. The first one is metered at once."""
        if exposure.method not in (0, 1):
            return 2.0**exposure.bias_ev
        darkest, brightest = exposure.darkest, max(exposure.darkest, exposure.brightest)
        wanted = min(max(float(linear(rgb[::4, ::4]).mean()), darkest), brightest)
        if self._level is not None:
            furthest = 2.0 ** (exposure.speed_ev_s * max(0, clock_ns - self._clock_ns) * 1e-9)
            wanted = min(max(wanted, self._level / furthest), self._level * furthest)
        self._level, self._clock_ns = wanted, clock_ns
        return MIDDLE_GREY / wanted * 2.0**exposure.bias_ev


def linear(rgb: Pixels) -> Floats:
    """Linear 0..1 of sRGB bytes."""
    return _linear_table()[rgb]


@lru_cache(maxsize=1)
def _linear_table() -> Floats:
    x = np.arange(256) / 255.0
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def expose(rgb: Pixels, gain: float, gamma: float | None) -> Pixels:
    """Another exposure (a linear factor) and AirSim's TargetGamma: below 1.4 darker, above brighter."""
    gamma = SCENE_GAMMA if gamma is None else gamma
    if gain == 1.0 and gamma == SCENE_GAMMA:
        return rgb
    return _exposure_table(round(gain, 4), gamma)[rgb]


@lru_cache(maxsize=64)
def _exposure_table(gain: float, gamma: float) -> Pixels:
    light = _linear_table().astype(np.float64) * gain
    light = np.where(light > 0.7, 1.0 - 0.3 * np.exp(-(light - 0.7) / 0.3), light) if gain > 1.0 else light  # shoulder
    x = np.clip(light, 0.0, 1.0)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded ** (SCENE_GAMMA / gamma)).astype(np.uint8)


def bend(picture: NDArray, intrinsics: Intrinsics, distortion: tuple[float, float, float, float, float], *,
         smooth: bool = True) -> NDArray:  # fmt: skip
    """A picture (H, W, ...) through a lens that distorts; what lies outside is black, or 0."""
    if not any(distortion):
        return picture
    import cv2

    columns, rows = _distortion_maps(intrinsics, distortion)
    way = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return cv2.remap(picture, columns, rows, way, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def defocus(rgb: Pixels, confusion_px: Floats) -> Pixels:
    """Blur each pixel by its circle of confusion, a diameter (H, W), between five steps of softness.

    Sharp edges do bleed into what is soft behind them: a picture does not know what they hide.
    """
    sigma = np.clip(confusion_px / _DIAMETER_PER_SIGMA, 0.0, _SOFTEST_PX)
    if sigma.max() < _SHARP_PX:
        return rgb
    import cv2

    level = np.log2(np.maximum(sigma, _SHARP_PX) / _SHARP_PX)  # 0 sharp, then one for each doubling
    out, steps = np.zeros(rgb.shape, np.float32), int(np.ceil(level.max()))
    for n in range(steps + 1):
        share = np.clip(1.0 - np.abs(level - n), 0.0, 1.0).astype(np.float32)
        soft = rgb if n == 0 else cv2.GaussianBlur(rgb, (0, 0), _SHARP_PX * 2.0**n)
        out += share[..., None] * soft
    return np.rint(out).astype(np.uint8)


def blur(rgb: Pixels, motion: Floats) -> Pixels:
    """Smear each pixel along its ``motion`` (H, W, 2), in pixels while the shutter was open."""
    out = np.empty_like(rgb)
    _smear(rgb, motion, out)
    return out


@kernel
def _smear(rgb: Bytes, motion: Floats, out: Bytes) -> None:
    height, width = motion.shape[0], motion.shape[1]
    for i in range(height):
        for j in range(width):
            u, v = motion[i, j, 0], motion[i, j, 1]
            steps = min(int(max(abs(u), abs(v)) + 0.5), _MAX_BLUR_STEPS)
            red, green, blue = 0, 0, 0
            for n in range(steps + 1):
                share = n / max(steps, 1) - 0.5 if steps > 0 else 0.0
                y = min(max(int(round(i + v * share)), 0), height - 1)
                x = min(max(int(round(j + u * share)), 0), width - 1)
                red, green, blue = red + rgb[y, x, 0], green + rgb[y, x, 1], blue + rgb[y, x, 2]
            out[i, j, 0] = red // (steps + 1)
            out[i, j, 1] = green // (steps + 1)
            out[i, j, 2] = blue // (steps + 1)


def add_sensor_noise(rgb: Pixels, noise: SensorNoise, rng: np.random.Generator) -> Pixels:
    """Shot and read noise, added in linear light; a brightness of 1 is a full well (EMVA 1288)."""
    if not noise.is_on:
        return rgb
    well = noise.full_well_e or _READ_WELL_E
    light = linear(rgb)
    variance = np.full(light.shape, (noise.read_noise_e / well) ** 2, np.float32)
    if noise.full_well_e > 0:
        variance += light / np.float32(noise.full_well_e)
    noisy = np.clip(light + rng.standard_normal(light.shape, np.float32) * np.sqrt(variance), 0.0, 1.0)
    return _encode_table()[(noisy * 4095.0 + 0.5).astype(np.int32)]


@lru_cache(maxsize=1)
def _encode_table() -> Pixels:
    x = np.arange(4096) / 4095.0
    return np.rint(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


def interfere(rgb: Pixels, noise: ImageNoise, time_s: float, rng: np.random.Generator) -> Pixels:
    """AirSim's NoiseSettings, in its order: torn rows, waves, noisy lines, grains. Our drawing of what it documents."""
    height, width = rgb.shape[:2]
    picture = rgb.astype(np.float32)
    if noise.horz_distortion_contrib > 0 and noise.horz_distortion_strength > 0:
        shift = rng.standard_normal(height) * noise.horz_distortion_strength * width
        torn = np.clip(np.arange(width)[None, :] + np.rint(shift)[:, None].astype(np.int64), 0, width - 1)
        picture += (picture[np.arange(height)[:, None], torn] - picture) * min(noise.horz_distortion_contrib, 1.0)
    if noise.horz_wave_contrib > 0 and noise.horz_wave_strength > 0:
        rows = np.arange(height) / height
        wave = np.sin(2 * np.pi * (rows * 8.0 / max(noise.horz_wave_vert_size, 1e-3) - time_s * 1.5))
        inside = rows < noise.horz_wave_screen_size
        picture += (255 * noise.horz_wave_strength * noise.horz_wave_contrib * wave * inside)[:, None, None]
    if noise.horz_noise_lines_contrib > 0 and noise.horz_noise_lines_density_y > 0:
        for row in np.flatnonzero(rng.random(height) < noise.horz_noise_lines_density_y):
            broken = rng.random(width) < noise.horz_noise_lines_density_xy
            grain = rng.random(width) * 255
            picture[row, broken] += (grain[broken, None] - picture[row, broken]) * noise.horz_noise_lines_contrib
    if noise.rand_contrib > 0:
        still = np.random.default_rng(0) if noise.rand_speed <= 1 else rng
        cell = max(1, round(max(noise.rand_size, 1.0) ** 0.5 / 20.0))
        shape = (-(-height // cell), -(-width // cell))
        grain, chance = still.random(shape), still.random(shape)
        share = np.where(chance < 0.5 ** (max(noise.rand_density, 1.0) - 1.0), noise.rand_contrib, 0.0)
        grain, share = (np.repeat(np.repeat(a, cell, 0), cell, 1)[:height, :width, None] for a in (grain, share))
        picture += (grain * 255 - picture) * share
    return np.clip(picture, 0, 255).astype(np.uint8)
