"""Camera calls of the RPC table keep AirSim's contract: arguments, bytes, order of colours, depth, ids."""

import numpy as np
import pytest
from sim_service import make_service, refused

from navisplit.sim.rpc.images import segmentation_palette
from navisplit.sim.rpc.service import Later
from navisplit.sim.rpc.table import call


@pytest.fixture
def service():
    return make_service()


def test_camera_calls_take_two_or_three_arguments(service):
    request = {"camera_name": "0", "image_type": 0, "pixels_as_float": False, "compress": False, "annotation_name": ""}
    for arguments in ([[request], ""], [[request], "", False]):
        (answer,) = call("simGetImages", arguments, service).work()
        assert answer["width"] == 256


def test_an_unknown_camera_is_refused_with_a_hint(service):
    text = refused(service, "simGetImage", "front_centre", 0, "", False)
    assert "not derived from std::exception" in text and "front_center" in text


def shoot(service, kind, as_float, compress=False, camera="0"):
    request = {"camera_name": camera, "image_type": kind, "pixels_as_float": as_float, "compress": compress}
    later = call("simGetImages", [[request], "", False], service)
    assert isinstance(later, Later)
    return later.work()[0]


def test_an_uncompressed_scene_is_bgr(service):
    picture = np.frombuffer(shoot(service, 0, False)["image_data_uint8"], np.uint8).reshape(144, 256, 3)
    assert picture[0, 0].tolist() == [0, 0, 255] and picture[0, -1].tolist() == [255, 0, 0]


def test_a_compressed_scene_is_a_png_of_the_same_picture(service):
    import cv2

    data = shoot(service, 0, False, compress=True)["image_data_uint8"]
    assert data[:4] == b"\x89PNG"
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[0, 0].tolist() == [0, 0, 255]


def test_depth_is_planar_or_along_the_ray_or_shown(service):
    assert shoot(service, 1, True)["image_data_float"] == pytest.approx(np.full(144 * 256, 7.0))
    along = shoot(service, 2, True)["image_data_float"].reshape(144, 256)
    assert along[72, 128] == pytest.approx(7.0, rel=1e-3) and along[0, 0] > 9.0
    assert shoot(service, 3, True)["image_data_float"][0] == pytest.approx(0.07)


def test_segmentation_shows_the_ids_colour(service):
    data = shoot(service, 5, False)["image_data_uint8"]
    assert list(data[:3]) == segmentation_palette()[3][::-1].tolist()
    assert len(np.unique(segmentation_palette(), axis=0)) == 256


def test_an_image_type_that_does_not_exist_is_empty_but_complete(service):
    answer = shoot(service, 11, False)
    assert (answer["width"], answer["height"], answer["image_data_uint8"]) == (0, 0, b"")


def test_pictures_of_one_request_are_rendered_once(service):
    requests = [
        {"camera_name": "0", "image_type": kind, "pixels_as_float": kind == 1, "compress": False} for kind in (0, 1, 5)
    ]
    call("simGetImages", [requests, "", False], service).work()
    assert len(service.simulation.renderer.views) == 1


def test_a_camera_can_be_moved_and_zoomed(service):
    call("simSetCameraFov", ["front_center", 60.0, "", False], service)
    pose = {"position": {"x_val": 1.0, "y_val": 0.0, "z_val": float("nan")}, "orientation": {"w_val": 1.0}}
    call("simSetCameraPose", ["0", pose, "", False], service)
    info = call("simGetCameraInfo", ["0", "", False], service)
    assert info["fov"] == 60.0
    assert np.hypot(info["pose"]["position"]["x_val"], info["pose"]["position"]["y_val"]) == pytest.approx(1.0)
