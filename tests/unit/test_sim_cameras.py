"""Lenses, gimbals, sensors and external cameras are what the settings and AirSim's calls make of them."""

import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from sim_service import make_service, refused, settled

from navisplit.errors import ConfigError
from navisplit.frames import Intrinsics, quaternion_from_euler, rotation_matrix
from navisplit.sim.camera import development
from navisplit.sim.camera.cameras import Capture, Exposure, Gimbal, ImageNoise, SensorNoise, default_cameras
from navisplit.sim.camera.development import Meter
from navisplit.sim.camera.lenses import Lens
from navisplit.sim.rpc.table import call
from navisplit.sim.settings import parse_settings

FRONT = ["0", "", False]
GREY = np.full((90, 160, 3), 118, np.uint8)


@pytest.fixture
def service():
    return make_service()


def cameras(**camera):
    """The front camera from settings with these keys."""
    text = json.dumps({"Vehicles": {"A": {"Cameras": {"0": camera}}}})
    return parse_settings(text).vehicles["A"].mounted_cameras()["front_center"]


# Lens -----------------------------------------------------------------------------------------------------------------
def test_focal_length_and_sensor_make_the_field_of_view_of_every_image_type(service):
    assert call("simGetFocalLength", FRONT, service) == pytest.approx(11.9)
    call("simSetFocalLength", [23.76, *FRONT], service)
    expected = math.degrees(2 * math.atan(0.5))
    camera = service.simulation.vehicle().cameras["front_center"]
    assert {round(camera.capture(kind).fov_deg, 9) for kind in range(10)} == {round(expected, 9)}
    assert call("simGetCameraInfo", FRONT, service)["fov"] == pytest.approx(expected)
    assert call("simSetFilmbackSettings", [47.52, 26.73, *FRONT], service) == pytest.approx(16 / 9)
    assert call("simGetCameraInfo", FRONT, service)["fov"] == pytest.approx(90.0)
    call("simSetCameraFov", ["0", 53.13010235, "", False], service)
    assert call("simGetFocalLength", FRONT, service) == pytest.approx(47.52)
    assert "at least 0.01 mm, got 0" in refused(service, "simSetFocalLength", 0.0, *FRONT)


def test_presets_are_chosen_by_name_and_clip_the_focal_length(service):
    assert len(call("simGetPresetLensSettings", FRONT, service)) == 9
    assert any("16:9 DSLR" in line for line in call("simGetPresetFilmbackSettings", FRONT, service))
    call("simSetPresetLensSettings", ["24-70mm Zoom f/2.8", *FRONT], service)
    assert call("simGetFocalLength", FRONT, service) == 24.0
    call("simSetPresetFilmbackSettings", ["Full Frame DSLR", *FRONT], service)
    assert "Name: Full Frame DSLR;\n\t Sensor Width: 36" in call("simGetFilmbackSettings", FRONT, service)
    assert "Horizontal Field Of View: 73.7398;" in call("simGetCurrentFieldOfView", FRONT, service)
    before = call("simGetLensSettings", FRONT, service)
    call("simSetPresetLensSettings", ["no such lens", *FRONT], service)
    assert call("simGetLensSettings", FRONT, service) == before
    assert "MinFocalLength: 24" in before and "Diaphragm Blade Count: 7" in before


def test_focus_and_distortion_are_kept_and_reset_with_the_vehicle(service):
    for setter, getter, value in (
        ("simSetFocusDistance", "simGetFocusDistance", 250.0),
        ("simSetFocusAperture", "simGetFocusAperture", 1.4),
    ):
        call(setter, [value, *FRONT], service)
        assert call(getter, FRONT, service) == value
    for name, value in zip(("K1", "K2", "K3", "P1", "P2"), (0.1, 0.2, 0.3, 0.4, 0.5), strict=True):
        call("simSetDistortionParam", ["0", name, value, "", False], service)
    call("simSetDistortionParam", ["0", "K9", 1.0, "", False], service)
    assert call("simGetDistortionParams", FRONT, service) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert call("simGetDistortionParams", ["1", ""], service) == [0.0] * 5  # another camera, and Cosys' two arguments
    call("reset", [], service)
    assert call("simGetDistortionParams", FRONT, service) == [0.0] * 5


def test_manual_focus_blurs_what_is_out_of_focus_by_the_thin_lens(service):
    lens = Lens(focal_mm=50.0, sensor_mm=(36.0, 24.0), aperture=2.0, focus_distance_cm=200.0)
    depth = np.full((90, 160), 2.0, np.float32)
    depth[:, 80:] = 4.0
    # 50 mm at f/2 focused on 2 m: points at 4 m are 50^2 / (2 x 1950) x (4000 - 2000) / 4000 = 0.32 mm wide
    confusion = lens.confusion_px(depth, 1600)
    assert confusion[0, 0] == pytest.approx(0.0, abs=1e-4) and confusion[0, 159] == pytest.approx(14.25, abs=0.05)
    noise = np.random.default_rng(2).integers(0, 255, (90, 160, 3), np.uint8)
    soft = development.defocus(noise, confusion)
    np.testing.assert_array_equal(soft[:, :80], noise[:, :80])
    assert soft[:, 80:].std() < 0.2 * noise.std()
    assert development.defocus(noise, confusion * 0) is noise
    call("simEnableManualFocus", [True, *FRONT], service)
    assert service.simulation.vehicle().cameras["front_center"].lens.manual_focus


