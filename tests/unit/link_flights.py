"""A vehicle, a radio and an edge server that exchange frames in simulated time; only networks and vehicle are fakes."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from navisplit import wire
from navisplit.config import CameraConfig, GuardConfig
from navisplit.edge.policies import Decision
from navisplit.edge.server import EdgeServer
from navisplit.edge.tail import Depth
from navisplit.errors import PacketError
from navisplit.evaluate.exchange import Exchange
from navisplit.frames import Odometry, VelocityCommand
from navisplit.link import profile
from navisplit.nets.gate import RegretNet
from navisplit.vehicle.gate import SKIP
from navisplit.vehicle.guard import Guard
from navisplit.vehicle.neural_gate import SAMPLES, NeuralGate
from navisplit.vehicle.onboard import Onboard

MS, S = 10**6, 10**9
MODEL, PERIOD_S, HEAD_S, EDGE_S = 7, 0.1, 0.005, 0.02
PAYLOAD = {"b0": 50, "b1": 150, "b2": 400, "b3": 1100, "b4": 4600}
WIRE = {name: size + -(-size // 1200) * wire.FEATURE_OVERHEAD for name, size in PAYLOAD.items()}
GOAL = np.array([50.0, 0.0, 2.0])


class Head:
    """Slices of the branch's size, filled in order; trimmed as the real one, but by bytes."""

    def trunk(self, rgb):
        return SimpleNamespace()

    def encode(self, activations, branch, max_bytes=None):
        size = PAYLOAD[branch]
        if max_bytes is not None and WIRE[branch] > max_bytes:
            size = max(max_bytes - wire.FEATURE_OVERHEAD, 1) if max_bytes < 1271 else min(size, 1200)
        slices = [bytes(min(1200, size - at)) for at in range(0, size, 1200)]
        return SimpleNamespace(branch_id=int(branch[1]), codec_id=1, shape=(8, 18, 32), slices=slices)


class Tail:
    def decode(self, branch_id, codec_id, shape, slices):
        return slices, None

    def infer(self, branch_id, symbols, mask, memory=None):
        return Depth(np.full((72, 128), 10.0, np.float32))


class Straight:
    def act(self, image, view, state, stamp_ns):
        return Decision(VelocityCommand(np.array([3.0, 0.0, 0.0])), 10.0, 1.0)

    def reset(self):
        pass


def wasteful_gate() -> NeuralGate:
    """Wants the heaviest branch that it may send, and never skips."""
    choices = (SKIP, *PAYLOAD)
    regrets = np.log(np.expm1(np.array([9.0, 0.5, 0.4, 0.3, 0.2, 0.1], np.float32)))
    layers = ((np.zeros((len(SAMPLES), len(choices)), np.float32), regrets),)
    net = RegretNet(choices, np.zeros(len(SAMPLES), np.float32), np.ones(len(SAMPLES), np.float32), layers, MODEL, 1e-9)
    return NeuralGate(net, {SKIP: 0.0, **WIRE}, 0.0, PERIOD_S, brake_after_s=0.25)


@dataclass
class Frame:
    """What became of a frame."""

    time_s: float
    branch: str
    answer_ms: float | None = None  # after its capture


GREY = np.full((2, 2, 3), 128, np.uint8)


class LinkFlight:
    """Ten frames a second over a link that may become another one."""

    def __init__(self, link: str, gate=None, seed: int = 0, rate_hz: float = 10.0) -> None:
        self.server = EdgeServer(Tail(), Straight, CameraConfig(), MODEL)
        up, down = np.random.default_rng(seed).spawn(2)
        self.exchange = Exchange(profile(link), up, down, self.server, EDGE_S)
        self.onboard = Onboard(Head(), gate or wasteful_gate(), MODEL, period_s=1 / rate_hz)
        self.guard = Guard(GuardConfig())
        self.frames: dict[int, Frame] = {}
        self.refused: list[str] = []  # by the guard
        self.replies = []  # of the edge
        self.period_ns = round(S / rate_hz)
        self.now_ns = 0

    def change(self, link: str) -> None:
        """Both directions become another radio."""
        self.exchange.uplink.profile = self.exchange.downlink.profile = profile(link)

    def run(self, seconds: float) -> list[Frame]:
        """Exchange frames; those captured meanwhile."""
        end_ns = self.now_ns + round(seconds * S)
        begun_s = self.now_ns / S
        while self.now_ns < end_ns:
            if self.now_ns % self.period_ns == 0:
                self._capture()
            arrived = self.exchange.advance(self.now_ns)
            self.replies += arrived.replies
            for data in arrived.answers:
                try:
                    self._hear(wire.decode(data))
                except PacketError as error:
                    self.refused.append(type(error).__name__)
            self.guard.command(np.zeros(3), self.now_ns)
            ahead = [self.now_ns + period - self.now_ns % period for period in (self.period_ns, 20 * MS)]
            self.now_ns = min([*ahead, end_ns, *(at for at in self.exchange.events_ns() if at > self.now_ns)])
        return [frame for frame in self.frames.values() if frame.time_s >= begun_s]

    def _capture(self) -> None:
        stamp = self.now_ns
        still = Odometry(stamp, np.zeros(3), np.array([0, 0, 0, 1.0]), np.zeros(3), np.zeros(3))
        sent = self.onboard.process(GREY, still, GOAL, stamp, now_ns=stamp)
        self.frames[stamp] = Frame(stamp / S, sent.branch)
        self.guard.note_sent(stamp, stamp, MODEL)
        self.exchange.send(sent.packets, stamp + round(HEAD_S * S))

    def _hear(self, answer: wire.AnswerPacket) -> None:
        reason = self.guard.accept(answer, self.now_ns)
        if reason is not None:
            self.refused.append(reason)
        if self.frames[answer.stamp_ns].answer_ms is None:
            self.frames[answer.stamp_ns].answer_ms = (self.now_ns - answer.stamp_ns) / MS
        self.onboard.on_answer(answer, now_ns=self.now_ns)
