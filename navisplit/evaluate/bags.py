"""Recorded flights (MCAP bags of ``navisplit fly --record``): read without ROS, and scored as any flight is.

The messages go into the same ``FlightLog`` as in the air, by the times at which they were recorded.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from navisplit import wire
from navisplit.config import FlightConfig, from_mapping, to_mapping
from navisplit.errors import NaviSplitError, PacketError, UsageError, WorldError
from navisplit.evaluate.episode import Episode, Outcome
from navisplit.evaluate.flight_log import FlightLog
from navisplit.frames import Odometry, Vector, rotation_matrix
from navisplit.sim.worlds import Route, find_world

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery

DESCRIPTION, OUTCOME = "flight", "outcome"


@dataclass
class Seen:
    """One camera frame of a recording."""

    stamp_ns: int
    rgb: NDArray[np.uint8]  # (H, W, 3)
    depth: NDArray[np.float32] | None = None  # (72, 128) m, as the edge had it; None: not recorded
    command: Vector | None = None  # (3,) m/s ENU, the edge's answer
    branch: str = ""
    bytes: int = 0


@dataclass
class Recording:
    """A bag, read."""

    path: Path
    world: str  # name or file; empty: not known
    route: Route
    config: FlightConfig
    timeout_s: float | None = None
    frames: list[Seen] = field(default_factory=list)
    odometry: list[Odometry] = field(default_factory=list)
    model_hash: int = 0
    episode: Episode | None = None

    def pose_at(self, stamp_ns: int) -> Odometry:
        """The vehicle's state then, between the two recorded ones around it."""
        right = min(bisect_left(self.odometry, stamp_ns, key=lambda o: o.stamp_ns), len(self.odometry) - 1)
        after, before = self.odometry[right], self.odometry[max(right - 1, 0)]
        span = after.stamp_ns - before.stamp_ns
        share = float(np.clip((stamp_ns - before.stamp_ns) / span, 0.0, 1.0)) if span else 1.0
        turned = before.orientation * np.sign(before.orientation @ after.orientation or 1.0)
        orientation = (1 - share) * turned + share * after.orientation
        blend = {
            name: (1 - share) * getattr(before, name) + share * getattr(after, name)
            for name in ("position", "velocity", "angular_rate")
        }
        return Odometry(stamp_ns=stamp_ns, orientation=orientation / np.linalg.norm(orientation), **blend)


def describe(world: str, route: Route, config: FlightConfig, timeout_s: float | None) -> str:
    """What a flight was asked to be, as a recording carries it (JSON)."""
    ends = {"start": route.start.tolist(), "goal": route.goal.tolist()}
    limits = {"length_m": route.length_m, "min_z": route.min_z, "max_z": route.max_z}
    way = {"id": route.id, "start_yaw": route.start_yaw, **ends, **limits}
    return json.dumps({"world": world, "route": way, "config": to_mapping(config), "timeout_s": timeout_s})


def read_bag(path: Path, world: str = "") -> Recording:
    """The whole recording; ``world`` in place of the one that it names. Raises UsageError when it is no such bag."""
    messages = list(_messages(path))
    told = next((m.data for topic, _, m in messages if topic == DESCRIPTION), "")
    recording = _described(path, told, messages)
    if world:
        recording.world = world
    for topic, _, message in messages:
        _collect(recording, topic, message)
    if not recording.frames or not recording.odometry:
        missing = "camera/image_raw" if recording.odometry else "odom"
        raise UsageError(f"{path}: there is no message on {missing}; expected a bag of `navisplit fly --record`.")
    recording.episode = _score(recording, messages, load_world(recording))
    return recording


def load_world(recording: Recording) -> SceneQuery | None:
    """Geometry of the world that was flown in; None where it is not named or not on this machine."""
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds import load_scene

    if not recording.world:
        return None
    named = Path(recording.world)
    try:
        file = find_world(named if named.is_file() else named.stem if named.suffix else recording.world)
    except WorldError:
        return None
    return SceneQuery(load_scene(file))


def _messages(path: Path) -> Iterator[tuple[str, int, Any]]:
    """(topic within the vehicle's namespace, time of recording ns, message), in order."""
    from rosbags.highlevel import AnyReader, AnyReaderError
    from rosbags.rosbag2 import ReaderError
    from rosbags.typesys import Stores, get_typestore

    if not path.is_file():
        raise UsageError(f"--bag: {path} does not exist; expected an .mcap file of `navisplit fly --record`.")
    try:
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_KILTED)) as reader:
            spaces = sorted({c.topic.removesuffix("/odom") for c in reader.connections if c.topic.endswith("/odom")})
            if len(spaces) != 1:
                raise UsageError(f"--bag: {path} has the odometry of {spaces or 'no vehicle'}; expected one vehicle's.")
            for connection, time_ns, raw in reader.messages():
                topic = connection.topic.removeprefix(f"{spaces[0]}/")
                yield topic, time_ns, reader.deserialize(raw, connection.msgtype)
    except (AnyReaderError, ReaderError, OSError, ValueError, KeyError) as error:
        raise UsageError(f"--bag: {path} cannot be read as an MCAP bag: {error}") from error


