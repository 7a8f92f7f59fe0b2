"""The vehicle in AirSim, or in our simulator, as ROS topics.

Publishes ``camera/image_raw``, ``camera/camera_info``, ``odom``, ``imu``, ``collision``, ``collision_object`` (the name
of what was hit, empty without a hit), ``/clock`` and, where tf2_msgs is installed, ``/tf``. Subscribes ``cmd_vel``: a
velocity in ``odom`` or ``map`` (world), ``base_link`` or no frame (body). A command lasts ``command_s``, so that it
does not outlive the node that sent it; without another the vehicle holds where it is, as it does when this node is
deactivated. With ``show_branch`` it also listens to ``branch`` and ``features``, and writes the branch and the bytes of
each frame on the simulator's screen.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Bool, String

from navisplit.config import CameraConfig
from navisplit.errors import NaviSplitError, SimulatorError
from navisplit.faults.damage import Frame, OfFrames, OfOdometry
from navisplit.faults.vocabulary import Unit
from navisplit.frames import Odometry, VelocityCommand
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import OK, WARN, Health
from navisplit.nodes.faults import NodeFaults
from navisplit.nodes.frames_tree import FramePublisher
from navisplit.nodes.parameters import config_of, declare, declare_config, declare_optional_numbers, value_of
from navisplit.nodes.runtime import run
from navisplit.nodes.worker import WorkerNode
from navisplit.tracing import Trace
from navisplit.vehicle.gate import SKIP

CAMERA_FRAME = "camera_optical"
COLLISION_PERIOD_S = 0.1
NAMELESS = "something without a name"  # was hit


def connect(host: str, port: int, timeout_s: float, origin: list[float], vehicle: str = "") -> Any:
    """A ``navisplit.airsim.AirSimVehicle``; waits for the server up to ``timeout_s``. Raises SimulatorError."""
    from navisplit.airsim import connect as connect_airsim

    return connect_airsim(host, port, timeout_s=timeout_s, origin_enu=tuple(origin), vehicle_name=vehicle)


class AirsimNode(WorkerNode):
    """Polls the vehicle: the state by a timer, the camera in a thread of its own, as a picture takes milliseconds."""

    def __init__(self, connect: Callable[..., Any] = connect, **node_arguments: Any) -> None:
        super().__init__("airsim_node", **node_arguments)
        self._connect = connect
        declare(self, "host", "127.0.0.1", "host of the AirSim server")
        declare(self, "port", 41451, "port of the AirSim server", low=1, high=65535)
        declare(self, "connect_timeout_s", 30.0, "how long to wait for the server, s", low=0.0, high=86400.0)
        declare(self, "origin", [0.0, 0.0, 0.0], "the map position of AirSim's NED origin, ENU, m")
        declare(self, "vehicle", "", "its name in AirSim's settings.json; empty: AirSim's first vehicle")
        declare_optional_numbers(self, "start", "x, y, z, yaw to start from (m, rad); none: take off")
        declare(self, "command_s", 0.3, "how long a velocity command lasts, s", low=0.02, high=10.0)
        declare(self, "state_rate_hz", 50.0, "odometry, imu and clock a second", low=1.0, high=1000.0)
        declare(self, "show_branch", False, "write branch and bytes on the simulator's screen")
        declare_config(self, CameraConfig, "camera")
        self._trace = Trace.of("airsim_node")
        self._faults = NodeFaults(self)
        self._vehicle: Any = None
        self._worker: threading.Thread | None = None
        self._open = threading.Event()

    def configure(self) -> None:
        """Connect, waiting for the server."""
        self._camera, self._command_s = config_of(self, CameraConfig, "camera"), value_of(self, "command_s")
        self._start, origin = value_of(self, "start"), value_of(self, "origin")
        if self._start is not None and len(self._start) != 4:
            raise SimulatorError(f"start: expected x, y, z, yaw, got {self._start}.")
        host, port, patience_s = (value_of(self, name) for name in ("host", "port", "connect_timeout_s"))
        self._odometry: Odometry | None = None
        self._commanded_s = -math.inf
        self._holding, self._placed, self._pictures, self._refused = True, False, 0, 0
        self._make_publishers()
        self._show_frame = self._faults.channel(Unit.CAMERA, OfFrames(), self._publish_frame)
        self._tell_odometry = self._faults.channel(
            Unit.ODOMETRY, OfOdometry(), lambda odometry: self._odom.publish(messages.odometry_message(odometry))
        )
        self._vehicle = self._connect(host, port, patience_s, origin, value_of(self, "vehicle"))
        self.get_logger().info(f"connected to the simulator on {host}:{port}")

    def activate(self) -> None:
        """Put the vehicle where the flight begins, the first time, then take pictures and commands."""
        if self._placed:
            pass  # it goes on from where it was left
        elif self._start is not None:
            self._vehicle.place(np.array(self._start[:3]), self._start[3])
            self._vehicle.hover()
        else:
            self._vehicle.takeoff()
        self._placed = True
        self._frames.activate()
        self._open.set()
        self._worker = self.start_worker(self._work, "camera")
        self.subscribe(TwistStamped, "cmd_vel", self._on_command, qos.SENSOR)
        if value_of(self, "show_branch"):
            self._show_branch()
        # By a steady clock: this node makes /clock, so it cannot wait for it.
        self.every(1.0 / value_of(self, "state_rate_hz"), self._on_state)
        self.every(COLLISION_PERIOD_S, self._on_collision)
        self.get_logger().info("flying")

    def deactivate(self) -> None:
        """Hold the vehicle where it is."""
        self._open.clear()
        if self._worker is not None:
            self._worker.join(timeout=2.0)
        self._hold()

    def cleanup(self) -> None:
        """Hang up."""
        vehicle, self._vehicle = self._vehicle, None
        if vehicle is not None:
            try:
                vehicle.close()
            except (NaviSplitError, OSError) as error:
                self.get_logger().info(f"the simulator has gone already: {error}")

    def health(self) -> Health:
        """Pictures, commands, and whether the vehicle holds for want of one."""
        values = {"pictures": self._pictures, "refused: commands": self._refused}
        if self._odometry is None:
            return Health(WARN, "no odometry yet", values)
        holds = f"holding: no command for {self._command_s:g} s"
        return Health(WARN, holds, values) if self._holding else Health(OK, "flying", values)

    def _make_publishers(self) -> None:
        self._image = self.advertise(Image, "camera/image_raw", qos.SENSOR)
        self._info = self.advertise(CameraInfo, "camera/camera_info", qos.SENSOR)
        self._odom = self.advertise(OdometryMessage, "odom", qos.SENSOR)
        self._imu = self.advertise(Imu, "imu", qos.SENSOR)
        self._collision = self.advertise(Bool, "collision", qos.LATCHED)
        self._collision_object = self.advertise(String, "collision_object", qos.LATCHED)
        self._simulated_time = self.advertise(ClockMessage, "/clock", qos.SENSOR)
        self._frames = FramePublisher(self, self._camera.offset_x_m, CAMERA_FRAME)

    def _show_branch(self) -> None:
        self._sent = (0, 0)  # stamp of the newest frame whose packets were seen, and their bytes so far
        self.subscribe(String, "branch", self._on_branch, qos.STATE)
        self.subscribe(CompressedImage, "features", self._on_features, qos.PACKETS)

    def _work(self) -> None:
        """Take pictures."""
        vehicle = self._vehicle
        period_s = 1.0 / self._camera.rate_hz
        due_s = time.monotonic()
        while self._open.is_set():
            self._publish_picture(vehicle)
            self._pictures += 1
            due_s = max(due_s + period_s, time.monotonic() - period_s)  # a late frame does not make the next ones hurry
            time.sleep(max(due_s - time.monotonic(), 0.0))

    def _publish_picture(self, vehicle: Any) -> None:
        began_ns = time.monotonic_ns()
        stamp_ns, rgb, odometry = vehicle.camera()
        self._tell_odometry(odometry)  # the pose of this very picture, just before it
        self._show_frame(Frame(stamp_ns, rgb, odometry))
        self._trace.span("picture", stamp_ns, began_ns)

    def _publish_frame(self, frame: Frame) -> None:
        height, width = frame.picture.shape[:2]
        self._image.publish(messages.image_message(frame.picture, frame.stamp_ns, CAMERA_FRAME))
        intrinsics = self._camera.intrinsics.scaled(width, height)
        self._info.publish(messages.camera_info(intrinsics, frame.stamp_ns, CAMERA_FRAME))

    def _on_state(self) -> None:
        if not self._holding and time.monotonic() - self._commanded_s > self._command_s:
            self._hold()  # whoever commanded has gone
        odometry = self._vehicle.odometry()
        before, self._odometry = self._odometry, odometry
        self._tell_odometry(odometry)
        self._simulated_time.publish(ClockMessage(clock=messages.to_time(odometry.stamp_ns)))
        self._frames.publish(odometry)
        if before is not None and odometry.stamp_ns > before.stamp_ns:
            self._imu.publish(messages.imu_message(before, odometry))

    def _on_collision(self) -> None:
        collision = self._vehicle.collided()
        name = (collision.object_name or NAMELESS) if collision.has_collided else ""
        self._collision_object.publish(String(data=name))
        self._collision.publish(Bool(data=bool(collision.has_collided)))

    def _on_command(self, message: TwistStamped) -> None:
        try:
            command = messages.command_from(message, self._odometry)
        except ValueError as error:
            self._refuse(f"command dropped: {error}")
            return
        if not command.finite:
            self._refuse("command dropped: it is not finite")
            return
        self._commanded_s, self._holding = time.monotonic(), False
        began_ns = time.monotonic_ns()
        self._vehicle.send(command, self._command_s)
        self._trace.span("command", messages.from_time(message.header.stamp), began_ns)

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
        try:
            self._vehicle.print_message(key, text)
        except SimulatorError as error:  # an AirSim that has no screen: no reason to end a flight
            self.get_logger().warning(f"branch and bytes are not shown: {error}", once=True)

    def _refuse(self, text: str) -> None:
        self._refused += 1
        self.complain("command", text)

    def _hold(self) -> None:
        """Stop, and stay here until the next command."""
        self._holding = True
        try:
            self._vehicle.send(VelocityCommand.zero(), self._command_s)
            self._vehicle.hover()
        except (NaviSplitError, OSError) as error:
            self.get_logger().info(f"the simulator has gone already: {error}")


def main() -> int:
    """Entry point of ``ros2 run navisplit airsim_node``."""
    return run(AirsimNode)


if __name__ == "__main__":
    sys.exit(main())
