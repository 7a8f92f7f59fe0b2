"""The mission: what it makes of what it hears, when it calls a flight over, and what it refuses to start."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from fakes import MODEL_HASH
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry as OdometryMessage
from std_msgs.msg import UInt8MultiArray

from navisplit import wire
from navisplit.config import FlightConfig
from navisplit.errors import NaviSplitError
from navisplit.evaluate.episode import Outcome
from navisplit.evaluate.flight_log import SILENCE_S, FlightLog
from navisplit.frames import Odometry, VelocityCommand
from navisplit.nodes import messages, qos
from navisplit.nodes.diagnostics import ERROR, OK, WARN, diagnostics
from navisplit.nodes.mission_node import MissionNode
from navisplit.sim.worlds import Route
from navisplit.vehicle.gate import SKIP

GOAL = np.array([20.0, 0.0, 2.0])
FRAME = 100_000_000  # ns
LATER = 10**12  # the steady clock is another one


def state(number, x=0.0, z=2.0):
    """Odometry at frame ``number``."""
    still = np.array([0, 0, 0, 1.0])
    return Odometry(number * FRAME, np.array([x, 0.0, z]), still, np.array([3.0, 4.0, 0]), np.zeros(3))


def log(started=True, query=None, **changes):
    """A log of a flight that begins at frame 1."""
    values = dict(id=3, start=np.zeros(3), start_yaw=0.0, goal=GOAL, length_m=None, min_z=1.0, max_z=6.0) | changes
    timeout_s = values.pop("timeout_s", None)
    made = FlightLog(Route(**values), FlightConfig(), query=query, timeout_s=timeout_s)
    made.on_odometry(state(1), LATER)
    if started:
        made.on_command(FRAME, LATER)
    return made


def samples(made):
    return [(s.branch, s.bytes) for s in made.episode(Outcome.SUCCESS, "").samples]


def test_a_frame_is_its_branch_and_all_of_its_packets_whichever_comes_first():
    made = log()
    made.on_packet(2 * FRAME, 100)
    made.on_branch("b1")
    made.on_packet(2 * FRAME, 50)  # a late slice
    made.on_branch("b0")
    made.on_packet(3 * FRAME, 70)
    made.on_branch(SKIP)
    assert samples(made) == [("b1", 150), ("b0", 70), (SKIP, 0)]


def test_packets_or_branches_that_were_lost_on_the_way_do_not_shift_the_others():
    made = log()
    made.on_branch("b3")  # its packets never come
    made.on_branch("b1")
    made.on_packet(3 * FRAME, 30)
    made.on_packet(4 * FRAME, 40)
    made.on_branch("b0")
    assert samples(made) == [("b1", 30), ("b0", 40)]


def test_the_flight_begins_with_the_first_command_that_answers_a_frame():
    made = log(started=False)
    made.on_packet(FRAME, 10)
    made.on_branch("b0")
    made.on_command(0, LATER)  # the guard's own
    assert not made.started and made.judge(LATER) is None and made.elapsed_s == 0.0
    assert "waiting for the first answer" in made.status()
    made.on_command(FRAME, LATER)
    made.on_odometry(state(6, x=1.0), LATER + FRAME)
    assert made.started and made.elapsed_s == pytest.approx(0.5) and made.real_time_factor == pytest.approx(5.0)
    assert not samples(made)  # what was sent before does not count
    assert "0.5 s   19.0 m to go   5.0 m/s" in made.status()


def test_latency_is_measured_once_and_on_the_vehicles_clock():
    made = log()
    made.on_odometry(state(4), LATER)
    for stamp in (2, 3):
        made.on_packet(stamp * FRAME, 10)
        made.on_branch("b0")
    made.on_command(3 * FRAME, LATER + 20_000_000)  # 20 ms after odometry
    made.on_command(3 * FRAME, LATER + 90_000_000)
    first, second = made.episode(Outcome.SUCCESS, "").samples
    assert np.isnan(first.latency_ms) and second.latency_ms == pytest.approx(120.0)


def test_odometry_that_comes_late_or_twice_does_not_lengthen_the_path():
    made = log()
    for number, x in ((2, 1.0), (3, 2.0), (2, 1.0), (3, 9.0), (4, 3.0)):
        made.on_odometry(state(number, x), LATER)
    assert made.episode(Outcome.TIMEOUT, "").metrics.path_m == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("x", "z", "number", "silence_s", "stage", "outcome", "detail"),
    [
        (5.0, 2.0, 5, 0.0, "edge", None, ""),
        (18.1, 2.0, 5, 0.0, "edge", Outcome.SUCCESS, ""),
        (18.1, 2.0, 5, 0.0, "land", Outcome.SUCCESS, ""),
        (5.0, 6.1, 5, 0.0, "edge", Outcome.OUT_OF_BOUNDS, "z = 6.10 m, airspace 1 to 6 m"),
        (5.0, 0.9, 5, 0.0, "edge", Outcome.OUT_OF_BOUNDS, "airspace"),
        (5.0, 2.0, 5, 0.0, "land", Outcome.FAILSAFE, "no fresh command"),
        (5.0, 2.0, 81, 0.0, "edge", Outcome.TIMEOUT, "after 8 s"),
        (5.0, 2.0, 80, 0.0, "edge", None, ""),
        (5.0, 2.0, 5, SILENCE_S + 0.1, "edge", Outcome.ERROR, "no odometry for 5 s"),
        (np.nan, 2.0, 5, 0.0, "edge", Outcome.ERROR, "not finite"),
    ],
)
def test_how_a_flight_ends(x, z, number, silence_s, stage, outcome, detail):
    made = log(timeout_s=8.0)
    made.on_odometry(state(number, x, z), LATER)
    made.on_guard(stage, {})
    verdict = made.judge(LATER + int(silence_s * 1e9))
    assert (verdict and verdict[0]) == outcome
    assert detail in (verdict[1] if verdict else "")


def test_a_touch_before_the_start_is_no_collision_and_one_after_it_is_whatever_else_holds():
    query = SimpleNamespace(nearest=lambda points, reach: (np.full(len(points), 0.2),))
    made = log(started=False, query=query)
    made.on_collision("Ground")
    made.on_command(FRAME, LATER)
    made.on_odometry(state(3, x=19.0), LATER)
    assert made.judge(LATER)[0] is Outcome.SUCCESS
    for name in ("", "oak", "", "birch"):
        made.on_collision(name)
    assert made.judge(LATER) == (Outcome.COLLISION, "oak")
    metrics = made.episode(Outcome.COLLISION, "oak").metrics
    assert metrics.clearance_min_m == 0.0 and metrics.crowding == 1.0


def test_what_the_guard_counted_is_in_the_report():
    made = log()
    made.on_guard("edge", {"stale": 4, "refused: stale": 2, "refused: unknown stamp": 3, "accepted": 90})
    metrics = made.episode(Outcome.SUCCESS, "").metrics
    assert (metrics.stale_commands, metrics.refused_packets) == (4, 5)


def test_a_drone_that_the_edge_refuses_is_reported_with_the_reason_and_not_waited_for():
    made = log(started=False, timeout_s=2.0)
    made.on_edge("refused: all 2 seats are taken", LATER)
    made.on_guard("land", {})
    assert "all 2 seats" in made.status()
    made.on_odometry(state(40), LATER + int(9e9))
    assert made.judge(LATER + int(9e9)) is None
    made.on_odometry(state(50), LATER + int(10.5e9))
    outcome, detail = made.judge(LATER + int(10.5e9))
    assert outcome is Outcome.ERROR and "all 2 seats" in detail
    assert made.episode(outcome, detail).metrics.frames == 0


def test_a_drone_that_gets_a_seat_after_all_flies_on():
    made = log(started=False)
    made.on_edge("refused: all 2 seats are taken", LATER)
    made.on_edge("", LATER + int(5e9))
    made.on_odometry(state(50), LATER + int(20e9))
    assert made.judge(LATER + int(20e9)) is None and "to go" in made.status()


def test_without_a_world_clearances_are_empty_and_not_made_up():
    metrics = log().episode(Outcome.SUCCESS, "").metrics
    assert metrics.clearance_min_m is None and metrics.crowding is None


# The node -------------------------------------------------------------------------------------------------------------


def start(bench, tmp_path, **parameters):
    given = {"goal": [20.0, 0.0, 2.0], "out": str(tmp_path), **parameters}
    return bench.start(MissionNode, given, query_of=lambda world: None)


def test_the_goal_is_told_to_who_comes_later_too(bench, tmp_path):
    start(bench, tmp_path)
    goals = bench.heard(PoseStamped, "goal_pose", qos.LATCHED)
    bench.spin_until(lambda: goals, "the goal")
    assert goals[0].header.frame_id == "map" and messages.from_xyz(goals[0].pose.position).tolist() == [20.0, 0, 2]


def test_the_mission_listens_to_the_guard_of_its_own_vehicle_only(bench, tmp_path):
    node = start(bench, tmp_path)
    say = bench.publisher(DiagnosticArray, "/diagnostics", qos.STATE)
    foreign = diagnostics(bench.probe, "guard", WARN, "land", {"stale": 9})
    foreign.status[0].hardware_id = "/drone_2"
    say(foreign)
    say(diagnostics(bench.probe, "head", OK, "gate", {"frames": 1}))
    say(diagnostics(bench.probe, "guard", WARN, "hold", {"stale": 7}))
    say(diagnostics(bench.probe, "edge", ERROR, "refused: full", {}, of="/drone_2"))
    say(diagnostics(bench.probe, "edge", ERROR, "refused: no seat", {}, of="/drone_1"))
    bench.spin_until(lambda: node._log.stage != "brake" and bool(node._log.refusal), "the guard heard, and the edge")
    assert node._log.refusal == "refused: no seat"
    assert node._log.stage == "hold" and node._log._guard_counters == {"stale": 7}


def test_garbage_on_the_answers_topic_is_survived_and_the_next_answer_read(bench, tmp_path):
    node = start(bench, tmp_path)
    say = bench.publisher(UInt8MultiArray, "answer", qos.PACKETS)
    say(messages.answer_message(b"garbage"))
    say(messages.answer_message(wire.encode(wire.AnswerPacket(MODEL_HASH, 0, 5, VelocityCommand.zero(), 1, 1, 0, 1))))
    bench.spin_until(lambda: node._log.model_hash == MODEL_HASH, "the answer")


def test_odometry_reaches_the_log_in_the_world_frame(bench, tmp_path):
    node = start(bench, tmp_path)
    say = bench.publisher(OdometryMessage, "odom", qos.SENSOR)
    turned = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    say(messages.odometry_message(Odometry(7, np.array([1.0, 2, 3]), turned, np.array([4.0, 0, 0]), np.zeros(3))))
    bench.spin_until(lambda: node._log.position is not None, "the odometry")
    assert node._log._odometry[-1].velocity == pytest.approx([4.0, 0, 0])


@pytest.mark.fault(47, does="the mission ends and says who is not heard")
def test_a_mission_without_commands_says_whether_the_vehicle_was_heard(bench, tmp_path):
    node = start(bench, tmp_path, start_timeout_s=1e6)
    node._begun_s = time.monotonic() - 2e6
    with pytest.raises(NaviSplitError, match="odometry is missing too"):
        node._watch()
    node._log.on_odometry(state(1), 0)
    with pytest.raises(NaviSplitError, match="odometry came"):
        node._watch()


@pytest.mark.parametrize("parameters", [{"goal": [1.0, 2.0]}, {"start": [0.0, 0.0, 1.0]}])
def test_a_goal_or_start_of_the_wrong_length_is_refused(bench, tmp_path, parameters):
    with pytest.raises(NaviSplitError, match="goal: expected x, y, z and start"):
        start(bench, tmp_path, **parameters)


def test_a_mission_that_ends_before_the_flight_writes_no_report(bench, tmp_path):
    start(bench, tmp_path).close()
    assert not list(tmp_path.iterdir())
