"""Launch files: thin, and the same graph as `navisplit fly`. Most need ROS's own launch, which has no wheel."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from navisplit.arguments import ARGUMENTS, Side, arguments_for
from navisplit.graph import flight_graph

LAUNCH = Path(__file__).parents[2] / "launch"
SIDES = {"flight": tuple(Side), "vehicle": (Side.VEHICLE,), "edge": (Side.EDGE,)}


@pytest.mark.parametrize("name", SIDES)
def test_a_launch_file_says_only_which_sides_it_starts(name):
    text = (LAUNCH / f"{name}.launch.py").read_text()
    assert tuple(Side[side] for side in re.findall(r"Side\.(\w+)", text)) == SIDES[name]
    assert len(text.splitlines()) < 15


def test_every_argument_belongs_to_a_side_and_is_explained():
    assert len({a.name for a in ARGUMENTS}) == len(ARGUMENTS)
    assert all(a.sides and len(a.description) > 10 for a in ARGUMENTS)
    assert set(arguments_for((Side.EDGE,))) < set(arguments_for((Side.VEHICLE,)))


def load(name: str) -> Any:
    pytest.importorskip("launch_ros")
    spec = importlib.util.spec_from_file_location(f"{name}_launch", LAUNCH / f"{name}.launch.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@pytest.mark.parametrize("name", SIDES)
def test_a_launch_file_declares_the_arguments_of_its_sides(name):
    declared = [a for a in load(name).entities if type(a).__name__ == "DeclareLaunchArgument"]
    assert [a.name for a in declared] == [a.name for a in arguments_for(SIDES[name])]


def test_launch_starts_the_nodes_of_the_description(world):
    pytest.importorskip("launch_ros")
    from navisplit.nodes.launching import launch_actions

    graph = flight_graph({"world": str(world), "link": "lte"}, stamp="now")
    simulator, *nodes = launch_actions(graph)
    assert type(simulator).__name__ == "ExecuteProcess"
    assert [(n.node_package, n.node_executable) for n in nodes] == [(s.package, s.executable) for s in graph.nodes]
