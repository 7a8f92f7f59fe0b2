"""Where shipped files are found, in every layout; and what the arguments of a flight say of themselves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from navisplit import resources
from navisplit.arguments import ARGUMENTS, Side, absolute_namespace, arguments_for, completed, flight_config
from navisplit.errors import ConfigError, UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def layouts(tmp_path, monkeypatch):
    """An installed package: no source tree around it, one prefix and two ament workspaces."""
    for place in ("prefix", "first", "second"):
        folder = tmp_path / place / "share" / "navisplit" / "worlds"
        folder.mkdir(parents=True)
        (folder / f"{place}.sdf").write_text(place)
        (folder / "everywhere.sdf").write_text(place)
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "site" / "navisplit" / "resources.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", os.pathsep.join(["", str(tmp_path / "first"), str(tmp_path / "second")]))
    return tmp_path


def test_files_of_every_layout_are_found_and_the_most_specific_goes_first(layouts):
    assert [f.parents[2].name for f in resources.resource_folders("worlds")] == ["prefix", "first", "second"]
    assert resources.resource("worlds", "second.sdf").read_text() == "second"
    assert resources.resource("worlds", "everywhere.sdf").read_text() == "prefix"
    source = layouts / "site" / "worlds"
    source.mkdir(parents=True)
    (source / "everywhere.sdf").write_text("source")
    assert resources.resource("worlds", "everywhere.sdf").read_text() == "source"


def test_a_name_that_is_nowhere_is_refused_with_the_nearest_of_all_layouts(layouts):
    with pytest.raises(UsageError, match="worlds/.*Did you mean 'second.sdf'"):
        resources.resource("worlds", "secund.sdf")
    with pytest.raises(UsageError, match="There is none yet"):
        resources.resource("models", "default")
    with pytest.raises(UsageError, match="Did you mean 'worlds'"):
        resources.resource("world", "forest.sdf")


def test_the_source_tree_ships_worlds_configuration_and_launch_files():
    assert resources.resource("worlds", "forest.sdf") == ROOT / "worlds" / "forest.sdf"
    assert resources.resource("config", "flight.yaml").is_file()
    assert list(resources.resource_folders("launch")[0].glob("*.launch.py"))


def test_every_argument_is_explained_and_belongs_to_a_side():
    assert len({a.name for a in ARGUMENTS}) == len(ARGUMENTS)
    assert all(a.description and a.sides for a in ARGUMENTS)
    edge = {a.name for a in arguments_for([Side.EDGE])}
    assert "link" in edge and not {"world", "record", "out", "airsim"} & edge


def test_missing_arguments_get_their_defaults_and_those_of_the_other_side_are_refused():
    values = completed({"speed": " 4 "}, [Side.EDGE])
    assert values["speed"] == "4" and values["namespace"] == "drone_1" and "world" not in values
    with pytest.raises(UsageError, match="There is no argument 'world'"):
        completed({"world": "forest"}, [Side.EDGE])


@pytest.mark.parametrize("text", ["drone_1", "/drone_1", "drone_1/", "/drone_1/"])
def test_a_namespace_is_the_same_with_and_without_its_slashes(text):
    assert absolute_namespace(text) == "/drone_1" and absolute_namespace("/a/b2") == "/a/b2"


@pytest.mark.parametrize("text", ["", "/", "2drone", "a b", "a//b", "drohne_\u00e4", "a-b"])
def test_a_namespace_that_ros_would_not_take_is_refused(text):
    with pytest.raises(UsageError, match="namespace"):
        absolute_namespace(text)


@pytest.mark.parametrize(("text", "said"), [("[1, 2]", "found list"), ("a: [", "Cannot read"), ("", "found NoneType")])
def test_a_configuration_that_holds_no_settings_is_refused(tmp_path, text, said):
    file = tmp_path / "flight.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        flight_config({"config": str(file), "policy": "", "speed": ""})
