"""Lifecycle: nodes wait where they are told to, are silent while inactive, and say why they cannot do what is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fakes import MODEL_HASH, FakeTail, FakeVehicle, StraightOn, onboard
from geometry_msgs.msg import TwistStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import UInt8MultiArray

from navisplit import __version__, wire
from navisplit.errors import ModelError, SimulatorError
from navisplit.frames import VelocityCommand
from navisplit.nodes import messages, qos
from navisplit.nodes.airsim_node import AirsimNode
from navisplit.nodes.guard_node import GuardNode
from navisplit.nodes.head_node import HeadNode
from navisplit.nodes.link_node import LinkNode
from navisplit.nodes.mission_node import MissionNode
from navisplit.nodes.peers import Half
from navisplit.nodes.tail_node import TailNode
from navisplit.nodes.worker import WorkerNode
from tests.attacks.packets import features

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEANUP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
START = {"start": [0.0, 0.0, 2.0, 0.0]}
EAST = VelocityCommand(np.array([2.0, 0.0, 0.0]))


class Manager:
    """What `ros2 lifecycle` does, by the same services."""

    def __init__(self, bench, node: str) -> None:
        self.bench = bench
        self._change = bench.probe.create_client(ChangeState, f"{node}/change_state")
        self._get = bench.probe.create_client(GetState, f"{node}/get_state")

    def _call(self, client: Any, request: Any) -> Any:
        self.bench.spin_until(client.service_is_ready, "the service")
        answer = client.call_async(request)
        self.bench.spin_until(answer.done, "the answer")
        return answer.result()

    def set(self, number: int) -> bool:
        return self._call(self._change, ChangeState.Request(transition=Transition(id=number))).success

    @property
    def state(self) -> str:
        return self._call(self._get, GetState.Request()).current_state.label


class Statuses:
    """The newest status of each part."""

    def __init__(self, bench) -> None:
        self.bench, self.newest = bench, {}
        bench.probe.create_subscription(DiagnosticArray, "/diagnostics", self._hear, qos.STATE)

    def _hear(self, array: DiagnosticArray) -> None:
        for status in array.status:
            self.newest[status.name.partition(": ")[2]] = status

    def until(self, part: str, text: str) -> DiagnosticStatus:
        """The first status of a part whose message holds ``text``."""
        self.bench.spin_until(lambda: part in self.newest and text in self.newest[part].message, f"{part}: {text}")
        return self.newest[part]


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


MAKERS: dict[str, Any] = {
    "airsim_node": lambda b, p: b.start(AirsimNode, {**START, **p}, connect=lambda *_: FakeVehicle()),
    "head_node": lambda b, p: b.start(HeadNode, {"branch": "b0", **p}, load=onboard),
    "guard_node": lambda b, p: b.start(GuardNode, p),
    "tail_node": lambda b, p: b.start(TailNode, p, load=lambda _: (FakeTail(), MODEL_HASH), policy=StraightOn),
    "link_node": lambda b, p: b.start(LinkNode, p),
    "mission_node": lambda b, p: b.start(MissionNode, {"goal": [9.0, 0.0, 2.0], **p}, query_of=lambda _: None),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_node_waits_for_a_manager_where_it_is_told_to_and_goes_the_whole_round_twice(bench, tmp_path, name):
    statuses = Statuses(bench)
    node = MAKERS[name](bench, {"autostart": False} | ({"out": str(tmp_path)} if name == "mission_node" else {}))
    manager = Manager(bench, name)
    assert manager.state == "unconfigured"
    part = name.removesuffix("_node")
    statuses.until(part, "unconfigured")
    assert not manager.set(ACTIVATE)
    for _ in range(2):
        for number, state in ((CONFIGURE, "inactive"), (ACTIVATE, "active"), (DEACTIVATE, "inactive")):
            assert manager.set(number)
            assert manager.state == state
            assert values(statuses.until(part, "" if state == "active" else state))["version"] == __version__
        assert manager.set(CLEANUP)
        assert manager.state == "unconfigured"
        assert not node._alive and not node._traffic.publishers
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", MAKERS)
def test_a_deactivated_node_publishes_nothing_but_what_it_says_of_itself(bench, tmp_path, name):
    node = MAKERS[name](bench, {"out": str(tmp_path)} if name == "mission_node" else {})
    assert node.state == "active"
    node.trigger_deactivate()
    bench.spin_for(0.1)
    before = {topic: publisher.count for topic, publisher in node._traffic.publishers.items()}
    assert before
    for publisher in node._traffic.publishers.values():
        publisher.publish(publisher.msg_type())
    bench.spin_for(0.3)
    assert {topic: publisher.count for topic, publisher in node._traffic.publishers.items()} == before


def test_a_manager_may_end_a_node(bench):
    node = MAKERS["guard_node"](bench, {})
    manager = Manager(bench, "guard_node")
    assert manager.set(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert manager.state == "finalized"
    assert node.finished.done() and node.finished.exception() is None


# Why it cannot --------------------------------------------------------------------------------------------------------


def no_models(_: Any) -> Any:
    raise ModelError("There is no branch set 'mine'.")


def no_simulator(*_: Any) -> Any:
    raise SimulatorError("No AirSim answers on 127.0.0.1:41451.")


CANNOT: dict[str, tuple[Any, str]] = {
    "head: missing model": (lambda b: b.start(HeadNode, {"autostart": False}, load=no_models), "no branch set 'mine'"),
    "tail: missing model": (lambda b: b.start(TailNode, {"autostart": False}, load=no_models), "no branch set 'mine'"),
    "airsim: nobody there": (lambda b: b.start(AirsimNode, {"autostart": False}, connect=no_simulator), "No AirSim"),
    "head: bad branch": (
        lambda b: b.start(HeadNode, {"autostart": False, "branch": "b9"}, load=onboard),
        "no branch 'b9'",
    ),
    "guard: bad parameter": (
        lambda b: b.start(GuardNode, {"autostart": False, "guard.brake_after_s": 2.0}),
        "brake < hold < land",
    ),
    "link: bad profile": (lambda b: b.start(LinkNode, {"autostart": False, "profile": "lora-wan"}), "lora"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_a_configure_that_fails_says_why_on_the_log_in_the_diagnostics_and_to_the_manager(bench, capfd, case):
    statuses = Statuses(bench)
    start, why = CANNOT[case]
    node = start(bench)
    manager = Manager(bench, node.get_name())
    assert not manager.set(CONFIGURE)
    assert manager.state == "unconfigured"
    status = statuses.until(case.partition(":")[0], why)
    assert status.level == DiagnosticStatus.ERROR
    assert why in values(status)["last error"]
    assert why in capfd.readouterr().err
    assert not node._traffic.publishers


def test_an_activation_that_fails_leaves_the_node_inactive_and_says_why(bench):
    class Stuck(FakeVehicle):
        def takeoff(self) -> None:
            raise SimulatorError("takeoff: API control is not enabled.")

    statuses = Statuses(bench)
    node = bench.start(AirsimNode, {"autostart": False}, connect=lambda *_: Stuck())
    manager = Manager(bench, "airsim_node")
    assert manager.set(CONFIGURE)
    assert not manager.set(ACTIVATE)
    assert manager.state == "inactive"
    statuses.until("airsim", "takeoff: API control is not enabled")
    assert not node._alive


def test_what_was_wrong_can_be_set_right_and_configured_again(bench):
    node = bench.start(GuardNode, {"autostart": False, "guard.brake_after_s": 2.0})
    manager = Manager(bench, "guard_node")
    assert not manager.set(CONFIGURE)
    (result,) = node.set_parameters([Parameter("guard.brake_after_s", value=0.3)])
    assert result.successful
    assert manager.set(CONFIGURE) and node._guard.config.brake_after_s == 0.3


# Parameters -----------------------------------------------------------------------------------------------------------


def test_a_refused_live_change_says_why_and_what_would_be_accepted(bench):
    node = MAKERS["head_node"](bench, {})
    wanted = {"guard.brake_after_s": 0.3, "max_frame_bytes": -1, "branch": "b7"}
    said = {n: node.set_parameters([Parameter(n, value=v)])[0] for n, v in wanted.items()}
    assert not any(result.successful for result in said.values())
    fixed = said["guard.brake_after_s"].reason
    assert "stays 0.25: it is read when the node is configured, and the node is active" in fixed
    assert "ros2 lifecycle set /drone_1/head_node cleanup" in fixed
    assert "Min: 0" in said["max_frame_bytes"].reason
    assert "Known: b0, b1, gate" in said["branch"].reason
    assert node.set_parameters([Parameter("max_frame_bytes", value=500)])[0].successful
    assert node._onboard.max_frame_bytes == 500


def test_a_refused_change_changes_nothing_of_what_was_asked_with_it(bench):
    node = MAKERS["head_node"](bench, {})
    both = [Parameter("branch", value="b1"), Parameter("camera.rate_hz", value=5.0)]
    assert not node.set_parameters_atomically(both).successful
    assert node.get_parameter("branch").value == "b0"
    assert node._onboard.gate.choose(None) == "b0"


@pytest.mark.parametrize("name", MAKERS)
def test_every_parameter_is_described_and_read_only_where_it_cannot_change_in_flight(bench, tmp_path, name):
    node = MAKERS[name](bench, {"out": str(tmp_path)} if name == "mission_node" else {})
    live = {"head_node": {"branch", "max_frame_bytes"}, "link_node": {"profile"}}.get(name, {"faults"})
    ours = [p for p in node._parameters if p not in ("use_sim_time", "start_type_description_service")]
    assert len(ours) > 1
    for parameter in ours:
        descriptor = node.describe_parameter(parameter)
        assert len(descriptor.description) > 10, parameter
        assert descriptor.read_only == (parameter not in live), parameter


# The guard ------------------------------------------------------------------------------------------------------------


def test_a_deactivated_guard_brakes_and_the_vehicle_holds_where_it_is(bench):
    vehicle = FakeVehicle()
    hovered = []
    vehicle.hover = lambda: hovered.append(True)
    bench.start(AirsimNode, START, connect=lambda *_: vehicle)
    now_ns = [10**9]
    guard = bench.start(GuardNode, {}, now_ns=lambda: now_ns[0])
    left, came = (
        bench.publisher(CompressedImage, "features", qos.PACKETS),
        bench.publisher(UInt8MultiArray, "answer", qos.PACKETS),
    )
    stamp_ns = 0

    def answer() -> None:
        nonlocal stamp_ns
        stamp_ns, now_ns[0] = stamp_ns + 1, now_ns[0] + 50_000_000
        left(messages.feature_message(wire.encode(features(stamp_ns=stamp_ns, model_hash=MODEL_HASH)), stamp_ns))
        bench.spin_until(lambda: guard._sent_ns == stamp_ns, "the frame noted")
        accepted = guard._guard.counters.accepted
        packet = wire.AnswerPacket(MODEL_HASH, 0, stamp_ns, EAST, 5.0, 1.0, 0, 1)
        came(messages.answer_message(wire.encode(packet)))
        bench.spin_until(lambda: guard._guard.counters.accepted > accepted, "the answer")

    while vehicle.odometry().velocity[0] < 1.9:
        answer()
    hovered.clear()
    guard.trigger_deactivate()
    bench.spin_until(lambda: vehicle.odometry().velocity[0] == 0.0, "the vehicle at rest", timeout_s=3.0)
    stopped = vehicle.odometry().position.copy()
    bench.spin_until(lambda: hovered, "the hover")
    sent = len(vehicle.commands)
    bench.spin_for(0.6)
    assert len(vehicle.commands) == sent
    np.testing.assert_array_equal(vehicle.odometry().position, stopped)
    guard.trigger_activate()
    bench.spin_until(lambda: len(vehicle.commands) > sent, "a command")
    assert not vehicle.commands[-1][0].velocity.any()
    now_ns[0] += 6 * 10**9  # it has flown before: silence counts
    bench.spin_until(lambda: guard._stage is not None and guard._stage.value == "land", "the landing")


def test_a_vehicle_whose_guard_has_died_holds_when_its_last_command_is_over(bench):
    vehicle, hovered = FakeVehicle(), []
    node = bench.start(AirsimNode, {**START, "command_s": 0.2}, connect=lambda *_: vehicle)
    statuses = Statuses(bench)
    vehicle.hover = lambda: hovered.append(vehicle.odometry().stamp_ns)
    command = bench.publisher(TwistStamped, "cmd_vel", qos.SENSOR)
    command(messages.command_message(EAST, 0))
    bench.spin_until(lambda: vehicle.commands, "the command")
    assert not node._holding and not hovered
    bench.spin_until(lambda: hovered, "the hover", timeout_s=3.0)
    assert not vehicle.commands[-1][0].velocity.any()
    statuses.until("airsim", "holding: no command for 0.2 s")


def test_answers_of_another_model_are_refused_with_both_named(bench, capfd):
    statuses = Statuses(bench)
    guard = MAKERS["guard_node"](bench, {})
    left = bench.publisher(CompressedImage, "features", qos.PACKETS)
    state = wire.VehicleState(np.zeros(3), np.array([0.0, 0, 0, 1]), np.zeros(3), np.zeros(3))
    packet = wire.FeaturePacket(MODEL_HASH, 0, 0, 0, 5, 0, 1, (1, 2, 2), state, b"slice")
    left(messages.feature_message(wire.encode(packet), 5))
    bench.spin_until(lambda: guard._sent_ns == 5, "the frame")
    answer = wire.AnswerPacket(0x77, 0, 5, EAST, 5.0, 1.0, 0, 1)
    bench.publisher(UInt8MultiArray, "answer", qos.PACKETS)(messages.answer_message(wire.encode(answer)))
    bench.spin_until(lambda: guard._guard.counters.refused["other model"] == 1, "the refusal")
    bench.spin_until(lambda: values(statuses.until("guard", "")).get("refused: other model") == "1", "the figure")
    assert "00000077" in values(statuses.newest["guard"])["last error"]
    said = capfd.readouterr().err
    assert "edge has branch set 00000077, the vehicle abcd1234" in said


# The two halves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("models", "found"), [(0x77, "(00000077)"), (MODEL_HASH, None)])
def test_halves_that_do_not_fit_say_so_on_both_sides_with_both_versions(bench, capfd, models, found):
    statuses = Statuses(bench)
    MAKERS["head_node"](bench, {})
    bench.start(TailNode, {"models": "theirs"}, load=lambda _: (FakeTail(), models), policy=StraightOn)
    if found is None:
        statuses.until("tail", "waiting for features")
        bench.spin_for(1.5)
        assert "theirs" not in statuses.newest["head"].message
        return
    for part in ("head", "tail"):
        status = statuses.until(part, found)
        assert status.level == DiagnosticStatus.ERROR
        assert f"'default' ({MODEL_HASH:08x}), NaviSplit {__version__}" in status.message
    assert capfd.readouterr().err.count("run the same on both") == 2


def test_halves_of_another_packet_version_do_not_fit_and_those_of_another_release_do():
    ours = Half("default", "0000abcd")
    assert not ours.fits(Half("default", "0000abcd", packets="2"))
    assert not ours.fits(Half("default", "0000abce"))
    assert ours.fits(Half("copy", "0000abcd", version="9.9"))
    assert Half.read({**ours.values, "version": __version__}) == ours and Half.read({"models": "x"}) is None


def test_a_packet_of_another_version_is_refused_at_once_with_both_versions(bench):
    statuses = Statuses(bench)
    MAKERS["tail_node"](bench, {})
    state = wire.VehicleState(np.zeros(3), np.array([0.0, 0, 0, 1]), np.zeros(3), np.zeros(3))
    data = bytearray(wire.encode(wire.FeaturePacket(MODEL_HASH, 0, 0, 0, 5, 0, 1, (1, 2, 2), state, b"slice")))
    data[2] = 9
    bench.publisher(CompressedImage, "edge/features", qos.PACKETS)(messages.feature_message(bytes(data), 5))
    bench.spin_until(
        lambda: "version 9, expected 1" in values(statuses.until("tail", "")).get("last error", ""), "the refusal"
    )
    assert values(statuses.newest["tail"])["refused: BadVersion"] == "1"


# Diagnostics ----------------------------------------------------------------------------------------------------------


def test_diagnostics_tell_rates_losses_and_errors(bench):
    statuses = Statuses(bench)
    MAKERS["link_node"](bench, {"profile": "none"})
    say = bench.publisher(CompressedImage, "features", qos.PACKETS)
    for number in range(8):
        say(messages.feature_message(b"x", number))
        bench.spin_for(0.1)
    bench.spin_until(lambda: values(statuses.until("link", "link")).get("up delivered") == "8", "the count")
    told = values(statuses.newest["link"])
    assert (told["up sent"], told["up loss"], told["state"], told["last error"]) == ("8", "0.0%", "active", "none")
    assert "Hz in: features" in told and "Hz out: edge/features" in told


def test_a_peer_of_another_qos_is_named_in_the_diagnostics(bench):
    statuses = Statuses(bench)
    MAKERS["airsim_node"](bench, {})
    strict = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    bench.probe.create_subscription(OdometryMessage, "odom", lambda _: None, strict)
    bench.spin_until(lambda: "odom: a subscriber" in values(statuses.until("airsim", ""))["last error"], "the misfit")
    assert "RELIABILITY" in values(statuses.newest["airsim"])["last error"]


def test_one_complaint_of_a_kind_is_logged_and_all_are_counted(bench, capfd):
    node = bench.start(WorkerNode, name="worker")
    for number in range(5):
        node.complain("frame", f"frame {number}")
    assert (node.errors, node.last_error) == (5, "frame 4")
    assert capfd.readouterr().err.count("frame") == 1
