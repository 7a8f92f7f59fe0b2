"""The weather of a world file: ``<navisplit:weather rain="0.5"/>`` in its ``<scene>``, which Gazebo passes over."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from navisplit.errors import UsageError, WorldError
from navisplit.sim.weather import CALM, Weather, weather_of
from navisplit.sim.worlds.sdf_text import NAMESPACE, number

_TAG = f"{{{NAMESPACE}}}weather"


def add_weather(world: ET.Element, weather: Weather) -> None:
    """Into the ``<scene>`` that the world has, unless it is calm."""
    scene = world.find("scene")
    if scene is not None and not weather.calm:
        ET.SubElement(scene, _TAG, {name: number(value) for name, value in weather.shown.items()})


def read_weather(world: ET.Element, where: str) -> Weather:
    """Calm where the file says nothing. Raises WorldError for unknown names and values outside 0..1."""
    element = world.find(f"scene/{_TAG}")
    if element is None:
        return CALM
    try:
        return weather_of(element.items())
    except UsageError as problem:
        raise WorldError(f"{where}/scene/navisplit:weather: {problem}") from problem
