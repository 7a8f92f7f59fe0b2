"""``navisplit sim``, ``world`` and ``bench``, the installer and the stand-in's edges: what the user is told."""

import json
import socket
import threading

import msgpack
import pytest
import typer
from flight_server import flat_simulation
from typer.testing import CliRunner

from navisplit.airsim import install
from navisplit.airsim.transport import Address, Client, Future, RPCError, TransportError
from navisplit.cli import bench, sim, world
from navisplit.errors import ConfigError, NaviSplitError, SimulatorError, UsageError, WorldError
from navisplit.sim.bench import Row
from navisplit.sim.rpc.server import Server, listen
from navisplit.sim.weather import Weather


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command line in an empty folder and home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    app = typer.Typer()
    for part in (sim, world, bench):
        part.register(app)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def ends_when_ready(monkeypatch):
    """A simulator of flat ground that stops as soon as it is ready; holds the settings it was prepared with."""
    prepared = []

    def prepare(name, settings, seed):
        if name == "none":
            raise WorldError("There is no world 'none'.")
        prepared.append(settings)
        return flat_simulation(settings=settings)

    serve = Server.run

    async def run_once(server, ready):
        await serve(server, lambda running: (ready(running), running.stop()))

    monkeypatch.setattr(sim, "_prepare", prepare)
    monkeypatch.setattr(Server, "run", run_once)
    return prepared


def test_the_simulator_says_where_it_answers_and_that_it_stopped(run, ends_when_ready):
    result = run("sim", "--port", "0")
    lines = result.output.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[0].startswith("ready on 127.0.0.1:") and "(world flat, vehicle SimpleFlight, " in lines[0]
    assert lines[-1] == "stopped" and len(lines) == 2  # no status line where there is no terminal


def test_settings_are_taken_from_the_folder_or_the_option_and_warnings_are_said(run, ends_when_ready, tmp_path):
    (tmp_path / "settings.json").write_text('{"ClockSpeed": 3, "CameraDirector": {}}')
    assert "settings: " in run("sim", "--port", "0").output
    run("sim", "--port", "0", "--settings", '{"Vehicles": {"Drone1": {}}}')
    assert [settings.clock_speed for settings in ends_when_ready] == [3.0, 1.0]
    assert list(ends_when_ready[1].vehicles) == ["Drone1"]


def test_weather_and_time_of_day_hold_from_the_start_and_a_mistake_is_told_before_anything_is_built(
    run, ends_when_ready, monkeypatch
):
    simulations, prepare = [], sim._prepare
    monkeypatch.setattr(sim, "_prepare", lambda *a: simulations.append(prepare(*a)) or simulations[-1])
    sky = ("--weather", "rain=0.5,fog=0.2", "--time-of-day", "2026-06-21T12:00")
    assert run("sim", "--port", "0", *sky).exit_code == 0
    conditions = simulations[0].conditions()
    assert conditions.weather == Weather(rain=0.5, fog=0.2) and conditions.light.sun_direction[2] > 0.9
    for wrong in (("--weather", "ran=1"), ("--time-of-day", "noon")):
        assert isinstance(run("sim", "--port", "0", *wrong).exception, UsageError)
    assert len(simulations) == 1


def test_the_port_of_the_settings_counts_unless_one_is_given(run, ends_when_ready):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        settings = json.dumps({"ApiServerPort": port})
        result = run("sim", "--settings", settings)
        assert isinstance(result.exception, SimulatorError) and f"port {port} is in use" in str(result.exception)
        assert run("sim", "--settings", settings, "--port", "0").exit_code == 0
    assert len(ends_when_ready) == 1  # a busy port is told before the world is built


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--settings", "none.json"), ConfigError),
        (("--settings", "{"), ConfigError),
        (("--port", "0", "--world", "none"), WorldError),
        (("--settings", '{"ApiServerPort": 99999}'), SimulatorError),
    ],
)
def test_a_wrong_start_is_a_named_error_and_leaves_no_server(run, ends_when_ready, arguments, error):
    result = run("sim", *arguments)
    assert isinstance(result.exception, error) and isinstance(result.exception, NaviSplitError)


