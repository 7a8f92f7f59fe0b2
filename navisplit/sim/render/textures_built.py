"""Procedural textures of towns, halls and ruins: windows, shop fronts, far fronts, cartons, sheet metal, rubble."""

from __future__ import annotations

import numpy as np

from navisplit.sim.render.patterns import Image, blend, cells, courses, noise, ramp, step
from navisplit.sim.render.textures import painter


def _square(size: int) -> tuple[Image, Image]:
    """Place across and down in 0..1, row 0 at the top."""
    t = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return np.broadcast_to(t[None, :], (size, size)), np.broadcast_to(t[:, None], (size, size))


@painter("window", 1.0)
def _window(rng: np.random.Generator, size: int) -> Image:
    """A pane mapped once: a dark room behind curtains, half hidden by a reflection of the sky and of houses."""
    x, y = _square(size)
    room = ramp(noise(rng, size, 3, 3), [[0.015, 0.017, 0.02], [0.06, 0.06, 0.06]])
    room = blend(room, [0.10, 0.085, 0.065], step(0.6, 1.0, y) * 0.6)
    drape = rng.uniform(0.05, 0.3)
    folds = 0.75 + 0.25 * np.sin(x * rng.uniform(50, 90))
    cloth = np.array([0.5, 0.48, 0.44]) * folds[..., None]
    drawn = np.maximum(step(drape, drape - 0.03, x), step(1 - drape, 1.03 - drape, x)) * (rng.random() < 0.7)
    image = blend(room, np.zeros(3), np.zeros((size, size), np.float32))
    image = image * (1 - drawn[..., None] * 0.8) + cloth * drawn[..., None] * 0.8
    skyline = 0.45 + 0.35 * noise(rng, size, 3, 2)[:1].repeat(size, 0)
    sky = ramp(y, [[0.34, 0.42, 0.52], [0.46, 0.50, 0.54]])
    shine = step(0.05, -0.02, y - skyline) * rng.uniform(0.15, 0.7)
    image = blend(image, sky, shine)
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    return blend(np.full_like(image, 0.05), image, step(0.0, 0.05, edge))


@painter("shop", 3.0)
def _shop(rng: np.random.Generator, size: int) -> Image:
    """A shop window mapped once: goods on shelves, posters, light from inside."""
    x, y = _square(size)
    image = ramp(noise(rng, size, 2, 4), [[0.04, 0.035, 0.03], [0.16, 0.14, 0.11]]) * (1.3 - 0.7 * y[..., None])
    for _ in range(int(rng.integers(10, 24))):
        left, top = rng.uniform(0, 0.95), rng.choice([0.35, 0.55, 0.72, 0.85]) + rng.uniform(-0.02, 0.02)
        wide, tall = rng.uniform(0.03, 0.12), rng.uniform(0.06, 0.22)
        goods = (x > left) & (x < left + wide) & (y < top) & (y > top - tall)
        image = blend(image, rng.uniform(0.03, 0.5, 3) ** 1.5, goods.astype(np.float32) * 0.9)
    for _ in range(int(rng.integers(0, 3))):
        left, top = rng.uniform(0, 0.8), rng.uniform(0.05, 0.5)
        poster = (x > left) & (x < left + 0.16) & (y > top) & (y < top + 0.35)
        image = blend(image, rng.uniform(0.2, 0.7, 3), poster.astype(np.float32))
    sky = ramp(noise(rng, size, 4, 3), [[0.2, 0.24, 0.28], [0.42, 0.45, 0.48]])
    return blend(image, sky, step(0.55, 0.8, noise(rng, size, (3, 2), 2)) * rng.uniform(0.2, 0.6))


