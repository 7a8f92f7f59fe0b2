"""Poses of an SDF file: ``<pose>`` text, and frames that are relative to each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import numpy as np

from navisplit.errors import WorldError, nearest_name
from navisplit.sim.worlds.description import Pose


def numbers(text: str | None, count: int, where: str) -> tuple[float, ...]:
    """Exactly ``count`` finite numbers of an element's text. Raises WorldError naming the element."""
    try:
        values = tuple(float(v) for v in (text or "").split())
    except ValueError:
        values = ()
    if len(values) != count or not all(math.isfinite(v) for v in values):
        raise WorldError(f"{where}: expected {count} number{'s' if count > 1 else ''}, found '{(text or '').strip()}'.")
    return values


def child_numbers(parent: ET.Element, tag: str, default: tuple[float, ...], where: str) -> tuple[float, ...]:
    """Numbers of a child element, as many as the default has; the default when there is no such child."""
    child = parent.find(tag)
    return default if child is None else numbers(child.text, len(default), f"{where}/{tag}")


def read_pose(element: ET.Element | None, where: str) -> Pose:
    """A ``<pose>``: x y z roll pitch yaw (``degrees``), or with ``rotation_format="quat_xyzw"`` a quaternion."""
    if element is None or not (element.text or "").strip():
        return Pose()
    if element.get("rotation_format") == "quat_xyzw":
        values = numbers(element.text, 7, f"{where}/pose")
        turn = np.asarray(values[3:])
        length = float(np.linalg.norm(turn))
        if length < 1e-9:
            raise WorldError(f"{where}/pose: expected a quaternion, found zeros.")
        return Pose(values[:3], tuple(float(q) for q in turn / length))
    values = numbers(element.text, 6, f"{where}/pose")
    angles = np.radians(values[3:]) if element.get("degrees") in {"true", "1"} else values[3:]
    return Pose.from_euler(values[:3], *(float(a) for a in angles))


@dataclass
class Scope:
    """Named frames of a world or a model. Poses are resolved in the scope's own frame (world, or ``__model__``)."""

    where: str  # element path, for messages
    raw: dict[str, tuple[Pose, str | None]] = field(default_factory=dict)  # pose and the frame it is relative to
    inner: dict[str, Scope] = field(default_factory=dict)  # models in it
    placement: dict[str, str] = field(default_factory=dict)  # model -> which of its frames its pose places

    def add(self, element: ET.Element, kind: str) -> None:
        """Take the frame that an element with a name and perhaps a ``<pose>`` defines."""
        name = element.get("name") or f"unnamed_{len(self.raw)}"
        pose = element.find("pose")
        relative = None if pose is None else pose.get("relative_to")
        relative = relative or element.get("attached_to")
        self.raw[name] = (read_pose(pose, f"{self.where}/{kind}[{name}]"), relative or None)
        if element.get("placement_frame"):
            self.placement[name] = str(element.get("placement_frame"))

    def resolve(self, name: str | None, visiting: tuple[str, ...] = ()) -> Pose:
        """A frame's pose in this scope. Raises WorldError for unknown frames and circles."""
        if not name or name in {"world", "__model__", "__root__"}:
            return Pose()
        if name in visiting:
            raise WorldError(f"{self.where}: frames {' -> '.join((*visiting, name))} are relative to each other.")
        if "::" in name and name not in self.raw:
            outer, rest = name.split("::", 1)
            if outer in self.inner:
                return self.resolve(outer, visiting) @ self.inner[outer].resolve(rest)
        if name not in self.raw:
            raise WorldError(f"{self.where}: there is no frame '{name}'.{nearest_name(name, self.raw)}")
        pose, relative = self.raw[name]
        placed = self.resolve(relative, (*visiting, name)) @ pose
        if name in self.placement and name in self.inner:
            placed = placed @ self.inner[name].resolve(self.placement[name]).inverse()
        return placed

    def pose_of(self, element: ET.Element, default: str, where: str) -> Pose:
        """Pose of a visual, collision or light: relative to ``relative_to`` or to the default frame."""
        pose = element.find("pose")
        relative = None if pose is None else pose.get("relative_to")
        return self.resolve(relative or default) @ read_pose(pose, where)


def model_scope(model: ET.Element, where: str) -> Scope:
    """The frames of a model: its links, frames and nested models."""
    scope = Scope(where)
    for kind in ("link", "frame"):
        for element in model.findall(kind):
            scope.add(element, kind)
    _add_models(scope, model)
    return scope


def world_scope(world: ET.Element, where: str) -> Scope:
    """The frames of a world: its models and frames."""
    scope = Scope(where)
    for element in world.findall("frame"):
        scope.add(element, "frame")
    _add_models(scope, world)
    return scope


def _add_models(scope: Scope, parent: ET.Element) -> None:
    for model in parent.findall("model"):
        scope.add(model, "model")
        name = model.get("name") or ""
        scope.inner[name] = model_scope(model, f"{scope.where}/model[{name}]")
