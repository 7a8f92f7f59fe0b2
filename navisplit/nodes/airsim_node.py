"""The vehicle in AirSim, or in our simulator, as ROS topics.

Publishes ``camera/image_raw``, ``camera/camera_info``, ``odom``, ``imu``, ``collision``, ``collision_object`` (the name
of what was hit, empty without a hit), ``/clock`` and, where tf2_msgs is installed, ``/tf``. Subscribes ``cmd_vel``: a
velocity in ``odom`` or ``map`` (world), ``base_link`` or no frame (body). A command lasts ``command_s``, so that it
does not outlive the node that sent it. With ``show_branch`` it also listens to ``branch`` and ``features``, and
writes the branch and the bytes of each frame on the simulator's screen.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.clock import Clock, ClockType
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Bool, String

from navisplit.config import CameraConfig
from navisplit.errors import NaviSplitError, SimulatorError
from navisplit.faults.damage import Frame, OfFrames, OfOdometry
from navisplit.faults.vocabulary import Unit
from navisplit.frames import Odometry, VelocityCommand
from navisplit.nodes import messages, qos
from navisplit.nodes.faults import NodeFaults
from navisplit.nodes.frames_tree import FramePublisher
from navisplit.nodes.parameters import declare, declare_config, declare_optional_numbers
from navisplit.nodes.runtime import WorkerNode, run
from navisplit.vehicle.gate import SKIP

CAMERA_FRAME = "camera_optical"
COLLISION_PERIOD_S = 0.1
NAMELESS = "something without a name"  # was hit


def connect(host: str, port: int, timeout_s: float, origin: list[float]) -> Any:
    """A ``navisplit.airsim.AirSimVehicle``; waits for the server up to ``timeout_s``. Raises SimulatorError."""
    from navisplit.airsim import connect as connect_airsim

    return connect_airsim(host, port, timeout_s=timeout_s, origin_enu=tuple(origin))


class AirsimNode(WorkerNode):
    """Polls the vehicle: the state by a timer, the camera in a thread of its own, as a picture takes milliseconds."""

    def __init__(self, connect: Callable[[str, int, float, list[float]], Any] = connect, **node_arguments: Any) -> None:
        super().__init__("airsim_node", **node_arguments)
        self._connect = connect
        self._host = declare(self, "host", "127.0.0.1", "host of the AirSim server")
        self._port = declare(self, "port", 41451, "port of the AirSim server")
        self._patience_s = declare(self, "connect_timeout_s", 30.0, "how long to wait for the server, s")
        self._origin = declare(self, "origin", [0.0, 0.0, 0.0], "the map position of AirSim's NED origin, ENU, m")
        self._start = declare_optional_numbers(self, "start", "x, y, z, yaw to start from (m, rad); none: take off")
        self._command_s = declare(self, "command_s", 0.3, "how long a velocity command lasts, s")
        rate_hz = declare(self, "state_rate_hz", 50.0, "odometry, imu and clock a second")
        show_branch = declare(self, "show_branch", False, "write branch and bytes on the simulator's screen")
        self._camera = declare_config(self, CameraConfig, "camera")
        self._vehicle: Any = None
        self._odometry: Odometry | None = None
        self._open = threading.Event()
        self._open.set()
        self._make_publishers()
        faults = NodeFaults(self)
        self._show_frame = faults.channel(Unit.CAMERA, OfFrames(), self._publish_frame)
        self._tell_odometry = faults.channel(
            Unit.ODOMETRY, OfOdometry(), lambda odometry: self._odom.publish(messages.odometry_message(odometry))
        )
        self.create_subscription(TwistStamped, "cmd_vel", self._on_command, qos.SENSOR)
        if show_branch:
            self._show_branch()
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # this node makes /clock, so it cannot wait for it
        self.create_timer(1.0 / rate_hz, self._on_state, clock=steady)
        self.create_timer(COLLISION_PERIOD_S, self._on_collision, clock=steady)
        self._worker = self.start_worker(self._work, "camera")

    def _make_publishers(self) -> None:
        self._image = self.create_publisher(Image, "camera/image_raw", qos.SENSOR)
        self._info = self.create_publisher(CameraInfo, "camera/camera_info", qos.SENSOR)
        self._odom = self.create_publisher(OdometryMessage, "odom", qos.SENSOR)
        self._imu = self.create_publisher(Imu, "imu", qos.SENSOR)
        self._collision = self.create_publisher(Bool, "collision", qos.LATCHED)
        self._collision_object = self.create_publisher(String, "collision_object", qos.LATCHED)
        self._time = self.create_publisher(ClockMessage, "/clock", qos.SENSOR)
        self._frames = FramePublisher(self, self._camera.offset_x_m, CAMERA_FRAME)

    def _show_branch(self) -> None:
        self._sent = (0, 0)  # stamp of the newest frame whose packets were seen, and their bytes so far
        self.create_subscription(String, "branch", self._on_branch, qos.STATE)
        self.create_subscription(CompressedImage, "features", self._on_features, qos.PACKETS)

    def _work(self) -> None:
        """Connect, put the vehicle where the flight begins, then take pictures."""
        vehicle = self._connect(self._host, self._port, self._patience_s, self._origin)
        if self._start is not None:
            if len(self._start) != 4:
                raise SimulatorError(f"start: expected x, y, z, yaw, got {self._start}.")
            vehicle.place(np.array(self._start[:3]), self._start[3])
            vehicle.hover()
        else:
            vehicle.takeoff()
        self._vehicle = vehicle
        self.get_logger().info(f"flying in the simulator on {self._host}:{self._port}")
        period_s = 1.0 / self._camera.rate_hz
        due_s = time.monotonic()
        while self._open.is_set():
            self._publish_picture(vehicle)
            due_s = max(due_s + period_s, time.monotonic() - period_s)  # a late frame does not make the next ones hurry
            time.sleep(max(due_s - time.monotonic(), 0.0))

    def _publish_picture(self, vehicle: Any) -> None:
        stamp_ns, rgb, odometry = vehicle.camera()
        self._tell_odometry(odometry)  # the pose of this very picture, just before it
        self._show_frame(Frame(stamp_ns, rgb, odometry))

    def _publish_frame(self, frame: Frame) -> None:
        height, width = frame.picture.shape[:2]
        self._image.publish(messages.image_message(frame.picture, frame.stamp_ns, CAMERA_FRAME))
        intrinsics = self._camera.intrinsics.scaled(width, height)
        self._info.publish(messages.camera_info(intrinsics, frame.stamp_ns, CAMERA_FRAME))

    def _on_state(self) -> None:
        if self._vehicle is None:
            return
        odometry = self._vehicle.odometry()
        before, self._odometry = self._odometry, odometry
        self._tell_odometry(odometry)
        self._time.publish(ClockMessage(clock=messages.to_time(odometry.stamp_ns)))
        self._frames.publish(odometry)
        if before is not None and odometry.stamp_ns > before.stamp_ns:
            self._imu.publish(messages.imu_message(before, odometry))

    def _on_collision(self) -> None:
        if self._vehicle is None:
            return
        collision = self._vehicle.collided()
        name = (collision.object_name or NAMELESS) if collision.has_collided else ""
        self._collision_object.publish(String(data=name))
        self._collision.publish(Bool(data=bool(collision.has_collided)))

    def _on_command(self, message: TwistStamped) -> None:
        if self._vehicle is None:
            return
        try:
            command = messages.command_from(message, self._odometry)
        except ValueError as error:
            self.get_logger().error(f"command dropped: {error}", throttle_duration_sec=5.0)
            return
        if not command.finite:
            self.get_logger().error("command dropped: it is not finite", throttle_duration_sec=5.0)
            return
        self._vehicle.send(command, self._command_s)

    def _on_branch(self, message: String) -> None:
        self._say("branch: ", message.data)
        if message.data == SKIP:
            self._say("sent: ", "0 B")

    def _on_features(self, message: CompressedImage) -> None:
        """One packet of a frame; a frame may take several."""
        stamp_ns = messages.from_time(message.header.stamp)
        before = self._sent[1] if self._sent[0] == stamp_ns else 0
        self._sent = (stamp_ns, before + len(message.data))
        self._say("sent: ", f"{self._sent[1]} B")

    def _say(self, key: str, text: str) -> None:
        if self._vehicle is None:
            return
        try:
            self._vehicle.print_message(key, text)
        except SimulatorError as error:  # an AirSim that has no screen: no reason to end a flight
            self.get_logger().warning(f"branch and bytes are not shown: {error}", once=True)

    def close(self) -> None:
        """Stop the vehicle and hang up."""
        self._open.clear()
        self._worker.join(timeout=2.0)
        vehicle, self._vehicle = self._vehicle, None
        if vehicle is not None:
            try:
                vehicle.send(VelocityCommand.zero(), self._command_s)
                vehicle.close()
            except (NaviSplitError, OSError) as error:
                self.get_logger().info(f"the simulator has gone already: {error}")


def main() -> int:
    """Entry point of ``ros2 run navisplit airsim_node``."""
    return run(AirsimNode)


if __name__ == "__main__":
    sys.exit(main())
