"""Time of day, weather and light."""

from __future__ import annotations

from typing import Any

from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import rpc

_WITHOUT_EFFECT: tuple[tuple[str, str, Any], ...] = (
    (
        "simSetTimeOfDay",
        "is_enabled:bool start_datetime:str is_start_datetime_dst:bool celestial_clock_speed:float "
        "update_interval_secs:float move_sun:bool",
        None,
    ),
    ("simEnableWeather", "enable:bool", None),
    ("simSetWeatherParameter", "param:int val:float", None),
    ("simSetLightIntensity", "light_name:str intensity:float", False),
)


def _register_without_effect(name: str, signature: str, answer: Any) -> None:
    def handler(service: Service, *_: Any) -> Any:
        service.no_effect(name)
        return answer

    rpc(signature, name=name, neutral="not simulated here")(handler)


for _name, _signature, _answer in _WITHOUT_EFFECT:
    _register_without_effect(_name, _signature, _answer)
