"""Worlds: descriptions, generators, SDF files and routes.

``load_scene("forest")`` reads a world that ships, ``build_scene(generate("forest", seed=7))`` makes one in memory.
"""

from navisplit.sim.worlds import forest as _forest  # noqa: F401  (registers its family)
from navisplit.sim.worlds import neighbourhood as _neighbourhood  # noqa: F401
from navisplit.sim.worlds import ruins as _ruins  # noqa: F401
from navisplit.sim.worlds import urban as _urban  # noqa: F401
from navisplit.sim.worlds import warehouse as _warehouse  # noqa: F401
from navisplit.sim.worlds.build import build_scene
from navisplit.sim.worlds.description import Model, Visual, World
from navisplit.sim.worlds.library import find_world, load_scene, player_start, world_names
from navisplit.sim.worlds.planning import plan_routes
from navisplit.sim.worlds.registry import families, family, family_options, generate
from navisplit.sim.worlds.routes import Route, check_route, read_routes, routes_for, select_routes, write_routes
from navisplit.sim.worlds.sdf import WorldWarning, read_sdf, write_sdf

__all__ = [
    "Model",
    "Route",
    "Visual",
    "World",
    "WorldWarning",
    "build_scene",
    "check_route",
    "families",
    "family",
    "family_options",
    "find_world",
    "generate",
    "load_scene",
    "plan_routes",
    "player_start",
    "read_routes",
    "read_sdf",
    "routes_for",
    "select_routes",
    "world_names",
    "write_routes",
    "write_sdf",
]
