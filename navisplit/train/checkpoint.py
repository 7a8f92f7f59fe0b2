"""Checkpoints without pickle: tensors in safetensors, the rest as JSON in its header, replaced atomically."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from navisplit.errors import ModelError


def save_checkpoint(path: Path, groups: dict[str, dict[str, Tensor]], meta: dict[str, Any]) -> None:
    """Write named groups of tensors and JSON-able ``meta`` to one file."""
    from safetensors.torch import save_file

    flat = {
        f"{group}/{name}": tensor.detach().contiguous().clone()
        for group, tensors in groups.items()
        for name, tensor in tensors.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(flat, partial, metadata={"navisplit": json.dumps(meta)})
    os.replace(partial, path)


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what ``save_checkpoint`` wrote. Raises ModelError when the file is missing or foreign."""
    from safetensors import SafetensorError, safe_open

    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, "pt") as file:
            meta = json.loads((file.metadata() or {})["navisplit"])
            for key in file.keys():  # noqa: SIM118 (no mapping)
                group, name = key.split("/", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path} is no checkpoint of this trainer ({error!r}). Delete it to start the training anew."
        ) from error
    return groups, meta


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser as named tensors."""
    state = optimiser.state_dict()["state"]
    return {f"{index}/{name}": torch.as_tensor(v) for index, entry in state.items() for name, v in entry.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of ``optimiser_tensors``; the parameter groups keep their present settings."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split("/", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def restore_module(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Load weights. Raises ModelError naming the first tensor that does not fit."""
    expected = module.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        have, want = tensors.get(name), expected.get(name)
        if have is None or want is None or have.shape != want.shape:
            raise ModelError(
                f"{path} does not fit this architecture: '{name}' is {_shape(have)}, expected {_shape(want)}. "
                "Use the settings it was trained with, or another run folder."
            )
    module.load_state_dict(tensors)


def _shape(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else str(tuple(tensor.shape))
