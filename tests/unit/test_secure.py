"""examples/secure.sh: which keys it asks `ros2 security` for, with a stand-in for it, and what it refuses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "secure.sh"
STAND_IN = """#!/bin/sh
echo "$@" >> "$ASKED"
if [ "$2" = create_permission ]; then cp "$5" "$ASKED.policy"; fi
"""


def run(folder: Path, *arguments: str, ros2: bool = True) -> subprocess.CompletedProcess[str]:
    (folder / "bin").mkdir(exist_ok=True)
    if ros2:
        (folder / "bin" / "ros2").write_text(STAND_IN)
        (folder / "bin" / "ros2").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:/usr/bin:/bin", "ASKED": str(folder / "asked")}
    return subprocess.run([str(SCRIPT), *arguments], capture_output=True, text=True, env=environment, timeout=30)


def test_each_half_gets_an_enclave_and_permissions_in_its_namespace(tmp_path):
    done = run(tmp_path, str(tmp_path / "keys"), "drone_7")
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    assert f"security create_keystore {tmp_path / 'keys'}" in asked
    for half in ("vehicle", "edge", "operator"):
        assert f"security create_enclave {tmp_path / 'keys'} /navisplit/{half}" in asked
        assert any(a.startswith(f"security create_permission {tmp_path / 'keys'} /navisplit/{half} ") for a in asked)
    policy = (tmp_path / "asked.policy").read_text()
    assert 'ns="/drone_7"' in policy and "/drone_7/head_node/change_state" in policy
    assert '"/drone_1"' not in policy and "/drone_1/" not in policy
    assert "ROS_SECURITY_STRATEGY=Enforce" in done.stdout


def test_without_sros2_it_says_what_is_missing_and_makes_nothing(tmp_path):
    done = run(tmp_path, str(tmp_path / "keys"), ros2=False)
    assert done.returncode == 1 and "sros2" in done.stderr and "wheels" in done.stderr
    assert not (tmp_path / "keys").exists()


def test_a_strange_namespace_or_none_at_all_is_refused(tmp_path):
    assert run(tmp_path, str(tmp_path / "keys"), "a|b").returncode == 2
    assert run(tmp_path).returncode != 0
