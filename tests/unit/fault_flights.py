"""Flights at 4 m/s that something happens to, in simulated time, and what the drone does: in seconds and in metres.

The pilot flies straight on whatever it sees, so that the figures are those of the failsafe and not of a planner.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np

from navisplit.config import CameraConfig, FlightConfig, PolicyConfig
from navisplit.edge.policies import Decision
from navisplit.edge.tail import Depth
from navisplit.evaluate.crew import Models
from navisplit.evaluate.flight import Flight, Limits
from navisplit.evaluate.metrics import EnergyModel
from navisplit.frames import VelocityCommand
from navisplit.sim.render.renderer import RayCaster
from navisplit.vehicle.gate import SKIP
from navisplit.vehicle.guard import Stage
from tests.unit.test_evaluate import box, route, yard

SPEED_MPS = 4.0
ONSET_S = 5.0  # when the fault begins: at full speed
STANDS_MPS = 0.2
PAYLOAD = b"p" * 1200
MODEL_HASH = 0xFEED


class StraightOn:
    """Four metres a second to the east."""

    def act(self, image, view, state, stamp_ns) -> Decision:
        return Decision(VelocityCommand(np.array([SPEED_MPS, 0.0, 0.0]), 0.0), 10.0, 1.0)

    def reset(self) -> None:
        """Nothing is remembered."""


class Split:
    """Head and tail: three slices a frame, and ten metres of free space."""

    def trunk(self, picture):
        return SimpleNamespace(summary=np.zeros(3, np.float32))

    def encode(self, activations, branch, max_bytes=None):
        return SimpleNamespace(branch_id=0, codec_id=0, shape=(1, 2, 2), slices=[PAYLOAD] * 3)

    def decode(self, branch_id, codec_id, shape, slices):
        return slices, None

    def infer(self, branch_id, symbols, mask, memory=None) -> Depth:
        return Depth(np.full((72, 128), 10.0, np.float32))


class StuckGate:
    """Sends b0, until it is stuck on skip."""

    def choose(self, inputs) -> str:
        return SKIP if inputs.odometry.stamp_ns >= ONSET_S * 1e9 else "b0"


class Logged(Flight):
    """Writes down every tick of the guard."""

    restarts = False

    def _steer(self) -> None:
        known = len(self._path)
        super()._steer()
        if len(self._path) > known:
            speed = float(np.linalg.norm(self._velocities[-1]))
            self.log.append((self._elapsed_s(), self.guard.stage, self._path[-1], speed))
        if self.restarts and self._elapsed_s() >= ONSET_S:
            self.restarts, self.crew.onboard = False, self.models.crew(self.config, np.random.default_rng(0)).onboard


@dataclass(frozen=True)
class Reaction:
    """What the drone did, counted from the onset of the fault."""

    brakes_s: float | None  # the first tick at which no command of the edge was flown
    stands_s: float | None  # the first at which it stood
    blind_m: float | None  # flown until then
    resumes_s: float | None  # the first tick after standing at which it flew on the edge's commands again
    guarded: float  # share of the ticks at which the guard flew
    fastest_mps: float
    stages: frozenset[Stage]
    outcome: str
    withheld: dict[str, int] = field(default_factory=dict)


@functools.cache
def renderer() -> RayCaster:
    posts = [box(f"post_{x}_{y}", (x, y, 0), (x + 0.4, y + 0.4, 5)) for x in range(-50, 60, 3) for y in (-5.0, 4.0)]
    return RayCaster(yard(*posts), shadow_resolution=16, ao=False)


def flown(
    faults: str = "", *, seconds: float = 11.0, gate: bool = False, restarts: bool = False, **config: object
) -> Reaction:
    """Fly; ``faults`` as ``parse_faults`` reads them, at ONSET_S."""
    models = Models(MODEL_HASH, ("b0",), Split(), Split(), lambda _: StuckGate(), make_policy=lambda _: StraightOn())
    settings = FlightConfig(
        branch="gate" if gate else "b0",
        faults=faults,
        camera=CameraConfig(width=64, height=36),
        policy=PolicyConfig(speed_mps=SPEED_MPS),
    )
    way = route((500.0, 0.0, 2.0), start=(-50.0, 0.0, 2.0), length_m=None, min_z=0.3)
    limits = Limits(seconds, 1e-6)
    flight = Logged(renderer(), way, replace(settings, **config), models, 0, limits, EnergyModel())
    flight.log, flight.restarts, flight.models = [], restarts, models
    return _reaction(flight, flight.run())


def _reaction(flight: Logged, episode) -> Reaction:
    after = [tick for tick in flight.log if tick[0] >= ONSET_S]
    assert after
    start = next(p for t, _, p, _ in after)
    brakes = next((t for t, stage, _, _ in after if stage is not Stage.EDGE), None)
    stands = None
    if brakes is not None:
        stands = next(((t, p) for t, _, p, speed in after if t >= brakes and speed < STANDS_MPS), None)
    resumes = None
    if stands is not None:
        resumes = next((t for t, stage, _, _ in after if t > stands[0] and stage is Stage.EDGE), None)
    return Reaction(
        brakes_s=None if brakes is None else brakes - ONSET_S,
        stands_s=None if stands is None else stands[0] - ONSET_S,
        blind_m=None if stands is None else float(np.linalg.norm(stands[1] - start)),
        resumes_s=None if resumes is None else resumes - ONSET_S,
        guarded=sum(stage is not Stage.EDGE for _, stage, _, _ in after) / len(after),
        fastest_mps=max(speed for _, _, _, speed in after),
        stages=frozenset(stage for _, stage, _, _ in after),
        outcome=episode.outcome.value,
        withheld=dict(flight.crew.onboard.senses.refused),
    )


def at(fault: str) -> str:
    """A fault from the onset on."""
    unit, plus, duration = fault.partition("+")
    return f"{unit}@{ONSET_S:g}{plus}{duration}"
