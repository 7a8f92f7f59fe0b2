"""The drones of an edge server as topics: named one by one, or found in the graph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from geometry_msgs.msg import TwistStamped
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import UInt8MultiArray

from navisplit.arguments import absolute_namespace
from navisplit.edge.server import Reply
from navisplit.formation import ANYONE
from navisplit.nodes import messages, qos
from navisplit.nodes.traffic import CountedPublisher
from navisplit.nodes.worker import WorkerNode

MAX_CHANNELS = 64  # of drones found: a graph full of strange topics must not fill the memory
FEATURES_TYPE = "sensor_msgs/msg/CompressedImage"
OnPacket = Callable[[str, CompressedImage], None]


@dataclass
class Channel:
    """The topics of one drone."""

    answer: CountedPublisher
    depth: CountedPublisher
    command: CountedPublisher
    features: Subscription | None = None  # while the node is active

    def show(self, reply: Reply) -> None:
        """For people and bags, what an answer was made from."""
        stamp_ns = reply.packet.stamp_ns
        self.command.publish(messages.command_message(reply.command, stamp_ns))
        if reply.depth is not None and self.depth.get_subscription_count() > 0:
            self.depth.publish(messages.depth_message(reply.depth.depth, stamp_ns, "camera_optical"))


class Drones:
    """Channels to the drones that ``wanted`` names: empty, the node's own; names with commas; ``*``, whoever sends.

    ``direct``: there is no radio node between, so that the packets are those of ``features`` and ``answer``.
    """

    def __init__(self, node: WorkerNode, wanted: str, direct: bool, on_packet: OnPacket) -> None:
        """Raises UsageError for a name that is none of ROS."""
        self._node, self._on_packet = node, on_packet
        self._topics = ("features", "answer") if direct else ("edge/features", "edge/answer")
        self._lock = threading.Lock()  # channels come and go in the executor's thread, answers in the worker's
        self._channels: dict[str, Channel] = {}
        self._any = wanted.strip() == ANYONE
        names = [] if self._any else [absolute_namespace(name.strip()) for name in wanted.split(",") if name.strip()]
        self._named = () if self._any else tuple(names or [node.get_namespace()])
        for drone in self._named:
            self._channels[drone] = self._advertise(drone)

    def __str__(self) -> str:
        """For the log."""
        return "whoever sends features" if self._any else ", ".join(self._named)

    def open(self) -> None:
        """Hear the drones that are known, until the node is deactivated."""
        with self._lock:
            for drone, channel in self._channels.items():
                channel.features = self._subscribe(drone)

    def find(self) -> None:
        """With ``*``: open channels to drones that have come, close those of drones that have gone. Else nothing."""
        if not self._any:
            return
        senders = self._senders()
        with self._lock:
            for drone in self._channels.keys() - senders:
                channel = self._channels.pop(drone)
                for made in (channel.features, channel.answer, channel.depth, channel.command):
                    if made is not None:
                        self._node.retract(made)
            for drone in sorted(senders - self._channels.keys())[: MAX_CHANNELS - len(self._channels)]:
                self._channels[drone] = self._advertise(drone)
                self._channels[drone].features = self._subscribe(drone)

    def answer(self, drone: str, data: bytes) -> None:
        """Send an answer to its drone, unless that has gone meanwhile."""
        with self._lock:
            channel = self._channels.get(drone)
            if channel is not None:
                channel.answer.publish(messages.answer_message(data))

    def show(self, reply: Reply) -> None:
        """Publish what an answer was made from."""
        with self._lock:
            channel = self._channels.get(reply.source)
            if channel is not None:
                channel.show(reply)

    def _senders(self) -> set[str]:
        ending = f"/{self._topics[0]}"
        found = set()
        for topic, types in self._node.get_topic_names_and_types():
            drone = topic.removesuffix(ending)
            ours = drone and drone != topic and FEATURES_TYPE in types and not drone.endswith("/edge")
            if ours and self._node.count_publishers(topic) > 0:
                found.add(drone)
        return found

    def _prefix(self, drone: str) -> str:
        """The node's own topics stay relative, so that they can be remapped as everywhere in ROS."""
        return "" if drone == self._node.get_namespace() else f"{drone}/"

    def _advertise(self, drone: str) -> Channel:
        prefix, advertise = self._prefix(drone), self._node.advertise
        return Channel(
            answer=advertise(UInt8MultiArray, prefix + self._topics[1], qos.PACKETS),
            depth=advertise(Image, f"{prefix}edge/depth", qos.SENSOR),
            command=advertise(TwistStamped, f"{prefix}edge/cmd_vel", qos.SENSOR),
        )

    def _subscribe(self, drone: str) -> Subscription:
        def on_packet(message: CompressedImage) -> None:
            self._on_packet(drone, message)

        return self._node.subscribe(CompressedImage, self._prefix(drone) + self._topics[0], on_packet, qos.PACKETS)
