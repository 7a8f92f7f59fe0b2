"""What the drone does with each frame: trunk, gate, branch, packets."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from navisplit import wire
from navisplit.frames import Odometry, Vector
from navisplit.vehicle.gate import SKIP, FixedGate, Gate, GateInput
from navisplit.vehicle.senses import Senses

ROUND_TRIPS = 10  # answers that the round trip is taken from
UNANSWERED = 64  # frames remembered while they wait for an answer
WITHHELD = "withheld"  # in the place of a branch: the frame cannot be believed, and is not sent


class EncodedFrame(Protocol):
    """As ``navisplit.vehicle.head.Encoded``."""

    branch_id: int
    codec_id: int
    shape: tuple[int, int, int]
    slices: list[bytes]


class FeatureHead(Protocol):
    """As ``navisplit.vehicle.head.Head``."""

    def trunk(self, rgb: NDArray[np.uint8]) -> Any:
        """Activations of a picture (H, W, 3), with a ``summary`` (D,) for the gate."""

    def encode(self, activations: Any, branch: str, max_bytes: int | None = None) -> EncodedFrame:
        """Slices of one branch, in packets of ``max_bytes`` together. Raises UsageError for an unknown branch."""


@dataclass(frozen=True)
class Transmission:
    """What goes out for one frame; no packets when it is skipped or withheld."""

    branch: str
    packets: list[bytes]
    stamp_ns: int
    refused: str = ""  # why it is withheld

    @property
    def size(self) -> int:
        """Bytes, headers included."""
        return sum(map(len, self.packets))


class Onboard:
    """Head and gate of one drone. ``gate`` may be a branch's name: then that branch is sent for every frame.

    Frames are trimmed to ``max_frame_bytes`` (0: never), and to what ``budget_bps`` leaves a frame of ``period_s``.
    """

    def __init__(
        self,
        head: FeatureHead,
        gate: Gate | str,
        model_hash: int,
        *,
        key: bytes | None = None,
        max_frame_bytes: int = 0,
        period_s: float = 0.1,
    ) -> None:
        self.head = head
        self.gate: Gate = FixedGate(gate) if isinstance(gate, str) else gate
        self.model_hash = model_hash
        self.max_frame_bytes = max_frame_bytes
        self.senses = Senses()
        self._period_s = period_s
        self.answer: wire.AnswerPacket | None = None
        self._chosen_gate = self.gate
        self._key = key
        self._sequence = 0
        self._previous = ""
        self._sent_ns: int | None = None
        self._pending: OrderedDict[int, int] = OrderedDict()  # capture stamp -> the vehicle's clock at capture
        self._round_trips_s: deque[float] = deque(maxlen=ROUND_TRIPS)

    def set_branch(self, name: str) -> None:
        """Send a fixed branch from the next frame on; ``gate`` gives the choice back to the gate."""
        self.gate = self._chosen_gate if name == "gate" else FixedGate(name)

    def on_answer(self, answer: wire.AnswerPacket, *, now_ns: int) -> None:
        """Keep an answer that the guard has accepted, for the gate to look at; ``now_ns`` as in ``process``."""
        if answer.stamp_ns in self._pending:
            self._round_trips_s.append((now_ns - self._pending.pop(answer.stamp_ns)) * 1e-9)
        if self.answer is None or answer.stamp_ns > self.answer.stamp_ns:
            self.answer = answer

    def process(
        self,
        rgb: NDArray[np.uint8],
        odometry: Odometry,
        goal: Vector,
        stamp_ns: int,
        *,
        now_ns: int,
        budget_bps: float | None = None,
    ) -> Transmission:
        """Packets for one picture (H, W, 3) captured at ``stamp_ns`` where ``odometry`` says, if both can be believed.

        ``now_ns`` is the vehicle's own steady clock: it times round trips, and stamps only name frames.
        """
        reason = self.senses.refusal(rgb, odometry, stamp_ns)
        if reason is not None:
            return Transmission(WITHHELD, [], stamp_ns, reason)
        activations = self.head.trunk(rgb)
        summary = getattr(activations, "summary", None)
        branch = self.gate.choose(
            GateInput(
                summary=np.zeros(0, np.float32) if summary is None else summary,
                odometry=odometry,
                goal=goal,
                answer=self.answer,
                answer_age_s=float("inf") if self.answer is None else (stamp_ns - self.answer.stamp_ns) * 1e-9,
                previous=self._previous,
                since_sent_s=float("inf") if self._sent_ns is None else (stamp_ns - self._sent_ns) * 1e-9,
                round_trip_s=max(self._round_trips_s, default=0.0),
                budget_bps=budget_bps,
            )
        )
        self._previous = branch
        if branch == SKIP:
            return Transmission(SKIP, [], stamp_ns)
        encoded = self.head.encode(activations, branch, self._limit(budget_bps))
        packets = self._packets(encoded, odometry, goal, stamp_ns)
        self._sent_ns = stamp_ns
        self._pending[stamp_ns] = now_ns
        if len(self._pending) > UNANSWERED:
            self._pending.popitem(last=False)
        return Transmission(branch, packets, stamp_ns)

    def _limit(self, budget_bps: float | None) -> int | None:
        """Bytes that a frame's packets may have."""
        limits = [self.max_frame_bytes] if self.max_frame_bytes else []
        if budget_bps is not None:
            limits.append(int(budget_bps * self._period_s / 8.0))
        return min(limits, default=None)

    def _packets(self, encoded: EncodedFrame, odometry: Odometry, goal: Vector, stamp_ns: int) -> list[bytes]:
        first = wire.FeaturePacket(
            model_hash=self.model_hash,
            branch=encoded.branch_id,
            codec=encoded.codec_id,
            sequence=self._sequence,
            stamp_ns=stamp_ns,
            slice_index=0,
            slice_count=len(encoded.slices),
            shape=encoded.shape,
            state=wire.VehicleState(
                odometry.position, odometry.orientation, odometry.velocity, np.asarray(goal, float)
            ),
            payload=b"",
        )
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return [
            wire.encode(dataclasses.replace(first, slice_index=i, payload=payload), self._key)
            for i, payload in enumerate(encoded.slices)
        ]
