"""The radio between interfaces: checksums that the far kernel accepts, and one radio for both directions."""

from __future__ import annotations

import socket
import struct
import types

import pytest

from navisplit.cli import relay
from navisplit.cli.link import describe
from navisplit.cli.relay import Relay, with_checksum
from navisplit.errors import NaviSplitError
from navisplit.link import profile

MS = 10**6


def frame(payload: bytes, *, checksum: int = 0xBAD0, protocol: int = 17, fragment: int = 0) -> bytes:
    """UDP from 10.77.0.1:7400 to 10.77.0.2:7410 in IPv4 in Ethernet, as a veth hands it over."""
    udp = struct.pack("!HHHH", 7400, 7410, 8 + len(payload), checksum) + payload
    ip = struct.pack("!BBHHHBBH4B4B", 0x45, 0, 20 + len(udp), 1, fragment, 64, protocol, 0, 10, 77, 0, 1, 10, 77, 0, 2)
    return bytes(12) + b"\x08\x00" + ip + udp


def sums_to_zero(data: bytes) -> bool:
    """RFC 1071: with the right checksum the one's complement sum of pseudo header and datagram is all ones."""
    pseudo = data[26:34] + struct.pack("!BBH", 0, data[23], len(data) - 34)
    words = struct.unpack(f"!{(len(pseudo) + len(data) - 34 + 1) // 2}H", pseudo + data[34:] + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


@pytest.mark.parametrize("payload", [b"", b"odd", b"even", bytes(range(256)) * 5])
def test_a_checksum_left_to_hardware_is_worked_out_and_nothing_else_changes(payload):
    sent = frame(payload)
    whole = with_checksum(sent)
    assert sums_to_zero(whole) and not sums_to_zero(sent)
    assert whole[:40] == sent[:40] and whole[42:] == sent[42:]
    assert with_checksum(whole) == whole


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"short",
        bytes(12) + b"\x08\x06" + bytes(46),  # ARP
        frame(b"x" * 50, fragment=0x2000),
        frame(b"x" * 50, protocol=1),  # ICMP
        frame(b"x" * 50)[:38],  # cut
    ],
)
def test_what_has_no_such_checksum_passes_as_it_is(other):
    assert with_checksum(other) == other


class Wire:
    """In the place of an interface: a pair of datagram sockets, one end the test's."""

    def __init__(self, pair, name):
        self.inner, self.outer, self.name = *pair, name

    def recvfrom(self, size):
        return self.inner.recv(size), ("x", 0, 0)

    def __getattr__(self, name):
        return getattr(self.inner, name)


@pytest.fixture
def wires(monkeypatch):
    made = {}

    def fake(name):
        made[name] = Wire(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM), name)
        made[name].inner.setblocking(False)
        made[name].outer.settimeout(5.0)
        return made[name]

    monkeypatch.setattr(relay, "_open", fake)
    yield made
    for wire in made.values():
        wire.inner.close()
        wire.outer.close()


def run(relayed: Relay, until) -> None:
    asked = iter(range(10_000))
    relayed.run(lambda: until() or next(asked) > 9_000)


def test_frames_cross_both_ways_after_the_latency(wires):
    clock = types.SimpleNamespace(ns=0)
    relayed = Relay(("a", "b"), profile("latency=30ms"), 0, now_ns=lambda: clock.ns)
    wires["a"].outer.send(frame(b"there"))
    wires["b"].outer.send(frame(b"back"))
    sent = lambda: all(d.link.stats.sent_packets for d in relayed.directions)  # noqa: E731
    run(relayed, sent)
    wires["b"].outer.settimeout(0.05)
    with pytest.raises(TimeoutError):
        wires["b"].outer.recv(2000)
    clock.ns = 30 * MS
    run(relayed, lambda: all(d.link.stats.received_packets for d in relayed.directions))
    assert wires["b"].outer.recv(2000)[42:] == b"there" and wires["a"].outer.recv(2000)[42:] == b"back"


def test_a_dead_radio_relays_nothing(wires):
    relayed = Relay(("a", "b"), profile("none,loss=100%"), 0, now_ns=lambda: 0)
    wires["a"].outer.send(frame(b"there"))
    run(relayed, lambda: relayed.directions[0].link.stats.lost_packets == 1)
    wires["b"].outer.settimeout(0.05)
    with pytest.raises(TimeoutError):
        wires["b"].outer.recv(2000)


def test_an_interface_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(NaviSplitError, match=r"root's rights|'no_such0' .*There are: .*lo"):
        Relay(("no_such0", "lo"), profile("none"), 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("none", "no limit of bandwidth"),
        ("wifi-far", "2000 kbit/s, 5 ms, jitter 8 ms, 5.2% lost in fades of 0.1 s"),
        ("outage=1,every=4,backlog=1,ber=1e-5,reorder=2%", "bit errors 1e-05, out for 1 s of every 4, kept meanwhile"),
    ],
)
def test_a_radio_is_told_in_one_line(text, told):
    assert told in describe(profile(text)) and "\n" not in describe(profile(text))


def test_a_trace_is_told_with_its_length_and_digest(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("time_s,loss\n0,0\n5,0.1\n")
    assert f"a trace of loss, 10 s long, looped; {profile(str(path)).digest}" in describe(profile(str(path)))
