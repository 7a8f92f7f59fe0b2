"""``<include>``: models from other files put in place before anything else is read."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from navisplit.errors import WorldError
from navisplit.sim.worlds.sdf_geometry import find_file
from navisplit.sim.worlds.sdf_text import warn

FOLDER = "navisplit_folder"
"""Attribute that notes which folder an included model's own files are relative to."""

_DEEPEST = 16


def resolve_includes(parent: ET.Element, folder: Path, where: str, depth: int = 0) -> None:
    """Replace every ``<include>`` in a world or model, and in its models, by the model that it names.

    One that is not on this machine is a WorldWarning. Raises WorldError for files that are no models, and for models
    that include each other.
    """
    for include in parent.findall("include"):
        path = f"{where}/include[{include.findtext('uri', '').strip()}]"
        if depth >= _DEEPEST:
            raise WorldError(f"{path}: more than {_DEEPEST} includes in each other; do two models include each other?")
        model = _included(include, folder, path)
        if model is not None:
            parent.append(model)
            resolve_includes(model, Path(model.get(FOLDER, "")), path, depth + 1)
    for model in parent.findall("model"):
        if model.get(FOLDER) is None:
            resolve_includes(model, folder, f"{where}/model[{model.get('name', '')}]", depth)


def _included(include: ET.Element, folder: Path, where: str) -> ET.Element | None:
    """The model of an include, named and placed as that says; None where there is no such file."""
    try:
        target = find_file(include.findtext("uri", ""), folder, where)
    except WorldError as problem:
        warn(where, f"the included model is missing from the world: {problem}")
        return None
    file = _model_file(target) if target.is_dir() else target
    try:
        model = ET.parse(file).getroot().find("model")
    except (ET.ParseError, OSError) as problem:
        raise WorldError(f"{where}: {file} is not readable XML: {problem}.") from problem
    if model is None:
        raise WorldError(f"{where}: {file}: expected <sdf><model>, found none.")
    model.set(FOLDER, str(file.parent))
    model.set("name", include.findtext("name") or model.get("name") or file.parent.name)
    pose = include.find("pose")
    if pose is not None:
        for old in model.findall("pose"):
            model.remove(old)
        model.append(pose)
    frame = include.findtext("placement_frame")
    if frame:
        model.set("placement_frame", frame)
    return model


def _model_file(folder: Path) -> Path:
    """The SDF that a model's folder names in its ``model.config``; ``model.sdf`` without one."""
    config = folder / "model.config"
    try:
        named = ET.parse(config).getroot().findall("sdf") if config.is_file() else []
    except ET.ParseError as problem:
        raise WorldError(f"{config} is not readable XML: {problem}.") from problem
    return folder / ((named[-1].text or "").strip() or "model.sdf") if named else folder / "model.sdf"
