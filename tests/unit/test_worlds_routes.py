"""Routes: files are checked to the cell, ends are in the clear, lengths are those of real paths."""

import numpy as np
import pytest

from navisplit.errors import RouteError, UsageError
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.scene import Scene
from navisplit.sim.worlds import (
    Route,
    build_scene,
    check_route,
    generate,
    read_routes,
    routes_for,
    select_routes,
    write_routes,
)
from navisplit.sim.worlds.difficulty import Difficulty, rate
from navisplit.sim.worlds.grid_search import FreeSpace, path_length

HEADER = "id,start_x,start_y,start_z,start_yaw,goal_x,goal_y,goal_z,length_m,min_z,max_z"
RATING = ",free_m,clearance_mean_m,clearance_min_m,difficulty"
ROW = "0,0,0,2,0,10,0,2,10,0.5,6"
SHIPPED = ("forest", "forest_2", "neighbourhood", "neighbourhood_2", "ruins", "urban", "warehouse")


class Wall:
    """Stands for SceneQuery: a wall in the plane x = 5 for |y| < 4, of any height."""

    scene = Scene("wall", (), ())

    def nearest(self, points, max_distance):
        p = np.asarray(points, float)
        gap = np.hypot(p[:, 0] - 5.0, np.maximum(np.abs(p[:, 1]) - 4.0, 0.0))
        return np.minimum(gap, max_distance), np.where(gap < max_distance, 0, -1), p, p

    def inside(self, point):
        return False


def write(tmp_path, *lines):
    path = tmp_path / "r.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_routes_survive_a_file(tmp_path):
    routes = [
        Route(3, np.array([1.5, -2.25, 3.0]), 0.5, np.array([40.0, 0.125, 2.0]), 41.5, 0.3, 8.0),
        Route(9, np.zeros(3), -3.0, np.ones(3)),
    ]
    write_routes(tmp_path / "r.csv", routes)
    assert (tmp_path / "r.csv").read_text().splitlines()[0] == HEADER + RATING
    for a, b in zip(routes, read_routes(tmp_path / "r.csv"), strict=True):
        assert (a.id, a.start_yaw, a.length_m, a.min_z, a.max_z) == (b.id, b.start_yaw, b.length_m, b.min_z, b.max_z)
        np.testing.assert_array_equal(np.r_[a.start, a.goal], np.r_[b.start, b.goal])


