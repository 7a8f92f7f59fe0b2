"""Policies of the edge, by name: what turns estimated depth, state and goal into a velocity command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from navisplit.config import CameraConfig, PolicyConfig
from navisplit.errors import UsageError, nearest_name
from navisplit.frames import Intrinsics, Quaternion, Vector, VelocityCommand


class DepthImage(Protocol):
    """Estimated depth, as ``navisplit.edge.tail.Depth``."""

    @property
    def depth(self) -> NDArray[np.float32]:
        """Planar depth (H, W), m."""

    @property
    def spread(self) -> NDArray[np.float32] | None:
        """Scale of the error of log depth (H, W), or None where depth is exact."""


class State(Protocol):
    """What the packet carries of the vehicle, as ``navisplit.wire.VehicleState``; all in odom (ENU)."""

    position: Vector  # (3,) m
    orientation: Quaternion  # (4,) x, y, z, w: body FLU -> ENU
    velocity: Vector  # (3,) m/s
    goal: Vector  # (3,) m


@dataclass(frozen=True)
class View:
    """Where a depth image was seen from, relative to the body."""

    intrinsics: Intrinsics
    offset_x_m: float = 0.0  # camera ahead of the body's centre

    @classmethod
    def of(cls, camera: CameraConfig, depth: NDArray[np.float32]) -> View:
        """The view of a depth image (H, W) whose pixel (i, j) is pixel (s i, s j) of this camera's picture."""
        height, width = depth.shape
        k, step = camera.intrinsics, camera.width / width
        return cls(Intrinsics(width, height, k.fx / step, k.fy / step, k.cx / step, k.cy / step), camera.offset_x_m)


@dataclass(frozen=True)
class Decision:
    """What a policy answers."""

    command: VelocityCommand
    clearance_m: float  # free distance ahead along the command
    confidence: float  # 0 blind .. 1 certain


class Policy(Protocol):
    """One drone's pilot; it may remember what it saw."""

    def act(self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int) -> Decision:
        """Decide on a command; without an image, from memory alone. ``stamp_ns`` is when the state was true."""

    def reset(self) -> None:
        """Forget everything: a new flight begins."""


PolicyFactory = Callable[[PolicyConfig], Policy]
_REGISTRY: dict[str, PolicyFactory] = {}
_MODULES = ("navisplit.edge.planner", "navisplit.edge.reactive", "navisplit.edge.learned")
_WITH_ARGUMENT = ("learned",)


def register(name: str) -> Callable[[PolicyFactory], PolicyFactory]:
    """Class decorator: make a policy known by name. Its constructor takes a PolicyConfig."""

    def add(factory: PolicyFactory) -> PolicyFactory:
        _REGISTRY[name] = factory
        return factory

    return add


def policy_names() -> list[str]:
    """Names that ``make_policy`` knows."""
    for module in _MODULES:  # imported late: they compile kernels
        import_module(module)
    return sorted(_REGISTRY)


def make_policy(config: PolicyConfig) -> Policy:
    """A new policy of the configured name, as ``learned`` or ``learned:FOLDER``.

    Raises UsageError with a hint when there is none of that name, or when the name takes no argument.
    """
    names = policy_names()
    name, colon, _ = config.name.partition(":")
    if name not in names:
        raise UsageError(f"There is no policy '{name}'.{nearest_name(name, names)}")
    if colon and name not in _WITH_ARGUMENT:
        raise UsageError(f"The policy '{name}' takes no argument: expected '{name}', got '{config.name}'.")
    return _REGISTRY[name](config)
