"""Paired decisions for the gate: what the planner would have done with each branch's depth, frame by frame.

Flights are flown with randomly chosen branches, so that the gate meets the states that its own thrift leads to. At each
answered frame every branch is encoded, decoded and given to a copy of the planner, and so is the true depth. A command
is scored by how near the vehicle's response to it comes to anything (known to the simulator alone), sooner counting
more, as a later command may still correct it; by how far it strays from the command on true depth; and by the error of
near depth, which the planner's map keeps. A branch's regret is its score minus the best score of the frame.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from navisplit.config import CameraConfig, FlightConfig
from navisplit.edge.memory import DepthMemory
from navisplit.edge.policies import Decision, DepthImage, Policy, State, View, make_policy
from navisplit.edge.server import EdgeServer
from navisplit.edge.tail import Depth
from navisplit.evaluate.crew import Crew, Models
from navisplit.evaluate.flight import fly
from navisplit.frames import Vector, rotation_matrix
from navisplit.vehicle.gate import SKIP, GateInput
from navisplit.vehicle.neural_gate import gate_features
from navisplit.vehicle.onboard import Onboard

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds.routes import Route

HORIZON_S, STEP_S, PATIENCE_S = 1.2, 0.1, 0.6
ROOM_M, TOUCH_M, NEAR_M = 0.95, 0.38, 8.0  # centre to surface: crowded below, as good as hit below; near depth
CROWDED_COST, TOUCH_COST, STRAY_COST, BLUR_COST = 2.0, 3.0, 0.25, 0.5  # our choice; 1 is about a near miss
SKIP_SHARE = 0.2


@dataclass
class Rows:
    """What a flight teaches: gate inputs (N, D) and regrets (N, K), choices in the order of ``choices``."""

    choices: tuple[str, ...]
    features: list[NDArray[np.float32]] = field(default_factory=list)
    regrets: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass
class _Exploring:
    """A gate that draws branches at random, with another mix for each flight, and notes what it saw."""

    branches: tuple[str, ...]
    weights: NDArray[np.float64]
    rng: np.random.Generator
    seen: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    held: int = 0

    def choose(self, inputs: GateInput) -> str:
        self.seen[inputs.odometry.stamp_ns] = gate_features(inputs)
        may_skip = inputs.answer is not None and inputs.since_sent_s < 0.15
        if may_skip and self.rng.random() < SKIP_SHARE:
            return SKIP
        return str(self.rng.choice(self.branches, p=self.weights))


@dataclass
class _Recall:
    """The head of the flight, remembering the last activations."""

    head: Any
    activations: Any = None

    def trunk(self, rgb: NDArray[np.uint8]) -> Any:
        self.activations = self.head.trunk(rgb)
        return self.activations

    def encode(self, activations: Any, branch: str, max_bytes: int | None = None) -> Any:
        return self.head.encode(activations, branch)


class _Probing:
    """A policy that asks copies of itself what they would do with every branch, then does what it was asked to."""

    def __init__(
        self,
        inner: Policy,
        head: _Recall,
        tail: Any,
        gate: _Exploring,
        renderer: RayCaster,
        rows: Rows,
        camera: CameraConfig,
    ) -> None:
        self.inner, self.head, self.tail, self.gate, self.renderer, self.rows = inner, head, tail, gate, renderer, rows
        self.memory = DepthMemory(camera)  # as the server's own
        self.command: Vector = np.zeros(3)

    def reset(self) -> None:
        self.inner.reset()
        self.memory.forget()

    def act(self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int) -> Decision:
        features = self.gate.seen.pop(stamp_ns, None)
        if image is not None and view is not None and features is not None:
            self.rows.features.append(features)
            self.rows.regrets.append(self._regrets(view, state, stamp_ns, self.memory.recall(state, stamp_ns)))
        if image is not None:
            self.memory.keep(image, state, stamp_ns)
        decision = self.inner.act(image, view, state, stamp_ns)
        self.command = np.asarray(decision.command.velocity, float)
        return decision

    def _regrets(
        self, view: View, state: State, stamp_ns: int, memory: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        true_depth = self._true_depth(view, state)
        truth = self._decide(Depth(true_depth, None), view, state, stamp_ns)
        commands, blur = [self.command], []  # skip: the last command flies on
        for branch in self.rows.choices[1:]:
            encoded = self.head.encode(self.head.activations, branch)
            symbols, mask = self.tail.decode(encoded.branch_id, encoded.codec_id, encoded.shape, encoded.slices)
            image = self.tail.infer(encoded.branch_id, symbols, mask, memory)
            commands.append(self._decide(image, view, state, stamp_ns))
            blur.append(_near_error(image.depth, true_depth))
        blur.insert(0, max(blur))  # a skipped frame adds nothing to the map
        scores = np.array([self._score(c, truth, state) for c in commands]) + BLUR_COST * np.array(blur)
        return (scores - scores.min()).astype(np.float32)

    def _decide(self, image: DepthImage, view: View, state: State, stamp_ns: int) -> Vector:
        return np.asarray(copy.deepcopy(self.inner).act(image, view, state, stamp_ns).command.velocity, float)

    def _true_depth(self, view: View, state: State) -> NDArray[np.float32]:
        from navisplit.sim.render.renderer import CameraView

        ahead = rotation_matrix(state.orientation)[:, 0] * view.offset_x_m
        eye = CameraView(np.asarray(state.position) + ahead, np.asarray(state.orientation), view.intrinsics)
        return self.renderer.depth_batch([eye])[0]

    def _score(self, command: Vector, reference: Vector, state: State) -> float:
        from navisplit.edge.primitives import follow

        body = np.zeros(8)
        body[:3], body[3:6] = state.position, state.velocity
        path = np.empty((round(HORIZON_S / STEP_S), 3))
        for point in path:
            follow(body, command[0], command[1], command[2], STEP_S)
            point[:] = body[:3]
        room = self.renderer.query.nearest(path, 2.0)[0]
        weight = np.exp(-np.arange(len(path)) * STEP_S / PATIENCE_S)
        crowded = CROWDED_COST * float((weight * np.square(np.maximum(0.0, ROOM_M - room))).sum()) * STEP_S
        touch = TOUCH_COST * float((weight * (room < TOUCH_M)).max())
        stray = float(np.linalg.norm(command - reference)) / max(1.0, float(np.linalg.norm(reference)))
        return crowded + touch + STRAY_COST * min(stray, 2.0)


def _near_error(depth: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Mean error of log depth where something is near, times the share of such pixels up to a tenth of the picture."""
    near = truth < NEAR_M
    share = min(1.0, 10.0 * float(near.mean()))
    return share * float(np.abs(np.log(depth[near] / truth[near])).mean()) if near.any() else 0.0


