"""ROS parameters from the project's config dataclasses: same names, same checks, same errors."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, get_type_hints

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from navisplit.config import from_mapping
from navisplit.errors import ConfigError
from navisplit.nodes.settings import SETTINGS

T = TypeVar("T")
FIXED = "Read when the node is configured; cannot change afterwards."
LIVE = "Can be set in flight."
_MOST = 2**31 - 1
"""Where a number has a least value but no greatest."""


def declare(
    node: Node,
    name: str,
    default: Any,
    description: str,
    *,
    live: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare a parameter and return its value; only a ``live`` one can be set once the node is configured.

    ``default`` may be a type of parameter, for one without a default: None is returned when it is not given. Numbers
    may have a range, of which ``high`` may be left away. Raises ConfigError where the value is out of it.
    """
    descriptor = ParameterDescriptor(description=description, additional_constraints=LIVE if live else FIXED)
    if low is not None:
        top = _MOST if high is None else high
        if isinstance(default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(top))]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(top))]
    try:
        node.declare_parameter(name, default, descriptor)
    except InvalidParameterValueException as error:
        least = f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
        found = str(error).partition("(")[2].partition(")")[0]  # it keeps the value in its text only
        raise ConfigError(f"{name}: expected {least}, got {found}. It is: {description}.") from error
    return value_of(node, name)


def value_of(node: Node, name: str) -> Any:
    """A declared parameter's value; arrays are lists, None is one that was not given."""
    value = node.get_parameter_or(name).value
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "tolist") else value


def why_fixed(node: Node, name: str, state: str) -> str:
    """Why a parameter that is read when the node is configured is not changed in this lifecycle state."""
    return (
        f"{name} stays {value_of(node, name)!r}: it is read when the node is configured, and the node is {state}. It "
        f"can be set after `ros2 lifecycle set {node.get_fully_qualified_name()} cleanup` (deactivate first), or at "
        "the start."
    )


def declare_optional_numbers(node: Node, name: str, description: str) -> list[float] | None:
    """An array of numbers that may be left away (ROS has no empty one)."""
    return declare(node, name, Parameter.Type.DOUBLE_ARRAY, description)


def declare_config(node: Node, cls: type, prefix: str) -> None:
    """Declare ``<prefix>.<field>`` for every field of a config dataclass. Raises ConfigError on one out of range."""
    hints, defaults = get_type_hints(cls), cls()
    for field in dataclasses.fields(cls):
        kind, name = hints[field.name], f"{prefix}.{field.name}"
        if dataclasses.is_dataclass(kind):
            declare_config(node, kind, name)  # type: ignore[arg-type]
        else:
            setting = SETTINGS[f"{cls.__name__}.{field.name}"]
            default = getattr(defaults, field.name)
            declare(node, name, default, setting.description, low=setting.low, high=setting.high)


def config_of(node: Node, cls: type[T], prefix: str) -> T:
    """The config dataclass of parameters that ``declare_config`` has declared. Raises ConfigError."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        kind, name = hints[field.name], f"{prefix}.{field.name}"
        values[field.name] = config_of(node, kind, name) if dataclasses.is_dataclass(kind) else value_of(node, name)
    return from_mapping(cls, values)
