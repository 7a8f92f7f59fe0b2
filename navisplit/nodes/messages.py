"""ROS messages from our types and back.

Buffers go by ``array.array``: assigning a numpy array or a list is 1,000 times slower.
"""

from __future__ import annotations

import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PoseStamped, Quaternion, TwistStamped, Vector3
from nav_msgs.msg import Odometry as OdometryMessage
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import UInt8MultiArray

from navisplit.frames import Intrinsics, Odometry, Vector, VelocityCommand, rotation_matrix

WORLD_FRAMES = ("odom", "map")
BODY_FRAMES = ("", "base_link")
FEATURE_FORMAT = "navisplit/1"
STANDARD_GRAVITY = 9.80665  # m/s^2, CODATA


def to_time(stamp_ns: int) -> Time:
    """Nanoseconds to a ROS stamp."""
    return Time(sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)


def from_time(stamp: Time) -> int:
    """A ROS stamp to nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def image_message(rgb: NDArray[np.uint8], stamp_ns: int, frame: str) -> Image:
    """(H, W, 3) sRGB to ``rgb8``."""
    message = Image(height=rgb.shape[0], width=rgb.shape[1], encoding="rgb8", step=rgb.shape[1] * 3)
    message.header.stamp, message.header.frame_id = to_time(stamp_ns), frame
    message.data = array.array("B", np.ascontiguousarray(rgb).tobytes())
    return message


def image_array(message: Image) -> NDArray[np.uint8]:
    """``rgb8`` or ``bgr8`` to (H, W, 3) RGB. Raises ValueError on another encoding or a wrong size."""
    if message.encoding not in ("rgb8", "bgr8"):
        raise ValueError(f"image encoding '{message.encoding}': expected rgb8 or bgr8")
    if message.step < message.width * 3 or len(message.data) != message.step * message.height:
        raise ValueError(f"image of {len(message.data)} bytes does not hold {message.width}x{message.height} pixels")
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * 3].reshape(message.height, message.width, 3)
    return pixels if message.encoding == "rgb8" else pixels[..., ::-1]


def depth_message(depth: NDArray[np.float32], stamp_ns: int, frame: str) -> Image:
    """(H, W) metres to ``32FC1`` (REP-118)."""
    message = Image(height=depth.shape[0], width=depth.shape[1], encoding="32FC1", step=depth.shape[1] * 4)
    message.header.stamp, message.header.frame_id = to_time(stamp_ns), frame
    message.data = array.array("B", np.ascontiguousarray(depth, "<f4").tobytes())
    return message


def depth_array(message: Image) -> NDArray[np.float32]:
    """``32FC1`` to (H, W) metres. Raises ValueError on a wrong size."""
    return np.frombuffer(message.data, "<f4").reshape(message.height, message.width)


def camera_info(intrinsics: Intrinsics, stamp_ns: int, frame: str) -> CameraInfo:
    """A pinhole camera without distortion."""
    message = CameraInfo(width=intrinsics.width, height=intrinsics.height, distortion_model="plumb_bob", d=[0.0] * 5)
    message.header.stamp, message.header.frame_id = to_time(stamp_ns), frame
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    message.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def odometry_message(odometry: Odometry, frame: str = "odom", child: str = "base_link") -> OdometryMessage:
    """Pose in ``frame``; the twist in ``child``, as nav_msgs has it."""
    message = OdometryMessage(child_frame_id=child)
    message.header.stamp, message.header.frame_id = to_time(odometry.stamp_ns), frame
    message.pose.pose.position = Point(**_xyz(odometry.position))
    message.pose.pose.orientation = to_quaternion(odometry.orientation)
    message.twist.twist.linear = Vector3(**_xyz(rotation_matrix(odometry.orientation).T @ odometry.velocity))
    message.twist.twist.angular = Vector3(**_xyz(odometry.angular_rate))
    return message


def imu_message(before: Odometry, now: Odometry, frame: str = "base_link") -> Imu:
    """Orientation, rates and the specific force (REP-145: +g at rest) from two states in a row."""
    message = Imu()
    message.header.stamp, message.header.frame_id = to_time(now.stamp_ns), frame
    message.orientation = to_quaternion(now.orientation)
    message.angular_velocity = Vector3(**_xyz(now.angular_rate))
    acceleration = (now.velocity - before.velocity) / ((now.stamp_ns - before.stamp_ns) * 1e-9)
    force = rotation_matrix(now.orientation).T @ (acceleration + np.array([0.0, 0.0, STANDARD_GRAVITY]))
    message.linear_acceleration = Vector3(**_xyz(force))
    return message


def odometry_from(message: OdometryMessage) -> Odometry:
    """The inverse of ``odometry_message``: velocity back in the world frame."""
    orientation = from_quaternion(message.pose.pose.orientation)
    twist = message.twist.twist
    return Odometry(
        stamp_ns=from_time(message.header.stamp),
        position=from_xyz(message.pose.pose.position),
        orientation=orientation,
        velocity=rotation_matrix(orientation) @ from_xyz(twist.linear),
        angular_rate=from_xyz(twist.angular),
    )


def command_message(command: VelocityCommand, stamp_ns: int) -> TwistStamped:
    """A command in ``odom``. ``stamp_ns``: capture time of the frame it answers."""
    message = TwistStamped()
    message.header.stamp, message.header.frame_id = to_time(stamp_ns), WORLD_FRAMES[0]
    message.twist.linear = Vector3(**_xyz(command.velocity))
    message.twist.angular.z = float(command.yaw_rate)
    return message


def command_from(message: TwistStamped, odometry: Odometry | None) -> VelocityCommand:
    """A command in ``odom`` from one in ``odom``, ``map``, ``base_link`` or no frame (body). Raises ValueError."""
    frame = message.header.frame_id
    velocity = from_xyz(message.twist.linear)
    if frame in BODY_FRAMES:
        if odometry is None:
            raise ValueError("command in the body frame before the first odometry")
        velocity = rotation_matrix(odometry.orientation) @ velocity
    elif frame not in WORLD_FRAMES:
        raise ValueError(f"command in frame '{frame}': expected odom, map, base_link or none (body)")
    return VelocityCommand(velocity, float(message.twist.angular.z))


def goal_message(goal: Vector) -> PoseStamped:
    """A goal in ``map``."""
    message = PoseStamped()
    message.header.frame_id = WORLD_FRAMES[1]
    message.pose.position = Point(**_xyz(goal))
    return message


def feature_message(packet: bytes, stamp_ns: int) -> CompressedImage:
    """One packet of features; the stamp is the frame's capture time."""
    message = CompressedImage(format=FEATURE_FORMAT, data=array.array("B", packet))
    message.header.stamp = to_time(stamp_ns)
    return message


def answer_message(packet: bytes) -> UInt8MultiArray:
    """One answer packet."""
    return UInt8MultiArray(data=array.array("B", packet))


def to_quaternion(orientation: NDArray[np.float64]) -> Quaternion:
    """(x, y, z, w) to a message."""
    x, y, z, w = (float(v) for v in orientation)
    return Quaternion(x=x, y=y, z=z, w=w)


def from_quaternion(q: Quaternion) -> NDArray[np.float64]:
    """A message to (x, y, z, w)."""
    return np.array([q.x, q.y, q.z, q.w])


def from_xyz(v: Point | Vector3) -> Vector:
    """Point or Vector3 to (3,)."""
    return np.array([v.x, v.y, v.z])


def _xyz(vector: Vector) -> dict[str, float]:
    return {"x": float(vector[0]), "y": float(vector[1]), "z": float(vector[2])}
