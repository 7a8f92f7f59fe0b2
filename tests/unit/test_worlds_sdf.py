"""Worlds as files: what is written is read back the same, and what others wrote is understood or named."""

from dataclasses import replace

import numpy as np
import pytest

from navisplit.errors import WorldError
from navisplit.sim.scene import Light, Material, PlayerStart
from navisplit.sim.weather import CALM, Weather
from navisplit.sim.worlds import (
    WorldWarning,
    build_scene,
    find_world,
    generate,
    load_scene,
    player_start,
    read_sdf,
    write_sdf,
)
from navisplit.sim.worlds.description import (
    Box,
    Cylinder,
    Mesh,
    MeshInstance,
    Model,
    Plane,
    Pose,
    Sphere,
    Visual,
    World,
    plain_material,
)

HAND_WRITTEN = """<?xml version="1.0"?>
<sdf version="1.7">
  <world name="yard">
    <physics name="1ms" type="ignored"><max_step_size>0.001</max_step_size></physics>
    <light type="directional" name="sun">
      <pose>0 0 10 0 0 0</pose><diffuse>1 1 1 1</diffuse><direction>-1 0 -1</direction>
    </light>
    <scene><ambient>0.4 0.4 0.4</ambient><fog><type>linear</type><density>0.02</density></fog></scene>
    <model name="ground_plane">
      <static>true</static>
      <link name="link">
        <collision name="c"><geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry></collision>
        <visual name="v">
          <geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
          <material><diffuse>0.8 0.8 0.8 1</diffuse></material>
        </visual>
      </link>
    </model>
    <model name="crate">
      <pose>3 4 0.5 0 0 1.5707963</pose>
      <link name="body">
        <pose>1 0 0 0 0 0</pose>
        <visual name="v">
          <pose>0 0 0.25 0 0 0</pose>
          <geometry><box><size>2 1 0.5</size></box></geometry>
          <material><diffuse>1 0 0</diffuse></material>
        </visual>
      </link>
    </model>
    <model name="pillar">
      <pose relative_to="crate">0 0 0 0 0 0</pose>
      <link name="hidden">
        <collision name="only">
          <geometry><cylinder><radius>0.5</radius><length>4</length></cylinder></geometry>
        </collision>
      </link>
    </model>
    {extra}
  </world>
</sdf>
"""

LINK = "<model name='m'><link name='l'><visual name='hill'><geometry>{}</geometry></visual></link></model>"
MESH = LINK.replace("{}", "<mesh><uri>{}</uri></mesh>")


def write(folder, extra=""):
    path = folder / "yard.sdf"
    path.write_text(HAND_WRITTEN.replace("{extra}", extra))
    return path


def triangles(scene, name):
    item = next(o for o in scene.objects if o.name == name)
    return item.vertices[item.faces]


def sample_world():
    mesh = Mesh(
        np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.5]], np.float32),
        np.array([[0, 1, 2]], np.int32),
        np.tile(np.float32([0, 0, 1]), (3, 1)),
        np.array([[0, 0], [1, 0], [0, 1]], np.float32),
    )
    checks = np.kron(np.indices((2, 2)).sum(0) % 2, np.ones((16, 16)))[..., None] * np.float32([0.5, 0.4, 0.1])
    materials = {
        "checks": Material("checks", checks.astype(np.float32), tile_m=2.5, foliage=True),
        "mapped": Material("mapped", checks.astype(np.float32), tile_m=None),
        "blue": plain_material("blue", (0.02, 0.05, 0.6)),
    }
    models = (
        Model("floor", (Visual("v", Plane(size=(40.0, 30.0)), "checks"),), segmentation_id=1),
        Model(
            "things",
            (
                Visual("box", Box((1.0, 2.0, 3.0)), "blue", Pose.from_euler((1, 2, 3), 0.1, -0.2, 0.3)),
                Visual("ball", Sphere(0.7), "checks", Pose((0.0, 0.0, 5.0))),
                Visual("post", Cylinder(0.2, 3.0), "blue"),
                Visual("leaf", MeshInstance("leaf", (1.0, 2.0, 0.5)), "mapped", Pose((4.0, 0.0, 1.0))),
                Visual("leaf_2", MeshInstance("leaf"), "checks"),
            ),
            Pose.from_euler((-3, 8, 0.5), 0.0, 0.4, 2.0),
            77,
        ),
    )
    light = Light((0.6, 0.0, 0.8), 0.9, 1.1, 0.007, 0.3, 0.25)
    return World("sample", models, {"leaf": mesh}, materials, light, PlayerStart((1.0, -2.0, 0.3), 0.7))


