"""The graph of a flight, and the arguments that make it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import yaml

from navisplit.arguments import ARGUMENTS, Side, arguments_for
from navisplit.config import FlightConfig, from_mapping, to_mapping
from navisplit.errors import ConfigError, NaviSplitError, RouteError, UsageError, WorldError
from navisplit.graph import flight_graph

ROOT = Path(__file__).parents[2]
SDF = """<sdf version="1.9"><world name="w"><frame name="player_start"><pose>1 2 0.5 0 0 0</pose></frame>
<model name="box"><static>true</static><link name="l"><visual name="v"><geometry><box><size>1 1 1</size></box>
</geometry></visual></link></model></world></sdf>"""
HEADER = "id,start_x,start_y,start_z,start_yaw,goal_x,goal_y,goal_z,length_m,min_z,max_z\n"


@pytest.fixture
def world(tmp_path: Path) -> str:
    (tmp_path / "w.sdf").write_text(SDF)
    (tmp_path / "w.routes.csv").write_text(HEADER + "4,0,5,2,1.5,30,5,2,31.5,0.5,7\n5,0,16,2,0,30,16,2,,,\n")
    return str(tmp_path / "w.sdf")


def graph(world: str, sides=tuple(Side), **values: str):
    return flight_graph({"world": world, "route": "4", **values}, stamp="now", sides=sides)


def names(made) -> list[str]:
    return [spec.executable for spec in made.nodes]


def test_a_flight_has_the_nodes_of_both_sides_and_a_simulator(world):
    made = graph(world)
    assert names(made) == ["airsim_node", "head_node", "guard_node", "mission_node", "tail_node"]
    assert {spec.namespace for spec in made.nodes} == {"/drone_1"}
    assert made.simulator.arguments == ("sim", "--world", world, "--port", "41451", "--headless")


def test_a_flight_with_the_view_shows_it_and_tells_the_branch_to_whatever_simulator_it_flies_in(world):
    own = graph(world, view="true", view_port="8099")
    assert own.simulator.arguments[-3:] == ("--view", "--view-port", "8099")
    assert own.node("airsim_node").parameters["show_branch"] is True
    assert graph(world, view="true", airsim="127.0.0.1:5").node("airsim_node").parameters["show_branch"] is True
    assert graph(world).node("airsim_node").parameters["show_branch"] is False


def test_the_weather_of_a_flight_is_the_simulators_and_stands_in_the_report(world):
    made = graph(world, weather="rain=0.5,fog=0.2")
    assert made.simulator.arguments[-2:] == ("--weather", "rain=0.5,fog=0.2")
    assert made.node("mission_node").parameters["flight.weather"] == "rain=0.5,fog=0.2"


def test_the_two_halves_are_together_the_whole(world):
    whole = graph(world)
    vehicle = graph(world, (Side.VEHICLE,))
    edge = flight_graph({}, stamp="now", sides=(Side.EDGE,))
    assert sorted(names(vehicle) + names(edge)) == sorted(names(whole))
    assert {spec.side for spec in edge.nodes} == {Side.EDGE}
    assert edge.simulator is None


def test_depth_for_people_does_not_fill_the_radio_between_the_halves(world):
    assert graph(world).node("mission_node").parameters["edge_topics"] is True
    assert graph(world, (Side.VEHICLE,)).node("mission_node").parameters["edge_topics"] is False


def test_without_a_radio_the_edge_is_wired_to_the_vehicle_and_with_one_through_it(world):
    assert graph(world).node("tail_node").parameters["direct"] is True
    emulated = graph(world, link="lte", seed="7")
    assert emulated.node("tail_node").parameters["direct"] is False
    assert emulated.node("link_node").parameters == {"profile": "lte", "seed": 7}


def test_the_flight_ends_with_any_of_the_vehicles_own_nodes_but_not_with_the_edge(world):
    made = graph(world, link="lte")
    assert {spec.executable for spec in made.nodes if not spec.required} == {"tail_node", "link_node"}


def test_what_keeps_no_flight_in_mind_is_started_again_and_only_where_wanted(world):
    made = graph(world, link="lte")
    again = {spec.executable for spec in made.nodes if spec.respawn}
    assert again == {"head_node", "guard_node", "link_node", "tail_node"}  # the others hold the vehicle and the report
    assert not [spec for spec in graph(world, link="lte", respawn="false").nodes if spec.respawn]


def test_nodes_start_by_themselves_but_where_they_are_to_wait(world):
    assert not [spec for spec in graph(world).nodes if "autostart" in spec.parameters]  # their own default
    assert all(spec.parameters["autostart"] is False for spec in graph(world, autostart="false").nodes)


def test_the_route_reaches_the_nodes_that_need_it(world):
    made = graph(world)
    assert made.node("airsim_node").parameters["start"] == [0.0, 5.0, 2.0, 1.5]
    assert made.node("airsim_node").parameters["origin"] == [1.0, 2.0, 0.5]
    mission = made.node("mission_node").parameters
    assert (mission["route"], mission["goal"], mission["length_m"]) == (4, [30.0, 5.0, 2.0], 31.5)
    for node, prefix in (("tail_node", ""), ("mission_node", "flight.")):
        parameters = made.node(node).parameters
        assert (parameters[f"{prefix}policy.min_z_m"], parameters[f"{prefix}policy.max_z_m"]) == (0.5, 7.0)


def test_a_goal_takes_the_place_of_a_route(world):
    made = graph(world, goal="3 4 5")
    assert "start" not in made.node("airsim_node").parameters
    assert made.node("mission_node").parameters["goal"] == [3.0, 4.0, 5.0]
    assert made.node("mission_node").parameters["route"] == -1


def test_in_a_running_airsim_a_goal_needs_no_world():
    made = flight_graph({"goal": "3 4 5", "airsim": "10.0.0.2:5000", "world": "nowhere"}, stamp="now")
    assert made.simulator is None
    vehicle = made.node("airsim_node").parameters
    assert (vehicle["host"], vehicle["port"]) == ("10.0.0.2", 5000)


OTHER_VALUES = {
    "world": None,  # another file, made below
    "route": "5",
    "goal": "1 2 3",
    "branch": "b2",
    "models": "paper",
    "link": "lora",
    "weather": "rain=0.5,fog=0.2",
    "fault": "camera:stuck@5+2",
    "policy": "reactive",
    "speed": "5.5",
    "exit": "false",
    "config": None,
    "namespace": "drone_2",
    "drones": "2",
    "max_drones": "1",
    "airsim": "127.0.0.1:41452",
    "port": "41460",
    "headless": "false",
    "view": "true",
    "view_port": "8099",
    "timeout": "12.5",
    "autostart": "false",
    "respawn": "false",
    "seed": "3",
    "record": "f.mcap",
    "out": "elsewhere",
}


def test_every_declared_argument_is_tried_below():
    assert set(OTHER_VALUES) == {argument.name for argument in ARGUMENTS}


@pytest.mark.parametrize("argument", arguments_for(Side), ids=lambda a: a.name)
def test_no_argument_is_declared_and_ignored(world, tmp_path, argument):
    value = OTHER_VALUES[argument.name]
    if argument.name == "world":
        value = str(tmp_path / "other.sdf")
        Path(value).write_text(SDF)
        (tmp_path / "other.routes.csv").write_text(HEADER + "4,0,5,2,1.5,30,5,2,31.5,0.5,7\n")
    elif argument.name == "config":
        value = str(tmp_path / "flight.yaml")
        Path(value).write_text("byte_weight: 0.25\n")
    bases = {"seed": {"link": "lte"}, "view_port": {"view": "true"}, "max_drones": {"drones": "2"}}
    base = bases.get(argument.name, {})
    changed = {"world": world, "route": "4", **base, argument.name: value}
    assert flight_graph(changed, stamp="now") != graph(world, **base)


@pytest.mark.parametrize("name", [a.name for a in arguments_for((Side.EDGE,))])
def test_no_argument_of_the_edge_is_declared_and_ignored(tmp_path, name):
    value = OTHER_VALUES[name]
    if name == "config":
        value = str(tmp_path / "flight.yaml")
        Path(value).write_text("policy: {goal_radius_m: 1.0}\n")
    edge, base = (Side.EDGE,), {"drones": "*"} if name == "max_drones" else {}
    assert flight_graph({**base, name: value}, stamp="now", sides=edge) != flight_graph(base, stamp="now", sides=edge)


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"world": "forst"}, WorldError, "forst"),
        ({"route": "77"}, RouteError, "4 to 5"),
        ({"route": "x"}, UsageError, "whole number"),
        ({"goal": "1 2"}, UsageError, "X Y Z"),
        ({"goal": "nan-sense 1 2"}, UsageError, "X Y Z"),
        ({"goal": "nan 1 2"}, UsageError, "finite"),
        ({"airsim": "localhost"}, UsageError, "HOST:PORT"),
        ({"port": "0"}, UsageError, "65535"),
        ({"port": "99999"}, UsageError, "65535"),
        ({"view_port": "0"}, UsageError, "view_port"),
        ({"speed": "fast"}, UsageError, "a number"),
        ({"speed": "-1"}, ConfigError, "speed_mps"),
        ({"timeout": "0"}, UsageError, "timeout"),
        ({"goal": "1 2 30"}, RouteError, "outside the airspace"),
        ({"fault": "kamera:off"}, UsageError, "Did you mean 'camera'"),
        ({"weather": "rian=0.5"}, UsageError, "Did you mean 'rain'"),
        ({"weather": "rain=0.5", "airsim": "127.0.0.1:5"}, UsageError, "simSetWeatherParameter"),
        ({"headless": "maybe"}, UsageError, "true or false"),
        ({"namespace": "1 drone"}, UsageError, "namespace"),
        ({"drones": "0"}, UsageError, "number > 0"),
        ({"drones": "a,a"}, UsageError, "different names"),
        ({"drones": "1 drone,b"}, UsageError, "namespace"),
        ({"drones": "*"}, UsageError, "edge server alone"),
        ({"drones": "2", "goal": "1 2 3"}, UsageError, "leave goal away"),
        ({"drones": "2", "airsim": "127.0.0.1:5"}, UsageError, "leave airsim away"),
        ({"drones": "3"}, RouteError, "Only 2 of 2 routes"),
        ({"max_drones": "-1"}, UsageError, "max_drones"),
        ({"config": "/nowhere.yaml"}, ConfigError, "nowhere"),
        ({"wrold": "w"}, UsageError, "Did you mean 'world'"),
    ],
)
@pytest.mark.fault(36, does="a goal outside the airspace is refused before the flight")
def test_bad_input_is_named_before_anything_starts(world, values, error, said):
    with pytest.raises(error, match=said) as caught:
        flight_graph({"world": world, "route": "4", **values}, stamp="now")
    assert isinstance(caught.value, NaviSplitError)


def test_arguments_go_over_the_configuration_file_and_unknown_settings_are_refused(world, tmp_path):
    file = tmp_path / "flight.yaml"
    file.write_text("branch: b3\npolicy: {speed_mps: 2.0, goal_radius_m: 1.5}\n")
    head = graph(world, config=str(file)).node("head_node").parameters
    assert head["branch"] == "b3"
    made = graph(world, config=str(file), branch="b1", speed="4")
    assert made.node("head_node").parameters["branch"] == "b1"
    tail = made.node("tail_node").parameters
    assert (tail["policy.speed_mps"], tail["policy.goal_radius_m"]) == (4.0, 1.5)
    file.write_text("brunch: b3\n")
    with pytest.raises(ConfigError, match="Did you mean 'branch'"):
        graph(world, config=str(file))


def test_the_configuration_that_ships_shows_every_setting_with_its_default():
    shipped = yaml.safe_load((ROOT / "config" / "flight.yaml").read_text())
    assert from_mapping(FlightConfig, shipped) == FlightConfig()
    assert shipped == to_mapping(FlightConfig())


def test_parameters_have_types_that_ros_can_carry(world):
    kinds = (bool, int, float, str)
    for spec in graph(world, link="lte").nodes:
        for name, value in spec.parameters.items():
            items = value if isinstance(value, list) else [value]
            assert items and all(type(item) is type(items[0]) and isinstance(item, kinds) for item in items), name


def test_a_graph_cannot_be_changed_after_it_was_made(world):
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph(world).nodes[0].executable = "other"


def test_a_fleet_has_the_vehicles_nodes_once_a_drone_and_one_simulator_and_edge(world):
    made = graph(world, drones="2")
    assert names(made).count("airsim_node") == names(made).count("mission_node") == 2
    (tail,) = [spec for spec in made.nodes if spec.executable == "tail_node"]
    assert (tail.namespace, tail.parameters["drones"]) == ("/edge", "/drone_1,/drone_2")
    assert tail.parameters["fleet.max_drones"] == 2
    labels = [spec.label for spec in made.nodes]
    assert len(set(labels)) == len(labels) and "drone_2.head_node" in labels
    edge = flight_graph({"drones": "2"}, stamp="now", sides=(Side.EDGE,))
    assert edge.nodes[0].parameters["drones"] == tail.parameters["drones"]


def test_each_drone_of_a_fleet_starts_at_a_route_of_its_own_and_the_simulator_puts_it_there(world):
    made = graph(world, drones="2", record="f.mcap", out="runs/x")
    airsims = [spec for spec in made.nodes if spec.executable == "airsim_node"]
    assert [a.parameters["vehicle"] for a in airsims] == ["drone_1", "drone_2"]
    assert [a.parameters["start"][:3] for a in airsims] == [[0.0, 5.0, 2.0], [0.0, 16.0, 2.0]]
    assert all(a.parameters["origin"] == a.parameters["start"][:3] for a in airsims)
    starts = json.loads(made.simulator.arguments[-1])["Vehicles"]  # NED from the player start (1, 2, 0.5)
    assert starts == {"drone_1": {"X": 3.0, "Y": -1.0, "Z": -1.5}, "drone_2": {"X": 14.0, "Y": -1.0, "Z": -1.5}}
    missions = [spec.parameters for spec in made.nodes if spec.executable == "mission_node"]
    assert [m["route"] for m in missions] == [4, 5]
    assert [Path(m["out"]).name for m in missions] == [Path(m["record"]).stem[2:] for m in missions]
    assert {m["fleet"] for m in missions} == {"drone_1,drone_2"}


def test_one_drone_of_a_fleet_tells_the_time_and_each_has_its_own_tree_of_frames(world):
    first, second = [spec for spec in graph(world, drones="2").nodes if spec.executable == "airsim_node"]
    assert dict(first.remappings) == {"/tf": "tf", "/tf_static": "tf_static"}
    assert dict(second.remappings) == {"/tf": "tf", "/tf_static": "tf_static", "/clock": "clock"}


def test_an_edge_server_for_whoever_sends_limits_itself_unless_it_is_told_a_number():
    def tail(**values: str):
        return flight_graph({"drones": "*", **values}, stamp="now", sides=(Side.EDGE,)).nodes[0]

    assert (tail().namespace, tail().parameters["drones"], tail().parameters["fleet.max_drones"]) == ("/edge", "*", 0)
    assert tail(max_drones="5").parameters["fleet.max_drones"] == 5
