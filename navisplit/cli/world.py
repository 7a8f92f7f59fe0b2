"""``navisplit world`` and ``navisplit routes``: generate a world, and plan or rate routes through any world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from navisplit.errors import UsageError

LengthOption = Annotated[
    tuple[float, float], typer.Option("--length", help="Straight-line distance from start to goal, m: lowest highest.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command("world")(world)
    app.command("routes")(routes)


def world(
    family: Annotated[str, typer.Argument(help="Family of worlds; --list names them all.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="World file to write (.sdf); meshes/ and routes go beside it.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same world.")] = 0,
    routes: Annotated[int, typer.Option("--routes", min=0, help="Number of routes in NAME.routes.csv; 0: none.")] = 50,
    length: LengthOption = (40.0, 80.0),
    density: Annotated[float | None, typer.Option("--density", help="Number of plants and things, times this.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="An option of the family, NAME=NUMBER; --list shows them.")
    ] = None,
    weather: Annotated[
        str, typer.Option("--weather", help="Written into the world: rain=0.5,fog=0.2 (0..1), seed=7, or none.")
    ] = "none",
    show: Annotated[bool, typer.Option("--list", help="Print families, their options and defaults, and stop.")] = False,
) -> None:
    """Generate a world as SDF with GLB meshes, and routes through it."""
    if show:
        typer.echo(_catalogue())
        return
    if not family:
        raise UsageError("Expected a family of worlds, got none; `navisplit world --list` names them.")
    if out is None or out.suffix.lower() != ".sdf":
        raise UsageError(f"--out: expected a file that ends in .sdf, got '{out or ''}'.")
    from navisplit.sim.weather import parse_weather
    from navisplit.sim.worlds.making import make_world, rules_for
    from navisplit.sim.worlds.registry import indoor_families

    rules, air = rules_for(length), parse_weather(weather)
    if family in indoor_families and not air.calm:
        raise UsageError(f"--weather: worlds of '{family}' are under a roof, expected none, got '{weather}'.")
    options = _options(option or [])
    if density is not None:
        options["density"] = density
    made = make_world(family, seed, out, routes=routes, rules=rules, options=options, weather=air)
    typer.echo(f"{out}: {made.objects} objects, {made.triangles} triangles, {routes} routes")


def routes(
    name: Annotated[str, typer.Argument(metavar="WORLD", help="A world that ships (forest, ...) or an SDF file.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Number of routes.")] = 50,
    length: LengthOption = (40.0, 80.0),
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same routes.")] = 0,
    rate: Annotated[
        Path | None, typer.Option("--rate", help="Keep the routes of this file and add length and difficulty to them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Routes file (.csv). [NAME.routes.csv beside the world]")
    ] = None,
) -> None:
    """Plan routes through a world, or rate those that it has."""
    import numpy as np

    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds import find_world, load_scene, plan_routes, read_routes, write_routes
    from navisplit.sim.worlds.making import rules_for
    from navisplit.sim.worlds.planning import rate_routes

    path = find_world(name)
    target = out or path.with_name(f"{path.stem}.routes.csv")
    scene = load_scene(path)
    query = SceneQuery(scene)
    if rate is None:
        made = plan_routes(scene, query, count, np.random.default_rng([seed, count]), rules_for(length))
    else:
        made = rate_routes(scene, query, read_routes(rate))
    write_routes(target, made)
    hard = [r.rating.difficulty for r in made if r.rating is not None]
    typer.echo(f"{target}: {len(made)} routes, difficulty {min(hard):.2f} to {max(hard):.2f}, mean {np.mean(hard):.2f}")


def _catalogue() -> str:
    """Families, what they are, and their options with defaults."""
    from navisplit.sim.worlds import families, family_options
    from navisplit.sim.worlds.registry import test_families

    lines = []
    for name in sorted(families):
        about = (families[name].__doc__ or "").strip().splitlines()[0].replace("``", "")
        lines.append(f"{name}{' (for testing only)' if name in test_families else ''}: {about}")
        lines.append("  " + ", ".join(f"{key}={value:g}" for key, value in family_options(name).items()))
    return "\n".join(lines)


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
