"""The weather as a state: what AirSim's weather parameters hold, and what they mean in metres. Pure.

How it looks is drawn by ``navisplit.sim.render.weather_passes`` after the ray caster.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from navisplit.errors import UsageError, nearest_name

if TYPE_CHECKING:
    from navisplit.sim.scene import Light

FOG_PER_M = 0.1  # extinction at fog 1: 39 m until 2 % are left (Koschmieder's visibility); our choice
DUST_PER_M = 0.045
RAIN_PER_M = 0.004
SNOW_PER_M = 0.008
HAZE_LAYER_M = 30.0  # how deep fog and dust lie over the camera: the sun shines through so much of them (our choice)


@dataclass(frozen=True)
class Weather:
    """AirSim's parameters in its order, each 0 (none) to 1; nothing shows while ``enabled`` is False."""

    rain: float = 0.0
    road_wetness: float = 0.0
    snow: float = 0.0
    road_snow: float = 0.0
    maple_leaf: float = 0.0
    road_leaf: float = 0.0
    dust: float = 0.0
    fog: float = 0.0
    enabled: bool = True

    def __post_init__(self) -> None:
        for name in NAMES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"Weather: {name} must be 0..1, got {getattr(self, name)}.")

    @property
    def calm(self) -> bool:
        """Whether it changes no picture."""
        return not self.shown

    @property
    def shown(self) -> dict[str, float]:
        """What there is of it, by name."""
        return {name: getattr(self, name) for name in NAMES if self.enabled and getattr(self, name) > 0}

    def __str__(self) -> str:
        """As ``parse_weather`` reads it."""
        return ",".join(f"{name}={value:g}" for name, value in self.shown.items()) or NONE

    @property
    def on_the_ground(self) -> bool:
        """Whether it changes surfaces that face up."""
        return self.enabled and max(self.road_wetness, self.road_snow, self.road_leaf, self.rain, self.snow) > 0

    @property
    def extinction_per_m(self) -> tuple[float, float]:
        """Of fog (with rain and snow), and of dust."""
        if not self.enabled:
            return 0.0, 0.0
        fog = FOG_PER_M * self.fog**1.5 + RAIN_PER_M * self.rain + SNOW_PER_M * self.snow
        return fog, DUST_PER_M * self.dust**1.5

    def light(self, light: Light) -> Light:
        """The scene's light under it: rain and snow close the clouds, fog and dust soften the sun, most when it is low.

        What is lost of the sun on its way through the layer (Beer's law) comes from everywhere, as under clouds.
        """
        cover = 0.0 if not self.enabled else min(1.0, 2.5 * max(self.rain, self.snow))
        up = light.sun_direction[2] / max(math.hypot(*light.sun_direction), 1e-9)
        haze = 1.0 - math.exp(-sum(self.extinction_per_m) * HAZE_LAYER_M / max(up, 0.1))
        if cover == haze == 0.0:
            return light
        clouds = max(light.cloud_cover, 0.9 * max(cover, haze))
        return replace(light, cloud_cover=round(clouds, 3))

    def changed(self, name: str, value: float) -> Weather:
        """One parameter set, brought into 0..1. Raises UsageError for a name that it does not have."""
        if name not in NAMES:
            raise UsageError(f"There is no weather '{name}'.{nearest_name(name, NAMES)}")
        return replace(self, **{name: min(max(float(value), 0.0), 1.0)})

    @classmethod
    def random(cls, rng: np.random.Generator) -> Weather:
        """A day by seed: dry and clear in four of ten, else one kind of weather, the ground to match (our odds)."""
        kind = rng.choice(["dry", "fog", "rain", "snow", "dust", "autumn"], p=[0.4, 0.2, 0.15, 0.1, 0.05, 0.1])
        strength, ground = float(rng.uniform(0.1, 0.7)), float(rng.uniform(0.4, 1.0))
        values = {
            "dry": {},
            "fog": {"fog": strength * 0.6},
            "rain": {"rain": strength, "road_wetness": ground, "fog": strength * 0.2},
            "snow": {"snow": strength, "road_snow": ground, "fog": strength * 0.2},
            "dust": {"dust": strength * 0.7},
            "autumn": {"maple_leaf": strength, "road_leaf": ground},
        }[str(kind)]
        return cls(**{name: round(value, 3) for name, value in values.items()})


NAMES = tuple(field.name for field in fields(Weather) if field.name != "enabled")
"""AirSim's WeatherParameter 0..7; 8 is Enabled."""

NONE = "none"
CALM = Weather(enabled=False)
"""Of a world that states none: parameters that a script sets show once it has enabled them, as in AirSim."""


def parse_weather(text: str) -> Weather:
    """From "rain=0.5,fog=0.2", "none", or a day by seed from "seed=7". Raises UsageError."""
    if text.strip() == NONE:
        return CALM
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return weather_of((name, value) for name, _, value in pairs)


def weather_of(pairs: Iterable[tuple[str, str]]) -> Weather:
    """From names and values as text. Raises UsageError."""
    weather = Weather()
    for name, value in ((name.strip().replace("-", "_"), value.strip()) for name, value in pairs):
        if name == "seed" and value.isdecimal():
            weather = Weather.random(np.random.default_rng(int(value)))
            continue
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if name in NAMES and not 0.0 <= number <= 1.0:
            raise UsageError(f"Weather: {name} must be 0..1, got {value or 'nothing'}; write {name}=0.5.")
        weather = weather.changed(name, number)
    return weather