def _described(path: Path, told: str, messages: list[tuple[str, int, Any]]) -> Recording:
    """The recording without its messages; of a bag that does not describe its flight, the goal is all there is."""
    if told:
        try:
            plan = json.loads(told)
            way = plan["route"]
            route = Route(**{**way, "start": np.array(way["start"]), "goal": np.array(way["goal"])})
            config = from_mapping(FlightConfig, plan["config"])
            return Recording(path, plan["world"], route, config, plan["timeout_s"])
        except (ValueError, KeyError, TypeError, NaviSplitError) as error:
            raise UsageError(f"{path}: its description of the flight cannot be read: {error}") from error
    goal = next((_xyz(m.pose.position) for topic, _, m in messages if topic == "goal_pose"), None)
    if goal is None:
        raise UsageError(f"{path}: neither a description of the flight nor a goal_pose is in it; expected one of them.")
    return Recording(path, "", Route(-1, goal, 0.0, goal), FlightConfig(), math.inf)  # its time limit is not known


def _collect(recording: Recording, topic: str, message: Any) -> None:
    """Pictures, depths and states, by the stamp of their frame."""
    if topic == "odom":
        recording.odometry.append(_odometry(message))
    elif topic == "camera/image_raw":
        recording.frames.append(Seen(_stamp(message), _picture(message)))
    elif topic in ("edge/depth", "edge/cmd_vel", "features"):
        frame = next((f for f in reversed(recording.frames) if f.stamp_ns == _stamp(message)), None)
        if frame is None:  # its picture was not recorded
            return
        if topic == "edge/depth":
            frame.depth = np.frombuffer(message.data, "<f4").reshape(message.height, message.width)
        elif topic == "edge/cmd_vel":
            frame.command = _xyz(message.twist.linear)
        else:
            frame.bytes += len(message.data)


def _score(recording: Recording, messages: list[tuple[str, int, Any]], query: SceneQuery | None) -> Episode:
    """The flight as it was judged in the air."""
    log = FlightLog(recording.route, recording.config, query=query, timeout_s=recording.timeout_s)
    verdict = None
    for topic, time_ns, message in messages:
        if topic == "answer":
            recording.model_hash = _model_hash(bytes(message.data)) or recording.model_hash
        _tell(log, topic, time_ns, message)
        verdict = log.judge(time_ns)
        if verdict is not None:
            break
    if not log.started:
        raise UsageError(f"{recording.path}: no command in it answers a frame; there is no flight to score.")
    return log.episode(*(verdict or _told_outcome(messages)))


def _told_outcome(messages: list[tuple[str, int, Any]]) -> tuple[Outcome, str]:
    """What the flight's own log said, of which the recording may lack the last messages."""
    told = next((m.data for topic, _, m in messages if topic == OUTCOME), "")
    try:
        values = json.loads(told)
        return Outcome(values["outcome"]), str(values["detail"])
    except (ValueError, KeyError, TypeError):
        return Outcome.ERROR, "the recording ends before the flight does"


def _tell(log: FlightLog, topic: str, time_ns: int, message: Any) -> None:
    """One message, as ``navisplit.nodes.mission_topics`` hears it."""
    if topic == "odom":
        log.on_odometry(_odometry(message), time_ns)
    elif topic == "features":
        log.on_packet(_stamp(message), len(message.data))
    elif topic == "branch":
        log.on_branch(message.data)
    elif topic == "cmd_vel":
        log.on_command(_stamp(message), time_ns)
    elif topic == "collision_object":
        log.on_collision(message.data)
    elif topic == "camera/image_raw":
        log.on_image(_picture(message))
    elif topic == "edge/depth":
        log.on_depth(np.frombuffer(message.data, "<f4").reshape(message.height, message.width))
    elif topic == "/diagnostics":
        for status in message.status:
            if status.name.endswith(": guard"):
                log.on_guard(status.message, {pair.key: int(pair.value) for pair in status.values})


def _model_hash(data: bytes) -> int:
    try:
        return wire.decode(data).model_hash
    except PacketError:  # signed with a key, or damaged
        return 0


def _stamp(message: Any) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def _xyz(vector: Any) -> Vector:
    return np.array([vector.x, vector.y, vector.z], float)


def _odometry(message: Any) -> Odometry:
    q, twist = message.pose.pose.orientation, message.twist.twist
    orientation = np.array([q.x, q.y, q.z, q.w])
    velocity = rotation_matrix(orientation) @ _xyz(twist.linear)
    return Odometry(_stamp(message), _xyz(message.pose.pose.position), orientation, velocity, _xyz(twist.angular))


def _picture(message: Any) -> NDArray[np.uint8]:
    if message.encoding not in ("rgb8", "bgr8"):
        raise UsageError(f"--bag: pictures have the encoding '{message.encoding}', expected rgb8 or bgr8.")
    rows = np.asarray(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * 3].reshape(message.height, message.width, 3)
    return np.array(pixels if message.encoding == "rgb8" else pixels[..., ::-1])
