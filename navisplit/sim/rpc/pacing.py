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
FRAMES_A_SECOND = 60  # of simContinueForFrames: we have no display, so this is our choice


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
        self._left_ns: int | None = None  # until a continue-for is over
        self._waiting: list[Waiting] = []

    def pause(self, paused: bool) -> None:
        """SimPause. Ends a continue-for-time."""
        self.paused = paused
        self._restarted = True
        self._credit_ns = 0.0
        self._left_ns = None
        self._release()

    def continue_for(self, nanoseconds: int) -> Waiting:
        """Run exactly this long, then pause."""
        self._left_ns = max(0, nanoseconds)
        self._restarted = self._restarted or self.paused
        self.paused = False
        waiting = Waiting()
        self._waiting.append(waiting)
        self._stop_when_spent()
        return waiting

    def drive(self, now_s: float) -> float:
        """Let the time pass that is due at wall time ``now_s``; seconds to sleep until more is."""
        elapsed = 0.0 if self._restarted else now_s - self._last_s
        self._last_s, self._restarted = now_s, False
        if self.paused:
            self._restarted = True
            return IDLE_S
        due_ns = self._due(elapsed)
        if self._left_ns is not None:
            self._left_ns -= due_ns
        self._pass(due_ns)
        self._stop_when_spent()
        if self.paused or self._speed == 0:
            return 0.0
        return max(MIN_SLEEP_S, (STEP_NS - self._credit_ns) / self._speed / NANOSECONDS)

    def _pass(self, nanoseconds: int) -> None:
        """Let time pass, ringing the alarm on the way exactly when it is due."""
        end_ns = self.simulation.clock_ns + nanoseconds
        while nanoseconds > 0:
            now_ns, due_ns = self.simulation.clock_ns, None if self.alarm is None else self.alarm.due_ns
            if self.alarm is not None and due_ns is not None and due_ns <= now_ns:
                self.alarm.ring()
            elif now_ns == end_ns:
                return
            else:
                self.simulation.advance_ns((end_ns if due_ns is None else min(end_ns, due_ns)) - now_ns)

    def _due(self, elapsed_s: float) -> int:
        """Time to let pass after ``elapsed_s`` of wall time since the last drive: whole steps, or all that is left."""
        left_ns = math.inf if self._left_ns is None else self._left_ns
        if self._speed == 0:
            short, long = BURST_S
            if elapsed_s > long:
                self._burst = max(1, self._burst // 2)
            elif elapsed_s < short:
                self._burst = min(self._burst * 2, MAX_BURST_STEPS)
            return int(min(self._burst * STEP_NS, left_ns))
        self.lost_s += max(0.0, elapsed_s - MAX_LAG_S)
        self._credit_ns += min(elapsed_s, MAX_LAG_S) * self._speed * NANOSECONDS
        due_ns = int(left_ns if self._credit_ns >= left_ns else self._credit_ns // STEP_NS * STEP_NS)
        self._credit_ns -= due_ns
        return due_ns

    def _stop_when_spent(self) -> None:
        if self._left_ns == 0:
            self._left_ns = None
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
