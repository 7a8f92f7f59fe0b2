"""Make routes for a world: ends in the clear, a known shortest length, a mix of easy and hard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import RouteError
from navisplit.sim.scene import Scene
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.sim.worlds.difficulty import rate
from navisplit.sim.worlds.routes import Route

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds.grid_search import FreeSpace

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RouteRules:
    """What a route must be (our choice, DESIGN "Worlds and routes")."""

    distance_m: tuple[float, float] = (40.0, 80.0)  # straight line
    altitude_m: tuple[float, float] = (1.5, 3.5)  # of both ends, above their ground
    end_clearance_m: float = 1.5  # of both ends, to everything
    path_clearance_m: float = 0.6  # of the shortest path
    resolution_m: float = 0.5  # of the planning grid
    headroom_m: float = 6.0  # airspace above the higher end's ground
    floor_m: float = 0.3  # airspace's lower limit, above the lowest ground on the way
    margin_m: float = 4.0  # between the ends and the border of the world
    largest_half_m: float = 80.0  # of a world wider than this, only the middle is used
    free_share: float = 0.25  # at most this share of routes can be flown straight
    yaw_noise: float = np.radians(20.0)


def plan_routes(
    scene: Scene, query: SceneQuery, n: int, rng: np.random.Generator, rules: RouteRules | None = None
) -> list[Route]:
    """``n`` routes with ids from 0.

    Raises RouteError when the world has no room for them (after 200 tries a route).
    """
    rules = rules or RouteRules()
    site = _Site.of(scene, query, rules)
    routes: list[Route] = []
    straight = 0
    for _ in range(200 * n):
        if len(routes) == n:
            break
        ends = site.draw_ends(rng)
        if ends is None:
            continue
        start, goal = ends
        easy = site.space.clear(start, goal)
        if easy and straight + 1 > max(1.0, rules.free_share * n):
            continue
        min_z, max_z = site.airspace(start, goal)
        path = site.space.shortest(start, goal, min_z, max_z)
        if path is None:
            continue
        straight += easy
        towards = goal - start
        yaw = float(np.arctan2(towards[1], towards[0]) + rng.uniform(-rules.yaw_noise, rules.yaw_noise))
        length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
        routes.append(Route(len(routes), start, yaw, goal, length, min_z, max_z, rate(query, path)))
    if len(routes) < n:
        raise RouteError(
            f"World '{scene.name}': found {len(routes)} of {n} routes with free ends "
            f"{rules.distance_m[0]:g}-{rules.distance_m[1]:g} m apart. Ask for fewer, or make the world larger."
        )
    return routes


def rate_routes(scene: Scene, query: SceneQuery, routes: list[Route], rules: RouteRules | None = None) -> list[Route]:
    """The same routes with their difficulty, and with length and airspace where they had none.

    Raises RouteError for a route that cannot be flown.
    """
    site = _Site.of(scene, query, rules or RouteRules())
    rated = []
    for route in routes:
        limits = site.airspace(route.start, route.goal)
        low, high = (a if b is None else b for a, b in zip(limits, (route.min_z, route.max_z), strict=True))
        path = site.space.shortest(route.start, route.goal, low, high)
        if path is None:
            raise RouteError(f"World '{scene.name}', route {route.id}: there is no way from its start to its goal.")
        length = (
            float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()) if route.length_m is None else route.length_m
        )
        rated.append(replace(route, length_m=length, min_z=low, max_z=high, rating=rate(query, path)))
    return rated


@dataclass(frozen=True)
class _Site:
    """A world prepared for planning."""

    rules: RouteRules
    query: SceneQuery
    space: FreeSpace
    low: Array  # (2,) m, where ends may be
    high: Array  # (2,)
    ground: Array  # (X, Y) height at the grid's columns

    @classmethod
    def of(cls, scene: Scene, query: SceneQuery, rules: RouteRules) -> _Site:
        from navisplit.sim.worlds.grid_search import FreeSpace, grid_shape

        low, high = _extent(scene, rules)
        step = rules.resolution_m
        columns = grid_shape(np.array([*low, 0.0]), np.array([*high, 0.0]), step)[:2]
        x, y = low[0] + np.arange(columns[0]) * step, low[1] + np.arange(columns[1]) * step
        ground = _ground_heights(scene, *np.meshgrid(x, y, indexing="ij"))
        floor, top = float(ground.min()) + rules.path_clearance_m, float(ground.max()) + rules.headroom_m
        heights = np.arange(floor, top + step, step)
        above = heights[None, None] - ground[..., None]
        wanted = (above > 0.9 * rules.path_clearance_m) & (above < rules.headroom_m + 2 * step + np.ptp(ground))
        corner = np.array([*low, floor])
        box_high = np.array([x[-1], y[-1], heights[-1]])
        space = FreeSpace.sample(query, corner, box_high, step, rules.path_clearance_m, wanted)
        return cls(rules, query, space, low + rules.margin_m, high - rules.margin_m, ground)

    def ground_at(self, points: Array) -> Array:
        """Height of the ground under points (N, 2 or 3), from the nearest grid column."""
        cells = np.round((points[:, :2] - self.space.origin[:2]) / self.space.step).astype(int)
        cells = np.clip(cells, 0, np.array(self.ground.shape) - 1)
        return self.ground[cells[:, 0], cells[:, 1]]

    def draw_ends(self, rng: np.random.Generator) -> tuple[Array, Array] | None:
        """A random start and goal that are in the clear, or None."""
        rules = self.rules
        start = rng.uniform(self.low, self.high)
        distance, bearing = rng.uniform(*rules.distance_m), rng.uniform(0, 2 * np.pi)
        goal = start + distance * np.array([np.cos(bearing), np.sin(bearing)])
        altitude = rng.uniform(*rules.altitude_m, 2)
        if (goal < self.low).any() or (goal > self.high).any():
            return None
        ends = np.stack([start, goal])
        ends = np.column_stack([ends, self.ground_at(ends) + altitude])
        room = self.query.nearest(ends, rules.end_clearance_m)[0]
        gap = float(np.linalg.norm(ends[1] - ends[0]))
        if (room < rules.end_clearance_m - 1e-4).any() or not rules.distance_m[0] <= gap <= rules.distance_m[1]:
            return None
        if any(self.query.inside(end) for end in ends):  # a house is hollow: distances do not tell
            return None
        return ends[0].round(4), ends[1].round(4)

    def airspace(self, start: Array, goal: Array) -> tuple[float, float]:
        """Lower and upper limit in the map: over the lowest ground within 10 m of the way, above the higher end."""
        rules, share = self.rules, np.linspace(0, 1, 60)[:, None]
        line = start + share * (goal - start)
        shifts = np.array([[0, 0], [10, 0], [-10, 0], [0, 10], [0, -10]])
        lowest = min(float(self.ground_at(line[:, :2] + shift).min()) for shift in shifts)
        highest = float(self.ground_at(np.stack([start, goal])).max())
        return round(lowest + rules.floor_m, 3), round(highest + rules.headroom_m, 3)


def _extent(scene: Scene, rules: RouteRules) -> tuple[Array, Array]:
    """The rectangle that things stand in (without the ground, which may reach to the horizon)."""
    things = [o for o in scene.objects if o.segmentation_id != GROUND_ID and len(o.faces)]
    centre = np.asarray(scene.player_start.position[:2])
    low, high = centre - rules.largest_half_m, centre + rules.largest_half_m
    if things:
        places = np.concatenate([o.vertices[:, :2] for o in things]).astype(np.float64)
        low, high = np.maximum(low, places.min(axis=0)), np.minimum(high, places.max(axis=0))
    # Around a few lone obstacles there must be room for a route.
    room = np.maximum(0.0, 1.1 * rules.distance_m[0] + 2 * rules.margin_m - (high - low)) / 2
    return low - room, high + room


def _ground_heights(scene: Scene, x: Array, y: Array) -> Array:
    """Height of the ground at points; the player start's height where there is none."""
    from navisplit.sim.render.query import SceneQuery

    level = scene.player_start.position[2]
    ground = tuple(o for o in scene.objects if o.segmentation_id == GROUND_ID and len(o.faces))
    if not ground:
        return np.full(x.shape, level)
    top = max(float(o.vertices[:, 2].max()) for o in ground) + 1.0
    origins = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, top)])
    query = SceneQuery(Scene(scene.name, ground, scene.materials))
    distance, hit, _ = query.cast(origins, np.tile([0.0, 0.0, -1.0], (x.size, 1)), 1000.0)
    return np.where(hit >= 0, top - distance.astype(np.float64), level).reshape(x.shape)
