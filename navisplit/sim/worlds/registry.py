"""Families of worlds: ``generate("forest", seed=3, density=1.2)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from navisplit.errors import UsageError, nearest_name
from navisplit.sim.scene import Light
from navisplit.sim.weather import CALM, Weather
from navisplit.sim.worlds.description import World

Family = Callable[..., World]
families: dict[str, Family] = {}
"""Generators by name; a family is a function ``(seed: int, *, option=default, ...) -> World``."""

test_families: set[str] = set()
"""Families kept for testing: nothing is ever trained on them, so that they stay unknown to every network."""

indoor_families: set[str] = set()
"""Families under a roof: they have a light of their own."""


SIZES_M = (40.0, 1000.0)
"""Sides of a world: one street with houses needs the least, triangles set the most."""


def family(name: str, *, for_testing: bool = False, indoors: bool = False) -> Callable[[Family], Family]:
    """Register a generator of worlds under a name; ``for_testing`` keeps it out of training."""

    def add(generator: Family) -> Family:
        families[name] = generator
        for chosen, group in ((for_testing, test_families), (indoors, indoor_families)):
            if chosen:
                group.add(name)
        return generator

    return add


def training_families() -> tuple[str, ...]:
    """Families that networks may be trained on."""
    return tuple(sorted(set(families) - test_families))


def check_trainable(names: Iterable[str]) -> None:
    """Raise UsageError for a family that does not exist or that is kept for testing."""
    for name in names:
        family_options(name)
        if name in test_families:
            raise UsageError(
                f"Worlds of '{name}' are kept for testing: expected families to train on, "
                f"{', '.join(training_families())}. Fly in it with `navisplit evaluate` instead."
            )


def family_options(name: str) -> dict[str, Any]:
    """Options of a family with their defaults. Raises UsageError for an unknown family."""
    if name not in families:
        raise UsageError(f"There is no family of worlds '{name}'.{nearest_name(name, families)}")
    parameters = inspect.signature(families[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def generate(family: str, seed: int, **options: Any) -> World:
    """Make a world: the same family, seed and options give the same world, to the bit.

    Raises UsageError for an unknown family, an unknown option (with the nearest name) or a value of the wrong type.
    """
    known = family_options(family)
    for key, value in options.items():
        if key not in known:
            raise UsageError(f"Worlds of '{family}' have no option '{key}'.{nearest_name(key, known)}")
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not np.isfinite(value) or value < 0:
            raise UsageError(f"Option '{key}' of '{family}': expected a number >= 0, got {value!r}.")
        if key == "size_m" and not SIZES_M[0] <= value <= SIZES_M[1]:
            raise UsageError(
                f"Option 'size_m' of '{family}': expected {SIZES_M[0]:g} to {SIZES_M[1]:g} m, got {value:g}."
            )
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UsageError(f"The seed of a world is a whole number >= 0, got {seed!r}.")
    return families[family](int(seed), **options)


def random_light(rng: np.random.Generator) -> Light:
    """Time of day and weather: a low sun is golden, thick clouds soften it, fog comes and goes (our ranges)."""
    elevation = np.radians(rng.uniform(18, 68))
    azimuth = rng.uniform(0, 2 * np.pi)
    cloud = float(rng.uniform(0.0, 0.95))
    low_sun = 1.0 - np.degrees(elevation) / 68
    direction = (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
    return Light(
        sun_direction=tuple(round(float(v), 6) for v in direction),
        sun_intensity=round(float(rng.uniform(0.85, 1.15) * (1.0 - 0.35 * cloud)), 4),
        ambient=round(float(rng.uniform(0.85, 1.15)), 4),
        fog_density=round(float(np.exp(rng.uniform(np.log(0.0015), np.log(0.008)))), 6),
        cloud_cover=round(cloud, 4),
        warmth=round(float(np.clip(0.9 * low_sun - 0.25 + rng.normal(0, 0.15), -0.4, 0.8)), 4),
    )


def indoor_light(rng: np.random.Generator) -> Light:
    """A dull day behind skylights and weak lamps (our ranges); a trace of fog is dust."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(30, 70))
    direction = (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
    return Light(
        sun_direction=tuple(round(float(v), 6) for v in direction),
        sun_intensity=round(float(rng.uniform(0.8, 1.3)), 4),
        ambient=round(float(rng.uniform(0.25, 0.5)), 4),
        fog_density=0.0004,
        cloud_cover=round(float(rng.uniform(0.84, 0.91)), 4),
        warmth=round(float(rng.uniform(0.0, 0.5)), 4),
    )


def family_light(name: str, rng: np.random.Generator) -> Light:
    """A light for a world of a family, as its generator would choose it."""
    return indoor_light(rng) if name in indoor_families else random_light(rng)


def family_weather(name: str, rng: np.random.Generator) -> Weather:
    """A day's weather for a world of a family; none under a roof."""
    return CALM if name in indoor_families else Weather.random(rng)


VARIED = {
    "density": (0.6, 1.6),
    "undergrowth": (0.2, 2.0),
    "conifers": (0.0, 1.0),
    "vegetation": (0.3, 1.7),
    "light": (0.5, 1.3),
    "relief_m": (0.5, 7.0),
}
"""Ranges of the options that make worlds of one family differ in kind (our choice)."""


def family_variation(name: str, rng: np.random.Generator) -> dict[str, float]:
    """Options for a world of a family that differs from its fellows by more than the seed."""
    drawn = {option: round(float(rng.uniform(*limits)), 3) for option, limits in VARIED.items()}
    return {option: value for option, value in drawn.items() if option in family_options(name)}
