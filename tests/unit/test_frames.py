"""Frames: known values from AirSim and REP-103/105, and every conversion undone by its inverse."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from navisplit.frames import (
    FLU_FROM_OPTICAL,
    OPTICAL_QUATERNION,
    Intrinsics,
    Odometry,
    VelocityCommand,
    euler_of,
    quaternion_from_euler,
    quaternion_multiply,
    rotation_matrix,
    swap_frd_flu,
    swap_ned_enu,
    swap_quaternion,
    wrap_angle,
    yaw_of,
)

HALF = math.sqrt(0.5)


def random_quaternions(count=50, seed=0):
    q = np.random.default_rng(seed).normal(size=(count, 4))
    return q / np.linalg.norm(q, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("ned", "enu"),
    [
        ((1, 0, 0), (0, 1, 0)),  # north is y
        ((0, 1, 0), (1, 0, 0)),  # east is x
        ((0, 0, 1), (0, 0, -1)),  # down is -z
        ((10, -2, -3), (-2, 10, 3)),
    ],
)
def test_ned_and_enu_axes(ned, enu):
    np.testing.assert_array_equal(swap_ned_enu(ned), enu)
    np.testing.assert_array_equal(swap_ned_enu(enu), ned)


def test_frd_and_flu_axes():
    np.testing.assert_array_equal(swap_frd_flu([1, 2, 3]), [1, -2, -3])


def test_vectors_convert_in_batches():
    points = np.random.default_rng(0).normal(size=(5, 7, 3))
    assert swap_ned_enu(points).shape == points.shape
    np.testing.assert_array_equal(swap_ned_enu(swap_ned_enu(points)), points)
    np.testing.assert_array_equal(swap_frd_flu(swap_frd_flu(points)), points)
    np.testing.assert_array_equal(swap_ned_enu(points)[2, 3], swap_ned_enu(points[2, 3]))


@pytest.mark.parametrize(
    ("airsim_yaw_deg", "enu_yaw_deg"),
    [(0, 90), (90, 0), (45, 45), (180, -90), (-90, 180)],  # clockwise from north; counter-clockwise from east
)
def test_airsims_yaw_in_our_frame(airsim_yaw_deg, enu_yaw_deg):
    yaw = yaw_of(swap_quaternion(quaternion_from_euler(0, 0, math.radians(airsim_yaw_deg))))
    assert wrap_angle(yaw - math.radians(enu_yaw_deg)) == pytest.approx(0, abs=1e-12)


def test_airsim_at_rest_facing_north_is_a_quarter_turn_in_our_frame():
    np.testing.assert_allclose(swap_quaternion([0, 0, 0, 1]), [0, 0, HALF, HALF], atol=1e-15)


@pytest.mark.parametrize("q", random_quaternions(10))
def test_swapped_quaternions_turn_swapped_vectors(q):
    body = np.array([0.3, -1.0, 2.0])  # FRD
    ned = rotation_matrix(q) @ body
    enu = rotation_matrix(swap_quaternion(q)) @ swap_frd_flu(body)
    np.testing.assert_allclose(enu, swap_ned_enu(ned), atol=1e-12)


@pytest.mark.parametrize("q", random_quaternions(10))
def test_swapping_a_quaternion_twice_gives_it_back(q):
    back = swap_quaternion(swap_quaternion(q))
    np.testing.assert_allclose(back * np.sign(back @ q), q, atol=1e-12)


def test_nose_up_in_airsim_is_nose_up_here():
    orientation = swap_quaternion(quaternion_from_euler(0, math.radians(20), 0))  # NED: positive pitch is nose up
    forward = rotation_matrix(orientation) @ [1, 0, 0]
    np.testing.assert_allclose(forward, [0, math.cos(math.radians(20)), math.sin(math.radians(20))], atol=1e-12)


@pytest.mark.parametrize(
    ("optical", "flu"),
    [((0, 0, 1), (1, 0, 0)), ((1, 0, 0), (0, -1, 0)), ((0, 1, 0), (0, 0, -1))],  # ahead, right, down
)
def test_optical_axes(optical, flu):
    np.testing.assert_array_equal(FLU_FROM_OPTICAL @ optical, flu)
    np.testing.assert_allclose(rotation_matrix(OPTICAL_QUATERNION), FLU_FROM_OPTICAL, atol=1e-15)


def test_rotations_agree_with_scipy():
    for a, b in zip(random_quaternions(20, 1), random_quaternions(20, 2), strict=True):
        np.testing.assert_allclose(rotation_matrix(a), Rotation.from_quat(a).as_matrix(), atol=1e-12)
        product = (Rotation.from_quat(a) * Rotation.from_quat(b)).as_matrix()
        np.testing.assert_allclose(rotation_matrix(quaternion_multiply(a, b)), product, atol=1e-12)
        yaw, pitch, roll = Rotation.from_quat(a).as_euler("ZYX")
        np.testing.assert_allclose(euler_of(a), (roll, pitch, yaw), atol=1e-9)
        assert yaw_of(a) == euler_of(a)[2]


def test_euler_angles_round_trip():
    rng = np.random.default_rng(3)
    for _ in range(50):
        angles = rng.uniform([-3.1, -1.5, -3.1], [3.1, 1.5, 3.1])
        np.testing.assert_allclose(euler_of(quaternion_from_euler(*angles)), angles, atol=1e-9)


@pytest.mark.parametrize("pitch", [math.pi / 2, -math.pi / 2])
def test_straight_up_and_down_stay_finite(pitch):
    assert np.isfinite(euler_of(quaternion_from_euler(0.3, pitch, 1.0))).all()


@pytest.mark.parametrize(
    ("angle", "wrapped"),
    [(0, 0), (math.pi, -math.pi), (-math.pi, -math.pi), (7, 7 - 2 * math.pi), (-100, -100 + 32 * math.pi)],
)
def test_angles_wrap_to_half_open_turn(angle, wrapped):
    assert wrap_angle(angle) == pytest.approx(wrapped, abs=1e-12)


def test_airsims_default_camera():
    camera = Intrinsics.from_fov(256, 144, 90.0)
    assert camera.fx == pytest.approx(128.0) and camera.fy == camera.fx
    assert (camera.cx, camera.cy) == (127.5, 71.5)
    rays = camera.rays()
    assert rays.shape == (144, 256, 3) and (rays[..., 2] == 1).all()
    np.testing.assert_allclose(rays[0, 0], [-127.5 / 128, -71.5 / 128, 1])
    np.testing.assert_allclose(rays.mean(axis=(0, 1)), [0, 0, 1], atol=1e-6)


def test_a_scaled_camera_sees_the_same_field():
    camera = Intrinsics.from_fov(256, 144, 90.0)
    assert camera.scaled(128, 72) == Intrinsics.from_fov(128, 72, 90.0)
    assert camera.scaled(128, 72).scaled(256, 144) == camera


def test_yaw_of_odometry_and_finiteness_of_commands():
    odometry = Odometry(0, np.zeros(3), quaternion_from_euler(0.1, 0.2, 0.7), np.zeros(3), np.zeros(3))
    assert odometry.yaw == pytest.approx(0.7)
    assert VelocityCommand.zero().finite
    assert not VelocityCommand(np.array([0, math.nan, 0])).finite
    assert not VelocityCommand(np.zeros(3), math.inf).finite
