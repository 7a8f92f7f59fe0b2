"""Weather, time of day and lights."""

from __future__ import annotations

from dataclasses import replace

from navisplit.errors import UsageError
from navisplit.sim.daylight import TimeOfDay, read_date
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import HandlerError, rpc
from navisplit.sim.weather import NAMES

ENABLED = len(NAMES)  # AirSim's WeatherParameter.Enabled


@rpc("enable:bool", name="simEnableWeather")
def enable_weather(service: Service, enable: bool) -> None:
    """Show or hide the weather; its parameters are kept."""
    atmosphere = service.simulation.atmosphere
    atmosphere.set_weather(replace(atmosphere.weather, enabled=enable))


@rpc("param:int val:float", name="simSetWeatherParameter")
def set_weather_parameter(service: Service, parameter: int, value: float) -> None:
    """One of AirSim's WeatherParameter, 0..1; what is outside is brought into the range."""
    atmosphere = service.simulation.atmosphere
    if parameter == ENABLED:
        atmosphere.set_weather(replace(atmosphere.weather, enabled=value > 0))
    elif 0 <= parameter < len(NAMES):
        atmosphere.set_weather(atmosphere.weather.changed(NAMES[parameter], value))
    else:
        raise HandlerError(f"WeatherParameter must be 0..{ENABLED}, got {parameter}")


@rpc(
    "is_enabled:bool start_datetime:str is_start_datetime_dst:bool celestial_clock_speed:float "
    "update_interval_secs:float move_sun:bool",
    name="simSetTimeOfDay",
    differs="a date is the world's own standard time, not that of the machine's time zone",
)
def set_time_of_day(
    service: Service, enabled: bool, date: str, summer_time: bool, speed: float, update_s: float, move_sun: bool
) -> None:
    """The sun as on a date at the world's place; an empty date is the simulation's clock; off: as the scene has it."""
    simulation = service.simulation
    atmosphere = simulation.atmosphere
    if not enabled:
        atmosphere.set_time_of_day(None, simulation.clock_ns)
        return
    try:
        start_s = read_date(date, atmosphere.place, summer_time=summer_time) if date else None
    except UsageError as error:
        raise HandlerError(f"start_datetime: {error}".rstrip(".")) from None
    time = TimeOfDay(start_s, speed=speed, update_s=update_s, moves=move_sun)
    atmosphere.set_time_of_day(time, simulation.clock_ns)


@rpc(
    "light_name:str intensity:float",
    name="simSetLightIntensity",
    differs="the lights are the sun and the sky, and 1 is the world's own brightness",
)
def set_light_intensity(service: Service, name: str, intensity: float) -> bool:
    """Brightness of "sun" or "sky", 1 as the scene has it (Unreal's names of them are known too)."""
    return service.simulation.atmosphere.set_intensity(name, intensity)
