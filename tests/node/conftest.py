"""A bench for nodes: real rclpy in this process, in a context, a domain and with an executor of the test's own."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402

NAMESPACE = "/drone_1"


class Bench:
    """Nodes under test beside a probe that publishes to them and hears them."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=random.SystemRandom().randint(1, 101))
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: list[Node] = []
        self.probe = self._add(Node("probe", context=self.context, namespace=NAMESPACE))

    def start(self, create: Callable[..., Node], parameters: dict[str, Any] | None = None, **arguments: Any) -> Any:
        """Create a node as its launch would, without a process of its own."""
        overrides = [Parameter(name, value=value) for name, value in (parameters or {}).items()]
        node = self._add(create(context=self.context, namespace=NAMESPACE, parameter_overrides=overrides, **arguments))
        node.bring_up()
        return node

    def _add(self, node: Node) -> Any:
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def publisher(self, kind: type, topic: str, profile: QoSProfile) -> Callable[[Any], None]:
        """A publish function that first waits until someone listens."""
        publisher = self.probe.create_publisher(kind, topic, profile)

        def publish(message: Any) -> None:
            self.spin_until(lambda: publisher.get_subscription_count() > 0, f"someone who hears {topic}")
            publisher.publish(message)

        return publish

    def heard(self, kind: type, topic: str, profile: QoSProfile) -> list[Any]:
        """The messages on a topic, from now on; waits until someone publishes there."""
        messages: list[Any] = []
        subscription = self.probe.create_subscription(kind, topic, messages.append, profile)
        self.spin_until(lambda: subscription.get_publisher_count() > 0, f"someone who publishes {topic}")
        return messages

    def spin_until(self, done: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
        """Run callbacks until ``done``; fails the test when that takes too long."""
        deadline = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}"
            self.executor.spin_once(timeout_sec=0.05)

    def spin_for(self, seconds: float) -> None:
        """Run callbacks for a while: only for what must not happen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.01)

    def close(self) -> None:
        try:
            for node in self.nodes:
                self.executor.remove_node(node)
                if hasattr(node, "close"):
                    node.close()
                node.destroy_node()
            # A lifecycle node's state machine keeps it in the graph until both are collected, and another bench may
            # draw the same domain.
            self.nodes.clear()
            node = self.probe = None
            gc.collect()
        finally:
            self.executor.shutdown(timeout_sec=1.0)
            rclpy.try_shutdown(context=self.context)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A fresh bench, torn down whatever happens."""
    made = Bench()
    try:
        yield made
    finally:
        made.close()