@pytest.mark.parametrize("make", [sample_world, lambda: generate("forest", 5, density=0.15, undergrowth=0.2)])
def test_a_written_world_reads_back_with_the_same_triangles_and_materials(tmp_path, make):
    world = make()
    write_sdf(world, tmp_path / "w.sdf")
    before, after = build_scene(world), load_scene(tmp_path / "w.sdf")
    assert [o.name for o in after.objects] == [o.name for o in before.objects]
    for a, b in zip(before.objects, after.objects, strict=True):
        np.testing.assert_allclose(b.vertices[b.faces], a.vertices[a.faces], atol=2e-4)
        np.testing.assert_allclose(b.normals[b.faces], a.normals[a.faces], atol=1e-3)
        assert b.segmentation_id == a.segmentation_id
        for mine, theirs in set(zip(a.material.tolist(), b.material.tolist(), strict=True)):
            one, other = before.materials[mine], after.materials[theirs]
            assert (one.name, one.tile_m, one.foliage) == (other.name, other.tile_m, other.foliage)
            np.testing.assert_allclose(other.albedo.mean((0, 1)), one.albedo.mean((0, 1)), atol=0.02)
    np.testing.assert_allclose(after.light.sun_direction, np.array(before.light.sun_direction), atol=1e-5)
    for field in ("sun_intensity", "ambient", "fog_density", "cloud_cover", "warmth"):
        assert getattr(after.light, field) == pytest.approx(getattr(before.light, field), abs=1e-5)
    np.testing.assert_allclose(after.player_start.position, before.player_start.position, atol=1e-5)
    assert after.player_start.yaw == pytest.approx(before.player_start.yaw, abs=1e-5)
    assert player_start(tmp_path / "w.sdf") == after.player_start


