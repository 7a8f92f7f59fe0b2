"""The Makefile and the package: from a folder with a space in its name, and with everything that ROS looks for."""

from __future__ import annotations

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("navisplit", "launch", "config", "resource", "tests/node")
FILES = ("setup.py", "setup.cfg", "package.xml", "pyproject.toml", "Makefile")
NODES = {"airsim_node", "head_node", "tail_node", "guard_node", "link_node", "mission_node"}


def copy_to(folder: Path) -> Path:
    """The sources, with small stand-ins for worlds and models."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    for name in ("worlds/w.sdf", "worlds/meshes/tree.glb", "models/default/branches.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy in a folder with a space in its name."""
    return copy_to(tmp_path / "a folder")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell, also when these tests were started by make (which marks its environment)."""
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    whole = ["make", *arguments]
    return subprocess.run(whole, cwd=folder, env=outside, capture_output=True, text=True, timeout=120)


def test_help_lists_every_verb(checkout):
    done = make(checkout)
    verbs = set(re.findall(r"^\.PHONY: (.*)$", (checkout / "Makefile").read_text(), re.M)[0].split())
    assert done.returncode == 0
    assert {"help", "setup", "fly", "test", "lint", "clean"} <= verbs
    assert verbs == set(re.findall(r"^  make (\w+)", done.stdout, re.M))


def test_the_second_setup_does_nothing(checkout):
    bin_folder = checkout / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (checkout / ".venv" / "navisplit.stamp").touch()
    assert make(checkout, "setup").stdout.strip() in ("", "make: Nothing to be done for 'setup'.")


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["fly"], "fly --world forest --branch gate"),
        (["fly", "WORLD=my world", "FLAGS=--route 3"], "fly --world my world --branch gate --route 3"),
        (["test"], "-m pytest"),
    ],
)
def test_verbs_call_what_setup_has_installed(checkout, arguments, command):
    bin_folder = checkout / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("navisplit", "python"):
        (bin_folder / name).write_text('#!/bin/sh\necho "CALLED $*"\n')
        (bin_folder / name).chmod(0o755)
    (checkout / ".venv" / "navisplit.stamp").touch()
    done = make(checkout, *arguments)
    assert done.returncode == 0, done.stderr
    assert f"CALLED {command}" in done.stdout


def test_an_old_python_is_named_with_the_cure(checkout):
    old = checkout / "python-old"
    old.write_text('#!/bin/sh\ncase "$1" in -c) echo "Python 3.10 or later is needed"; exit 1;; esac\n')
    old.chmod(0o755)
    done = make(checkout, "setup", "PYTHON=./python-old")
    assert done.returncode != 0
    assert "3.10 or later" in done.stdout + done.stderr
    assert not (checkout / ".venv").exists()
    missing = make(checkout, "setup", "PYTHON=no-such-python")
    assert missing.returncode != 0
    assert "no-such-python" in missing.stdout and "PYTHON=" in missing.stdout


def test_clean_keeps_the_environment_and_the_flights(checkout):
    for name in ("build", "runs", ".venv", ".pytest_cache"):
        (checkout / name).mkdir()
        (checkout / name / "file").touch()
    assert make(checkout, "clean").returncode == 0
    assert (checkout / "runs" / "file").exists() and (checkout / ".venv" / "file").exists()
    assert not (checkout / "build").exists() and not (checkout / ".pytest_cache").exists()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package built as a wheel, without a network."""
    folder = copy_to(tmp_path_factory.mktemp("wheel") / "a folder")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", "dist", "."]
    done = subprocess.run(pip, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = (folder / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def test_a_wheel_has_all_that_ros2_launch_and_ros2_run_look_for(wheel):
    data = {name.split(".data/data/", 1)[1]: wheel.getinfo(name) for name in wheel.namelist() if ".data/data/" in name}
    assert "share/ament_index/resource_index/packages/navisplit" in data
    for name in ("package.xml", "config/flight.yaml", "worlds/w.sdf", "worlds/meshes/tree.glb"):
        assert f"share/navisplit/{name}" in data
    assert "share/navisplit/models/default/branches.json" in data
    for name in ("flight", "vehicle", "edge"):
        assert f"share/navisplit/launch/{name}.launch.py" in data
    executables = {Path(name).name: info for name, info in data.items() if name.startswith("lib/navisplit/")}
    assert set(executables) == NODES
    assert all((info.external_attr >> 16) & stat.S_IXUSR for info in executables.values())


def test_only_prefixed_names_land_in_bin(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    scripts = set(re.findall(r"^(\w+) = ", wheel.read(name).decode(), re.M))
    assert scripts == {"navisplit"} | {f"navisplit_{node}" for node in NODES}


def test_every_entry_point_exists():
    from navisplit.nodes import start

    assert all(callable(getattr(start, node)) for node in NODES)


def test_the_version_is_told_the_same_everywhere(wheel):
    from navisplit import __version__

    assert f"<version>{__version__}</version>" in (ROOT / "package.xml").read_text()
    assert any(name.startswith(f"navisplit-{__version__}.dist-info/") for name in wheel.namelist())


def test_every_package_that_is_imported_is_required():
    required = (ROOT / "setup.py").read_text().lower().replace("-", "_")
    names = {"cv2": "opencv_python_headless", "yaml": "pyyaml", "PIL": "pillow", "re2": "google_re2"}
    # ours, our installer's, ROS's own
    elsewhere = {
        "navisplit",
        "airsim",
        "launch",
        "launch_ros",
        "rclpy",
        "ament_index_python",
    }  # ours, our installer's, ROS's own
    missing = {
        name
        for name in imported_packages()
        if name not in sys.stdlib_module_names | elsewhere
        and not name.endswith(("_msgs", "_interfaces"))
        and f'"{names.get(name, name).lower()}>=' not in required
    }
    assert not missing


def imported_packages() -> set[str]:
    """Top-level packages that any module of ours imports."""
    found: set[str] = set()
    for file in (ROOT / "navisplit").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found


def test_no_registry_is_named_and_metadata_stay_out_of_pyproject():
    for name in ("Makefile", "setup.py", "setup.cfg", ".ci/run"):
        assert not re.search(r"https?://|index-url", (ROOT / name).read_text()), name
    assert "[project]" not in re.sub(r"#.*", "", (ROOT / "pyproject.toml").read_text())  # colcon cannot read it
