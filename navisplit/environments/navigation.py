"""The environment: fly to the goal on what the edge sees, through the same vehicle, link and edge as any flight.

Observation: ``navisplit.edge.surroundings`` (234 numbers). Action: velocity in the heading's frame (x ahead, y left,
z up) as shares of the cruise speed, and yaw rate as a share of the highest, all -1..1. A step is a camera frame, 0.1 s.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from navisplit.config import FlightConfig, PolicyConfig
from navisplit.edge.commands import VELOCITIES, YAW_RATES
from navisplit.edge.learned import steer
from navisplit.edge.policies import DepthImage
from navisplit.edge.surroundings import SIZE, Surroundings
from navisplit.environments.stepped import Question, SteppedFlight
from navisplit.errors import UsageError
from navisplit.evaluate.airspace import with_airspace
from navisplit.evaluate.crew import load_models
from navisplit.evaluate.episode import Outcome
from navisplit.evaluate.flight import Flight, Limits
from navisplit.evaluate.metrics import EnergyModel
from navisplit.evaluate.oracle import ORACLE
from navisplit.frames import VelocityCommand, rotation_matrix
from navisplit.train.blur import Blur
from navisplit.train.cost_field import CostField

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds.routes import Route

FIRST_SEED = 6000  # of generated worlds; no other training, validation or test uses them
Observation = NDArray[np.float32]


@dataclass(frozen=True)
class Rewards:
    """What a step is worth; our choice."""

    progress: float = 0.2  # per metre of the shortest way with clearance that is behind
    time: float = -0.02  # per step
    jerk: float = -0.02  # per m/s of change of command
    success: float = 5.0
    crash: float = -5.0  # collision, out of bounds, failsafe


@dataclass(frozen=True)
class _Place:
    """A world that is loaded."""

    renderer: RayCaster
    routes: list[Route]
    fields: dict[int, CostField]


class NavigationEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """Flights in generated worlds of a family, or along the routes of one world. ``reset`` draws world and route."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (gymnasium's interface)

    def __init__(
        self,
        family: str = "",
        *,
        world: str = "",
        worlds: int = 4,
        routes: int = 12,
        first_seed: int = FIRST_SEED,
        speed_mps: float = 4.0,
        branch: str = ORACLE,
        models: str = "default",
        link: str = "none",
        depth_noise: float = 0.0,
        limits: Limits | None = None,
        rewards: Rewards | None = None,
        render_mode: str | None = None,
    ) -> None:
        """``family``: generated worlds, seeds from ``first_seed``; else ``world``: a name or an .sdf file.

        ``routes`` in each world; ``branch``, ``models`` and ``link`` as of `navisplit evaluate`; ``depth_noise``:
        highest scale of error of log depth that exact depth gets; ``limits``: when a flight is given up. Raises
        UsageError for a combination that is none.
        """
        if bool(family) == bool(world):
            raise UsageError(f"NavigationEnv: expected a family or a world, got family={family!r}, world={world!r}.")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise UsageError(f"NavigationEnv has the render mode rgb_array or None, got {render_mode!r}.")
        if worlds < 1 or routes < 1 or depth_noise < 0:
            raise UsageError("NavigationEnv: expected worlds, routes >= 1 and depth_noise >= 0.")
        self.observation_space = gymnasium.spaces.Box(-10.0, 10.0, (SIZE,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.render_mode, self.rewards, self.depth_noise = render_mode, rewards or Rewards(), depth_noise
        self.config = FlightConfig(
            branch=branch, models=models, link=link, policy=PolicyConfig(name="learned", speed_mps=speed_mps)
        )
        self._family, self._world, self._limits = family, world, limits or Limits()
        self._count, self._routes, self._first_seed = worlds if family else 1, routes, first_seed
        self._places: dict[int, _Place] = {}
        self._models = load_models(self.config)
        self._flight: SteppedFlight | None = None
        self._question: Question | None = None
        self._renderer: RayCaster | None = None  # of the world that is flown in
        self._last = VelocityCommand.zero()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a flight. ``options``: ``{"world": 0, "route": 3}`` instead of what the random generator draws."""
        super().reset(seed=seed)
        self.close()
        chosen = options or {}
        number = int(chosen.get("world", self.np_random.integers(self._count)))
        place = self._place(number)
        index = int(chosen.get("route", self.np_random.integers(len(place.routes))))
        if not 0 <= number < self._count or not 0 <= index < len(place.routes):
            raise UsageError(f"reset: expected a world below {self._count} and a route below {len(place.routes)}.")
        self._begin(place, place.routes[index], int(self.np_random.integers(2**31)))
        if self._question is None:
            raise UsageError(f"Route {index} of world {number}: the flight ended before the first frame was answered.")
        return self._observe(self._question), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Fly on with a command until the next frame is there."""
        if self._flight is None or self._question is None:
            raise gymnasium.error.ResetNeeded("step: the flight is over; call reset() first.")
        command = self._command(np.asarray(action, np.float64))
        change = float(np.linalg.norm(command.velocity - self._last.velocity))
        self._last = command
        before = self._cost_to_go
        self._question = self._flight.answer(command)
        reward = self.rewards.time + self.rewards.jerk * change
        if self._question is not None:
            self._observation = self._observe(self._question)
            reward += self.rewards.progress * (before - self._cost_to_go)
            return self._observation, reward, False, False, self._info()
        outcome = self._flight.episode.outcome if self._flight.episode else Outcome.ERROR
        ends = {Outcome.SUCCESS: self.rewards.success, Outcome.TIMEOUT: 0.0}
        reward += ends.get(outcome, self.rewards.crash)
        timeout = outcome is Outcome.TIMEOUT
        return self._observation, reward, not timeout, timeout, {**self._info(), "outcome": outcome.value}

    def render(self) -> NDArray[np.uint8] | None:
        """What the camera sees (144, 256, 3)."""
        from navisplit.sim.render.renderer import CameraView

        if self.render_mode is None or self._renderer is None:
            return None
        camera, state = self.config.camera, self._state
        ahead = rotation_matrix(state.orientation)[:, 0] * camera.offset_x_m
        view = CameraView(np.asarray(state.position) + ahead, np.asarray(state.orientation), camera.intrinsics)
        return self._renderer.render(view).rgb

    def close(self) -> None:
        """End the flight under way."""
        if self._flight is not None:
            self._flight.cancel()
        self._flight, self._question = None, None

    def _begin(self, place: _Place, route: Route, seed: int) -> None:
        config = with_airspace(self.config, route)
        self._flight = SteppedFlight()
        models = dataclasses.replace(self._models, make_policy=self._flight.pilot)
        self._policy, self._renderer = config.policy, place.renderer
        self._surroundings, self._last = Surroundings(config.policy), VelocityCommand.zero()
        noise = np.random.default_rng(seed)
        self._blur = Blur(float(noise.uniform(0.0, self.depth_noise)), noise)
        if route.id not in place.fields:
            place.fields[route.id] = CostField.of(place.renderer.query, route)
        self._field = place.fields[route.id]
        flight = Flight(place.renderer, route, config, models, seed, self._limits, EnergyModel())
        self._question = self._flight.start(flight)

    def _observe(self, question: Question) -> Observation:
        image: DepthImage | None = question.image
        if image is not None and image.spread is None:
            image = self._blur(image.depth)
        self._state = question.state
        self._cost_to_go = float(self._field.at(np.asarray(question.state.position, float)[None])[0])
        seen = self._surroundings.observe(image, question.view, question.state, question.stamp_ns, self._last)
        self._observation = np.clip(seen, -10.0, 10.0)
        return self._observation

    def _command(self, action: NDArray[np.float64]) -> VelocityCommand:
        if action.shape != (4,) or not np.isfinite(action).all():
            raise UsageError(f"step: expected four finite numbers -1..1 (velocity x, y, z, yaw rate), got {action!r}.")
        action = np.clip(action, -1.0, 1.0)
        velocity = action[:3] / max(1.0, float(np.linalg.norm(action[:3])))
        return steer(velocity, float(action[3]), self._state, self._policy)

    def _info(self) -> dict[str, Any]:
        return {"position": np.asarray(self._state.position, float), "cost_to_go_m": self._cost_to_go}

    def _place(self, number: int) -> _Place:
        """A world, loaded when it is first flown in."""
        from navisplit.sim.render.renderer import RayCaster
        from navisplit.sim.worlds import build_scene, generate, load_scene, plan_routes, select_routes

        if number not in self._places:
            seen = self.render_mode is not None or self.config.branch != ORACLE
            look: dict[str, Any] = {} if seen else {"shadow_resolution": 16, "ao": False}
            if self._world:
                renderer, routes = RayCaster(load_scene(self._world), **look), select_routes(self._routes, self._world)
            else:
                seed = self._first_seed + number
                renderer = RayCaster(build_scene(generate(self._family, seed)), **look)
                routes = plan_routes(renderer.scene, renderer.query, self._routes, np.random.default_rng(seed))
            self._places[number] = _Place(renderer, routes, {})
        return self._places[number]


class Commands(gymnasium.ActionWrapper[Observation, NDArray[np.int64], NDArray[np.float32]]):
    """The same environment with the choices of the policy ``learned``: one of 163 commands and one of 7 yaw rates."""

    def __init__(self, env: gymnasium.Env[Observation, NDArray[np.float32]]) -> None:
        super().__init__(env)
        self.action_space = gymnasium.spaces.MultiDiscrete([len(VELOCITIES), len(YAW_RATES)])

    def action(self, action: NDArray[np.int64]) -> NDArray[np.float32]:
        """A pair of rows as velocity and yaw rate."""
        return np.array([*VELOCITIES[int(action[0])], YAW_RATES[int(action[1])]], np.float32)
