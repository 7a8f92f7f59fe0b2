"""``learned``: a network chooses among velocity commands (``navisplit train policy``); ``learned:FOLDER`` is another.

It flies on what ``Surroundings`` shows it. Around the network there is only this: less speed near the goal, and no
climb out of the airspace.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.config import PolicyConfig
from navisplit.edge.commands import (
    VELOCITIES,
    YAW_RATES,
    approach_speed,
    climb_within,
    heading_to_map,
)
from navisplit.edge.policies import Decision, DepthImage, State, View, register
from navisplit.edge.surroundings import AZIMUTH_EDGES, BEARINGS, LEVELS, NEAREST_M, RANGE_M, SIZE, Surroundings
from navisplit.errors import UsageError
from navisplit.frames import VelocityCommand, yaw_of
from navisplit.nets.policy import PolicyNet, load_policy, softmax
from navisplit.resources import resource

DEFAULT = "policy"  # under models/


def load_learned(folder: str) -> PolicyNet:
    """The network of a folder, or of a name under models/. Raises UsageError (no such) or ModelError (unreadable)."""
    path = Path(folder)
    if not path.is_dir():
        if path.name != folder:
            raise UsageError(f"There is no folder {folder}: expected one that `navisplit train policy` wrote.")
        path = resource("models", folder)
    return load_policy(path, inputs=SIZE, commands=len(VELOCITIES), yaw_rates=len(YAW_RATES))


def command_of(choice: int, yaw_rate: float, state: State, config: PolicyConfig) -> VelocityCommand:
    """The command of a row of ``VELOCITIES`` and a share (-1..1) of the highest yaw rate."""
    return steer(VELOCITIES[choice], yaw_rate, state, config)


def steer(velocity: NDArray[np.float64], yaw_rate: float, state: State, config: PolicyConfig) -> VelocityCommand:
    """The command of a velocity (3,) in the heading's frame, as a share of the cruise speed, and a yaw rate's share."""
    remaining = float(np.linalg.norm(np.asarray(state.goal, float) - state.position))
    speed = approach_speed(config.speed_mps, remaining)
    flown = heading_to_map(velocity * speed, yaw_of(state.orientation))
    flown[2] = climb_within(flown[2], float(state.position[2]), config)
    return VelocityCommand(flown, float(yaw_rate) * config.max_yaw_rate_rps)


@register("learned")
class Learned:
    """A trained network as a pilot (``Policy``)."""

    def __init__(self, config: PolicyConfig, net: PolicyNet | None = None) -> None:
        self.config = config
        self.net = net or load_learned(config.name.partition(":")[2] or DEFAULT)
        self.surroundings = Surroundings(config)
        self._last = VelocityCommand.zero()

    @property
    def hash(self) -> int:
        """Of the weights."""
        return self.net.hash

    def reset(self) -> None:
        """Forget what was seen, and the last command."""
        self.surroundings.reset()
        self._last = VelocityCommand.zero()

    def act(self, image: DepthImage | None, view: View | None, state: State, stamp_ns: int) -> Decision:
        """The command with the highest score, and the mean of the yaw rates; without an image, from memory."""
        observation = self.surroundings.observe(image, view, state, stamp_ns, self._last)
        commands, yaw_rates = self.net.scores(observation)
        choice = int(np.argmax(commands))
        self._last = command_of(choice, float(softmax(yaw_rates) @ YAW_RATES), state, self.config)
        spread = 0.0 if image is None or image.spread is None else float(np.median(image.spread))
        return Decision(self._last, clearance_along(observation, VELOCITIES[choice]), math.exp(-2.0 * spread))


def clearance_along(observation: NDArray[np.float32], velocity: NDArray[np.float64]) -> float:
    """Distance to the nearest surface at flight height within 10 degrees of a velocity, m; of all, standing still."""
    nearness = observation[: LEVELS * BEARINGS].reshape(LEVELS, BEARINGS)[LEVELS // 2] / 2.0
    if np.hypot(velocity[0], velocity[1]) > 1e-6:
        middle = 0.5 * (AZIMUTH_EDGES[1:] + AZIMUTH_EDGES[:-1])
        off = np.remainder(middle - math.atan2(velocity[1], velocity[0]) + math.pi, 2 * math.pi) - math.pi
        nearness = nearness[np.abs(off) <= max(math.radians(10.0), float(np.abs(off).min()))]
    return float(NEAREST_M / (nearness.max() + NEAREST_M / RANGE_M))
