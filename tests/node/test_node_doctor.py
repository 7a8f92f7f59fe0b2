"""`navisplit doctor --graph` in a running graph: each test breaks one thing and sees it named."""

from __future__ import annotations

import threading
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from fakes import MODEL_HASH, FakeTail, FakeVehicle, StraightOn, onboard
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMessage
from rclpy.qos import QoSProfile, ReliabilityPolicy

from navisplit.cli.checks import Check
from navisplit.cli.doctor_graph import Endpoint, Seen, judge, listen
from navisplit.nodes import qos
from navisplit.nodes.airsim_node import AirsimNode
from navisplit.nodes.guard_node import GuardNode
from navisplit.nodes.head_node import HeadNode
from navisplit.nodes.tail_node import TailNode

STRICT = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


def examined(bench) -> dict[str, Check]:
    """What the doctor says while the bench runs."""
    seen: list[Seen] = []
    doctor = threading.Thread(target=lambda: seen.append(listen(2.5, bench.context)))
    doctor.start()
    bench.spin_until(lambda: bool(seen), "the doctor", timeout_s=30.0)
    doctor.join()
    return {check.name: check for check in judge(seen[0])}


def airsim(bench) -> Any:
    return bench.start(AirsimNode, {"start": [0.0, 0.0, 2.0, 0.0]}, connect=lambda *_: FakeVehicle())


def test_a_sound_graph_is_well(bench):
    airsim(bench)
    bench.start(GuardNode)
    bench.spin_for(1.2)
    checks = examined(bench)
    assert checks["ROS nodes"].ok and checks["ROS connections"].ok and checks["ROS clocks"].ok
    assert "airsim: holding" in checks["diagnostics"].found or "guard: brake" in checks["diagnostics"].found


def test_a_qos_that_does_not_fit_is_named_with_both_ends(bench):
    airsim(bench)
    bench.probe.create_subscription(OdometryMessage, "odom", lambda _: None, STRICT)
    check = examined(bench)["ROS connections"]
    assert not check.ok
    assert "/drone_1/odom: /drone_1/probe cannot hear /drone_1/airsim_node" in check.found
    assert "eliab" in check.found


def test_another_type_on_a_topic_is_named():
    def end(node: str, kind: str) -> Endpoint:
        return Endpoint("/drone_1/answer", node, kind, qos.PACKETS)

    made = Seen(
        publishers=[end("/old", "std_msgs/msg/String")], subscribers=[end("/g", "std_msgs/msg/UInt8MultiArray")]
    )
    (check,) = [check for check in judge(made) if check.name == "ROS connections"]
    assert "/g cannot hear /old: it expects std_msgs/msg/UInt8MultiArray and gets std_msgs/msg/String" in check.found


def test_doubled_nodes_and_second_voices_are_named(bench):
    bench.start(GuardNode)
    bench.start(GuardNode)
    bench.probe.create_publisher(TwistStamped, "cmd_vel", qos.SENSOR)
    check = examined(bench)["ROS nodes"]
    assert "2 nodes are called /drone_1/guard_node" in check.found
    assert "/drone_1/cmd_vel is published by /drone_1/guard_node and /drone_1/probe" in check.found


def test_halves_that_do_not_fit_are_named_with_both_versions(bench):
    bench.start(HeadNode, {"branch": "b0"}, load=onboard)
    bench.start(TailNode, {"models": "theirs"}, load=lambda _: (FakeTail(), 0x77), policy=StraightOn)
    bench.spin_for(2.5)
    check = examined(bench)["diagnostics"]
    assert "(00000077)" in check.found and f"({MODEL_HASH:08x})" in check.found


def test_clocks_at_zero_and_far_off_are_named():
    def seen(stamp_s: float, **more: Any) -> Seen:
        return Seen(statuses={"drone_1: head": (DiagnosticStatus(), stamp_s, 1000.0)}, **more)

    def clocks(made: Seen) -> Check:
        (found,) = [check for check in judge(made) if check.name == "ROS clocks"]
        return found

    assert clocks(seen(1000.4)).ok
    assert "use_sim_time is set, and nobody publishes /clock" in clocks(seen(0.0)).found
    assert "clock of 'drone_1: head' is -7.0 s off" in clocks(seen(993.0)).found
