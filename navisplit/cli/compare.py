"""``navisplit compare``: evaluations of the same flights, pair by pair."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from navisplit.evaluate.compare import Comparison


def compare(
    folders: Annotated[
        list[Path], typer.Argument(help="Two or more folders of `navisplit evaluate`; the last is the baseline.")
    ],
    margin: Annotated[float, typer.Option(help="Points of success that count as no worse.", min=0.1, max=100.0)] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparisons as JSON.")] = False,
) -> None:
    """Compare evaluations of the same worlds, routes and seeds, each with the last, and say what that shows.

    McNemar's exact test (with Holm's correction for several), Newcombe's interval of the paired difference, whether
    one is no worse to within the margin, and the difference that so many flights could have found.
    """
    from navisplit.errors import UsageError
    from navisplit.evaluate.arms import Arm
    from navisplit.evaluate.compare import compare_all

    if len(folders) < 2:
        raise UsageError(f"compare: expected at least two folders, got {len(folders)}.")
    comparisons = compare_all([Arm.load(folder) for folder in folders], margin / 100.0)
    if as_json:
        print(json.dumps([asdict(c) for c in comparisons], indent=1))
        return
    for comparison in comparisons:
        _print(comparison)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def _print(c: Comparison) -> None:
    from navisplit.evaluate.arms import MEANS

    width = max(len(c.a), len(c.b), *map(len, MEANS.values()))
    for name, rate, (low, high) in ((c.a, c.success_a, c.ci_a), (c.b, c.success_b, c.ci_b)):
        print(f"{name:{width}}  success {rate:6.1%}  ({low:.1%} to {high:.1%})")
    low, high = c.difference_ci95
    interval = f"({100 * low:+.1f} to {100 * high:+.1f})"
    print(f"{'difference':{width}}  {100 * c.difference:+.1f} points {interval}, {c.pairs} pairs")
    if c.bytes_ratio is not None:
        print(f"{'bytes':{width}}  {c.bytes_ratio:.3g} times those of {c.b}, frame by frame")
    for mean in c.means:
        low, high = mean.ci95
        change = f"{mean.difference:+.3g} ({low:+.3g} to {high:+.3g}), {mean.pairs} pairs"
        print(f"{MEANS[mean.name]:{width}}  {mean.a:.4g} and {mean.b:.4g}: {change}")
    if c.unpaired:
        print(f"{c.unpaired} flights that only one of them made are left out.")
    for warning in c.warnings:
        print(f"warning: {warning}")
    print(c.conclusion + "\n")
