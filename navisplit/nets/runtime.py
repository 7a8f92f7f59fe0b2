"""Which library runs the networks: ONNX Runtime, or torch as it is.

ONNX Runtime takes half of torch's time on one core (docs/codec.md), and is the choice where it is installed; the
environment variable NAVISPLIT_RUNTIME (``onnx`` or ``torch``) decides otherwise. The parts of head, tail and teacher
are replaced one by one by sessions that behave as the modules they came from, so that nobody else needs to know.
"""

from __future__ import annotations

import copy
import dataclasses
import io
import os
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from navisplit.errors import UsageError, nearest_name
from navisplit.nets.memory import CHANNELS

if TYPE_CHECKING:
    from navisplit.nets.branch_set import BranchSet

RUNTIMES = ("onnx", "torch")
RUNTIME_VARIABLE = "NAVISPLIT_RUNTIME"
OPSET = 17


def chosen_runtime() -> str:
    """By the environment, else by what is installed. Raises UsageError for a name or package that does not exist."""
    there = all(find_spec(package) is not None for package in ("onnx", "onnxruntime"))
    name = os.environ.get(RUNTIME_VARIABLE) or ("onnx" if there else "torch")
    if name not in RUNTIMES:
        raise UsageError(f"{RUNTIME_VARIABLE} is '{name}'.{nearest_name(name, RUNTIMES)}")
    if name == "onnx" and not there:
        raise UsageError(f"{RUNTIME_VARIABLE} is 'onnx', but it is not installed: `pip install onnx onnxruntime`.")
    return name


def accelerated(models: BranchSet) -> BranchSet:
    """The same branch set with the parts of its networks in ONNX Runtime; what was given stays as it is."""
    architecture = models.architecture
    head, tail, teacher = copy.deepcopy((models.head, models.tail, models.teacher))
    image = torch.zeros(1, architecture.height, architecture.width, 3, dtype=torch.uint8)
    with torch.no_grad():
        features = models.head.trunk(image)
    head.trunk = Session(head.trunk, [image])
    head.trunk.channels = models.head.trunk.channels
    for spec in models.branches:
        head.branches[spec.name] = Session(head.branches[spec.name], [features])
        symbols, mask = torch.zeros(1, *spec.shape), torch.ones(1, spec.channels, 1, 1)
        tail.adapters[spec.name] = Session(tail.adapters[spec.name], [symbols, mask])
    if tail.recall is not None:
        tail.recall = Session(tail.recall, [torch.zeros(1, CHANNELS, *architecture.grid), torch.ones(1)])
    inputs = torch.zeros(1, architecture.body_widths[0], *architecture.grid)
    tail.body = Session(tail.body, [inputs])
    if teacher is not None:
        with torch.no_grad():
            seen = teacher.trunk(image)
        teacher.trunk, teacher.lift = Session(teacher.trunk, [image]), Session(teacher.lift, [seen])
        teacher.body = Session(teacher.body, [inputs])
    return dataclasses.replace(models, head=head, tail=tail, teacher=teacher)


class Session(nn.Module):
    """A module in ONNX Runtime, on one thread: called with tensors as the module was, any batch size."""

    def __init__(self, module: nn.Module, examples: Sequence[Tensor]) -> None:
        super().__init__()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = to_onnx(module, examples)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._names = [x.name for x in self._session.get_inputs()]

    def forward(self, *inputs: Tensor) -> Any:
        """What the module gives: a tensor, or a tuple of them."""
        feeds = {name: np.ascontiguousarray(x.numpy()) for name, x in zip(self._names, inputs, strict=True)}
        outputs = tuple(torch.from_numpy(y) for y in self._session.run(None, feeds))
        return outputs if len(outputs) > 1 else outputs[0]


def to_onnx(
    module: nn.Module, examples: Sequence[Tensor], inputs: Sequence[str] = (), outputs: Sequence[str] = (),
    *, dynamic: bool = True,
) -> bytes:  # fmt: skip
    """A module as an ONNX file; ``dynamic``: any batch size, and masks (.., 1, 1) may also be (.., h, w)."""
    file = io.BytesIO()
    names = list(inputs) or [f"x{i}" for i in range(len(examples))]
    masks = [x.ndim == 4 and x.shape[2:] == (1, 1) for x in examples]
    axes = {name: [0, 2, 3] if mask else [0] for name, mask in zip(names, masks, strict=True)} if dynamic else None
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated; the newer one needs a package more
        torch.onnx.export(
            module.eval(), tuple(examples), file, dynamo=False, opset_version=OPSET, input_names=names,
            output_names=list(outputs) or None, dynamic_axes=axes,
        )  # fmt: skip
    return file.getvalue()
