"""The learned policy's network: a perceptron from an observation to the scores of commands and of yaw rates.

    x (D,) -> W0 (D, 256), relu -> W1 (256, 256), relu -> W2 (256, K + Y) -> K scores of commands, Y of yaw rates

Softmax makes probabilities of either. Inference is numpy alone, some tens of microseconds. The file format is ours
(safetensors and JSON), so that nothing is unpickled; weights from any trainer are exported to it.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import ModelError

Array = NDArray[np.float32]
WEIGHTS_FILE, META_FILE = "policy.safetensors", "policy.json"
FORMAT_VERSION = 1
TRAIN_AGAIN = "Train one with `navisplit train policy --out FOLDER`."


@dataclass(frozen=True)
class PolicyNet:
    """Weights of a trained policy."""

    layers: tuple[tuple[Array, Array], ...]  # (weight (in, out), bias (out,)) each
    commands: int  # K

    @property
    def inputs(self) -> int:
        """Size of an observation, D."""
        return int(self.layers[0][0].shape[0])

    @property
    def outputs(self) -> int:
        """Number of scores, K + Y."""
        return int(self.layers[-1][1].shape[0])

    @property
    def parameter_count(self) -> int:
        """Number of trained weights."""
        return sum(w.size + b.size for w, b in self.layers)

    @property
    def hash(self) -> int:
        """CRC32 of all weights: what a summary names the policy by."""
        return zlib.crc32(b"".join(np.ascontiguousarray(t).tobytes() for layer in self.layers for t in layer))

    def scores(self, observation: Array) -> tuple[Array, Array]:
        """Scores (K,) of commands and (Y,) of yaw rates for one observation (D,)."""
        x = observation
        for weight, bias in self.layers[:-1]:
            x = np.maximum(x @ weight + bias, 0.0)
        weight, bias = self.layers[-1]
        x = x @ weight + bias
        return x[: self.commands], x[self.commands :]


def softmax(scores: Array) -> Array:
    """Probabilities of scores (K,)."""
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def save_policy(net: PolicyNet, folder: Path, **notes: object) -> None:
    """Write policy.safetensors and policy.json; ``notes`` tell how it was trained."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for i, (weight, bias) in enumerate(net.layers):
        tensors[f"weight{i}"], tensors[f"bias{i}"] = np.ascontiguousarray(weight), np.ascontiguousarray(bias)
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, folder / WEIGHTS_FILE)
    meta = {"version": FORMAT_VERSION, "layers": len(net.layers), "commands": net.commands, "hash": f"{net.hash:08x}"}
    (folder / META_FILE).write_text(json.dumps({**meta, **notes}, indent=1) + "\n")


def load_policy(folder: Path, *, inputs: int, commands: int, yaw_rates: int) -> PolicyNet:
    """The network in a folder. Raises ModelError where there is none, or one of another kind than this version's."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not (folder / META_FILE).is_file() or not (folder / WEIGHTS_FILE).is_file():
        raise ModelError(f"There is no policy in {folder}: expected {META_FILE} and {WEIGHTS_FILE}. {TRAIN_AGAIN}")
    try:
        meta = json.loads((folder / META_FILE).read_text())
        tensors = load_file(folder / WEIGHTS_FILE)
        layers = tuple((tensors[f"weight{i}"], tensors[f"bias{i}"]) for i in range(int(meta["layers"])))
        net = PolicyNet(layers, int(meta["commands"]))
        version, digest = meta["version"], meta["hash"]
    except (OSError, KeyError, TypeError, ValueError, IndexError, SafetensorError) as error:
        raise ModelError(f"The policy in {folder} cannot be read ({error!r}). {TRAIN_AGAIN}") from error
    _check(net, folder, (inputs, commands, yaw_rates))
    if version != FORMAT_VERSION or digest != f"{net.hash:08x}":
        raise ModelError(
            f"The policy in {folder}: expected version {FORMAT_VERSION} and weights {digest}, found version {version} "
            f"and weights {net.hash:08x}; {META_FILE} and {WEIGHTS_FILE} do not belong together. {TRAIN_AGAIN}"
        )
    return net


def _check(net: PolicyNet, folder: Path, sizes: tuple[int, int, int]) -> None:
    """Raise ModelError unless the layers follow each other, from ``sizes``' inputs to its outputs, all finite."""
    inputs, commands, yaw_rates = sizes
    shapes = [(w.shape, b.shape) for w, b in net.layers]
    widths = [inputs, *(b[0] if len(b) == 1 else -1 for _, b in shapes)]
    chained = len(shapes) > 0 and all(w == (widths[i], widths[i + 1]) for i, (w, _) in enumerate(shapes))
    if not chained or net.commands != commands or net.outputs != commands + yaw_rates:
        raise ModelError(
            f"The policy in {folder} does not fit: expected layers from {inputs} inputs to {commands} commands and "
            f"{yaw_rates} yaw rates, found {shapes} and {net.commands} commands. {TRAIN_AGAIN}"
        )
    if not all(np.isfinite(t).all() for layer in net.layers for t in layer):
        raise ModelError(f"The policy in {folder} has weights that are not finite. {TRAIN_AGAIN}")
