"""An untrained branch set: everything about it is real but the weights."""

from __future__ import annotations

import sys
from pathlib import Path


def write_untrained(folder: Path) -> Path:
    """Write a branch set with random weights, and return its folder."""
    import torch

    from navisplit.codecs import Tables
    from navisplit.nets.architecture import Architecture
    from navisplit.nets.branch import HeadNetwork
    from navisplit.nets.branch_set import save_branch_set
    from navisplit.nets.tail import TailNetwork

    torch.manual_seed(0)
    architecture = Architecture()
    networks = {"head": HeadNetwork(architecture), "tail": TailNetwork(architecture)}
    tables = {b.name: Tables.uniform(b.channels, 2 * b.limit + 1, -b.limit) for b in architecture.branches}
    save_branch_set(
        folder, architecture, networks, tables, {b.name: float(b.target_bytes) for b in architecture.branches}
    )
    return folder


if __name__ == "__main__":
    write_untrained(Path(sys.argv[1]))
