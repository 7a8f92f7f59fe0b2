"""The same figures family by family: a family that nobody trained on is where a network shows what it learned."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

from navisplit.evaluate.codecbench.scores import Scores, figures

SHOWN = {"near_abs_rel": "near AbsRel", "delta125": "delta < 1.25", "missed_rate": "missed"}
COMPARED = ("branch", "alone", "teacher")

Table = dict[str, dict[str, dict[str, float]]]


def by_family(scores: Scores, worlds: Sequence[str]) -> Table:
    """Family -> method -> figure; ``worlds`` names the world of each index in ``scores.worlds``."""
    families = np.array([worlds[i].rsplit("-", 1)[0] for i in scores.worlds])
    chosen = [i for i, name in enumerate(scores.methods) if name.partition(":")[0] in COMPARED]
    table: Table = {}
    for family in sorted(set(families.tolist())):
        found = figures(scores.rows[families == family].sum(axis=0))
        table[family] = {
            scores.methods[i]: {"frames": float((families == family).sum()), **{k: float(found[k][i]) for k in SHOWN}}
            for i in chosen
        }
    return table


def section(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """One table a figure would be many: near AbsRel and delta side by side in each cell."""
    from navisplit.sim.worlds.registry import test_families

    families = list(table)
    if not families:
        return ""
    titles = [f"{f}, never trained on" if f in test_families else f for f in families]
    head = "".join(f"<th>{html.escape(t)} ({next(iter(table[f].values()))['frames']:.0f})</th>"
                   for t, f in zip(titles, families, strict=True))  # fmt: skip
    lines = []
    for method in table[families[0]]:
        cells = "".join(
            f"<td>{table[f][method]['near_abs_rel']:.3f} / {table[f][method]['delta125']:.3f} / "
            f"{table[f][method]['missed_rate']:.3f}</td>"
            for f in families
        )
        lines.append(f"<tr><td class='left'>{html.escape(method)}</td>{cells}</tr>")
    what = html.escape(" / ".join(SHOWN.values()))
    return (
        f"<h2>Family by family</h2><p class='sub'>{what}; frames in brackets</p>"
        f"<div class='scroll'><table><tr><th class='left'>method</th>{head}</tr>{''.join(lines)}</table></div>"
    )
