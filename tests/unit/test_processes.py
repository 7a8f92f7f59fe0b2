"""Children of a flight: heard line by line, and none of them left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from navisplit.cli.flight import Display, failure, ros_environment, run_flight, show
from navisplit.cli.processes import Ended, Interrupted, Line, ProcessGroup
from navisplit.errors import NaviSplitError, UsageError
from navisplit.graph import Graph, NodeSpec, Side

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN); {SLEEP}"
PARENT = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); "
PARENT += "print(p.pid, flush=True); time.sleep(60)"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def next_of(group: ProcessGroup, kind: type, timeout_s: float = 10.0):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        event = group.next_event(0.5)
        if isinstance(event, kind):
            return event
    pytest.fail(f"no {kind.__name__} within {timeout_s} s")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for_end(pid: int, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


@pytest.fixture
def group(tmp_path):
    with ProcessGroup(tmp_path / "log", os.environ) as made:
        yield made


def test_lines_are_heard_and_kept_in_a_log(group, tmp_path):
    group.start("speaker", python("import sys; print('one'); print('two', file=sys.stderr)"))
    assert {next_of(group, Line).text, next_of(group, Line).text} == {"one", "two"}
    ended = next_of(group, Ended)
    assert (ended.child.name, ended.exit_code) == ("speaker", 0)
    assert sorted((tmp_path / "log" / "speaker.log").read_text().split()) == ["one", "two"]


def test_a_child_that_ignores_signals_is_killed(group):
    child = group.start("stubborn", python(STUBBORN))
    next_of(group, Line)
    group.stop([child], patience_s=(0.1, 0.1))
    assert child.process.returncode == -signal.SIGKILL


def test_a_child_may_end_in_its_own_way_first(group):
    code = "import time\ntry: print('up', flush=True); time.sleep(60)\nexcept KeyboardInterrupt: print('reported')"
    child = group.start("mission", python(code))
    next_of(group, Line)
    group.stop([child])
    assert child.process.returncode == 0
    assert child.last_lines[-1] == "reported"


def test_what_a_child_has_started_itself_ends_too(group):
    child = group.start("parent", python(PARENT, STUBBORN))
    pid = int(next_of(group, Line).text)
    group.stop([child], patience_s=(0.2, 0.2))
    wait_for_end(pid)


def test_children_end_with_this_process_even_when_it_is_killed(tmp_path):
    code = """
