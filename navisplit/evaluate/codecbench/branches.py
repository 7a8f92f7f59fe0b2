"""The branches themselves, through the vehicle's head and the edge's tail, and the two ends of the scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import codec
from navisplit.config import CameraConfig
from navisplit.edge.memory import seen_from
from navisplit.edge.tail import Depth as Infered
from navisplit.edge.tail import Tail
from navisplit.errors import UsageError
from navisplit.evaluate.codecbench.context import Context, head_cost
from navisplit.evaluate.codecbench.methods import Depth, Method, Slices, cut, family, join
from navisplit.nets.memory import Motion
from navisplit.train.dataset import Batch
from navisplit.train.recollection import motions_of
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
        self._camera = CameraConfig(width=models.architecture.width, height=models.architecture.height)
        self._remembers = models.tail.recall is not None
        self._last: tuple[Infered, Motion] | None = None  # what the frame before gave, and how the camera moved since
        self.cost = head_cost(models.architecture, name)
        self.head_key = ("trunk", models.hash)

    def see(self, clip: Batch) -> None:
        """Send the frames before the last one too, each remembering the one before."""
        self._last = None
        motions = motions_of(clip, flipped=False)
        for step in range(len(clip) - 1 if self._remembers else 0):
            received = self.decode(self.encode(self.head(clip.rgb[step])))
            self._last = self._infer(received), motions[step + 1]

    def head(self, rgb: NDArray[np.uint8]) -> Activations:
        """The trunk, which all branches share."""
        return self._head.trunk(rgb)

    def encode(self, features: Activations) -> list[bytes]:
        """Bottleneck, rounding and the branch's codec."""
        return self._head.encode(features, self.spec.name).slices

    def decode(self, slices: Sequence[bytes | None]) -> tuple[Any, Any]:
        """Symbols and the mask of those received."""
        return self._tail.decode(self.spec.id, codec(self.spec.codec).id, self.spec.shape, slices)

    def tail(self, received: tuple[Any, Any]) -> Depth:
        """Depth, with the memory of what was seen before if the branch set has one."""
        return self._infer(received).depth

    def _infer(self, received: tuple[Any, Any]) -> Infered:
        memory = None
        if self._last is not None:
            last, motion = self._last
            memory = seen_from(last, motion, self._camera)
        return self._tail.infer(self.spec.id, *received, memory)


@family("alone", "our branches without memory")
class Alone(Branch):
    """The same packets, each decoded as if it were the first."""

    def see(self, clip: Batch) -> None:
        """Nothing is remembered."""


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
