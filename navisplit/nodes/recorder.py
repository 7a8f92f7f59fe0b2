"""Writes topics into an MCAP bag: raw subscriptions, a bounded queue, and a thread that writes.

When the disk cannot keep up messages are lost and counted, and the flight goes on.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Bool, String, UInt8MultiArray

from navisplit.errors import UsageError
from navisplit.nodes import qos
from navisplit.nodes.worker import WorkerNode

TOPICS: tuple[tuple[str, type, QoSProfile], ...] = (
    ("camera/image_raw", Image, qos.SENSOR),
    ("camera/camera_info", CameraInfo, qos.SENSOR),
    ("odom", Odometry, qos.SENSOR),
    ("imu", Imu, qos.SENSOR),
    ("collision", Bool, qos.LATCHED),
    ("collision_object", String, qos.LATCHED),
    ("goal_pose", PoseStamped, qos.LATCHED),
    ("branch", String, qos.STATE),
    ("features", CompressedImage, qos.PACKETS),
    ("answer", UInt8MultiArray, qos.PACKETS),
    ("cmd_vel", TwistStamped, qos.SENSOR),
    ("edge/depth", Image, qos.SENSOR),
    ("edge/cmd_vel", TwistStamped, qos.SENSOR),
    ("/diagnostics", DiagnosticArray, qos.STATE),
)
DESCRIPTION, OUTCOME = "flight", "outcome"  # topics of what was asked for and what came of it: evaluate/bags.py
CAPACITY = 512  # messages between the executor and the disk


class Recorder:
    """Records from ``listen`` to ``close``. ``path`` is the .mcap file to write; one that exists is refused.

    ``description`` of the flight, where there is one, becomes the first message, on ``flight``; the ``outcome`` that
    ``close`` may get becomes the last. Without ``edge_topics`` what the edge says for people is left out.
    """

    def __init__(self, node: WorkerNode, path: Path, description: str = "", *, edge_topics: bool = True) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.typesys import Stores, get_typestore

        self._node, self._path = node, path
        self._folder = path.with_name(f"{path.name}.partial")
        if path.exists() or self._folder.exists():
            raise UsageError(
                f"{path if path.exists() else self._folder} exists already: choose another file to record to."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = Writer(self._folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._queue: queue.Queue[tuple[Any, int, bytes] | None] = queue.Queue(CAPACITY)
        self.lost = 0
        self._connections: list[tuple[type, str, QoSProfile, Any]] = []
        self._stopped = False
        types = get_typestore(Stores.ROS2_KILTED)
        for name, kind, profile in (t for t in TOPICS if edge_topics or not t[0].startswith("edge/")):
            topic = node.resolve_topic_name(name)
            typename = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
            connection = self._writer.add_connection(topic, typename, typestore=types)
            self._connections.append((kind, name, profile, connection))
        self._types = types
        if description:
            self._write_text(DESCRIPTION, description)
        self._thread = node.start_worker(self._write, "recorder")

    def listen(self) -> None:
        """Subscribe everything, until the node is deactivated."""
        for kind, name, profile, connection in self._connections:
            self._node.subscribe(kind, name, partial(self._put, connection), profile, raw=True)

    def _put(self, connection: Any, data: bytes) -> None:
        if self._stopped:
            return
        try:
            self._queue.put_nowait((connection, time.time_ns(), data))
        except queue.Full:
            self.lost += 1
            self._node.complain("disk", "the disk is too slow: messages are lost")

    def _write(self) -> None:
        try:
            while (entry := self._queue.get()) is not None:
                self._writer.write(*entry)
        except OSError as error:  # a full disk ends the recording, not the flight
            self._node.complain("disk", f"recording stopped: {error}")
            self._stopped = True

    def _write_text(self, name: str, text: str) -> None:
        topic, typename = self._node.resolve_topic_name(name), "std_msgs/msg/String"
        data = self._types.serialize_cdr(self._types.types[typename](data=text), typename)
        self._writer.write(self._writer.add_connection(topic, typename, typestore=self._types), time.time_ns(), data)

    def close(self, outcome: str = "") -> None:
        """Write what is queued and turn the bag into the one file that was asked for."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=5.0)
        self._thread.join(timeout=10.0)
        if outcome and not self._stopped:
            self._write_text(OUTCOME, outcome)
        self._writer.close()
        (written,) = self._folder.glob("*.mcap")
        written.replace(self._path)
        shutil.rmtree(self._folder)
        lost = f", {self.lost} messages lost" if self.lost else ""
        self._node.get_logger().info(f"recorded {self._path}{lost}")
