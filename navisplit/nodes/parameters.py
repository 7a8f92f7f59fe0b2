"""ROS parameters from the project's config dataclasses: same names, same checks, same errors."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, get_type_hints

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from navisplit.config import from_mapping

T = TypeVar("T")


def declare(node: Node, name: str, default: Any, description: str, *, live: bool = False) -> Any:
    """Declare a parameter and return its value; only a ``live`` one can be set while the node runs.

    ``default`` may be a type of parameter, for one without a default: None is returned when it is not given.
    """
    descriptor = ParameterDescriptor(description=description, read_only=not live)
    value = node.declare_parameter(name, default, descriptor).value
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "tolist") else value


def declare_optional_numbers(node: Node, name: str, description: str) -> list[float] | None:
    """An array of numbers that may be left away (ROS has no empty one)."""
    return declare(node, name, Parameter.Type.DOUBLE_ARRAY, description)


def declare_config(node: Node, cls: type[T], prefix: str) -> T:
    """Declare ``<prefix>.<field>`` for every field of a config dataclass and build it. Raises ConfigError."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    defaults = cls()
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        kind, name = hints[field.name], f"{prefix}.{field.name}"
        if dataclasses.is_dataclass(kind):
            values[field.name] = declare_config(node, kind, name)  # type: ignore[arg-type]
        else:
            default = getattr(defaults, field.name)
            values[field.name] = declare(node, name, default, f"{cls.__name__}.{field.name}, see navisplit/config.py")
    return from_mapping(cls, values)
