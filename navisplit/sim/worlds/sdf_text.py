"""Small things that the SDF reader and writer share: numbers, poses, labels, and our namespace."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from navisplit.errors import WorldError
from navisplit.frames import euler_of
from navisplit.sim.worlds.description import Pose
from navisplit.sim.worlds.sdf_frames import child_numbers

NAMESPACE = "urn:navisplit:world:1"
"""XML namespace of what SDF has no word for (SDF allows foreign namespaces)."""

DEFAULT_AMBIENT = 0.4
"""SDF's default grey of ``<scene><ambient>``: our Light.ambient of 1."""


class WorldWarning(UserWarning):
    """Something in a world file that is not understood and was left out; the message names the element."""


def warn(where: str, text: str) -> None:
    """Warn about an element by its path."""
    warnings.warn(f"{where}: {text}", WorldWarning, stacklevel=2)


def warn_unknown(element: ET.Element, known: set[str], where: str) -> None:
    """Warn about children that nobody reads."""
    for child in element:
        if child.tag not in known:
            warn(f"{where}/{child.tag}", f"<{child.tag}> is not supported and is left out.")


def add(parent: ET.Element, tag: str, text: str) -> None:
    """A child element with text."""
    ET.SubElement(parent, tag).text = text


def add_pose(parent: ET.Element, pose: Pose) -> None:
    """A ``<pose>``, unless it is the identity."""
    angles = euler_of(pose.orientation)
    if any(pose.position) or any(angles):
        add(parent, "pose", f"{numbers_text(pose.position)} {numbers_text(angles)}")


def numbers_text(values: Iterable[float]) -> str:
    """Numbers as they stand in a file: seven digits, as many as a float32 holds."""
    return " ".join(number(v) for v in values)


def number(value: float) -> str:
    """One number, as ``numbers_text`` has it."""
    return f"{float(value):.7g}"


def add_label(parent: ET.Element, segmentation_id: int) -> None:
    """The segmentation id, as Gazebo's label plugin."""
    label = ET.SubElement(parent, "plugin", filename="gz-sim-label-system", name="gz::sim::systems::Label")
    add(label, "label", str(segmentation_id))


def read_label(model: ET.Element, where: str) -> int | None:
    """Segmentation id of Gazebo's label plugin, in the model or in one of its visuals."""
    for plugin in [*model.findall("plugin"), *model.findall("link/visual/plugin")]:
        if plugin.get("name", "").endswith("Label"):
            (value,) = child_numbers(plugin, "label", (0.0,), f"{where}/plugin")
            if not 0 <= value <= 255:
                raise WorldError(f"{where}/plugin/label: expected 0..255, found {value:g}.")
            return int(value)
    return None
