"""Light and weather of a simulation: what scripts set, and what holds at a moment of its clock."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from navisplit.sim.daylight import TimeOfDay
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.scene import Light
from navisplit.sim.weather import CALM, Weather

SUN_NAMES = re.compile(r"sun|sunlight|light_?source.*|directional_?light.*", re.IGNORECASE)
SKY_NAMES = re.compile(r"sky|sky_?light.*", re.IGNORECASE)


@dataclass(frozen=True)
class Conditions:
    """Light and weather of one moment; a picture may be taken from it in another thread."""

    light: Light | None = None  # None: as the scene is lit
    weather: Weather = Weather()
    time_s: float = 0.0  # since the simulation's start
    seed: int = 0


class Atmosphere:
    """What may change about light and air. Belongs to the simulation's thread."""

    def __init__(self, light: Light, place: GeoPoint, weather: Weather = CALM) -> None:
        """``light``, ``weather``: the scene's; ``place``: where the world is on the globe."""
        self.place = place
        self.time_of_day: TimeOfDay | None = None
        self._scene_light, self._scene_weather = light, weather
        self._weather: Weather | None = None  # None: the scene's
        self._sun = self._sky = 1.0  # factors
        self._touched = False

    def enter(self, light: Light, weather: Weather = CALM) -> None:
        """Another scene, lit like this; date, factors and a weather that was set stay."""
        self._scene_light, self._scene_weather = light, weather

    @property
    def weather(self) -> Weather:
        """What was set last, or the scene's own."""
        return self._scene_weather if self._weather is None else self._weather

    def set_weather(self, weather: Weather) -> None:
        """Another weather from now on."""
        self._weather, self._touched = weather, True

    def set_time_of_day(self, time: TimeOfDay | None, clock_ns: int) -> None:
        """The sun follows a date from this moment of the simulation's clock on; None: as the scene has it."""
        if time is not None:
            start_s = clock_ns * 1e-9 if time.start_s is None else time.start_s
            time = replace(time, start_s=start_s, clock_ns=clock_ns)
        self.time_of_day, self._touched = time, True

    def set_intensity(self, name: str, factor: float) -> bool:
        """Brightness of the sun or the sky, 1 as the scene has it; whether there is a light of that name."""
        if SUN_NAMES.fullmatch(name):
            self._sun = max(0.0, factor)
        elif SKY_NAMES.fullmatch(name):
            self._sky = max(0.0, factor)
        else:
            return False
        self._touched = True
        return True

    def light(self, clock_ns: int) -> Light:
        """What lights the scene at a moment of the simulation's clock."""
        light = self._scene_light
        if self.time_of_day is not None:
            light = self.time_of_day.light(light, clock_ns, self.place)
        if (self._sun, self._sky) != (1.0, 1.0):
            light = replace(light, sun_intensity=light.sun_intensity * self._sun, ambient=light.ambient * self._sky)
        return self.weather.light(light)

    def conditions(self, clock_ns: int, start_ns: int, seed: int) -> Conditions:
        """All that a picture of this moment needs."""
        light = self.light(clock_ns) if self._touched or not self.weather.calm else None
        return Conditions(light, self.weather, (clock_ns - start_ns) * 1e-9, seed)
