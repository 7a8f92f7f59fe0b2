"""``navisplit collect``: render frames to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command("collect")(collect)


def collect(
    out: Annotated[Path, typer.Option("--out", help="Folder of the data set; finished worlds in it are kept.")],
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames to train on; some more for tests.")] = 60000,
    worlds: Annotated[int, typer.Option("--worlds", min=1, help="Training worlds, shared out among families.")] = 80,
    families: Annotated[str, typer.Option("--families", help="Families of worlds, with commas.")] = (
        "forest,neighbourhood,urban,warehouse"
    ),
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same data.")] = 0,
    weather: Annotated[bool, typer.Option(help="Outdoors, draw a weather by seed beside each light.")] = True,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Worlds rendered at once.")] = 1,
) -> None:
    """Render camera frames with depth and segmentation from generated worlds. Can be interrupted and continued."""
    from navisplit.config import CameraConfig
    from navisplit.train.collect import collect as render
    from navisplit.train.collect import plan

    chosen = [name.strip() for name in families.split(",") if name.strip()]
    plans = plan(frames, worlds, chosen, seed, weather=weather)
    total = render(out, plans, CameraConfig(), typer.echo, workers)
    typer.echo(f"{out}: {total} frames of {len(plans)} worlds. Train with: navisplit train depth --data {out} --out …")
