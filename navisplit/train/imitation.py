"""Flights to learn from (DAgger, Ross et al. 2011): the student flies, the expert says what each command would cost.

In round 0 the expert flies, pushed off its way now and then, so that its recoveries are seen too. In later rounds the
student of the rounds before flies; where its command would hit something, the expert takes over in most flights, so
that they go on. The student sees exact depth in a third of the flights, and depth as wrong as a network's in the rest.
Figures are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.config import FlightConfig, PolicyConfig
from navisplit.edge.commands import VELOCITIES, YAW_RATES
from navisplit.edge.learned import clearance_along, command_of
from navisplit.edge.policies import Decision, DepthImage, State, View
from navisplit.edge.surroundings import Surroundings
from navisplit.evaluate.airspace import with_airspace
from navisplit.evaluate.crew import Models
from navisplit.evaluate.episode import Episode
from navisplit.evaluate.flight import fly
from navisplit.evaluate.oracle import ORACLE
from navisplit.frames import VelocityCommand
from navisplit.nets.policy import PolicyNet, softmax
from navisplit.train.blur import Blur
from navisplit.train.expert import Advice, Expert

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds.routes import Route

PUSHED = 0.03  # of the expert's frames begin a push
PUSH_FRAMES = 6
RESCUED = 0.75  # of the student's flights
DANGER_M = 7.0  # price of a command beyond the best at which the expert takes over
LEVELS = (0.05, 0.4)  # of blur


@dataclass
class Lessons:
    """Frames: observations (N, D), costs of the commands (N, K) in m, and the expert's yaw (N,), -1..1."""

    observations: list[NDArray[np.float32]] = field(default_factory=list)
    costs: list[NDArray[np.float32]] = field(default_factory=list)
    yaw: list[float] = field(default_factory=list)


class Apprentice:
    """A pilot that learns (``Policy``): it asks the expert about every frame, and writes down the answer."""

    def __init__(
        self,
        config: PolicyConfig,
        expert: Expert,
        student: PolicyNet | None,
        lessons: Lessons,
        rng: np.random.Generator,
    ) -> None:
        self.config, self.expert, self.student, self.lessons, self._rng = config, expert, student, lessons, rng
        exact = rng.random() < 1 / 3
        self._blur = Blur(0.0 if exact else float(rng.uniform(*LEVELS)), rng)
        self._rescue = rng.random() < RESCUED
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._surroundings = Surroundings(self.config)
        self._last = VelocityCommand.zero()
        self._push, self._push_left = 0, 0

    def act(self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int) -> Decision:
        """Fly on, by whoever's turn it is."""
        seen = None if image is None else self._blur(image.depth)
        observation = self._surroundings.observe(seen, view, state, stamp_ns, self._last)
        advice = self.expert.advise(state, self._last.velocity)
        self.lessons.observations.append(observation)
        self.lessons.costs.append(advice.costs.astype(np.float32))
        self.lessons.yaw.append(advice.yaw)
        choice, yaw = (
            self._pushed(advice) if self.student is None else self._students(self.student, observation, advice)
        )
        self._last = command_of(choice, yaw, state, self.config)
        return Decision(self._last, clearance_along(observation, VELOCITIES[choice]), 1.0)

    def _pushed(self, advice: Advice) -> tuple[int, float]:
        """The expert's choice, or a push off its way that does not hit at once."""
        if self._push_left == 0 and self._rng.random() < PUSHED:
            self._push, self._push_left = int(self._rng.integers(len(VELOCITIES))), PUSH_FRAMES
        self._push_left = max(0, self._push_left - 1)
        if self._push_left and advice.costs[self._push] < DANGER_M:
            return self._push, float(self._rng.uniform(-1, 1))
        return advice.best, advice.yaw

    def _students(self, student: PolicyNet, observation: NDArray[np.float32], advice: Advice) -> tuple[int, float]:
        commands, yaw_rates = student.scores(observation)
        choice = int(np.argmax(commands))
        if self._rescue and advice.costs[choice] > DANGER_M:
            return advice.best, advice.yaw
        return choice, float(softmax(yaw_rates) @ YAW_RATES)


def fly_lesson(
    renderer: RayCaster,
    route: Route,
    speed_mps: float,
    student: PolicyNet | None,
    lessons: Lessons,
    rng: np.random.Generator,
) -> Episode:
    """One flight on the simulator's depth, through the vehicle's, the link's and the edge's own objects."""
    config = FlightConfig(branch=ORACLE, policy=PolicyConfig(name="learned", speed_mps=speed_mps))
    expert = Expert(renderer.query, route, with_airspace(config, route).policy)
    models = Models(
        model_hash=0,
        branches=(ORACLE,),
        make_policy=lambda policy: Apprentice(policy, expert, student, lessons, rng),
    )
    return fly(renderer, route, config, models, seed=int(rng.integers(2**31)))
