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
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import UInt8MultiArray

from navisplit.config import CameraConfig, PolicyConfig
from navisplit.edge.policies import Policy, View, make_policy
from navisplit.edge.server import EdgeServer, Reply
from navisplit.edge.tail import Depth
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, OK, Health, refusals
from navisplit.nodes.models import load_edge
from navisplit.nodes.parameters import config_of, declare, declare_config, value_of
from navisplit.nodes.peers import Half, Peer
from navisplit.nodes.runtime import link_key, run
from navisplit.nodes.worker import WorkerNode
from navisplit.wire import VehicleState

BACKLOG = 64  # packets kept for the worker; a frame has a handful
IDLE_S = 0.5
REFUSED_PERIOD_S = 0.2


def rehearse(policy: Policy, camera: CameraConfig) -> None:
    """Let a policy decide once on open space, so that it compiles its kernels now and not in flight."""
    depth = np.full((camera.height // 2, camera.width // 2), 10.0, np.float32)
    here, there, level = np.array([0.0, 0.0, 2.0]), np.array([9.0, 0.0, 2.0]), np.array([0.0, 0.0, 0.0, 1.0])
    state = VehicleState(here, level, np.zeros(3), there)
    policy.act(Depth(depth, np.full_like(depth, 0.1)), View.of(camera, depth), state, 0)


class TailNode(WorkerNode):
    """Thin shell around ``navisplit.edge.server.EdgeServer``, which runs in a thread of its own.

    Of packets that pile up while a frame is worked on, the server takes the newest frame's: a late answer helps nobody.
    """

    def __init__(
        self, load: Callable[[str], tuple[Any, int]] = load_edge, policy: Any = make_policy, **node_arguments: Any
    ) -> None:
        super().__init__("tail_node", **node_arguments)
        self._load, self._make_policy = load, policy
        declare(self, "models", "default", "branch set: a name of models/, or a folder")
        declare_config(self, CameraConfig, "camera")
        declare_config(self, PolicyConfig, "policy")
        self._worker: threading.Thread | None = None

    def configure(self) -> None:
        """Load the tail and rehearse the policy."""
        models = value_of(self, "models")
        camera, config = config_of(self, CameraConfig, "camera"), config_of(self, PolicyConfig, "policy")
        tail, model_hash = self._load(models)
        rehearse(self._make_policy(config), camera)  # an unknown policy is refused now, not at the first frame
        self._server = EdgeServer(tail, lambda: self._make_policy(config), camera, model_hash, key=link_key())
        self._vehicle = Peer(self, "head", Half.of(models, model_hash), lambda text: self.complain("misfit", text))
        self._packets: deque[bytes] = deque(maxlen=BACKLOG)
        self._wake = threading.Condition()
        self._open = False
        self._told = self._answers = 0
        self._replied: Reply | None = None
        self._answer = self.advertise(UInt8MultiArray, "edge/answer", qos.PACKETS)
        self._depth = self.advertise(Image, "edge/depth", qos.SENSOR)
        self._command = self.advertise(TwistStamped, "edge/cmd_vel", qos.SENSOR)
        self.get_logger().info(f"branch set '{models}' ({model_hash:08x}), policy {config.name}")

    def activate(self) -> None:
        """Begin to answer."""
        self._open = True
        self._packets.clear()
        self._worker = self.start_worker(self._work, "edge server")
        self.subscribe(DiagnosticArray, "/diagnostics", self._vehicle.on_diagnostics, qos.STATE)
        self.subscribe(CompressedImage, "edge/features", self._on_packet, qos.PACKETS)
        self.every(REFUSED_PERIOD_S, self._tell_refused)

    def deactivate(self) -> None:
        """Stop the worker."""
        with self._wake:
            self._open = False
            self._wake.notify()
        if self._worker is not None:
            self._worker.join(timeout=2.0)

    def health(self) -> Health:
        """What was answered, what was refused by reason, and whether the vehicle fits."""
        values: dict[str, Any] = {"answers": self._answers}
        if self._replied is not None:
            values |= {"decode ms": f"{self._replied.decode_ns * 1e-6:.1f}"}
            values |= {"plan ms": f"{self._replied.plan_ns * 1e-6:.1f}"}
        values |= refusals(self._server.refused) | self._vehicle.own.values
        if self._vehicle.misfit:
            return Health(ERROR, self._vehicle.misfit, values)
        return Health(OK, "answering" if self._answers else "waiting for features", values)

    def _on_packet(self, message: CompressedImage) -> None:
        if message.format != messages.FEATURE_FORMAT:
            text = f"packet dropped: format '{message.format}', expected {messages.FEATURE_FORMAT}"
            self.complain("format", text)
            return
        with self._wake:
            self._packets.append(bytes(message.data))
            self._wake.notify()

    def _work(self) -> None:
        while self._open:
            for reply in self._server.receive_all(self._take(), time.monotonic_ns()):
                self._reply(reply)
            for reply in self._server.poll(time.monotonic_ns()):
                self._reply(reply)

    def _take(self) -> list[bytes]:
        """Wait for packets or for the end of a frame's patience; what has come."""
        due_ns = self._server.due_ns()
        patience_s = IDLE_S if due_ns is None else max(due_ns - time.monotonic_ns(), 0) * 1e-9
        with self._wake:
            if not self._packets and self._open:
                self._wake.wait(min(patience_s, IDLE_S))
            waiting = list(self._packets)
            self._packets.clear()
            return waiting

    def _reply(self, reply: Reply) -> None:
        self._answers, self._replied = self._answers + 1, reply
        self._answer.publish(messages.answer_message(reply.answer))
        stamp_ns = reply.packet.stamp_ns
        self._command.publish(messages.command_message(reply.command, stamp_ns))
        if reply.depth is not None and self._depth.get_subscription_count() > 0:
            self._depth.publish(messages.depth_message(reply.depth.depth, stamp_ns, "camera_optical"))

    def _tell_refused(self) -> None:
        total = sum(self._server.refused.values())
        if total > self._told:
            self._told = total
            so_far = ", ".join(f"{count} {name}" for name, count in self._server.refused.items())
            self.complain("refused", f"packet refused: {self._server.last_refusal} (so far: {so_far})")


def main() -> int:
    """Entry point of ``ros2 run navisplit tail_node``."""
    return run(TailNode)


if __name__ == "__main__":
    sys.exit(main())
