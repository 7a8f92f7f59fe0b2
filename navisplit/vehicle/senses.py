"""Whether the drone can believe its camera and its odometry: a frame that it cannot is not sent.

A frame that is not sent is not answered, and the guard does the rest: it brakes, holds and lands. The figures are our
choice: what a healthy camera and a visual-inertial odometry never do, and a broken one does within a tenth of a second
at flying speed.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Odometry

MOVED_M, TURNED_RAD = 0.1, math.radians(2.0)  # a camera that moved this far does not see the same again, to the bit
DARK, BRIGHT = 5, 250  # of 255: pixels that show nothing
BLIND_SHARE = 0.95  # of the pixels
NOISE_RATIO = 0.9  # mean step from pixel to pixel over their spread: 1.13 for white noise, below 0.5 for pictures
MAX_DRIFT_M, DRIFT_S = 0.5, 1.0  # displacement that the velocity does not explain, forgotten with this time constant
DISTRUST_S = 1.2  # after a jump: longer than the silence after which the edge forgets what it mapped before
MAX_OLD_S = 0.2  # between a picture and the state that it was taken in
RESTART_S = 1.0  # a gap, or a step back, after which odometry starts anew


class CameraCheck:
    """Refuses pictures that are frozen, dark, blinding or noise; compares each with the last new one."""

    def __init__(self) -> None:
        self._picture: NDArray[np.uint8] | None = None
        self._where: Odometry | None = None  # where it was first seen

    def refusal(self, picture: NDArray[Any], odometry: Odometry) -> str | None:
        """Why a picture (H, W, 3) cannot be believed, or None. What is not uint8 is no camera's, and is believed."""
        if picture.dtype != np.uint8:
            return None
        if self._picture is None or self._where is None or not np.array_equal(picture, self._picture):
            self._picture, self._where = picture, odometry
        elif _moved(self._where, odometry):
            return "frozen picture"
        sampled = picture[::4, ::4]
        if np.mean((sampled <= DARK).all(axis=-1)) > BLIND_SHARE:
            return "dark picture"
        if np.mean((sampled >= BRIGHT).all(axis=-1)) > BLIND_SHARE:
            return "blinded picture"
        return "noisy picture" if _is_noise(picture) else None


class OdometryCheck:
    """Refuses states that are not numbers, old, or elsewhere than their own velocity leads."""

    def __init__(self) -> None:
        self._last: Odometry | None = None
        self._drift = np.zeros(3)
        self._trusted_ns = 0  # by the odometry's stamps

    def note(self, odometry: Odometry) -> None:
        """Every state, in the order of arrival; what is repeated or a little late is passed over."""
        if not _is_finite(odometry):
            return
        last = self._last
        step_s = math.inf if last is None else (odometry.stamp_ns - last.stamp_ns) * 1e-9
        if -RESTART_S < step_s <= 0.0:
            return
        self._last = odometry
        if last is None or step_s > RESTART_S or step_s < 0.0:
            self._drift = np.zeros(3)
            self._trusted_ns = 0 if step_s > 0.0 else odometry.stamp_ns + round(DISTRUST_S * 1e9)
            return
        explained = 0.5 * (last.velocity + odometry.velocity) * step_s
        self._drift = self._drift * math.exp(-step_s / DRIFT_S) + (odometry.position - last.position - explained)
        if math.hypot(*self._drift) > MAX_DRIFT_M:
            self._drift = np.zeros(3)
            self._trusted_ns = odometry.stamp_ns + round(DISTRUST_S * 1e9)

    def refusal(self, odometry: Odometry, stamp_ns: int) -> str | None:
        """Why the state cannot be that of a picture taken at ``stamp_ns``, or None."""
        if not _is_finite(odometry):
            return "odometry not finite"
        if abs(stamp_ns - odometry.stamp_ns) > MAX_OLD_S * 1e9:
            return "old odometry"
        return "odometry jumps" if odometry.stamp_ns < self._trusted_ns else None


class Senses:
    """Both checks of one drone, and how often each refused."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._camera, self._odometry = CameraCheck(), OdometryCheck()

    def note(self, odometry: Odometry) -> None:
        """Every state that comes, between pictures too."""
        self._odometry.note(odometry)

    def refusal(self, picture: NDArray[Any], odometry: Odometry, stamp_ns: int) -> str | None:
        """Why a frame is not to be sent, or None."""
        self.note(odometry)
        reason = self._odometry.refusal(odometry, stamp_ns) or self._camera.refusal(picture, odometry)
        if reason is not None:
            self.refused[reason] += 1
        return reason


def _is_finite(odometry: Odometry) -> bool:
    values = (odometry.position, odometry.velocity, odometry.orientation)
    return all(bool(np.isfinite(value).all()) for value in values)


def _moved(before: Odometry, now: Odometry) -> bool:
    """Whether the camera is elsewhere, or looks elsewhere."""
    half_turn = min(abs(float(before.orientation @ now.orientation)), 1.0)
    return math.hypot(*(now.position - before.position)) > MOVED_M or 2.0 * math.acos(half_turn) > TURNED_RAD


def _is_noise(picture: NDArray[np.uint8]) -> bool:
    """Whether pixels have nothing to do with their neighbours."""
    row = picture[::8, :, 1].astype(np.float32)
    spread = float(row.std())
    return spread > 1.0 and float(np.abs(np.diff(row, axis=1)).mean()) > NOISE_RATIO * spread
