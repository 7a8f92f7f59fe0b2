"""All metadata of the package, for pip and for colcon (docs/adr/0001-one-package-for-pip-and-colcon.md)."""

import os
import re
import sys
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "navisplit"
VERSION = re.search(r'__version__ = "(.+?)"', Path(PACKAGE, "__init__.py").read_text()).group(1)
NODES = ["airsim_node", "head_node", "tail_node", "guard_node", "link_node", "mission_node"]

# `ros2 run navisplit head_node` looks in <prefix>/lib/navisplit, where pip never writes a script. The shim calls the
# same Python, found through the console script beside it; exec keeps the process id, so signals reach the node.
SHIM = """#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/../../bin/navisplit_{node}" "$@"
"""


def node_executables() -> list[tuple[str, list[str]]]:
    """Files for lib/navisplit in a wheel; colcon fills that folder itself (setup.cfg)."""
    if "bdist_wheel" not in sys.argv:
        return []
    folder = Path("build", "node_executables")
    folder.mkdir(parents=True, exist_ok=True)
    shims = []
    for node in NODES:
        shim = folder / node
        shim.write_text(SHIM.format(node=node))
        shim.chmod(0o755)
        shims.append(str(shim))
    return [(f"lib/{PACKAGE}", shims)]


def console_scripts() -> list[str]:
    """Generic names only where they land in lib/navisplit (colcon); prefixed ones where they land in bin (pip)."""
    prefix = "" if {"develop", "install"} & set(sys.argv) else f"{PACKAGE}_"
    nodes = [f"{prefix}{node} = {PACKAGE}.nodes.start:{node}" for node in NODES]
    return [f"{PACKAGE} = {PACKAGE}.cli.main:main", *nodes]


def share(folder: str) -> list[tuple[str, list[str]]]:
    """A folder of data files with all its subfolders, to go under share/navisplit."""
    found = []
    for path, _, names in os.walk(folder):
        files = [os.path.join(path, name) for name in sorted(names) if not name.startswith(".")]
        if files and "__pycache__" not in path:
            found.append((os.path.join("share", PACKAGE, path), files))
    return found


setup(
    name=PACKAGE,
    version=VERSION,
    description="A depth network split between a drone and an edge server, with a neural gate, for ROS 2 and AirSim",
    long_description=Path("README.md").read_text() if Path("README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    maintainer="The NaviSplit developers",
    maintainer_email="maintainers@navisplit.example.com",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *share("launch"),
        *share("config"),
        *share("worlds"),
        *share("models"),
        *node_executables(),
    ],
    install_requires=[
        "numpy>=1.26",
        "numba>=0.60",
        "msgpack>=1.0",
        "torch>=2.2",
        "opencv-python-headless>=4.8",
        "safetensors>=0.4",
        "constriction>=0.4",
        "google-crc32c>=1.5",
        "trimesh>=4.0",
        "google-re2>=1.1",  # clients' patterns for names: linear time, where Python's re can take for ever
        "pycollada>=0.7",  # trimesh reads COLLADA (.dae), Gazebo's usual mesh format, through it
        "pillow>=10.0",
        "scipy>=1.11",
        "typer>=0.12",
        "rich>=13.0",
        "pyyaml>=6.0",
        "plotly>=5.20",
        "rosbags>=0.10",
        "zstandard>=0.22",  # a baseline of `navisplit bench codec`
        "onnx>=1.16",  # this and the next: networks in half of torch's time (docs/codec.md)
        "onnxruntime>=1.18",
    ],
    extras_require={
        "ros": [
            "ros-kilted-rclpy",
            "ros-kilted-rmw-fastrtps-cpp",
            "ros-kilted-sensor-msgs",
            "ros-kilted-geometry-msgs",
            "ros-kilted-nav-msgs",
            "ros-kilted-std-msgs",
            "ros-kilted-diagnostic-msgs",
            "ros-kilted-rosgraph-msgs",
        ],
        "train": ["gymnasium>=1.0", "matplotlib>=3.8", "tensorboard>=2.16"],  # environment; curves of a training
        "rl": ["gymnasium>=1.0", "stable-baselines3>=2.4"],  # PPO of `navisplit train policy --rl-steps`
        "ray": ["ray>=2.9"],  # `evaluate --workers ray`: flights on a cluster
        "view": ["viser>=1.1"],
        "test": ["pytest>=8.0", "hypothesis>=6.100", "ruff>=0.6"],
    },
    entry_points={"console_scripts": console_scripts()},
    zip_safe=False,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
