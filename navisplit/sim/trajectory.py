"""Where an actor is at a time: way points with times, joined by straight lines, once or in a loop."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from navisplit.errors import WorldError
from navisplit.frames import quaternion_from_euler, yaw_of

Pose = tuple[tuple[float, float, float], tuple[float, float, float, float]]  # position ENU m, orientation x, y, z, w


@dataclass(frozen=True)
class Trajectory:
    """Way points of SDF's ``<actor><script>``; between two the heading turns the short way. Actors stay upright."""

    times_s: tuple[float, ...]  # (N,) rising, from 0
    positions: tuple[tuple[float, float, float], ...]  # (N,) ENU m
    yaws: tuple[float, ...]  # (N,) ENU rad
    loop: bool = True
    delay_s: float = 0.0  # before the first round

    def __post_init__(self) -> None:
        count = len(self.times_s)
        rising = all(a < b for a, b in zip(self.times_s, self.times_s[1:], strict=False))
        if count == 0 or count != len(self.positions) or count != len(self.yaws) or not rising or self.times_s[0] < 0:
            raise WorldError(
                f"Trajectory: expected one position and one yaw for each of one or more rising times >= 0 s, found "
                f"{len(self.positions)} positions, {len(self.yaws)} yaws and times {self.times_s}."
            )
        if not np.isfinite([*self.times_s, *np.ravel(self.positions), *self.yaws, self.delay_s]).all():
            raise WorldError("Trajectory: expected finite times, positions and yaws, found NaN or infinity.")

    @classmethod
    def through(cls, poses: list[Pose], times_s: list[float], *, loop: bool = True, delay_s: float = 0.0) -> Trajectory:
        """From poses; only the heading of their orientations counts."""
        yaws = tuple(yaw_of(np.asarray(q)) for _, q in poses)
        return cls(tuple(times_s), tuple(p for p, _ in poses), yaws, loop, delay_s)

    def pose(self, time_s: float) -> Pose:
        """Pose ``time_s`` after the simulation's start; at rest before the first way point and after the last."""
        t = time_s - self.delay_s
        end = self.times_s[-1]
        if self.loop and end > 0 and t > end:
            t = math.fmod(t, end)
        after = bisect_right(self.times_s, t)
        if after == 0 or after == len(self.times_s):
            k = 0 if after == 0 else -1
            return self.positions[k], _heading(self.yaws[k])
        before = after - 1
        share = (t - self.times_s[before]) / (self.times_s[after] - self.times_s[before])
        x, y, z = (a + (b - a) * share for a, b in zip(self.positions[before], self.positions[after], strict=True))
        turn = math.remainder(self.yaws[after] - self.yaws[before], 2 * math.pi)
        return (x, y, z), _heading(self.yaws[before] + turn * share)


def _heading(yaw: float) -> tuple[float, float, float, float]:
    x, y, z, w = quaternion_from_euler(0.0, 0.0, yaw).tolist()
    return x, y, z, w
