"""What the compared methods share: branch sets, the teacher, and what was counted on validation frames.

Tables and scales are counted once, on validation frames, and ship with the baselines as they ship with our branches:
no method sends tables, and none is tuned on the frames that it is measured on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import ModelError, UsageError
from navisplit.evaluate.codecbench.methods import Cost, Depth, macs_of
from navisplit.nets.architecture import Architecture
from navisplit.nets.blocks import for_inference
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.branch_set import BranchSet, load_branch_set
from navisplit.nets.tail import TailNetwork
from navisplit.nets.teacher import Teacher
from navisplit.nets.trunk import parameter_count

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
CALIBRATION_FRAMES = 256


class Context:
    """Loaded once for a line-up. ``data`` is needed only by methods that count on validation frames."""

    def __init__(self, models: BranchSet, data: Path | None = None, others: tuple[BranchSet, ...] = ()) -> None:
        self.models, self.data = models, data
        self.sets = {models.name: models, **{o.name: o for o in others}}
        self._kept: dict[Hashable, Any] = {}

    @classmethod
    def load(cls, models: str, data: Path | None = None, others: tuple[str, ...] = ()) -> Context:
        """From the names or folders of branch sets."""
        sets = tuple(load_branch_set(o) for o in others)
        return cls(load_branch_set(models, with_teacher=True), data, sets)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made for the first that asks."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def teacher_depth(self, rgb: NDArray[np.uint8]) -> Depth:
        """Depth by the network that has no bottleneck. Raises ModelError when the branch set came without one."""
        import torch

        from navisplit.nets.tail import clip_depth

        with torch.inference_mode():
            return clip_depth(self.teacher(image_tensor(rgb))[0])[0].numpy()

    @property
    def teacher(self) -> Teacher:
        """The teacher's network."""
        if self.models.teacher is None:
            raise ModelError(
                f"Branch set '{self.models.name}' has no teacher.safetensors, which turns pictures into depth on the "
                "server; export it again with `navisplit train depth`."
            )
        return self.models.teacher

    @cached_property
    def validation_pictures(self) -> NDArray[np.uint8]:
        """Pictures (N, H, W, 3), evenly spread over the validation worlds."""
        from navisplit.train.dataset import DepthData

        if self.data is None:
            raise UsageError("This method counts its tables on validation frames: use it in `navisplit bench codec`.")
        batches = DepthData(self.data, "validation").batches(CALIBRATION_FRAMES, CALIBRATION_FRAMES)
        return next(iter(batches)).rgb

    @cached_property
    def validation_features(self) -> NDArray[np.float32]:
        """Trunk features (N, C, 18, 32) of those pictures."""
        return np.concatenate([trunk_features(self.models, rgb) for rgb in self.validation_pictures])


def trunk_features(models: BranchSet, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features (1, C, 18, 32) of a picture (H, W, 3)."""
    from navisplit.vehicle.head import Head

    return np.ascontiguousarray(Head(models).trunk(rgb).features.numpy())


@functools.cache
def head_cost(architecture: Architecture, branch: str | None) -> Cost:
    """Trunk and one bottleneck of a branch set (None: the trunk alone); sizes do not depend on weights."""
    head = for_inference(HeadNetwork(architecture))
    image = image_tensor(np.zeros((architecture.height, architecture.width, 3), np.uint8))
    cost = Cost(parameter_count(head.trunk), macs_of(head.trunk, image))
    if branch is None:
        return cost
    bottleneck = head.branches[branch]
    return cost + Cost(parameter_count(bottleneck), macs_of(bottleneck, head.trunk(image)))


@functools.cache
def tail_cost(architecture: Architecture, branch: str) -> Cost:
    """Adapter of one branch and the shared body, for methods that run them on board."""
    import torch

    shapes = {b.name: architecture.symbol_shape(b) for b in architecture.branches}
    shape, tail = shapes[branch], for_inference(TailNetwork(architecture))
    others = sum(parameter_count(a) for name, a in tail.adapters.items() if name != branch)
    macs = macs_of(tail, torch.zeros(1, *shape), torch.ones(1, shape[0], 1, 1), branch)
    return Cost(parameter_count(tail) - others, macs)


def image_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """A picture (H, W, 3) as a network's input (1, H, W, 3)."""
    import torch

    return torch.from_numpy(np.array(rgb[None]))


def infer_values(models: BranchSet, values: Tensor, branch: str) -> Depth:
    """Depth of a bottleneck's values (1, C, h, w), rounded or not, all of them received."""
    import torch

    from navisplit.nets.tail import clip_depth

    with torch.inference_mode():
        received = torch.ones(1, values.shape[1], 1, 1)
        return clip_depth(models.tail(values, received, branch)[0])[0].numpy()
