"""airsim_node: the vehicle as topics, and commands that do not outlive their sender."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import FakeVehicle
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Bool, String

from navisplit.errors import SimulatorError
from navisplit.frames import VelocityCommand
from navisplit.nodes import messages, qos
from navisplit.nodes.airsim_node import AirsimNode

START = {"start": [1.0, 2.0, 3.0, np.pi / 2]}


class Drone:
    """airsim_node over a stand-in vehicle."""

    def __init__(self, bench, parameters: dict | None = None) -> None:
        self.bench = bench
        self.vehicle = FakeVehicle()
        self.asked: list[tuple] = []
        self.node = bench.start(AirsimNode, START if parameters is None else parameters, connect=self._connect)
        self.command = bench.publisher(TwistStamped, "cmd_vel", qos.SENSOR)

    def _connect(self, *arguments: object) -> FakeVehicle:
        self.asked.append(arguments)
        return self.vehicle

    def fly(self, frame: str, velocity: tuple[float, float, float]) -> VelocityCommand:
        self.bench.spin_until(lambda: self.node._odometry is not None, "odometry")
        message = messages.command_message(VelocityCommand(np.array(velocity), 0.2), 0)
        message.header.frame_id = frame
        self.command(message)
        self.bench.spin_until(lambda: self.vehicle.commands, "the command")
        return self.vehicle.commands[0][0]


def test_odometry_has_its_twist_in_the_body_frame(bench):
    drone = Drone(bench)
    heard = bench.heard(OdometryMessage, "odom", qos.SENSOR)
    drone.fly("odom", (0.0, 2.0, 0.0))  # north, which is ahead for a vehicle that looks north
    bench.spin_until(lambda: heard and heard[-1].twist.twist.linear.x > 1.9, "the speed")
    message = heard[-1]
    assert (message.header.frame_id, message.child_frame_id) == ("odom", "base_link")
    assert message.twist.twist.linear.y == pytest.approx(0.0, abs=1e-6)
    back = messages.odometry_from(message)
    np.testing.assert_allclose(back.velocity, [0.0, 2.0, 0.0], atol=1e-6)
    assert back.yaw == pytest.approx(np.pi / 2)


def test_pictures_are_rgb_with_the_intrinsics_and_odometry_of_their_stamp(bench):
    Drone(bench)
    pictures = bench.heard(Image, "camera/image_raw", qos.SENSOR)
    infos = bench.heard(CameraInfo, "camera/camera_info", qos.SENSOR)
    every = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)  # none overtakes another
    states = bench.heard(OdometryMessage, "odom", every)
    bench.spin_until(lambda: len(pictures) > 3 and infos and states, "pictures")
    picture = pictures[-1]
    assert (picture.encoding, picture.width, picture.height) == ("rgb8", 256, 144)
    assert messages.image_array(picture)[1, 1].tolist() == [200, 0, 0]
    assert picture.header.frame_id == infos[-1].header.frame_id == "camera_optical"
    assert infos[-1].k[0] == pytest.approx(128.0)

    def stamps(heard: list) -> set[int]:
        return {messages.from_time(message.header.stamp) for message in heard}

    bench.spin_until(lambda: stamps(states) & stamps(pictures), "the odometry of a picture")


def test_imu_measures_gravity_and_clock_follows_the_vehicle(bench):
    drone = Drone(bench)
    imus = bench.heard(Imu, "imu", qos.SENSOR)
    clocks = bench.heard(Clock, "/clock", qos.SENSOR)
    bench.spin_until(lambda: imus and clocks, "imu and clock")
    assert imus[-1].linear_acceleration.z == pytest.approx(9.80665)
    assert abs(messages.from_time(clocks[-1].clock) - drone.vehicle.odometry().stamp_ns) < 5e9


@pytest.mark.parametrize(
    ("frame", "velocity"),
    [("odom", (0.0, 2.0, 0.0)), ("map", (0.0, 2.0, 0.0)), ("base_link", (2.0, 0.0, 0.0)), ("", (2.0, 0.0, 0.0))],
)
def test_commands_are_taken_in_the_world_and_in_the_body_frame(bench, frame, velocity):
    drone = Drone(bench)
    command = drone.fly(frame, velocity)
    np.testing.assert_allclose(command.velocity, [0.0, 2.0, 0.0], atol=1e-6)
    assert command.yaw_rate == pytest.approx(0.2)


def test_a_command_dies_soon_after_its_sender(bench):
    drone = Drone(bench)
    drone.fly("odom", (1.0, 0.0, 0.0))
    assert 0 < drone.vehicle.commands[0][1] <= 0.3


@pytest.mark.parametrize(("frame", "value"), [("camera_optical", 1.0), ("odom", float("nan"))])
def test_a_command_in_a_strange_frame_or_not_finite_is_dropped(bench, frame, value):
    drone = Drone(bench)
    bench.spin_until(lambda: drone.node._odometry is not None, "odometry")
    message = messages.command_message(VelocityCommand(np.array([value, 0.0, 0.0])), 0)
    message.header.frame_id = frame
    drone.command(message)
    bench.spin_for(0.2)
    assert not drone.vehicle.commands


def test_a_flight_starts_where_the_route_does_or_takes_off(bench):
    placed = Drone(bench, START)
    bench.spin_until(lambda: placed.node._odometry is not None, "odometry")
    np.testing.assert_allclose(placed.node._odometry.position, [1.0, 2.0, 3.0])
    assert not placed.vehicle.took_off


def test_without_a_start_it_takes_off_from_where_it_is(bench):
    drone = Drone(bench, {"origin": [5.0, 6.0, 0.5], "port": 5})
    bench.spin_until(lambda: drone.vehicle.took_off, "the take-off")
    assert drone.asked == [("127.0.0.1", 5, 30.0, [5.0, 6.0, 0.5], "")]


def frame_sent(drone: Drone, branch: str, stamp_ns: int, *sizes: int) -> None:
    features = drone.bench.publisher(CompressedImage, "features", qos.PACKETS)
    for size in sizes:
        features(messages.feature_message(bytes(size), stamp_ns))
        drone.bench.spin_for(0.05)  # best effort, depth 1
    drone.bench.publisher(String, "branch", qos.STATE)(String(data=branch))


def test_branch_and_bytes_are_written_on_the_simulators_screen(bench):
    drone = Drone(bench, {**START, "show_branch": True})
    bench.spin_until(lambda: drone.node._odometry is not None, "odometry")
    frame_sent(drone, "b2", 5, 1200, 300)
    bench.spin_until(lambda: ("branch: ", "b2") in drone.vehicle.screen, "the branch")
    assert ("sent: ", "1500 B") in drone.vehicle.screen
    frame_sent(drone, "skip", 6)
    bench.spin_until(lambda: drone.vehicle.screen[-1] == ("sent: ", "0 B"), "the skipped frame")


def test_a_simulator_without_a_screen_ends_no_flight(bench):
    drone = Drone(bench, {**START, "show_branch": True})
    drone.vehicle.blind = True
    bench.spin_until(lambda: drone.node._odometry is not None, "odometry")
    frame_sent(drone, "b2", 5, 300)
    bench.spin_for(0.2)
    assert not drone.node.finished.done()


def test_a_collision_is_told_to_who_comes_later_too(bench):
    drone = Drone(bench)
    drone.vehicle.hit = "moving_person_00"
    bench.spin_for(0.3)
    heard, named = bench.heard(Bool, "collision", qos.LATCHED), bench.heard(String, "collision_object", qos.LATCHED)
    bench.spin_until(lambda: heard and heard[-1].data and named, "the collision")
    assert named[-1].data == "moving_person_00"


@pytest.mark.fault(16, does="the vehicle's node ends with the error, and the flight with it")
def test_a_dead_simulator_ends_the_node_with_its_error(bench):
    drone = Drone(bench)
    bench.spin_until(lambda: drone.node._odometry is not None, "odometry")
    drone.vehicle.dead = True
    with pytest.raises(SimulatorError):  # from the timer, or through the camera's thread
        bench.spin_until(drone.node.finished.done, "the end")
        drone.node.finished.result()


@pytest.mark.fault(46, does="the subscriber is told, and nothing comes")
def test_a_subscriber_whose_qos_does_not_fit_hears_of_it(bench):
    Drone(bench)
    events = []
    from rclpy.event_handler import SubscriptionEventCallbacks

    bench.probe.create_subscription(
        Image,
        "camera/image_raw",
        lambda _: pytest.fail("nothing can arrive"),
        QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE),
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=events.append),
    )
    bench.spin_until(lambda: events, "the event")
