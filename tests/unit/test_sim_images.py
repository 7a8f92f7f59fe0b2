"""Every image type of AirSim through the RPC table, on the yard: what its pixels mean, and in which form it comes."""

import json
import math

import cv2
import numpy as np
import pytest
from render_scenes import yard
from sim_service import settled

from navisplit.errors import ConfigError
from navisplit.frames import Intrinsics, quaternion_from_euler, yaw_of
from navisplit.sim.render.flow import Moment, flow_bytes, flow_colours, optical_flow
from navisplit.sim.render.renderer import CameraView, RayCaster
from navisplit.sim.rpc import images
from navisplit.sim.rpc import server as _server  # noqa: F401  (fills the table)
from navisplit.sim.rpc.images import load_palette, segmentation_palette
from navisplit.sim.rpc.mounts import find_mount
from navisplit.sim.rpc.pacing import Pacer
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import call
from navisplit.sim.scene import SKY_DEPTH_M
from navisplit.sim.settings import parse_settings
from navisplit.sim.simulation import Simulation
from navisplit.sim.things import Thing

WIDTH, HEIGHT = 64, 36
SIZE = [{"ImageType": kind, "Width": WIDTH, "Height": HEIGHT} for kind in range(10)]
SETTINGS = {"Vehicles": {"A": {"X": 0, "Z": -1}}, "CameraDefaults": {"CaptureSettings": SIZE}}
FACE_M = 9.0 - 0.46  # from the front camera to the crate's near face


@pytest.fixture(scope="module")
def caster():
    return RayCaster(yard(), shadow_resolution=256)


def make(caster, **settings):
    simulation = Simulation(yard(), renderer=caster, settings=parse_settings(json.dumps(SETTINGS | settings)))
    return Service(simulation, Pacer(simulation, 1.0, 0.0), print)


@pytest.fixture
def service(caster):
    return make(caster)


def take(service, *kinds, as_float=False, compress=False, camera="0"):
    """Pictures of several types of one moment: arrays (H, W) or RGB (H, W, 3)."""
    requests = [
        {"camera_name": camera, "image_type": kind, "pixels_as_float": as_float, "compress": compress} for kind in kinds
    ]
    answers = settled(service, call("simGetImages", [requests, "", False], service))
    return [_array(answer) for answer in answers]


def _array(answer):
    shape = answer["height"], answer["width"]
    if answer["pixels_as_float"]:
        assert answer["image_data_uint8"] == b"" and answer["image_data_float"].dtype == np.float32
        return answer["image_data_float"].reshape(shape)
    data = answer["image_data_uint8"]
    if answer["compress"]:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    return np.frombuffer(data, np.uint8).reshape(*shape, 3)[..., ::-1]


def test_depths_disparity_and_visible_depth_are_one_geometry(service):
    planar, perspective, visible, disparity = take(service, 1, 2, 3, 4, as_float=True)
    rays = np.linalg.norm(Intrinsics.from_fov(WIDTH, HEIGHT, 90.0).rays(), axis=2)
    solid = planar < 1000
    assert planar[18, 32] == pytest.approx(FACE_M, abs=0.02)
    np.testing.assert_allclose(perspective[solid], (planar * rays)[solid], rtol=1e-5)
    np.testing.assert_allclose(visible, np.clip(planar / 100, 0, 1), rtol=1e-6)
    np.testing.assert_allclose(disparity[solid], 0.125 / planar[solid], rtol=1e-5)  # 0.25 m between lenses, 90 degrees
    assert planar.max() == perspective.max() == np.float32(SKY_DEPTH_M)  # a half float can hold no more
    grey = take(service, 3)[0]
    assert grey[0, 0].tolist() == [255] * 3 and grey[18, 32, 0] == int(255 * FACE_M / 100)


def test_segmentation_and_infrared_show_the_same_ids(service):
    colours, grey = take(service, 5, 7)
    ids = grey[..., 0]
    assert set(np.unique(ids)) == {0, 1, 7, 9}
    np.testing.assert_array_equal(colours, segmentation_palette()[ids])
    assert len(np.unique(segmentation_palette(), axis=0)) == 256  # every id can be told from its colour


def test_normals_point_out_of_what_is_seen_in_airsims_axes(service):
    (normals,) = take(service, 6)
    crate = normals[18, 32].astype(int)  # the face looks west: east is -1
    ground = normals[34, 5].astype(int)
    assert np.abs(crate - [128, 0, 128]).max() <= 1
    assert np.abs(ground - [128, 128, 255]).max() <= 1
    assert np.abs(normals[0, 0].astype(int) - 128).max() <= 1  # nothing there
    assert take(service, 6, as_float=True)[0][18, 32] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", range(10))
