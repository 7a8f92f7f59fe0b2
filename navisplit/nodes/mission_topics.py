"""What the mission listens to: topics of the vehicle and the edge, turned into calls of a FlightLog."""

from __future__ import annotations

import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String, UInt8MultiArray

from navisplit import wire
from navisplit.errors import PacketError
from navisplit.evaluate.flight_log import FlightLog
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, of_part
from navisplit.nodes.worker import WorkerNode


def listen(
    node: WorkerNode,
    log: FlightLog,
    key: bytes | None,
    now_ns: Callable[[], int] = time.monotonic_ns,
    *,
    edge_topics: bool = True,
) -> None:
    """Subscribe everything that the log wants to know; of ``edge_topics`` only where the edge is on this machine."""

    def on_odometry(message: OdometryMessage) -> None:
        log.on_odometry(messages.odometry_from(message), now_ns())

    def on_features(message: CompressedImage) -> None:
        log.on_packet(messages.from_time(message.header.stamp), len(message.data))

    def on_command(message: TwistStamped) -> None:
        log.on_command(messages.from_time(message.header.stamp), now_ns())

    def on_answer(message: UInt8MultiArray) -> None:
        try:
            log.model_hash = wire.decode(bytes(message.data), key).model_hash
        except PacketError:
            pass  # the guard counts what is refused

    def on_diagnostics(array: DiagnosticArray) -> None:
        for status in of_part(node, "guard", array):
            log.on_guard(status.message, {pair.key: int(pair.value) for pair in status.values if pair.value.isdigit()})
        for status in of_part(node, "edge", array):
            log.on_edge(status.message if status.level == ERROR else "", now_ns())

    node.subscribe(OdometryMessage, "odom", on_odometry, qos.SENSOR)
    node.subscribe(CompressedImage, "features", on_features, qos.PACKETS)
    node.subscribe(String, "branch", lambda m: log.on_branch(m.data), qos.STATE)
    node.subscribe(TwistStamped, "cmd_vel", on_command, qos.SENSOR)
    node.subscribe(UInt8MultiArray, "answer", on_answer, qos.PACKETS)
    node.subscribe(String, "collision_object", lambda m: log.on_collision(m.data), qos.LATCHED)
    node.subscribe(Image, "camera/image_raw", lambda m: log.on_image(messages.image_array(m)), qos.SENSOR)
    if edge_topics:
        node.subscribe(Image, "edge/depth", lambda m: log.on_depth(messages.depth_array(m)), qos.SENSOR)
    node.subscribe(DiagnosticArray, "/diagnostics", on_diagnostics, qos.STATE)
