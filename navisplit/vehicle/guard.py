"""The guard: the last thing before the autopilot, and the only one that may pass a command on.

It trusts no sender and no other clock: the age of a command is counted from the moment this vehicle sent the frame
that it answers, on this vehicle's clock. A pure state machine, driven by whoever holds the clock.

==========  ======================================================  =================================================
stage       entered when the newest accepted command is             and does
==========  ======================================================  =================================================
EDGE        at most ``brake_after_s`` old                           the command, limited
EXIT        older, but an on-board exit model is alive              the exit's command, limited
BRAKE       older than ``brake_after_s`` (or there was none ever)   zero velocity
HOLD        ``hold_after_s`` old; latched                           zero velocity; left by ``rearm`` or by commands that
                                                                    stay fresh for ``rearm_after_s``
LAND        ``land_after_s`` old; final                             descends; left by ``rearm`` only
==========  ======================================================  =================================================

Braking, also the exit's, is at once and not limited in acceleration: the autopilot's own limit is the shortest way to
stop.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from navisplit.config import GuardConfig
from navisplit.frames import Odometry, Vector, VelocityCommand
from navisplit.wire import AnswerPacket

_MAX_STAMPS = 1024
"""Frames remembered: more than land_after_s of any camera; older stamps are refused as unknown (our choice)."""


OTHER_MODEL = "other model"
"""A reason of refusal."""


class Stage(str, Enum):
    """Who flies."""

    EDGE = "edge"
    EXIT = "exit"
    BRAKE = "brake"
    HOLD = "hold"
    LAND = "land"


@dataclass(frozen=True)
class GuardOutput:
    """What goes to the autopilot now."""

    command: VelocityCommand
    stage: Stage
    age_s: float  # of the newest accepted command; inf before the first


@dataclass
class GuardCounters:
    """What happened so far."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    stale: int = 0  # outputs after the first command for which no fresh command was there
    clock_jumps: int = 0  # the caller's clock stepped backwards
    repeated_frames: int = 0  # frames sent with a stamp that is not newer than the one before


@dataclass
class _Sent:
    """A frame that was sent, by the guard's time."""

    time_ns: int
    model_hash: int | None  # of the branch set that coded it; None: not known
    answered: bool = False


