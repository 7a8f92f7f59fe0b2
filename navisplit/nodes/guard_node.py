"""The failsafe on the vehicle: answers in, limited commands out, on the vehicle's own steady clock.

Subscribes ``features`` (whose stamps are the frames sent), ``answer``, ``odom`` and ``rearm``; publishes ``cmd_vel`` in
``odom`` and ``/diagnostics``. The stamp of ``cmd_vel`` is the capture time of the frame that it answers, and zero where
the guard flies by itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Empty, UInt8MultiArray

from navisplit import wire
from navisplit.config import GuardConfig
from navisplit.errors import PacketError
from navisplit.faults.damage import OfPackets
from navisplit.faults.vocabulary import Unit
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, OK, WARN, diagnostics
from navisplit.nodes.faults import NodeFaults
from navisplit.nodes.parameters import declare, declare_config
from navisplit.nodes.runtime import WorkerNode, link_key, run
from navisplit.vehicle.guard import Guard, GuardOutput, Stage

DIAGNOSTICS_PERIOD_S = 1.0
LEVELS = {Stage.EDGE: OK, Stage.EXIT: WARN, Stage.BRAKE: WARN, Stage.HOLD: ERROR, Stage.LAND: ERROR}


class GuardNode(WorkerNode):
    """Thin shell around ``navisplit.vehicle.guard.Guard``. ``now_ns`` is a clock that never steps (for tests: any)."""

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns, **node_arguments: Any) -> None:
        super().__init__("guard_node", **node_arguments)
        self._guard = Guard(declare_config(self, GuardConfig, "guard"))
        rate_hz = declare(self, "rate_hz", 50.0, "commands a second")
        self._key = link_key()
        faults = NodeFaults(self)
        self._now_ns = faults.clock(now_ns)
        hear = faults.channel(Unit.ANSWER, OfPackets(self._key), self._take)
        self._velocity = np.zeros(3)
        self._answered_ns = self._sent_ns = 0
        self._stage: Stage | None = None
        self._unreadable = 0
        self._command = self.create_publisher(TwistStamped, "cmd_vel", qos.SENSOR)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.STATE)
        self.create_subscription(CompressedImage, "features", self._on_features, qos.PACKETS)
        self.create_subscription(UInt8MultiArray, "answer", lambda m: hear(bytes(m.data)), qos.PACKETS)
        self.create_subscription(OdometryMessage, "odom", self._on_odometry, qos.SENSOR)
        self.create_subscription(Empty, "rearm", lambda _: self._guard.rearm(self._now_ns()), qos.STATE)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the failsafe must not stop with a paused simulation
        self.create_timer(1.0 / rate_hz, self._on_timer, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)

    def _on_features(self, message: CompressedImage) -> None:
        stamp_ns = messages.from_time(message.header.stamp)
        if stamp_ns == self._sent_ns:  # a frame's slices share its stamp
            return
        try:
            packet = wire.decode(bytes(message.data), self._key)
        except PacketError as error:
            self._refuse(f"frame not noted: {error}")
            return
        self._sent_ns = stamp_ns
        self._guard.note_sent(stamp_ns, self._now_ns(), packet.model_hash)

    def _on_odometry(self, message: OdometryMessage) -> None:
        self._velocity = messages.odometry_from(message).velocity

    def _refuse(self, why: str) -> None:
        self._unreadable += 1
        self.get_logger().error(why, throttle_duration_sec=5.0)

    def _take(self, data: bytes) -> None:
        """An answer, as it came."""
        try:
            answer = wire.decode(data, self._key)
        except PacketError as error:
            self._refuse(f"answer refused: {error}")
            return
        if not isinstance(answer, wire.AnswerPacket):
            self._unreadable += 1
            return
        reason = self._guard.accept(answer, self._now_ns())
        if reason is None:
            self._answered_ns = answer.stamp_ns
            self._on_timer()  # at once: waiting for the timer would add half a period to every command's age
        else:
            self.get_logger().debug(f"answer refused: {reason}")

    def _on_timer(self) -> None:
        output = self._guard.command(self._velocity, self._now_ns())
        stamp_ns = self._answered_ns if output.stage is Stage.EDGE else 0
        self._command.publish(messages.command_message(output.command, stamp_ns))
        if output.stage is not self._stage:
            self._tell(output)

    def _tell(self, output: GuardOutput) -> None:
        before, self._stage = self._stage, output.stage
        age = "" if before is None or output.stage is Stage.EDGE else f", newest command {output.age_s:.2f} s old"
        text = f"guard: {output.stage.value}{age}"
        if output.stage in (Stage.HOLD, Stage.LAND):
            self.get_logger().warning(text)
        else:  # a lossy link makes it brake for a frame or two all the time
            self.get_logger().info(text)
        self._publish_diagnostics()

    def _publish_diagnostics(self) -> None:
        counters, stage = self._guard.counters, self._guard.stage
        refused = {f"refused: {reason}": count for reason, count in counters.refused.items()}
        values = {"accepted": counters.accepted, "stale": counters.stale, "unreadable": self._unreadable, **refused}
        self._diagnostics.publish(diagnostics(self, "guard", LEVELS[stage], stage.value, values))


def main() -> int:
    """Entry point of ``ros2 run navisplit guard_node``."""
    return run(GuardNode)


if __name__ == "__main__":
    sys.exit(main())
