"""Stand-ins for the vehicle and the networks; rclpy is never faked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from navisplit.edge.policies import Decision
from navisplit.edge.tail import Depth
from navisplit.errors import PacketError, SimulatorError
from navisplit.frames import Odometry, VelocityCommand, quaternion_from_euler
from navisplit.nodes.models import OnboardModels

MODEL_HASH = 0xABCD1234
BRANCHES = ("b0", "b1")
SHAPE = (1, 2, 2)


@dataclass
class Activations:
    summary: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))


@dataclass(frozen=True)
class Encoded:
    branch_id: int
    codec_id: int
    shape: tuple[int, int, int]
    slices: list[bytes]


class FakeHead:
    """One slice for b0, two for b1."""

    def trunk(self, rgb: np.ndarray) -> Activations:
        if rgb.shape != (144, 256, 3):
            raise PacketError(f"expected (144, 256, 3), got {rgb.shape}")
        return Activations()

    def encode(self, activations: Activations, branch: str, max_bytes: int | None = None) -> Encoded:
        number = BRANCHES.index(branch)
        return Encoded(number, 0, SHAPE, [b"slice"] * (number + 1))


class FakeTail:
    """Ten metres of free space, after ``delay_s`` of thinking."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.inferred = 0

    def decode(self, branch_id: int, codec_id: int, shape: Any, slices: Any) -> tuple[Any, Any]:
        return slices, None

    def infer(self, branch_id: int, symbols: Any, mask: Any, memory: Any = None) -> Depth:
        time.sleep(self.delay_s)
        self.inferred += 1
        return Depth(np.full((72, 128), 10.0, np.float32))


class StraightOn:
    """Flies straight to the goal at the policy's speed."""

    def __init__(self, config: Any) -> None:
        self.speed = config.speed_mps

    def act(self, image: Any, view: Any, state: Any, stamp_ns: int) -> Decision:
        way = state.goal - state.position
        return Decision(VelocityCommand(way / max(np.linalg.norm(way), 1e-6) * self.speed, 0.1), 10.0, 1.0)

    def reset(self) -> None:
        pass


def onboard(config: Any) -> OnboardModels:
    """In the place of ``load_onboard``: two branches and no gate."""
    return OnboardModels("fake", MODEL_HASH, BRANCHES, FakeHead())


@dataclass(frozen=True)
class Collision:
    has_collided: bool
    object_name: str


class FakeVehicle:
    """A point that flies exactly as commanded, on the wall clock, until the command's duration is over."""

    def __init__(self) -> None:
        self.commands: list[tuple[VelocityCommand, float]] = []
        self.hit = ""  # name of what it has hit
        self.dead = False
        self.took_off = False
        self.screen: list[tuple[str, str]] = []
        self.blind = False
        self.pictures = 0
        self._lock = threading.Lock()
        self._state = Odometry(time.time_ns(), np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3), np.zeros(3))
        self._until_ns = 0

    def place(self, position: np.ndarray, yaw: float) -> None:
        turned = quaternion_from_euler(0.0, 0.0, yaw)
        self._state = replace(self._state, position=np.asarray(position, float), orientation=turned)

    def takeoff(self) -> None:
        self.took_off = True

    def hover(self) -> None:
        pass

    def odometry(self) -> Odometry:
        if self.dead:
            raise SimulatorError("The simulator does not answer.")
        with self._lock:
            now_ns = time.time_ns()
            flown_ns = max(min(now_ns, self._until_ns) - self._state.stamp_ns, 0)
            velocity = self._state.velocity if now_ns < self._until_ns else np.zeros(3)
            position = self._state.position + self._state.velocity * flown_ns * 1e-9
            self._state = replace(self._state, stamp_ns=now_ns, position=position, velocity=velocity)
            return self._state

    def camera(self) -> tuple[int, np.ndarray, Odometry]:
        state = self.odometry()
        rgb = np.zeros((144, 256, 3), np.uint8)
        rgb[..., 0] = 200  # red: a swapped channel shows
        self.pictures += 1
        rgb[0, 0, 1] = self.pictures % 256  # no two are the same: this camera is not frozen
        return state.stamp_ns, rgb, state

    def collided(self) -> Collision:
        return Collision(bool(self.hit), self.hit)

    def send(self, command: VelocityCommand, duration_s: float) -> None:
        self.odometry()
        with self._lock:
            self.commands.append((command, duration_s))
            self._until_ns = time.time_ns() + int(duration_s * 1e9)
            self._state = replace(self._state, velocity=np.asarray(command.velocity, float))

    def print_message(self, key: str, text: str) -> None:
        if self.blind:
            raise SimulatorError("There is no screen.")
        self.screen.append((key, text))

    def close(self) -> None:
        pass
