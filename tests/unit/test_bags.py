"""A recorded flight is scored as it was in the air, and another branch sees exactly what was recorded."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from navisplit.config import FlightConfig
from navisplit.errors import UsageError
from navisplit.evaluate.bags import Recording, Seen, describe, read_bag
from navisplit.evaluate.crew import load_models
from navisplit.evaluate.episode import Outcome
from navisplit.evaluate.refly import Look, Truth, near_errors, recorded_looks, refly, score_all
from navisplit.evaluate.refly_report import section
from navisplit.frames import Odometry
from navisplit.sim.worlds import Route

TYPES = get_typestore(Stores.ROS2_KILTED)
LEVEL = np.array([0.0, 0.0, 0.0, 1.0])
ROUTE = Route(3, np.array([0.0, 0, 2]), 0.0, np.array([6.0, 0, 2]), 6.5, 0.5, 5.0)
CONFIG = FlightConfig(branch="b1")
START_NS = 10**9


def message(kind, **fields):
    return TYPES.types[kind](**fields), kind


def header(stamp_ns):
    stamp = TYPES.types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return TYPES.types["std_msgs/msg/Header"](stamp=stamp, frame_id="odom")


def vector(x, y, z, kind="Vector3"):
    return TYPES.types[f"geometry_msgs/msg/{kind}"](x=float(x), y=float(y), z=float(z))


def twist(vx):
    return TYPES.types["geometry_msgs/msg/Twist"](linear=vector(vx, 0, 0), angular=vector(0, 0, 0))


def odometry(stamp_ns, x):
    turn = TYPES.types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0)
    pose = TYPES.types["geometry_msgs/msg/Pose"](position=vector(x, 0, 2, "Point"), orientation=turn)
    with_spread = TYPES.types["geometry_msgs/msg/PoseWithCovariance"](pose=pose, covariance=np.zeros(36))
    speed = TYPES.types["geometry_msgs/msg/TwistWithCovariance"](twist=twist(2.0), covariance=np.zeros(36))
    return message(
        "nav_msgs/msg/Odometry", header=header(stamp_ns), child_frame_id="base_link", pose=with_spread, twist=speed
    )


def image(stamp_ns, pixels, encoding):
    data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
    height, width = pixels.shape[:2]
    return message(
        "sensor_msgs/msg/Image", header=header(stamp_ns), height=height, width=width, encoding=encoding,
        is_bigendian=0, step=len(data) // height, data=data,
    )  # fmt: skip


def text(data):
    return message("std_msgs/msg/String", data=data)


def frame(stamp_ns, x):
    """All messages of one camera frame, in the order in which they come."""
    rgb = np.full((144, 256, 3), 90, np.uint8)
    packet = message(
        "sensor_msgs/msg/CompressedImage", header=header(stamp_ns), format="navisplit/1", data=np.zeros(120, np.uint8)
    )
    command = message("geometry_msgs/msg/TwistStamped", header=header(stamp_ns), twist=twist(2.0))
    yield from (("odom", odometry(stamp_ns, x)), ("camera/image_raw", image(stamp_ns, rgb, "rgb8")))
    yield from (("branch", text("b1")), ("features", packet))
    yield from (("edge/depth", image(stamp_ns, np.full((72, 128), 9.0, np.float32), "32FC1")), ("cmd_vel", command))
    yield "edge/cmd_vel", command


def write_bag(path, *, frames=30, described=True, outcome="", hit_at=None):
    """A flight along x at 2 m/s, a frame each 0.1 s."""
    folder = path.with_suffix(".folder")
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}

        def write(topic, made, time_ns):
            value, kind = made
            if topic not in connections:
                connections[topic] = writer.add_connection(f"/drone_1/{topic}", kind, typestore=TYPES)
            writer.write(connections[topic], time_ns, TYPES.serialize_cdr(value, kind))

        if described:
            write("flight", text(describe("", ROUTE, CONFIG, None)), START_NS)
        for number in range(frames):
            stamp_ns = START_NS + number * 10**8
            for order, (topic, made) in enumerate(frame(stamp_ns, 0.2 * number)):
                write(topic, made, stamp_ns + order * 10**6)
            if number == hit_at:
                write("collision_object", text("tree_7"), stamp_ns + 10**7)
        if outcome:
            write("outcome", text(outcome), START_NS + frames * 10**8)
    (written,) = folder.glob("*.mcap")
    written.rename(path)
    return path


def test_a_recorded_flight_has_the_figures_that_it_had_in_the_air(tmp_path):
    recording = read_bag(write_bag(tmp_path / "f.mcap"))
    flown, m = recording.episode, recording.episode.metrics
    assert flown.outcome is Outcome.SUCCESS and (flown.route_id, m.shortest_m) == (3, 6.5)
    assert m.path_m == pytest.approx(4.0) and m.speed_max_mps == pytest.approx(2.0)
    assert flown.branch_use == {"b1": m.frames} and m.bytes_per_frame == 120.0
    assert recording.config == CONFIG and len(recording.frames) == 30
    seen = recording.frames[4]
    assert seen.depth.shape == (72, 128) and seen.depth[0, 0] == 9.0 and seen.command[0] == 2.0 and seen.bytes == 120


def test_a_hit_is_a_collision_and_a_bag_that_breaks_off_says_so(tmp_path):
    hit = read_bag(write_bag(tmp_path / "hit.mcap", hit_at=9)).episode
    assert hit.outcome is Outcome.COLLISION and hit.detail == "tree_7"
    short = read_bag(write_bag(tmp_path / "short.mcap", frames=8)).episode
    assert short.outcome is Outcome.ERROR and "ends before the flight" in short.detail
    told = json.dumps({"outcome": "timeout", "detail": "after 69 s"})
    assert read_bag(write_bag(tmp_path / "told.mcap", frames=8, outcome=told)).episode.outcome is Outcome.TIMEOUT


def test_what_is_no_bag_of_a_flight_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "junk.mcap").write_bytes(b"junk")
    for name, told in (("none.mcap", "does not exist"), ("junk.mcap", "cannot be read")):
        with pytest.raises(UsageError, match=told):
            read_bag(tmp_path / name)
    with pytest.raises(UsageError, match="neither a description of the flight nor a goal_pose"):
        read_bag(write_bag(tmp_path / "bare.mcap", described=False))


def recording(count=3):
    frames = [
        Seen(START_NS + i * 10**8, np.full((144, 256, 3), 90, np.uint8), np.full((72, 128), 4.0, np.float32),
             np.array([2.0, 0, 0]), "b1", 120)
        for i in range(count)
    ]  # fmt: skip
    states = [
        Odometry(START_NS + i * 2 * 10**8, np.array([0.4 * i, 0, 2]), LEVEL, np.zeros(3), np.zeros(3))
        for i in (0, 1, 2)
    ]
    return Recording(None, "", ROUTE, CONFIG, None, frames, states)


def truth(depth=4.0, count=3):
    return Truth(np.full((count, 72, 128), depth, np.float32), np.full((count, 72, 128), 20, np.uint8))


def test_a_pose_between_two_recorded_ones_lies_between_them():
    assert recording().pose_at(START_NS + 10**8).position == pytest.approx([0.2, 0, 2])
    assert recording().pose_at(START_NS + 10**10).position == pytest.approx([0.8, 0, 2])


def test_true_depth_flown_again_is_without_error_and_crosses_the_same_packets():
    config = dataclasses.replace(CONFIG, branch="oracle-depth")
    looks = refly(recording(), config, load_models(config), truth())
    assert all(look.bytes == 79 and (look.depth == 4.0).all() and look.command is not None for look in looks)
    with pytest.raises(UsageError, match="give it with --world"):
        refly(recording(), config, load_models(config), None)


def test_ways_of_seeing_are_compared_on_the_frames_that_all_answered():
    far = [Look("b0", 50, None if i == 2 else np.full((72, 128), 8.0, np.float32), None) for i in range(3)]
    looks = {"recorded": recorded_looks(recording()), "b0": far}
    rows = score_all(looks, recording(), truth())
    assert [(r["answered"], r["compared"]) for r in rows] == [(3, 2), (2, 2)]
    assert rows[0]["near_abs_rel"] == 0.0 and rows[0]["missed_rate"] == 0.0
    assert rows[1]["near_abs_rel"] == pytest.approx(1.0) and rows[1]["missed_rate"] == 1.0
    assert rows[1]["log_depth_from_recorded"] == pytest.approx(np.log(2.0))
    assert np.isnan(near_errors(far, truth())[2])
    page = section(recording(), looks, rows, truth())
    assert "near AbsRel" in page and page.count("alt='truth'") == 1 and "b0" in page
    assert "there is no truth" in section(recording(), looks, score_all(looks, recording(), None), None)
