"""The frames of a vehicle on ``/tf``: map -> odom -> base_link -> camera_optical (REP-105).

tf2_msgs has no wheel, so that a ROS 2 from wheels cannot publish it; the pose is in ``odom`` all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped, Vector3
from rclpy.qos import QoSProfile

from navisplit.frames import OPTICAL_QUATERNION, Odometry
from navisplit.nodes import messages, qos
from navisplit.nodes.worker import WorkerNode

try:
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None
IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])


class FramePublisher:
    """Publishes the static frames once and the vehicle's pose with every odometry; does nothing without tf2_msgs."""

    def __init__(self, node: WorkerNode, camera_offset_x_m: float, camera_frame: str) -> None:
        self._dynamic: Any = None
        if TFMessage is None:
            node.get_logger().info("tf2_msgs is not installed: no /tf, poses are in odom")
            return
        self._dynamic = node.advertise(TFMessage, "/tf", QoSProfile(depth=100))
        static = node.advertise(TFMessage, "/tf_static", qos.LATCHED)
        offset = np.array([camera_offset_x_m, 0.0, 0.0])
        fixed = [
            _transform("map", "odom", np.zeros(3), IDENTITY, 0),
            _transform("base_link", camera_frame, offset, OPTICAL_QUATERNION, 0),
        ]
        self._static = (static, TFMessage(transforms=fixed))

    def activate(self) -> None:
        """Publish the frames that never move."""
        if self._dynamic is not None:
            self._static[0].publish(self._static[1])

    def publish(self, odometry: Odometry) -> None:
        """Publish odom -> base_link."""
        if self._dynamic is not None:
            pose = _transform("odom", "base_link", odometry.position, odometry.orientation, odometry.stamp_ns)
            self._dynamic.publish(TFMessage(transforms=[pose]))


def _transform(parent: str, child: str, position: Any, orientation: Any, stamp_ns: int) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, messages.to_time(stamp_ns)
    x, y, z = (float(v) for v in position)
    message.transform.translation = Vector3(x=x, y=y, z=z)
    message.transform.rotation = messages.to_quaternion(orientation)
    return message
