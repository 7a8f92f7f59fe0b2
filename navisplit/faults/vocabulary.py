"""What can go wrong with what, in PX4's words (docs/en/debug/failure_injection.md), and how it is written.

``camera:stuck@5+2`` is the camera stuck from second 5 of the flight on, for 2 s. Without ``@`` it begins at once,
without ``+`` it lasts. Several are separated by commas, and of two of one unit the one that began later counts.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from enum import Enum

from navisplit.errors import ConfigError, UsageError, nearest_name


class Kind(str, Enum):
    """What a unit does; figures are our choice. ``navisplit.faults.damage`` has what garbage and wrong are."""

    OK = "ok"
    OFF = "off"  # nothing comes
    STUCK = "stuck"  # the last value before the fault, again and again
    GARBAGE = "garbage"  # noise in place of values
    WRONG = "wrong"  # a value that looks right and is not
    SLOW = "slow"  # every fifth value
    DELAYED = "delayed"  # every value 0.3 s late
    INTERMITTENT = "intermittent"  # nothing for one second of every two


class Unit(str, Enum):
    """What it happens to."""

    CAMERA = "camera"  # pictures, before the head
    ODOMETRY = "odometry"  # state estimates, before head and guard
    FEATURES = "features"  # packets from the vehicle, before the edge server
    ANSWER = "answer"  # packets from the edge server, before the guard
    LINK = "link"  # both
    EDGE = "edge"  # the edge server's answers, as it sends them
    CLOCK = "clock"  # the guard's own clock


SLOW_EVERY = 5
DELAY_S = 0.3
SPELL_S = 1.0

_LINK = (Kind.OK, Kind.OFF, Kind.SLOW, Kind.DELAYED, Kind.INTERMITTENT)
_CLOCK = (Kind.OK, Kind.STUCK, Kind.GARBAGE, Kind.WRONG)
SUPPORTED: dict[Unit, tuple[Kind, ...]] = {
    **{unit: tuple(Kind) for unit in Unit},
    Unit.LINK: _LINK,
    Unit.CLOCK: _CLOCK,
}
"""Kinds that mean something for a unit: a link has no values of its own, and a clock cannot be late."""
_FORM = re.compile(r"(?P<unit>\w+):(?P<kind>\w+)(@(?P<start>[\d.]+))?(\+(?P<duration>[\d.]+))?")


@dataclass(frozen=True)
class Fault:
    """One fault. Seconds since the flight's beginning, or since it was ordered."""

    unit: Unit
    kind: Kind
    start_s: float = 0.0
    duration_s: float = math.inf

    def __post_init__(self) -> None:
        """Check ranges."""
        kinds = SUPPORTED[self.unit]
        if self.kind not in kinds:
            known = ", ".join(k.value for k in kinds)
            raise ConfigError(
                f"Fault {self.unit.value}:{self.kind.value} means nothing; {self.unit.value} has {known}."
            )
        if not (0 <= self.start_s < math.inf and self.duration_s > 0):
            raise ConfigError(f"Fault '{self}': expected a start of at least 0 s, and more than 0 s of it.")

    def __str__(self) -> str:
        """As ``parse_faults`` reads it."""
        start = f"@{self.start_s:g}" if self.start_s else ""
        lasting = "" if math.isinf(self.duration_s) else f"+{self.duration_s:g}"
        return f"{self.unit.value}:{self.kind.value}{start}{lasting}"

    def later(self, by_s: float) -> Fault:
        """The same, begun later."""
        return dataclasses.replace(self, start_s=self.start_s + by_s)

    def parts(self) -> tuple[Fault, ...]:
        """The same as faults of single directions: a link is two."""
        if self.unit is not Unit.LINK:
            return (self,)
        return tuple(dataclasses.replace(self, unit=unit) for unit in (Unit.FEATURES, Unit.ANSWER))


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Faults as they are written: ``camera:stuck@5+2,link:off@8``; an empty text is none.

    Raises UsageError with the nearest known name, ConfigError for a pair or a time that cannot be.
    """
    return tuple(_parse(part.strip()) for part in text.split(",") if part.strip())


def _parse(text: str) -> Fault:
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"Fault '{text}': expected UNIT:KIND[@START][+SECONDS], such as camera:stuck@5+2.")
    unit, kind = _named(Unit, match["unit"], "unit"), _named(Kind, match["kind"], "kind of fault")
    try:
        start, duration = float(match["start"] or 0.0), float(match["duration"] or math.inf)
    except ValueError:
        raise UsageError(f"Fault '{text}': expected seconds after @ and +, such as camera:stuck@5+2.") from None
    return Fault(Unit(unit), Kind(kind), start, duration)


def _named(names: type[Enum], name: str, what: str) -> str:
    known = [member.value for member in names]
    if name not in known:
        raise UsageError(f"There is no {what} '{name}'.{nearest_name(name, known)}")
    return name
