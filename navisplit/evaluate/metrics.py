"""Definitions of the figures: of one flight, of a proportion, of a paired comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.evaluate.episode import Metrics, Sample

Z95 = 1.959963984540054
JERK_STEP_S = 0.1


@dataclass(frozen=True)
class EnergyModel:
    """Joules of a flight; our choice, stated in every summary: a 1 kg quadrotor and a small embedded computer."""

    hover_w: float = 150.0
    head_w: float = 10.0  # while the head computes
    radio_j_per_byte: float = 4e-6  # 0.5 uJ/bit

    def joules(self, time_s: float, frames: int, head_s: float, sent_bytes: int) -> float:
        """Energy of a flight."""
        return self.hover_w * time_s + self.head_w * head_s * frames + self.radio_j_per_byte * sent_bytes


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson, 1927); (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At 0 and n one end is exact; rounding must not move it.
    return (0.0 if successes == 0 else max(0.0, centre - half), 1.0 if successes == n else min(1.0, centre + half))


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided exact McNemar p value: the discordant pairs under a fair coin."""
    n = only_a + only_b
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
    return min(1.0, 2.0 * tail)


def newcombe_paired(both: int, only_a: int, only_b: int, neither: int) -> tuple[float, float, float]:
    """Difference of paired proportions a - b with its 95 % interval (Newcombe 1998, paired method 10)."""
    n = both + only_a + only_b + neither
    if n == 0:
        return 0.0, -1.0, 1.0
    p_a, p_b = (both + only_a) / n, (both + only_b) / n
    low_a, high_a = wilson(both + only_a, n)
    low_b, high_b = wilson(both + only_b, n)
    product = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    phi = 0.0
    if product > 0:
        numerator = both * neither - only_a * only_b
        if numerator > n / 2:
            numerator -= n / 2
        elif numerator >= 0:
            numerator = 0
        phi = numerator / math.sqrt(product)
    difference = p_a - p_b
    dl = (p_a - low_a) ** 2 - 2 * phi * (p_a - low_a) * (high_b - p_b) + (high_b - p_b) ** 2
    du = (high_a - p_a) ** 2 - 2 * phi * (high_a - p_a) * (p_b - low_b) + (p_b - low_b) ** 2
    return difference, difference - math.sqrt(max(dl, 0.0)), difference + math.sqrt(max(du, 0.0))


def spl(success: bool, shortest_m: float, path_m: float) -> float:
    """Success weighted by path length (Anderson et al., 2018)."""
    return shortest_m / max(shortest_m, path_m, 1e-9) if success else 0.0


def soft_spl(goal_distance_m: float, shortest_m: float, path_m: float) -> float:
    """SPL with progress in the place of success (habitat-lab)."""
    return max(0.0, 1.0 - goal_distance_m / max(shortest_m, 1e-9)) * shortest_m / max(shortest_m, path_m, 1e-9)


def completion_time(success: bool, fastest_s: float, time_s: float) -> float:
    """SCT, success weighted by completion time (arXiv 2103.08022). The optimum is the shortest way at cruise speed."""
    return fastest_s / max(fastest_s, time_s, 1e-9) if success else 0.0


def barn(success: bool, fastest_s: float, time_s: float) -> float:
    """BARN's score (Perille et al., 2020), at most 0.5: optimal time over the time, that clipped to 2 .. 8 optima."""
    return fastest_s / float(np.clip(time_s, 2.0 * fastest_s, 8.0 * fastest_s)) if success and fastest_s > 0 else 0.0


def jerk_rms(velocities: NDArray[np.float64], times_s: ArrayLike) -> float | None:
    """Root mean square of the jerk, m/s^3, of velocities (N, 3) m/s at times (N,); None below 0.4 s.

    Of velocities 0.1 s apart, as a live flight's are unevenly spaced.
    """
    times = np.asarray(times_s, float)
    if len(times) < 2 or times[-1] - times[0] < 4 * JERK_STEP_S:
        return None
    even = np.arange(times[0], times[-1], JERK_STEP_S)
    smooth = np.stack([np.interp(even, times, column) for column in np.asarray(velocities, float).T], axis=1)
    jerk = np.diff(smooth, n=2, axis=0) / JERK_STEP_S**2
    return float(np.sqrt((jerk**2).sum(axis=1).mean()))


def percentiles(values: ArrayLike, *ranks: float) -> tuple[float | None, ...]:
    """Percentiles of the finite values; None where there is none."""
    array = np.asarray(values, float)
    array = array[np.isfinite(array)]
    if array.size == 0:
        return tuple(None for _ in ranks)
    return tuple(float(p) for p in np.percentile(array, ranks))


def measure(
    *,
    success: bool,
    path: NDArray[np.float64],
    velocities: ArrayLike,
    times_s: ArrayLike,
    time_s: float,
    goal: ArrayLike,
    shortest_m: float | None,
    samples: Sequence[Sample],
    clearances: ArrayLike,
    crowding: float | None,
    stale_commands: int,
    refused_packets: int,
    energy: EnergyModel,
    head_s: float,
    cruise_mps: float,
    guarded_s: float = 0.0,
    lost_packets: int | None = None,
) -> Metrics:
    """Figures of one flight.

    ``path`` (N, 3) m; ``velocities`` (M, 3) m/s along it at ``times_s`` (M,), rising; ``clearances``
    (K,) m from the body's surface to the nearest surface, every 0.1 s; ``crowding``: share of the straight line to the
    goal with less than 1 m around it; ``guarded_s``: how long the guard flew itself (brake, hold, land).
    """
    path_m = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()) if len(path) > 1 else 0.0
    straight = float(np.linalg.norm(np.asarray(goal, float) - path[0]))
    shortest = shortest_m if shortest_m else straight
    remaining = float(np.linalg.norm(np.asarray(goal, float) - path[-1]))
    velocities, fastest_s = np.asarray(velocities, float).reshape(-1, 3), shortest / cruise_mps
    nearest, fifth = percentiles(clearances, 0, 5)
    return Metrics(
        time_s=time_s,
        path_m=path_m,
        shortest_m=shortest,
        goal_distance_m=remaining,
        spl=spl(success, shortest, path_m),
        soft_spl=soft_spl(remaining, shortest, path_m),
        time_to_goal_s=time_s if success else None,
        speed_mean_mps=path_m / time_s if time_s > 0 else 0.0,
        speed_max_mps=float(np.linalg.norm(velocities, axis=1).max(initial=0.0)),
        clearance_min_m=nearest,
        clearance_p5_m=fifth,
        crowding=crowding,
        **_of_frames(samples, path_m),
        stale_commands=stale_commands,
        refused_packets=refused_packets,
        energy_j=energy.joules(time_s, len(samples), head_s, sum(s.bytes for s in samples)),
        sct=completion_time(success, fastest_s, time_s),
        barn=barn(success, fastest_s, time_s),
        jerk_rms_mps3=jerk_rms(velocities, times_s),
        guarded_s=guarded_s,
        lost_packets=lost_packets,
    )


def _of_frames(samples: Sequence[Sample], path_m: float) -> dict[str, Any]:
    """Figures of what was sent and how old it was when it was flown on."""
    sent = sum(s.bytes for s in samples)
    p50, p95, p99 = percentiles([s.latency_ms for s in samples], 50, 95, 99)
    return {
        "frames": len(samples),
        "bytes": sent,
        "bytes_per_frame": sent / len(samples) if samples else None,
        "bytes_per_metre": sent / path_m if path_m > 0.1 else None,
        "age_p50_ms": p50,
        "age_p95_ms": p95,
        "age_p99_ms": p99,
    }