def test_png_and_raw_hold_the_same_picture_and_floats_its_red_channel(service, kind):
    raw, compressed = take(service, kind)[0], take(service, kind, compress=True)[0]
    np.testing.assert_array_equal(raw, compressed)
    if kind in (0, 5, 6, 7, 9):
        np.testing.assert_allclose(take(service, kind, as_float=True)[0] * 255, raw[..., 0], atol=0.01)
    assert kind in (8, 9) or raw.std() > 0.1


def test_types_of_one_call_share_one_rendering_and_depth_alone_needs_no_colours(service, caster, monkeypatch):
    calls = []
    render, batch = caster.render, caster.depth_batch
    monkeypatch.setattr(caster, "render", lambda *a: calls.append("render") or render(*a))
    monkeypatch.setattr(caster, "depth_batch", lambda *a: calls.append("depth") or batch(*a))
    take(service, 1, 0, 2, 5, 7)
    take(service, 1, 2, 3)
    assert calls == ["render", "depth"]


def test_a_lens_bends_depth_and_ids_as_it_bends_colours(service):
    call("simSetDistortionParam", ["0", "K1", -0.4, "", False], service)
    ids, depth = take(service, 7)[0][..., 0], take(service, 1, as_float=True)[0]
    call("simSetDistortionParam", ["0", "K1", 0.0, "", False], service)
    straight = take(service, 7)[0][..., 0]
    bush, bush_straight = (np.nonzero(grey == 9)[1].max() for grey in (ids, straight))
    assert bush_straight + 1 <= bush < 31  # its right edge, left of the centre and drawn towards it
    assert depth[ids == 7].min() > FACE_M - 0.05 and depth[0, 0] == 0.0  # outside the picture


# Optical flow -------------------------------------------------------------------------------------------------------
def place(service, east, yaw_deg=0.0, north=0.0):
    turn = quaternion_from_euler(0.0, 0.0, math.radians(90.0 + yaw_deg)).tolist()
    orientation = dict(zip(("x_val", "y_val", "z_val", "w_val"), turn, strict=True))
    pose = {"position": {"x_val": north, "y_val": east, "z_val": 0.0}, "orientation": orientation}
    call("simSetVehiclePose", [pose, True, ""], service)


def test_flow_is_the_motion_since_the_cameras_last_flow_picture(service):
    place(service, 0.0)
    assert not take(service, 8, as_float=True)[0].any()  # nothing to compare with
    place(service, 0.0, north=0.2)  # to the left by 0.2 m: the face moves right by f x 0.2 / z
    take(service, 0)
    flow = take(service, 8, as_float=True)[0]
    assert flow[18, 32] == pytest.approx(32 * 0.2 / FACE_M, rel=0.01)
    np.testing.assert_allclose(take(service, 8, as_float=True)[0], 0.0, atol=1e-4)  # it stands still since
    place(service, 0.0, yaw_deg=2.0, north=0.2)
    sky = take(service, 8, as_float=True)[0][2, 32]
    assert sky == pytest.approx(-32 * math.tan(math.radians(2.0)), rel=0.05)


def test_a_moving_thing_flows_on_its_own():
    view = CameraView(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), Intrinsics.from_fov(8, 4, 90.0))
    depth, objects = np.full((4, 8), 10.0, np.float32), np.zeros((4, 8), np.int32)
    objects[:, 4:] = 3
    shape = yard().objects[1]
    then, now = Thing("car", shape, (10.0, -2.0, 0.0)), Thing("car", shape, (10.0, -3.0, 0.5))
    before = Moment(view.position, view.orientation, (then,))
    flow = optical_flow(view, depth, before, objects=objects, things=(now,), baked=3)
    np.testing.assert_allclose(flow[:, :4], 0.0, atol=1e-9)
    np.testing.assert_allclose(flow[:, 4:], np.broadcast_to([0.4, -0.2], (4, 4, 2)), atol=1e-5)  # right 1 m, up 0.5 m


def test_flow_bytes_can_be_read_back_and_colours_tell_the_direction():
    flow = np.array([[[0, 0], [3.25, -2.5], [-100, 100]]], np.float32)
    assert flow_bytes(flow).tolist() == [[[128, 128, 0], [141, 118, 0], [0, 255, 0]]]
    right, down = flow_colours(np.array([[[16, 0], [0, 16]]], np.float32))[0].tolist()
    assert right == [255, 0, 0] and down != right and flow_colours(flow)[0, 0].tolist() == [0, 0, 0]


