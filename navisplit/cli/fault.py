"""``navisplit fault``: break a part of a flight that is in the air, and see what the drone does."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from navisplit.errors import NaviSplitError

if TYPE_CHECKING:
    from navisplit.faults.vocabulary import Fault

PATIENCE_S = 10.0  # for the nodes to be discovered, and to answer


def register(app: typer.Typer) -> None:
    """Add ``fault``."""
    app.command()(fault)


def fault(
    unit: Annotated[str, typer.Argument(help="camera, odometry, features, answer, link (both), edge or clock.")],
    kind: Annotated[
        str, typer.Argument(help="ok, off, stuck, garbage, wrong, slow, delayed or intermittent (PX4's words).")
    ],
    duration: Annotated[float | None, typer.Option("--for", help="Seconds that it lasts; without: until `ok`.")] = None,
    after: Annotated[float, typer.Option("--after", help="Seconds from now until it begins.", min=0.0)] = 0.0,
    namespace: Annotated[str, typer.Option(help="Namespace of the vehicle.")] = "drone_1",
    domain: Annotated[
        int | None, typer.Option(help="ROS domain of the flight, as `navisplit fly` tells it (ROS_DOMAIN_ID).")
    ] = None,
) -> None:
    """Order a fault in a running flight. `navisplit fault camera ok` ends it."""
    from navisplit.arguments import absolute_namespace
    from navisplit.faults.vocabulary import Fault, parse_faults

    (named,) = parse_faults(f"{unit}:{kind}")
    ordered = Fault(named.unit, named.kind, after, math.inf if duration is None else duration)
    if domain is not None:
        os.environ["ROS_DOMAIN_ID"] = str(domain)
    _order(ordered, absolute_namespace(namespace))
    print(f"ordered {ordered}")


def _order(ordered: Fault, namespace: str) -> None:
    """Set the parameter of the node, or the nodes, that the unit belongs to. Raises NaviSplitError."""
    from navisplit.cli.checks import check_package

    check_package("rclpy")
    import rclpy
    from rclpy.node import Node

    from navisplit.nodes.faults import FaultOrders, refusal_of

    with rclpy.init():
        node = Node("fault_orders", namespace=namespace, use_global_arguments=False)
        orders = FaultOrders(node, [ordered])
        deadline = time.monotonic() + PATIENCE_S
        while orders.missing:
            if time.monotonic() > deadline:
                raise NaviSplitError(
                    f"No {' and no '.join(orders.missing)} in {namespace} of ROS domain "
                    f"{os.environ.get('ROS_DOMAIN_ID', '0')}: is a flight in the air? `navisplit fly` tells its domain."
                )
            rclpy.spin_once(node, timeout_sec=0.05)
        for name, future in orders.order().items():
            rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE_S)
            if not future.done():
                raise NaviSplitError(f"{name} did not answer within {PATIENCE_S:.0f} s; the fault may not be ordered.")
            reason = refusal_of(future)
            if reason:
                raise NaviSplitError(f"{name} refused: {reason}")
        node.destroy_node()
