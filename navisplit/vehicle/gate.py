"""Gates: what picks the branch of each frame on the vehicle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Odometry, Vector
from navisplit.wire import AnswerPacket

SKIP = "skip"
"""The choice to send nothing for a frame."""
SKIP_MARGIN_S = 0.015
"""Kept between a skipped frame's answer age and the guard's brake (our choice)."""
SKIP_MAX_LOSS = 0.1
"""On a link that loses more no frame is skipped: the guard's brake waits for one lost frame, not two (our choice)."""


@dataclass(frozen=True)
class GateInput:
    """All that a gate may look at: the vehicle's own knowledge and the edge's last answer."""

    summary: NDArray[np.float32]  # (D,) cheap pooled features of this frame's trunk; empty where there is none
    odometry: Odometry
    goal: Vector  # (3,) odom, m
    answer: AnswerPacket | None = None  # newest accepted
    answer_age_s: float = float("inf")  # from the capture of the frame it answers to this frame's
    previous: str = ""  # choice of the last frame
    since_sent_s: float = float("inf")  # since the capture of the last frame that was not skipped
    round_trip_s: float = 0.0  # longest of the last answers, from capture to answer, on the vehicle's clock
    budget_bps: float | None = None  # what the link was measured to carry; None: nothing known against any frame
    loss: float = 0.0  # share of the last slices that came to nothing


class Gate(Protocol):
    """Chooses a branch's name, or ``skip``."""

    def choose(self, inputs: GateInput) -> str:
        """The branch for this frame."""


@dataclass
class FixedGate:
    """Always the same branch."""

    branch: str

    def choose(self, inputs: GateInput) -> str:
        """The branch."""
        return self.branch


def may_skip(inputs: GateInput, frame_period_s: float, brake_after_s: float) -> bool:
    """Whether the command in force stays younger than the guard's brake until the next frame has been answered."""
    if inputs.loss > SKIP_MAX_LOSS:
        return False
    age_when_answered = inputs.answer_age_s + frame_period_s + inputs.round_trip_s
    return age_when_answered + SKIP_MARGIN_S <= brake_after_s


def affordable(inputs: GateInput, size: float, frame_period_s: float) -> bool:
    """Whether the link carries a frame of ``size`` bytes every period, as far as is known."""
    return inputs.budget_bps is None or 8.0 * size <= inputs.budget_bps * frame_period_s
