"""Tail and policy on the edge server: packets of features in, packets of answers out.

Subscribes ``edge/features``; publishes ``edge/answer`` and, for people and bags, ``edge/depth`` and ``edge/cmd_vel``.
Where no radio is emulated the graph remaps the first two to ``features`` and ``answer``.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import UInt8MultiArray

from navisplit.config import CameraConfig, PolicyConfig
from navisplit.edge.policies import Policy, View, make_policy
from navisplit.edge.server import EdgeServer, Reply
from navisplit.edge.tail import Depth
from navisplit.faults.damage import OfPackets
from navisplit.faults.vocabulary import Unit
from navisplit.nodes import messages, qos
from navisplit.nodes.faults import NodeFaults, OfStamped
from navisplit.nodes.models import load_edge
from navisplit.nodes.parameters import declare, declare_config
from navisplit.nodes.runtime import WorkerNode, link_key, run
from navisplit.wire import VehicleState

BACKLOG = 64  # packets kept for the worker; a frame has a handful
IDLE_S = 0.5


def rehearse(policy: Policy, camera: CameraConfig) -> None:
    """Let a policy decide once on open space, so that it compiles its kernels now and not in flight."""
    depth = np.full((camera.height // 2, camera.width // 2), 10.0, np.float32)
    here, there, level = np.array([0.0, 0.0, 2.0]), np.array([9.0, 0.0, 2.0]), np.array([0.0, 0.0, 0.0, 1.0])
    state = VehicleState(here, level, np.zeros(3), there)
    policy.act(Depth(depth, np.full_like(depth, 0.1)), View.of(camera, depth), state, 0)


class TailNode(WorkerNode):
    """Thin shell around ``navisplit.edge.server.EdgeServer``, which runs in a thread of its own.

    Packets that pile up while a frame is worked on are dropped but for the newest frame's: a late answer helps nobody.
    """

    def __init__(
        self, load: Callable[[str], tuple[Any, int]] = load_edge, policy: Any = make_policy, **node_arguments: Any
    ) -> None:
        super().__init__("tail_node", **node_arguments)
        models = declare(self, "models", "default", "branch set: a name of models/, or a folder")
        camera = declare_config(self, CameraConfig, "camera")
        config = declare_config(self, PolicyConfig, "policy")
        tail, model_hash = load(models)
        rehearse(policy(config), camera)  # an unknown policy is refused now, not at the first frame
        self._server = EdgeServer(tail, lambda: policy(config), camera, model_hash, key=link_key())
        self._packets: deque[tuple[int, bytes]] = deque(maxlen=BACKLOG)
        self._wake = threading.Condition()
        self._open = True
        self._answer = self.create_publisher(UInt8MultiArray, "edge/answer", qos.PACKETS)
        faults, key = NodeFaults(self), link_key()
        self._hear = faults.channel(Unit.FEATURES, OfStamped(key), self._keep)
        self._say = faults.channel(
            Unit.EDGE, OfPackets(key), lambda data: self._answer.publish(messages.answer_message(data))
        )
        self._depth = self.create_publisher(Image, "edge/depth", qos.SENSOR)
        self._command = self.create_publisher(TwistStamped, "edge/cmd_vel", qos.SENSOR)
        self.create_subscription(CompressedImage, "edge/features", self._on_packet, qos.PACKETS)
        self.create_timer(5.0, self._tell_refused)
        self._told = 0
        self._worker = self.start_worker(self._work, "edge server")
        self.get_logger().info(f"branch set '{models}' ({model_hash:08x}), policy {config.name}")

    def _on_packet(self, message: CompressedImage) -> None:
        if message.format != messages.FEATURE_FORMAT:
            text = f"packet dropped: format '{message.format}', expected {messages.FEATURE_FORMAT}"
            self.get_logger().error(text, throttle_duration_sec=5.0)
            return
        self._hear((messages.from_time(message.header.stamp), bytes(message.data)))

    def _keep(self, packet: tuple[int, bytes]) -> None:
        """Stamp and bytes, for the worker."""
        with self._wake:
            self._packets.append(packet)
            self._wake.notify()

    def _work(self) -> None:
        while self._open:
            for packet in self._take():
                self._reply(self._server.receive(packet, time.monotonic_ns()))
            for reply in self._server.poll(time.monotonic_ns()):
                self._reply(reply)

    def _take(self) -> list[bytes]:
        """Wait for packets or for the end of a frame's patience; the newest frame's packets."""
        due_ns = self._server.due_ns()
        patience_s = IDLE_S if due_ns is None else max(due_ns - time.monotonic_ns(), 0) * 1e-9
        with self._wake:
            if not self._packets and self._open:
                self._wake.wait(min(patience_s, IDLE_S))
            waiting = list(self._packets)
            self._packets.clear()
        newest = max((stamp for stamp, _ in waiting), default=0)
        return [packet for stamp, packet in waiting if stamp == newest]

    def _reply(self, reply: Reply | None) -> None:
        if reply is None:
            return
        self._say(reply.answer)
        stamp_ns = reply.packet.stamp_ns
        self._command.publish(messages.command_message(reply.command, stamp_ns))
        if reply.depth is not None and self._depth.get_subscription_count() > 0:
            self._depth.publish(messages.depth_message(reply.depth.depth, stamp_ns, "camera_optical"))

    def _tell_refused(self) -> None:
        total = sum(self._server.refused.values())
        if total > self._told:
            self._told = total
            self.get_logger().error(f"packets refused so far: {dict(self._server.refused)}")

    def close(self) -> None:
        """Stop the worker."""
        with self._wake:
            self._open = False
            self._wake.notify()
        self._worker.join(timeout=2.0)


def main() -> int:
    """Entry point of ``ros2 run navisplit tail_node``."""
    return run(TailNode)


if __name__ == "__main__":
    sys.exit(main())
