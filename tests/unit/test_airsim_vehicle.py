"""What AirSimVehicle asks of a client and makes of its answers, with a client that is only a script."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from navisplit.airsim.connection import AirSimVehicle, between
from navisplit.airsim.images import decode_depth, decode_scene
from navisplit.airsim.mounts import measure_mount
from navisplit.airsim.transport import RPCError
from navisplit.errors import SimulatorError
from navisplit.frames import (
    Odometry,
    VelocityCommand,
    quaternion_from_euler,
    quaternion_multiply,
    rotation_matrix,
    swap_quaternion,
)


def xyz(x=0.0, y=0.0, z=0.0):
    return SimpleNamespace(x_val=x, y_val=y, z_val=z)


def xyzw(x=0.0, y=0.0, z=0.0, w=1.0):
    return SimpleNamespace(x_val=x, y_val=y, z_val=z, w_val=w)


def state(stamp_ns, position=(0, 0, 0), velocity=(0, 0, 0), orientation=(0, 0, 0, 1), rate=(0, 0, 0)):
    kinematics = SimpleNamespace(
        position=xyz(*position), orientation=xyzw(*orientation), linear_velocity=xyz(*velocity),
        angular_velocity=xyz(*rate),
    )  # fmt: skip
    return SimpleNamespace(timestamp=stamp_ns, kinematics_estimated=kinematics)


AIRSIM = SimpleNamespace(
    Vector3r=xyz,
    Quaternionr=xyzw,
    YawMode=lambda is_rate, value: (is_rate, value),
    ImageRequest=lambda *arguments: arguments,
    ImageType=SimpleNamespace(Scene=0),
    KinematicsState=SimpleNamespace,
)


class Script:
    """A client that answers from ``answers`` (a value, or a list of values in turn) and remembers its calls."""

    def __init__(self, **answers):
        self.answers = {"getServerVersion": 1, **answers}
        self.calls = []
        self.client = SimpleNamespace(close=lambda: self.calls.append(("close", (), {})))

    def __getattr__(self, name):
        def method(*arguments, **options):
            self.calls.append((name, arguments, options))
            answer = self.answers.get(name)
            answer = answer.pop(0) if isinstance(answer, list) else answer
            if isinstance(answer, Exception):
                raise answer
            return SimpleNamespace(join=lambda: None, get=lambda: answer) if name.endswith("Async") else answer

        return method

    def asked(self, name):
        return [(arguments, options) for called, arguments, options in self.calls if called == name]


def vehicle(origin=(100.0, 50.0, 2.0), name="Drone1", **answers):
    script = Script(**answers)
    return AirSimVehicle(script, AIRSIM, origin_enu=origin, vehicle_name=name), script


def test_odometry_turns_ned_and_frd_into_enu_and_flu():
    told = state(7, (1, 2, -3), (4, 5, -6), quaternion_from_euler(0, 0, 0.3).tolist(), (0.1, 0.2, 0.3))
    drone, script = vehicle(getMultirotorState=told)
    odometry = drone.odometry()
    assert odometry.stamp_ns == 7 and odometry.position.tolist() == [102.0, 51.0, 5.0]
    assert odometry.velocity.tolist() == [5.0, 4.0, 6.0] and odometry.angular_rate.tolist() == [0.1, -0.2, -0.3]
    assert odometry.yaw == pytest.approx(math.pi / 2 - 0.3)
    assert script.asked("getMultirotorState") == [(("Drone1",), {})]


def test_a_command_goes_out_in_ned_with_its_yaw_rate_clockwise_in_degrees():
    drone, script = vehicle()
    drone.send(VelocityCommand(np.array([1.0, 2.0, 3.0]), 0.5), 0.25)
    ((arguments, options),) = script.asked("moveByVelocityAsync")
    assert arguments == (2.0, 1.0, -3.0, 0.25)
    assert options == {"yaw_mode": (True, pytest.approx(-math.degrees(0.5))), "vehicle_name": "Drone1"}


def test_placing_takes_control_and_forgets_what_was_touched_before():
    drone, script = vehicle()
    drone.place((103.0, 54.0, 12.0), math.pi / 2)  # facing north
    names = [name for name, _, _ in script.calls]
    assert names[1:] == ["enableApiControl", "armDisarm", "simSetKinematics", "moveByVelocityAsync",
                         "simGetCollisionInfo"]  # fmt: skip
    (((kinematics, ignore, name), _),) = script.asked("simSetKinematics")
    place, turn = kinematics.position, kinematics.orientation
    assert (place.x_val, place.y_val, place.z_val, ignore, name) == (4.0, 3.0, -10.0, True, "Drone1")
    assert abs(turn.w_val) == pytest.approx(1.0)
    assert vars(kinematics.linear_velocity) == vars(kinematics.angular_acceleration) == vars(xyz())


@pytest.mark.parametrize(
    ("act", "name"),
    [
        (lambda drone: drone.odometry(), "getMultirotorState"),
        (lambda drone: drone.collided(), "simGetCollisionInfo"),
        (lambda drone: drone.send(VelocityCommand.zero(), 1.0), "moveByVelocityAsync"),
        (lambda drone: drone.takeoff(), "enableApiControl"),
        (lambda drone: drone.land(), "landAsync"),
        (lambda drone: drone.hover(), "hoverAsync"),
        (lambda drone: drone.pause(True), "simPause"),
        (lambda drone: drone.continue_for(1.0), "simContinueForTime"),
        (lambda drone: drone.camera(), "simGetVehiclePose"),
    ],
)
def test_whatever_the_simulator_refuses_is_a_simulator_error_with_its_words(act, name):
    drone, _ = vehicle(**{name: RPCError("rpclib: no such thing")})
    with pytest.raises(SimulatorError, match="failed: rpclib: no such thing"):
        act(drone)


def pictured(turn, position, stamp_ns, rgb=(10, 20, 30)):
    return SimpleNamespace(
        time_stamp=stamp_ns, camera_position=xyz(*position), camera_orientation=xyzw(*turn), height=1, width=1,
        image_data_uint8=bytes(rgb), message="",
    )  # fmt: skip


def test_the_pose_of_a_picture_is_the_bodys_whatever_the_cameras_mount():
    body = quaternion_from_euler(0.1, -0.2, 0.7)
    mount, offset = quaternion_from_euler(0.0, -math.pi / 2, 0.3), np.array([0.2, 0.1, -0.05])
    position = np.array([4.0, -3.0, -9.0])
    at, turn = position + rotation_matrix(body) @ offset, quaternion_multiply(body, mount)
    home = SimpleNamespace(position=xyz(), orientation=xyzw())
    info = SimpleNamespace(pose=SimpleNamespace(position=xyz(*offset), orientation=xyzw(*mount)))
    drone, script = vehicle(
        simIsPause=False, simGetVehiclePose=home, simGetCameraInfo=info,
        getMultirotorState=[state(100, velocity=(0, 0, 0)), state(200, velocity=(8, 0, 0))] * 2,
        simGetImages=[[pictured(turn, at, 175)], [pictured(turn, at, 150)]],
    )  # fmt: skip
    stamp_ns, rgb, odometry = drone.camera("3")
    assert stamp_ns == odometry.stamp_ns == 175 and rgb.tolist() == [[[30, 20, 10]]]
    assert odometry.position == pytest.approx([97.0, 54.0, 11.0])
    assert odometry.orientation == pytest.approx(swap_quaternion(body))
    assert odometry.velocity == pytest.approx([0.0, 6.0, 0.0])  # three quarters of the way between two states
    drone.camera("3")
    assert len(script.asked("simGetCameraInfo")) == 1  # mounts are measured once


@pytest.mark.parametrize("was_paused", [True, False])
def test_measuring_a_mount_leaves_the_clock_as_it_was_even_when_it_fails(was_paused):
    drone, script = vehicle(simIsPause=was_paused, simGetVehiclePose=None, simGetCameraInfo=RPCError("no camera"))
    with pytest.raises(SimulatorError, match="no camera"):
        drone.camera("nose")
    assert [arguments for arguments, _ in script.asked("simPause")] == ([] if was_paused else [(True,), (False,)])


def test_a_mount_is_measured_again_when_time_has_passed_between_the_two_poses():
    still, moved = (SimpleNamespace(position=xyz(x), orientation=xyzw()) for x in (0.0, 0.1))
    info = SimpleNamespace(pose=SimpleNamespace(position=xyz(0.5), orientation=xyzw()))
    _, script = vehicle(simIsPause=True, simGetVehiclePose=[still, moved, still, still], simGetCameraInfo=info)
    assert measure_mount(script, "0", "").position == pytest.approx([0.5, 0.0, 0.0])
    assert len(script.asked("simGetCameraInfo")) == 2


def test_cosys_pictures_are_not_turned_around():
    pose = SimpleNamespace(position=xyz(), orientation=xyzw())
    drone, _ = vehicle(
        getServerVersion=4, simIsPause=False, simGetVehiclePose=pose, simGetCameraInfo=SimpleNamespace(pose=pose),
        getMultirotorState=[state(1), state(2)], simGetImages=[[pictured((0, 0, 0, 1), (0, 0, 0), 1)]],
    )  # fmt: skip
    assert drone.camera()[1].tolist() == [[[10, 20, 30]]]


@pytest.mark.parametrize(
    ("speed", "normal", "hit"),
    [(0.5, (0, 0, -1), False), (4.0, (0, 0, -1), True), (0.5, (1, 0, 0), True), (0.5, (0, 0, 1), True)],
    ids=["landing", "crash", "wall", "ceiling"],
)
def test_only_a_slow_touch_of_the_floor_is_no_collision(speed, normal, hit):
    info = SimpleNamespace(
        has_collided=True, time_stamp=50, normal=xyz(*normal), position=xyz(1, 2, -3), object_name="x",
        penetration_depth=0.02,
    )  # fmt: skip
    drone, _ = vehicle(
        getMultirotorState=[state(40, velocity=(0, 0, speed)), state(60)], simGetCollisionInfo=info
    )  # fmt: skip
    drone.odometry(), drone.odometry()  # after the touch it is at rest: the speed before it counts
    collision = drone.collided()
    assert collision.has_collided is hit
    assert collision.position.tolist() == [102.0, 51.0, 5.0] and collision.normal[2] == -normal[2]


def test_interpolation_never_leaves_the_two_states():
    first, last = (
        Odometry(stamp, np.full(3, v), np.array([0, 0, 0, 1.0]), np.full(3, v), np.zeros(3))
        for stamp, v in ((100, 1.0), (200, 2.0))
    )
    for stamp_ns, value in ((0, 1.0), (100, 1.0), (125, 1.25), (200, 2.0), (900, 2.0)):
        assert between(first, last, stamp_ns).velocity[0] == between(first, last, stamp_ns).position[0] == value
        assert between(first, last, stamp_ns).stamp_ns == stamp_ns


def test_depth_is_rows_of_metres_and_a_wrong_size_is_refused():
    whole = SimpleNamespace(height=2, width=3, image_data_float=[1, 2, 3, 4, 5, 6])
    depth = decode_depth(whole)
    assert depth.dtype == np.float32 and depth.tolist() == [[1, 2, 3], [4, 5, 6]]
    whole.image_data_float = whole.image_data_float[:-1]
    with pytest.raises(SimulatorError, match="expected 2x3 numbers, got 5"):
        decode_depth(whole)


def test_a_png_is_rgb_and_a_broken_one_is_refused():
    import cv2

    png = cv2.imencode(".png", np.uint8([[[1, 2, 3]] * 40] * 30))[1].tobytes()
    response = SimpleNamespace(height=30, width=40, image_data_uint8=png, message="")
    assert decode_scene(response)[5, 5].tolist() == [3, 2, 1]
    response.image_data_uint8 = png[:12]
    with pytest.raises(SimulatorError, match="got 12 bytes"):
        decode_scene(response)
