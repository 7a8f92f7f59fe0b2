"""Branch sets as the nodes need them. Torch is imported here, late, and kept to one thread a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from navisplit.config import FlightConfig
from navisplit.errors import ModelError, UsageError, nearest_name
from navisplit.vehicle.onboard import Onboard

if TYPE_CHECKING:
    from navisplit.nets.branch_set import BranchSet
    from navisplit.vehicle.gate import Gate
    from navisplit.vehicle.onboard import Exit

GATE = "gate"


@dataclass(frozen=True)
class OnboardModels:
    """The vehicle's half: a head, the names of its branches, and a gate where the branch set has one."""

    name: str
    hash: int
    branches: tuple[str, ...]
    head: Any  # navisplit.vehicle.head.Head
    gate: Gate | None = None
    why_no_gate: str = ""
    exit: Exit | None = None

    def onboard(self, key: bytes | None, max_frame_bytes: int = 0, period_s: float = 0.1) -> Onboard:
        """Head, gate and exit of one drone."""
        return Onboard(
            self.head, self.gate or self.branches[-1], self.hash,
            key=key, max_frame_bytes=max_frame_bytes, period_s=period_s, exit=self.exit,
        )  # fmt: skip

    def check(self, branch: str) -> None:
        """Raise ModelError or UsageError where ``branch`` is neither a gate that is there nor a branch of the set."""
        if branch == GATE and self.gate is None:
            raise ModelError(self.why_no_gate or f"Branch set '{self.name}' has no gate; choose a branch.")
        if branch != GATE and branch not in self.branches:
            hint = nearest_name(branch, [GATE, *self.branches])
            raise UsageError(f"Branch set '{self.name}' has no branch '{branch}'.{hint}")


def load_onboard(config: FlightConfig) -> OnboardModels:
    """The vehicle's half of ``config.models``. Raises ModelError."""
    from navisplit.vehicle.head import Head
    from navisplit.vehicle.onboard_exit import exit_factory

    branch_set = _load(config.models)
    gate, why_no_gate = None, ""
    try:
        gate = _load_gate(branch_set, config)
    except ModelError as error:  # only a flight that asks for the gate needs it
        why_no_gate = str(error)
    branches = tuple(spec.name for spec in branch_set.branches)
    make_exit = exit_factory(branch_set) if config.exit else None
    escape = make_exit(config) if make_exit is not None else None
    return OnboardModels(branch_set.name, branch_set.hash, branches, Head(branch_set), gate, why_no_gate, escape)


def load_edge(name: str) -> tuple[Any, int]:
    """The edge's half of a branch set (a ``navisplit.edge.tail.Tail``) and the set's hash. Raises ModelError."""
    from navisplit.edge.tail import Tail

    branch_set = _load(name)
    return Tail(branch_set), branch_set.hash


def _load(name: str) -> BranchSet:
    import torch

    from navisplit.nets.branch_set import load_branch_set

    torch.set_num_threads(1)  # several nodes share a machine; these networks gain nothing from more
    return load_branch_set(name)


def _load_gate(branch_set: BranchSet, config: FlightConfig) -> Gate:
    from navisplit.vehicle.neural_gate import load_neural_gate

    return load_neural_gate(branch_set, config)