import os, pathlib, sys, time
from navisplit.cli.processes import ProcessGroup
group = ProcessGroup(pathlib.Path(sys.argv[1]), os.environ)
quiet = "import time; time.sleep(60)"  # one that writes would end by the broken pipe anyway
print(group.start("c", [sys.executable, "-c", quiet]).process.pid, flush=True)
time.sleep(60)
"""
    runner = subprocess.Popen(python(code, str(tmp_path)), stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    pid = int(runner.stdout.readline())
    runner.kill()
    runner.wait()
    wait_for_end(pid)


def test_an_exception_leaves_no_child_behind(tmp_path):
    with pytest.raises(RuntimeError), ProcessGroup(tmp_path, os.environ) as group:
        child = group.start("c", python(SLEEP))
        raise RuntimeError("ours")
    assert not alive(child.process.pid)


def test_ctrl_c_reaches_us_as_an_event_and_the_children_not_at_all(group):
    child = group.start("c", python(SLEEP))
    next_of(group, Line)
    with group.interrupts_as_events():
        os.kill(os.getpid(), signal.SIGINT)
        assert next_of(group, Interrupted).signal_number == signal.SIGINT
    assert child.running
    assert os.getpgid(child.process.pid) != os.getpgid(0)


def test_the_flight_stays_on_this_machine_and_in_its_own_domain_unless_the_user_says_otherwise():
    ours = ros_environment({})
    assert ours["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 1 <= int(ours["ROS_DOMAIN_ID"]) <= 101
    chosen = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "ROS_DOMAIN_ID": "7"}
    assert chosen.items() <= ros_environment(chosen).items()


def test_one_half_of_a_flight_looks_for_the_other_in_the_network():
    half = ros_environment({}, alone=False)
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE" not in half and "ROS_DOMAIN_ID" not in half


def test_the_edges_half_ends_when_its_only_node_does(tmp_path, monkeypatch):
    start = ProcessGroup.start
    broken = python("print('navisplit: broken'); exit(1)")
    monkeypatch.setattr(ProcessGroup, "start", lambda self, name, command: start(self, name, broken))
    half = Graph((NodeSpec("tail_node", "/drone_1", Side.EDGE, required=False),))
    with pytest.raises(NaviSplitError, match="tail_node ended .*broken"):
        run_flight(half, tmp_path, Display(lambda _: None, lambda _: None), alone=False)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[INFO] 2026-01-01 10:00:00.123 drone_1.mission_node.status: 3 s", "status"),
        ("[INFO] 2026-01-01 10:00:00.123 drone_1.mission_node: success", "message"),
        ("[WARN] 2026-01-01 10:00:00.123 drone_1.guard_node: guard: brake", "message"),
        ("[INFO] 2026-01-01 10:00:00.123 drone_1.guard_node: guard: edge", None),
        ("simulator: building the world", "status"),
        ("view on http://127.0.0.1:8080 (simulator)", "message"),
        ("chatter of a library in guard_node", None),
    ],
)
def test_people_see_the_mission_and_every_warning(group, text, kind):
    names = ("mission_node", "guard_node", "simulator")
    child = group.start(next(name for name in names if name in text), python("pass"))
    shown: dict[str, str] = {}
    show(Line(child, text), Display(lambda t: shown.update(message=t), lambda t: shown.update(status=t)))
    assert list(shown) == ([kind] if kind else [])


@pytest.mark.parametrize(("exit_code", "kind"), [(1, NaviSplitError), (2, UsageError), (-9, NaviSplitError)])
def test_a_failed_node_is_told_by_its_own_last_word(group, exit_code, kind):
    child = group.start("head_node", python("pass"))
    child.last_lines.extend(["[FATAL] 2026-01-01 10:00:00.123 drone_1.head_node: no model", "Exception ignored in"])
    error = failure(Ended(child, exit_code))
    assert type(error) is kind
    assert "head_node" in str(error) and "no model" in str(error) and str(child.log) in str(error)


def test_a_node_that_dies_ends_the_flight_and_all_other_processes(tmp_path, monkeypatch):
    pids = []
    start = ProcessGroup.start

    def remember(self, name, command):
        code = f"import time; print('navisplit: broken'); time.sleep({0.5 if name == 'head_node' else 60}); exit(1)"
        child = start(self, name, python(code))
        pids.append(child.process.pid)
        return child

    monkeypatch.setattr(ProcessGroup, "start", remember)
    nodes = tuple(NodeSpec(name, "/drone_1", Side.VEHICLE) for name in ("head_node", "mission_node"))
    with pytest.raises(NaviSplitError, match="head_node ended .*broken"):
        run_flight(Graph(nodes), tmp_path, Display(lambda _: None, lambda _: None))
    assert len(pids) == 2 and not any(map(alive, pids))


def test_a_flight_of_several_ends_with_its_last_mission(tmp_path, monkeypatch):
    ended, start = [], ProcessGroup.start

    def quick(self, name, command):
        seconds = {"a.mission_node": 0.2, "b.mission_node": 1.0}.get(name, 60)
        return start(
            self, name, python(f"import time; time.sleep({seconds}); print('[INFO] d t x.mission_node: down')")
        )

    monkeypatch.setattr(ProcessGroup, "start", quick)
    nodes = [
        NodeSpec(name, f"/{drone}", Side.VEHICLE, label=f"{drone}.{name}")
        for drone in "ab"
        for name in ("head_node", "mission_node")
    ]
    assert run_flight(Graph(tuple(nodes)), tmp_path, Display(ended.append, lambda _: None))
    assert ended[1:] == ["a: down", "b: down"]  # after the ROS domain
    assert {path.name for path in (tmp_path / "parameters").iterdir()} == {f"{node.label}.yaml" for node in nodes}
