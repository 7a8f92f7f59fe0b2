"""A radio between two network interfaces, in user space: what ``tc netem`` is where the kernel has it.

Whole Ethernet frames go through ``navisplit.link.Link``, whatever is in them: DDS discovery, features, answers. The
interfaces are the near ends of two veth pairs whose far ends are in the namespaces of vehicle and edge.
"""

from __future__ import annotations

import array
import dataclasses
import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from navisplit.errors import NaviSplitError
from navisplit.link import Link, Profile

ETH_P_ALL, ETH_P_IPV4, PACKET_OUTGOING = 0x0003, 0x0800, 4  # linux/if_ether.h, linux/if_packet.h
UDP, TCP = 17, 6
_CHECKSUM_AT = {UDP: 6, TCP: 16}  # in the transport header
_ETHERNET, _LONGEST = 14, 65_535 + 14
_IDLE_S, _BURST = 0.2, 64


@dataclass
class Direction:
    """Frames from one interface to the other."""

    source: socket.socket
    target: socket.socket
    link: Link
    unsendable: int = 0


class Relay:
    """Both directions between two interfaces, each with its own randomness, from one seed."""

    def __init__(
        self,
        interfaces: tuple[str, str],
        radio: Profile,
        seed: int,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Open both interfaces. Raises NaviSplitError where one is missing or root's rights are."""
        radio = dataclasses.replace(radio, overhead_bytes=0)  # the frames have their headers with them
        a, b = (_open(name) for name in interfaces)
        start_ns, (there, back) = now_ns(), np.random.default_rng(seed).spawn(2)
        self.directions = (
            Direction(a, b, Link(radio, there, start_ns)),
            Direction(b, a, Link(radio, back, start_ns)),
        )
        self._now_ns = now_ns

    def run(self, stopped: Callable[[], bool]) -> None:
        """Relay until ``stopped``, which is asked several times a second."""
        with selectors.DefaultSelector() as selector:
            for direction in self.directions:
                selector.register(direction.source, selectors.EVENT_READ, direction)
            while not stopped():
                for key, _ in selector.select(self._patience_s()):
                    self._take(key.data)
                for direction in self.directions:
                    self._deliver(direction)

    def close(self) -> None:
        """Close both interfaces."""
        for direction in self.directions:
            direction.source.close()

    def _patience_s(self) -> float:
        """Until the next frame is due."""
        due = [at for d in self.directions if (at := d.link.next_arrival_ns) is not None]
        return min(_IDLE_S, max(0.0, (min(due) - self._now_ns()) * 1e-9)) if due else _IDLE_S

    def _take(self, direction: Direction) -> None:
        for _ in range(_BURST):
            try:
                frame, address = direction.source.recvfrom(_LONGEST)
            except OSError:  # no more for now, or the interface is down
                return
            if address[2] != PACKET_OUTGOING:  # what we have sent ourselves comes by here too
                direction.link.send(with_checksum(frame), self._now_ns())

    def _deliver(self, direction: Direction) -> None:
        for frame in direction.link.receive(self._now_ns()):
            try:
                direction.target.send(frame)
            except OSError:  # longer than the interface takes, or the interface is down
                direction.unsendable += 1


def _open(interface: str) -> socket.socket:
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    except PermissionError as error:
        raise NaviSplitError(
            "A relay between interfaces needs root's rights (CAP_NET_RAW): run it with sudo."
        ) from error
    try:
        opened.bind((interface, 0))
    except OSError as error:
        opened.close()
        known = ", ".join(name for _, name in socket.if_nameindex())
        raise NaviSplitError(f"Cannot open the interface '{interface}' ({error}). There are: {known}.") from error
    opened.setblocking(False)
    return opened


def with_checksum(frame: bytes) -> bytes:
    """An Ethernet frame with the checksum of its UDP or TCP in IPv4 worked out.

    A sender on a veth leaves that to hardware that is not there; the kernel of the far end would drop the frame.
    """
    if len(frame) < _ETHERNET + 20 or struct.unpack_from("!H", frame, 12)[0] != ETH_P_IPV4:
        return frame
    start = _ETHERNET + (frame[_ETHERNET] & 15) * 4
    end = _ETHERNET + struct.unpack_from("!H", frame, _ETHERNET + 2)[0]
    fragment = struct.unpack_from("!H", frame, _ETHERNET + 6)[0] & 0x3FFF
    protocol = frame[_ETHERNET + 9]
    at = start + _CHECKSUM_AT.get(protocol, 0)
    if fragment or protocol not in _CHECKSUM_AT or not at + 2 <= end <= len(frame):
        return frame  # a fragment's sender has summed the whole
    segment = bytearray(frame[start:end])
    segment[at - start : at - start + 2] = b"\0\0"
    pseudo = frame[_ETHERNET + 12 : _ETHERNET + 20] + struct.pack("!BBH", 0, protocol, len(segment))
    total = ~_ones_sum(pseudo + bytes(segment)) & 0xFFFF
    if protocol == UDP and total == 0:
        total = 0xFFFF  # RFC 768: 0 would mean that there is none
    return frame[:at] + struct.pack("!H", total) + frame[at + 2 :]


def _ones_sum(data: bytes) -> int:
    """RFC 1071: the one's complement sum of 16-bit words."""
    words = array.array("H", data + b"\0" * (len(data) % 2))
    words.byteswap()  # network order, on a little-endian machine
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
