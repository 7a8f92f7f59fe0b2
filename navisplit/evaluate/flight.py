"""One offline flight: the vehicle's, link's and edge's own objects, in simulated time, the same to the bit from a seed.

Events happen on the simulation's 3 ms steps: camera frames, packets leaving and arriving, the guard's ticks. Computing
times are constants of the configuration, so that a result does not depend on the machine.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from navisplit.config import FlightConfig
from navisplit.errors import NaviSplitError, PacketError
from navisplit.evaluate.airspace import with_airspace
from navisplit.evaluate.crew import Crew, Models
from navisplit.evaluate.episode import Episode, Outcome, Sample
from navisplit.evaluate.exchange import Exchange
from navisplit.evaluate.interference import Interference
from navisplit.evaluate.metrics import EnergyModel, measure
from navisplit.evaluate.pictures import Shot, develop
from navisplit.evaluate.surroundings import clearances, crowding
from navisplit.evaluate.viewpoint import camera_view, on_grid
from navisplit.faults.damage import Frame
from navisplit.frames import Vector
from navisplit.link import profile
from navisplit.sim.camera.pictures import Film
from navisplit.sim.simulation import Simulation
from navisplit.sim.weather import parse_weather
from navisplit.vehicle.guard import Guard, Stage
from navisplit.vehicle.onboard import WITHHELD
from navisplit.wire import AnswerPacket, decode

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds.routes import Route

COMMAND_LIFE_S = 0.2


@dataclass(frozen=True)
class Limits:
    """When a flight is given up: after ``timeout_s``, or ``timeout_factor`` times the way at cruise speed if longer."""

    timeout_s: float = 30.0
    timeout_factor: float = 4.0

    def time_s(self, length_m: float, speed_mps: float) -> float:
        """Seconds that a flight may take."""
        return max(self.timeout_s, self.timeout_factor * length_m / speed_mps)


def fly(
    renderer: RayCaster,
    route: Route,
    config: FlightConfig,
    models: Models,
    seed: int,
    *,
    limits: Limits | None = None,
    energy: EnergyModel | None = None,
) -> Episode:
    """Fly one route. What goes wrong inside is an episode with outcome ``error``; bad configuration raises."""
    return Flight(renderer, route, config, models, seed, limits or Limits(), energy or EnergyModel()).run()


class Flight:
    """State of a flight under way."""

    def __init__(
        self,
        renderer: RayCaster,
        route: Route,
        config: FlightConfig,
        models: Models,
        seed: int,
        limits: Limits,
        energy: EnergyModel,
    ) -> None:
        self.renderer, self.route, self.seed, self.energy = renderer, route, seed, energy
        self.config = config = with_airspace(config, route)
        world = zlib.crc32(renderer.scene.name.encode())
        up, down, gate, faults = np.random.default_rng([seed, route.id, world]).spawn(4)
        self.crew: Crew = models.crew(config, gate)
        self.faults = Interference(config.faults, faults)
        self.exchange = Exchange(profile(config.link), up, down, self.crew.server, config.timing.edge_s, self.faults)
        self.guard = Guard(config.guard)
        self.simulation = Simulation(renderer.scene, renderer=renderer, seed=seed)
        if config.weather:
            self.simulation.atmosphere.set_weather(parse_weather(config.weather))
        self.vehicle = self.simulation.vehicle()
        self.vehicle.teleport(np.asarray(route.start, float), route.start_yaw)
        self.goal = np.asarray(route.goal, float)
        straight = float(np.linalg.norm(self.goal - route.start))
        self.time_limit_s = limits.time_s(route.length_m or straight, config.policy.speed_mps)
        self._hits = self.vehicle.collision_count
        self._camera_ns, self._guard_ns = 0, 0
        self._samples: list[Sample] = []
        self._frame_of: dict[int, int] = {}  # capture stamp -> index of its sample
        self._flown: int | None = None  # stamp of the answer accepted last, until a command is flown on it
        self._path: list[Vector] = []
        self._clearances: list[float] = []  # at each capture, m
        self._velocities: list[Vector] = []  # at each tick of the guard
        self._ticks_s: list[float] = []
        self._guarded_s = 0.0
        self._shots: deque[Shot] = deque(maxlen=32)

    def run(self) -> Episode:
        """Fly to the end."""
        outcome, detail = None, ""
        try:
            while outcome is None:
                self._advance()
                self._capture()
                self._send()
                self._exchange()
                self._steer()
                outcome, detail = self._judge()
        except (NaviSplitError, ArithmeticError, ValueError, IndexError, RuntimeError) as error:
            outcome, detail = Outcome.ERROR, f"{type(error).__name__}: {error}"
        return self._episode(outcome, detail)

    @property
    def now_ns(self) -> int:
        """The simulation's clock, which is every party's."""
        return self.simulation.clock_ns

    def _advance(self) -> None:
        """Let time pass up to the next event."""
        events = [self._camera_ns, self._guard_ns, *self.exchange.events_ns(), *self.faults.due_ns]
        steps = -((self.now_ns - min(events)) // self.simulation.step_ns)  # rounded up
        if steps > 0:
            self.simulation.steps(steps)

    def _capture(self) -> None:
        """The camera takes a picture, or true depth."""
        now = self.now_ns
        if now < self._camera_ns:
            return
        self._camera_ns += self.config.camera.period_ns
        odometry = self.vehicle.odometry()
        view = camera_view(odometry, self.config.camera)
        moving = self.simulation.snapshot(without=self.vehicle.name)
        film = Film(self.renderer, view, self.simulation.conditions(), layer=moving)
        if self.crew.oracle is not None:
            picture = self.renderer.depth_batch([on_grid(view, self.config)], moving)[0]
        else:
            picture = film.scene
        self.faults.camera.send(Frame(now, picture, self.faults.sense(odometry, now)), now)
        self._frame_of[now] = len(self._samples)
        self._samples.append(
            Sample(self._elapsed_s(), _three(odometry.position), _three(odometry.velocity), WITHHELD, 0,
                   stage=self.guard.stage.value)
        )  # fmt: skip
        self._clearances.append(self._clearance(odometry.position))
        self._shots.append(Shot(self._elapsed_s(), film, branch=WITHHELD))

    def _send(self) -> None:
        """Head and gate; the packets leave when the head is done."""
        now = self.now_ns
        for frame in self.faults.camera.receive(now):
            sent = self.crew.onboard.process(frame.picture, frame.odometry, self.goal, frame.stamp_ns, now_ns=now)
            if sent.packets:
                self.guard.note_sent(frame.stamp_ns, self.faults.guard_ns(now), self.crew.onboard.model_hash)
            if sent.exit is not None:
                self.guard.note_exit(sent.exit, self.faults.guard_ns(now))
            self.exchange.send(sent.packets, now + round(self.config.timing.head_s * 1e9))
            self._amend(frame.stamp_ns, branch=sent.branch, bytes=sent.size)
            for shot in self._shots_of(frame.stamp_ns):
                shot.branch = sent.branch

    def _exchange(self) -> None:
        """Both directions of the link, and the edge server between them."""
        arrived = self.exchange.advance(self.now_ns)
        for reply in arrived.replies:
            for shot in self._shots_of(reply.packet.stamp_ns):
                shot.depth = reply.depth.depth if reply.depth is not None else None
        for data in arrived.answers:
            self._hear(data, self.now_ns)

    def _hear(self, data: bytes, now: int) -> None:
        """An answer reaches the vehicle; one that was damaged on the way is refused, as ``guard_node`` does."""
        try:
            answer = decode(data)
        except PacketError:
            return
        if not isinstance(answer, AnswerPacket):
            return
        if self.guard.accept(answer, self.faults.guard_ns(now)) is None:
            self._flown = answer.stamp_ns
        self.crew.onboard.on_answer(answer, now_ns=now)

    def _steer(self) -> None:
        """The guard's tick."""
        now = self.now_ns
        if now < self._guard_ns:
            return
        self._guard_ns += (period_ns := round(1e9 / self.config.timing.guard_rate_hz))
        odometry = self.vehicle.odometry()
        sensed = self.faults.sense(odometry, now)
        self.crew.onboard.senses.note(sensed)
        output = self.guard.command(sensed, self.faults.guard_ns(now))
        self.vehicle.fly(output.command, COMMAND_LIFE_S)
        self._path.append(odometry.position)
        self._velocities.append(odometry.velocity)
        self._ticks_s.append(self._elapsed_s())
        self._guarded_s += 0.0 if output.stage is Stage.EDGE else period_ns * 1e-9
        if self._flown is not None and output.stage is Stage.EDGE:
            self._amend(self._flown, latency_ms=(now - self._flown) * 1e-6)
            self._flown = None

    def _judge(self) -> tuple[Outcome | None, str]:
        """The outcome, once there is one, and its detail."""
        if self.vehicle.collision_count > self._hits:
            return Outcome.COLLISION, self.vehicle.collision.object_name
        position = self.vehicle.position
        if not np.isfinite(position).all():
            return Outcome.ERROR, "the vehicle's position is not finite"
        low = -math.inf if self.route.min_z is None else self.route.min_z
        high = math.inf if self.route.max_z is None else self.route.max_z
        if not low <= position[2] <= high:
            return Outcome.OUT_OF_BOUNDS, f"z = {position[2]:.2f} m, airspace {low:g} to {high:g} m"
        if np.linalg.norm(position - self.goal) <= self.config.policy.goal_radius_m:
            return Outcome.SUCCESS, ""
        if self.guard.stage is Stage.LAND:
            return Outcome.FAILSAFE, "the guard lands: no fresh command"
        if self._elapsed_s() >= self.time_limit_s:
            return Outcome.TIMEOUT, f"after {self.time_limit_s:.0f} s"
        return None, ""

    def _episode(self, outcome: Outcome, detail: str) -> Episode:
        path = np.array([*self._path, self.vehicle.position])
        radio = self.exchange.uplink.stats
        metrics = measure(
            success=outcome is Outcome.SUCCESS,
            path=path,
            velocities=self._velocities,
            times_s=self._ticks_s,
            time_s=self._elapsed_s(),
            goal=self.goal,
            shortest_m=self.route.length_m,
            samples=self._samples,
            clearances=self._clearances or [self._clearance(path[0])],
            crowding=crowding(self.renderer.query, self.route.start, self.goal),
            stale_commands=self.guard.counters.stale,
            refused_packets=sum(self.crew.server.refused.values()),
            energy=self.energy,
            head_s=self.config.timing.head_s,
            cruise_mps=self.config.policy.speed_mps,
            guarded_s=self._guarded_s,
            lost_packets=radio.lost_packets + radio.dropped_packets,
        )
        if self.route.rating is not None:
            metrics = dataclasses.replace(metrics, difficulty=self.route.rating.difficulty)
        bad = outcome is not Outcome.SUCCESS or (metrics.clearance_min_m or 0.0) < 0.3
        return Episode(
            route_id=self.route.id,
            seed=self.seed,
            outcome=outcome,
            metrics=metrics,
            branch_use=dict(Counter(s.branch for s in self._samples)),
            detail=detail,
            start=_three(self.route.start),
            goal=_three(self.goal),
            samples=tuple(self._samples),
            pictures=develop(self._shots) if bad else (),
        )

    def _amend(self, stamp_ns: int, **values: Any) -> None:
        """Say more of the frame that was captured then."""
        index = self._frame_of[stamp_ns]
        self._samples[index] = dataclasses.replace(self._samples[index], **values)

    def _shots_of(self, stamp_ns: int) -> list[Shot]:
        """The picture of the frame that was captured then, while it is kept."""
        time_s = self._samples[self._frame_of[stamp_ns]].time_s
        return [shot for shot in self._shots if shot.time_s == time_s]

    def _elapsed_s(self) -> float:
        return self.now_ns * 1e-9

    def _clearance(self, point: Vector) -> float:
        """Of a body at (3,) now, ground and moving things included, m."""
        return float(clearances(self.simulation.probe, point[None])[0])


def _three(vector: Vector) -> tuple[float, float, float]:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
