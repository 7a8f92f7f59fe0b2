"""What scripts draw into the world: points, lines, arrows, texts, frames of axes, trails and messages on the screen.

Kept, not rendered: no camera sees them, a live view draws them. Times are of the simulation's clock and are arguments.
Sizes are AirSim's (Unreal's debug drawing): a line's thickness and a point's size in pixels, arrows' heads in cm.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float, float]  # red, green, blue, alpha, 0..1

MAX_MARKERS, MAX_POINTS = 20_000, 2_000_000
"""Beyond these the oldest markers go: a script that plots for hours must not fill the memory (our choice)."""
UNREAL_DEFAULT_S = 1.0  # how long Unreal draws what has neither a duration nor permanence
MESSAGE_S = 5.0  # how long a message stays on AirSim's screen
MAX_MESSAGES = 100
TOLD_PER_S, TOLD_AGAIN_S = 10, 1.0  # lines a second on the terminal in all, and how often the same message (our choice)
WHITE: Colour = (1.0, 1.0, 1.0, 1.0)


class Shape(Enum):
    """What the points of a marker mean."""

    POINTS = "points"
    LINE_STRIP = "line strip"  # through all points
    LINE_LIST = "line list"  # between points 0 and 1, 2 and 3, ...
    ARROWS = "arrows"  # from points 0, 2, ... to points 1, 3, ...
    STRINGS = "strings"  # a text at each point
    TRANSFORMS = "transforms"  # a frame of axes (and perhaps a text) at each point


@dataclass(frozen=True)
class Marker:
    """One plot call."""

    shape: Shape
    points: NDArray[np.float64]  # (N, 3) ENU m
    colour: Colour = WHITE  # of points, lines, texts; the axes of TRANSFORMS are red, green, blue
    thickness: float = 10.0  # of lines and axes, or the size of points, pixels
    arrow_size: float = 0.0  # of ARROWS' heads, cm
    scale: float = 1.0  # of texts; of TRANSFORMS: length of the axes, cm
    text_scale: float = 1.0  # of TRANSFORMS' texts
    texts: tuple[str, ...] = ()  # one a point, for STRINGS and named TRANSFORMS
    orientations: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))  # (N, 4) of TRANSFORMS, FLU
    expires_ns: int | None = None  # None stays until it is flushed


@dataclass(frozen=True)
class Trail:
    """How a vehicle's way is drawn."""

    colour: Colour = (1.0, 0.0, 0.0, 1.0)
    thickness: float = 3.0  # pixels


@dataclass(frozen=True)
class Message:
    """A line on the screen."""

    text: str
    severity: int  # 0 information, 1 success, 2 warning, 3 error
    expires_ns: int
    told_ns: int = 0  # when it was last told on the terminal


class Markers:
    """All that is drawn now. ``revision`` grows with each change, also when something expires."""

    def __init__(self) -> None:
        self._markers: deque[Marker] = deque()
        self._point_count = 0
        self._messages: dict[str, Message] = {}
        self._told: deque[int] = deque(maxlen=TOLD_PER_S)
        self.trails: dict[str, Trail] = {}  # by the vehicle's name, where a script has set it
        self.revision = 0

    def add(self, marker: Marker) -> None:
        """Draw one more."""
        self._markers.append(marker)
        self._point_count += len(marker.points)
        while len(self._markers) > MAX_MARKERS or self._point_count > MAX_POINTS:
            self._point_count -= len(self._markers.popleft().points)
        self.revision += 1

    def flush(self) -> None:
        """Take away what has no end of its own."""
        self._keep([marker for marker in self._markers if marker.expires_ns is not None])

    def clear(self) -> None:
        """Take away all markers."""
        self._keep([])

    def visible(self, now_ns: int) -> tuple[Marker, ...]:
        """What is drawn at a time, in the order of the calls; the expired ones are forgotten."""
        self._keep([m for m in self._markers if m.expires_ns is None or m.expires_ns > now_ns])
        return tuple(self._markers)

    def set_trail(self, vehicle: str, trail: Trail) -> None:
        """Colour and thickness of a vehicle's trail."""
        self.trails[vehicle] = trail
        self.revision += 1

    def say(self, key: str, text: str, severity: int, now_ns: int) -> bool:
        """Show a line, in the place of the former one of the same ``key``; whether it is worth telling elsewhere.

        It is when its text is new, and not told too often: scripts do this at every turn of their loops.
        """
        former = self._messages.pop(key, None)
        fresh = former is None or (former.text != text and now_ns - former.told_ns >= TOLD_AGAIN_S * 1e9)
        told = fresh and (len(self._told) < TOLD_PER_S or now_ns - self._told[0] >= 1e9)
        if told:
            self._told.append(now_ns)
        told_ns = now_ns if told or former is None else former.told_ns
        self._messages[key] = Message(text, severity, now_ns + round(MESSAGE_S * 1e9), told_ns)
        while len(self._messages) > MAX_MESSAGES:
            del self._messages[next(iter(self._messages))]
        self.revision += 1
        return told

    def messages(self, now_ns: int) -> tuple[Message, ...]:
        """The lines shown at a time, the newest last."""
        self._messages = {key: line for key, line in self._messages.items() if line.expires_ns > now_ns}
        return tuple(self._messages.values())

    def _keep(self, kept: list[Marker]) -> None:
        if len(kept) != len(self._markers):
            self._markers = deque(kept)
            self._point_count = sum(len(marker.points) for marker in kept)
            self.revision += 1


def expiry_ns(duration_s: float, is_persistent: bool, now_ns: int) -> int | None:
    """When a marker ends; a duration that is not positive is Unreal's default."""
    if is_persistent:
        return None
    return now_ns + round(min(duration_s if duration_s > 0 else UNREAL_DEFAULT_S, 1e9) * 1e9)
