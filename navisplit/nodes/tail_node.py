"""Tail and policy on the edge server: packets of features in, packets of answers out, for one drone or many.

Subscribes ``edge/features`` of each drone; publishes its ``edge/answer`` and, for people and bags, ``edge/depth`` and
``edge/cmd_vel``. With ``direct`` no radio is emulated, and the first two are the drone's ``features`` and ``answer``.
What becomes of each drone is in the log and on ``/diagnostics`` (part ``edge``).
"""

from __future__ import annotations

import sys
import threading
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
from navisplit.faults.vocabulary import Unit
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, OK, Health, diagnostics, refusals
from navisplit.nodes.drones import Drones
from navisplit.nodes.faults import NodeFaults, OfStamped
from navisplit.nodes.models import load_edge
from navisplit.nodes.parameters import config_of, declare, declare_config, value_of
from navisplit.nodes.peers import Half, Peer
from navisplit.nodes.runtime import link_key, run
from navisplit.nodes.worker import WorkerNode
from navisplit.tracing import Trace
from navisplit.wire import VehicleState

IDLE_NS = 500_000_000
FIND_PERIOD_S, REFUSED_PERIOD_S = 1.0, 5.0
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
        self._load, self._make_policy = load, policy
        declare(self, "models", "default", "branch set: a name of models/, or a folder")
        declare(self, "drones", "", "namespaces with commas; * for whoever sends; empty: the node's own")
        declare(self, "direct", False, "no emulated radio: hear features and send answer, without edge/")
        declare_config(self, CameraConfig, "camera")
        declare_config(self, PolicyConfig, "policy")
        declare_config(self, FleetConfig, "fleet")
        self._drones: Drones | None = None
        self._worker: threading.Thread | None = None
        self._faults = NodeFaults(self)

    def configure(self) -> None:
        """Load the tail and rehearse the policy."""
        models = value_of(self, "models")
        camera, config = config_of(self, CameraConfig, "camera"), config_of(self, PolicyConfig, "policy")
        tail, model_hash = self._load(models)
        rehearse(self._make_policy(config), camera)  # an unknown policy is refused now, not at the first frame
        self._server = EdgeServer(tail, lambda: self._make_policy(config), camera, model_hash, key=link_key())
        self._fleet = FleetServer(self._server, config_of(self, FleetConfig, "fleet"))
        self._vehicle = Peer(self, "head", Half.of(models, model_hash), lambda text: self.complain("misfit", text))
        self._trace = Trace.of("tail_node")
        self._told = self._diagnosed_ns = self._answers = 0
        self._replied: Reply | None = None
        key = link_key()
        self._hear = self._faults.channel(Unit.FEATURES, OfStamped(key), self._keep)
        self._say = self._faults.channel(Unit.EDGE, OfStamped(key), self._send)
        self._drones = Drones(self, value_of(self, "drones"), value_of(self, "direct"), self._on_packet)
        self.get_logger().info(
            f"branch set '{models}' ({model_hash:08x}), policy {config.name}, drones: {self._drones}"
        )

    def activate(self) -> None:
        """Begin to answer."""
        assert self._drones is not None
        self._inbox = Inbox()
        self._worker = self.start_worker(self._work, "edge server")
        self.subscribe(DiagnosticArray, "/diagnostics", self._vehicle.on_diagnostics, qos.STATE)
        self._drones.open()
        self.every(FIND_PERIOD_S, self._drones.find)
        self.every(REFUSED_PERIOD_S, self._tell_refused)

    def deactivate(self) -> None:
        """Stop the worker."""
        self._inbox.close()
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

    def _on_packet(self, drone: str, message: CompressedImage) -> None:
        if message.format != messages.FEATURE_FORMAT:
            text = f"packet dropped: format '{message.format}', expected {messages.FEATURE_FORMAT}"
            self.complain("format", text)
            return
        stamp_ns = messages.from_time(message.header.stamp)
        self._trace.span("received", stamp_ns, time.monotonic_ns())
        self._hear((stamp_ns, bytes(message.data), drone))

    def _keep(self, packet: tuple[int, bytes, str]) -> None:
        """Stamp, bytes and drone, for the worker."""
        stamp_ns, data, drone = packet
        self._inbox.put(drone, stamp_ns, data)

    def _send(self, answer: tuple[int, bytes, str]) -> None:
        """Stamp, bytes and drone, to the vehicle."""
        if self._drones is not None:
            self._drones.answer(answer[2], answer[1])

    def _work(self) -> None:
        inbox, drones = self._inbox, self._drones
        assert drones is not None
        while inbox.open:
            patience_ns = self._fleet.patience_ns(time.monotonic_ns(), IDLE_NS)
            for drone, packet in inbox.take(patience_ns * 1e-9):
                self._fleet.receive(drone, packet, time.monotonic_ns())
            for reply in self._fleet.work(time.monotonic_ns):
                self._say((reply.packet.stamp_ns, reply.answer, reply.source))
                drones.show(reply)
                self._note(reply)
            self._tell(time.monotonic_ns())

    def _note(self, reply: Reply) -> None:
        """How long the edge's stages took; their times of day do not matter."""
        self._answers, self._replied = self._answers + 1, reply
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
            so_far = ", ".join(f"{count} {name}" for name, count in self._server.refused.items())
            self.complain("refused", f"packet refused: {self._server.last_refusal} (so far: {so_far})")


def main() -> int:
    """Entry point of ``ros2 run navisplit tail_node``."""
    return run(TailNode)


if __name__ == "__main__":
    sys.exit(main())
