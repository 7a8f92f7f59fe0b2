"""Typed access to AirSim's ``settings.json``, with errors that name file and key, and a note of what was never read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from navisplit.errors import ConfigError

SWITCHES = ("Enabled", "AutoCreate")  # false: nothing else in that object counts, and need not


class Reader:
    """One JSON object; ``source`` is where it stands, for messages."""

    def __init__(
        self,
        values: Mapping[str, Any],
        source: str,
        path: str = "",
        seen: tuple[dict[str, Any], set[str]] | None = None,
    ) -> None:
        """``path`` and ``seen`` are of readers inside: the keys on the way, and the values there are and those read."""
        self.values, self.source, self._path = values, source, path
        self._there, self._read = ({}, set()) if seen is None else seen
        self._there.update({path + key: value for key, value in values.items()})

    def unread(self) -> dict[str, Any]:
        """Keys (with those on the way to them, ``Vehicles.A.PawnPath``) that nobody asked for, and their values."""
        return {path: value for path, value in self._there.items() if path not in self._read}

    def _take(self, key: str, default: Any) -> Any:
        self._read.add(self._path + key)
        return self.values.get(key, default)

    def number(self, key: str, default: float) -> float:
        """A number; NaN, AirSim's way to say "leave the default", leaves the default."""
        value = self._take(key, default)
        if isinstance(value, str) and value.lower() == "nan":
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"{self.source}: {key} must be a number, got {value!r}.")
        return float(value) if math.isfinite(value) else default

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.source}: {key} must be true or false, got {value!r}.")
        if key in SWITCHES and key in self.values and not value:
            self._read.update(self._path + other for other in self.values)
        return value

    def text(self, key: str, default: str) -> str:
        """A string."""
        value = self._take(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"{self.source}: {key} must be a string, got {value!r}.")
        return value

    def inside(self, key: str) -> Reader:
        """The object under a key; empty when there is none."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise ConfigError(f"{self.source}: {key} must be an object, got {value!r}.")
        return self._inner(key, value)

    def each(self, key: str) -> list[Reader]:
        """The objects in the list under a key; none when there is no list."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ConfigError(f"{self.source}: {key} must be a list of objects, got {value!r}.")
        return [self._inner(key, item) for item in value]

    def _inner(self, key: str, value: Mapping[str, Any]) -> Reader:
        return Reader(value, f"{self.source}: {key}", f"{self._path}{key}.", (self._there, self._read))
