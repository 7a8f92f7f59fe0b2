"""Worlds as Gazebo's users write them: every shape arrives, and what is left out is named."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import trimesh

from navisplit.errors import WorldError
from navisplit.sim.scene import Scene, SceneObject
from navisplit.sim.worlds import WorldWarning, build_scene, load_scene, read_sdf
from navisplit.sim.worlds import build as building
from navisplit.sim.worlds.description import (
    GROUND_ID,
    Capsule,
    Cone,
    Cylinder,
    Ellipsoid,
    Model,
    Visual,
    World,
    plain_material,
)
from navisplit.sim.worlds.primitives import primitive_mesh

DATA = Path(__file__).parent / "data" / "worlds"


@pytest.fixture(scope="module")
def harbour():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scene = load_scene(DATA / "harbour.sdf")
    return scene, [str(w.message) for w in caught if issubclass(w.category, WorldWarning)]


def thing(scene: Scene, name: str) -> SceneObject:
    return next(o for o in scene.objects if o.name == name)


def test_all_that_has_a_shape_is_there_and_only_what_is_missing_is_named(harbour):
    scene, told = harbour
    assert {o.name for o in scene.objects} == {
        *("ground_plane", "tank", "buoys", "north_gate", "north_gate::load", "crane", "crane::arm")
    }
    for named in ("quay_lamp", "Ambulance", "transparency", "joint", "animation", "walk.dae"):
        assert sum(named in text for text in told) == 1, (named, told)
    assert len(told) == 6, told


def test_frames_place_things_and_shapes_have_their_sizes(harbour):
    scene, _ = harbour
    tank = thing(scene, "tank").vertices
    np.testing.assert_allclose(tank.mean(0), [10, 4, 1], atol=0.05)
    np.testing.assert_allclose(np.ptp(tank, axis=0), [1, 1, 2], atol=0.02)
    arm = thing(scene, "crane::arm").vertices
    np.testing.assert_allclose([arm.min(0), arm.max(0)], [[-4, -6.2, 5.8], [0, -5.8, 6.2]], atol=1e-5)
    assert thing(scene, "ground_plane").segmentation_id == GROUND_ID


def test_an_included_model_brings_its_own_includes_meshes_and_pictures(harbour):
    scene, _ = harbour
    gate, load = thing(scene, "north_gate"), thing(scene, "north_gate::load")
    np.testing.assert_allclose([gate.vertices.min(0), gate.vertices.max(0)], [[-2.15, 11.825, 0], [2.15, 12.175, 3]])
    looks = [scene.materials[i].albedo.reshape(-1, 3).mean(0) for i in np.unique(gate.material)]
    assert sorted(round(float(c[2]), 1) for c in looks) == [0.0, 0.6]  # the OBJ's two colours
    assert load.vertices[:, 2].mean() == pytest.approx(3.0)
    board = scene.materials[load.material[0]].albedo.mean((0, 1))
    np.testing.assert_allclose(board, np.array([0.578, 0.188, 0.045]) * 0.214, atol=0.01)  # picture times diffuse


def test_an_actor_walks_its_script_with_its_skin_placed_by_its_own_pose(harbour):
    (actor,) = harbour[0].actors
    assert actor.shape.name == "docker" and actor.trajectory.loop and actor.trajectory.delay_s == 1.0
    np.testing.assert_allclose([actor.shape.vertices[:, 2].min(), actor.shape.vertices[:, 2].max()], [0.1, 1.9])
    assert actor.trajectory.pose(3.0)[0] == (4.0, -3.0, 0.0)
    (position, orientation) = actor.trajectory.pose(1.0 + 10.0 + 7.0)
    assert position == pytest.approx((4.0, -3.0, 0.0)) and abs(orientation[2]) == pytest.approx(1.0, abs=1e-4)
    assert harbour[0].materials[actor.shape.material[0]].tile_m is None  # no pattern that stays behind as it moves


def test_a_heightmap_has_its_heights_where_gazebo_has_them():
    with pytest.warns(WorldWarning, match="not blended"):
        scene = load_scene(DATA / "hills.sdf")
    (land,) = scene.objects
    np.testing.assert_allclose([land.vertices.min(0), land.vertices.max(0)], [[-20, -10, -1], [20, 10, 4]])
    at = {tuple(np.round(v[:2], 3)): v[2] for v in land.vertices.tolist()}
    assert at[(-20.0, 10.0)] == pytest.approx(0.0) and at[(0.0, 0.0)] == pytest.approx(2.0)  # row 0 is north
    assert at[(20.0, -10.0)] == pytest.approx(4.0) and at[(-20.0, -10.0)] == pytest.approx(-1.0)
    assert land.segmentation_id == GROUND_ID and scene.materials[land.material[0]].tile_m == 4.0
    assert len(land.faces) == 2 * 8 * 16 and (land.normals[:, 2] > 0).all()


@pytest.mark.parametrize(
    ("shape", "volume"),
    [
        (Capsule(0.5, 2.0), np.pi * 0.25 * 2 + np.pi / 6),
        (Cone(0.6, 1.5), np.pi * 0.36 * 0.5),
        (Cylinder(0.5, 2.0), np.pi * 0.5),
        (Ellipsoid((0.5, 1.0, 1.5)), 4 / 3 * np.pi * 0.75),
    ],
)
def test_round_shapes_are_closed_solids_with_normals_outwards(shape, volume):
    mesh = primitive_mesh(shape)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces)
    solid.merge_vertices()
    assert solid.is_watertight and solid.volume == pytest.approx(volume, rel=0.03)
    face = np.cross(*(mesh.vertices[mesh.faces[:, k]] - mesh.vertices[mesh.faces[:, 0]] for k in (1, 2)))
    assert (np.einsum("fc,fkc->fk", face, mesh.normals[mesh.faces]) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)


def test_a_polygon_is_filled_once_even_where_it_is_hollow(harbour):
    wall = thing(harbour[0], "buoys")
    part = wall.vertices[wall.faces].reshape(-1, 9)
    part = part[(part[:, 1::3] >= 8 - 1e-4).all(1)].reshape(-1, 3, 3).astype(float)
    volume = np.einsum("fc,fc->f", part[:, 0], np.cross(part[:, 1], part[:, 2])).sum() / 6
    assert volume == pytest.approx((4 + 2) * 1.5, rel=1e-5)
    crossed = "<point>0 0</point><point>2 2</point><point>2 0</point><point>0 2</point><height>1</height>"
    with pytest.raises(WorldError, match="cross each other"):
        read_sdf_of(f"<polyline>{crossed}</polyline>")


def read_sdf_of(shape: str, folder: Path | None = None) -> World:
    path = (folder or DATA) / "made.sdf"
    text = f"<geometry>{shape}</geometry>"
    path.write_text(
        f"<sdf version='1.9'><world name='w'><model name='m'><link name='l'><visual name='v'>{text}</visual></link>"
        "</model></world></sdf>"
    )
    try:
        return read_sdf(path)
    finally:
        path.unlink()


@pytest.mark.parametrize("kind", ["stl", "ply", "glb", "obj", "dae"])
def test_mesh_files_of_other_programs_load_at_their_size(tmp_path, kind):
    trimesh.creation.box((1.0, 2.0, 3.0)).export(tmp_path / f"b.{kind}")
    scene = build_scene(read_sdf_of(f"<mesh><uri>b.{kind}</uri><scale>1 1 2</scale></mesh>", tmp_path))
    np.testing.assert_allclose(sorted(np.ptp(scene.objects[0].vertices, axis=0)), [1, 2, 6], atol=1e-5)
    assert scene.triangle_count == 12


@pytest.mark.parametrize("kind", ["ply", "glb"])
def test_colours_of_a_meshs_vertices_are_seen_on_its_faces(tmp_path, kind):
    box = trimesh.creation.box((1, 1, 1))
    box.visual.vertex_colors = np.where(box.vertices[:, 2:] > 0, [[255, 0, 0, 255]], [[0, 0, 255, 255]]).astype(
        np.uint8
    )
    box.export(tmp_path / f"b.{kind}")
    scene = build_scene(read_sdf_of(f"<mesh><uri>b.{kind}</uri></mesh>", tmp_path))
    (item,), (look,) = scene.objects, scene.materials
    size = len(look.albedo)
    at = item.uv[item.faces[:, 0]]
    seen = look.albedo[((1 - at[:, 1]) * size).astype(int), (at[:, 0] * size).astype(int)]
    top = (item.vertices[item.faces][:, :, 2] > 0).all(1)
    np.testing.assert_allclose(seen[top], [[1, 0, 0]] * 2, atol=0.01)
    assert look.tile_m is None and len(np.unique(seen, axis=0)) > 2


def test_models_that_include_each_other_and_worlds_too_large_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.sdf").write_text(
        "<sdf version='1.9'><model name='a'><include><uri>model://a</uri></include></model></sdf>"
    )
    world = tmp_path / "w.sdf"
    world.write_text("<sdf version='1.9'><world name='w'><include><uri>model://a</uri></include></world></sdf>")
    monkeypatch.setenv("GZ_SIM_RESOURCE_PATH", str(tmp_path))
    with pytest.raises(WorldError, match="include each other"):
        read_sdf(world)
    monkeypatch.setattr(building, "MAX_TRIANGLES", 100)
    ball = World(
        "w", (Model("m", (Visual("v", Ellipsoid(), "grey"),)),), {}, {"grey": plain_material("grey", (1,) * 3)}
    )
    with pytest.raises(WorldError, match="expected at most 100"):
        build_scene(ball)


def test_a_collada_file_in_centimetres_has_its_size_in_metres(tmp_path):
    path = tmp_path / "b.dae"
    trimesh.creation.box((100.0, 200.0, 300.0)).export(path)
    path.write_text(path.read_text().replace("<up_axis>", '<unit name="centimeter" meter="0.01"/><up_axis>', 1))
    scene = build_scene(read_sdf_of("<mesh><uri>b.dae</uri></mesh>", tmp_path))
    np.testing.assert_allclose(np.ptp(scene.objects[0].vertices, axis=0), [1, 2, 3], atol=1e-5)
