"""One edge server for many drones: who is served (``admission``), when (``schedule``), and by what (``server``).

``FleetServer`` belongs to one thread; packets reach it through an ``Inbox``, which any thread may fill.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from navisplit.config import FleetConfig
from navisplit.edge.admission import Admission
from navisplit.edge.schedule import Schedule
from navisplit.edge.server import EdgeServer, Frame, Reply
from navisplit.edge.traffic import Traffic

INBOX_PACKETS = 64  # of one drone; a frame has a handful


class Inbox:
    """Packets on their way to the worker: of each drone those of its newest frame, as a late answer helps nobody."""

    def __init__(self) -> None:
        self._packets: dict[str, tuple[int, list[bytes]]] = {}
        self._wake = threading.Condition()
        self._open = True

    @property
    def open(self) -> bool:
        """Whether packets are still wanted."""
        return self._open

    def put(self, drone: str, stamp_ns: int, packet: bytes) -> None:
        """A packet of the frame of that stamp."""
        with self._wake:
            newest, packets = self._packets.get(drone, (stamp_ns, []))
            if stamp_ns < newest:
                return
            if stamp_ns > newest:
                packets = []
            if len(packets) < INBOX_PACKETS:
                self._packets[drone] = (stamp_ns, [*packets, packet])
            self._wake.notify()

    def take(self, timeout_s: float) -> list[tuple[str, bytes]]:
        """All packets so far; waits for one up to ``timeout_s``, or until closed."""
        with self._wake:
            if not self._packets and self._open and timeout_s > 0:
                self._wake.wait(timeout_s)
            taken, self._packets = self._packets, {}
        return [(drone, packet) for drone, (_, packets) in taken.items() for packet in packets]

    def close(self) -> None:
        """No more packets; who waits is woken."""
        with self._wake:
            self._open = False
            self._wake.notify_all()


class FleetServer:
    """An ``EdgeServer`` shared by drones that come and go. ``now_ns`` is the server's own clock."""

    def __init__(self, server: EdgeServer, config: FleetConfig) -> None:
        self.server = server
        self.admission = Admission(config)
        self.traffic = Traffic() if config.common_map else None
        self.schedule: Schedule[Frame] = Schedule(round(config.deadline_s * 1e9), config.max_batch)

    def receive(self, drone: str, packet: bytes, now_ns: int) -> None:
        """Take one packet of a drone. Whatever the bytes are, nothing is raised, and only a valid one gets a seat."""
        features = self.server.accept(packet)
        if features is None or not self.admission.admit(drone, now_ns, self.schedule.cost_ns):
            return
        frame = self.server.collect(features, now_ns, drone)
        if self.traffic is not None:
            self.traffic.note(drone, features.state, now_ns)
        if frame is not None:
            self.schedule.offer(drone, frame, frame.arrived_ns)

    def work(self, clock: Callable[[], int]) -> list[Reply]:
        """One turn: the answers to the frames whose turn it is. Drones that have left are forgotten."""
        now_ns = clock()
        for drone in self.admission.leave(now_ns):
            self.server.reset(drone)
            self.schedule.forget(drone)
            if self.traffic is not None:
                self.traffic.forget(drone)
        for drone, frame in self.server.overdue(now_ns):
            self.schedule.offer(drone, frame, frame.arrived_ns)
        turn = self.schedule.turn(now_ns)
        if not turn:
            return []
        traffic = self.traffic
        replies = self.server.answer(turn, None if traffic is None else lambda drone: traffic.others(drone, now_ns))
        self.schedule.note(len(turn), clock() - now_ns)
        return replies

    def patience_ns(self, now_ns: int, most_ns: int) -> int:
        """How long to wait for packets before the next ``work``, at most ``most_ns``; 0 where frames wait already."""
        if len(self.schedule):
            return 0
        due_ns = self.server.due_ns()
        return most_ns if due_ns is None else min(max(due_ns - now_ns, 0), most_ns)

    def figures(self, drone: str) -> dict[str, int]:
        """What has become of a drone's frames so far, for its diagnostics."""
        session = self.server.session(drone)
        late = {"replaced": self.schedule.replaced[drone], "stale": self.schedule.stale[drone]}
        return {"answered": session.replies, **late, **{f"refused: {name}": n for name, n in session.refused.items()}}
