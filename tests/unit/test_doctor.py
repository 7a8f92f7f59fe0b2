"""`navisplit doctor` names what is broken: each test breaks one thing."""

from __future__ import annotations

import json
import shutil
import socket
import time

import pytest

from navisplit.cli import doctor, doctor_machine, main
from navisplit.errors import NaviSplitError
from navisplit.nets.branch_set import find_branch_set


def told(capsys, *arguments: str) -> tuple[int, dict[str, dict]]:
    code = main.main(["doctor", *arguments, "--json"])
    return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)}


@pytest.fixture
def quick(monkeypatch):
    """Without the checks that load every network."""
    for name in ("_torch", "_golden", "_branch_sets", "_worlds", "_runtime"):
        monkeypatch.setattr(doctor, name, lambda: "well")


def test_a_busy_port_is_named_and_is_no_reason_to_fail(capsys, quick):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, checks = told(capsys, "--port", str(port))
    assert not checks[f"port {port}"]["ok"] and f"--airsim 127.0.0.1:{port}" in checks[f"port {port}"]["found"]
    assert code == 0


@pytest.mark.parametrize("breakage", ["weights", "missing file"])
def test_a_broken_branch_set_is_named(capsys, quick, tmp_path, breakage):
    folder = shutil.copytree(find_branch_set("paper"), tmp_path / "mine")
    weights = folder / "tail.safetensors"
    if breakage == "weights":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    else:
        weights.unlink()
    code, checks = told(capsys, "--models", str(folder))
    check = checks[f"branch set {folder}"]
    assert code == 1 and not check["ok"]
    assert ("has hash" if breakage == "weights" else "tail.safetensors") in check["found"]


def test_a_branch_set_that_is_not_there_is_named(capsys, quick):
    code, checks = told(capsys, "--models", "papr")
    assert code == 1 and "Did you mean 'paper'" in checks["branch set papr"]["found"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ROS_DOMAIN_ID", "400", "from 0 to 232"),
        ("ROS_DOMAIN_ID", "drone", "from 0 to 232"),
        ("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHSOT", "Did you mean 'LOCALHOST'"),
        ("RMW_IMPLEMENTATION", "rmw_nobody_cpp", "not installed"),
        ("NAVISPLIT_LINK_KEY", "secret-not-hex", "hexadecimal"),
        ("NAVISPLIT_LINK_KEY", "abcd", "hexadecimal"),
    ],
)
def test_a_wrong_variable_is_named_and_a_key_never_shown(capsys, quick, monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    code, checks = told(capsys)
    check = checks["environment"]
    assert code == 1 and not check["ok"]
    assert name in check["found"] and said in check["found"]
    assert name != "NAVISPLIT_LINK_KEY" or value not in check["found"]


def test_a_sound_environment_is_shown():
    variables = {"ROS_DOMAIN_ID": "7", "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp", "NAVISPLIT_LINK_KEY": "ab" * 32}
    assert doctor_machine.environment(variables) == "domain 7; discovery SUBNET; rmw_fastrtps_cpp; packets signed"


def test_a_clock_that_is_years_behind_is_named():
    with pytest.raises(NaviSplitError, match="clock says 1971-01-0.*set the clock"):
        doctor_machine.clock(366 * 86400.0)
    assert doctor_machine.clock().startswith(time.strftime("%Y"))


def test_a_clock_without_a_time_server_is_a_note(monkeypatch):
    with pytest.raises(NaviSplitError, match="no time server"):
        doctor_machine.synchronised(adjtimex=5)
    assert doctor_machine.synchronised(adjtimex=0) == "follows a time server"
