"""The edge server: packets in, answers out, one session for each drone.

Bytes come from a radio and are never trusted: a refused packet is counted by the name of its error and otherwise
ignored. There is no queue. A newer frame replaces an unfinished older one, what is older than the last answer is
dropped, and of packets that come together only the newest frame's are worked on: after an outage a radio delivers
what it has kept all at once, and an answer to an old frame would only delay the newest one's.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from navisplit import wire
from navisplit.config import CameraConfig
from navisplit.edge.depth_source import Decoded, DepthSource, infer_all
from navisplit.edge.memory import DepthMemory
from navisplit.edge.policies import DepthImage, Policy, View
from navisplit.edge.refusals import InconsistentSlices, NotFeatures, NotFinite, OldFrame, Replayed, WrongModel
from navisplit.edge.traffic import Neighbour, drawn_into, give_way
from navisplit.errors import PacketError
from navisplit.frames import VelocityCommand

SLICE_TIMEOUT_NS = 30_000_000
RESTART_AFTER_NS = 1_000_000_000
"""A drone silent this long may start again at any sequence number."""
MAX_SESSIONS = 64
OthersOf = Callable[[str], list[Neighbour]]
_MAX_CLEARANCE_M = 655.0  # what an answer can say


@dataclass(frozen=True)
class Reply:
    """An answer, and what it was made from (for people, bags and reports)."""

    answer: bytes
    packet: wire.AnswerPacket
    depth: DepthImage | None
    state: wire.VehicleState
    source: str
    decode_ns: int  # wall clock, for diagnostics only
    infer_ns: int  # of the whole batch
    plan_ns: int

    @property
    def command(self) -> VelocityCommand:
        """The command in the answer."""
        return self.packet.command


@dataclass
class Frame:
    """Slices of one frame so far."""

    first: wire.FeaturePacket
    slices: list[bytes | None]
    arrived_ns: int

    @property
    def complete(self) -> bool:
        """Whether no slice is missing."""
        return all(s is not None for s in self.slices)


@dataclass
class Session:
    """One drone."""

    policy: Policy
    memory: DepthMemory
    frame: Frame | None = None
    answered: int = -1  # newest sequence answered
    answered_stamp_ns: int = -1  # its capture stamp; not forgotten when the drone starts again
    heard_ns: int | None = None
    refused: Counter[str] = field(default_factory=Counter)
    replies: int = 0


class EdgeServer:
    """Reassembles frames, infers depth, asks the policy, answers. ``now_ns`` is the server's own clock."""

    def __init__(
        self,
        depth_source: DepthSource,
        policy_factory: Callable[[], Policy],
        camera: CameraConfig,
        model_hash: int,
        *,
        key: bytes | None = None,
    ) -> None:
        self.depth_source = depth_source
        self.camera = camera
        self.model_hash = model_hash
        self.refused: Counter[str] = Counter()  # of all drones, by name of the error
        self.last_refusal = ""  # the newest error's message
        self._policy_factory = policy_factory
        self._key = key
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def session(self, source: str = "") -> Session:
        """The session of a drone; made when first asked for, the longest silent one forgotten beyond MAX_SESSIONS."""
        if source not in self._sessions:
            self._sessions[source] = Session(self._policy_factory(), DepthMemory(self.camera))
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(source)
        return self._sessions[source]

    def receive(self, data: bytes, now_ns: int, source: str = "") -> Reply | None:
        """Take one packet; the answer when it completes a frame. Whatever the bytes are, nothing is raised."""
        packet = self.accept(data)
        frame = None if packet is None else self.collect(packet, now_ns, source)
        return None if frame is None else next(iter(self.answer([(source, frame)])), None)

    def receive_all(self, batch: Sequence[bytes], now_ns: int, source: str = "") -> list[Reply]:
        """Take what has come meanwhile, in the order of its arrival: the newest frame's packets. Nothing is raised."""
        packets = [packet for data in batch if (packet := self.accept(data)) is not None]
        newest = max((packet.sequence for packet in packets), default=0)
        kept = [packet for packet in packets if packet.sequence == newest]
        if len(kept) < len(packets):
            for counter in (self.refused, self.session(source).refused):
                counter[OldFrame.__name__] += len(packets) - len(kept)
        frames = [frame for packet in kept if (frame := self.collect(packet, now_ns, source)) is not None]
        return self.answer([(source, frame) for frame in frames])

    def accept(self, data: bytes) -> wire.FeaturePacket | None:
        """A packet of features of this server's branch set; None, and counted, for any other bytes."""
        try:
            return self._check(wire.decode(data, self._key))
        except PacketError as error:
            self._count(error)
            return None

    def collect(self, packet: wire.FeaturePacket, now_ns: int, source: str = "") -> Frame | None:
        """Add a slice to its frame; the frame once it is complete, for ``answer``: it is then no longer kept here."""
        session = self.session(source)
        try:
            frame = self._collect(session, packet, now_ns)
        except PacketError as error:
            self._refuse(session, error)
            return None
        return _spent(session, frame) if frame.complete else None

    def poll(self, now_ns: int) -> list[Reply]:
        """Answers to frames some of whose slices did not come in time; call it every few milliseconds."""
        return self.answer(self.overdue(now_ns))

    def overdue(self, now_ns: int) -> list[tuple[str, Frame]]:
        """Frames some of whose slices did not come in time, by drone, for ``answer``: no longer kept here."""
        late = [(source, session, session.frame) for source, session in self._sessions.items()]
        return [
            (source, _spent(session, frame))
            for source, session, frame in late
            if frame is not None and now_ns - frame.arrived_ns >= SLICE_TIMEOUT_NS
        ]

    def answer(self, batch: Iterable[tuple[str, Frame]], others: OthersOf | None = None) -> list[Reply]:
        """Decode, infer, plan and encode, one frame a drone; the network sees all at once. Damaged ones drop out.

        ``others``: the drones around one, to be flown around (``navisplit.edge.traffic``).
        """
        pending = [found for source, frame in batch if (found := self._decode(source, frame)) is not None]
        started = time.perf_counter_ns()
        try:
            depths = infer_all(self.depth_source, [p.decoded for p in pending])
        except PacketError as error:
            for each in pending:
                self._refuse(each.session, error)
            return []
        infer_ns = time.perf_counter_ns() - started
        replies = []
        for each, depth in zip(pending, depths, strict=True):
            try:
                near = [] if others is None else others(each.source)
                replies.append(self._reply(each, depth, near, infer_ns))
            except PacketError as error:  # a policy that answers nonsense
                self._refuse(each.session, error)
        return replies

    def due_ns(self) -> int | None:
        """When ``poll`` next has something to do, or None."""
        waiting = [s.frame.arrived_ns + SLICE_TIMEOUT_NS for s in self._sessions.values() if s.frame is not None]
        return min(waiting, default=None)

    def reset(self, source: str = "") -> None:
        """Forget a drone's flight; counters of refused packets stay."""
        self._sessions.pop(source, None)

    def _check(self, packet: wire.FeaturePacket | wire.AnswerPacket) -> wire.FeaturePacket:
        if not isinstance(packet, wire.FeaturePacket):
            raise NotFeatures("The server expects features and got an answer; is it connected to itself?")
        if packet.model_hash != self.model_hash:
            raise WrongModel(
                f"Features of branch set {packet.model_hash:08x}, expected {self.model_hash:08x}; "
                "run the same models on vehicle and edge."
            )
        return packet

    def _collect(self, session: Session, packet: wire.FeaturePacket, now_ns: int) -> Frame:
        """Add a slice to its frame.

        With a key, a frame must be newer than every one answered: a drone's stamps go on when its nodes start again,
        and a recording of its packets must not pass for such a start.
        """
        silent = session.heard_ns is not None and now_ns - session.heard_ns > RESTART_AFTER_NS
        old = packet.stamp_ns <= session.answered_stamp_ns
        if self._key is not None and old and (silent or packet.sequence > session.answered):
            raise Replayed(
                f"Frame of {packet.stamp_ns} ns comes after one of {session.answered_stamp_ns} ns was answered: it is "
                "recorded and sent again, or the drone's clock was set back (then start tail_node again)."
            )
        if silent:
            session.answered, session.frame = -1, None
            session.policy.reset()
            session.memory.forget()
        frame = session.frame
        newest = frame.first.sequence if frame is not None else session.answered + 1
        if packet.sequence < newest:
            raise OldFrame(f"Frame {packet.sequence} comes after frame {newest}; it is dropped.")
        session.heard_ns = now_ns  # only now: refused packets must not keep a stuck session alive
        if frame is None or packet.sequence > frame.first.sequence:
            frame = session.frame = Frame(packet, [None] * packet.slice_count, now_ns)
        if _frame_fields(packet) != _frame_fields(frame.first):
            raise InconsistentSlices(f"Slices of frame {packet.sequence} disagree on its layout; the later is dropped.")
        frame.slices[packet.slice_index] = packet.payload
        return frame

    def _decode(self, source: str, frame: Frame) -> _Pending | None:
        """Entropy decoding, and what the drone remembers as seen from here."""
        session, first = self.session(source), frame.first
        started = time.perf_counter_ns()
        try:
            symbols, mask = self.depth_source.decode(first.branch, first.codec, first.shape, frame.slices)
        except PacketError as error:
            self._refuse(session, error)
            return None
        memory = session.memory.recall(first.state, first.stamp_ns)
        decoded = Decoded(first.branch, symbols, mask, memory)
        return _Pending(source, session, frame, decoded, time.perf_counter_ns() - started)

    def _reply(self, pending: _Pending, depth: DepthImage, others: list[Neighbour], infer_ns: int) -> Reply:
        session, frame, first = pending.session, pending.frame, pending.frame.first
        if not np.isfinite(depth.depth).all():
            raise NotFinite(f"Frame {first.sequence}: its depth is not finite; check the weights.")
        session.memory.keep(depth, first.state, first.stamp_ns)
        started = time.perf_counter_ns()
        view = View.of(self.camera, depth.depth)
        if others:
            depth = drawn_into(depth, view, first.state, others)
        decision = session.policy.act(depth, view, first.state, first.stamp_ns)
        command = give_way(decision.command, first.state, others) if others else decision.command
        plan_ns = time.perf_counter_ns() - started
        packet = wire.AnswerPacket(
            model_hash=self.model_hash,
            sequence=first.sequence,
            stamp_ns=first.stamp_ns,
            command=command,
            clearance_m=float(np.clip(decision.clearance_m, 0.0, _MAX_CLEARANCE_M)),
            confidence=float(np.clip(decision.confidence, 0.0, 1.0)),
            branch=first.branch,
            received_slices=sum(s is not None for s in frame.slices),
        )
        session.replies += 1
        data = wire.encode(packet, self._key)
        return Reply(data, packet, depth, first.state, pending.source, pending.decode_ns, infer_ns, plan_ns)

    def _refuse(self, session: Session, error: PacketError) -> None:
        self._count(error)
        session.refused[type(error).__name__] += 1

    def _count(self, error: PacketError) -> None:
        self.refused[type(error).__name__] += 1
        self.last_refusal = str(error)


@dataclass(frozen=True)
class _Pending:
    """A frame on its way through ``answer``."""

    source: str
    session: Session
    frame: Frame
    decoded: Decoded
    decode_ns: int


def _spent(session: Session, frame: Frame) -> Frame:
    """The frame leaves its session, whatever becomes of it: its slices are old from now on."""
    session.frame = None
    session.answered, session.answered_stamp_ns = frame.first.sequence, frame.first.stamp_ns
    return frame


def _frame_fields(packet: wire.FeaturePacket) -> tuple[object, ...]:
    return (packet.branch, packet.codec, packet.stamp_ns, packet.slice_count, packet.shape)
