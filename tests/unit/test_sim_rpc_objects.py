"""Objects through the RPC table: moved, swept, scaled, spawned, destroyed, labelled and painted as AirSim does it."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from render_scenes import box
from sim_service import make_service, refused, settled

from navisplit.frames import Intrinsics, rotation_matrix
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import CameraView, RayCaster
from navisplit.sim.rpc.table import call
from navisplit.sim.scene import Material, PlayerStart, Scene
from navisplit.sim.simulation import Simulation

UPRIGHT = {"w_val": 1.0, "x_val": 0.0, "y_val": 0.0, "z_val": 0.0}
ONES = {"x_val": 1.0, "y_val": 1.0, "z_val": 1.0}
NAN = float("nan")


def vector(x, y, z):
    return {"x_val": x, "y_val": y, "z_val": z}


def pose(x, y, z, orientation=UPRIGHT):
    return {"position": vector(x, y, z), "orientation": orientation}


def box_object(name, low, high, segmentation_id):
    """A box with its frame in its middle."""
    middle, size = (np.array(low) + high) / 2.0, np.array(high) - low
    return replace(box(name, middle, size, 0, segmentation_id), position=tuple(middle.tolist()))


@pytest.fixture
def service():
    """A ground at height 2, a wall of 1 m to the north of the player start, a crate beside it."""
    grey, brick = np.full((1, 1, 3), 0.3, np.float32), np.full((1, 1, 3), (0.5, 0.2, 0.1), np.float32)
    objects = (
        box_object("ground", (-50, -50, 1), (50, 50, 2), 1),
        box_object("Wall", (-5, 10, 2), (5, 11, 6), 2),
        box_object("crate", (7, 0, 2), (8, 1, 3), 3),
    )
    scene = Scene(
        "yard", objects, (Material("grey", grey), Material("brick", brick)), player_start=PlayerStart((0, 0, 2))
    )
    service = make_service()
    service.simulation = Simulation(scene, probe=SceneQuery(scene))
    return service


def position(service, name):
    return tuple(round(v, 4) for v in call("simGetObjectPose", [name], service)["position"].values())


def spawn(service, name="box", asset="Cube", at=(0.0, 0.0, -5.0), scale=ONES, physics=False):
    return call("simSpawnObject", [name, asset, pose(*at), scale, physics, False], service)


# Poses ----------------------------------------------------------------------------------------------------------------
def test_a_pose_that_was_set_is_read_back_in_world_ned(service):
    turned = {"w_val": math.cos(0.3), "x_val": 0.0, "y_val": 0.0, "z_val": math.sin(0.3)}
    assert call("simSetObjectPose", ["crate", pose(3.0, -2.0, -4.0, turned), True], service) is True
    answer = call("simGetObjectPose", ["crate"], service)
    assert answer["position"] == pytest.approx(vector(3.0, -2.0, -4.0))
    assert answer["orientation"] == pytest.approx(turned)
    assert service.simulation.things.find("crate").position == pytest.approx((-2.0, 3.0, 6.0))  # ENU, above the start


def test_what_is_nan_in_a_pose_stays(service):
    before = call("simGetObjectPose", ["crate"], service)
    assert call("simSetObjectPose", ["crate", pose(NAN, NAN, -9.0, dict.fromkeys(UPRIGHT, NAN)), True], service)
    after = call("simGetObjectPose", ["crate"], service)
    assert after["position"] == before["position"] | {"z_val": -9.0} and after["orientation"] == before["orientation"]


def test_an_object_that_is_not_there_cannot_be_moved_scaled_or_destroyed(service):
    assert call("simSetObjectPose", ["crates", pose(0, 0, 0), True], service) is False
    assert call("simSetObjectScale", ["crates", ONES], service) is False
    assert call("simDestroyObject", ["crates"], service) is False


def test_without_teleport_an_object_stops_at_what_is_in_its_way(service):
    spawn(service, at=(0.0, 0.0, -2.0))
    assert call("simSetObjectPose", ["box", pose(30.0, 0.0, -2.0), False], service)
    north = position(service, "box")[0]
    assert north == pytest.approx(9.5, abs=0.02)  # its face at the wall's, 10 m ahead
    assert call("simSetObjectPose", ["box", pose(-20.0, 0.0, -2.0), False], service)
    assert position(service, "box") == (-20.0, 0.0, -2.0)
    assert call("simSetObjectPose", ["box", pose(30.0, 0.0, -2.0), True], service)
    assert position(service, "box") == (30.0, 0.0, -2.0)


def test_an_object_on_the_ground_is_not_stopped_by_the_ground_nor_by_itself(service):
    assert call("simSetObjectPose", ["crate", pose(-8.0, 7.5, -0.5), False], service)
    assert position(service, "crate") == (-8.0, 7.5, -0.5)


def test_a_vehicle_is_an_object_that_can_be_put_somewhere_in_the_world(service):
    assert call("simSetObjectPose", ["SimpleFlight", pose(4.0, 1.0, -3.0), True], service)
    assert call("simGetVehiclePose", [""], service)["position"] == vector(4.0, 1.0, -3.0)


def test_a_vehicle_stops_at_a_wall_unless_collisions_are_ignored(service):
    call("simSetVehiclePose", [pose(0.0, 0.0, -2.0), False, ""], service)  # up from the ground, on which it stands
    assert call("simGetVehiclePose", [""], service)["position"] == pytest.approx(vector(0.0, 0.0, -2.0))
    call("simSetVehiclePose", [pose(30.0, 0.0, -2.0), False, ""], service)
    assert call("simGetVehiclePose", [""], service)["position"]["x_val"] == pytest.approx(9.7, abs=0.02)
    call("simSetVehiclePose", [pose(30.0, NAN, -2.0), True, ""], service)
    assert call("simGetVehiclePose", [""], service)["position"] == vector(30.0, 0.0, -2.0)


def test_scale_is_along_the_objects_own_axes_and_read_back(service):
    assert call("simSetObjectScale", ["crate", vector(2.0, 3.0, 0.5)], service)
    assert call("simGetObjectScale", ["crate"], service) == vector(2.0, 3.0, 0.5)
    assert call("simGetObjectScale", ["Wall"], service) == ONES


# Coming and going -----------------------------------------------------------------------------------------------------
def test_airsims_shapes_and_the_worlds_objects_can_be_spawned(service):
    assets = call("simListAssets", [], service)
    assert {"Cube", "Sphere", "Cylinder", "Cone", "1M_Cube_Chamfer", "Wall", "crate"} <= set(assets)
    for asset in assets:
        assert spawn(service, f"a {asset}", asset).startswith(f"a {asset}")


@pytest.mark.parametrize("asset", ["Cube", "Sphere", "Cylinder", "Cone"])
def test_a_starter_shape_is_a_metre_across_around_its_middle_and_closed(service, asset):
    spawn(service, "it", asset, at=(0.0, 0.0, 0.0))
    shape = service.simulation.things.find("it").shape
    assert shape.vertices.min(0) == pytest.approx([-0.5] * 3) and shape.vertices.max(0) == pytest.approx([0.5] * 3)
    corners = shape.vertices[shape.faces].astype(float)
    volume = np.linalg.det(corners).sum() / 6  # of a closed surface, its faces counter-clockwise from outside
    assert volume == pytest.approx({"Cube": 1.0, "Sphere": 0.51, "Cylinder": 0.78, "Cone": 0.26}[asset], abs=0.015)
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((outward[:, None] * shape.normals[shape.faces]).sum(2) > 0).mean() > 0.95


def test_a_spawned_object_is_where_and_as_large_as_asked_and_can_be_destroyed(service):
    assert spawn(service, "tower", at=(2.0, 3.0, -4.0), scale=vector(1.0, 2.0, 8.0)) == "tower"
    assert position(service, "tower") == (2.0, 3.0, -4.0)
    assert call("simGetObjectScale", ["tower"], service) == vector(1.0, 2.0, 8.0)
    assert "tower" in call("simListSceneObjects", ["tow.*"], service)
    assert call("simDestroyObject", ["tower"], service) is True
    assert call("simListSceneObjects", ["tow.*"], service) == [] and not call("simDestroyObject", ["tower"], service)


def test_an_object_of_the_scene_can_be_destroyed_and_spawned_again(service):
    assert call("simDestroyObject", ["crate"], service)
    assert math.isnan(call("simGetObjectPose", ["crate"], service)["position"]["x_val"])
    assert spawn(service, "crate", "crate") == "crate"


def test_a_name_that_is_taken_gets_a_higher_number(service):
    assert [spawn(service, "box") for _ in range(3)] == ["box", "box1", "box2"]
    assert spawn(service, "crat") == "crat1"  # as in AirSim, a part of a name counts as taken


def test_an_unknown_asset_is_refused_in_airsims_words(service):
    text = refused(service, "simSpawnObject", "a", "Teapot", pose(0, 0, 0), ONES, False, False)
    assert text.endswith("There were no objects with name Teapot found in the Registry.")


def test_spawning_shares_the_shape(service):
    spawn(service), spawn(service)
    one, other = service.simulation.things.things
    assert one.shape is other.shape


# Labels and looks -----------------------------------------------------------------------------------------------------
def test_a_segmentation_id_is_set_by_name_or_by_a_pattern_for_the_whole_name(service):
    ids = lambda: [call("simGetSegmentationObjectID", [n], service) for n in ("ground", "Wall", "crate")]  # noqa: E731
    assert ids() == [1, 2, 3]
    assert call("simSetSegmentationObjectID", ["crate", 20, False], service) is True
    assert call("simSetSegmentationObjectID", ["cra", 21, True], service) is False  # not the whole name
    assert ids() == [1, 2, 20]
    assert call("simSetSegmentationObjectID", ["wal[\\w]*", 22, True], service) is True  # whatever the case
    assert call("simSetSegmentationObjectID", ["WALL", 23, False], service) is False
    assert ids() == [1, 22, 20]
    assert call("simSetSegmentationObjectID", [r"[\w]*", 0, True], service) is True
    assert ids() == [0, 0, 0]
    assert call("simSetSegmentationObjectID", ["Wall", 300, False], service) and ids() == [0, 255, 0]
    assert call("simSetSegmentationObjectID", ["Wall", -1, False], service) and ids() == [0, 0, 0]


def test_a_vehicle_has_a_segmentation_id_as_well(service):
    assert call("simSetSegmentationObjectID", ["SimpleFlight", 77, False], service) is True
    assert call("simGetSegmentationObjectID", ["simpleflight"], service) == 77
    (drone,) = service.simulation.snapshot().things
    assert drone.segmentation_id == 77


def test_a_segmentation_id_is_found_whatever_the_case(service):
    assert [call("simGetSegmentationObjectID", [n], service) for n in ("wall", "WALL", "walls")] == [2, 2, -1]


def test_a_broken_pattern_is_refused(service):
    for name, arguments in (("simListSceneObjects", ["["]), ("simSetSegmentationObjectID", ["(", 1, True])):
        assert "regex_error" in refused(service, name, *arguments)


def test_a_material_of_the_world_is_painted_on_an_object(service):
    assert call("simSetObjectMaterial", ["crate", "/Game/brick.brick", 0], service) is True
    assert service.simulation.things.find("crate").material == 1
    assert call("simSetObjectMaterial", ["crate", "marble", 0], service) is False
    assert call("simSetObjectMaterial", ["crates", "brick", 0], service) is False


def test_a_picture_file_is_painted_on_an_object_and_read_once(service, tmp_path):
    picture = tmp_path / "purple.png"
    cv2.imwrite(str(picture), np.full((40, 60, 3), (200, 0, 150), np.uint8))
    renderer = RayCaster(service.simulation.scene, shadow_resolution=64, ao=False)
    service.simulation = Simulation(service.simulation.scene, renderer=renderer)
    paint = "simSetObjectMaterialFromTexture"
    assert settled(service, call(paint, ["Wall", str(picture), 0], service)) is True
    look = CameraView(
        np.array([0.0, 4.0, 4.0]), np.array([0.0, 0.0, 0.7071068, 0.7071068]), Intrinsics.from_fov(32, 18, 60)
    )
    red, green, blue = renderer.render(look, service.simulation.snapshot()).rgb[9, 16].astype(int)
    assert blue > red > 3 * green
    assert settled(service, call(paint, ["crate", str(picture), 0], service)) is True
    assert service.simulation.things.find("crate").material == service.simulation.things.find("Wall").material
    spawn(service, at=(0.0, 0.0, -5.0))  # has texture coordinates: the picture is mapped, not tiled
    assert settled(service, call(paint, ["box", str(picture), 0], service)) is True
    assert [m.tile_m for m in service.simulation.materials[-2:]] == [2.0, None]


def test_a_picture_that_is_none_changes_nothing(service, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    for name, path in (
        ("Wall", tmp_path / "missing.png"),
        ("Wall", tmp_path / "text.png"),
        ("nothing", "a.png"),
        ("Wall", "a\0"),
    ):
        assert settled(service, call("simSetObjectMaterialFromTexture", [name, str(path), 0], service)) is False
    assert service.simulation.things.find("Wall").material is None and len(service.told) == 3


# Meshes ---------------------------------------------------------------------------------------------------------------
def test_mesh_buffers_hold_every_object_as_unreal_has_it(service):
    call("simSetObjectPose", ["crate", pose(3.0, -2.0, -4.0, {**UPRIGHT, "w_val": 0.8, "z_val": 0.6}), True], service)
    meshes = {mesh["name"]: mesh for mesh in settled(service, call("simGetMeshPositionVertexBuffers", [], service))}
    assert set(meshes) == {"ground", "wall", "crate"}
    crate = meshes["crate"]
    assert crate["position"] == pytest.approx(vector(300.0, -200.0, 400.0))
    x, y, z, w = (crate["orientation"][key] for key in ("x_val", "y_val", "z_val", "w_val"))
    corners = crate["vertices"].reshape(-1, 3) @ rotation_matrix([x, y, z, w]).T + [300.0, -200.0, 400.0]
    thing = service.simulation.things.find("crate")
    enu = thing.shape.vertices @ rotation_matrix(thing.orientation).T + thing.position - (0.0, 0.0, 2.0)
    assert corners[:, [1, 0, 2]] / 100.0 == pytest.approx(enu, abs=1e-4)  # centimetres north, east, up
    assert crate["indices"].max() < len(crate["vertices"]) // 3
