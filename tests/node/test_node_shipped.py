"""What ships beside the nodes names the topics that the nodes have: Foxglove's layout, RViz' and SROS2's files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from fakes import MODEL_HASH, FakeTail, FakeVehicle, StraightOn, onboard
from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

from navisplit.nodes.airsim_node import AirsimNode
from navisplit.nodes.guard_node import GuardNode
from navisplit.nodes.head_node import HeadNode
from navisplit.nodes.link_node import LinkNode
from navisplit.nodes.mission_node import MissionNode
from navisplit.nodes.recorder import TOPICS
from navisplit.nodes.tail_node import TailNode

CONFIG = Path(__file__).parents[2] / "config"
OPTIONAL = {
    ("airsim_node", "publish"): {"/tf", "/tf_static"},  # where tf2_msgs is installed
    ("tail_node", "publish"): {"/drone_1/answer"},  # where no radio is emulated
    ("tail_node", "subscribe"): {"/drone_1/features"},
}


@pytest.fixture
def nodes(bench, tmp_path) -> dict[str, Any]:
    """All nodes of a flight."""
    show = {"start": [0.0, 0.0, 2.0, 0.0], "show_branch": True}
    mission = {"goal": [9.0, 0.0, 2.0], "out": str(tmp_path), "record": str(tmp_path / "f.mcap")}
    return {
        "airsim_node": bench.start(AirsimNode, show, connect=lambda *_: FakeVehicle()),
        "head_node": bench.start(HeadNode, {"branch": "b0"}, load=onboard),
        "guard_node": bench.start(GuardNode),
        "link_node": bench.start(LinkNode),
        "tail_node": bench.start(TailNode, {}, load=lambda _: (FakeTail(), MODEL_HASH), policy=StraightOn),
        "mission_node": bench.start(MissionNode, mission, query_of=lambda _: None),
    }


def topics_in(value: Any) -> set[str]:
    """Every topic that stands in nested settings, without the message path behind it."""
    if isinstance(value, dict):
        found = [topics_in(v) for v in value.values()] + [topics_in(key) for key in value]
    elif isinstance(value, list):
        found = [topics_in(v) for v in value]
    else:
        path = isinstance(value, str) and re.match(r"/[a-z_0-9/]+", value)
        found = [{path.group()}] if path else []
    return set().union(*found) if found else set()


def recorded() -> dict[str, type]:
    return {name if name.startswith("/") else f"/drone_1/{name}": kind for name, kind, _ in TOPICS}


def test_foxglove_shows_topics_that_are_in_every_bag():
    layout = json.loads((CONFIG / "foxglove.json").read_text())
    shown = topics_in(layout["configById"])
    assert len(shown) >= 9
    assert shown <= set(recorded())


def test_every_panel_of_the_layout_is_placed_and_every_place_has_a_panel():
    layout = json.loads((CONFIG / "foxglove.json").read_text())

    def places(node: Any) -> list[str]:
        return [node] if isinstance(node, str) else places(node["first"]) + places(node["second"])

    assert sorted(places(layout["layout"])) == sorted(layout["configById"])


def test_foxglove_plots_fields_that_the_messages_have():
    layout = json.loads((CONFIG / "foxglove.json").read_text())
    paths = [p["value"] for panel in layout["configById"].values() for p in panel.get("paths", [])]
    assert len(paths) >= 7
    for path in paths:
        topic, *fields = path.split(".")
        value = recorded()[topic]()
        for field in fields:
            assert field == "length" or hasattr(value, field), path
            value = getattr(value, field, None)


def rviz_topics() -> list[dict[str, Any]]:
    manager = yaml.safe_load((CONFIG / "navisplit.rviz").read_text())["Visualization Manager"]
    return [entry["Topic"] for entry in manager["Displays"] + manager["Tools"] if "Topic" in entry]


def test_rviz_hears_what_the_nodes_publish(bench, nodes):
    assert len(rviz_topics()) == 5
    for topic in rviz_topics():
        latched = topic["Durability Policy"] == "Transient Local"
        profile = QoSProfile(
            depth=topic["Depth"],
            reliability=ReliabilityPolicy.RELIABLE
            if topic["Reliability Policy"] == "Reliable"
            else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        publishers = bench.probe.get_publishers_info_by_topic(topic["Value"])
        assert publishers, topic["Value"]
        for publisher in publishers:
            assert qos_check_compatible(publisher.qos_profile, profile)[0] != QoSCompatibility.ERROR, topic["Value"]


def test_every_recorded_topic_is_published_by_a_node(bench, nodes):
    for topic in recorded():
        bench.spin_until(lambda topic=topic: bench.probe.get_publishers_info_by_topic(topic), topic)


def granted(node: str, way: str) -> set[str]:
    tree = ElementTree.parse(CONFIG / "sros2" / "policy.xml")
    (profile,) = [p for p in tree.iter("profile") if p.get("node") == node]
    found = {t.text.strip() for topics in profile.findall("topics") if topics.get(way) for t in topics}
    return {t if t.startswith("/") else f"{profile.get('ns')}/{t}" for t in found}


def test_the_security_policy_grants_each_node_exactly_what_it_uses(bench, nodes):
    for name in nodes:
        by_node = {
            "publish": bench.probe.get_publisher_names_and_types_by_node,
            "subscribe": bench.probe.get_subscriber_names_and_types_by_node,
        }
        for way, look in by_node.items():
            used = {topic for topic, _ in look(name, "/drone_1")}
            optional = OPTIONAL.get((name, way), set())
            assert granted(name, way) - optional == used - optional, (name, way)


def test_the_security_policy_grants_the_services_of_parameters_and_lifecycle(bench, nodes):
    tree = ElementTree.parse(CONFIG / "sros2" / "policy.xml")
    for name in nodes:
        (profile,) = [p for p in tree.iter("profile") if p.get("node") == name]
        granted = {s.text.strip() for services in profile.findall("services") for s in services}
        used = {service for service, _ in bench.probe.get_service_names_and_types_by_node(name, "/drone_1")}
        assert granted == used, name


def test_each_half_has_an_enclave_of_its_own():
    tree = ElementTree.parse(CONFIG / "sros2" / "policy.xml")
    enclaves = {e.get("path"): {p.get("node") for p in e.iter("profile")} for e in tree.iter("enclave")}
    assert enclaves["/navisplit/edge"] == {"tail_node"}
    assert enclaves["/navisplit/vehicle"] == {"airsim_node", "head_node", "guard_node", "link_node", "mission_node"}


def test_an_operator_may_hear_and_ask_only_what_is_there(bench, nodes):
    tree = ElementTree.parse(CONFIG / "sros2" / "policy.xml")
    (profile,) = [p for p in tree.iter("profile") if p.get("node") == "operator"]
    services = {s.text.strip() for s in profile.iter("service")}
    known = {service for service, _ in bench.probe.get_service_names_and_types()}
    assert len(services) == 24 and services <= known
    assert granted("operator", "publish") == {"/drone_1/goal_pose", "/drone_1/rearm"}
    assert granted("operator", "subscribe") - {"/tf", "/tf_static"} <= {
        topic for topic, _ in bench.probe.get_topic_names_and_types()
    }