def test_optional_columns_may_be_left_out(tmp_path):
    (route,) = read_routes(
        write(tmp_path, "id,start_x,start_y,start_z,start_yaw,goal_x,goal_y,goal_z", "4,0,0,2,0,9,0,2")
    )
    assert (route.id, route.length_m, route.min_z, route.max_z) == (4, None, None, None)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER.replace("goal_z,", ""), ROW], "line 1.*'goal_z' is missing"),
        ([HEADER.replace("max_z", "mx_z"), ROW], "unknown column 'mx_z'"),
        ([HEADER, ROW.replace("10,0,2", "10,abc,2")], "line 2, column goal_y.*'abc'"),
        ([HEADER, ROW.replace("10,0,2", "10,nan,2")], "line 2, column goal_y.*'nan'"),
        ([HEADER, ROW.replace("0,0,0,2", "0,,0,2", 1)], "line 2, column start_x"),
        ([HEADER, ROW, ROW], "line 3, column id: 0 is already"),
        ([HEADER, "0.5" + ROW[1:]], "line 2, column id"),
        ([HEADER, ROW + ",7"], "line 2.*more"),
        ([HEADER, "0,0,0,2"], "line 2, column start_yaw"),
        ([HEADER, ROW.replace("0.5,6", "6,0.5")], "line 2, column max_z"),
        ([HEADER], "at least one route"),
        ([], "missing"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_refused_by_line_and_column(tmp_path, lines, message):
    path = write(tmp_path, *lines)
    with pytest.raises(RouteError, match=message) as caught:
        read_routes(path)
    assert "r.csv" in str(caught.value)


def test_a_missing_or_binary_file_is_a_route_error(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x81" * 50)
    for name in ("none.csv", "b.csv"):
        with pytest.raises(RouteError, match=name):
            read_routes(tmp_path / name)


def test_selecting_routes_by_number_spread_or_file(tmp_path):
    assert [r.id for r in select_routes("20", "forest")] == list(range(20))
    spread = [r.id for r in select_routes("5", "forest", spread=True)]
    assert spread[0] == 0 and spread[-1] == 49 and len(set(spread)) == 5
    assert len(select_routes(str(write(tmp_path, HEADER, ROW)), "forest")) == 1
    for bad in ("0", "51", "-1"):
        with pytest.raises(RouteError, match="50"):
            select_routes(bad, "forest")


def test_an_end_near_a_wall_or_out_of_its_airspace_is_refused():
    Wall.scene = Scene("wall", (type("O", (), {"name": "wall"})(),), ())
    good = Route(0, np.array([0.0, 0, 2]), 0.0, np.array([10.0, 0, 2]), None, 0.5, 6.0)
    check_route(good, Wall())
    with pytest.raises(RouteError, match="goal is 0.10 m from 'wall'"):
        check_route(Route(1, good.start, 0.0, np.array([5.1, 0, 2])), Wall())
    with pytest.raises(RouteError, match="start is at z"):
        check_route(Route(2, np.array([0.0, 0, 7]), 0.0, good.goal, None, 0.5, 6.0), Wall())


def test_the_shortest_path_goes_round_the_wall():
    space = FreeSpace.sample(Wall(), np.array([-2.0, -8, 1]), np.array([12.0, 8, 3]), 0.5, 0.6, None)
    start, goal = np.array([0.0, 0.3, 2.0]), np.array([10.0, 0.3, 2.0])
    path = space.shortest(start, goal, 0.0, 5.0)
    best = 2 * np.hypot(5.0, 4.0 + 0.6 - 0.3)  # two straight legs that touch the clearance round the wall's end
    assert best * 0.97 < path_length(path) < best * 1.06
    assert all(space.clear(a, b, 0.95 * 0.6) for a, b in zip(path[:-1], path[1:], strict=True))
    assert path_length(space.shortest(start, np.array([4.0, 0.3, 2.0]), 0.0, 5.0)) == pytest.approx(4.0)


def test_no_way_through_is_none():
    class Closed(Wall):
        def nearest(self, points, max_distance):
            gap = np.abs(np.asarray(points, float)[:, 0] - 5.0)
            return np.minimum(gap, max_distance), None, None, None

    space = FreeSpace.sample(Closed(), np.array([-2.0, -8, 1]), np.array([12.0, 8, 3]), 0.5, 0.6, None)
    assert space.shortest(np.array([0.0, 0, 2]), np.array([10.0, 0, 2]), 0.0, 5.0) is None


@pytest.mark.parametrize("world", SHIPPED)
def test_shipped_routes_keep_their_promises(world):
    routes = read_routes(routes_for(world))
    assert [r.id for r in routes] == list(range(50))
    for route in routes:
        assert 40 <= route.distance_m <= 100
        assert route.rating is not None and 0 <= route.rating.difficulty <= 1
        assert route.length_m >= route.distance_m - 1e-3
        assert route.min_z + 0.5 < min(route.start[2], route.goal[2])
        assert max(route.start[2], route.goal[2]) + 0.5 < route.max_z
        towards = np.arctan2(*(route.goal - route.start)[1::-1])
        assert abs((route.start_yaw - towards + np.pi) % (2 * np.pi) - np.pi) <= np.radians(20) + 1e-3
    detours = np.array([r.length_m / r.distance_m for r in routes])
    assert (detours > 1.002).sum() >= 25  # most cannot be flown straight


def test_shipped_routes_have_free_ends_in_the_world_as_shipped():
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds import load_scene

    query = SceneQuery(load_scene("neighbourhood"))
    for route in read_routes(routes_for("neighbourhood")):
        check_route(route, query, 1.49)


def test_the_command_writes_a_world_that_loads_with_its_routes(tmp_path):
    import typer
    from typer.testing import CliRunner

    from navisplit.cli.world import register
    from navisplit.sim.worlds import load_scene

    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)
    out = tmp_path / "made" / "wood.sdf"
    arguments = ["world", "forest", "--seed", "8", "--out", str(out), "--routes", "2", "--density", "0.4"]
    result = CliRunner().invoke(app, [*arguments, "--option", "size_m=110"])
    assert result.exit_code == 0, result.output
    assert load_scene(out).name == "wood" and len(select_routes("2", out)) == 2
    assert isinstance(CliRunner().invoke(app, ["world", "forest", "--out", "x.txt"]).exception, UsageError)


def test_a_route_that_ends_deep_inside_a_solid_or_under_the_ground_is_refused():
    world = generate("neighbourhood", 3)
    query = SceneQuery(build_scene(world))
    houses = [o.vertices for o in query.scene.objects if o.name.startswith("house")]
    middles = np.array([(v.min(0) + v.max(0)) / 2 for v in houses])
    depths = query.nearest(middles, 20.0)[0]
    middle, depth = middles[depths.argmax()], float(depths.max())
    free = np.array([*query.scene.player_start.position[:2], query.scene.player_start.position[2] + 3.0])
    for goal in (middle, free - [0.0, 0.0, 8.0]):
        with pytest.raises(RouteError, match="goal is"):
            check_route(Route(0, free, 0.0, np.asarray(goal, float)), query)
    assert depth > 0.3 and not query.inside(free)


# Difficulty ---------------------------------------------------------------------------------------------------------
class Corridor:
    """Two walls at y = -w and y = w; a query in formulas."""

    def __init__(self, half_width):
        self.half = half_width

    def nearest(self, points, max_distance):
        return np.minimum(self.half - np.abs(points[:, 1]), max_distance), None, None, None

    def cast(self, origins, directions, max_range):
        ahead = np.maximum(np.abs(directions[:, 1]), 1e-9)
        gap = self.half - origins[:, 1] * np.sign(directions[:, 1])
        return np.minimum(gap / ahead, max_range), None, None


def test_difficulty_follows_its_formula():
    straight = np.array([[0.0, 0.0, 2.0], [40.0, 0.0, 2.0]])
    narrow, wide = rate(Corridor(1.0), straight), rate(Corridor(20.0), straight)
    assert narrow.clearance_mean_m == narrow.clearance_min_m == pytest.approx(1.0)
    assert wide.clearance_mean_m == pytest.approx(5.0)  # counted up to 5 m
    assert wide.difficulty == pytest.approx(0.4 * (1 - (wide.free_m - 4) / 24), abs=1e-6)
    tight, closed = 1 - 0.7 / 2.5, 1 - max(narrow.free_m - 4, 0) / 24
    assert narrow.difficulty == pytest.approx(0.4 * tight + 0.4 * closed, abs=1e-6)
    bent = rate(Corridor(20.0), np.array([[0.0, 0.0, 2.0], [20.0, 10.0, 2.0], [40.0, 0.0, 2.0]]))
    assert bent.difficulty > wide.difficulty + 0.1 and 0 <= bent.difficulty <= 1


def test_a_difficulty_out_of_range_is_refused_and_a_part_of_a_rating_is_none(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(HEADER + RATING + "\n0,0,0,1,0,9,0,1,9,0,6,20,2,1,1.5\n")
    with pytest.raises(RouteError, match="difficulty: expected 0..1, found 1.5"):
        read_routes(path)
    path.write_text(HEADER + RATING + "\n0,0,0,1,0,9,0,1,9,0,6,20,2,1,0.5\n1,0,0,1,0,9,0,1,9,0,6,20,,1,0.5\n")
    rated, unrated = read_routes(path)
    assert rated.rating == Difficulty(20.0, 2.0, 1.0, 0.5) and unrated.rating is None
