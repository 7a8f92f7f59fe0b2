import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from render_scenes import box, plain, view, yard

from navisplit.errors import UsageError, WorldError
from navisplit.sim.render.frame import render_frame
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import RayCaster, camera_rows
from navisplit.sim.scene import SKY_DEPTH_M, Light, Scene


@pytest.fixture(scope="module")
def caster():
    return RayCaster(yard(), shadow_resolution=512)


def test_depth_is_planar_metres_along_the_optical_axis(caster):
    frame = caster.render(view())
    crate = frame.segmentation == 7
    assert crate.sum() > 50
    np.testing.assert_allclose(frame.depth[crate], 9.0, atol=1e-4)  # the whole face, not the ray length


def test_ground_depth_matches_the_pinhole_camera_row_by_row(caster):
    v = view(yaw=np.pi)
    frame = caster.render(v)
    rows = np.arange(19, 36)
    slope = (rows - v.intrinsics.cy) / v.intrinsics.fy
    expected = 1.0 / slope
    near = expected < 39
    np.testing.assert_allclose(frame.depth[rows[near]], np.repeat(expected[near, None], 64, 1), rtol=1e-4)


def test_pixel_of_a_world_point_is_where_the_intrinsics_say(caster):
    v = view(yaw=0.3, pitch=0.1)
    frame, rays = caster.render(v), v.intrinsics.rays()
    rows, columns = np.nonzero(frame.segmentation == 7)
    c = camera_rows(v)
    points = c[0] + frame.depth[rows, columns, None] * (c[1] + columns[:, None] * c[2] + rows[:, None] * c[3])
    assert (np.abs(points - [10, 0, 1]).max(1) < 1.001).all()
    assert rays.shape == (36, 64, 3)


def test_sky_has_its_own_depth_and_segmentation_zero(caster):
    frame = caster.render(view(pitch=-1.2))
    assert (frame.segmentation == 0).all()
    assert (frame.depth == np.float32(SKY_DEPTH_M)).all()
    whole = caster.render(view())
    np.testing.assert_array_equal(whole.segmentation == 0, whole.depth == np.float32(SKY_DEPTH_M))


@pytest.mark.parametrize("size", [(37, 23), (160, 90), (1, 1), (8, 4), (9, 5), (3, 50)])
def test_any_image_size_stays_inside_its_arrays(caster, size):
    width, height = size
    rgb = np.full((height + 2, width, 3), 77, np.uint8)
    depth, segmentation = np.full((height + 2, width), -7, np.float32), np.full((height + 2, width), 99, np.uint8)
    objects = np.full((height + 2, width), -7, np.int32)
    outputs = (rgb[1:-1], depth[1:-1], segmentation[1:-1], objects[1:-1])
    render_frame(caster._world, caster._still.moving, camera_rows(view(width, height)), *outputs)
    assert (rgb[[0, -1]] == 77).all() and (depth[[0, -1]] == -7).all() and (segmentation[[0, -1]] == 99).all()
    assert (objects[[0, -1]] == -7).all() and (objects[1:-1] >= -1).all()
    assert (depth[1:-1] > 0).all() and not (segmentation[1:-1] == 99).any()
    np.testing.assert_array_equal(caster.depth_batch([view(width, height)])[0], depth[1:-1])


def test_same_bytes_every_time_from_every_caster_and_thread(caster):
    first = caster.render(view(160, 90))
    with ThreadPoolExecutor(2) as pool:
        others = list(pool.map(caster.render, [view(160, 90)] * 4))
    others.append(RayCaster(yard(), shadow_resolution=512).render(view(160, 90)))
    for other in others:
        assert first.rgb.tobytes() == other.rgb.tobytes()
        assert first.depth.tobytes() == other.depth.tobytes()
        assert first.segmentation.tobytes() == other.segmentation.tobytes()