def test_opencv_undoes_the_distortion():
    camera = Intrinsics.from_fov(160, 120, 80.0)
    pinhole = np.full((120, 160, 3), 30, np.uint8)
    cv2.circle(pinhole, (120, 40), 9, (255, 255, 255), -1)
    bent = development.bend(pinhole, camera, (-0.2, 0.05, 0.0, 0.002, -0.001))
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    undone = cv2.undistort(bent, matrix, np.array([-0.2, 0.05, 0.002, -0.001, 0.0]))
    assert np.abs(bent.astype(int) - pinhole).max() > 150
    assert np.abs(undone[20:60, 100:140].astype(int) - pinhole[20:60, 100:140]).mean() < 6
    assert development.bend(pinhole, camera, (0.0,) * 5) is pinhole


# Mounts ---------------------------------------------------------------------------------------------------------------
def test_a_gimbal_holds_the_angles_it_is_given_and_leaves_the_others():
    camera = cameras(Gimbal={"Stabilization": 1.0, "Pitch": -10, "Roll": 0})
    _, orientation = camera.pose_in(np.zeros(3), quaternion_from_euler(0.3, -0.4, 1.2))
    expected = quaternion_from_euler(0.0, math.radians(-10), 1.2)
    assert rotation_matrix(orientation) == pytest.approx(rotation_matrix(expected), abs=1e-9)
    half = replace(camera, gimbal=Gimbal(0.5, pitch_deg=0.0))
    _, orientation = half.pose_in(np.zeros(3), quaternion_from_euler(0.0, 0.4, 0.0))
    assert rotation_matrix(orientation) == pytest.approx(rotation_matrix(quaternion_from_euler(0, 0.2, 0)), abs=1e-9)


def test_turning_a_stabilised_camera_sets_the_angles_that_it_holds():
    camera = cameras(Gimbal={"Stabilization": 1.0, "Pitch": 0})
    turned = camera.turned(np.full(3, np.nan), quaternion_from_euler(0.0, -0.5, 0.2))
    assert turned.position == camera.position and turned.orientation == camera.orientation
    assert (turned.gimbal.pitch_deg, turned.gimbal.yaw_deg) == pytest.approx((math.degrees(-0.5), math.degrees(0.2)))


def test_external_cameras_stand_in_the_world_and_have_names_of_their_own():
    text = """{"Vehicles": {"A": {"X": 5}}, "ExternalCameras": {"pole": {"X": 10, "Y": 2, "Z": -4, "Yaw": 90,
        "CaptureSettings": [{"ImageType": 0, "Width": 32, "Height": 20}]}}}"""
    service = make_service(text)
    pose = call("simGetCameraInfo", ["pole", "", True], service)["pose"]
    assert tuple(pose["position"].values()) == (10.0, 2.0, -4.0)
    (picture,) = settled(service, call("simGetImages", [[{"camera_name": "pole"}], "", True], service))
    assert (picture["width"], picture["camera_position"]["z_val"]) == (32, -4.0)
    (view,) = service.simulation.renderer.views
    assert view.position == pytest.approx([2.0, 10.0, 4.0])  # ENU
    moved = {"position": {"x_val": 0.0, "y_val": 0.0, "z_val": math.nan}, "orientation": {}}
    call("simSetCameraPose", ["pole", moved, "", True], service)
    pose = call("simGetCameraInfo", ["pole", "", True], service)["pose"]
    assert tuple(pose["position"].values()) == (0.0, 0.0, -4.0) and pose["orientation"]["w_val"] == 1.0
    for name, external in (("pole", False), ("front_center", True)):
        assert "not derived from std::exception" in refused(service, "simGetCameraInfo", name, "", external)


# Development ----------------------------------------------------------------------------------------------------------
def test_every_documented_camera_setting_is_read():
    noise = {"Enabled": True, "ImageType": 7, "RandContrib": 0.4, "HorzNoiseLinesDensityXY": 0.25, "RandDensity": 3}
    capture = {"TargetGamma": 2.0, "MotionBlurAmount": 0.5, "ProjectionMode": "Orthographic", "OrthoWidth": 30}
    exposure = {"AutoExposureMethod": 1, "AutoExposureBias": -1, "AutoExposureSpeed": 2}
    limits = {"AutoExposureMinBrightness": 0.1, "AutoExposureMaxBrightness": 0.2}
    sensor = {"FullWellElectrons": 900, "ReadNoiseElectrons": 4}
    camera = cameras(
        CaptureSettings=[capture | exposure | limits], NoiseSettings=[noise, {"ImageType": 1}], SensorNoise=sensor
    )
    expected = Capture(ortho_width_m=30.0, target_gamma=2.0, motion_blur=0.5, exposure=Exposure(1, -1.0, 2.0, 0.1, 0.2))
    assert camera.capture(0) == expected and camera.sensor == SensorNoise(900.0, 4.0)
    grain = ImageNoise(rand_contrib=0.4, rand_density=3.0, horz_noise_lines_density_xy=0.25)
    assert camera.capture(7).noise == grain and camera.capture(1).noise is None


