"""The gate's network: a small perceptron that predicts, for every choice, how much worse the flight gets with it.

The paper's gate is a policy that outputs a branch index and is rewarded with minus that index (NaviSplit, arXiv
2406.13086; authors' code). Ours predicts a *regret* per choice, in the unit of the planner's cost, so that the price of
bytes is one knob at run time instead of being baked into the weights (our choice). Inference is numpy alone: the
network has a few thousand weights and runs in some ten microseconds.

    x (D,) -> normalise -> W0 (D, 48), relu -> W1 (48, 48), relu -> W2 (48, K), softplus -> regret (K,)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import ModelError

Array = NDArray[np.float32]
WEIGHTS_FILE, META_FILE = "gate.safetensors", "gate.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class RegretNet:
    """Weights of a trained gate."""

    choices: tuple[str, ...]  # K names, e.g. skip, b0, b1, ...
    mean: Array  # (D,)
    scale: Array  # (D,)
    layers: tuple[tuple[Array, Array], ...]  # (weight (in, out), bias (out,)) each
    models_hash: int  # of the branch set it was trained with
    price_per_byte: float = 0.0  # regret that a byte may cost at byte_weight 1, tuned on rows held out

    @property
    def parameter_count(self) -> int:
        """Number of trained weights."""
        return sum(w.size + b.size for w, b in self.layers)

    def regret(self, features: Array) -> Array:
        """Predicted regret (K,), >= 0, of every choice for one input (D,)."""
        x = np.clip((features - self.mean) / self.scale, -5.0, 5.0)
        for weight, bias in self.layers[:-1]:
            x = np.maximum(x @ weight + bias, 0.0)
        weight, bias = self.layers[-1]
        return np.logaddexp(x @ weight + bias, 0.0)  # softplus


def save_gate(net: RegretNet, folder: Path, **notes: object) -> None:
    """Write gate.safetensors and gate.json into a branch set's folder; ``notes`` tell how it was trained."""
    from safetensors.numpy import save_file

    tensors = {"mean": net.mean, "scale": net.scale}
    for i, (weight, bias) in enumerate(net.layers):
        tensors[f"weight{i}"], tensors[f"bias{i}"] = np.ascontiguousarray(weight), np.ascontiguousarray(bias)
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, folder / WEIGHTS_FILE)
    meta = {
        "version": FORMAT_VERSION,
        "choices": net.choices,
        "layers": len(net.layers),
        "models_hash": net.models_hash,
        "price_per_byte": net.price_per_byte,
    }
    (folder / META_FILE).write_text(json.dumps({**meta, "training": notes}, indent=1) + "\n")


def load_gate(folder: Path, *, models_hash: int) -> RegretNet:
    """Read a gate. Raises ModelError when it is missing, corrupt, or was trained with another branch set."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not (folder / META_FILE).is_file():
        raise ModelError(
            f"The branch set '{folder.name}' has no gate ({META_FILE} is missing). "
            "Train one with `navisplit train gate`, or fly a fixed branch with --branch b1."
        )
    try:
        meta = json.loads((folder / META_FILE).read_text())
        tensors = load_file(folder / WEIGHTS_FILE)
        layers = tuple((tensors[f"weight{i}"], tensors[f"bias{i}"]) for i in range(int(meta["layers"])))
        choices, price = tuple(meta["choices"]), float(meta["price_per_byte"])
        net = RegretNet(choices, tensors["mean"], tensors["scale"], layers, int(meta["models_hash"]), price)
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"The gate in {folder} cannot be read ({error}). Train it again with `navisplit train gate`."
        ) from error
    if meta.get("version") != FORMAT_VERSION or net.models_hash != models_hash:
        raise ModelError(
            f"The gate in {folder} is of version {meta.get('version')} for branch set {net.models_hash:08x}; expected "
            f"version {FORMAT_VERSION} for {models_hash:08x}. Train it again with `navisplit train gate`."
        )
    if net.layers[-1][0].shape[1] != len(net.choices) or not all(np.isfinite(t).all() for t in tensors.values()):
        raise ModelError(
            f"The gate in {folder} has weights that do not fit its {len(net.choices)} choices, or are not finite."
        )
    return net
