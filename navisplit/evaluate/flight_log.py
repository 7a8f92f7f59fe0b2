"""What the mission remembers of a live flight, and when it is over. Pure: messages come in as our types, with times.

The same rules and figures as an offline flight (``navisplit.evaluate.flight``); only the sources differ: here a frame
is known from its packets on ``features``, and a latency by the clock of the vehicle that flies.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.config import FlightConfig
from navisplit.evaluate.episode import Episode, Outcome, Sample
from navisplit.evaluate.flight import Limits
from navisplit.evaluate.metrics import EnergyModel, measure
from navisplit.evaluate.pictures import Shot, develop
from navisplit.evaluate.surroundings import clearances, crowding
from navisplit.frames import Odometry, Vector
from navisplit.sim.worlds import Route
from navisplit.vehicle.gate import SKIP

SILENCE_S = 5.0
"""Without odometry for this long the simulator is taken for dead (our choice)."""
REFUSED_S = 10.0
"""A drone that the edge server refuses for this long, and that has had no answer, does not fly (our choice)."""


class FlightLog:
    """Collects one flight from its first answered frame to its end. ``now_ns`` is a steady clock's."""

    def __init__(
        self, route: Route, config: FlightConfig, *, query: Any = None, timeout_s: float | None = None
    ) -> None:
        self.route, self.config = route, config
        self.model_hash = 0  # of the answers
        self.stage = "brake"  # of the guard
        self.refusal = ""  # of the edge server, its reason
        self._refused_ns: int | None = None  # since when, on the steady clock
        self._guard_counters: Counter[str] = Counter()
        self._query = query  # navisplit.sim.render.query.SceneQuery, or None where the world is not known
        self._time_limit_s = timeout_s or Limits().time_s(route.length_m or route.distance_m, config.policy.speed_mps)
        self._odometry: deque[Odometry] = deque(maxlen=128)
        self._heard_ns = self._started_ns = 0  # on the steady clock
        self._start_ns: int | None = None  # on the vehicle's clock
        self._hit = ""  # name of what was hit first
        self._sizes: dict[int, int] = {}  # capture stamp -> bytes, of frames not in _samples yet
        self._named: list[str] = []  # branches of frames whose packets have not come yet
        self._samples: list[Sample] = []
        self._sample_of: dict[int, int] = {}
        self._answered: set[int] = set()
        self._path: list[Vector] = []
        self._velocities: list[Vector] = []
        self._times_s: list[float] = []
        self._guarded_s = 0.0
        self._shots: deque[Shot] = deque(maxlen=32)

    @property
    def started(self) -> bool:
        """Whether the vehicle has begun to fly on answers."""
        return self._start_ns is not None

    @property
    def start_ns(self) -> int:
        """The vehicle's clock at the start; 0 before it."""
        return self._start_ns or 0

    @property
    def position(self) -> Vector | None:
        """Where the vehicle is, ENU m."""
        return self._odometry[-1].position if self._odometry else None

    @property
    def elapsed_s(self) -> float:
        """Seconds of the vehicle's clock since the start."""
        return 0.0 if self._start_ns is None else (self._odometry[-1].stamp_ns - self._start_ns) * 1e-9

    @property
    def real_time_factor(self) -> float:
        """Simulated over real seconds of the flight so far."""
        real_s = (self._heard_ns - self._started_ns) * 1e-9
        return self.elapsed_s / real_s if real_s > 0 else 1.0

    def on_odometry(self, odometry: Odometry, now_ns: int) -> None:
        """The vehicle's state."""
        if self._odometry and odometry.stamp_ns <= self._odometry[-1].stamp_ns:
            return
        if self.started and self.stage != "edge":
            self._guarded_s += (odometry.stamp_ns - self._odometry[-1].stamp_ns) * 1e-9
        self._odometry.append(odometry)
        self._heard_ns = now_ns
        if self.started:
            self._note_motion(odometry)

    def _note_motion(self, odometry: Odometry) -> None:
        self._path.append(odometry.position)
        self._velocities.append(odometry.velocity)
        self._times_s.append(self.elapsed_s)

    def on_collision(self, name: str) -> None:
        """What the collision sensor names, empty for nothing; before the start (a landed vehicle) it does not count."""
        if self.started:
            self._hit = self._hit or name

    def on_guard(self, stage: str, counters: Mapping[str, int]) -> None:
        """The guard's stage, and what it has counted so far."""
        self.stage = stage
        self._guard_counters = Counter(counters)

    def on_edge(self, refusal: str, now_ns: int) -> None:
        """Why the edge server does not serve this drone; empty when it does."""
        self.refusal = refusal
        if not refusal:
            self._refused_ns = None
        elif self._refused_ns is None and self._odometry:
            self._refused_ns = now_ns
            if not self.started:
                self._begin()  # a flight of which there is nothing to tell but this

    def on_packet(self, stamp_ns: int, size: int) -> None:
        """A packet of a frame left the head."""
        if stamp_ns in self._sample_of:
            index = self._sample_of[stamp_ns]
            sample = self._samples[index]
            self._samples[index] = dataclasses.replace(sample, bytes=sample.bytes + size)
            return
        self._sizes[stamp_ns] = self._sizes.get(stamp_ns, 0) + size
        if self._named:
            self._add(self._named.pop(0), stamp_ns)

    def on_branch(self, branch: str) -> None:
        """The head's choice for a frame. It comes about with the frame's packets, before or after them."""
        if branch == SKIP:
            if self._odometry:
                self._add(SKIP, self._odometry[-1].stamp_ns)
        elif self._sizes:
            self._add(branch, min(self._sizes))
        else:
            self._named = [branch]  # an older one's packets were lost on the way here

    def on_command(self, stamp_ns: int, now_ns: int) -> None:
        """A command goes to the vehicle that answers the frame of that stamp (0: none); the first starts the flight."""
        if stamp_ns == 0 or stamp_ns in self._answered or not self._odometry:
            return
        if self._start_ns is None:
            self._begin()
        self._answered.add(stamp_ns)
        if stamp_ns in self._sample_of:
            vehicle_ns = self._odometry[-1].stamp_ns + (now_ns - self._heard_ns)
            index = self._sample_of[stamp_ns]
            latency_ms = (vehicle_ns - stamp_ns) * 1e-6
            self._samples[index] = dataclasses.replace(self._samples[index], latency_ms=latency_ms)

    def _begin(self) -> None:
        self._start_ns, self._started_ns = self._odometry[-1].stamp_ns, self._heard_ns
        self._samples.clear()
        self._sample_of.clear()
        self._note_motion(self._odometry[-1])

    def on_image(self, rgb: NDArray[np.uint8]) -> None:
        """A picture (H, W, 3) that may end up in the report."""
        self._shots.append(Shot(self.elapsed_s, rgb=rgb))

    def on_depth(self, depth: NDArray[np.float32]) -> None:
        """What the edge made (h, w) m of about the newest picture."""
        if self._shots:
            self._shots[-1].depth = depth

    def _add(self, branch: str, stamp_ns: int) -> None:
        state = min(self._odometry, key=lambda o: abs(o.stamp_ns - stamp_ns), default=None)
        size = self._sizes.pop(stamp_ns, 0)
        for old in [stamp for stamp in self._sizes if stamp < stamp_ns]:
            del self._sizes[old]
        if state is None:
            return
        self._sample_of[stamp_ns] = len(self._samples)
        time_s = 0.0 if self._start_ns is None else max((stamp_ns - self._start_ns) * 1e-9, 0.0)
        self._samples.append(
            Sample(time_s, _three(state.position), _three(state.velocity), branch, size, stage=self.stage)
        )

    def judge(self, now_ns: int) -> tuple[Outcome, str] | None:
        """The outcome and its detail, once there is one."""
        if not self.started:
            return None
        position = self._odometry[-1].position
        if not np.isfinite(position).all():
            return Outcome.ERROR, "the vehicle's position is not finite"
        if self._hit:
            return Outcome.COLLISION, self._hit
        low = -math.inf if self.route.min_z is None else self.route.min_z
        high = math.inf if self.route.max_z is None else self.route.max_z
        if not low <= position[2] <= high:
            return Outcome.OUT_OF_BOUNDS, f"z = {position[2]:.2f} m, airspace {low:g} to {high:g} m"
        if np.linalg.norm(position - self.route.goal) <= self.config.policy.goal_radius_m:
            return Outcome.SUCCESS, ""
        asks = self._refused_ns is not None and not self._answered
        if asks and (now_ns - (self._refused_ns or 0)) * 1e-9 > REFUSED_S:
            return Outcome.ERROR, f"the edge server does not serve this drone: {self.refusal}"
        if self.stage == "land" and not asks:
            return Outcome.FAILSAFE, "the guard lands: no fresh command"
        if self.elapsed_s >= self._time_limit_s and not asks:
            return Outcome.TIMEOUT, f"after {self._time_limit_s:.0f} s"
        if (now_ns - self._heard_ns) * 1e-9 > SILENCE_S:
            return Outcome.ERROR, f"no odometry for {SILENCE_S:.0f} s"
        return None

    def status(self) -> str:
        """One line for people."""
        if not self._odometry:
            return "waiting for the simulator (the first start on a machine compiles it)"
        if self.refusal:
            return f"the edge server does not serve this drone: {self.refusal}"
        if not self.started:
            return "waiting for the first answer of the edge server"
        odometry = self._odometry[-1]
        last = self._samples[-1] if self._samples else None
        sent = "" if last is None else f"  {last.branch} {last.bytes} B"
        distance = np.linalg.norm(self.route.goal - odometry.position)
        speed = np.linalg.norm(odometry.velocity)
        return f"{self.elapsed_s:5.1f} s  {distance:5.1f} m to go  {speed:4.1f} m/s{sent}  guard: {self.stage}"

    def episode(self, outcome: Outcome, detail: str, seed: int = 0) -> Episode:
        """The flight so far as a record."""
        path = np.array(self._path)
        samples = self._samples
        places = np.array([s.position for s in samples] or [self._path[0]])
        metrics = measure(
            success=outcome is Outcome.SUCCESS,
            path=path,
            velocities=self._velocities,
            times_s=self._times_s,
            time_s=self.elapsed_s,
            goal=self.route.goal,
            shortest_m=self.route.length_m,
            samples=samples,
            clearances=[] if self._query is None else clearances(self._query, places),
            crowding=None if self._query is None else crowding(self._query, path[0], self.route.goal),
            stale_commands=self._guard_counters["stale"],
            refused_packets=sum(n for name, n in self._guard_counters.items() if name.startswith("refused")),
            energy=EnergyModel(),
            head_s=self.config.timing.head_s,
            cruise_mps=self.config.policy.speed_mps,
            guarded_s=self._guarded_s,
        )
        return Episode(
            route_id=self.route.id,
            seed=seed,
            outcome=outcome,
            metrics=metrics,
            branch_use=dict(Counter(s.branch for s in samples)),
            detail=detail,
            start=_three(self._path[0]),
            goal=_three(self.route.goal),
            samples=tuple(samples),
            pictures=develop(self._shots),
        )


def _three(vector: Vector) -> tuple[float, float, float]:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