@dataclass
class _ProbeModels(Models):
    """The models of a flight, with head, gate and policy wrapped so that they can be asked."""

    renderer: Any = None
    rows: Rows | None = None

    def crew(self, config: FlightConfig, rng: np.random.Generator) -> Crew:
        """As ``Models.crew``, probing."""
        assert self.rows is not None
        head = _Recall(self.head)
        gate = _Exploring(self.branches, rng.dirichlet(np.full(len(self.branches), 0.5)), rng)

        def policy() -> Policy:
            return _Probing(make_policy(config.policy), head, self.tail, gate, self.renderer, self.rows, config.camera)

        server = EdgeServer(self.tail, policy, config.camera, self.model_hash)
        return Crew(Onboard(head, gate, self.model_hash), server, None)


def collect_decisions(
    renderer: RayCaster,
    routes: Sequence[Route],
    models: Models,
    config: FlightConfig,
    seed: int,
    on_flight: Callable[[int, int], None] = lambda flights, rows: None,
) -> Rows:
    """Fly routes of one world and return their decisions; ``on_flight`` hears how many flights and rows there are."""
    rows = Rows((SKIP, *models.branches))
    probing = _ProbeModels(
        **{f.name: getattr(models, f.name) for f in dataclasses.fields(Models)}, renderer=renderer, rows=rows
    )
    for flights, route in enumerate(routes, start=1):
        fly(renderer, route, config, probing, seed)
        on_flight(flights, len(rows.features))
    return rows
