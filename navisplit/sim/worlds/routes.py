"""Routes: where to start, where to go, how far that is, and between which heights to stay (ENU metres, radians)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from navisplit.errors import RouteError
from navisplit.frames import Vector
from navisplit.sim.worlds.difficulty import Difficulty
from navisplit.sim.worlds.library import find_world

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery

REQUIRED_COLUMNS = ("id", "start_x", "start_y", "start_z", "start_yaw", "goal_x", "goal_y", "goal_z")
DIFFICULTY_COLUMNS = ("free_m", "clearance_mean_m", "clearance_min_m", "difficulty")
OPTIONAL_COLUMNS = ("length_m", "min_z", "max_z", *DIFFICULTY_COLUMNS)
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS

BODY_RADIUS_M = 0.3


@dataclass(frozen=True)
class Route:
    """One flight to make."""

    id: int
    start: Vector  # (3,) m
    start_yaw: float  # rad, counter-clockwise from east
    goal: Vector  # (3,) m
    length_m: float | None = None  # of the shortest collision-free path, where known
    min_z: float | None = None  # airspace in the map frame: leaving it is out of bounds
    max_z: float | None = None
    rating: Difficulty | None = None

    @property
    def distance_m(self) -> float:
        """Straight line from start to goal."""
        return float(np.linalg.norm(self.goal - self.start))


def read_routes(path: str | Path) -> list[Route]:
    """Routes of a CSV file, in its order.

    Raises RouteError naming file, line and column: missing or unknown columns, wrong numbers, duplicate ids, no route.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restkey="", strict=True)
            columns = [c.strip() for c in reader.fieldnames or []]
            _check_columns(path, columns)
            reader.fieldnames = columns
            routes = [_route_of(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise RouteError(f"Routes {path} cannot be read: {problem}.") from problem
    if not routes:
        raise RouteError(f"Routes {path}: expected at least one route under the header, found none.")
    seen: dict[int, int] = {}
    for line, route in enumerate(routes, start=2):
        if route.id in seen:
            raise RouteError(f"{path}, line {line}, column id: {route.id} is already the id of line {seen[route.id]}.")
        seen[route.id] = line
    return routes


def write_routes(path: str | Path, routes: Iterable[Route]) -> None:
    """Write routes as ``read_routes`` reads them; unknown lengths and limits stay empty."""
    try:
        with Path(path).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            for route in routes:
                rating = (None,) * 4 if route.rating is None else astuple(route.rating)
                numbers = (
                    *route.start,
                    route.start_yaw,
                    *route.goal,
                    route.length_m,
                    route.min_z,
                    route.max_z,
                    *rating,
                )
                writer.writerow([route.id, *("" if n is None else f"{float(n):.4f}" for n in numbers)])
    except OSError as problem:
        raise RouteError(f"Routes {path} cannot be written: {problem}.") from problem


def routes_for(world: str | Path) -> Path:
    """The routes file that belongs to a world. Raises WorldError (no such world) or RouteError (no such file)."""
    path = find_world(world)
    routes = path.with_name(f"{path.stem}.routes.csv")
    if not routes.is_file():
        raise RouteError(
            f"World '{world}' has no routes: expected {routes}. Give a routes file, or make one with "
            "`navisplit world FAMILY --out F.sdf --routes N`."
        )
    return routes


def select_routes(spec: str | int, world: str | Path, *, spread: bool = False) -> list[Route]:
    """``"20"``: the world's first 20 routes (``spread``: 20 evenly chosen among all); ``"F.csv"``: all of that file."""
    text = str(spec).strip()
    if not text.lstrip("+-").isdigit():
        return read_routes(text)
    count = int(text)
    routes = read_routes(routes_for(world))
    if not 0 < count <= len(routes):
        raise RouteError(f"World '{world}' has {len(routes)} routes: expected a number from 1 to that, got {count}.")
    if spread:
        return [routes[i] for i in np.linspace(0, len(routes) - 1, count).round().astype(int)]
    return routes[:count]


def check_route(route: Route, query: SceneQuery, clearance_m: float = BODY_RADIUS_M) -> None:
    """Raise RouteError when an end of a route is nearer than ``clearance_m`` to anything, or outside its airspace."""
    for name, point in (("start", route.start), ("goal", route.goal)):
        distance, index, _, _ = query.nearest(np.asarray(point)[None], clearance_m)
        if distance[0] < clearance_m:
            what = query.scene.objects[int(index[0])].name
            raise RouteError(
                f"Route {route.id}: its {name} is {distance[0]:.2f} m from '{what}', expected {clearance_m} m or more. "
                f"Move the {name} or choose another route."
            )
        if query.inside(point):
            raise RouteError(
                f"Route {route.id}: its {name} is inside a solid or under the ground, expected free air. "
                f"Move the {name} or choose another route."
            )
        low = -math.inf if route.min_z is None else route.min_z
        high = math.inf if route.max_z is None else route.max_z
        if not low <= point[2] <= high:
            raise RouteError(f"Route {route.id}: its {name} is at z = {point[2]:.2f}, outside {low:g} .. {high:g}.")


def _check_columns(path: Path, columns: list[str]) -> None:
    for column in REQUIRED_COLUMNS:
        if column not in columns:
            raise RouteError(f"{path}, line 1: column '{column}' is missing. Expected {','.join(COLUMNS)}.")
    for column in columns:
        if column not in COLUMNS:
            raise RouteError(f"{path}, line 1: unknown column '{column}'. Expected {','.join(COLUMNS)}.")
        if columns.count(column) > 1:
            raise RouteError(f"{path}, line 1: column '{column}' is there twice.")


def _route_of(path: Path, line: int, row: dict[str, str | None]) -> Route:
    if "" in row:
        raise RouteError(f"{path}, line {line}: expected as many values as the header has columns, found more.")

    def number(column: str) -> float | None:
        text = (row.get(column) or "").strip()
        if not text and column in OPTIONAL_COLUMNS:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise RouteError(f"{path}, line {line}, column {column}: expected a number, found '{text}'.")
        return value

    values = {column: number(column) for column in COLUMNS}
    ident = values["id"]
    if ident is None or ident != int(ident) or ident < 0:
        raise RouteError(f"{path}, line {line}, column id: expected a whole number >= 0, found '{row['id']}'.")
    low, high = values["min_z"], values["max_z"]
    if low is not None and high is not None and low >= high:
        raise RouteError(f"{path}, line {line}, column max_z: expected more than min_z ({low:g}), found {high:g}.")
    if values["length_m"] is not None and values["length_m"] <= 0:
        raise RouteError(f"{path}, line {line}, column length_m: expected a length > 0, found {values['length_m']:g}.")
    figures = [values[column] for column in DIFFICULTY_COLUMNS]
    known = [figure for figure in figures if figure is not None]
    if figures[-1] is not None and not 0 <= figures[-1] <= 1:
        raise RouteError(f"{path}, line {line}, column difficulty: expected 0..1, found {figures[-1]:g}.")
    return Route(
        int(ident),
        np.array([values[f"start_{axis}"] for axis in "xyz"]),
        float(values["start_yaw"] or 0.0),
        np.array([values[f"goal_{axis}"] for axis in "xyz"]),
        values["length_m"],
        low,
        high,
        Difficulty(*known) if len(known) == len(figures) else None,
    )
