"""World files that others wrote: frames, files, looks and meshes are read as SDF, glTF and their programs mean them."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
import trimesh
from PIL import Image

from navisplit.errors import RouteError, WorldError
from navisplit.sim.scene import Material, Scene
from navisplit.sim.worlds import WorldWarning, build_scene, glb, glb_kept, load_scene, plan_routes, read_sdf, write_sdf
from navisplit.sim.worlds.description import (
    Box,
    Mesh,
    MeshInstance,
    Model,
    Pose,
    Visual,
    World,
    named_id,
    plain_material,
)
from navisplit.sim.worlds.glb import Part, read_parts, write_glb
from navisplit.sim.worlds.images import to_linear
from navisplit.sim.worlds.planning import RouteRules
from navisplit.sim.worlds.sdf_frames import model_scope, read_pose, world_scope

SHAPE = "<visual name='v'>{pose}<geometry>{shape}</geometry>{look}</visual>"
BOX = "<box><size>1 1 1</size></box>"


def world(folder, body, name="w"):
    path = folder / f"{name}.sdf"
    path.write_text(f"<sdf version='1.9'><world name='{name}'>{body}</world></sdf>")
    return path


def model(name="m", shape=BOX, look="", pose="", extra=""):
    return (
        f"<model name='{name}'>{extra}<link name='l'>{SHAPE.format(pose=pose, shape=shape, look=look)}</link></model>"
    )


# Frames -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "<pose>1 2 3 0 0 1.5707963267948966</pose>",
        "<pose degrees='true'>1 2 3 0 0 90</pose>",
        "<pose rotation_format='quat_xyzw'>1 2 3 0 0 2 2</pose>",
    ],
)
def test_a_pose_means_the_same_in_radians_degrees_and_as_a_quaternion(text):
    found = read_pose(ET.fromstring(text), "here")
    assert found.position == (1.0, 2.0, 3.0)
    np.testing.assert_allclose(found.rotation() @ [1, 0, 0], [0, 1, 0], atol=1e-9)


def test_a_quaternion_of_zeros_is_refused_with_its_place():
    with pytest.raises(WorldError, match="here/pose: expected a quaternion"):
        read_pose(ET.fromstring("<pose rotation_format='quat_xyzw'>1 2 3 0 0 0 0</pose>"), "here")


def test_frames_are_relative_to_frames_links_and_models_inside_models():
    root = ET.fromstring(
        "<world><model name='car'><pose>10 0 0 0 0 1.5707963267948966</pose><link name='body'><pose>1 0 0 0 0 0</pose>"
        "</link><model name='wheel'><pose relative_to='body'>0 0 -1 0 0 0</pose><link name='rim'/></model></model>"
        "<frame name='eye' attached_to='car::wheel'><pose>2 0 0 0 0 0</pose></frame></world>"
    )
    scope = world_scope(root, "w")
    np.testing.assert_allclose(scope.resolve("car::body").position, [10, 1, 0], atol=1e-9)
    np.testing.assert_allclose(scope.resolve("eye").position, [10, 3, -1], atol=1e-9)
    assert scope.resolve("world") == scope.resolve(None) == Pose()


def test_a_placement_frame_is_what_a_models_pose_places():
    root = ET.fromstring(
        "<world><model name='m' placement_frame='tip'><pose>5 0 0 0 0 0</pose><link name='l'/>"
        "<frame name='tip'><pose>0 0 2 0 0 0</pose></frame></model></world>"
    )
    np.testing.assert_allclose(world_scope(root, "w").resolve("m").position, [5, 0, -2], atol=1e-9)
    with pytest.raises(WorldError, match="no frame 'tp'.*Did you mean 'tip'"):
        model_scope(root.find("model"), "m").resolve("tp")


def test_nested_models_are_placed_and_named_by_the_outer_one(tmp_path):
    inner = model("inner", pose="<pose>0 0 1 0 0 0</pose>").replace("<link", "<pose>2 0 0 0 0 0</pose><link", 1)
    scene = load_scene(world(tmp_path, f"<model name='outer'><pose>0 5 0 0 0 0</pose>{inner}</model>"))
    (thing,) = scene.objects
    assert thing.name == "outer::inner"
    np.testing.assert_allclose(thing.vertices.mean(0), [2, 5, 1], atol=1e-6)


# Looks --------------------------------------------------------------------------------------------------------------
def test_colours_are_srgb_and_ambient_stands_in_for_diffuse(tmp_path):
    looks = ("<material><diffuse>0.5 0 1 1</diffuse><ambient>1 1 1 1</ambient></material>",
             "<material><ambient>0.5 0 1</ambient></material>", "")  # fmt: skip
    body = "".join(model(f"m{n}", look=look) for n, look in enumerate(looks))
    scene = load_scene(world(tmp_path, body))
    colours = [scene.materials[thing.material[0]].albedo.ravel() for thing in scene.objects]
    for colour in colours[:2]:
        np.testing.assert_allclose(colour, [to_linear(np.array(0.5)), 0, 1], atol=1e-4)
    np.testing.assert_allclose(colours[2], 0.7)


def test_an_albedo_map_is_read_beside_the_world_and_a_missing_one_is_named(tmp_path):
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "red.png")
    look = "<material><pbr><metal><albedo_map>red.png</albedo_map></metal></pbr></material>"
    scene = load_scene(world(tmp_path, model(look=look)))
    picture = scene.materials[scene.objects[0].material[0]]
    assert picture.albedo.shape == (8, 8, 3) and picture.tile_m is None  # mapped by uv, as Gazebo does
    np.testing.assert_allclose(picture.albedo.mean((0, 1)), [1, 0, 0], atol=0.01)
    (tmp_path / "red.png").write_bytes(b"no picture")
    for broken, said in ((look, "red.png cannot be read"), (look.replace("red", "blue"), "'blue.png' does not exist")):
        with pytest.raises(WorldError, match=said):
            load_scene(world(tmp_path, model(look=broken)))


def test_two_looks_of_one_name_are_kept_apart(tmp_path):
    for folder, colour in (("a", (255, 0, 0)), ("b", (0, 255, 0))):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (4, 4), colour).save(tmp_path / folder / "wall.png")
    look = "<material><pbr><metal><albedo_map>{}/wall.png</albedo_map></metal></pbr></material>"
    found = read_sdf(world(tmp_path, model("m", look=look.format("a")) + model("n", look=look.format("b"))))
    names = [thing.visuals[0].material for thing in found.models]
    assert names == ["wall.png", "wall.png_2"]
    assert found.materials[names[0]].albedo[0, 0, 0] > 0.9 and found.materials[names[1]].albedo[0, 0, 1] > 0.9


@pytest.mark.parametrize(("label", "said"), [("77", None), ("0", None), ("256", "expected 0..255"), ("x", "found 'x'")])
def test_gazebos_labels_are_segmentation_ids(tmp_path, label, said):
    plugin = f"<plugin name='gz::sim::systems::Label' filename='l'><label>{label}</label></plugin>"
    path = world(tmp_path, model(extra=plugin))
    if said is None:
        assert load_scene(path).objects[0].segmentation_id == (int(label) or named_id("m"))  # 0 is the sky's
    else:
        with pytest.raises(WorldError, match=said):
            load_scene(path)


def test_the_sun_is_turned_with_its_pose_and_its_colour_is_warmth(tmp_path):
    sun = ("<light type='directional' name='sun'><pose>0 0 9 0 0 1.5707963267948966</pose>"
           "<direction>-1 0 -1</direction><intensity>0.8</intensity><diffuse>1 0.9 0.8</diffuse></light>")  # fmt: skip
    light = load_scene(world(tmp_path, model() + sun)).light
    np.testing.assert_allclose(light.sun_direction, [0, 2**-0.5, 2**-0.5], atol=1e-6)
    assert (light.sun_intensity, light.warmth, light.fog_density) == (0.8, pytest.approx(0.4), 0.0)
    with pytest.raises(WorldError, match="expected a direction, found zeros"):
        load_scene(world(tmp_path, model() + sun.replace("-1 0 -1", "0 0 0")))


# Meshes -------------------------------------------------------------------------------------------------------------
def test_node_transforms_are_applied_and_a_mirror_turns_nothing_inside_out(tmp_path):
    scene = trimesh.Scene()
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    mirror = np.diag([-2.0, 1.0, 1.0, 1.0])
    mirror[:3, 3] = (10.0, 0.0, 0.0)
    scene.add_geometry(box, node_name="twin", transform=mirror)
    scene.export(tmp_path / "twin.glb")
    mesh = read_parts(tmp_path / "twin.glb")["twin"].mesh
    np.testing.assert_allclose([mesh.vertices.min(0), mesh.vertices.max(0)], [[9, -1, -1.5], [11, 1, 1.5]], atol=1e-5)
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(float) for k in range(3))
    assert (a * np.cross(b, c)).sum() / 6 == pytest.approx(12.0, rel=1e-4)


def test_parts_of_a_file_keep_their_names_looks_and_triangles(tmp_path):
    triangle = Mesh(np.eye(3, dtype=np.float32), np.int32([[0, 1, 2]]), np.full((3, 3), 3**-0.5, np.float32))
    checks = (np.indices((16, 16)).sum(0) // 8 % 2)[..., None] * np.float32([0.6, 0.6, 0.6])
    looks = (plain_material("leaf", (0.1, 0.5, 0.05), foliage=True), Material("wall", checks, tile_m=2.5))
    write_glb(tmp_path / "p.glb", {f"part {look.name}": Part(triangle, look) for look in looks})
    found = read_parts(tmp_path / "p.glb")
    assert set(found) == {"part leaf", "part wall"}
    for look in looks:
        part = found[f"part {look.name}"]
        assert (part.material.name, part.material.tile_m) == (look.name, look.tile_m)
        assert part.material.foliage is look.foliage and len(part.material.albedo) == len(look.albedo)
        np.testing.assert_allclose(part.material.albedo.mean((0, 1)), look.albedo.mean((0, 1)), atol=0.02)
        np.testing.assert_allclose(part.mesh.vertices[part.mesh.faces], [np.eye(3)], atol=1e-6)


def test_meshes_of_other_programs_are_read_scaled_centred_and_by_part(tmp_path):
    box = trimesh.creation.box((2.0, 2.0, 2.0))
    box.apply_translation((5.0, 0.0, 0.0))
    box.export(tmp_path / "crate.stl")
    shape = "<mesh><uri>{}</uri>{}</mesh>"
    scaled = load_scene(world(tmp_path, model(shape=shape.format("crate.stl", "<scale>1 1 3</scale>"))))
    np.testing.assert_allclose(np.ptp(scaled.objects[0].vertices, axis=0), [2, 2, 6], atol=1e-5)
    (name,) = read_parts(tmp_path / "crate.stl")
    part = f"<submesh><name>{name}</name><center>true</center></submesh>"
    centred = load_scene(world(tmp_path, model(shape=shape.format("crate.stl", part))))
    np.testing.assert_allclose(centred.objects[0].vertices.mean(0), 0.0, atol=1e-5)
    wrong = part.replace(name, name[:-1])
    with pytest.raises(WorldError, match="has no mesh.*Did you mean"):
        load_scene(world(tmp_path, model(shape=shape.format("crate.stl", wrong))))


def test_a_uri_is_found_by_its_scheme_or_refused_with_what_to_do(tmp_path, monkeypatch):
    shared = tmp_path / "shared" / "kit"
    shared.mkdir(parents=True)
    trimesh.creation.box().export(shared / "a.stl")
    monkeypatch.setenv("GZ_SIM_RESOURCE_PATH", str(tmp_path / "shared"))
    for uri in ("model://kit/a.stl", "package://kit/a.stl", f"file://{shared}/a.stl", "shared/kit/a.stl"):
        assert load_scene(world(tmp_path, model(shape=f"<mesh><uri>{uri}</uri></mesh>"))).triangle_count == 12
    with pytest.raises(WorldError, match="on the network.*Download it"):
        load_scene(world(tmp_path, model(shape="<mesh><uri>https://a.example/a.stl</uri></mesh>")))


def test_a_mirrored_instance_is_not_inside_out_and_a_world_without_its_mesh_is_not_written(tmp_path):
    box = trimesh.creation.box()
    mesh = Mesh(np.float32(box.vertices), np.int32(box.faces), np.float32(box.vertex_normals))
    visual = Visual("v", MeshInstance("box", (-1.0, 2.0, 1.0)), "grey")
    made = World("w", (Model("m", (visual,)),), {"box": mesh}, {"grey": plain_material("grey", (0.5,) * 3)})
    (thing,) = build_scene(made).objects
    a, b, c = (thing.vertices[thing.faces[:, k]].astype(float) for k in range(3))
    assert (a * np.cross(b, c)).sum() / 6 == pytest.approx(2.0)
    with pytest.raises(WorldError, match="no mesh 'box'"):
        write_sdf(World("w", made.models, {}, made.materials), tmp_path / "w.sdf")
    with pytest.raises(WorldError, match="no material 'grey'"):
        write_sdf(World("w", made.models, made.meshes, {}), tmp_path / "w.sdf")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_seen_is_named_and_left_out(tmp_path):
    with pytest.warns(WorldWarning, match=r"model\[m\]/link\[l\]/visual\[v\].*nothing is shown"):
        scene = load_scene(world(tmp_path, model("m", shape="") + model("n")))
    assert [thing.name for thing in scene.objects] == ["n"]


# Planning -----------------------------------------------------------------------------------------------------------
def test_a_world_without_room_for_routes_is_refused_with_what_to_do():
    class Full:
        def nearest(self, points, max_distance):
            return np.zeros(len(points)), np.zeros(len(points), int), None, None

    rules = RouteRules(distance_m=(4.0, 6.0), margin_m=0.5, largest_half_m=5.0, resolution_m=1.0)
    with pytest.raises(RouteError, match="4.*6 m apart. Ask for fewer, or make the world larger"):
        plan_routes(Scene("full", (), ()), Full(), 2, np.random.default_rng(0), rules)


def test_planned_routes_keep_the_rules_and_are_the_same_for_the_same_seed():
    scene = build_scene(
        World("yard", (Model("wall", (Visual("v", Box((1.0, 2.0, 9.0)), "grey"),)),), {}, {
            "grey": plain_material("grey", (0.5,) * 3)})
    )  # fmt: skip

    class Wall:
        def inside(self, point):
            return False

        def cast(self, origins, directions, max_range):
            return np.full(len(directions), max_range), None, None

        def nearest(self, points, max_distance):
            gap = np.maximum(np.abs(np.asarray(points, float)[:, :2]) - (0.5, 1.0), 0.0)
            return np.minimum(np.linalg.norm(gap, axis=1), max_distance), None, None, None

    rules = RouteRules(distance_m=(8.0, 12.0), margin_m=1.0, resolution_m=1.0, headroom_m=4.0)
    first, again = (plan_routes(scene, Wall(), 4, np.random.default_rng(5), rules) for _ in range(2))
    assert [route.id for route in first] == [0, 1, 2, 3]
    for route, same in zip(first, again, strict=True):
        assert route.start.tolist() == same.start.tolist() and route.length_m == same.length_m
        assert 8.0 <= route.distance_m <= 12.0 and route.length_m >= route.distance_m - 1e-6
        assert min(Wall().nearest(np.stack([route.start, route.goal]), 9.0)[0]) >= rules.end_clearance_m - 1e-3
        assert route.min_z < min(route.start[2], route.goal[2]) < max(route.start[2], route.goal[2]) < route.max_z


def test_a_mesh_file_that_was_read_before_is_the_same_without_its_reader(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    glass, wood = (Material(name, np.full((n, n, 3), 0.25, np.float32), 2.0) for name, n in (("glass", 1), ("wood", 4)))
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    mesh = Mesh(square, np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.tile(np.float32([0, 0, 1]), (4, 1)), None)
    write_glb(tmp_path / "a.glb", {"x": Part(mesh, glass), "y": Part(mesh, wood), "z": Part(mesh, wood)})
    first = glb_kept.read_parts(tmp_path / "a.glb")
    with monkeypatch.context() as patch:
        patch.setattr(glb, "read_parts", lambda path: pytest.fail("the file was read again"))
        again = glb_kept.read_parts(tmp_path / "a.glb")
    assert list(again) == list(first) and set(first) == {"x", "y", "z"} and again["y"].material is again["z"].material
    for name, part in first.items():
        kept = again[name]
        for what in ("vertices", "faces", "normals"):
            assert np.array_equal(getattr(kept.mesh, what), getattr(part.mesh, what))
        assert np.array_equal(kept.material.albedo, part.material.albedo) and kept.material.tile_m == 2.0
    (file,) = (tmp_path / "cache").rglob("meshes-*.npz")
    arrays = dict(np.load(file))
    np.savez(file, **{**arrays, "faces": arrays["faces"] + 1})  # a corner that another part has
    assert np.array_equal(glb_kept.read_parts(tmp_path / "a.glb")["x"].mesh.faces, mesh.faces)
