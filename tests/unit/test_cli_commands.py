"""What commands print, what they leave to their files, and how they end."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from navisplit.cli import branches, doctor
from navisplit.cli import main as cli
from navisplit.cli.checks import check_answers, check_package, check_port_free, check_view
from navisplit.errors import NaviSplitError, SimulatorError, UsageError


@pytest.fixture
def branch_set(tmp_path, monkeypatch):
    """A branch set of two, of which one was measured."""
    specs = tuple(
        SimpleNamespace(name=f"b{i}", id=i, shape=(8 * (i + 1), 18, 32), codec="rans", expected_bytes=150.4 + i)
        for i in range(2)
    )
    made = SimpleNamespace(name="mine", hash=0xAB, path=tmp_path, branches=specs)
    (tmp_path / "metrics.json").write_text(json.dumps({"b1": {"abs_rel": 0.1234, "bytes_mean": 149.6}}))
    monkeypatch.setattr("navisplit.nets.branch_set.load_branch_set", lambda name, runtime=None: made)
    return made


def test_branches_shows_what_was_measured_and_a_dash_where_nothing_was(branch_set, capsys):
    assert cli.main(["branches", "--models", "mine"]) == 0
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["b0"] == ["150", "8x18x32", "rans", "-", "-"]
    assert lines["b1"] == ["151", "16x18x32", "rans", "0.123", "150"]
    assert "delta" not in lines["branch"]  # measured for none


def test_branches_prints_json_for_machines(branch_set, capsys):
    assert cli.main(["branches", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["hash"]) == ("mine", "000000ab")
    assert "abs_rel" not in told["branches"][0] and told["branches"][1]["abs_rel"] == 0.1234


@pytest.mark.parametrize("text", [None, "{broken"])
def test_a_branch_set_without_readable_metrics_is_still_listed(branch_set, capsys, text):
    file = branch_set.path / branches.METRICS_FILE
    file.unlink() if text is None else file.write_text(text)
    assert cli.main(["branches"]) == 0 and "b1" in capsys.readouterr().out


@pytest.mark.parametrize(("needed", "code"), [(True, 1), (False, 0)])
def test_doctor_fails_only_for_what_a_flight_needs(monkeypatch, capsys, needed, code):
    checks = [doctor.Check("python", True, "3.11"), doctor.Check("port 1", False, "in use", needed)]
    monkeypatch.setattr(doctor, "examine", lambda port, models: checks)
    assert cli.main(["doctor"]) == code
    assert ("wrong" if needed else "note") in capsys.readouterr().out
    assert cli.main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out)[1]["found"] == "in use"


def test_doctor_goes_on_after_what_is_missing_but_does_not_hide_our_mistakes():
    def missing():
        raise NaviSplitError("There is none.")

    assert doctor._try("worlds", missing) == doctor.Check("worlds", False, "There is none.")
    with pytest.raises(ZeroDivisionError):
        doctor._try("ours", lambda: 1 // 0)


def test_a_package_that_is_missing_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NaviSplitError, match="'rclpy' was not found. .*source its setup file"):
        check_package("rclpy")
    check = doctor._try("airsim", lambda: doctor._packaged("airsim", ""))
    assert not check.ok and "navisplit.airsim.install" in check.found


def test_a_port_in_use_is_refused_with_both_ways_out_and_one_where_something_answers_is_taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        with pytest.raises(SimulatorError, match="No AirSim answers"):
            check_answers("127.0.0.1", port)  # bound, but nobody listens
        listener.listen()
        check_answers("127.0.0.1", port)
        with pytest.raises(SimulatorError, match=f"--airsim 127.0.0.1:{port}.*--port"):
            check_port_free(port)
        with pytest.raises(SimulatorError, match=f"{port}.*--view-port"):
            check_view(port)
    check_port_free(port)


@pytest.mark.parametrize("port", [70000, -1])
def test_a_port_that_cannot_be_is_a_named_error(port):
    for check in (check_port_free, lambda p: check_answers("127.0.0.1", p)):
        with pytest.raises(SimulatorError):
            check(port)


def evaluation(folder, successes):
    folder.mkdir()
    rows = "".join(f"{i},0,{'success' if s else 'collision'}\n" for i, s in enumerate(successes))
    (folder / "episodes.csv").write_text("route_id,seed,outcome\n" + rows)
    (folder / "summary.json").write_text(json.dumps({"config": {"world": "w"}, "bytes_per_frame": 100.0}))
    return str(folder)


def test_compare_puts_every_folder_against_the_last(tmp_path, capsys):
    folders = [evaluation(tmp_path / name, s) for name, s in (("a", [1] * 8), ("b", [0, 1] * 4), ("base", [0] * 9))]
    assert cli.main(["compare", *folders, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(c["a"], c["b"], c["difference"]) for c in told] == [
        (folders[0], folders[2], 1.0), (folders[1], folders[2], 0.5)
    ]  # fmt: skip
    assert cli.main(["compare", folders[0], folders[2]]) == 0
    text = capsys.readouterr().out
    assert "+100.0 points" in text and "8 pairs" in text and "1 flights that only one of them made" in text


def test_compare_needs_two_folders(tmp_path, capsys):
    assert cli.main(["compare", evaluation(tmp_path / "a", [1])]) == UsageError.exit_code
    assert "at least two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"branch": "b2", "link": "lte", "speed_mps": 5.0, "goal_radius_m": 1.5}),
        (["--branch", "b0", "--speed", "3"], {"branch": "b0", "link": "lte", "speed_mps": 3.0, "goal_radius_m": 1.5}),
        (["--link", "none"], {"branch": "b2", "link": "none", "speed_mps": 5.0, "goal_radius_m": 1.5}),
        (["--weather", "none"], {"branch": "b2", "link": "lte", "speed_mps": 5.0, "weather": "none"}),
    ],
)
def test_options_of_evaluate_go_over_the_file_only_where_they_are_given(tmp_path, monkeypatch, options, expected):
    file = tmp_path / "f.yaml"
    file.write_text("branch: b2\nlink: lte\nweather: fog=0.2\npolicy: {speed_mps: 5.0, goal_radius_m: 1.5}\n")
    asked = []

    def run(evaluation, out, **arguments):
        asked.append(evaluation)
        raise UsageError("far enough")

    monkeypatch.setattr("navisplit.evaluate.runner.evaluate", run)
    arguments = ["evaluate", "--world", "w", "--out", str(tmp_path), "--config", str(file), *options]
    assert cli.main(arguments) == 2
    flight = asked[0].flight
    found = {"branch": flight.branch, "link": flight.link, "speed_mps": flight.policy.speed_mps}
    found |= {"goal_radius_m": flight.policy.goal_radius_m, "weather": flight.weather}
    assert found == {"goal_radius_m": 1.5, "weather": "fog=0.2", **expected}


def test_bench_prints_the_same_figures_for_people_and_machines(monkeypatch, capsys):
    monkeypatch.setattr("navisplit.evaluate.bench.bench_loop", lambda world, models, branch: {"tail_ms": 1.23456})
    assert cli.main(["bench", "loop", "--offline", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"loop": {"tail_ms": 1.23456}}
    assert cli.main(["bench", "loop", "--offline"]) == 0
    assert "1.235" in capsys.readouterr().out


def test_bench_loop_flies_the_graph_and_prints_what_its_processes_have_traced(monkeypatch, capsys):
    from test_loop_stages import frame

    from navisplit.tracing import TRACE_VARIABLE

    def fly(graph, out, display):
        assert graph.node("airsim_node").parameters["camera.rate_hz"] == 20.0
        lines = [f"{s.stage},{s.stamp_ns},{s.began_ns},{s.ended_ns}" for k in range(40) for s in frame(k)]
        (Path(os.environ[TRACE_VARIABLE]) / "all.csv").write_text("\n".join(lines))
        return True

    monkeypatch.delenv(TRACE_VARIABLE, raising=False)
    monkeypatch.setattr("navisplit.cli.flight.run_flight", fly)
    monkeypatch.setattr("navisplit.cli.checks.check_before_flight", lambda graph: None)
    assert cli.main(["bench", "loop", "--rate", "20"]) == 0
    said = capsys.readouterr().out
    for row in ("render", "decode", "guard", "camera to command, p50", "MISSED", "met", "upper bounds"):
        assert row in said
    assert cli.main(["bench", "loop", "--rate", "20", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["loop"]["total"]["p50_ms"] == pytest.approx(31.0) and "upper bounds" in figures["note"]
    assert TRACE_VARIABLE not in os.environ


def test_bench_loop_of_many_drones_prints_a_row_for_each_number(monkeypatch, capsys):
    from navisplit.evaluate.edge_load import LoadRow

    rows = [LoadRow(n, min(n, 2), max(n - 2, 0), 9.9, 9.5, 20.0, 45.0, 0.25, 8.0) for n in (1, 2, 4)]
    monkeypatch.setattr("navisplit.cli.edge_load.measure", lambda *arguments: iter(rows))
    assert cli.main(["bench", "loop", "--drones", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:4]] == [["1", "1", "0"], ["2", "2", "0"], ["4", "2", "2"]]
    assert cli.main(["bench", "loop", "--drones", "4", "--json"]) == 0
    assert [row["refused"] for row in json.loads(capsys.readouterr().out)["edge"]] == [0, 0, 2]


def test_train_gate_hands_its_options_on(monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr(
        "navisplit.train.gate_run.train_gate", lambda *arguments, **more: asked.append((*arguments, more))
    )
    options = ["--families", " forest, ,city", "--worlds", "3", "--thrift", "0.1", "--seed", "4", "--workers", "2"]
    options += ["--rounds", "2"]
    assert cli.main(["train", "gate", "--models", "models/mine", *options]) == 0
    models, run, data, settings, workers, _, more = asked[0]
    assert more == {"rounds": 2}
    assert (models, str(run), workers) == ("models/mine", "runs/gate-mine", 2)
    assert (data.families, data.worlds, data.seed) == (("forest", "city"), 3, 4)
    assert (settings.thrift, settings.seed) == (0.1, 4)
    assert cli.main(["train", "gate", "--worlds", "1"]) == 2 and len(asked) == 1


def test_a_stopwatch_counts_this_threads_work_and_leaves_the_warm_up_out():
    from navisplit.evaluate.bench import WARM_UP, Stopwatch

    watch = Stopwatch()
    assert watch.time("stage", lambda: "result") == "result"
    watch.spent["stage"] = [1000.0] * WARM_UP + [1.0, 2.0, 3.0]
    watch.spent["short"] = [4.0]
    assert watch.medians() == {"stage_ms": 2.0, "short_ms": 4.0}
    assert "torch" not in vars(sys.modules["navisplit.evaluate.bench"])
