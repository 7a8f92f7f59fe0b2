"""A small world with a few posts in it, as a scene and as a family."""

from __future__ import annotations

import numpy as np

from navisplit.sim.worlds import generate
from navisplit.sim.worlds.registry import families

SMALL = {"size_m": 50.0, "density": 0.3, "undergrowth": 0.0}
FAMILY = "posts"


def posts(seed: int):
    """A sparse, small forest."""
    return generate("forest", seed, **SMALL)


def register(monkeypatch) -> str:
    """Make the family known for a test."""
    monkeypatch.setitem(families, FAMILY, posts)
    return FAMILY


def random_net(seed=0, hidden=8):
    """An untrained policy of the sizes that fly."""
    from navisplit.edge.commands import VELOCITIES, YAW_RATES
    from navisplit.edge.surroundings import SIZE
    from navisplit.nets.policy import PolicyNet

    rng = np.random.default_rng(seed)
    widths = [SIZE, hidden, len(VELOCITIES) + len(YAW_RATES)]
    layers = tuple(
        (rng.normal(0, 0.3, (a, b)).astype(np.float32), rng.normal(0, 0.1, b).astype(np.float32))
        for a, b in zip(widths[:-1], widths[1:], strict=True)
    )
    return PolicyNet(layers, len(VELOCITIES))
