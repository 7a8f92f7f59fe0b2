"""The walls between the rooms, read from the imports themselves, and what must stay cheap to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "navisplit"

FORBIDDEN = {
    "vehicle": ["navisplit.edge", "navisplit.sim", "navisplit.nodes", "navisplit.cli"],
    "edge": ["navisplit.vehicle", "navisplit.sim", "navisplit.nodes", "navisplit.cli"],
    "sim": [
        f"navisplit.{room}" for room in ("vehicle", "edge", "nets", "codecs", "nodes", "link", "train", "evaluate")
    ],
    "link": [f"navisplit.{room}" for room in ("vehicle", "edge", "sim", "nets", "codecs", "nodes", "cli")],
    "faults": [f"navisplit.{room}" for room in ("vehicle", "edge", "sim", "nets", "codecs", "nodes", "link", "cli")],
    "codecs": [f"navisplit.{room}" for room in ("vehicle", "edge", "sim", "nets", "link", "nodes", "cli")],
    "nets": [f"navisplit.{room}" for room in ("vehicle", "edge", "sim", "link", "nodes", "cli")],
    "wire": [f"navisplit.{room}" for room in ("vehicle", "edge", "sim", "nets", "codecs", "link", "nodes", "cli")],
    "frames": ["navisplit.config", "navisplit.wire", "navisplit.sim", "navisplit.vehicle", "navisplit.edge"],
}
"""Room (folder or module of navisplit) to what it must never import, in any function and under any condition."""

ROS = ("rclpy", "rosidl_runtime_py", "sensor_msgs", "nav_msgs", "geometry_msgs", "std_msgs", "launch_ros")
ROS_ROOMS = {"nodes", "cli", "graph"}
PURE_ROOMS = {"wire", "frames", "config", "codecs", "faults", "link", "vehicle", "nets"}
GLOBAL_TIME = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.sleep",
    "datetime.datetime.now",
}
NUMPY_RANDOM = {"Generator", "default_rng", "SeedSequence", "PCG64", "BitGenerator"}
HEAVY = ("torch", "numba", "rclpy", "trimesh", "plotly", "cv2", "scipy")


def room_of(path: Path) -> str:
    """Folder or module directly under navisplit."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(tree: ast.AST, path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, by its full dotted name (``from a import b`` gives a.b too)."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level]) if node.level else ""
            module = ".".join(p for p in (base, node.module or "") if p)
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            found |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an attribute expression."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def wall_broken(path: Path, tree: ast.AST) -> list[str]:
    room = room_of(path)
    walls = list(FORBIDDEN.get(room, ())) + ([] if room in ROS_ROOMS else list(ROS))
    return sorted({f"{path.name} imports {name}" for name in imports(tree, path) for w in walls if within(name, w)})


def global_state(tree: ast.AST) -> list[str]:
    """Uses of the machine's clock or of randomness that nobody passed in."""
    found = []
    for node in ast.walk(tree):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        numpy_global = name.startswith(("np.random.", "numpy.random.")) and name.split(".")[2] not in NUMPY_RANDOM
        if name in GLOBAL_TIME or name.startswith("random.") or numpy_global:
            found.append(name)
        if isinstance(node, ast.Call) and dotted(node.func).endswith("random.default_rng") and not node.args:
            found.append("default_rng() without a seed")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_room_imports_through_a_wall(path):
    assert not wall_broken(path, ast.parse(path.read_text()))


@pytest.mark.parametrize(
    "path", [p for p in sources() if room_of(p) in PURE_ROOMS], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_pure_rooms_take_time_and_randomness_as_arguments(path):
    assert not global_state(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_pickle(path):
    names = imports(ast.parse(path.read_text()), path)
    assert not [n for n in names for bad in ("pickle", "cPickle", "dill", "cloudpickle", "joblib") if within(n, bad)]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("vehicle/head.py", "import navisplit.edge.server"),
        ("vehicle/head.py", "def f():\n    from navisplit.edge import server"),
        ("vehicle/head.py", "from navisplit import edge"),
        ("vehicle/head.py", "from ..edge import server"),
        ("vehicle/head.py", "from .. import edge"),
        ("vehicle/head.py", "import importlib\nimportlib.import_module('navisplit.edge')"),
        ("edge/server.py", "from navisplit.vehicle.guard import Guard"),
        ("sim/rpc/server.py", "from navisplit.codecs import codec"),
        ("sim/renderer.py", "from ..nets import trunk"),
        ("evaluate/flight.py", "import rclpy.node"),
        ("wire/layout.py", "if True:\n    import navisplit.nets"),
    ],
)
def test_the_walls_would_be_seen_to_break(file, code):
    assert wall_broken(PACKAGE / file, ast.parse(code))


@pytest.mark.parametrize(
    "code",
    ["import time\ntime.time()", "import random\nrandom.random()", "np.random.rand(3)", "np.random.default_rng()"],
)
def test_global_time_and_randomness_would_be_seen(code):
    assert global_state(ast.parse(code))


def test_allowed_imports_are_not_taken_for_broken_walls():
    for file, code in (
        ("vehicle/guard.py", "from navisplit.wire import AnswerPacket"),
        ("edge/server.py", "from navisplit.codecs import codec\nimport torch"),
        ("nodes/head_node.py", "import rclpy\nfrom navisplit.vehicle.head import Head"),
        (
            "evaluate/flight.py",
            "from navisplit.edge.server import EdgeServer\nfrom navisplit.vehicle.guard import Guard",
        ),
    ):
        assert not wall_broken(PACKAGE / file, ast.parse(code))
    assert not global_state(ast.parse("rng = np.random.default_rng(3)\nx: np.random.Generator\nrng.random()"))


@pytest.mark.parametrize(
    "module",
    [
        "navisplit",
        "navisplit.cli.main",
        "navisplit.wire",
        "navisplit.codecs",
        "navisplit.link",
        "navisplit.vehicle.guard",
    ],
)
def test_importing_costs_nothing_heavy(module):
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom navisplit.cli.main import main\nstatus = main(['--help'])\n"
        f"print('heavy:', *sorted(set(sys.modules) & set({HEAVY!r})))\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"


@pytest.mark.fault(35, does="nothing: no part of the flight listens to TF, which is for people and their tools")
def test_nothing_but_the_publisher_of_frames_knows_tf():
    using = [p.name for p in sources() if any("tf2" in n for n in imports(ast.parse(p.read_text()), p))]
    assert using == ["frames_tree.py"]
    assert "create_subscription" not in (PACKAGE / "nodes" / "frames_tree.py").read_text()
