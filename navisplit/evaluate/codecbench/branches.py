"""The branches themselves, through the vehicle's head and the edge's tail, and the two ends of the scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import codec
from navisplit.edge.tail import Tail
from navisplit.errors import UsageError
from navisplit.evaluate.codecbench.context import Context, head_cost
from navisplit.evaluate.codecbench.methods import Depth, Method, Slices, cut, family, join
from navisplit.vehicle.head import Activations, Head


@family("branch", "our branches")
class Branch(Method):
    """``branch:NAME`` of the branch set that is measured, ``branch:SET/NAME`` of another one that is loaded."""

    def __init__(self, context: Context, argument: str) -> None:
        owner, _, name = argument.rpartition("/")
        if owner and owner not in context.sets:
            raise UsageError(f"branch:{argument}: the branch sets loaded are {', '.join(context.sets)}.")
        models = context.sets[owner] if owner else context.models
        self.spec = models.branch(name)
        self._head, self._tail = Head(models), Tail(models)
        self.cost = head_cost(models, name)
        self.head_key = ("trunk", models.hash)

    def head(self, rgb: NDArray[np.uint8]) -> Activations:
        """The trunk, which all branches share."""
        return self._head.trunk(rgb)

    def encode(self, features: Activations) -> list[bytes]:
        """Bottleneck, rounding and the branch's codec."""
        return self._head.encode(features, self.spec.name).slices

    def decode(self, slices: Slices) -> tuple[Any, Any]:
        """Symbols and the mask of those received."""
        return self._tail.decode(self.spec.id, codec(self.spec.codec).id, self.spec.shape, slices)

    def tail(self, received: tuple[Any, Any]) -> Depth:
        """Depth without memory of earlier frames."""
        return self._tail.infer(self.spec.id, *received).depth


@family("teacher", "picture as it is, teacher on the server")
class Teacher(Method):
    """The upper bound: every pixel arrives, and the network that has no bottleneck sees it."""

    def __init__(self, context: Context, argument: str) -> None:
        self.context, architecture = context, context.models.architecture
        self._shape = (architecture.height, architecture.width, 3)
        if argument:
            raise UsageError(f"teacher takes no argument, got '{argument}'.")

    def head(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Nothing."""
        return rgb

    def encode(self, features: NDArray[np.uint8]) -> list[bytes]:
        """Three bytes a pixel."""
        return cut(features.tobytes())

    def decode(self, slices: Slices) -> NDArray[np.uint8]:
        """The picture."""
        return np.frombuffer(join(slices), np.uint8).reshape(self._shape)

    def tail(self, received: NDArray[np.uint8]) -> Depth:
        """The teacher."""
        return self.context.teacher_depth(received)