# Orthographic, palette ----------------------------------------------------------------------------------------------
def test_an_orthographic_camera_has_parallel_rays_from_its_plane_on(caster):
    flat = [{**size, "ProjectionMode": "Orthographic", "OrthoWidth": 8} for size in SIZE]
    service = make(caster, CameraDefaults={"CaptureSettings": flat})
    depth, ids = take(service, 1, as_float=True)[0], take(service, 7)[0][..., 0]
    face = ids == 7
    np.testing.assert_allclose(depth[face], FACE_M, atol=0.01)
    assert abs(face.sum(1).max() - 2.0 / 8 * WIDTH) <= 1 and abs(face.sum(0).max() - 2.0 / 8 * WIDTH) <= 1
    assert depth.min() >= -0.01  # nothing from behind the camera
    matrix = call("simGetCameraInfo", ["0", "", False], service)["proj_mat"]["matrix"]
    assert matrix[0][1] == pytest.approx(1 / 400) and matrix[3] == [0.0, 0.0, 0.0, 1.0]


def test_a_users_copy_of_airsims_colours_is_used_and_a_bad_one_is_named(tmp_path, caster):
    path = tmp_path / "seg_rgbs.txt"
    path.write_text("\n".join(f"{i}\t[{i}, {255 - i}, 7]" for i in range(256)))
    palette = load_palette(path)
    assert palette[3].tolist() == [3, 252, 7]
    service = make(caster, SegmentationSettings={"PaletteFile": str(path)})
    assert service.settings.palette == path
    service.palette = palette
    assert take(service, images.SEGMENTATION)[0][18, 32].tolist() == [7, 248, 7]
    path.write_text("\n".join(f"{i} [1, 2, 3]" for i in range(256)))
    with pytest.raises(ConfigError, match="256 different colours"):
        load_palette(path)
    with pytest.raises(ConfigError, match="256 lines such as"):
        load_palette(tmp_path / "none.txt")


def test_what_scripts_place_is_seen_by_every_image_type_and_flows(service):
    things = service.simulation.things
    crate = things.find("crate")
    things.add(Thing("gift", crate.shape, (-5.0, 0.0, 0.0), segmentation_id=77))
    ids, normals = take(service, 7, 6)
    gift = ids[..., 0] == 77
    assert gift.sum() > 100 and take(service, 1, as_float=True)[0][gift] == pytest.approx(4.0 - 0.46, abs=0.01)
    assert np.abs(normals[gift].astype(int) - [128, 0, 128]).max() <= 1
    take(service, 8)
    things.place("gift", np.array([-5.0, -0.5, 0.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    flow, grey = take(service, 8, as_float=True)[0], take(service, 7)[0][..., 0]
    assert flow[grey == 77] == pytest.approx(32 * 0.5 / 3.54, rel=0.01)
    np.testing.assert_allclose(flow[grey != 77], 0.0, atol=1e-4)
    call("simAddDetectionFilterMeshName", ["0", 0, "gi*", "", False], service)
    (found,) = call("simGetDetections", ["0", 0, "", False], service)
    assert found["box3D"]["min"]["x_val"] == pytest.approx(4 - 0.46)
    things.remove("crate")
    things.remove("gift")
    assert set(np.unique(take(service, 7)[0])) == {0, 1, 9}


def test_motion_blur_follows_the_cameras_own_motion_and_is_none_at_rest(caster):
    blurred = [{**size, "MotionBlurAmount": 1.0} for size in SIZE]
    service, sharp = make(caster, CameraDefaults={"CaptureSettings": blurred}), make(caster)
    pilot = service.simulation.vehicle().pilot
    np.testing.assert_array_equal(take(service, 0)[0], take(sharp, 0)[0])
    pilot.velocity[:] = [6.0, 0.0, 0.0]  # NED: to the left of where it looks
    pilot.angular_rate[:] = [0.0, 0.0, 3.0]  # FRD: to the right
    mount = find_mount(service, "0", "", False)
    now, then = mount.view(0), mount.shutter_opened(1.0)
    turned = yaw_of(then.orientation) - yaw_of(now.orientation)
    assert turned == pytest.approx(3.0 / 60)  # ENU: it looked further left
    arm = 0.46 * np.array([math.cos(turned) - 1, math.sin(turned), 0.0])
    assert then.position - now.position == pytest.approx(np.array([0.0, -0.1, 0.0]) + arm, abs=1e-9)
    assert np.abs(take(service, 0)[0].astype(int) - take(sharp, 0)[0]).max() > 10
