"""``navisplit bench codec``: our branches against everything else that could cross the link, at equal bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def codec(
    data: Annotated[Path, typer.Option(help="Data set of `navisplit collect`; its test worlds are used.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html, codec.csv and summary.json.")],
    models: Annotated[str, typer.Option(help="Branch set: a name of models/, or a folder.")] = "default",
    paper: Annotated[str, typer.Option(help="Branch set to compare with; left out where absent.")] = "paper",
    frames: Annotated[
        int | None, typer.Option(min=2, help="Test clips, evenly spread, to measure the last frame of.")
    ] = None,
    methods: Annotated[str, typer.Option(help="Only these, with commas, e.g. branch:b0,jpeg:40/2.")] = "",
    timing_frames: Annotated[int, typer.Option(min=1, help="Frames to time each method on.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the result is the same.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json on standard output.")] = False,
) -> None:
    """Every branch against raw and quantised features, the paper's branches, JPEG, WebP, AVIF and depth maps."""
    from navisplit.errors import ModelError
    from navisplit.evaluate.codecbench import report
    from navisplit.evaluate.codecbench.run import CodecBench, Table, measure
    from navisplit.nets.branch_set import find_branch_set

    others: tuple[str, ...] = (paper,) if paper else ()
    try:
        _ = [find_branch_set(name) for name in others]
    except ModelError as error:
        print(f"Without the paper's branches: {error}", file=sys.stderr)
        others = ()
    chosen = tuple(name.strip() for name in methods.split(",") if name.strip())
    bench = CodecBench(data, models, others, chosen, frames=frames, timing_frames=timing_frames)
    print("Loading, and counting tables on validation frames ...", file=sys.stderr)
    table = Table.load(bench)
    times = table.times()
    with _Progress() as progress:
        scores = measure(table, workers=workers, on_frames=progress)
    summary = report.write(table, scores, times, out)
    if as_json:
        print((out / report.SUMMARY_FILE).read_text())
    else:
        _print(summary, out / report.REPORT_FILE)


def _print(summary: dict[str, Any], page: Path) -> None:
    print(f"{'method':26s} {'B mean':>8s} {'p95':>8s} {'near':>7s} {'delta':>7s} {'missed':>7s}")
    for name, row in summary["methods"].items():
        figures = f"{row['near_abs_rel']:7.3f} {row['delta125']:7.3f} {row['missed_rate']:7.3f}"
        print(f"{name:26s} {row['bytes_mean']:8.0f} {row['bytes_p95']:8.0f} {figures}")
    for target, found in summary["verdicts"].items():
        print(f"{found['verdict']:15s} {target}")
    print(f"report          {page}")


class _Progress:
    """A bar on standard error."""

    def __enter__(self) -> _Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("frames"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("frames", total=None)
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)
