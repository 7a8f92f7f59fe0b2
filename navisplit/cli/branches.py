"""``navisplit branches``: what a branch set can send, and what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

METRICS_FILE = "metrics.json"  # written by `navisplit train depth`: {branch: {metric: value}}
COLUMNS = {
    "abs_rel": ("AbsRel", ".3f"),
    "delta125": ("delta < 1.25", ".3f"),
    "near_abs_rel": ("AbsRel < 5 m", ".3f"),
    "bytes_mean": ("bytes, tested", ".0f"),
}


def register(app: typer.Typer) -> None:
    """Add ``branches``."""
    app.command()(branches)


def branches(
    models: Annotated[str, typer.Option(help="Branch set: a name of models/, or a folder.")] = "default",
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the branches of a branch set: bytes a frame, shape, codec, and depth metrics where they were measured."""
    from navisplit.nets.branch_set import load_branch_set

    branch_set = load_branch_set(models)
    measured = metrics_of(branch_set.path)
    rows = [
        {
            "name": spec.name,
            "id": spec.id,
            "shape": list(spec.shape),
            "codec": spec.codec,
            "expected_bytes": spec.expected_bytes,
            **measured.get(spec.name, {}),
        }
        for spec in branch_set.branches
    ]
    if json_output:
        print(json.dumps({"name": branch_set.name, "hash": f"{branch_set.hash:08x}", "branches": rows}, indent=1))
        return
    _print(f"{branch_set.name} ({branch_set.hash:08x}), in {branch_set.path}", rows)


def metrics_of(folder: Path) -> dict[str, dict[str, float]]:
    """Metrics of each branch on worlds never trained on; empty where the branch set has none."""
    try:
        return json.loads((folder / METRICS_FILE).read_text())
    except (OSError, ValueError):
        return {}


def _print(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("branch")
    shown = {key: column for key, column in COLUMNS.items() if any(key in row for row in rows)}
    for name in ("bytes a frame", "symbols", "codec", *(heading for heading, _ in shown.values())):
        table.add_column(name, justify="right")
    for row in rows:
        shape = "x".join(map(str, row["shape"]))
        values = [format(row[key], form) if key in row else "-" for key, (_, form) in shown.items()]
        table.add_row(row["name"], f"{row['expected_bytes']:.0f}", shape, row["codec"], *values)
    console.print(table)
