import dataclasses

import numpy as np
import pytest
import trimesh
from render_scenes import MATERIALS, box, yard

from navisplit.errors import WorldError
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.scene import Scene, SceneObject


@pytest.fixture(scope="module")
def soup():
    """Three objects of random triangles, and the query on them."""
    rng = np.random.default_rng(5)
    objects = []
    for n in range(3):
        centres = rng.uniform(-5, 5, (80, 1, 3))
        vertices = (centres + rng.normal(0, 0.4, (80, 3, 3))).reshape(-1, 3).astype(np.float32)
        faces = np.arange(240, dtype=np.int32).reshape(-1, 3)
        normals = np.tile(np.array([0, 0, 1], np.float32), (240, 1))
        objects.append(SceneObject(f"soup{n}", vertices, faces, normals, np.zeros(80, np.int32), n + 1))
    return SceneQuery(Scene("soup", tuple(objects), MATERIALS))


def _nearest_by_hand(scene, point):
    best = (np.inf, -1, None)
    for n, item in enumerate(scene.objects):
        triangles = item.vertices[item.faces].astype(np.float64)
        close = trimesh.triangles.closest_point(triangles, np.repeat(point[None], len(triangles), 0))
        gaps = np.linalg.norm(close - point, axis=1)
        if gaps.min() < best[0]:
            best = (gaps.min(), n, close[gaps.argmin()])
    return best


def test_nearest_agrees_with_trying_every_triangle(soup):
    points = np.random.default_rng(1).uniform(-7, 7, (150, 3))
    distance, owner, closest, normal = soup.nearest(points, 100.0)
    for i, point in enumerate(points):
        expected, n, on = _nearest_by_hand(soup.scene, point)
        assert distance[i] == pytest.approx(expected, abs=1e-4)
        assert owner[i] == n
        np.testing.assert_allclose(closest[i], on, atol=2e-3)
        np.testing.assert_allclose(closest[i] + normal[i] * distance[i], point, atol=2e-3)


def test_nearest_beyond_the_limit_is_the_limit_and_no_object(soup):
    distance, owner, closest, normal = soup.nearest([[50.0, 0, 0]], 2.5)
    assert distance[0] == np.float32(2.5) and owner[0] == -1
    np.testing.assert_array_equal(closest[0], [50, 0, 0])
    np.testing.assert_array_equal(normal[0], 0)


def test_cast_agrees_with_trying_every_triangle(soup):
    rng = np.random.default_rng(2)
    origins = rng.uniform(-8, 8, (200, 3))
    directions = rng.normal(0, 3, (200, 3)) - origins
    distance, owner, normal = soup.cast(origins, directions * 3.7, 30.0)
    hits = 0
    for i in range(200):
        d, best, n = directions[i] / np.linalg.norm(directions[i]), 30.0, -1
        for k, item in enumerate(soup.scene.objects):
            a, b, c = np.moveaxis(item.vertices[item.faces].astype(np.float64), 1, 0)
            p = np.cross(d, c - a)
            det = ((b - a) * p).sum(1)
            s = origins[i] - a
            u, q = (s * p).sum(1) / det, np.cross(s, b - a)
            v, t = (q * d).sum(1) / det, ((c - a) * q).sum(1) / det
            ok = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
            if ok.any() and t[ok].min() < best:
                best, n = t[ok].min(), k
        assert distance[i] == pytest.approx(best, abs=1e-3)
        assert owner[i] == n
        hits += n >= 0
        if n >= 0:
            assert normal[i] @ d < 0 and np.linalg.norm(normal[i]) == pytest.approx(1, abs=1e-5)
    assert 20 < hits < 190


def test_cast_along_an_axis_and_with_no_direction():
    query = SceneQuery(yard())
    distance, owner, normal = query.cast([[0, 0, 1.0], [0, 0, 1.0]], [[1, 0, 0], [0, 0, 0]], 50.0)
    assert distance[0] == pytest.approx(9.0, abs=1e-5) and owner[0] == 1
    np.testing.assert_allclose(normal[0], [-1, 0, 0], atol=1e-6)
    assert distance[1] == 50.0 and owner[1] == -1


def test_line_of_sight_stops_at_walls_and_not_before():
    query = SceneQuery(yard())
    assert not query.line_of_sight((0, 0, 1), (20, 0, 1))
    assert query.line_of_sight((0, 0, 1), (8.9, 0, 1))
    assert query.line_of_sight((0, 0, 3), (20, 0, 3))
    assert query.line_of_sight((0, 0, 1), (0, 0, 1))


def test_rays_do_not_slip_between_the_two_triangles_of_a_wall():
    query = SceneQuery(Scene("b", (box("b", (0, 0, 0), (2, 2, 2), 0, 1),), MATERIALS))
    s = np.linspace(-0.99, 0.99, 401)
    ends = np.stack([np.full_like(s, 1.0), s, s], axis=1)  # along the diagonal seam
    assert (query.cast(np.tile([5.0, 0.3, -0.2], (401, 1)), ends - [5.0, 0.3, -0.2], 20.0)[1] == 0).all()


def test_triangles_without_area_are_never_hit():
    scene = yard()
    crate = scene.objects[1]
    flat = dataclasses.replace(crate, vertices=crate.vertices * np.float32([0, 0, 1]), name="flat")
    query = SceneQuery(dataclasses.replace(scene, objects=(*scene.objects, flat)))
    assert query.cast([[-5, 0, 1.0]], [[1, 0, 0]], 50.0)[1][0] == 1


def test_many_equal_triangles_do_not_break_the_hierarchy():
    crate = box("crate", (1, 1, 1), (2, 2, 2), 0, 1)
    query = SceneQuery(Scene("stack", (crate,) * 500, MATERIALS))
    distance, _, _, _ = query.nearest([[5, 1, 1]], 10.0)
    assert distance[0] == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_input_is_refused(bad):
    scene = yard()
    query = SceneQuery(scene)
    with pytest.raises(ValueError, match="finite"):
        query.nearest([[bad, 0, 0]], 1.0)
    with pytest.raises(ValueError, match="finite"):
        query.cast([[0, 0, 1]], [[bad, 0, 0]], 1.0)
    broken = dataclasses.replace(scene.objects[1], vertices=np.full((24, 3), bad, np.float32))
    with pytest.raises(WorldError, match="finite"):
        SceneQuery(dataclasses.replace(scene, objects=(broken,)))


def test_empty_scene_is_refused_with_its_name():
    with pytest.raises(WorldError, match="'void'"):
        SceneQuery(Scene("void", (), ()))
