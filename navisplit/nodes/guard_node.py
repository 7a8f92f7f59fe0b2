"""The failsafe on the vehicle: answers in, limited commands out, on the vehicle's own steady clock.

Subscribes ``features`` (whose stamps are the frames sent), ``answer``, ``exit/cmd_vel`` (the on-board exit's), ``odom``
and ``rearm``; publishes ``cmd_vel`` in ``odom`` and ``/diagnostics``. The stamp of ``cmd_vel`` is the capture time of
the frame that it answers, and zero where the guard flies by itself.

Deactivated, it brakes once (zero velocity) and then says nothing: a command lasts ``command_s`` at airsim_node, which
holds the vehicle where it is when it has heard none for that long. Activated again, it waits for commands as after a
re-arm: without any it holds and lands.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Empty, UInt8MultiArray

from navisplit import wire
from navisplit.config import GuardConfig
from navisplit.errors import PacketError
from navisplit.faults.damage import OfPackets
from navisplit.faults.vocabulary import Unit
from navisplit.frames import VelocityCommand
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, OK, WARN, Health, refusals
from navisplit.nodes.faults import NodeFaults
from navisplit.nodes.parameters import config_of, declare, declare_config, value_of
from navisplit.nodes.runtime import link_key, run
from navisplit.nodes.worker import WorkerNode
from navisplit.tracing import Trace
from navisplit.vehicle.guard import OTHER_MODEL, Guard, GuardOutput, Stage

LEVELS = {Stage.EDGE: OK, Stage.EXIT: WARN, Stage.BRAKE: WARN, Stage.HOLD: ERROR, Stage.LAND: ERROR}


class GuardNode(WorkerNode):
    """Thin shell around ``navisplit.vehicle.guard.Guard``. ``now_ns`` is a clock that never steps (for tests: any)."""

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns, **node_arguments: Any) -> None:
        super().__init__("guard_node", **node_arguments)
        declare_config(self, GuardConfig, "guard")
        declare(self, "rate_hz", 50.0, "commands a second", low=0.1, high=1000.0)
        self._faults = NodeFaults(self)
        self._now_ns = self._faults.clock(now_ns)

    def configure(self) -> None:
        """A guard that has not flown yet."""
        self._guard = Guard(config_of(self, GuardConfig, "guard"))
        self._key = link_key()
        self._hear = self._faults.channel(Unit.ANSWER, OfPackets(self._key), self._take)
        self._velocity = np.zeros(3)
        self._answered_ns = self._sent_ns = self._model_hash = 0
        self._stage: Stage | None = None
        self._unreadable: Counter[str] = Counter()  # by name of the error
        self._flown = False
        self._trace = Trace.of("guard_node")
        self._command = self.advertise(TwistStamped, "cmd_vel", qos.SENSOR)

    def activate(self) -> None:
        """Guard; where it has guarded before, silence counts from now."""
        if self._flown:
            self._guard.rearm(self._now_ns())
        self._flown = True
        self.subscribe(CompressedImage, "features", self._on_features, qos.PACKETS)
        self.subscribe(UInt8MultiArray, "answer", lambda m: self._hear(bytes(m.data)), qos.PACKETS)
        self.subscribe(TwistStamped, "exit/cmd_vel", self._on_exit, qos.SENSOR)
        self.subscribe(OdometryMessage, "odom", self._on_odometry, qos.SENSOR)
        self.subscribe(Empty, "rearm", lambda _: self._guard.rearm(self._now_ns()), qos.STATE)
        self.every(1.0 / value_of(self, "rate_hz"), self._on_timer)  # the failsafe must not stop with the simulation

    def deactivate(self) -> None:
        """Brake: what was commanded last must not fly on."""
        self._command.publish(messages.command_message(VelocityCommand.zero(), 0))
        self._stage = None

    def _on_features(self, message: CompressedImage) -> None:
        stamp_ns = messages.from_time(message.header.stamp)
        if stamp_ns == self._sent_ns:  # a frame's slices share its stamp
            return
        try:
            packet = wire.decode(bytes(message.data), self._key)
        except PacketError as error:
            self._refuse(error, "frame not noted")
            return
        self._sent_ns, self._model_hash = stamp_ns, packet.model_hash
        self._guard.note_sent(stamp_ns, self._now_ns(), packet.model_hash)

    def _on_odometry(self, message: OdometryMessage) -> None:
        self._velocity = messages.odometry_from(message).velocity

    def _on_exit(self, message: TwistStamped) -> None:
        try:
            command = messages.command_from(message, None)
        except ValueError as error:
            self.get_logger().error(f"exit refused: {error}", throttle_duration_sec=5.0)
            return
        self._guard.note_exit(command, self._now_ns())

    def _refuse(self, error: PacketError, what: str) -> None:
        self._unreadable[type(error).__name__] += 1
        self.complain(type(error).__name__, f"{what}: {error}")

    def _take(self, data: bytes) -> None:
        """An answer, as it came."""
        began_ns = time.monotonic_ns()
        try:
            answer = wire.decode(data, self._key)
        except PacketError as error:
            self._refuse(error, "answer refused")
            return
        if not isinstance(answer, wire.AnswerPacket):
            self._unreadable["NotAnAnswer"] += 1
            return
        reason = self._guard.accept(answer, self._now_ns())
        if reason is None:
            self._answered_ns = answer.stamp_ns
            self._on_timer()  # at once: waiting for the timer would add half a period to every command's age
            self._trace.span("guard", answer.stamp_ns, began_ns)
        elif reason == OTHER_MODEL:
            ours = f"{self._model_hash:08x}"
            self.complain(
                reason,
                f"answer refused: the edge has branch set {answer.model_hash:08x}, the vehicle {ours};"
                " run the same models on both.",
            )
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
        self.publish_diagnostics()

    def health(self) -> Health:
        """Stage, and what was refused by reason."""
        counters, stage = self._guard.counters, self._guard.stage
        values = {"accepted": counters.accepted, "stale": counters.stale, "unreadable": self._unreadable.total()}
        values |= {"clock jumps": counters.clock_jumps, "repeated frames": counters.repeated_frames}
        values |= refusals(counters.refused) | {f"unreadable: {n}": c for n, c in sorted(self._unreadable.items())}
        return Health(LEVELS[stage], stage.value, values)


def main() -> int:
    """Entry point of ``ros2 run navisplit guard_node``."""
    return run(GuardNode)


if __name__ == "__main__":
    sys.exit(main())
