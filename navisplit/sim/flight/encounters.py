"""Contact between vehicles: equal spheres, found in the very step in which they meet, however steps are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Vector, swap_ned_enu
from navisplit.sim.flight.contact import BODY_RADIUS_M, Contact
from navisplit.sim.flight.quadrotor import STEP_S
from navisplit.sim.flight.vehicle import Vehicle

MAX_ACCELERATION = 30.0  # m/s^2: full thrust and gravity add up to 27
LONG_S = 1.0  # looked at least so often
NUMBER = -1  # of a vehicle among the scene's objects: it is none of them


class Encounters:
    """Watches the vehicles of one simulation. Looks at all pairs only when two of them may be about to touch."""

    def __init__(self) -> None:
        self._free = 0  # steps that surely pass before the next look is needed
        self._jumps = -1

    def free(self, vehicles: Sequence[Vehicle], most: int) -> int:
        """How many steps to take now, 1 to ``most``: so few that nobody meets before the last of them."""
        if not _may_meet(vehicles):
            return most
        jumps = sum(vehicle.pilot.jumps for vehicle in vehicles) + len(vehicles)
        if self._free <= 0 or jumps != self._jumps:
            self._jumps, self._free = jumps, _horizon(vehicles, *_pairs(vehicles))
        taken = min(most, self._free)
        self._free -= taken
        return taken

    def settle(self, vehicles: Sequence[Vehicle]) -> None:
        """Answer the contacts of now, after the steps that ``free`` allowed."""
        if not _may_meet(vehicles) or self._free > 0:
            return
        first, second, gap, way = _pairs(vehicles)
        touching = np.flatnonzero(gap < 0.0)
        for k in touching:
            _meet(vehicles[first[k]], vehicles[second[k]], way[k], -float(gap[k]))
        if len(touching) == 0:
            self._free = _horizon(vehicles, first, second, gap, way)


def _may_meet(vehicles: Sequence[Vehicle]) -> bool:
    return len(vehicles) > 1 and vehicles[0].flies  # all of them do, or none


def _horizon(vehicles: Sequence[Vehicle], i: NDArray, j: NDArray, gap: NDArray, way: NDArray) -> int:
    """Steps, at least 1, that surely pass before two vehicles touch, whatever they are commanded to.

    Two that are a gap apart close it no faster than with their present speeds and the greatest acceleration.
    """
    speed = np.linalg.norm(np.array([v.pilot.velocity for v in vehicles]), axis=1)
    resting = np.array([v.pilot.grounded for v in vehicles])
    closing = speed[i] + speed[j]
    root = np.sqrt(closing**2 + 4.0 * MAX_ACCELERATION * np.maximum(gap, 0.0))
    seconds = np.where(resting[i] & resting[j], LONG_S, (root - closing) / (2.0 * MAX_ACCELERATION))
    return max(1, int(min(LONG_S, float(seconds.min())) / STEP_S))


def _meet(a: Vehicle, b: Vehicle, way: Vector, depth: float) -> None:
    """In the frame of their common motion two equal spheres meet as each would a wall."""
    length = float(np.linalg.norm(way))
    normal = way / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])  # from the second to the first
    common = swap_ned_enu((a.pilot.velocity + b.pilot.velocity) / 2.0)
    middle = (a.position + b.position) / 2.0
    for vehicle, other, out in ((a, b, normal), (b, a, -normal)):
        contact = Contact(vehicle.position, out, middle, depth / 2.0, NUMBER, False)
        vehicle.meet(contact, common, other.name)
        vehicle.look_again()


def _pairs(vehicles: Sequence[Vehicle]) -> tuple[NDArray, NDArray, NDArray[np.float64], NDArray[np.float64]]:
    """Numbers of the two (P,), (P,), gap between their spheres (P,) m, way from the second to the first (P, 3) m."""
    place = np.array([v.origin for v in vehicles]) + np.array([v.pilot.position for v in vehicles])[:, [1, 0, 2]] * (
        1.0,
        1.0,
        -1.0,
    )
    i, j = np.triu_indices(len(vehicles), 1)
    way = place[i] - place[j]
    return i, j, np.sqrt((way**2).sum(1)) - 2.0 * BODY_RADIUS_M, way
