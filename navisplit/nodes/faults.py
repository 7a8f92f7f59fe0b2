"""Faults in a live flight: the parameter ``faults`` of the nodes that have a unit to break, and who sets it.

``ros2 param set /drone_1/airsim_node faults camera:stuck+2`` and ``navisplit fault camera stuck --for 2`` are the same;
times count from then, on the node's steady clock. Values pass through the channels of ``navisplit.faults``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.task import Future

from navisplit.errors import NaviSplitError, UsageError
from navisplit.faults.damage import Damage, OfClocks, OfPackets
from navisplit.faults.injector import Channel, FaultyClock, Injector
from navisplit.faults.vocabulary import Fault, Unit, parse_faults
from navisplit.nodes.parameters import declare

T = TypeVar("T")
PARAMETER = "faults"
LATE_PERIOD_S = 0.01  # how exactly what is delayed comes out
WHERE = {
    Unit.CAMERA: "airsim_node",
    Unit.ODOMETRY: "airsim_node",
    Unit.FEATURES: "tail_node",
    Unit.EDGE: "tail_node",
    Unit.ANSWER: "guard_node",
    Unit.CLOCK: "guard_node",
}
"""The node through which a unit's values pass."""


Stamped = tuple[int, bytes, str]


class OfStamped:
    """Packets with the stamp of the message that they came in, and their drone."""

    def __init__(self, key: bytes | None) -> None:
        self._packets = OfPackets(key)

    def stuck(self, held: Stamped, fresh: Stamped) -> Stamped:
        """The held packet, in a fresh message."""
        return fresh[0], held[1], fresh[2]

    def garbage(self, fresh: Stamped, rng: np.random.Generator) -> Stamped:
        """As ``OfPackets`` has it."""
        return fresh[0], self._packets.garbage(fresh[1], rng), fresh[2]

    def wrong(self, fresh: Stamped, rng: np.random.Generator) -> Stamped:
        """As ``OfPackets`` has it."""
        return fresh[0], self._packets.wrong(fresh[1], rng), fresh[2]


class NodeFaults:
    """The faults of one node; channels may be used from any thread."""

    def __init__(self, node: Node) -> None:
        self._node, self._now_ns = node, time.monotonic_ns
        self._injector = Injector()
        self._lock = threading.RLock()
        self._late: dict[Unit, Callable[[], bool]] = {}  # each delivers what is due, and says whether more is under way
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(LATE_PERIOD_S, self._deliver_late, clock=steady, autostart=False)
        text = declare(node, PARAMETER, "", "faults to order: camera:stuck@5+2; see docs/safety.md", live=True)
        self._order(self._read(text))
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._apply)

    def channel(self, unit: Unit, damage: Damage[T], deliver: Callable[[T], None]) -> Callable[[T], None]:
        """What a unit's values are handed to; ``deliver`` gets what comes out of it."""
        channel: Channel[T] = Channel(self._injector, unit, damage, np.random.default_rng(0))

        def due() -> bool:
            with self._lock:
                values, more = channel.receive(self._now_ns()), channel.next_due_ns is not None
            for value in values:
                deliver(value)
            return more

        def send(value: T) -> None:
            with self._lock:
                channel.send(value, self._now_ns())
            if due():
                self._timer.reset()

        self._late[unit] = due  # of a node that is configured again, the newest
        return send

    def clock(self, now_ns: Callable[[], int]) -> Callable[[], int]:
        """The node's clock, with the faults of the unit ``clock``, which come by a clock without them."""
        faulty = FaultyClock(Channel(self._injector, Unit.CLOCK, OfClocks(), np.random.default_rng(0)))
        return lambda: faulty.read(now_ns(), self._now_ns())

    def _deliver_late(self) -> None:
        if not any([due() for due in self._late.values()]):
            self._timer.cancel()

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        """Refuse what cannot be ordered here; nothing is ordered before all that is set with it has passed."""
        try:
            for parameter in parameters:
                if parameter.name == PARAMETER:
                    self._read(str(parameter.value))
        except NaviSplitError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if parameter.name == PARAMETER:
                self._order(self._read(str(parameter.value)))

    def _read(self, text: str) -> list[Fault]:
        """The faults of a text, of this node's units. Raises UsageError."""
        faults = [part for fault in parse_faults(text) for part in fault.parts()]
        name = self._node.get_name()
        for fault in faults:
            if WHERE[fault.unit] != name:
                raise UsageError(f"The unit '{fault.unit.value}' is at {WHERE[fault.unit]}, not at {name}.")
        return faults

    def _order(self, faults: Iterable[Fault]) -> None:
        with self._lock:
            for fault in faults:
                self._injector.order(fault, self._now_ns())
                self._node.get_logger().warning(f"fault ordered: {fault}")


class FaultOrders:
    """Orders faults at the nodes of one vehicle, from another node in its namespace."""

    def __init__(self, node: Node, faults: Iterable[Fault]) -> None:
        self._node = node
        self._texts: dict[str, str] = {}
        for part in (part for fault in faults for part in fault.parts()):
            where = WHERE[part.unit]
            self._texts[where] = ",".join(filter(None, (self._texts.get(where, ""), str(part))))
        space = node.get_namespace().rstrip("/")
        self._clients = {name: AsyncParameterClient(node, f"{space}/{name}") for name in self._texts}

    @property
    def missing(self) -> list[str]:
        """Nodes that are not there (yet)."""
        return [name for name, client in self._clients.items() if not client.services_are_ready()]

    def order(self) -> dict[str, Future]:
        """Order all of them now; each node's answer."""
        return {
            name: self._clients[name].set_parameters([Parameter(PARAMETER, value=text)])
            for name, text in self._texts.items()
        }

    def tell(self) -> None:
        """Order all of them, and log what was refused."""
        for name, future in self.order().items():
            future.add_done_callback(lambda done, name=name: self._log(name, done))

    def _log(self, name: str, done: Any) -> None:
        reason = refusal_of(done)
        if reason:
            self._node.get_logger().error(f"fault not ordered at {name}: {reason}")


def refusal_of(done: Future) -> str:
    """Why a node did not take a fault; empty: it did."""
    result = done.result().results[0]
    return "" if result.successful else result.reason
