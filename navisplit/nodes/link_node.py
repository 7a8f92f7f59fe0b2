"""The emulated radio between vehicle and edge: ``features`` to ``edge/features``, ``edge/answer`` to ``answer``."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import UInt8MultiArray

from navisplit.link import Link, Profile, profile
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import OK, Health
from navisplit.nodes.parameters import declare, value_of
from navisplit.nodes.runtime import run
from navisplit.nodes.worker import WorkerNode

IDLE_S = 0.5


class StampedPacket(bytes):
    """A packet that remembers the stamp of the message it came in; one with bit errors does not."""

    stamp_ns: int = 0


class Radio:
    """One direction: packets go in from a callback and come out, when they are due, in a thread of its own."""

    def __init__(self, link: Link, deliver: Callable[[bytes], None]) -> None:
        self._link = link
        self._deliver = deliver
        self._wake = threading.Condition()
        self._open = True
        self.sent = self.delivered = 0  # packets; the difference was lost, or is under way

    def send(self, packet: bytes) -> None:
        """Hand a packet to the radio."""
        with self._wake:
            self.sent += 1
            self._link.send(packet, time.monotonic_ns())
            self._wake.notify()

    def become(self, profile: Profile) -> None:
        """Be another radio from the next packet on."""
        with self._wake:
            self._link.profile = profile

    def work(self) -> None:
        """Deliver packets until closed."""
        while self._open:
            with self._wake:
                due_ns = self._link.next_arrival_ns
                wait_s = IDLE_S if due_ns is None else (due_ns - time.monotonic_ns()) * 1e-9
                if wait_s > 0:
                    self._wake.wait(wait_s)
                packets = self._link.receive(time.monotonic_ns()) if self._open else []
            for packet in packets:
                self.delivered += 1
                self._deliver(packet)

    def close(self) -> None:
        """Stop; what is under way is lost."""
        with self._wake:
            self._open = False
            self._wake.notify()


class LinkNode(WorkerNode):
    """Two radios of one profile, each with its own randomness."""

    def __init__(self, profile_of: Callable[[str], Profile] = profile, **node_arguments: Any) -> None:
        super().__init__("link_node", **node_arguments)
        self._profile_of = profile_of
        declare(self, "profile", "none", "the radio, as --link has it", live=True)
        declare(self, "seed", 0, "seed of the radio's randomness", low=0)
        self._radios: tuple[Radio, ...] = ()
        self._workers: list[threading.Thread] = []

    def configure(self) -> None:
        """Find the profile."""
        self._profile = self._profile_of(value_of(self, "profile"))
        self._features = self.advertise(CompressedImage, "edge/features", qos.PACKETS)
        self._answers = self.advertise(UInt8MultiArray, "answer", qos.PACKETS)

    def activate(self) -> None:
        """Switch both radios on, anew."""
        chosen = self._profile
        up, down = np.random.default_rng(value_of(self, "seed")).spawn(2)
        start_ns = time.monotonic_ns()  # both directions meet the same outages
        to_edge, to_vehicle = (Link(chosen, rng, start_ns) for rng in (up, down))
        self._radios = (Radio(to_edge, self._to_edge), Radio(to_vehicle, self._to_vehicle))
        self._workers = [self.start_worker(radio.work, "radio") for radio in self._radios]
        self.subscribe(CompressedImage, "features", self._on_features, qos.PACKETS)
        self.subscribe(UInt8MultiArray, "edge/answer", self._on_answer, qos.PACKETS)
        self._tell(chosen)

    def deactivate(self) -> None:
        """Stop both radios."""
        for radio in self._radios:
            radio.close()
        for worker in self._workers:
            worker.join(timeout=1.0)

    def check(self, name: str, value: Any) -> None:
        """The radio must be one."""
        if name == "profile":
            self._profile_of(str(value))

    def change(self, name: str, value: Any) -> None:
        """Another radio from now on; what is under way arrives as it was sent."""
        if name == "profile":
            self._profile = self._profile_of(str(value))
            for radio in self._radios:
                radio.become(self._profile)
            self._tell(self._profile)

    def _tell(self, chosen: Profile) -> None:
        self.get_logger().info(f"link {chosen.name}, {chosen.loss_rate:.1%} lost in the long run")

    def health(self) -> Health:
        """What went in and came out, both ways."""
        values: dict[str, Any] = {"profile": self._profile.name}
        for name, radio in zip(("up", "down"), self._radios, strict=True):
            values |= {f"{name} sent": radio.sent, f"{name} delivered": radio.delivered}
            values[f"{name} loss"] = f"{1.0 - radio.delivered / radio.sent:.1%}" if radio.sent else "0.0%"
        return Health(OK, f"link {self._profile.name}", values)

    def _on_features(self, message: CompressedImage) -> None:
        packet = StampedPacket(message.data)
        packet.stamp_ns = messages.from_time(message.header.stamp)
        self._radios[0].send(packet)

    def _to_edge(self, packet: bytes) -> None:
        stamp_ns = packet.stamp_ns if isinstance(packet, StampedPacket) else 0
        self._features.publish(messages.feature_message(packet, stamp_ns))

    def _on_answer(self, message: UInt8MultiArray) -> None:
        self._radios[1].send(bytes(message.data))

    def _to_vehicle(self, packet: bytes) -> None:
        self._answers.publish(messages.answer_message(packet))


def main() -> int:
    """Entry point of ``ros2 run navisplit link_node``."""
    return run(LinkNode)


if __name__ == "__main__":
    sys.exit(main())
