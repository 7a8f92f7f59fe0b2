"""``navisplit branches``: what a branch set can send and what it costs; its golden packets; its heads as ONNX."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from navisplit.nets.branch_set import BranchSet

CHECKED_PICTURES = 20
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
    check: Annotated[
        bool, typer.Option("--check", help="Decode the set's golden packets here, and compare with what they hold.")
    ] = False,
    write_golden: Annotated[
        bool, typer.Option("--write-golden", help="Write golden.json anew (a training does so at its end).")
    ] = False,
    export_onnx: Annotated[
        Path | None, typer.Option(help="Folder for head_<branch>.onnx, checked against the head that flies.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the branches of a branch set: bytes a frame, shape, codec, and depth metrics where they were measured."""
    from navisplit.nets.branch_set import load_branch_set

    branch_set = load_branch_set(models, runtime="torch")  # the other would take a second to build
    if write_golden:
        from navisplit.train.golden import write_golden as write

        print(f"wrote {write(branch_set)}")
    if check:
        _check(load_branch_set(models), json_output)
    if export_onnx is not None:
        _export(branch_set, export_onnx, json_output)
    if check or write_golden or export_onnx is not None:
        return
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


def _check(branch_set: BranchSet, json_output: bool) -> None:
    """Golden packets; exit code 1 when a symbol differs, or the depth by more than float arithmetic does."""
    from navisplit.train.golden import DEPTH_TOLERANCE, check_golden

    results = check_golden(branch_set)
    if json_output:
        print(json.dumps([dataclasses.asdict(r) for r in results], indent=1))
    for r in results if not json_output else ():
        symbols = "same symbols" if r.same_symbols else "OTHER SYMBOLS"
        depth = f"log depth within {r.depth_error:.1g}" if r.depth_error <= DEPTH_TOLERANCE else "OTHER DEPTH"
        print(f"{r.branch:8s} {r.frame:8s} {symbols}, {depth}")
    if not all(r.same_symbols and r.depth_error <= DEPTH_TOLERANCE for r in results):
        raise typer.Exit(1)


def _export(branch_set: BranchSet, folder: Path, json_output: bool) -> None:
    """Heads as ONNX; exit code 1 when a symbol differs elsewhere than at a rounding boundary."""
    from navisplit.evaluate.bench import pictures
    from navisplit.evaluate.runtimes import check_heads, export_heads

    paths = export_heads(branch_set, folder)
    results = check_heads(branch_set, paths, pictures("forest", CHECKED_PICTURES))
    if json_output:
        print(json.dumps([dataclasses.asdict(r) for r in results], indent=1))
    for r in results if not json_output else ():
        apart = "" if r.equal == r.symbols else f" (the others within {r.furthest:.1g} of a rounding boundary)"
        print(f"{paths[r.branch]}: {r.equal} of {r.symbols} symbols as in flight{apart}")
    if not all(r.same for r in results):
        raise typer.Exit(1)


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
