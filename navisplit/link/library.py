"""Profiles by name: those of ``config/links.yaml``, a user's own YAML file, or a recorded trace."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

from navisplit.errors import ConfigError, UsageError, nearest_name
from navisplit.link.profiles import Profile
from navisplit.link.settings import SETTINGS, changed, parse_changes
from navisplit.link.trace import read_trace
from navisplit.resources import resource

YAML = (".yaml", ".yml")


@functools.cache
def shipped_profiles() -> dict[str, Profile]:
    """The profiles of ``config/links.yaml``. Both directions of a link use the same one, with their own randomness."""
    return {
        name: dataclasses.replace(p, file="") for name, p in read_profiles(resource("config", "links.yaml")).items()
    }


def profile(text: str) -> Profile:
    """A profile by name, file or changes: ``lte``, ``lte,latency=80ms,loss=0.1``, ``bandwidth=50k``.

    ``mine.yaml:NAME`` (or ``mine.yaml``, where it holds one profile) and ``radio.csv``, a trace, take changes too.
    Raises UsageError with the nearest known name, ConfigError for a file or a value that is wrong.
    """
    first, *rest = text.split(",")
    name, changes = ("none", [first, *rest]) if "=" in first else (first.strip(), rest)
    base = _named(name)
    return changed(base, parse_changes(changes, text), text) if changes else base


def _named(name: str) -> Profile:
    if name.lower().endswith(".csv"):
        path = Path(name)
        return Profile(name, queue_bytes=None, trace=read_trace(path), file=name)
    file, _, key = name.partition(":")
    if not file.lower().endswith(YAML):
        if name not in shipped_profiles():
            hint = nearest_name(name, shipped_profiles())
            raise UsageError(f"There is no link profile '{name}'.{hint} Or give FILE.yaml:NAME, or a trace FILE.csv.")
        return shipped_profiles()[name]
    known = read_profiles(Path(file))
    if not key and len(known) == 1:
        (only,) = known.values()
        return dataclasses.replace(only, name=name)
    if key not in known:
        problem = f"has no profile '{key}'" if key else "holds several profiles"
        raise UsageError(f"{file} {problem}; give {file}:NAME.{nearest_name(key, known)}")
    return dataclasses.replace(known[key], name=name)


def read_profiles(path: Path) -> dict[str, Profile]:
    """The profiles in a YAML file: ``NAME: {bandwidth: 2M, latency: 5ms, ...}``, settings as ``--link`` has them.

    Raises ConfigError that names the line.
    """
    import yaml

    try:
        text = path.expanduser().read_text()
        root = yaml.compose(text, yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read the link profiles {path}: {error}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: not YAML: {getattr(error, 'problem', None) or error}.") from error
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise ConfigError(f"{path}: expected profiles as 'NAME:' with settings below; see config/links.yaml.")
    return {name.value: _profile_of(path, name, settings) for name, settings in root.value}


def _profile_of(path: Path, name: Any, settings: Any) -> Profile:
    """The profile of a node of YAML's tree, which knows its line."""
    import yaml

    texts: dict[str, str] = {}
    if isinstance(settings, yaml.MappingNode):
        for key, value in settings.value:
            where = f"{path}:{key.start_mark.line + 1}"
            if key.value not in SETTINGS:
                raise ConfigError(f"{where}: there is no setting '{key.value}'.{nearest_name(key.value, SETTINGS)}")
            if not isinstance(value, yaml.ScalarNode):
                raise ConfigError(f"{where}: {key.value} is one value, as 5ms or 2%.")
            try:  # one by one, so that the line of a wrong one is known
                changed(Profile(name.value), {key.value: value.value} | _needed(key.value), name.value)
            except UsageError as error:
                raise ConfigError(f"{where}: {error}") from error
            texts[key.value] = value.value
    elif settings.value not in ("", "null", "~"):
        raise ConfigError(f"{path}:{name.start_mark.line + 1}: expected settings below '{name.value}:'.")
    try:
        return dataclasses.replace(changed(Profile(name.value), texts, name.value), file=str(path))
    except UsageError as error:
        raise ConfigError(f"{path}:{name.start_mark.line + 1}: {error}") from error


def _needed(key: str) -> dict[str, str]:
    """What a setting cannot be without, for a look at it alone."""
    return {"outage": {"every": "1e9"}, "burst": {"loss": "0.5"}}.get(key, {})
