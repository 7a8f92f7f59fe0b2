"""What the drone does with each frame: trunk, gate, branch, packets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from navisplit import wire
from navisplit.frames import Odometry, Vector, VelocityCommand
from navisplit.vehicle.gate import SKIP, FixedGate, Gate, GateInput
from navisplit.vehicle.meter import LinkMeter
from navisplit.vehicle.senses import Senses

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


class Exit(Protocol):
    """As ``navisplit.vehicle.onboard_exit.OnboardExit``."""

    def command(self, features: Any, odometry: Odometry, goal: Vector) -> VelocityCommand:
        """What to fly on this frame if the edge stays silent."""


@dataclass(frozen=True)
class Transmission:
    """What goes out for one frame; no packets when it is skipped or withheld."""

    branch: str
    packets: list[bytes]
    stamp_ns: int
    exit: VelocityCommand | None = None  # for the guard, where there is an on-board exit
    refused: str = ""  # why it is withheld

    @property
    def size(self) -> int:
        """Bytes, headers included."""
        return sum(map(len, self.packets))


class Onboard:
    """Head and gate of one drone. ``gate`` may be a branch's name: then that branch is sent for every frame.

    Frames are trimmed to ``max_frame_bytes`` (0: never). What the gate chose is trimmed to what the link's measured
    budget leaves a frame of ``period_s``, too; a branch that was asked for by name is sent as it is.
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
        exit: Exit | None = None,
    ) -> None:
        self.head = head
        self.gate: Gate = FixedGate(gate) if isinstance(gate, str) else gate
        self.model_hash = model_hash
        self.max_frame_bytes = max_frame_bytes
        self.senses = Senses()
        self._period_s = period_s
        self._exit = exit
        self.answer: wire.AnswerPacket | None = None
        self._chosen_gate = self.gate
        self._key = key
        self._sequence = 0
        self._previous = ""
        self._sent_ns: int | None = None
        self.meter = LinkMeter(period_s)

    def set_branch(self, name: str) -> None:
        """Send a fixed branch from the next frame on; ``gate`` gives the choice back to the gate."""
        self.gate = self._chosen_gate if name == "gate" else FixedGate(name)

    def on_answer(self, answer: wire.AnswerPacket, *, now_ns: int) -> None:
        """Take note of an answer, also of a late one that the guard refuses: it tells of the link.

        ``now_ns`` as in ``process``.
        """
        self.meter.note_answer(answer.stamp_ns, answer.received_slices, now_ns)
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
    ) -> Transmission:
        """Packets for one picture (H, W, 3) captured at ``stamp_ns`` where ``odometry`` says, if both can be believed.

        ``now_ns`` is the vehicle's own steady clock: it times round trips, and stamps only name frames.
        """
        reason = self.senses.refusal(rgb, odometry, stamp_ns)
        if reason is not None:
            return Transmission(WITHHELD, [], stamp_ns, refused=reason)
        budget_bps = self.meter.budget_bps(now_ns)
        activations = self.head.trunk(rgb)
        escape = self._exit.command(activations.features, odometry, goal) if self._exit else None
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
                round_trip_s=self.meter.round_trip_s,
                budget_bps=budget_bps,
                loss=self.meter.loss,
            )
        )
        self._previous = branch
        if branch == SKIP:
            return Transmission(SKIP, [], stamp_ns, escape)
        encoded = self.head.encode(activations, branch, self._limit(budget_bps))
        packets = self._packets(encoded, odometry, goal, stamp_ns)
        self._sent_ns = stamp_ns
        self.meter.note_sent(stamp_ns, [len(packet) for packet in packets], now_ns)
        return Transmission(branch, packets, stamp_ns, escape)

    def _limit(self, budget_bps: float | None) -> int | None:
        """Bytes that a frame's packets may have."""
        limits = [self.max_frame_bytes] if self.max_frame_bytes else []
        if budget_bps is not None and not isinstance(self.gate, FixedGate):
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