def test_no_ray_slips_between_triangles():
    room = Scene(
        "room", (box("room", (3.0, -2.0, 1.0), (60, 50, 20), 0, 5, inward=True),), (plain("p", (0.5, 0.5, 0.5)),)
    )
    caster = RayCaster(room, shadow_resolution=64)
    rng = np.random.default_rng(3)
    for _ in range(12):
        v = view(128, 72, rng.uniform(-9, 9, 3), rng.uniform(-3, 3), rng.uniform(-1.5, 1.5))
        assert (caster.render(v).segmentation == 5).all()


def test_depth_batch_keeps_order_and_refuses_mixed_sizes(caster):
    views = [view(yaw=a) for a in (0.0, 1.0, 2.0)]
    batch = caster.depth_batch(views)
    for one, v in zip(batch, views, strict=True):
        np.testing.assert_array_equal(one, caster.render(v).depth)
    with pytest.raises(UsageError, match="one image size"):
        caster.depth_batch([view(64, 36), view(32, 18)])


def test_box_casts_a_shadow_away_from_the_sun():
    low_sun = Light(sun_direction=(0.0, -1.0, 0.8), fog_density=0.0, cloud_cover=0.0)
    frame = RayCaster(yard(low_sun)).render(view(64, 64, (10, 1.8, 8), pitch=np.pi / 2))  # from above
    row = frame.rgb[32].astype(float).mean(1)
    assert row.min() < 0.6 * row.max()
    assert frame.segmentation[32].tolist().count(7) > 5


def test_flat_ground_has_no_acne_in_the_open(caster):
    frame = caster.render(view(96, 54, (-20, -20, 3), pitch=0.9))
    assert (frame.segmentation == 1).all()
    level = frame.rgb.astype(float).mean(2)
    assert level.std() / level.mean() < 0.15
    assert np.abs(np.diff(level, axis=1)).max() < 12


def test_both_sides_of_a_leaf_are_lit(caster):
    sun_side = caster.render(view(32, 32, (10, 14, 1.2), yaw=-np.pi / 2))
    far_side = caster.render(view(32, 32, (10, 3.5, 1.2), yaw=np.pi / 2))
    bright, dim = (f.rgb[f.segmentation == 9].mean() for f in (sun_side, far_side))
    assert dim > 0.3 * bright


def test_set_light_changes_colour_only(caster):
    own = RayCaster(yard(), query=caster.query, shadow_resolution=256)
    before = own.render(view())
    own.set_light(dataclasses.replace(own.light, cloud_cover=1.0, warmth=-0.5, fog_density=0.05))
    after = own.render(view())
    np.testing.assert_array_equal(before.depth, after.depth)
    np.testing.assert_array_equal(before.segmentation, after.segmentation)
    assert np.abs(before.rgb.astype(int) - after.rgb).mean() > 5


def test_no_light_is_shown_outside_byte_range_or_black():
    for light in (
        Light(sun_intensity=0.0),
        Light(cloud_cover=1.0),
        Light(sun_direction=(1, 0, -1)),
        Light(fog_density=1.0),
    ):
        frame = RayCaster(yard(light), shadow_resolution=64).render(view())
        assert 15 < frame.rgb.mean() < 245, light


@pytest.mark.parametrize(
    "broken",
    [{"segmentation_id": 256}, {"material": np.full(12, 3, np.int32)}, {"material": np.full(12, -1, np.int32)}],
)
def test_scene_with_wrong_ids_is_refused_by_name(broken):
    scene = yard()
    objects = (scene.objects[0], dataclasses.replace(scene.objects[1], **broken))
    with pytest.raises(WorldError, match="expected"):
        RayCaster(dataclasses.replace(scene, objects=objects))


def test_non_finite_camera_is_refused(caster):
    with pytest.raises(ValueError, match="finite"):
        caster.render(view(position=(np.nan, 0, 0)))


def test_renderer_shares_the_query_it_is_given():
    query = SceneQuery(yard())
    assert RayCaster(query.scene, query=query, ao=False, shadow_resolution=64).query is query
