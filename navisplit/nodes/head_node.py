"""Head and gate on the vehicle: picture, odometry and goal in; packets of features out.

Subscribes ``camera/image_raw``, ``odom``, ``goal_pose``, ``answer``; publishes ``features`` (one message per packet),
``branch``, and ``exit/cmd_vel`` where the branch set has an on-board exit. The parameters ``branch`` and
``max_frame_bytes`` can be set in flight.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String, UInt8MultiArray

from navisplit import wire
from navisplit.config import CameraConfig, FlightConfig, GuardConfig, PolicyConfig
from navisplit.errors import NaviSplitError, PacketError
from navisplit.frames import Odometry, Vector
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, OK, WARN, Health
from navisplit.nodes.models import OnboardModels, load_onboard
from navisplit.nodes.parameters import config_of, declare, declare_config, value_of
from navisplit.nodes.peers import Half, Peer
from navisplit.nodes.runtime import link_key, run
from navisplit.nodes.worker import WorkerNode
from navisplit.tracing import Trace

REMEMBERED = 64  # odometry messages and stamps of frames sent


class HeadNode(WorkerNode):
    """Thin shell around ``navisplit.vehicle.onboard.Onboard``. Pictures are dropped, never queued."""

    def __init__(self, load: Callable[[FlightConfig], OnboardModels] = load_onboard, **node_arguments: Any) -> None:
        super().__init__("head_node", **node_arguments)
        self._load = load
        declare(self, "models", "default", "branch set: a name of models/, or a folder")
        declare(self, "byte_weight", 1.0, "the gate's price of bytes; 0 always sends the best branch", low=0.0)
        trimmed = "frames are trimmed to this, bytes; 0: never"
        declare(self, "max_frame_bytes", 0, trimmed, live=True, low=0)
        declare(self, "exit", True, "while the edge is silent, fly the branch set's on-board exit")
        cruise = "the policy's cruise speed, m/s, of which the exit flies a part"
        declare(self, "cruise_mps", 3.0, cruise, low=0.01)
        declare(self, "branch", "gate", "gate, or the branch to send", live=True)
        declare_config(self, CameraConfig, "camera")
        declare_config(self, GuardConfig, "guard")  # a gate may skip a frame only while the guard does not brake

    def configure(self) -> None:
        """Load head and gate."""
        models, branch, most = (value_of(self, name) for name in ("models", "branch", "max_frame_bytes"))
        camera, guard = config_of(self, CameraConfig, "camera"), config_of(self, GuardConfig, "guard")
        weight, policy = value_of(self, "byte_weight"), PolicyConfig(speed_mps=value_of(self, "cruise_mps"))
        self._key = link_key()
        config = FlightConfig(
            models=models, branch=branch, byte_weight=weight, exit=value_of(self, "exit"), camera=camera, guard=guard,
            policy=policy,
        )  # fmt: skip
        self._models = self._load(config)
        self._models.check(branch)
        self._onboard = self._models.onboard(self._key, most, camera.period_ns * 1e-9)
        self._onboard.set_branch(branch)
        half = Half.of(models, self._models.hash)
        self._edge = Peer(self, "tail", half, lambda text: self.complain("misfit", text))
        self._trace = Trace.of("head_node")
        for method, stage in (("trunk", "trunk"), ("symbols", "branch")) if self._trace else ():
            self._trace.watch(self._onboard.head, method, stage)
        self._trace.watch(self._onboard.gate, "choose", "gate")
        self._odometry: deque[Odometry] = deque(maxlen=REMEMBERED)
        self._sent: deque[int] = deque(maxlen=REMEMBERED)
        self._goal: Vector | None = None
        self._frames = self._dropped = self._answered = 0
        self._took_ms = 0.0
        self._features = self.advertise(CompressedImage, "features", qos.PACKETS)
        self._branch = self.advertise(String, "branch", qos.STATE)
        self._exit = self.advertise(TwistStamped, "exit/cmd_vel", qos.SENSOR)
        self.get_logger().info(f"branch set '{self._models.name}', branch {branch}")

    def activate(self) -> None:
        """Begin to send."""
        self.subscribe(OdometryMessage, "odom", self._on_odometry, qos.SENSOR)
        self.subscribe(PoseStamped, "goal_pose", self._on_goal, qos.LATCHED)
        self.subscribe(UInt8MultiArray, "answer", self._on_answer, qos.PACKETS)
        self.subscribe(DiagnosticArray, "/diagnostics", self._edge.on_diagnostics, qos.STATE)
        self.subscribe(Image, "camera/image_raw", self._on_image, qos.SENSOR)

    def check(self, name: str, value: Any) -> None:
        """A branch must be there."""
        if name == "branch":
            self._models.check(str(value))

    def change(self, name: str, value: Any) -> None:
        """Branch and trimming, from the next frame on."""
        if name == "branch":
            self._onboard.set_branch(str(value))
            self.get_logger().info(f"branch {value} from the next frame on")
        elif name == "max_frame_bytes":
            self._onboard.max_frame_bytes = int(value)

    def health(self) -> Health:
        """What goes out, what does not, and whether the edge fits."""
        values = {"branch": value_of(self, "branch"), "frames": self._frames, "dropped frames": self._dropped}
        values |= {"answers": self._answered, "frame ms": f"{self._took_ms:.1f}", **self._edge.own.values}
        if self._edge.misfit:
            return Health(ERROR, self._edge.misfit, values)
        missing = self._missing()
        return Health(WARN, f"waiting for {missing}", values) if missing else Health(OK, "sending", values)

    def _missing(self) -> str:
        if self._goal is None:
            return "goal_pose"
        return "" if self._odometry else "odom"

    def _on_odometry(self, message: OdometryMessage) -> None:
        odometry = messages.odometry_from(message)
        self._odometry.append(odometry)
        self._onboard.senses.note(odometry)

    def _on_goal(self, message: PoseStamped) -> None:
        self._goal = messages.from_xyz(message.pose.position)

    def _on_answer(self, message: UInt8MultiArray) -> None:
        try:
            answer = wire.decode(bytes(message.data), self._key)
        except PacketError:
            return  # the guard counts what is refused
        known = isinstance(answer, wire.AnswerPacket) and answer.stamp_ns in self._sent
        if known and answer.model_hash == self._onboard.model_hash:
            self._answered += 1
            self._onboard.on_answer(answer, now_ns=time.monotonic_ns())

    def _on_image(self, message: Image) -> None:
        missing = self._missing()
        if self._goal is None or missing:
            self.get_logger().info(f"waiting for {missing}", once=True)
            return
        began_ns = time.monotonic_ns()
        stamp_ns = self._trace.frame = messages.from_time(message.header.stamp)
        odometry = min(self._odometry, key=lambda o: abs(o.stamp_ns - stamp_ns))
        try:
            rgb = messages.image_array(message)
            started = time.perf_counter_ns()
            sent = self._onboard.process(rgb, odometry, self._goal, stamp_ns, now_ns=time.monotonic_ns())
        except (NaviSplitError, ValueError) as error:
            self._dropped += 1
            self.complain("frame", f"frame dropped: {error}")
            return
        if sent.refused:
            self.get_logger().warning(f"frame withheld: {sent.refused}", throttle_duration_sec=1.0)
            return
        self._sent.append(stamp_ns)
        self._frames += 1
        self._took_ms = (time.perf_counter_ns() - started) * 1e-6
        for packet in sent.packets:
            self._features.publish(messages.feature_message(packet, stamp_ns))
        if sent.exit is not None:
            self._exit.publish(messages.command_message(sent.exit, stamp_ns))
        self._trace.span("onboard", stamp_ns, began_ns)
        self._branch.publish(String(data=sent.branch))
        self.get_logger().debug(f"{sent.branch} {sent.size} B in {self._took_ms:.1f} ms")


def main() -> int:
    """Entry point of ``ros2 run navisplit head_node``."""
    return run(HeadNode)


if __name__ == "__main__":
    sys.exit(main())
