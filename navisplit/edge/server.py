"""The edge server: packets in, answers out, one session for each drone.

Bytes come from a radio and are never trusted: a refused packet is counted by the name of its error and otherwise
ignored. There is no queue. A newer frame replaces an unfinished older one, and what is older than the last answer is
dropped.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from navisplit import wire
from navisplit.config import CameraConfig
from navisplit.edge.memory import DepthMemory
from navisplit.edge.policies import DepthImage, Policy, View
from navisplit.errors import PacketError
from navisplit.frames import VelocityCommand

SLICE_TIMEOUT_NS = 30_000_000
RESTART_AFTER_NS = 1_000_000_000
"""A drone silent this long may start again at any sequence number."""
MAX_SESSIONS = 64
_MAX_CLEARANCE_M = 655.0  # what an answer can say


class WrongModel(PacketError):
    """The features were made by another branch set than the server's."""


class NotFeatures(PacketError):
    """An answer, where features are expected."""


class OldFrame(PacketError):
    """A slice of a frame that is answered already, or older than one that is."""


class InconsistentSlices(PacketError):
    """Two slices of one frame that disagree about the frame."""


class NotFinite(PacketError):
    """Depth that is not a number somewhere: the network diverged, or its weights are damaged."""


class DepthSource(Protocol):
    """What turns the slices of a frame into depth: ``navisplit.edge.tail.Tail``, or the truth in an evaluation."""

    def decode(
        self, branch_id: int, codec_id: int, shape: tuple[int, int, int], slices: Sequence[bytes | None]
    ) -> tuple[Any, Any]:
        """Symbols and erasure mask; a lost slice is None. Raises PacketError."""

    def infer(self, branch_id: int, symbols: Any, mask: Any, memory: Any = None) -> DepthImage:
        """Depth of the frame; ``memory`` is the last one as seen from here. Raises PacketError (branch, shape)."""


@dataclass(frozen=True)
class Reply:
    """An answer, and what it was made from (for people, bags and reports)."""

    answer: bytes
    packet: wire.AnswerPacket
    depth: DepthImage | None
    state: wire.VehicleState
    source: str
    decode_ns: int  # wall clock, for diagnostics only
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
        try:
            packet = wire.decode(data, self._key)
            self._check(packet)
        except PacketError as error:
            self.refused[type(error).__name__] += 1
            return None
        session = self.session(source)
        try:
            frame = self._collect(session, packet, now_ns)
            return self._answer(session, frame, source) if frame.complete else None
        except PacketError as error:
            self._refuse(session, error)
            return None

    def poll(self, now_ns: int) -> list[Reply]:
        """Answers to frames some of whose slices did not come in time; call it every few milliseconds."""
        replies = []
        for source, session in self._sessions.items():
            if session.frame is None or now_ns - session.frame.arrived_ns < SLICE_TIMEOUT_NS:
                continue
            try:
                replies.append(self._answer(session, session.frame, source))
            except PacketError as error:
                self._refuse(session, error)
        return replies

    def due_ns(self) -> int | None:
        """When ``poll`` next has something to do, or None."""
        waiting = [s.frame.arrived_ns + SLICE_TIMEOUT_NS for s in self._sessions.values() if s.frame is not None]
        return min(waiting, default=None)

    def reset(self, source: str = "") -> None:
        """Forget a drone's flight; counters of refused packets stay."""
        self._sessions.pop(source, None)

    def _check(self, packet: wire.FeaturePacket | wire.AnswerPacket) -> None:
        if not isinstance(packet, wire.FeaturePacket):
            raise NotFeatures("The server expects features and got an answer; is it connected to itself?")
        if packet.model_hash != self.model_hash:
            raise WrongModel(
                f"Features of branch set {packet.model_hash:08x}, expected {self.model_hash:08x}; "
                "run the same models on vehicle and edge."
            )

    def _collect(self, session: Session, packet: wire.FeaturePacket, now_ns: int) -> Frame:
        """Add a slice to its frame."""
        if session.heard_ns is not None and now_ns - session.heard_ns > RESTART_AFTER_NS:
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

    def _answer(self, session: Session, frame: Frame, source: str) -> Reply:
        """Infer, plan, encode. The frame is spent, whatever happens."""
        session.frame = None
        first = frame.first
        session.answered = first.sequence
        started = time.perf_counter_ns()
        symbols, mask = self.depth_source.decode(first.branch, first.codec, first.shape, frame.slices)
        depth = self.depth_source.infer(first.branch, symbols, mask, session.memory.recall(first.state, first.stamp_ns))
        if not np.isfinite(depth.depth).all():
            raise NotFinite(f"Frame {first.sequence}: its depth is not finite; check the weights.")
        session.memory.keep(depth, first.state, first.stamp_ns)
        decoded = time.perf_counter_ns()
        decision = session.policy.act(depth, View.of(self.camera, depth.depth), first.state, first.stamp_ns)
        planned = time.perf_counter_ns()
        packet = wire.AnswerPacket(
            model_hash=self.model_hash,
            sequence=first.sequence,
            stamp_ns=first.stamp_ns,
            command=decision.command,
            clearance_m=float(np.clip(decision.clearance_m, 0.0, _MAX_CLEARANCE_M)),
            confidence=float(np.clip(decision.confidence, 0.0, 1.0)),
            branch=first.branch,
            received_slices=sum(s is not None for s in frame.slices),
        )
        session.replies += 1
        data = wire.encode(packet, self._key)
        return Reply(data, packet, depth, first.state, source, decoded - started, planned - decoded)

    def _refuse(self, session: Session, error: PacketError) -> None:
        self.refused[type(error).__name__] += 1
        session.refused[type(error).__name__] += 1


def _frame_fields(packet: wire.FeaturePacket) -> tuple[object, ...]:
    return (packet.branch, packet.codec, packet.stamp_ns, packet.slice_count, packet.shape)
