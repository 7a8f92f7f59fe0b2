"""The on-board exit's network: from the trunk's features to a coarse picture of what is near.

An early exit (BranchyNet, arXiv 1709.01686) for the time when the edge does not answer: the trunk runs for every frame
anyway, and a few thousand weights behind it say how near the nearest thing is in each cell of a grid over the picture.
The drone flies on that for seconds, never for minutes; size, grid and quantile are our choice.

    features (B, C, 18, 32) -> 1x1, relu -> 3x3, relu -> 3x3, relu -> max over 3 x 2 -> 1x1 -> log distance (B, 6, 16)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from navisplit.errors import ModelError

WEIGHTS_FILE, META_FILE = "exit.safetensors", "exit.json"
FORMAT_VERSION = 1
ROWS, COLUMNS = 6, 16
NEAREST_M, FARTHEST_M = 0.3, 20.0
WIDTH = 16


class ExitNet(nn.Module):
    """Planar distance of the nearest thing in each cell, as a log of metres (B, 6, 16)."""

    def __init__(self, channels: int, width: int = WIDTH) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, width, 1)
        self.look = nn.Conv2d(width, width, 3, padding=1)
        self.judge = nn.Conv2d(width, width, 3, padding=1)
        self.say = nn.Conv2d(width, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, C, 18, 32) of the trunk to log distances (B, 6, 16)."""
        x = torch.relu(self.squeeze(features))
        x = torch.relu(self.look(x))
        x = torch.relu(self.judge(x))
        pool = x.shape[-2] // ROWS, x.shape[-1] // COLUMNS
        return self.say(nn.functional.max_pool2d(x, pool)).squeeze(1) + 1.0


def save_exit(net: ExitNet, folder: Path, models_hash: int, notes: dict[str, Any]) -> None:
    """Write exit.safetensors and exit.json into a branch set's folder."""
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, folder / WEIGHTS_FILE)
    meta = {"version": FORMAT_VERSION, "models_hash": models_hash, "width": net.squeeze.out_channels, "training": notes}
    (folder / META_FILE).write_text(json.dumps(meta, indent=1) + "\n")


def load_exit(folder: Path, *, models_hash: int, channels: int) -> ExitNet:
    """Read an exit. Raises ModelError when it is missing, corrupt, or was trained behind another trunk."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / META_FILE).is_file():
        raise ModelError(
            f"The branch set '{folder.name}' has no on-board exit ({META_FILE} is missing). Train one with "
            "`navisplit train exit`, or fly without (--no-exit)."
        )
    try:
        meta = json.loads((folder / META_FILE).read_text())
        net = ExitNet(channels, int(meta["width"]))
        net.load_state_dict(load_file(folder / WEIGHTS_FILE))
        version, bound = int(meta["version"]), int(meta["models_hash"])
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"The on-board exit in {folder} cannot be read ({error}). Train it again with `navisplit train exit`."
        ) from error
    if version != FORMAT_VERSION or bound != models_hash:
        raise ModelError(
            f"The on-board exit in {folder} is of version {version} for branch set {bound:08x}; expected version "
            f"{FORMAT_VERSION} for {models_hash:08x}. Train it again with `navisplit train exit`."
        )
    if not all(torch.isfinite(value).all() for value in net.state_dict().values()):
        raise ModelError(f"The on-board exit in {folder} has weights that are not finite. Train it again.")
    return net.eval()
