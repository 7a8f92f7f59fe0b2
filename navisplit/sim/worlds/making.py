"""Make a world with routes as files: what ``navisplit world`` writes, and what an evaluation of many seeds flies in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from navisplit.errors import UsageError
from navisplit.sim.weather import CALM, Weather
from navisplit.sim.worlds.build import build_scene
from navisplit.sim.worlds.planning import RouteRules, plan_routes
from navisplit.sim.worlds.registry import generate
from navisplit.sim.worlds.routes import write_routes
from navisplit.sim.worlds.sdf import read_sdf, write_sdf


@dataclasses.dataclass(frozen=True)
class Made:
    """What was written."""

    objects: int
    triangles: int


def rules_for(length_m: tuple[float, float]) -> RouteRules:
    """Rules for routes of these straight-line distances. Raises UsageError."""
    low, high = length_m
    if not 1.0 <= low < high <= 1000.0:
        raise UsageError(f"--length: expected two rising distances from 1 to 1000 m, got {low:g} and {high:g}.")
    return RouteRules(distance_m=(low, high), largest_half_m=max(RouteRules.largest_half_m, 0.6 * high))


def make_world(
    family: str,
    seed: int,
    out: Path,
    *,
    routes: int,
    rules: RouteRules,
    options: Mapping[str, float] | None = None,
    weather: Weather = CALM,
) -> Made:
    """Write ``out`` (.sdf), its meshes and NAME.routes.csv: to the byte the same for the same arguments.

    Raises UsageError (family, options) and RouteError (no room for the routes).
    """
    described = dataclasses.replace(generate(family, seed, **dict(options or {})), name=out.stem, weather=weather)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_sdf(described, out)
    scene = build_scene(read_sdf(out))  # routes are planned in what others will read
    if routes:
        from navisplit.sim.render.query import SceneQuery

        planned = plan_routes(scene, SceneQuery(scene), routes, np.random.default_rng([seed, routes]), rules)
        write_routes(out.with_name(f"{out.stem}.routes.csv"), planned)
    return Made(len(described.models), scene.triangle_count)
