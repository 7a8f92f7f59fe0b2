"""What the guard's tests share: an answer to a stamp, a guard in flight, a stream of fresh commands."""

import numpy as np

from navisplit.config import GuardConfig
from navisplit.frames import VelocityCommand
from navisplit.vehicle.guard import Guard
from tests.attacks.packets import answer

MS = 1_000_000
S = 1_000_000_000
REST = np.zeros(3)
FORWARD = VelocityCommand(np.array([3.0, 0.0, 0.0]), 0.5)


def reply(stamp_ns: int, command: VelocityCommand = FORWARD, model_hash: int = 1):
    return answer(stamp_ns=stamp_ns, command=command, model_hash=model_hash)


def started(now_ns: int = 0, config: GuardConfig | None = None) -> Guard:
    """A guard that has just accepted its first command, to a frame sent at ``now_ns`` (stamp 0)."""
    guard = Guard(config or GuardConfig())
    guard.note_sent(0, now_ns)
    assert guard.accept(reply(0), now_ns) is None
    return guard


def stream(guard: Guard, start_ns: int, end_ns: int, stamp: int, period_ns: int = 100 * MS, delay_ns: int = 50 * MS):
    """Frames and answers at a steady rate, with a control tick after each; the stages seen, and the next stamp."""
    stages = []
    for now in range(start_ns, end_ns, period_ns):
        guard.note_sent(stamp, now)
        assert guard.accept(reply(stamp), now + delay_ns) is None
        stages.append(guard.command(REST, now + delay_ns).stage)
        stamp += 1
    return stages, stamp
