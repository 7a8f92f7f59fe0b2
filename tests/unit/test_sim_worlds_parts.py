"""The parts that worlds are made of: poses, shapes, terrain, places, pictures, families."""

import numpy as np
import pytest
from PIL import Image

from navisplit.errors import UsageError
from navisplit.sim.worlds import meshes, registry
from navisplit.sim.worlds.description import (
    Plane,
    Pose,
    World,
    class_instance_id,
    named_id,
    plain_material,
)
from navisplit.sim.worlds.images import albedo_of, jpeg_of, to_linear, to_srgb
from navisplit.sim.worlds.placement import Occupancy, scatter
from navisplit.sim.worlds.primitives import primitive_mesh
from navisplit.sim.worlds.terrain import Terrain, grid_lines, hills, noise

KINDS = ("ground", "tree", "bush", "rock", "log", "house", "fence", "hedge", "car", "pole", "person", "other")


def volume(mesh):
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(float) for k in range(3))
    return (a * np.cross(b, c)).sum() / 6


def facing(mesh):
    """Share of the triangles whose normals agree with the order of their corners."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(float) for k in range(3))
    return ((np.cross(b - a, c - a) * mesh.normals[mesh.faces].mean(1)).sum(1) > 0).mean()


# Poses and names ----------------------------------------------------------------------------------------------------
def test_poses_compose_and_their_inverse_takes_back():
    outer = Pose.from_euler((1, 2, 3), 0.2, -0.4, 1.1)
    inner = Pose.from_euler((-2, 0.5, 1), -0.3, 0.1, 2.0)
    points = np.random.default_rng(1).normal(size=(5, 3))
    np.testing.assert_allclose((outer @ inner).apply(points), outer.apply(inner.apply(points)), atol=1e-12)
    np.testing.assert_allclose(outer.inverse().apply(outer.apply(points)), points, atol=1e-12)
    np.testing.assert_allclose((outer @ outer.inverse()).rotation(), np.eye(3), atol=1e-12)


def test_segmentation_ids_tell_the_classes_apart_however_many_there_are():
    ranges = [{class_instance_id(kind, index) for index in range(500)} for kind in KINDS]
    assert sum(len(ids) for ids in ranges) == len(set().union(*ranges)) == 255
    assert min(set().union(*ranges)) == 1 and max(set().union(*ranges)) == 255
    assert class_instance_id("dragon", 0) in ranges[-1]


def test_a_name_has_one_id_everywhere_and_never_that_of_the_ground_or_sky():
    ids = {named_id(f"thing_{n}") for n in range(3000)}
    assert (min(ids), max(ids)) == (2, 255)
    assert [named_id("crate"), named_id("bench")] == [123, 141]  # in every run, on every machine


def test_a_plain_colour_stays_within_what_a_surface_can_reflect():
    assert plain_material("m", (-0.5, 0.25, 7.0)).albedo.ravel().tolist() == [0.0, 0.25, 1.0]


# Pictures -----------------------------------------------------------------------------------------------------------
def test_colours_survive_the_way_to_srgb_and_back():
    values = np.linspace(0.0, 1.0, 300)
    np.testing.assert_allclose(to_linear(to_srgb(values)), values, atol=1e-6)
    assert to_linear(np.array([0.5]))[0] == pytest.approx(0.2140, abs=1e-4)
    assert to_srgb(np.array([-1.0, 2.0])).tolist() == [0.0, pytest.approx(1.0)]


@pytest.mark.parametrize(("size", "side"), [((1, 1), 1), ((64, 64), 64), ((100, 30), 128), ((3000, 10), 1024)])
def test_any_picture_becomes_a_square_of_a_power_of_two(size, side):
    albedo = albedo_of(Image.new("L", size, 188))
    assert albedo.shape == (side, side, 3) and albedo.dtype == np.float32
    np.testing.assert_allclose(albedo, to_linear(np.array([188 / 255]))[0], atol=5e-3)


def test_a_texture_keeps_its_colours_in_a_file():
    albedo = np.full((32, 32, 3), (0.1, 0.4, 0.7), np.float32)
    np.testing.assert_allclose(albedo_of(jpeg_of(albedo)), albedo, atol=0.02)


# Shapes -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 0, 0), (0, -2, 0), (1, 1, 1)])
def test_a_plane_faces_its_normal_and_has_its_size(normal):
    mesh = primitive_mesh(Plane(tuple(float(n) for n in normal), (3.0, 5.0)))
    unit = np.array(normal) / np.linalg.norm(normal)
    np.testing.assert_allclose(mesh.normals, np.tile(unit, (4, 1)), atol=1e-6)
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(float) for k in range(3))
    areas = np.cross(b - a, c - a) / 2
    assert areas.sum(0) == pytest.approx(unit * 15.0, abs=1e-4)


def test_a_plane_of_the_usual_normal_is_long_along_x_and_wide_along_y():
    corners = primitive_mesh(Plane(size=(4.0, 2.0))).vertices
    assert np.ptp(corners, axis=0).tolist() == [4.0, 2.0, 0.0]


def test_grown_shapes_face_outwards_and_enclose_their_volume():
    rng = np.random.default_rng(4)
    path = np.column_stack([np.zeros(9), np.zeros(9), np.linspace(0, 4, 9)])
    trunk = meshes.tube(path, np.full(9, 0.5), sides=24, closed=True)
    stone = meshes.lump((1.0, 2.0, 0.5), 0.0, rng, subdivisions=3)
    crates = meshes.boxes([[0, 0, 0], [5, 0, 0]], (1.0, 2.0, 3.0), 0.7)
    assert facing(trunk) == facing(stone) == facing(crates) == 1.0
    assert volume(crates) == pytest.approx(12.0, rel=1e-4)
    assert volume(stone) == pytest.approx(4 / 3 * np.pi * 1.0 * 2.0 * 0.5, rel=0.03)


def test_moving_scales_then_turns_then_shifts_and_keeps_normals_upright():
    box = meshes.boxes([[0, 0, 0]], (2.0, 2.0, 2.0))
    found = meshes.moved(box, (10.0, 0.0, 0.0), np.pi / 2, (3.0, 1.0, 1.0))
    assert np.ptp(found.vertices, axis=0) == pytest.approx([2.0, 6.0, 2.0], abs=1e-5)
    assert found.vertices.mean(0) == pytest.approx([10.0, 0.0, 0.0], abs=1e-5)
    assert facing(found) == 1.0
    np.testing.assert_allclose(np.linalg.norm(found.normals, axis=1), 1.0, atol=1e-5)


def test_merged_and_flattened_meshes_have_the_same_triangles():
    ball = meshes.lump((1, 1, 1), 0.2, np.random.default_rng(2), subdivisions=1)
    box = meshes.boxes([[4, 0, 0]], 1.0)
    both = meshes.merge([ball, box])
    assert len(both.faces) == len(ball.faces) + 12 and both.uv is None
    assert volume(both) == pytest.approx(volume(ball) + 1.0, rel=1e-5)
    sharp = meshes.flat(ball)
    np.testing.assert_array_equal(sharp.vertices[sharp.faces], ball.vertices[ball.faces])
    assert (np.ptp(sharp.normals[sharp.faces], axis=1) == 0).all()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_sphere_of_triangles_is_closed_and_round(level):
    vertices, faces = meshes.icosphere(level)
    assert len(faces) == 20 * 4**level and len(vertices) == len(faces) // 2 + 2  # Euler
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 1.0, atol=1e-9)


# Terrain and places -------------------------------------------------------------------------------------------------
def test_height_is_that_of_the_triangles_that_are_drawn():
    rng = np.random.default_rng(6)
    terrain = Terrain(np.array([-3.0, -1.0, 0.0, 4.0]), np.array([-2.0, 1.0, 2.5]), rng.normal(size=(4, 3)))
    mesh = terrain.mesh()
    corners = mesh.vertices[mesh.faces].astype(float)
    inside = (corners * rng.dirichlet((1, 1, 1), len(corners))[..., None]).sum(1)
    np.testing.assert_allclose(terrain.height(inside[:, 0], inside[:, 1]), inside[:, 2], atol=1e-5)
    assert (mesh.normals[:, 2] > 0).all() and facing(mesh) == 1.0
    assert terrain.height(-99.0, -99.0) == terrain.z[0, 0] and terrain.height(99.0, 99.0) == terrain.z[-1, -1]


def test_chosen_cells_are_the_only_ones_drawn():
    terrain = Terrain(np.arange(4.0), np.arange(3.0), np.zeros((4, 3)))
    keep = np.zeros((3, 2), bool)
    keep[1, 0] = True
    mesh = terrain.mesh(keep)
    x, y = terrain.centres()
    assert len(mesh.faces) == 2 and mesh.vertices.mean(0)[:2].tolist() == [x[1, 0], y[1, 0]]


def test_grid_lines_are_even_inside_and_as_given_outside():
    lines = grid_lines(10.0, 3.0, outer=(5.0, 20.0))
    assert lines[:2].tolist() == [-30.0, -15.0] and lines[-2:].tolist() == [15.0, 30.0]
    assert np.ptp(np.diff(lines[2:-2])) == pytest.approx(0.0, abs=1e-9) and (np.diff(lines) > 0).all()


def test_noise_is_smooth_bounded_and_its_seeds_differ():
    x = np.linspace(-20, 20, 4001)
    field = noise(x, 0.3, 5)
    assert 0 <= field.min() < 0.2 and 0.8 < field.max() < 1
    assert np.abs(np.diff(field)).max() < 0.02  # a hundredth of a feature
    assert (noise(x, 0.3, 5) == field).all() and np.abs(noise(x, 0.3, 6) - field).mean() > 0.1
    assert np.ptp(hills(x[:, None], x[None, ::40], 3.0, 1)) < 4.0


def test_scattered_things_keep_their_distance_also_from_what_was_there():
    taken = Occupancy(2.0)
    taken.add(0.0, 0.0, 6.0)
    points = scatter(np.random.default_rng(7), 60, 20.0, 1.0, taken, allowed=lambda x, y: x > -10)
    assert len(points) == 60 and (points[:, 0] > -10).all() and np.abs(points).max() <= 20.0
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1) + 99 * np.eye(60)
    assert gaps.min() >= 2.0 and np.linalg.norm(points, axis=1).min() >= 7.0
    assert not taken.free(*points[0], 0.1) and taken.free(500.0, 500.0, 50.0)


def test_where_there_is_no_room_there_are_fewer_things():
    assert 0 < len(scatter(np.random.default_rng(7), 100, 3.0, 1.0, Occupancy())) < 12
    none = scatter(np.random.default_rng(7), 10, 3.0, 1.0, Occupancy(), allowed=lambda x, y: x > 99)
    assert none.shape == (0, 2)


# Families -----------------------------------------------------------------------------------------------------------
def test_a_family_of_ones_own_is_generated_with_its_options(monkeypatch):
    monkeypatch.setattr(registry, "families", {})

    @registry.family("maze")
    def maze(seed, *, width=3.0):
        return World(f"{seed} {width}", ())

    assert registry.family_options("maze") == {"width": 3.0}
    assert registry.generate("maze", np.int64(4), width=5).name == "4 5"
    for seed in (1.5, "1", -1, None):
        with pytest.raises(UsageError, match="seed"):
            registry.generate("maze", seed)


def test_weather_stays_in_the_ranges_of_day():
    lights = [registry.random_light(np.random.default_rng(seed)) for seed in range(60)]
    heights = np.degrees(np.arcsin([light.sun_direction[2] for light in lights]))
    assert 17.9 < heights.min() and heights.max() < 68.1
    assert all(0.0015 <= light.fog_density <= 0.008 and 0.0 <= light.cloud_cover <= 0.95 for light in lights)
    assert all(-0.4 <= light.warmth <= 0.8 and light.sun_intensity > 0.5 for light in lights)
