"""Which methods are compared, at which rates: each baseline from its finest setting to the smallest that decodes."""

from __future__ import annotations

from navisplit.evaluate.codecbench.context import Context
from navisplit.evaluate.codecbench.images import avif_available
from navisplit.nets.branch_set import BranchSet
from navisplit.vehicle.neural_gate import wire_bytes
from navisplit.wire import MAX_PAYLOAD

# Quality and divisor, richest first. The ladder ends where a file hardly shrinks any more.
JPEG = ("95", "80", "60", "40", "25", "12", "5", "1", "40/2", "15/2", "5/2", "1/2", "20/4", "1/4")
WEBP = ("90", "70", "50", "30", "15", "5", "0", "50/2", "20/2", "5/2", "0/2", "30/4", "0/4", "0/8")
AVIF = ("85", "65", "50", "40", "30", "20", "10", "0", "40/2", "20/2", "0/2", "20/4")
UNIFORM = ("uniform-context", "uniform-channel", "uniform-dense", "uniform-zstd")
STEPS = ("0.25", "0.5", "1", "2", "4")  # of uniform quantisation, in units of the features' RMS
TRIMS = (0.5, 0.25)  # of the mean bytes
LOSSES = (0.25, 0.5)  # of slices
MAPS = ("1@0.05", "2@0.05", "2@0.1", "4@0.1", "4@0.2", "8@0.2", "8@0.4")  # divisor and log step


def line_up(context: Context) -> list[str]:
    """Names for ``methods.make``: our branches, the other sets', and the baselines."""
    own = by_rate(context.models)
    names = [f"branch:{name}" for name in own]
    if context.models.tail.recall is not None:
        names += [f"alone:{name}" for name in own]
    for spec in context.models.branches:
        whole = wire_bytes(spec)
        if spec.expected_bytes > MAX_PAYLOAD:  # in more than one slice
            names += [f"trim:{spec.name}@{whole * share:.0f}" for share in TRIMS]
            names += [f"loss:{spec.name}@{share}" for share in LOSSES]
    for title, other in context.sets.items():
        if other is not context.models:
            names += [f"branch:{title}/{name}" for name in by_rate(other)]
    names += ["teacher", "float32", "features8"]
    names += [f"{way}:{step}" for way in UNIFORM for step in STEPS]
    names += [f"crbq:{name}" for name in own]
    names += [f"jpeg:{q}" for q in JPEG] + [f"webp:{q}" for q in WEBP]
    names += [f"avif:{q}" for q in AVIF] if avif_available() else []
    names += [f"map:{name}/{size}" for name in (own[0], own[-1]) for size in MAPS]
    return names


def by_rate(models: BranchSet) -> list[str]:
    """A set's branches, lightest first."""
    return [b.name for b in sorted(models.branches, key=lambda b: b.expected_bytes)]
