"""Tail and policy on the edge server: packets of features in, packets of answers out, for one drone or many.

Subscribes ``edge/features`` of each drone; publishes its ``edge/answer`` and, for people and bags, ``edge/depth`` and
``edge/cmd_vel``. With ``direct`` no radio is emulated, and the first two are the drone's ``features`` and ``answer``.
What becomes of each drone is in the log and on ``/diagnostics`` (part ``edge``).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CompressedImage

from navisplit.config import CameraConfig, FleetConfig, PolicyConfig
from navisplit.edge.admission import Change
from navisplit.edge.fleet import FleetServer, Inbox
from navisplit.edge.policies import Policy, View, make_policy
from navisplit.edge.server import EdgeServer, Reply
from navisplit.edge.tail import Depth
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, OK, diagnostics
from navisplit.nodes.drones import Drones
from navisplit.nodes.models import load_edge
from navisplit.nodes.parameters import declare, declare_config
from navisplit.nodes.runtime import WorkerNode, link_key, run
from navisplit.tracing import Trace
from navisplit.wire import VehicleState

IDLE_NS = 500_000_000
FIND_PERIOD_S = 1.0
DIAGNOSTICS_PERIOD_NS = 1_000_000_000


def rehearse(policy: Policy, camera: CameraConfig) -> None:
    """Let a policy decide once on open space, so that it compiles its kernels now and not in flight."""
    depth = np.full((camera.height // 2, camera.width // 2), 10.0, np.float32)
    here, there, level = np.array([0.0, 0.0, 2.0]), np.array([9.0, 0.0, 2.0]), np.array([0.0, 0.0, 0.0, 1.0])
    state = VehicleState(here, level, np.zeros(3), there)
    policy.act(Depth(depth, np.full_like(depth, 0.1)), View.of(camera, depth), state, 0)


class TailNode(WorkerNode):
    """Thin shell around ``navisplit.edge.fleet.FleetServer``, which runs in a thread of its own."""

    def __init__(
        self, load: Callable[[str], tuple[Any, int]] = load_edge, policy: Any = make_policy, **node_arguments: Any
    ) -> None:
        super().__init__("tail_node", **node_arguments)
        models = declare(self, "models", "default", "branch set: a name of models/, or a folder")
        drones = declare(self, "drones", "", "namespaces with commas; * for whoever sends; empty: the node's own")
        direct = declare(self, "direct", False, "no emulated radio: hear features and send answer, without edge/")
        camera = declare_config(self, CameraConfig, "camera")
        config = declare_config(self, PolicyConfig, "policy")
        fleet = declare_config(self, FleetConfig, "fleet")
        tail, model_hash = load(models)
        rehearse(policy(config), camera)  # an unknown policy is refused now, not at the first frame
        self._server = EdgeServer(tail, lambda: policy(config), camera, model_hash, key=link_key())
        self._fleet = FleetServer(self._server, fleet)
        self._inbox = Inbox()
        self._trace = Trace.of("tail_node")
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.STATE)
        self._drones = Drones(self, drones, direct, self._on_packet)
        self.create_timer(FIND_PERIOD_S, self._drones.find)
        self.create_timer(5.0, self._tell_refused)
        self._told = self._diagnosed_ns = 0
        self._worker = self.start_worker(self._work, "edge server")
        self.get_logger().info(
            f"branch set '{models}' ({model_hash:08x}), policy {config.name}, drones: {self._drones}"
        )

    def _on_packet(self, drone: str, message: CompressedImage) -> None:
        if message.format != messages.FEATURE_FORMAT:
            text = f"packet dropped: format '{message.format}', expected {messages.FEATURE_FORMAT}"
            self.get_logger().error(text, throttle_duration_sec=5.0)
            return
        stamp_ns = messages.from_time(message.header.stamp)
        self._trace.span("received", stamp_ns, time.monotonic_ns())
        self._inbox.put(drone, stamp_ns, bytes(message.data))

    def _work(self) -> None:
        while self._inbox.open:
            patience_ns = self._fleet.patience_ns(time.monotonic_ns(), IDLE_NS)
            for drone, packet in self._inbox.take(patience_ns * 1e-9):
                self._fleet.receive(drone, packet, time.monotonic_ns())
            for reply in self._fleet.work(time.monotonic_ns):
                self._drones.publish(reply)
                self._note(reply)
            self._tell(time.monotonic_ns())

    def _note(self, reply: Reply) -> None:
        """How long the edge's stages took; their times of day do not matter."""
        stamp_ns = reply.packet.stamp_ns
        self._trace.span("answered", stamp_ns, time.monotonic_ns())
        for stage, spent_ns in (("decode", reply.decode_ns), ("tail", reply.infer_ns), ("policy", reply.plan_ns)):
            self._trace.span(stage, stamp_ns, 0, spent_ns)

    def _tell(self, now_ns: int) -> None:
        """Log who came, left or was refused, and publish how every drone fares."""
        news = self._fleet.admission.news()
        for each in news:
            text = f"{each.drone} {each.change.value}: {each.why}"
            if each.change is Change.REFUSED:
                self.get_logger().error(text)
            else:  # on a line of its own: rclpy wants one severity a line of code
                self.get_logger().info(text)
        if news or now_ns - self._diagnosed_ns >= DIAGNOSTICS_PERIOD_NS:
            self._diagnosed_ns = now_ns
            for drone, why in self._fleet.admission.refused.items():
                self._publish(drone, ERROR, f"refused: {why}", {})
            for drone in self._fleet.admission.served:
                self._publish(drone, OK, "served", self._fleet.figures(drone))

    def _publish(self, drone: str, level: bytes, text: str, values: dict[str, Any]) -> None:
        self._diagnostics.publish(diagnostics(self, "edge", level, text, values, of=drone))

    def _tell_refused(self) -> None:
        total = sum(self._server.refused.values())
        if total > self._told:
            self._told = total
            self.get_logger().error(f"packets refused so far: {dict(self._server.refused)}")

    def close(self) -> None:
        """Stop the worker."""
        self._inbox.close()
        self._worker.join(timeout=2.0)


def main() -> int:
    """Entry point of ``ros2 run navisplit tail_node``."""
    return run(TailNode)


if __name__ == "__main__":
    sys.exit(main())