@pytest.mark.parametrize(
    ("camera", "named"),
    [
        ({"CaptureSettings": {"Width": 3}}, "CaptureSettings must be a list"),
        ({"CaptureSettings": [{"ProjectionMode": "fisheye"}]}, "Perspective or Orthographic, got 'fisheye'"),
        ({"CaptureSettings": [{"AutoExposureMethod": 7}]}, "must be 0, 1 or 2, got 7"),
        ({"NoiseSettings": [{"Enabled": 1}]}, "Enabled must be true or false"),
        ({"SensorNoise": {"FullWellElectrons": -1}}, "electrons >= 0"),
    ],
)
def test_a_mistake_in_a_camera_is_named(camera, named):
    with pytest.raises(ConfigError, match=named):
        cameras(**camera)


def test_a_camera_as_airsim_documents_its_defaults_changes_no_picture():
    documented = {"AutoExposureSpeed": 100, "AutoExposureBias": 0, "MotionBlurAmount": 0, "ProjectionMode": ""}
    limits = {"AutoExposureMaxBrightness": 0.64, "AutoExposureMinBrightness": 0.03, "OrthoWidth": 5.12}
    camera = cameras(CaptureSettings=[documented | limits], NoiseSettings=[{"Enabled": False, "RandContrib": 0.2}])
    assert camera.capture() == Capture() and camera == replace(
        default_cameras()["front_center"], captures={0: Capture()}
    )


def test_exposure_bias_is_a_factor_of_two_and_the_meter_aims_at_middle_grey():
    light = development.linear(development.expose(GREY, Meter().gain(GREY, Exposure(bias_ev=1.0), 0), None))
    assert light.mean() == pytest.approx(2 * development.linear(GREY).mean(), rel=0.02)
    metered = development.expose(GREY // 4, Meter().gain(GREY // 4, Exposure(0, darkest=1e-4), 0), None)
    assert development.linear(metered).mean() == pytest.approx(0.18, rel=0.05)
    assert development.expose(GREY, 1.0, 1.0).mean() < GREY.mean() < development.expose(GREY, 1.0, 2.2).mean()
    assert development.expose(GREY, 1.0, None) is GREY


def test_the_meter_follows_at_its_speed_in_simulated_time():
    meter, slow = Meter(), Exposure(0, speed_ev_s=1.0)
    first = meter.gain(GREY, slow, 0)
    assert meter.gain(GREY // 8, slow, 0) == first
    assert meter.gain(GREY // 8, slow, 500_000_000) == pytest.approx(first * 2**0.5)


def test_sensor_noise_has_the_variance_of_its_electrons():
    noisy = development.add_sensor_noise(GREY, SensorNoise(full_well_e=1000.0), np.random.default_rng(1))
    light = development.linear(GREY).mean()
    assert development.linear(noisy).std() == pytest.approx(math.sqrt(light / 1000.0), rel=0.05)
    assert development.linear(noisy).mean() == pytest.approx(light, rel=0.01)
    assert development.add_sensor_noise(GREY, SensorNoise(), np.random.default_rng(1)) is GREY


def test_motion_blur_smears_along_the_motion_only():
    picture = np.zeros((21, 41, 3), np.uint8)
    picture[:, 20] = 255
    across, along = np.zeros((21, 41, 2), np.float32), np.zeros((21, 41, 2), np.float32)
    across[..., 0], along[..., 1] = 8.0, 8.0
    assert (development.blur(picture, across)[10, :, 0] > 0).sum() == 9
    np.testing.assert_array_equal(development.blur(picture, along), picture)


@pytest.mark.parametrize("effect", ["rand", "horz_wave", "horz_noise_lines", "horz_distortion"])
def test_each_interference_of_airsims_settings_shows_and_is_off_at_share_zero(effect):
    ramp = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (90, 160, 3)).copy()
    off = ImageNoise(rand_contrib=0.0, horz_wave_contrib=0.0, horz_noise_lines_contrib=0.0, horz_distortion_contrib=0.0)
    np.testing.assert_array_equal(development.interfere(ramp, off, 1.0, np.random.default_rng(3)), ramp)
    on = replace(off, **{f"{effect}_contrib": 1.0}, horz_wave_strength=0.2, horz_distortion_strength=0.05)
    on = replace(on, horz_noise_lines_density_y=0.2)
    once, again = (development.interfere(ramp, on, 1.0, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert (once != ramp).mean() > 0.02
