"""Whether vehicle and edge fit together: each half tells what it is on ``/diagnostics`` and compares with the other.

This only explains. What does not fit is refused where it matters, by its bytes: the edge refuses packets of another
version or branch set (``navisplit.edge.server``), the guard answers of one (``navisplit.vehicle.guard``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray

from navisplit import __version__, wire
from navisplit.nodes.diagnostics import of_part
from navisplit.nodes.worker import WorkerNode


@dataclass(frozen=True)
class Half:
    """What one half of a flight runs; text, as the other half may be of any version."""

    models: str
    model_hash: str  # 8 hexadecimal digits
    packets: str = str(wire.VERSION)
    version: str = __version__

    @classmethod
    def of(cls, models: str, model_hash: int) -> Half:
        """The half that runs here."""
        return cls(models, f"{model_hash:08x}")

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Half | None:
        """The half that a status of ``/diagnostics`` tells of; None where it does not say."""
        try:
            return cls(values["models"], values["model hash"], values["packets"], values["version"])
        except KeyError:
            return None

    @property
    def values(self) -> dict[str, str]:
        """For ``/diagnostics``, where the version stands already."""
        return {"models": self.models, "model hash": self.model_hash, "packets": self.packets}

    def fits(self, other: Half) -> bool:
        """Whether the two can fly together: same packets, same weights; names and releases may differ."""
        return (self.model_hash, self.packets) == (other.model_hash, other.packets)

    def __str__(self) -> str:
        """As it is named to people."""
        return f"branch set '{self.models}' ({self.model_hash}), NaviSplit {self.version}, packets {self.packets}"


class Peer:
    """The other half, as it was last heard. ``part`` is its name on ``/diagnostics``: head or tail."""

    def __init__(self, node: WorkerNode, part: str, own: Half, on_misfit: Callable[[str], None]) -> None:
        self._node, self._part, self.own, self._on_misfit = node, part, own, on_misfit
        self.misfit = ""

    def on_diagnostics(self, array: DiagnosticArray) -> None:
        """Compare; tell of a misfit when it is new, and of its end."""
        for status in of_part(self._node, self._part, array):
            other = Half.read({pair.key: pair.value for pair in status.values})
            if other is None:
                continue
            before = self.misfit
            self.misfit = "" if self.own.fits(other) else self._text(other)
            if self.misfit and self.misfit != before:
                self._on_misfit(self.misfit)

    def _text(self, other: Half) -> str:
        names = {"head": "vehicle", "tail": "edge"}
        here = "edge" if self._part == "head" else "vehicle"
        return f"{here} has {self.own}; {names[self._part]} has {other}: run the same on both."
