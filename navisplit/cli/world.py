"""``navisplit world``: generate a world and its routes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from navisplit.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command("world")(world)


def world(
    family: Annotated[str, typer.Argument(help="Family of worlds: forest, neighbourhood.")],
    out: Annotated[Path, typer.Option("--out", help="World file to write (.sdf); meshes/ and routes go beside it.")],
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same world.")] = 0,
    routes: Annotated[int, typer.Option("--routes", min=0, help="Number of routes in NAME.routes.csv; 0: none.")] = 50,
    density: Annotated[float | None, typer.Option("--density", help="Number of plants and things, times this.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="Another option of the family: NAME=NUMBER.")
    ] = None,
) -> None:
    """Generate a world as SDF with GLB meshes, and routes through it."""
    if out.suffix.lower() != ".sdf":
        raise UsageError(f"--out: expected a file that ends in .sdf, got '{out}'.")
    from navisplit.sim.worlds import generate

    options = _options(option or [])
    if density is not None:
        options["density"] = density
    described = dataclasses.replace(generate(family, seed, **options), name=out.stem)
    triangles = _write(described, out, routes, seed)
    typer.echo(f"{out}: {len(described.models)} objects, {triangles} triangles, {routes} routes")


def _write(described: object, out: Path, routes: int, seed: int) -> int:
    """Write world and routes; returns the number of triangles."""
    import numpy as np

    from navisplit.sim.worlds import load_scene, plan_routes, write_routes, write_sdf

    out.parent.mkdir(parents=True, exist_ok=True)
    write_sdf(described, out)
    scene = load_scene(out)  # routes are planned in what others will read
    if routes:
        from navisplit.sim.query import SceneQuery

        planned = plan_routes(scene, SceneQuery(scene), routes, np.random.default_rng([seed, routes]))
        write_routes(out.with_name(f"{out.stem}.routes.csv"), planned)
    return scene.triangle_count


def _options(texts: list[str]) -> dict[str, float]:
    """``name=number`` texts as keyword arguments. Raises UsageError."""
    options: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            options[name.strip()] = float(value)
        except ValueError as problem:
            raise UsageError(f"--option: expected NAME=NUMBER, got '{text}'.") from problem
    return options
