"""A camera that follows a drone from behind, in front of whatever stands there. Pure."""

from __future__ import annotations

import math

import numpy as np

from navisplit.frames import Vector
from navisplit.sim.flight.contact import SceneProbe
from navisplit.sim.view.snapshot import Drone

BEHIND_M, ABOVE_M = 6.0, 2.0
CLEARANCE = 0.9  # of the way to the first obstacle behind the drone
TURN = 0.15  # share of the way to the drone's heading that the camera turns with each look

Sight = tuple[Vector, Vector]  # position and target, (3,) ENU m each


def behind(drone: Drone, heading: float) -> Sight:
    """From behind a drone that flies along ``heading`` (rad)."""
    at = np.array(drone.position)
    return at + [-math.cos(heading) * BEHIND_M, -math.sin(heading) * BEHIND_M, ABOVE_M], at


class Chase:
    """Follows one drone, and turns more softly than it."""

    def __init__(self) -> None:
        self._name = ""
        self._heading = 0.0

    def look(self, drone: Drone, probe: SceneProbe) -> Sight:
        """Where to look from now."""
        if drone.name != self._name:
            self._name, self._heading = drone.name, drone.yaw
        self._heading += TURN * math.remainder(drone.yaw - self._heading, math.tau)
        position, target = behind(drone, self._heading)
        arm = position - target
        length = float(np.linalg.norm(arm))
        distance, owner, _ = probe.cast(target[None], arm[None] / length, length)
        free = float(distance[0]) * CLEARANCE if owner[0] >= 0 else length
        return target + arm * min(1.0, free / length), target
