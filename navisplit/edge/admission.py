"""How many drones an edge server takes on. Pure: times come in as arguments.

A drone is admitted by its first packet that is valid, keeps its seat while it sends, and leaves by silence. Who comes
when all seats are taken is refused, and asks again with every packet: the first to ask after a seat is free gets it.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass

from navisplit.config import FleetConfig

MAX_REMEMBERED = 256  # refused drones, the longest silent are forgotten first
MAX_LOAD = 0.9  # of one core, where the number of seats follows from what a frame costs (our choice)


class Change(enum.Enum):
    """What happened to a drone."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    LEFT = "left"


@dataclass(frozen=True)
class News:
    """For the log."""

    drone: str
    change: Change
    why: str


class Admission:
    """Seats of one server."""

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self._leave_ns = round(config.leave_after_s * 1e9)
        self._heard_ns: dict[str, int] = {}
        self._refused: OrderedDict[str, tuple[int, str]] = OrderedDict()  # when last, and why
        self._news: list[News] = []

    @property
    def served(self) -> list[str]:
        """Drones that have a seat, in the order in which they came."""
        return list(self._heard_ns)

    @property
    def refused(self) -> dict[str, str]:
        """Drones that ask in vain, and why."""
        return {drone: why for drone, (_, why) in self._refused.items()}

    def admit(self, drone: str, now_ns: int, cost_ns: float | None) -> bool:
        """A valid packet of a drone has come: whether it is served. ``cost_ns``: of a frame, None while not known."""
        if drone not in self._heard_ns:
            why = self._full(cost_ns)
            if why:
                self._refuse(drone, now_ns, why)
                return False
            self._refused.pop(drone, None)
            self._news.append(News(drone, Change.ADMITTED, f"{len(self._heard_ns) + 1} served"))
        self._heard_ns[drone] = now_ns
        return True

    def seats(self, cost_ns: float | None) -> int | None:
        """How many drones are served at most; None while it depends on a cost that is not known."""
        if self._config.max_drones:
            return self._config.max_drones
        return None if not cost_ns else max(1, int(MAX_LOAD * 1e9 / (self._config.rate_hz * cost_ns)))

    def leave(self, now_ns: int) -> list[str]:
        """The drones that were silent for too long; their seats are free from now on."""
        left = [drone for drone, heard in self._heard_ns.items() if now_ns - heard >= self._leave_ns]
        for drone in left:
            del self._heard_ns[drone]
            self._news.append(News(drone, Change.LEFT, f"no packet for {self._config.leave_after_s:g} s"))
        for drone in [d for d, (heard, _) in self._refused.items() if now_ns - heard >= self._leave_ns]:
            del self._refused[drone]
        return left

    def news(self) -> list[News]:
        """What has changed since the last call."""
        told, self._news = self._news, []
        return told

    def _full(self, cost_ns: float | None) -> str:
        """Why there is no seat; empty when there is one."""
        seats, taken = self.seats(cost_ns), len(self._heard_ns)
        if seats is None or taken < seats:
            return ""
        if self._config.max_drones:
            return f"all {seats} seats are taken (parameter fleet.max_drones)"
        assert cost_ns is not None
        cost = f"a frame costs {cost_ns * 1e-6:.0f} ms at {self._config.rate_hz:g} Hz a drone"
        return f"{taken} drones are all that this machine serves: {cost} (parameter fleet.max_drones decides otherwise)"

    def _refuse(self, drone: str, now_ns: int, why: str) -> None:
        if drone not in self._refused:
            self._news.append(News(drone, Change.REFUSED, why))
        self._refused[drone] = (now_ns, why)
        self._refused.move_to_end(drone)
        if len(self._refused) > MAX_REMEMBERED:
            self._refused.popitem(last=False)
