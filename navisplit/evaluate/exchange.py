"""Both directions of the link with the edge server between them, in simulated time: what the nodes do in real time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from navisplit.edge.server import EdgeServer, Reply
from navisplit.evaluate.interference import Interference
from navisplit.link import Link, Profile


@dataclass(frozen=True)
class Arrived:
    """What came about by now."""

    replies: list[Reply]  # made at the edge
    answers: list[bytes]  # heard at the vehicle


class Exchange:
    """Packets up, answers down. The edge takes ``edge_s`` for an answer and leaves what comes meanwhile waiting."""

    def __init__(
        self,
        radio: Profile,
        up: np.random.Generator,
        down: np.random.Generator,
        server: EdgeServer,
        edge_s: float,
        faults: Interference | None = None,
    ) -> None:
        """Links of one profile, each with its own randomness, and outages and traces from time 0."""
        self.uplink, self.downlink = Link(radio, up, start_ns=0), Link(radio, down, start_ns=0)
        self._server = server
        self._faults = faults or Interference("", np.random.default_rng(0))  # between the parties, on order
        self._edge_ns = round(edge_s * 1e9)
        self._edge_free_ns = 0
        self._leaving: list[tuple[int, Link, bytes]] = []  # computed later than now
        self._waiting: list[bytes] = []  # at the edge

    def send(self, packets: Sequence[bytes], leave_ns: int) -> None:
        """Packets for the uplink, once the head is done with them."""
        self._leaving += [(leave_ns, self.uplink, packet) for packet in packets]

    def events_ns(self) -> list[int]:
        """Times at which ``advance`` next has something to do."""
        events = [at for at, _, _ in self._leaving]
        events += [at for at in (self.uplink.next_arrival_ns, self.downlink.next_arrival_ns) if at is not None]
        due_ns = self._server.due_ns()
        events += [] if due_ns is None else [max(due_ns, self._edge_free_ns)]
        return events + ([self._edge_free_ns] if self._waiting else [])

    def advance(self, now_ns: int) -> Arrived:
        """Let happen what is due by ``now_ns``."""
        due = [entry for entry in self._leaving if entry[0] <= now_ns]
        self._leaving = [entry for entry in self._leaving if entry[0] > now_ns]
        for _, link, data in due:
            link.send(data, now_ns)
        faults = self._faults
        for data in self.uplink.receive(now_ns):
            faults.features.send(data, now_ns)
        self._waiting += faults.features.receive(now_ns)
        replies = self._serve(now_ns) if now_ns >= self._edge_free_ns else []
        for reply in replies:
            faults.edge.send(reply.answer, now_ns)
        self._leaving += [(now_ns + self._edge_ns, self.downlink, data) for data in faults.edge.receive(now_ns)]
        for data in self.downlink.receive(now_ns):
            faults.answer.send(data, now_ns)
        return Arrived(replies, faults.answer.receive(now_ns))

    def _serve(self, now_ns: int) -> list[Reply]:
        """The edge takes what has come while it was busy: of that, the newest frame."""
        replies = [*self._server.receive_all(self._waiting, now_ns), *self._server.poll(now_ns)]
        self._waiting = []
        if replies:
            self._edge_free_ns = now_ns + self._edge_ns
        return replies
