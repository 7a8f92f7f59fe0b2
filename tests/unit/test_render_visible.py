"""What the pixels of a camera see, against rays that try every triangle."""

import math

import numpy as np
import pytest
from render_scenes import yard

from navisplit.frames import Intrinsics, quaternion_from_euler
from navisplit.sim.render.bvh import build_bvh
from navisplit.sim.render.clusters import WIDTH, build_clusters
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import CameraView, RayCaster, camera_rows
from navisplit.sim.render.trace import FAR
from navisplit.sim.render.visible import new_descent, new_tiles, see
from navisplit.sim.scene import SKY_DEPTH_M


def picture(vertices, faces, camera, width, height):
    """Depth and triangle (height, width) of a camera (4, 3) among triangles."""
    bvh = build_bvh(np.asarray(vertices, np.float32), np.asarray(faces))
    distance, hit = new_tiles(width, height)
    see(build_clusters(bvh), camera, width, height, new_descent(), distance, hit)
    across = -(-width // 8)
    order = (-1, across, 4, 8)
    pixels = [a.reshape(order).swapaxes(1, 2).reshape(-1, 8 * across)[:height, :width] for a in (distance, hit)]
    return pixels[0], np.where(pixels[1] >= 0, bvh.order[pixels[1]], -1)


def by_rays(vertices, faces, camera, width, height):
    """The same, by trying all triangles with all rays in float64 (Moeller and Trumbore 1997)."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    o, d0, right, down = np.asarray(camera, np.float64)
    d = (d0 + x[..., None] * right + y[..., None] * down).reshape(-1, 1, 3)
    a, b, c = np.asarray(vertices, np.float64)[np.asarray(faces)].transpose(1, 0, 2)
    e, f = b - a, c - a
    p = np.cross(d, f)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / (p * e).sum(-1)
        u = (p * (o - a)).sum(-1) * inverse
        q = np.cross(o - a, e)
        v, t = (d * q).sum(-1) * inverse, (f * q).sum(-1) * inverse
    t = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-4), t, float(FAR))
    rim = np.minimum(np.minimum(np.abs(u), np.abs(v)), np.abs(1 - u - v)).min(1) < 1e-4
    best = t.argmin(1)
    found = t[np.arange(len(t)), best]
    return [k.reshape(height, width) for k in (found, np.where(found < FAR, best, -1), rim)]


def camera_at(rng, width, height, fov):
    position = rng.uniform(-4.0, 4.0, 3)
    turned = quaternion_from_euler(*rng.uniform(-math.pi, math.pi, 3))
    return camera_rows(CameraView(position, turned, Intrinsics.from_fov(width, height, fov)))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size_m", [0.3, 3.0, 20.0])
def test_pixels_see_what_rays_through_their_centres_hit_wherever_the_camera_stands(seed, size_m):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-6.0, 6.0, (400, 1, 3))  # the camera is among them: some reach behind it, on all sides
    vertices = (centres + rng.normal(0.0, size_m, (400, 3, 3))).reshape(-1, 3).astype(np.float32)
    faces = np.arange(1200).reshape(-1, 3)
    width, height, fov = [(64, 36, 90.0), (19, 33, 150.0), (8, 4, 20.0)][seed % 3]
    camera = camera_at(rng, width, height, fov)
    depth, triangle = picture(vertices, faces, camera, width, height)
    wanted, which, rim = by_rays(vertices, faces, camera, width, height)
    assert ((triangle == which) | rim).all() and rim.mean() < 0.35
    sure = ~rim
    assert np.abs(depth[sure] / wanted[sure] - 1.0).max() < 1e-3 and (triangle >= 0).any()


@pytest.mark.parametrize("count", [1, 15, 16, 17, 300])
def test_no_triangle_is_lost_whatever_their_number(count):
    rng = np.random.default_rng(count)
    places = np.stack([np.full(count, 5.0), rng.uniform(-4, 4, count), rng.uniform(-2, 2, count)], 1)
    corners = places[:, None] + np.array([[0.0, 0.0, 0.1], [0.0, 0.1, -0.1], [0.0, -0.1, -0.1]])
    bvh = build_bvh(corners.reshape(-1, 3).astype(np.float32), np.arange(3 * count).reshape(-1, 3))
    clusters = build_clusters(bvh)
    lower = -1 - clusters.children[clusters.children < 0]
    filled = clusters.boxes[:, :WIDTH] < 1e30
    assert sorted(lower) == list(range(len(clusters.first))) and filled.sum() == len(lower) + len(clusters.boxes) - 1
    corner = clusters.corners.reshape(-1, 3, 3, WIDTH).transpose(0, 3, 2, 1)  # cluster, triangle, corner, axis
    ends = np.append(np.sort(clusters.first)[1:], count)
    for start, end in zip(np.sort(clusters.first), ends, strict=True):
        found = corner[int(np.flatnonzero(clusters.first == start)[0])][: end - start]
        assert np.array_equal(found, bvh.triangles[start:end].reshape(-1, 3, 3)) and 0 < end - start <= WIDTH


def test_no_sky_shows_through_a_closed_net_of_small_triangles():
    n = 120
    longitude, latitude = np.meshgrid(np.linspace(0, 2 * math.pi, n + 1)[:-1], np.linspace(-1.4, 1.4, n))
    ring = np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], -1)
    vertices = np.concatenate([(7.3 * ring).reshape(-1, 3), [[0, 0, 9.0], [0, 0, -9.0]]])
    i, j = np.meshgrid(np.arange(n - 1), np.arange(n), indexing="ij")
    a, b = i * n + j, i * n + (j + 1) % n
    quads = np.concatenate([np.stack([a, b, b + n], -1), np.stack([a, b + n, a + n], -1)]).reshape(-1, 3)
    last = (n - 1) * n + np.arange(n)
    top = np.stack([last, np.roll(last, -1), np.full(n, n * n)], -1)
    bottom = np.stack([np.arange(n), np.roll(np.arange(n), -1), np.full(n, n * n + 1)], -1)
    rng = np.random.default_rng(0)
    for _ in range(8):
        _, triangle = picture(vertices, np.concatenate([quads, top, bottom]), camera_at(rng, 320, 200, 100.0), 320, 200)
        assert (triangle >= 0).all()


def test_a_batch_shows_what_the_pictures_show_and_queries_agree():
    caster = RayCaster(yard(), shadow_resolution=64, ao=False)
    view = CameraView(
        np.array([-6.0, 0.5, 1.5]), quaternion_from_euler(0.0, 0.0, 0.1), Intrinsics.from_fov(40, 30, 80.0)
    )
    depth = caster.depth_batch([view])[0]
    assert np.array_equal(depth, caster.render(view).depth)
    x, y = np.meshgrid(np.arange(40), np.arange(30))
    rows = camera_rows(view)
    directions = (rows[1] + x[..., None] * rows[2] + y[..., None] * rows[3]).reshape(-1, 3)
    along, _, _ = SceneQuery(caster.scene).cast(np.tile(rows[0], (1200, 1)), directions, SKY_DEPTH_M)
    planar = np.where(along < SKY_DEPTH_M, along / np.linalg.norm(directions, axis=1), SKY_DEPTH_M).reshape(30, 40)
    assert (np.abs(depth / planar - 1.0) < 1e-4).mean() > 0.99  # pixels on a rim may differ
