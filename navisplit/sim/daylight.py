"""Where the sun stands, and how the time of day runs on the simulation's clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from navisplit.errors import ConfigError, UsageError
from navisplit.sim.geodesy import GeoPoint
from navisplit.sim.scene import Light
from navisplit.sim.settings_reader import Reader

J2000_S = 946_728_000  # 2000-01-01 12:00 UTC, seconds since 1970
_DAY_S = 86_400.0
FINEST_S = 10.0  # the sun is shown no more often than it moves by 0.04 degrees: shadows are baked anew each time


def sun_direction(epoch_s: float, place: GeoPoint) -> tuple[float, float, float]:
    """Unit vector ENU towards the sun, without refraction; negative z at night.

    The Astronomical Almanac's low-precision formula (Michalsky, Solar Energy 40, 1988): 0.01 degrees in 1950-2050.
    """
    days = (epoch_s - J2000_S) / _DAY_S
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = 280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)
    ecliptic, tilt = math.radians(longitude), math.radians(23.439 - 4e-7 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal_h = 6.697375 + 0.0657098242 * days + (epoch_s % _DAY_S) / 3600.0
    hour_angle = math.radians(15.0 * sidereal_h + place.longitude) - ascension
    latitude = math.radians(place.latitude)
    across = math.cos(declination) * math.cos(hour_angle)
    return (
        -math.cos(declination) * math.sin(hour_angle),
        math.cos(latitude) * math.sin(declination) - math.sin(latitude) * across,
        math.sin(latitude) * math.sin(declination) + math.cos(latitude) * across,
    )


@dataclass(frozen=True)
class TimeOfDay:
    """AirSim's simSetTimeOfDay: a date at a moment of the simulation's clock, and how it goes on from there."""

    start_s: float | None = None  # date, seconds since 1970 UTC; None: that of the simulation's clock
    clock_ns: int = 0  # the simulation's clock at that date
    speed: float = 1.0  # of the sun's clock, in simulated seconds a second
    update_s: float = 60.0  # simulated time between two positions of the sun
    moves: bool = True

    def epoch_s(self, clock_ns: int) -> float:
        """The date whose sun is shown at a moment of the simulation's clock."""
        passed_s = max(0, clock_ns - self.clock_ns) * 1e-9
        start_s = self.clock_ns * 1e-9 if self.start_s is None else self.start_s
        if not self.moves:
            return start_s
        step_s = max(self.update_s * self.speed, FINEST_S)
        return start_s + math.floor(passed_s * self.speed / step_s) * step_s

    def light(self, light: Light, clock_ns: int, place: GeoPoint) -> Light:
        """A world's light with the sun of the moment; how warm it is follows from the sun's height."""
        x, y, z = sun_direction(self.epoch_s(clock_ns), place)
        return replace(light, sun_direction=(x, y, z), warmth=0.0)


def read_time_of_day(entry: Reader, place: GeoPoint) -> TimeOfDay | None:
    """AirSim's TimeOfDay settings; the clock's start is for the simulation to set. Raises ConfigError."""
    if not entry.flag("Enabled", False):
        return None
    date, summer_time = entry.text("StartDateTime", ""), entry.flag("StartDateTimeDst", False)
    try:
        start_s = read_date(date, place, summer_time=summer_time) if date else None
    except UsageError as error:
        raise ConfigError(f"{entry.source}: StartDateTime: {error}") from None
    return TimeOfDay(
        start_s,
        speed=entry.number("CelestialClockSpeed", 1.0),
        update_s=entry.number("UpdateIntervalSecs", 60.0),
        moves=entry.flag("MoveSun", True),
    )


def read_date(text: str, place: GeoPoint, *, summer_time: bool = False) -> float:
    """Seconds since 1970 UTC of "2026-06-21 18:30:00" (ISO 8601). Raises UsageError.

    Without an offset it is the nautical standard time of ``place`` (a whole hour per 15 degrees of longitude), so that
    noon is bright and the same call gives the same picture on every machine; AirSim takes the machine's time zone.
    """
    try:
        date = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(f"Expected a date such as 2026-06-21 18:30:00, got {text!r}.") from None
    if date.tzinfo is None:
        zone = timezone(timedelta(hours=round(place.longitude / 15.0)))
        date = date.replace(tzinfo=zone) - timedelta(hours=1 if summer_time else 0)
    return date.timestamp()
