"""The page on compatibility is what the server does."""

import json
from pathlib import Path

import pytest
from rpc_arguments import arguments_of
from sim_service import make_service, settled

from navisplit.cli.main import main
from navisplit.sim.rpc.compatibility import PATH, compatibility_page
from navisplit.sim.rpc.methods import METHOD_MODULES
from navisplit.sim.rpc.service import Later
from navisplit.sim.rpc.settings_page import effect
from navisplit.sim.rpc.table import METHODS, Method, RpcFault, Status, call

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_fresh():
    page = (ROOT / PATH).read_text(encoding="utf-8")
    assert page == compatibility_page(), f"stale: run `python -m navisplit sim --compatibility > {PATH}`"


def test_every_method_is_in_the_page_once_under_its_module():
    page = compatibility_page()
    assert all(page.count(f"| `{name}` |") == 1 for name in METHODS)
    assert page.count("\n## ") == len(METHOD_MODULES) + 1  # and the settings


def test_a_key_of_the_settings_has_the_effect_that_the_page_tells():
    assert (
        effect("ClockSpeed", 3.0) == "yes" and effect("Vehicles.NAME.Cameras.NAME.Gimbal.Stabilization", 1.0) == "yes"
    )
    assert effect("ViewMode", "Fpv") == "none, and silent" and effect("CameraDirector.X", 1.0) == "none"
    assert effect("Vehicles.NAME.EnableCollisions", False) == "none"


def test_the_command_prints_the_page(capsys):
    assert main(["sim", "--compatibility"]) == 0
    assert capsys.readouterr().out == compatibility_page()


@pytest.mark.parametrize(("status", "phrase"), [(Status.FULL, "but not quite"), (Status.DIFFERS, "")])
def test_a_difference_is_stated_exactly_when_there_is_one(status, phrase):
    with pytest.raises(ValueError, match="state a difference"):
        Method("x", (), print, status=status, difference=phrase)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_is_neutral_exactly_when_it_tells_the_operator_that_it_does_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    service = make_service(json.dumps({"Recording": {"Folder": str(tmp_path)}}))
    for _ in range(2):
        try:
            outcome = call(name, arguments_of(name), service)
        except RpcFault:
            break
        settled(service, outcome) if isinstance(outcome, Later) else None
    told = service.told.count(f"{name} has no effect in this simulator.")
    assert told == (METHODS[name].status is Status.NEUTRAL)  # once
