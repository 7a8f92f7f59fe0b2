"""``navisplit nodes``: the lifecycle of running nodes, where ROS 2's own command line is not installed."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navisplit.errors import NaviSplitError, UsageError, nearest_name

if TYPE_CHECKING:
    from rclpy.node import Node

TYPE = "lifecycle_msgs/srv/GetState"
SUFFIX = "/get_state"
TRANSITION_S = 900.0  # airsim_node may wait for a simulator that compiles


class Change(str, enum.Enum):
    """Transitions, by the words of ``ros2 lifecycle set``."""

    CONFIGURE = "configure"
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    CLEANUP = "cleanup"
    SHUTDOWN = "shutdown"


def register(app: typer.Typer) -> None:
    """Add ``nodes``."""
    app.command()(nodes)


def nodes(
    name: Annotated[str, typer.Argument(help="A node, as it is listed; none: list all.")] = "",
    change: Annotated[Change | None, typer.Argument(help="What it shall do.")] = None,
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to look for nodes.")] = 2.0,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the lifecycle states of the running nodes, or change one: `navisplit nodes /drone_1/guard_node deactivate`.

    Looks in the ROS domain of ROS_DOMAIN_ID, which `navisplit fly` prints. Exit code 1 when the node refuses.
    """
    if change is not None:
        typer.echo(f"{name}: {_with_node(lambda node: change_state(node, name, change, wait))}")
        return
    states = _with_node(lambda node: lifecycle_states(node, wait, name))
    if json_output:
        print(json.dumps(states, indent=1))
    else:
        print("\n".join(f"{full:<32}{state}" for full, state in states.items()) or "No lifecycle node is running.")


def _with_node(work: Callable[[Node], Any]) -> Any:
    from navisplit.cli.checks import check_package

    check_package("rclpy")
    import rclpy
    from rclpy.node import Node

    with rclpy.init():
        node = Node("navisplit_nodes")
        try:
            return work(node)
        finally:
            node.destroy_node()


def lifecycle_states(node: Node, wait_s: float, only: str = "") -> dict[str, str]:
    """State by full name of every lifecycle node that is seen within ``wait_s``. Raises UsageError without ``only``."""
    from lifecycle_msgs.srv import GetState

    deadline_ns = node.get_clock().now().nanoseconds + int(wait_s * 1e9)
    found: list[str] = []
    while node.get_clock().now().nanoseconds < deadline_ns and only not in found:
        _spin(node, 0.1)
        found = [s.removesuffix(SUFFIX) for s, types in node.get_service_names_and_types() if TYPE in types]
    if only and only not in found:
        raise UsageError(f"There is no lifecycle node '{only}'.{nearest_name(only, found)}")
    names = [only] if only else sorted(found)
    answers = {name: _call(node, GetState, name + SUFFIX, GetState.Request(), wait_s) for name in names}
    return {name: "does not answer" if a is None else a.current_state.label for name, a in answers.items()}


def change_state(node: Node, name: str, change: Change, wait_s: float) -> str:
    """Make a node change its state; the new state. Raises NaviSplitError where it refuses."""
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    before = lifecycle_states(node, wait_s, name)[name]
    key = f"TRANSITION_{before}_SHUTDOWN" if change is Change.SHUTDOWN else f"TRANSITION_{change.value}"
    number = getattr(Transition, key.upper(), None)
    if number is None:
        raise NaviSplitError(f"{name} is {before} and cannot {change.value}.")
    request = ChangeState.Request(transition=Transition(id=number))
    answer = _call(node, ChangeState, f"{name}/change_state", request, TRANSITION_S)
    if answer is None or not answer.success:
        raise NaviSplitError(f"{name} is {before} and did not {change.value}: its log and /diagnostics say why.")
    return "finalized" if change is Change.SHUTDOWN else lifecycle_states(node, wait_s, name)[name]


def _call(node: Node, kind: Any, service: str, request: Any, wait_s: float) -> Any:
    client = node.create_client(kind, service)
    if not client.wait_for_service(timeout_sec=wait_s):
        return None
    answer = client.call_async(request)
    _spin(node, wait_s, answer)
    return answer.result() if answer.done() else None


def _spin(node: Node, seconds: float, until: Any = None) -> None:
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        if until is None:
            executor.spin_once(timeout_sec=seconds)
        else:
            executor.spin_until_future_complete(until, timeout_sec=seconds)
    finally:
        executor.remove_node(node)
        executor.shutdown(timeout_sec=1.0)