def test_a_port_out_of_range_is_wrong_usage(run):
    assert run("sim", "--port", "70000").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("forest", "--out", "f.sdf", "--option", "size_m"), "expected NAME=NUMBER, got 'size_m'"),
        (("forest", "--out", "f.sdf", "--option", "size_m=wide"), "expected NAME=NUMBER"),
        (("forest", "--out", "f.sdf", "--option", "sise_m=9"), "Did you mean 'size_m'"),
        (("forrest", "--out", "f.sdf"), "Did you mean 'forest'"),
        (("forest", "--out", "f.sdf", "--density", "-1"), "'density' of 'forest': expected a number >= 0"),
        (("forest", "--out", "f.world"), "ends in .sdf"),
    ],
)
def test_a_world_that_cannot_be_made_is_refused_before_anything_is_written(run, tmp_path, arguments, said):
    result = run("world", *arguments)
    assert isinstance(result.exception, UsageError) and said in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_figures_are_printed_for_people_and_for_programs(run, monkeypatch):
    monkeypatch.setattr("navisplit.sim.worlds.load_scene", lambda name: name)
    rows = [
        Row("frames", 123.4, "frames/s", 150.0),
        Row("load", 2.5, "s", 3.0, True, "wall"),
        Row("client", None, "x", 80),
    ]
    monkeypatch.setattr("navisplit.sim.bench.bench_steps", lambda world: [(f"{world}", lambda: iter(rows))])
    lines = run("bench", "sim").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["frames", "123", "frames/s", ">=", "150", "MISSED"],
        ["load", "2.5", "s", "<=", "3", "met", "wall"],
        ["client", "-", "x", ">=", "80"],
    ]
    table = json.loads(run("bench", "sim", "--json").stdout)["sim"]
    assert [(row["name"], row["value"], row["met"]) for row in table] == [
        ("frames", 123.4, False),
        ("load", 2.5, True),
        ("client", None, None),
    ]


# Installer and transport --------------------------------------------------------------------------------------------
def test_the_installer_brings_what_the_build_needs_first(monkeypatch):
    asked = []
    monkeypatch.setattr(install, "installed_version", lambda: "1.3.0")  # an old one is replaced
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None if name in ("wheel", "numpy") else name)
    monkeypatch.setattr(install, "_pip", lambda arguments, environment: asked.append((arguments, environment)))
    install.install(lambda line: None)
    assert asked[0] == (["install", "wheel", "numpy"], {})
    assert asked[1][0][-1] == "airsim==1.8.1" and "PYTHONPATH" in asked[1][1] and len(asked) == 2


def test_run_as_a_module_the_installer_ends_with_the_code_of_its_error(monkeypatch, capsys):
    def refuse():
        raise SimulatorError("pip could not")

    monkeypatch.setattr(install, "install", refuse)
    assert install.main() == 1 and capsys.readouterr().err == "navisplit: pip could not\n"
    monkeypatch.setattr(install, "install", lambda: None)
    assert install.main() == 0


def test_the_first_settlement_of_a_reply_counts():
    future = Future(0.01)
    future.settle("no", None)
    future.settle(None, 5)
    assert (future.error, future.result) == ("no", None)
    with pytest.raises(RPCError, match="no"):
        future.get()


def answered_with(data):
    """Address of a server that answers the first bytes it gets with ``data`` and waits."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with listener, connection:
            connection.recv(65536)
            connection.sendall(data)
            connection.recv(65536)

    threading.Thread(target=serve, daemon=True).start()
    return Address(*listener.getsockname())


@pytest.mark.parametrize("data", [b"\xc1", msgpack.packb(5), msgpack.packb([1, 0])], ids=["garbage", "number", "short"])
def test_a_reply_that_cannot_be_read_is_a_lost_connection_and_not_a_hang(data):
    with pytest.raises(TransportError, match="connection lost"):
        Client(answered_with(data), timeout=20).call("ping")


def test_a_reply_to_another_request_is_not_taken_for_ones_own():
    stray, own = msgpack.packb([1, 77, None, "stray"]), msgpack.packb([1, 0, None, "own"])
    assert Client(answered_with(stray + own), timeout=20).call("ping") == "own"


def test_a_reply_in_many_pieces_is_one_reply():
    big = bytes(300_000)
    client = Client(answered_with(msgpack.packb([1, 0, None, big])), timeout=20)
    assert client.call("simGetImage") == big
    client.close()
    client.close()  # twice is no error


def test_the_address_of_the_settings_counts_and_an_open_door_is_told(run, ends_when_ready):
    local = run("sim", "--settings", '{"LocalHostIp": "127.0.0.1"}', "--port", "0").output
    wide = run("sim", "--settings", '{"LocalHostIp": "0.0.0.0"}', "--port", "0").output
    assert "whoever reaches the port" not in local and "ready on 127.0.0.1:" in local
    assert "whoever reaches the port" in wide and "ready on 0.0.0.0:" in wide
