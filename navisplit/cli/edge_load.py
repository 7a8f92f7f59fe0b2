"""One real tail_node under the packets of many synthetic drones: the processes behind ``bench loop --drones``."""

from __future__ import annotations

import heapq
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from navisplit import wire
from navisplit.cli.flight import node_command, ros_environment, write_parameters
from navisplit.cli.processes import Child, ProcessGroup
from navisplit.errors import NaviSplitError, PacketError
from navisplit.evaluate.edge_load import RATE_HZ, Ledger, LoadRow, Slices, levels, record_packets, renewed

START_S = 300.0  # for the edge server to load its models and compile its policy
SETTLE_S, WINDOW_S = 4.0, 8.0
ROOT = "load_"  # names of the drones begin so


def measure(
    models: str, world: str, branch: str, most: int, max_drones: int, tell: Callable[[str], None]
) -> Iterator[LoadRow]:
    """A row for 1, 2, 4, .. ``most`` drones, each as soon as it is measured. Raises NaviSplitError."""
    tell("recording packets in an offline flight ...")
    frames = record_packets(models, world, branch)
    if not frames:
        raise NaviSplitError(f"The flight with branch '{branch}' sent no packet: expected at least one frame.")
    from navisplit.arguments import Side
    from navisplit.graph import flight_graph

    given = {"models": models, "drones": "*", "max_drones": str(max_drones)}
    (tail,) = flight_graph(given, stamp="", sides=(Side.EDGE,)).nodes
    environment = ros_environment(os.environ)
    with tempfile.TemporaryDirectory(prefix="navisplit_load_") as folder:
        with ProcessGroup(Path(folder), environment) as group, Swarm(frames, environment) as swarm:
            tell("starting the edge server ...")
            edge = group.start(tail.label, node_command(tail, write_parameters(tail, Path(folder))))
            swarm.grow(1)
            swarm.fly(START_S, until=lambda: swarm.answered or not edge.running)
            if not edge.running:
                raise NaviSplitError(f"The edge server ended: {edge.last_lines[-1] if edge.last_lines else 'silently'}")
            for drones in levels(most):
                swarm.grow(drones)
                swarm.fly(SETTLE_S)
                before_s, began = _cpu_s(edge), time.monotonic()
                swarm.ledger = Ledger()
                swarm.fly(WINDOW_S)
                yield swarm.ledger.row(time.monotonic() - began, _cpu_s(edge) - before_s)


class Swarm:
    """Drones that send recorded packets at RATE_HZ each, and listen to their answers; all in this process."""

    def __init__(self, frames: list[Slices], environment: dict[str, str]) -> None:
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node

        from navisplit.nodes.runtime import link_key

        self._key = link_key()
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", environment["ROS_AUTOMATIC_DISCOVERY_RANGE"])
        self._rclpy, self._context = rclpy, Context()
        rclpy.init(context=self._context, domain_id=int(environment["ROS_DOMAIN_ID"]))
        self._node = Node("swarm", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._frames = frames
        self._publishers: list[Any] = []
        self._due: list[tuple[float, int, int]] = []  # when, which drone, its next sequence number
        self.ledger = Ledger()
        self.answered = False

    def __enter__(self) -> Swarm:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        self._rclpy.try_shutdown(context=self._context)

    def grow(self, drones: int) -> None:
        """More drones, up to that many; their frames are spread over the period."""
        from sensor_msgs.msg import CompressedImage
        from std_msgs.msg import UInt8MultiArray

        from navisplit.nodes import qos

        for k in range(len(self._publishers), drones):
            publisher = self._node.create_publisher(CompressedImage, f"/{ROOT}{k}/features", qos.PACKETS)
            self._node.create_subscription(
                UInt8MultiArray, f"/{ROOT}{k}/answer", lambda message, k=k: self._on_answer(k, message), qos.PACKETS
            )
            self._publishers.append(publisher)
            phase = (k * 0.381966) % 1.0 / RATE_HZ  # the golden section spreads any number of them
            heapq.heappush(self._due, (time.monotonic() + phase, k, 0))

    def fly(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Send and listen for a time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            due_s, drone, sequence = self._due[0]
            wait_s = min(due_s, end) - time.monotonic()
            if wait_s > 0:
                self._executor.spin_once(timeout_sec=wait_s)
                continue
            self._send(drone, sequence)
            heapq.heapreplace(self._due, (due_s + 1.0 / RATE_HZ, drone, sequence + 1))
            self._executor.spin_once(timeout_sec=0)

    def _send(self, drone: int, sequence: int) -> None:
        from navisplit.nodes import messages

        now_ns = time.monotonic_ns()
        slices = self._frames[(sequence + 7 * drone) % len(self._frames)]
        for packet in renewed(slices, sequence, now_ns, self._key):
            self._publishers[drone].publish(messages.feature_message(packet, now_ns))
        self.ledger.sent(drone, now_ns, now_ns)

    def _on_answer(self, drone: int, message: Any) -> None:
        try:
            answer = wire.decode(bytes(message.data), self._key)
        except PacketError:
            return
        self.answered = True
        self.ledger.heard(drone, answer.stamp_ns, time.monotonic_ns())


def _cpu_s(child: Child) -> float:
    """CPU time of a process so far (proc(5): utime and stime)."""
    fields = Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
