"""All nodes of a flight in one process: real rclpy, stand-ins for the vehicle and the networks."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import MODEL_HASH, FakeTail, FakeVehicle, StraightOn, onboard

from navisplit.errors import NaviSplitError, RouteError
from navisplit.link import Profile
from navisplit.nodes.airsim_node import AirsimNode
from navisplit.nodes.guard_node import GuardNode
from navisplit.nodes.head_node import HeadNode
from navisplit.nodes.link_node import LinkNode
from navisplit.nodes.mission_node import MissionNode
from navisplit.nodes.tail_node import TailNode
from navisplit.sim.scene import Material, Scene, SceneObject

START, GOAL = [0.0, 0.0, 2.0, 0.0], [8.0, 0.0, 2.0]


def wall(x: float) -> Scene:
    """A wall across the way at ``x``."""
    corners = np.array([[x, -5, 0], [x, 5, 0], [x, 5, 5], [x, -5, 5]], np.float32)
    normals = np.tile(np.float32([-1, 0, 0]), (4, 1))
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    plain = Material("plain", np.full((1, 1, 3), 0.5, np.float32))
    return Scene("test", (SceneObject("wall", corners, faces, normals, np.zeros(2, np.int32), 1),), (plain,))


class Flight:
    """A whole flight on the bench."""

    def __init__(self, bench, out: Path, *, scene: Scene | None = None, radio: Profile | None = None, **mission: Any):
        self.bench, self.out = bench, out
        self.vehicle = FakeVehicle()
        bench.start(AirsimNode, {"start": START}, connect=lambda *_: self.vehicle)
        bench.start(HeadNode, {"branch": "b1"}, load=onboard)
        bench.start(GuardNode)
        edge = bench.start(TailNode, {}, load=lambda _: (FakeTail(), MODEL_HASH), policy=StraightOn, **direct(radio))
        self.edge = edge
        if radio is not None:
            bench.start(LinkNode, {}, profile_of=lambda _: radio)
        parameters = {"start": START, "goal": GOAL, "route": 3, "out": str(out), "flight.branch": "b1", **mission}
        self.mission = bench.start(MissionNode, parameters, query_of=lambda _: query(scene))

    def run(self) -> tuple[dict[str, str], dict[str, Any]]:
        """To the end: the row of episodes.csv and the summary."""
        self.bench.spin_until(self.mission.finished.done, "the flight's end", timeout_s=30.0)
        self.mission.finished.result()
        return self.report()

    def report(self) -> tuple[dict[str, str], dict[str, Any]]:
        with (self.out / "episodes.csv").open() as file:
            (row,) = csv.DictReader(file)
        assert "plotly" in (self.out / "report.html").read_text().lower()
        return row, json.loads((self.out / "summary.json").read_text())


def direct(radio: Profile | None) -> dict[str, Any]:
    """The graph's remappings of the tail where there is no radio."""
    if radio is not None:
        return {}
    arguments = ["--ros-args", "-r", "edge/features:=features", "-r", "edge/answer:=answer"]
    return {"cli_args": arguments}


def query(scene: Scene | None) -> Any:
    if scene is None:
        return None
    from navisplit.sim.render.query import SceneQuery

    return SceneQuery(scene)


def test_a_flight_to_the_goal_is_a_success_with_a_report(bench, tmp_path):
    row, summary = Flight(bench, tmp_path / "out").run()
    assert (row["route_id"], row["outcome"]) == ("3", "success")
    assert float(row["path_m"]) == pytest.approx(6.0, abs=0.7)  # up to 2 m of the goal
    assert float(row["time_s"]) == pytest.approx(2.5, abs=1.5)
    assert summary["branch_use"] == {"b1": 1.0}
    assert summary["bytes_per_frame"] == pytest.approx(2 * (71 + 5))
    assert summary["model_hash"] == f"{MODEL_HASH:08x}"
    assert 0 < summary["latency_ms"]["p50"] < 1000
    assert summary["config"]["flight"]["branch"] == "b1"


def test_a_flight_over_a_slow_radio_measures_its_latency(bench, tmp_path):
    _, summary = Flight(bench, tmp_path, radio=Profile("slow", latency_s=0.05)).run()
    assert summary["latency_ms"]["p50"] > 100.0


def test_hitting_something_is_a_collision_that_names_it(bench, tmp_path):
    flight = Flight(bench, tmp_path, scene=wall(5.0))
    bench.spin_until(lambda: flight.vehicle.odometry().position[0] > 4.2, "the wall")
    flight.vehicle.hit = "moving_car_01"  # not in the world's file: what moves is named too
    row, _ = flight.run()
    assert (row["outcome"], row["detail"]) == ("collision", "moving_car_01")
    assert float(row["clearance_min_m"]) < 2.0


def test_losing_the_edge_server_lands_and_is_a_failsafe(bench, tmp_path):
    flight = Flight(bench, tmp_path)
    bench.spin_until(lambda: flight.mission._log.started, "the start")
    bench.executor.remove_node(flight.edge)
    flight.edge.close()
    row, _ = flight.run()
    assert row["outcome"] == "failsafe"
    assert int(row["stale_commands"]) > 100
    assert float(row["path_m"]) < 4.0


@pytest.mark.parametrize(
    ("parameters", "outcome"),
    [({"timeout_s": 0.5}, "timeout"), ({"flight.policy.max_z_m": 1.9}, "out_of_bounds")],
)
def test_a_flight_ends_in_time_and_within_its_airspace(bench, tmp_path, parameters, outcome):
    row, _ = Flight(bench, tmp_path, **parameters).run()
    assert row["outcome"] == outcome


def test_an_interrupted_flight_is_reported_as_far_as_it_went(bench, tmp_path):
    flight = Flight(bench, tmp_path)
    bench.spin_until(lambda: flight.mission._log.elapsed_s > 0.8, "some way")
    flight.mission.close()
    row, _ = flight.report()
    assert (row["outcome"], row["detail"]) == ("error", "interrupted")
    assert float(row["path_m"]) > 1.0


@pytest.mark.fault(36, does="refused before the flight, where the world is known")
def test_a_goal_inside_an_obstacle_is_refused_before_the_flight(bench, tmp_path):
    with pytest.raises(RouteError, match="wall"):
        Flight(bench, tmp_path, scene=wall(GOAL[0]))


@pytest.mark.fault(47, does="the mission ends and says who is not heard")
def test_a_flight_without_an_edge_server_fails_with_what_is_missing(bench, tmp_path):
    parameters = {"goal": GOAL, "out": str(tmp_path), "start_timeout_s": 0.2}
    bench.start(MissionNode, parameters, query_of=lambda _: None)
    with pytest.raises(NaviSplitError, match="tail_node"):
        bench.spin_for(1.0)


def test_a_recorded_flight_can_be_read_back(bench, tmp_path):
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    bag = tmp_path / "bags" / "flight.mcap"
    flight = Flight(bench, tmp_path, record=str(bag))
    flight.run()
    flight.mission.close()
    assert [p.name for p in bag.parent.iterdir()] == ["flight.mcap"]
    with AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_KILTED)) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
        packets = [
            reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages() if c.topic == "/drone_1/features"
        ]
    assert packets[0].format == "navisplit/1"
    for topic in ("odom", "camera/image_raw", "answer", "cmd_vel", "edge/cmd_vel", "goal_pose", "branch"):
        assert counts[f"/drone_1/{topic}"] > 0, topic
    assert counts["/diagnostics"] > 0
