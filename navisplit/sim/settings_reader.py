"""Typed access to AirSim's ``settings.json``, with errors that name file and key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from navisplit.errors import ConfigError


class Reader:
    """One JSON object; ``source`` is where it stands, for messages."""

    def __init__(self, values: Mapping[str, Any], source: str) -> None:
        self.values, self.source = values, source

    def number(self, key: str, default: float) -> float:
        """A number; NaN, AirSim's way to say "leave the default", leaves the default."""
        value = self.values.get(key, default)
        if isinstance(value, str) and value.lower() == "nan":
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"{self.source}: {key} must be a number, got {value!r}.")
        return float(value) if math.isfinite(value) else default

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.source}: {key} must be true or false, got {value!r}.")
        return value

    def text(self, key: str, default: str) -> str:
        """A string."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"{self.source}: {key} must be a string, got {value!r}.")
        return value

    def inside(self, key: str) -> Reader:
        """The object under a key; empty when there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise ConfigError(f"{self.source}: {key} must be an object, got {value!r}.")
        return Reader(value, f"{self.source}: {key}")

    def each(self, key: str) -> list[Reader]:
        """The objects in the list under a key; none when there is no list."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ConfigError(f"{self.source}: {key} must be a list of objects, got {value!r}.")
        return [Reader(item, f"{self.source}: {key}") for item in value]