class Guard:
    """Accepts answers, limits commands, and brakes, holds and lands when they stay away."""

    def __init__(self, config: GuardConfig) -> None:
        """A guard before its first command: it brakes without latching, for as long as it takes."""
        self.config = config
        self.counters = GuardCounters()
        self._now_ns: int | None = None  # the caller's clock at the last call
        self._time_ns = 0  # the guard's own: sums the forward steps of the caller's
        self._sent: dict[int, _Sent] = {}
        self._newest_sent = self._newest_answered = -1
        self._latest = VelocityCommand.zero()
        self._latest_ns: int | None = None  # when the frame was sent that ``_latest`` answers
        self._silence_ns: int | None = None  # since when silence counts; None before the first command
        self._latched: Stage | None = None
        self._fresh_ns: int | None = None  # since when commands are fresh without a gap
        self._exit: tuple[VelocityCommand, int] | None = None
        self._output = np.zeros(3)
        self._output_ns: int | None = None
        self._output_stage = Stage.BRAKE

    @property
    def stage(self) -> Stage:
        """Stage of the last output."""
        return self._output_stage

    def note_sent(self, stamp_ns: int, now_ns: int, model_hash: int | None = None) -> None:
        """A frame was sent. A stamp that is not newer than the last is not a frame to answer.

        With the hash of the branch set that coded it, an answer of any other branch set is refused.
        """
        self._tick(now_ns)
        if stamp_ns <= self._newest_sent:
            self.counters.repeated_frames += 1
            return
        self._newest_sent = stamp_ns
        self._sent[stamp_ns] = _Sent(self._time_ns, model_hash)
        if len(self._sent) > _MAX_STAMPS:
            del self._sent[next(iter(self._sent))]

    def note_exit(self, command: VelocityCommand, now_ns: int) -> None:
        """The on-board exit's command for a frame taken now; flown while the edge is silent, as long as it is fresh."""
        self._tick(now_ns)
        if _is_sound(command):
            self._exit = (_copy(command), self._time_ns)

    def accept(self, answer: AnswerPacket, now_ns: int) -> str | None:
        """Take an answer over; None, or the reason for which it was refused."""
        self._tick(now_ns)
        reason = self._refusal(answer)
        if reason is not None:
            self.counters.refused[reason] += 1
            return reason
        sent = self._sent[answer.stamp_ns]
        sent.answered = True
        self._newest_answered = answer.stamp_ns
        self._latest, self._latest_ns = _copy(answer.command), sent.time_ns
        self._silence_ns = sent.time_ns
        if self._fresh_ns is None:
            self._fresh_ns = self._time_ns
        self.counters.accepted += 1
        return None

    def command(self, measured: Odometry | Vector, now_ns: int) -> GuardOutput:
        """What to fly now. ``measured``: odometry or velocity (3,) in ENU m/s, where a start after a stop begins."""
        self._tick(now_ns)
        stage, wish = self._choose()
        if stage is not Stage.EDGE and self._silence_ns is not None:
            self.counters.stale += 1
        velocity = measured.velocity if isinstance(measured, Odometry) else measured
        if stage is Stage.EDGE or (stage is Stage.EXIT and np.any(wish.velocity)):
            flown = self._limit(wish, np.asarray(velocity, np.float64))
        else:
            flown = wish
        self._output, self._output_ns, self._output_stage = flown.velocity, self._time_ns, stage
        return GuardOutput(flown, stage, self._age_s())

    def rearm(self, now_ns: int) -> None:
        """An explicit order of a person or of the mission: leave HOLD or LAND and wait for commands anew.

        Frames sent before do not count any more, and stamps may start again (a simulator that was reset). From here
        silence counts: without a command the guard holds after ``hold_after_s`` and lands after ``land_after_s``.
        """
        self._tick(now_ns)
        self._sent.clear()
        self._newest_sent = self._newest_answered = -1
        self._latched = self._fresh_ns = self._latest_ns = self._exit = None
        self._silence_ns = self._time_ns

    def _refusal(self, answer: AnswerPacket) -> str | None:
        """Why an answer cannot be taken, if so."""
        sent = self._sent.get(answer.stamp_ns)
        if not _is_sound(answer.command):
            return "non-finite"
        if sent is None:
            return "unknown stamp"
        if sent.model_hash is not None and answer.model_hash != sent.model_hash:
            return OTHER_MODEL
        if sent.answered:
            return "already used"
        if answer.stamp_ns < self._newest_answered:
            return "older than newest"
        if self._time_ns - sent.time_ns > self.config.brake_after_s * 1e9:
            return "stale"
        return None

    def _tick(self, now_ns: int) -> None:
        """Advance the guard's time to the caller's, and the latches with it.

        A backward step is worth ``brake_after_s`` of silence: nobody knows how long it really was, so the command at
        hand is stale at once, and a clock that runs backwards ends in landing, not in flying on one command for ever.
        """
        step = 0 if self._now_ns is None else now_ns - self._now_ns
        if step < 0:
            self.counters.clock_jumps += 1
            step = int(self.config.brake_after_s * 1e9) + 1
        self._now_ns = now_ns
        self._time_ns += step
        self._latch()

    def _latch(self) -> None:
        """Enter and leave HOLD and LAND."""
        config = self.config
        if self._silence_ns is None:
            return
        silence_s = (self._time_ns - self._silence_ns) * 1e-9
        if self._age_s() > config.brake_after_s:
            self._fresh_ns = None
        if silence_s >= config.land_after_s:
            self._latched = Stage.LAND
        elif silence_s >= config.hold_after_s and self._latched is None:
            self._latched = Stage.HOLD
        elif self._latched is Stage.HOLD and self._fresh_ns is not None:
            if self._time_ns - self._fresh_ns >= config.rearm_after_s * 1e9:
                self._latched = None

    def _choose(self) -> tuple[Stage, VelocityCommand]:
        """The stage and what it wants, not limited yet."""
        if self._latched is Stage.LAND:
            return Stage.LAND, VelocityCommand(np.array([0.0, 0.0, -self.config.land_speed_mps]))
        fresh_s = self.config.brake_after_s
        if self._latched is None and self._age_s() <= fresh_s:
            return Stage.EDGE, self._latest
        commanded = self._latest_ns is not None  # since the start or the last re-arming: the edge has flown it before
        if commanded and self._exit and self._time_ns - self._exit[1] <= fresh_s * 1e9:
            return Stage.EXIT, self._exit[0]
        return self._latched or Stage.BRAKE, VelocityCommand.zero()

    def _age_s(self) -> float:
        """Age of the newest accepted command in seconds."""
        return math.inf if self._latest_ns is None else (self._time_ns - self._latest_ns) * 1e-9

    def _limit(self, wish: VelocityCommand, measured: Vector) -> VelocityCommand:
        """The wish within speed, acceleration and yaw rate.

        After a stop the ramp starts at the speed that the vehicle still has in the direction of the wish, and no more:
        wrong odometry can then neither speed the vehicle up beyond the wish nor turn it elsewhere.
        """
        config = self.config
        target = _shorten(wish.velocity, config.max_speed_mps)
        step_s = 0.0 if self._output_ns is None else (self._time_ns - self._output_ns) * 1e-9
        start = self._output
        if self._output_stage not in (Stage.EDGE, Stage.EXIT):
            square = float(target @ target)
            known = square > 0 and measured.shape == (3,) and bool(np.isfinite(measured).all())
            along = float(_shorten(measured, config.max_speed_mps) @ target) / square if known else 0.0
            start = target * min(max(along, 0.0), 1.0)
        change = _shorten(target - start, config.max_acceleration_mps2 * min(step_s, config.brake_after_s))
        yaw_rate = min(max(wish.yaw_rate, -config.max_yaw_rate_rps), config.max_yaw_rate_rps)
        return VelocityCommand(start + change, float(yaw_rate))


def _copy(command: VelocityCommand) -> VelocityCommand:
    """The same command, out of reach of whoever made it."""
    return VelocityCommand(np.array(command.velocity, np.float64), float(command.yaw_rate))


def _is_sound(command: VelocityCommand) -> bool:
    """Whether a command is a velocity of three finite numbers and a finite yaw rate."""
    return np.shape(command.velocity) == (3,) and command.finite


def _shorten(vector: Vector, length: float) -> Vector:
    """The vector, at most that long. Safe for any finite numbers: hypot does not overflow before they do."""
    norm = math.hypot(*(float(v) for v in vector))
    if norm <= length:
        return np.array(vector, np.float64)
    return np.asarray(vector, np.float64) * (length / norm)
