"""What a node says of itself on ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@dataclass(frozen=True)
class Health:
    """How a part does: a level, one line, and figures by name."""

    level: bytes
    message: str
    values: Mapping[str, Any] = field(default_factory=dict)


def refusals(counts: Mapping[str, int]) -> dict[str, int]:
    """What was refused, by reason, as figures of a Health."""
    return {f"refused: {reason}": count for reason, count in sorted(counts.items())}


def diagnostics(
    node: Node, part: str, level: bytes, message: str, values: Mapping[str, Any], *, of: str = ""
) -> DiagnosticArray:
    """The status of one part of a vehicle, named ``<namespace>: <part>``; ``of``: its namespace, if not the node's."""
    namespace = of or node.get_namespace()
    status = DiagnosticStatus(
        level=level,
        name=f"{namespace.strip('/')}: {part}",
        message=message,
        hardware_id=namespace,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
    array = DiagnosticArray(status=[status])
    array.header.stamp = node.get_clock().now().to_msg()
    return array


def of_part(node: Node, part: str, array: DiagnosticArray) -> Iterator[DiagnosticStatus]:
    """The statuses in ``array`` that are about that part of this node's vehicle."""
    for status in array.status:
        if status.hardware_id == node.get_namespace() and status.name.endswith(f": {part}"):
            yield status