@painter("facade", 14.0)
def _facade(rng: np.random.Generator, size: int) -> Image:
    """A wall of windows, for houses too far away to be built."""
    x, y, number = courses(rng, size, 5, 4)
    x = np.where(number // 5 % 2 == 1, (x + 0.5) % 1.0, x)  # windows stand over each other
    wall = ramp(noise(rng, size, 4, 6), [[0.42, 0.40, 0.36], [0.60, 0.57, 0.52]])
    table = np.array([[0.03, 0.04, 0.05], [0.10, 0.13, 0.17], [0.30, 0.29, 0.27]], np.float32)
    panes = table[rng.integers(0, 3, 20)][number]
    window = (np.abs(x - 0.5) < 0.23) & (np.abs(y - 0.5) < 0.3)
    return blend(blend(wall, wall * 0.6, step(0.05, 0.03, y) * 0.5), panes, window.astype(np.float32))


@painter("ashlar", 3.0)
def _ashlar(rng: np.random.Generator, size: int) -> Image:
    """Squared stones in courses, weathered."""
    across, down = 4, 8
    x, y, number = courses(rng, size, across, down, 0.004)
    edge = np.minimum(np.minimum(x, 1 - x) * 2.0, np.minimum(y, 1 - y))
    tones = np.exp(rng.normal(0, 0.13, (across * down, 1))) * np.array([0.31, 0.285, 0.245])
    stones = tones[number] * (0.7 + 0.6 * noise(rng, size, 12, 6))[..., None]
    pits = step(0.68, 0.76, noise(rng, size, 48, 3)) * 0.5
    image = blend(stones.astype(np.float32), stones * 0.4, pits)
    stain = 0.6 + 0.8 * noise(rng, size, (6, 2), 5)
    return blend(np.full_like(image, 0.12), image, step(0.02, 0.09, edge)) * stain[..., None]


@painter("carton", 0.8)
def _carton(rng: np.random.Generator, size: int) -> Image:
    """A side of a carton mapped once: board, tape, a label, print, dents."""
    x, y = _square(size)
    board = ramp(noise(rng, size, 4, 6), [[0.26, 0.17, 0.095], [0.36, 0.25, 0.15]])
    board = board * (1 + 0.05 * np.sin(x * 140))[..., None]
    image = blend(board, board * 1.5 + 0.05, (np.abs(y - 0.5) < 0.045).astype(np.float32) * 0.6)
    left, top = rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.3)
    label = (x > left) & (x < left + 0.28) & (y > top) & (y < top + 0.2)
    lines = step(0.2, 0.5, np.sin(y * 170)) * label
    image = blend(blend(image, [0.65, 0.64, 0.6], label.astype(np.float32)), [0.1, 0.1, 0.1], lines * 0.8)
    mark = (np.abs(x - rng.uniform(0.2, 0.8)) < 0.12) & (np.abs(y - rng.uniform(0.65, 0.85)) < 0.08)
    image = blend(image, rng.uniform(0.02, 0.3, 3), mark.astype(np.float32) * 0.7)
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    return image * (0.75 + 0.25 * step(0.0, 0.06, edge) * (0.8 + 0.4 * noise(rng, size, 3, 4)))[..., None]


@painter("shrink_wrap", 1.2)
def _shrink_wrap(rng: np.random.Generator, size: int) -> Image:
    """Goods in stretched film on a pallet, mapped once: layers of boxes or bags under glossy streaks."""
    down, across = int(rng.integers(3, 7)), int(rng.integers(2, 5))
    x, y, number = courses(rng, size, across, down, 0.01)
    hue = np.exp(rng.normal(0, 0.22, (1, 3)))
    tones = rng.uniform(0.1, 0.45) * hue * np.exp(rng.normal(0, 0.15, (across * down, 1)))
    image = tones[number] * (0.6 + 0.5 * step(0.0, 0.2, np.minimum(y, 1 - y)))[..., None]
    gloss = step(0.55, 0.8, noise(rng, size, (24, 3), 4))
    return blend(image.astype(np.float32), [0.55, 0.57, 0.6], gloss * 0.45)


@painter("sheet_metal", 2.4)
def _sheet_metal(rng: np.random.Generator, size: int) -> Image:
    """Profiled cladding of a hall, ribs upright, streaked with dirt."""
    x, y = _square(size)
    ribs = (x * 12) % 1.0
    light = 0.78 + 0.22 * step(0.1, 0.25, ribs) - 0.3 * step(0.86, 0.92, ribs)
    image = ramp(noise(rng, size, 3, 5), [[0.42, 0.43, 0.43], [0.56, 0.56, 0.55]]) * light[..., None]
    dirt = step(0.5, 0.85, noise(rng, size, (32, 2), 5)) * (0.35 + 0.65 * y)
    joint = step(0.985, 0.99, y) * 0.5
    return blend(image, [0.13, 0.11, 0.09], np.maximum(dirt * 0.6, joint))


@painter("hall_floor", 6.0)
def _hall_floor(rng: np.random.Generator, size: int) -> Image:
    """Polished concrete with tyre marks, oil and joints."""
    x, y = _square(size)
    image = ramp(noise(rng, size, 4, 7), [[0.20, 0.20, 0.195], [0.29, 0.285, 0.275], [0.36, 0.355, 0.34]])
    marks = step(0.60, 0.68, noise(rng, size, (2, 40), 3)) * step(0.4, 0.6, noise(rng, size, 4, 3))
    image = blend(image, image * 0.45, marks * 0.6)
    oil = step(0.70, 0.78, noise(rng, size, 9, 4))
    joint = step(0.006, 0.003, np.minimum(x, y))
    return blend(image, [0.05, 0.047, 0.043], np.maximum(oil * 0.5, joint))


@painter("rubble", 2.5)
def _rubble(rng: np.random.Generator, size: int) -> Image:
    """Broken stone, dust and weeds."""
    border, _, number = cells(rng, size, 18, 0.95)
    tones = np.exp(rng.normal(0, 0.25, (18 * 18, 1))) * np.array([0.30, 0.27, 0.23])
    stones = tones[number] * (0.6 + 0.7 * noise(rng, size, 20, 5))[..., None]
    ground = ramp(noise(rng, size, 8, 6), [[0.13, 0.10, 0.07], [0.26, 0.22, 0.17]])
    image = blend(ground, stones, step(0.05, 0.2, border) * step(0.4, 0.55, noise(rng, size, 6, 4)))
    weeds = step(0.6, 0.72, noise(rng, size, 14, 5))
    return blend(image, [0.06, 0.09, 0.025], weeds * 0.6)
