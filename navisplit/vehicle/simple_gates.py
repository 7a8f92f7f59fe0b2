"""Gates that a learned one has to beat: chance at the same rate, and a rule of thumb by speed and room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from navisplit.errors import UsageError
from navisplit.vehicle.gate import SKIP, GateInput, affordable, may_skip

NEAR_S, FAR_S = 1.0, 4.0  # until what is ahead would be hit: heaviest branch below, lightest or none above
SLOWEST_MPS = 0.5


@dataclass
class RandomGate:
    """Chance at a given rate: each choice comes as often as ``shares`` say, and no one knows when.

    Drawn among the choices that have come too seldom so far, by how much; so a flight's rates, and with them its
    bytes, are those given to within a frame or two. ``skip`` waits for a frame where it is safe (``may_skip``).
    """

    shares: Mapping[str, float]  # of frames; they add up to 1
    rng: np.random.Generator
    frame_period_s: float
    brake_after_s: float
    _counts: Counter[str] = field(default_factory=Counter)

    def choose(self, inputs: GateInput) -> str:
        """A branch, or ``skip``."""
        frames = self._counts.total() + 1
        owed = {name: max(0.0, share * frames - self._counts[name]) for name, share in self.shares.items()}
        if SKIP in owed and not may_skip(inputs, self.frame_period_s, self.brake_after_s):
            del owed[SKIP]
        weights = np.array(list(owed.values()))
        if weights.sum() <= 0.0:
            weights = np.array([self.shares[name] for name in owed])
        chosen = str(self.rng.choice(list(owed), p=weights / weights.sum()))
        self._counts[chosen] += 1
        return chosen


@dataclass(frozen=True)
class HeuristicGate:
    """By the time until what the last answer saw ahead would be hit: the less, the more bytes; with room, none.

    The rule of thumb that needs no learning; its thresholds are our choice. Of branches that the link does not carry
    (by ``expected_bytes`` on the wire) the next lighter one is sent, the lightest in any case.
    """

    branches: Sequence[str]  # from the lightest to the heaviest
    frame_period_s: float
    brake_after_s: float
    expected_bytes: Mapping[str, float] = field(default_factory=dict)

    def choose(self, inputs: GateInput) -> str:
        """A branch, or ``skip``."""
        if inputs.answer is None:
            return self._carried(inputs, len(self.branches) - 1)
        speed = float(np.linalg.norm(inputs.odometry.velocity))
        room_s = inputs.answer.clearance_m / max(speed, SLOWEST_MPS)
        if room_s >= FAR_S and may_skip(inputs, self.frame_period_s, self.brake_after_s):
            return SKIP
        share = np.clip((FAR_S - room_s) / (FAR_S - NEAR_S), 0.0, 1.0)
        return self._carried(inputs, round(float(share) * (len(self.branches) - 1)))

    def _carried(self, inputs: GateInput, wanted: int) -> str:
        """The heaviest branch up to ``wanted`` that the link carries."""
        for name in reversed(self.branches[1 : wanted + 1]):
            if affordable(inputs, self.expected_bytes.get(name, 0.0), self.frame_period_s):
                return name
        return self.branches[0]


def parse_shares(text: str, branches: Sequence[str]) -> dict[str, float]:
    """``b0=0.4,b2=0.2,skip=0.4`` as shares of frames that add up to 1; an empty text: all branches alike.

    Raises UsageError for an unknown branch, a share out of range, or frames that are always skipped.
    """
    if not text:
        return {name: 1.0 / len(branches) for name in branches}
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            shares[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"random:{text}: expected NAME=SHARE, got '{part}'.") from None
    unknown = sorted(shares.keys() - {SKIP, *branches})
    if unknown:
        raise UsageError(f"random:{text}: no branch {', '.join(unknown)}; known are {', '.join(branches)}, {SKIP}.")
    total = sum(shares.values())
    if not all(0.0 <= share < np.inf for share in shares.values()) or total - shares.get(SKIP, 0.0) <= 0.0:
        raise UsageError(f"random:{text}: expected shares from 0, and some for a branch that is sent.")
    return {name: share / total for name, share in shares.items()}
