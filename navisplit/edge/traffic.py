"""What drones of one edge server know of each other: where they are, by the states in their own packets.

A drone is a few pixels of a feature map and the depth network overlooks it (docs/fleet.md has the figures), while its
own packets say where it is. So each drone's depth gets the others drawn in, for the policy to fly around, and of two
whose ways cross the one that came later gives way. All states are in one map (ENU). Pure: times are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from navisplit.edge.policies import DepthImage, State, View
from navisplit.edge.tail import Depth
from navisplit.frames import Vector, VelocityCommand, rotation_matrix

BODY_M = 0.5  # radius drawn: the body's 0.3, and what it moves between two frames (our choice)
SPREAD = 0.05  # of log depth, where a drone is drawn: its own odometry is better than any network
NEAREST_M = 0.3
AHEAD_S, APART_M = 2.5, 1.5  # give way to what comes nearer than this within that time
STILL_MPS = 0.3  # who is slower waits, and is only an obstacle
MAX_AGE_NS = 2_000_000_000  # an older state says nothing of a drone that moves


@dataclass(frozen=True)
class Neighbour:
    """Another drone, now."""

    position: Vector  # (3,) m
    velocity: Vector  # (3,) m/s
    first: bool  # it has the right of way


class Traffic:
    """The newest state of every drone."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[State, int]] = {}

    def note(self, drone: str, state: State, now_ns: int) -> None:
        """A packet of a drone came; the first to come has the right of way over all later ones."""
        self._states[drone] = (state, now_ns)

    def forget(self, drone: str) -> None:
        """It has left."""
        self._states.pop(drone, None)

    def others(self, drone: str, now_ns: int) -> list[Neighbour]:
        """All but this one, moved on by their velocity since they were heard."""
        found, first = [], True
        for name, (state, heard_ns) in self._states.items():
            if name == drone:
                first = False
                continue
            age_s = min(now_ns - heard_ns, MAX_AGE_NS) * 1e-9
            velocity = np.asarray(state.velocity, float)
            found.append(Neighbour(np.asarray(state.position, float) + velocity * age_s, velocity, first))
        return found


def drawn_into(image: DepthImage, view: View, state: State, others: Sequence[Neighbour]) -> DepthImage:
    """The depth (H, W) as if the network had seen the others: discs of BODY_M where they hide what is behind."""
    depth = image.depth.copy()
    spread = None if image.spread is None else image.spread.copy()
    to_body = rotation_matrix(np.asarray(state.orientation)).T
    k = view.intrinsics
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    for other in others:
        ahead, left, up = to_body @ (other.position - state.position) - (view.offset_x_m, 0.0, 0.0)
        if ahead < NEAREST_M:
            continue
        column, row = k.cx - k.fx * left / ahead, k.cy - k.fy * up / ahead
        disc = ((columns - column) / k.fx) ** 2 + ((rows - row) / k.fy) ** 2 <= (BODY_M / ahead) ** 2
        hidden = disc & (depth > ahead)
        depth[hidden] = max(ahead - BODY_M, NEAREST_M)
        if spread is not None:
            spread[hidden] = SPREAD
    return Depth(depth, spread)


def give_way(command: VelocityCommand, state: State, others: Sequence[Neighbour]) -> VelocityCommand:
    """The command, slowed down so that nobody who has the right of way and moves is met within AHEAD_S.

    The fastest of full, half and no speed that keeps APART_M; no speed where none does.
    """
    if not command.finite:  # nonsense is refused as such, and not made into a stop
        return command
    crossing = [o for o in others if o.first and np.linalg.norm(o.velocity) >= STILL_MPS]
    for share in (1.0, 0.5):
        velocity = share * np.asarray(command.velocity, float)
        if all(_nearest_m(o.position - state.position, o.velocity - velocity) >= APART_M for o in crossing):
            return command if share == 1.0 else replace(command, velocity=velocity)
    return replace(command, velocity=np.zeros(3))


def _nearest_m(offset: Vector, velocity: Vector) -> float:
    """How near two come within AHEAD_S that are ``offset`` apart and move apart by ``velocity``; inf when they part."""
    closing = -float(offset @ velocity)
    if closing <= 0.0:
        return float("inf")
    time_s = min(closing / max(float(velocity @ velocity), 1e-9), AHEAD_S)
    return float(np.linalg.norm(offset + velocity * time_s))
