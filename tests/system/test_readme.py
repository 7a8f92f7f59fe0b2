"""Every `navisplit ...` command of the README runs as it stands there, only smaller."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALLER = {
    "fly": ["--timeout", "3"],
    "evaluate": ["--routes", "1"],
    "sweep": ["--routes", "1"],
    "collect": ["--frames", "16", "--worlds", "2", "--families", "forest"],
    "train depth": ["--minutes", "0.1"],
    "train gate": ["--families", "forest", "--worlds", "2", "--flights", "1", "--rounds", "1"],
    "train exit": ["--frames", "16", "--epochs", "1"],
    "bench codec": [
        "--frames",
        "2",
        "--timing-frames",
        "1",
        "--methods",
        "branch:b0,branch:b4,teacher,jpeg:40,map:b0/2@0.1",
    ],
    "world": ["--routes", "2"],
}
"""Added to the commands: the last of two equal options counts."""
SERVERS = ("sim",)  # run until they are stopped: test_sim_process starts them


def commands() -> list[str]:
    """The README's command lines, in order: of code blocks, and where a command stands in a sentence."""
    text = (ROOT / "README.md").read_text()
    found = re.findall(r"^(navisplit [^#\n]+)|`(navisplit (?!\.\.\.)[^`]+)`", text, flags=re.MULTILINE)
    return [(block or inline).strip() for block, inline in found]


def verb(command: str) -> str:
    """`train depth` of `navisplit train depth --data ...`."""
    words = shlex.split(command)[1:]
    return " ".join(words[:2]) if words[0] in ("train", "bench") else words[0]


def test_the_readme_shows_every_verb_that_people_come_for():
    assert {
        "fly",
        "evaluate",
        "compare",
        "sweep",
        "collect",
        "train depth",
        "train gate",
        "train exit",
        "bench codec",
        "world",
        "sim",
    } <= {verb(command) for command in commands()}


def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "config").symlink_to(ROOT / "config")
    environment = {**os.environ, "NAVISPLIT_MODELS": str(tmp_path / "models"), "PYTHONPATH": str(ROOT)}
    for command in commands():
        if verb(command) in SERVERS:
            continue
        arguments = [*shlex.split(command)[1:], *SMALLER.get(verb(command), [])]
        whole = [sys.executable, "-m", "navisplit", *arguments]
        run = subprocess.run(whole, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, f"`{command}` ended with {run.returncode}:\n{run.stdout}{run.stderr}"
