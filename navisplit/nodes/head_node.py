"""Head and gate on the vehicle: picture, odometry and goal in; packets of features out.

Subscribes ``camera/image_raw``, ``odom``, ``goal_pose``, ``answer``; publishes ``features`` (one message per packet)
and ``branch``. The parameter ``branch`` can be set in flight.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String, UInt8MultiArray

from navisplit import wire
from navisplit.config import CameraConfig, FlightConfig, GuardConfig
from navisplit.errors import NaviSplitError, PacketError
from navisplit.frames import Odometry, Vector
from navisplit.nodes import messages, qos
from navisplit.nodes.models import OnboardModels, load_onboard
from navisplit.nodes.parameters import declare, declare_config
from navisplit.nodes.runtime import WorkerNode, link_key, run

REMEMBERED = 64  # odometry messages and stamps of frames sent


class HeadNode(WorkerNode):
    """Thin shell around ``navisplit.vehicle.onboard.Onboard``. Pictures are dropped, never queued."""

    def __init__(self, load: Callable[[FlightConfig], OnboardModels] = load_onboard, **node_arguments: Any) -> None:
        super().__init__("head_node", **node_arguments)
        models = declare(self, "models", "default", "branch set: a name of models/, or a folder")
        weight = declare(self, "byte_weight", 1.0, "the gate's price of bytes; 0 always sends the best branch")
        most = declare(self, "max_frame_bytes", 0, "frames are trimmed to this; 0: never; may be set", live=True)
        branch = declare(self, "branch", "gate", "gate, or the branch to send; may be set in flight", live=True)
        camera, guard = declare_config(self, CameraConfig, "camera"), declare_config(self, GuardConfig, "guard")
        self._key = link_key()
        config = FlightConfig(models=models, branch=branch, byte_weight=weight, camera=camera, guard=guard)
        self._models = load(config)
        self._onboard = self._models.onboard(self._key, most, camera.period_ns * 1e-9)
        self._select(branch)
        self._odometry: deque[Odometry] = deque(maxlen=REMEMBERED)
        self._sent: deque[int] = deque(maxlen=REMEMBERED)
        self._goal: Vector | None = None
        self._features = self.create_publisher(CompressedImage, "features", qos.PACKETS)
        self._branch = self.create_publisher(String, "branch", qos.STATE)
        self.create_subscription(OdometryMessage, "odom", self._on_odometry, qos.SENSOR)
        self.create_subscription(PoseStamped, "goal_pose", self._on_goal, qos.LATCHED)
        self.create_subscription(UInt8MultiArray, "answer", self._on_answer, qos.PACKETS)
        self.create_subscription(Image, "camera/image_raw", self._on_image, qos.SENSOR)
        self.add_on_set_parameters_callback(self._on_parameters)
        self.get_logger().info(f"branch set '{self._models.name}', branch {branch}")

    def _select(self, branch: str) -> None:
        self._models.check(branch)
        self._onboard.set_branch(branch)

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == "max_frame_bytes":
                if int(parameter.value) < 0:
                    return SetParametersResult(successful=False, reason="max_frame_bytes: expected bytes >= 0")
                self._onboard.max_frame_bytes = int(parameter.value)
            if parameter.name != "branch":
                continue
            try:
                self._select(str(parameter.value))
            except NaviSplitError as error:
                return SetParametersResult(successful=False, reason=str(error))
            self.get_logger().info(f"branch {parameter.value} from the next frame on")
        return SetParametersResult(successful=True)

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
            self._onboard.on_answer(answer, now_ns=time.monotonic_ns())

    def _on_image(self, message: Image) -> None:
        if self._goal is None or not self._odometry:
            missing = "goal_pose" if self._goal is None else "odom"
            self.get_logger().info(f"waiting for {missing}", once=True)
            return
        stamp_ns = messages.from_time(message.header.stamp)
        odometry = min(self._odometry, key=lambda o: abs(o.stamp_ns - stamp_ns))
        try:
            rgb = messages.image_array(message)
            started = time.perf_counter_ns()
            sent = self._onboard.process(rgb, odometry, self._goal, stamp_ns, now_ns=time.monotonic_ns())
        except (NaviSplitError, ValueError) as error:
            self.get_logger().error(f"frame dropped: {error}", throttle_duration_sec=5.0)
            return
        if sent.refused:
            self.get_logger().warning(f"frame withheld: {sent.refused}", throttle_duration_sec=1.0)
            return
        self._sent.append(stamp_ns)
        for packet in sent.packets:
            self._features.publish(messages.feature_message(packet, stamp_ns))
        self._branch.publish(String(data=sent.branch))
        self.get_logger().debug(f"{sent.branch} {sent.size} B in {(time.perf_counter_ns() - started) * 1e-6:.1f} ms")


def main() -> int:
    """Entry point of ``ros2 run navisplit head_node``."""
    return run(HeadNode)


if __name__ == "__main__":
    sys.exit(main())
