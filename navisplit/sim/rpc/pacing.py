"""When simulated time passes: pause, continue for a time, clock speed. Pure: the wall clock is an argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from navisplit.sim.flight.autopilot import NANOSECONDS
from navisplit.sim.flight.quadrotor import STEP_NS
from navisplit.sim.simulation import Simulation

MAX_LAG_S = 0.2  # wall time that may be caught up; beyond it the simulation slows down instead of jumping
MIN_SLEEP_S = 0.003
BURST_S = (0.002, 0.010)  # wall time that one drive should take as fast as possible, so that requests are answered
MAX_BURST_STEPS = 4096
IDLE_S = 0.02
FRAME_NS = NANOSECONDS // 60  # of simContinueForFrames: we have no display, so a frame is a 60th of a second


class Waiting:
    """A reply that comes later, with the interface of ``commands.Task``."""

    def __init__(self) -> None:
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None
        self._watchers: list[Callable[[Waiting], Any]] = []

    def when_done(self, watcher: Callable[[Waiting], Any]) -> None:
        """Call ``watcher(self)`` at the end."""
        if self.done:
            watcher(self)
        else:
            self._watchers.append(watcher)

    def finish(self) -> None:
        """Let the reply go."""
        self.done = True
        for watcher in self._watchers:
            watcher(self)
        self._watchers.clear()


class Alarm(Protocol):
    """Something that has to be done at an exact simulated time."""

    @property
    def due_ns(self) -> int | None:
        """When to ring, None for never."""

    def ring(self) -> None:
        """Do it; ``due_ns`` is later afterwards."""


class Pacer:
    """Drives a simulation at ``clock_speed`` times real time; 0 is as fast as possible."""

    def __init__(self, simulation: Simulation, clock_speed: float, now_s: float) -> None:
        """``now_s``: a monotonic wall clock, as in ``drive``."""
        self.simulation = simulation
        self.alarm: Alarm | None = None
        self.paused = False
        self.lost_s = 0.0  # wall time in which the simulation could not keep up
        self._speed = clock_speed
        self._burst = 1  # steps of one drive, as fast as possible
        self._last_s = now_s
        self._credit_ns = 0.0
        self._restarted = True  # the wall time since the last drive was not ours to simulate
        self._owed_ns = 0  # part of a step left over from the last simContinueForTime
        self._steps_left: int | None = None
        self._waiting: list[Waiting] = []

    def pause(self, paused: bool) -> None:
        """SimPause. Ends a continue-for-time."""
        self.paused = paused
        self._restarted = True
        self._credit_ns = 0.0
        self._steps_left = None
        self._release()

    def continue_for(self, nanoseconds: int) -> Waiting:
        """Run exactly this long, to the step (the rest is carried to the next call), then pause."""
        total = max(0, nanoseconds) + self._owed_ns
        self._steps_left, self._owed_ns = total // STEP_NS, total % STEP_NS
        self._restarted = self._restarted or self.paused
        self.paused = False
        waiting = Waiting()
        self._waiting.append(waiting)
        self._stop_when_spent()
        return waiting

    def drive(self, now_s: float) -> float:
        """Take the steps that are due at wall time ``now_s``; seconds to sleep until the next ones."""
        elapsed = 0.0 if self._restarted else now_s - self._last_s
        self._last_s, self._restarted = now_s, False
        if self.paused:
            self._restarted = True
            return IDLE_S
        steps = self._due(elapsed)
        if self._steps_left is not None:
            steps = min(steps, self._steps_left)
            self._steps_left -= steps
        if steps > 0:
            self._take(steps)
        self._stop_when_spent()
        if self.paused or self._speed == 0:
            return 0.0
        return max(MIN_SLEEP_S, (STEP_NS - self._credit_ns) / self._speed / NANOSECONDS)

    def _take(self, steps: int) -> None:
        """Step, ringing the alarm on the way in the step in which it is due."""
        while steps > 0:
            due_ns = None if self.alarm is None else self.alarm.due_ns
            until = steps if due_ns is None else max(1, -((self.simulation.clock_ns - due_ns) // STEP_NS))  # rounded up
            taken = min(steps, until)
            self.simulation.steps(taken)
            steps -= taken
            if self.alarm is not None and due_ns is not None and self.simulation.clock_ns >= due_ns:
                self.alarm.ring()

    def _due(self, elapsed_s: float) -> int:
        """Steps to take after ``elapsed_s`` of wall time since the last drive."""
        if self._speed == 0:
            short, long = BURST_S
            if elapsed_s > long:
                self._burst = max(1, self._burst // 2)
            elif elapsed_s < short:
                self._burst = min(self._burst * 2, MAX_BURST_STEPS)
            return self._burst
        self.lost_s += max(0.0, elapsed_s - MAX_LAG_S)
        self._credit_ns += min(elapsed_s, MAX_LAG_S) * self._speed * NANOSECONDS
        steps = int(self._credit_ns // STEP_NS)
        if self._steps_left is not None:
            steps = min(steps, self._steps_left)
        self._credit_ns -= steps * STEP_NS
        return steps

    def _stop_when_spent(self) -> None:
        if self._steps_left == 0:
            self._steps_left = None
            self.paused = self._restarted = True
            self._credit_ns = 0.0
            self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.finish()


def to_nanoseconds(seconds: float) -> int:
    """Rounded; what does not fit is a very long time."""
    return round(min(seconds, 1e9) * NANOSECONDS) if math.isfinite(seconds) else NANOSECONDS * NANOSECONDS