def test_a_hand_written_world_is_placed_as_gazebo_places_it(tmp_path, recwarn):
    scene = load_scene(write(tmp_path))
    assert not [w for w in recwarn if issubclass(w.category, WorldWarning)]
    crate = triangles(scene, "crate").reshape(-1, 3)
    np.testing.assert_allclose(crate.min(0), [2.5, 4.0, 0.5], atol=1e-5)  # turned by 90 degrees: 1 x 2 x 0.5 at (3, 5)
    np.testing.assert_allclose(crate.max(0), [3.5, 6.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(triangles(scene, "pillar").reshape(-1, 3).min(0), [2.5, 3.5, -1.5], atol=1e-2)
    ground = next(o for o in scene.objects if o.name == "ground_plane")
    assert ground.segmentation_id == 1 and len(ground.faces) == 2
    red = scene.materials[next(o for o in scene.objects if o.name == "crate").material[0]]
    np.testing.assert_allclose(red.albedo.ravel(), [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(scene.light.sun_direction, [2**-0.5, 0, 2**-0.5])
    assert scene.light.fog_density == 0.02
    assert scene.player_start.position == (0.0, 0.0, 0.0)


def test_without_a_start_frame_the_start_is_on_the_top_surface(tmp_path):
    slab = """<model name="slab"><link name="l"><visual name="v"><geometry><box><size>2 2 3</size></box></geometry>
              </visual></link></model>"""
    assert player_start(write(tmp_path, slab)).position == pytest.approx((0, 0, 1.5))


def test_start_frame_may_be_relative_to_a_model(tmp_path):
    frame = '<frame name="player_start"><pose relative_to="crate">1 0 2 0 0 0</pose></frame>'
    start = player_start(write(tmp_path, frame))
    np.testing.assert_allclose(start.position, [3, 5, 2.5], atol=1e-6)
    assert start.yaw == pytest.approx(np.pi / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ('<road name="r"/>', "road"),
        ('<include><uri>https://fuel.example/tree</uri></include>', "include"),
        (LINK.format("<image/>"), "hill.*image"),
        ('<model name="m"><joint name="j"/></model>', "joint"),
        ('<light name="lamp" type="point"/>', "lamp"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named_and_the_rest_is_kept(tmp_path, extra, named):
    with pytest.warns(WorldWarning, match=named):
        scene = load_scene(write(tmp_path, extra))
    assert {"ground_plane", "crate", "pillar"} <= {o.name for o in scene.objects}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (MESH.format("meshes/none.glb"), "none.glb"),
        (MESH.format("broken.glb"), "broken.glb"),
        ("<model name='m'><pose>1 2 x 0 0 0</pose></model>", r"model\[m\].*1 2 x"),
        ("<model name='m'><pose>1 2 nan 0 0 0</pose></model>", "nan"),
        ("<frame name='player_start' attached_to='crata::body'/>", "no frame 'crata::body'"),
        (
            "<frame name='player_start'><pose relative_to='crata'>0 0 0 0 0 0</pose></frame>",
            "crata.*Did you mean 'crate'",
        ),
        (
            "<frame name='player_start' attached_to='b'/><frame name='b' attached_to='player_start'/>",
            "relative to each other",
        ),
        (LINK.format("<box><size>1 0 1</size></box>"), "sizes > 0"),
    ],
)
def test_a_broken_world_is_a_world_error_that_names_the_place(tmp_path, extra, message):
    (tmp_path / "broken.glb").write_bytes(b"glTF\x02\x00\x00\x00garbage")
    with pytest.raises(WorldError, match=message):
        load_scene(write(tmp_path, extra))


def test_files_that_are_no_worlds_are_world_errors(tmp_path):
    (tmp_path / "a.sdf").write_text("<sdf version='1.9'><world")
    (tmp_path / "b.sdf").write_text("<sdf version='1.9'/>")
    (tmp_path / "c.sdf").write_bytes(bytes(range(256)))
    (tmp_path / "d.sdf").write_text("<sdf version='1.9'><world name='empty'/></sdf>")
    for name in "abcde":
        with pytest.raises(WorldError, match=f"{name}.sdf|empty"):
            load_scene(tmp_path / f"{name}.sdf")


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(WorldError, match="Did you mean 'forest'"):
        find_world("forrest")


def test_includes_of_local_models_are_read_with_their_own_folder(tmp_path):
    folder = tmp_path / "models" / "bench"
    folder.mkdir(parents=True)
    (folder / "model.sdf").write_text(
        "<sdf version='1.9'><model name='bench'><link name='l'><visual name='v'><geometry><box><size>1 1 1</size></box>"
        "</geometry></visual></link></model></sdf>"
    )
    extra = "<include><uri>model://bench</uri><name>seat</name><pose>7 0 0 0 0 0</pose></include>"
    scene = load_scene(write(tmp_path, extra))
    np.testing.assert_allclose(triangles(scene, "seat").reshape(-1, 3).mean(0), [7, 0, 0], atol=1e-6)


def test_primitive_surfaces_face_outwards():
    from navisplit.sim.worlds.primitives import primitive_mesh

    for shape, volume in ((Box((1, 2, 3)), 6.0), (Cylinder(1.0, 2.0), 2 * np.pi), (Sphere(1.0), 4 / 3 * np.pi)):
        mesh = primitive_mesh(shape)
        a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(float) for k in range(3))
        assert (a * np.cross(b, c)).sum() / 6 == pytest.approx(volume, rel=0.05)
        assert ((np.cross(b - a, c - a) * mesh.normals[mesh.faces].mean(1)).sum(1) > 0).all()


def test_a_world_reads_without_warnings_what_it_wrote(tmp_path, recwarn):
    write_sdf(sample_world(), tmp_path / "w.sdf")
    read_sdf(tmp_path / "w.sdf")
    assert not [w for w in recwarn if issubclass(w.category, WorldWarning)]


def test_the_weather_of_a_world_survives_its_file_and_calm_leaves_no_trace(tmp_path, recwarn):
    wet = Weather(rain=0.5, road_wetness=0.125, fog=0.333)
    for weather, kept in ((wet, wet), (CALM, CALM), (Weather(), CALM), (replace(wet, enabled=False), CALM)):
        write_sdf(replace(sample_world(), weather=weather), tmp_path / "w.sdf")
        assert load_scene(tmp_path / "w.sdf").weather == kept
        assert ("weather" in (tmp_path / "w.sdf").read_text()) == (not kept.calm)
    assert not [w for w in recwarn if issubclass(w.category, WorldWarning)]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ('rian="0.5"', "Did you mean 'rain'"),
        ('fog="1.5"', "fog must be 0..1, got 1.5"),
        ('snow="much"', "snow must be"),
    ],
)
def test_weather_that_cannot_be_is_an_error_that_names_its_place(tmp_path, said, named):
    write_sdf(replace(sample_world(), weather=Weather(rain=0.5)), tmp_path / "w.sdf")
    text = (tmp_path / "w.sdf").read_text()
    (tmp_path / "w.sdf").write_text(text.replace('rain="0.5"', said))
    with pytest.raises(WorldError, match=f"w.sdf.*scene/navisplit:weather.*{named}"):
        load_scene(tmp_path / "w.sdf")
