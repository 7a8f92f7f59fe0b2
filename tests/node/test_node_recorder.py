"""The recorder and the messages: what is written reads back, bit for bit, and a slow disk costs messages, no flight."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from navisplit.config import CameraConfig, FleetConfig, FlightConfig, GuardConfig, PolicyConfig, TimingConfig
from navisplit.errors import ConfigError, UsageError
from navisplit.frames import Odometry, VelocityCommand, quaternion_from_euler
from navisplit.nodes import messages, qos
from navisplit.nodes.parameters import config_of, declare, declare_config, declare_optional_numbers
from navisplit.nodes.recorder import CAPACITY, TOPICS, Recorder
from navisplit.nodes.worker import WorkerNode


def read(bag):
    """(topic, message) of an MCAP file, by rosbags."""
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    with AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_KILTED)) as reader:
        return [(c.topic, t, reader.deserialize(raw, c.msgtype)) for c, t, raw in reader.messages()]


@pytest.fixture
def node(bench):
    return bench.start(WorkerNode, name="recording")


class Disk:
    """A writer that does what the test says."""

    def __init__(self, inner, write):
        self.inner, self.write = inner, write

    def close(self):
        self.inner.close()


def counted(recorder):
    """The entries that a recorder has written, from now on."""
    written, real = [], recorder._writer
    recorder._writer = Disk(real, lambda *entry: (real.write(*entry), written.append(entry)))
    return written


def test_every_byte_and_every_message_reads_back_in_order(bench, node, tmp_path):
    recorder = Recorder(node, tmp_path / "deep" / "f.mcap")
    recorder.listen()
    written = counted(recorder)
    features = bench.publisher(CompressedImage, "features", qos.PACKETS)
    branch = bench.publisher(String, "branch", qos.STATE)
    payloads = [bytes(range(n, n + 40)) for n in range(5)]
    for number, payload in enumerate(payloads):
        features(messages.feature_message(payload, 10**9 + number))
        branch(String(data=f"b{number}"))
        bench.spin_until(lambda n=number: len(written) == 2 * n + 2, "both written")
    recorder.close()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["f.mcap"]
    told = read(tmp_path / "deep" / "f.mcap")
    packets = [m for topic, _, m in told if topic == "/drone_1/features"]
    assert [p.data.tobytes() for p in packets] == payloads
    assert [messages.from_time(p.header.stamp) for p in packets] == [10**9 + n for n in range(5)]
    assert [m.data for topic, _, m in told if topic == "/drone_1/branch"] == [f"b{n}" for n in range(5)]
    stamps = [t for _, t, _ in told]
    assert stamps == sorted(stamps)


def test_what_was_latched_before_the_recording_is_in_the_bag(bench, node, tmp_path):
    publisher = bench.probe.create_publisher(PoseStamped, "goal_pose", qos.LATCHED)
    publisher.publish(messages.goal_message(np.array([1.0, 2, 3])))
    recorder = Recorder(node, tmp_path / "f.mcap")
    written = counted(recorder)
    recorder.listen()
    bench.spin_until(lambda: written, "the goal written")
    recorder.close()
    ((topic, _, goal),) = read(tmp_path / "f.mcap")
    assert topic == "/drone_1/goal_pose" and goal.pose.position.y == 2.0


def test_a_bag_that_is_there_or_was_left_unfinished_is_never_written_over(node, tmp_path):
    (tmp_path / "f.mcap").write_bytes(b"precious")
    (tmp_path / "g.mcap.partial").mkdir()
    for name in ("f.mcap", "g.mcap"):
        with pytest.raises(UsageError, match="exists already: choose another"):
            Recorder(node, tmp_path / name)
    assert (tmp_path / "f.mcap").read_bytes() == b"precious"


def test_a_slow_disk_loses_messages_and_never_holds_the_node_up(node, tmp_path):
    recorder = Recorder(node, tmp_path / "f.mcap")
    released, real = threading.Event(), recorder._writer
    connection = real.connections[0]

    def slow(*entry):
        released.wait(2)
        real.write(*entry)

    recorder._writer = Disk(real, slow)
    data = serialize_message(Image())
    for _ in range(CAPACITY + 10):
        recorder._put(connection, data)
    lost = recorder.lost
    released.set()
    recorder.close()
    assert 9 <= lost <= 10
    assert len(read(tmp_path / "f.mcap")) == CAPACITY + 10 - lost


@pytest.mark.fault(42, does="the recording ends, with an error in the log; the flight goes on")
def test_a_full_disk_ends_the_recording_and_not_the_flight(bench, node, tmp_path):
    recorder = Recorder(node, tmp_path / "f.mcap")

    def full(*entry):
        raise OSError("no space left")

    connection = recorder._writer.connections[0]
    recorder._writer = Disk(recorder._writer, full)
    recorder._put(connection, b"")
    bench.spin_until(lambda: recorder._stopped, "the writer's end")
    recorder._put(connection, b"")
    assert recorder._queue.empty() and not node.finished.done()
    recorder.close()
    assert (tmp_path / "f.mcap").is_file()


def test_every_topic_is_recorded_once():
    names = [name for name, _, _ in TOPICS]
    assert len(set(names)) == len(names)


# Messages and parameters ----------------------------------------------------------------------------------------------


def test_a_state_survives_the_way_through_a_message():
    there = Odometry(
        5_123_456_789, np.array([1.0, -2, 3]), quaternion_from_euler(0.1, -0.2, 2.0), np.array([3.0, 1, -0.5]),
        np.array([0.1, 0.2, 0.3]),
    )  # fmt: skip
    back = messages.odometry_from(messages.odometry_message(there))
    assert back.stamp_ns == there.stamp_ns
    for name in ("position", "orientation", "velocity", "angular_rate"):
        assert getattr(back, name) == pytest.approx(getattr(there, name)), name


def test_pictures_and_depth_survive_the_way_through_a_message():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (4, 6, 3), np.uint8)
    depth = rng.uniform(0, 50, (4, 6)).astype(np.float32)
    assert np.array_equal(messages.image_array(messages.image_message(rgb[::-1], 1, "c")), rgb[::-1])
    assert np.array_equal(messages.depth_array(messages.depth_message(depth.T, 1, "c")), depth.T)
    swapped = messages.image_message(rgb, 1, "c")
    swapped.encoding = "bgr8"
    assert np.array_equal(messages.image_array(swapped), rgb[..., ::-1])


def test_padded_rows_are_read_and_pictures_that_are_too_short_refused():
    padded = Image(height=2, width=1, encoding="rgb8", step=4, data=bytes([1, 2, 3, 0, 4, 5, 6, 0]))
    assert messages.image_array(padded).tolist() == [[[1, 2, 3]], [[4, 5, 6]]]
    padded.height = 3
    with pytest.raises(ValueError, match="8 bytes does not hold 1x3"):
        messages.image_array(padded)


@pytest.mark.parametrize(("frame", "expected"), [("odom", [2, 0, 1]), ("base_link", [0, 2, 1]), ("", [0, 2, 1])])
def test_a_command_is_understood_in_the_world_and_in_the_body(frame, expected):
    north = Odometry(0, np.zeros(3), quaternion_from_euler(0, 0, np.pi / 2), np.zeros(3), np.zeros(3))
    message = messages.command_message(VelocityCommand(np.array([2.0, 0, 1]), 0.3), 7)
    message.header.frame_id = frame
    command = messages.command_from(message, north)
    assert command.velocity == pytest.approx(np.array(expected, float), abs=1e-9) and command.yaw_rate == 0.3


def test_an_imu_in_steady_climb_feels_gravity_and_in_free_fall_nothing():
    still = np.array([0, 0, 0, 1.0])
    states = [
        Odometry(i * 10**8, np.zeros(3), still, np.array([0, 0, v]), np.zeros(3)) for i, v in ((1, 2.0), (2, 2.0))
    ]
    force = messages.imu_message(*states).linear_acceleration
    assert (force.x, force.y, force.z) == pytest.approx((0, 0, 9.80665))
    falling = Odometry(2 * 10**8, np.zeros(3), still, np.array([0, 0, 2.0 - 0.980665]), np.zeros(3))
    assert messages.imu_message(states[0], falling).linear_acceleration.z == pytest.approx(0.0, abs=1e-9)


def test_settings_become_parameters_with_their_checks(bench):
    good = bench.start(WorkerNode, {"guard.brake_after_s": 0.5, "live": "x"}, name="good")
    declare_config(good, GuardConfig, "guard")
    assert config_of(good, GuardConfig, "guard") == GuardConfig(brake_after_s=0.5)
    assert declare_optional_numbers(good, "start", "d") is None
    assert declare(good, "live", "", "d", live=True) == "x"
    assert not good.describe_parameter("live").read_only and good.describe_parameter("guard.brake_after_s").read_only
    (limits,) = good.describe_parameter("guard.brake_after_s").floating_point_range
    assert (limits.from_value, limits.to_value) == (0.001, 60.0)
    assert good.describe_parameter("guard.brake_after_s").description.endswith("over which the guard brakes, s")
    bad = bench.start(WorkerNode, {"guard.brake_after_s": 2.0, "flight.byte_weight": -1.0}, name="bad")
    declare_config(bad, GuardConfig, "guard")
    with pytest.raises(ConfigError, match="brake < hold < land"):
        config_of(bad, GuardConfig, "guard")
    with pytest.raises(ConfigError, match=r"flight.byte_weight: expected 0 or more, got -1.0. It is: the gate's price"):
        declare_config(bad, FlightConfig, "flight")


def test_every_setting_of_a_flight_is_described_and_its_default_is_in_range():
    from navisplit.nodes.settings import SETTINGS

    known = set()
    for cls in (FlightConfig, CameraConfig, GuardConfig, PolicyConfig, FleetConfig, TimingConfig):
        for field in dataclasses.fields(cls):
            default = getattr(cls(), field.name)
            if dataclasses.is_dataclass(default):
                continue
            known.add(f"{cls.__name__}.{field.name}")
            setting = SETTINGS[f"{cls.__name__}.{field.name}"]
            assert len(setting.description) > 10
            assert isinstance(default, (str, bool)) == (setting.low is None)
            if setting.low is not None:
                assert setting.low <= default <= (setting.high or default)
    assert known == set(SETTINGS)
