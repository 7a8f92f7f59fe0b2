"""The stand-in for msgpackrpc sends at once, is shared by threads, and reports a dead server instead of hanging."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgpack
import numpy as np
import pytest

from navisplit.airsim import install
from navisplit.airsim.transport import (
    Address,
    Client,
    RPCError,
    TimeoutError,
    TransportError,
    install_transport,
)
from navisplit.errors import SimulatorError


class ScriptedServer:
    """Answers each request by ``answer(method, arguments)``; None answers nothing, ``hang_up`` closes."""

    def __init__(self, answer):
        self._answer = answer
        self.requests = []
        self.arrived = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address(*self._listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        unpacker = msgpack.Unpacker(raw=False)
        with connection:
            while data := connection.recv(65536):
                unpacker.feed(data)
                for _, number, method, arguments in unpacker:
                    self.requests.append((method, arguments))
                    self.arrived.set()
                    reply = self._answer(method, arguments)
                    if reply == "hang_up":
                        return
                    if reply is not None:
                        connection.sendall(msgpack.packb([1, number, *reply]))

    def close(self):
        self._listener.close()


@pytest.fixture
def echo():
    server = ScriptedServer(lambda method, arguments: (None, [method, *arguments]))
    yield server
    server.close()


def test_a_call_returns_the_result(echo):
    assert Client(echo.address).call("ping", 1, "a") == ["ping", 1, "a"]


def test_an_asynchronous_call_leaves_at_once_without_a_join(echo):
    Client(echo.address).call_async("moveByVelocity", 1.0)
    assert echo.arrived.wait(2.0)
    assert echo.requests == [("moveByVelocity", [1.0])]


def test_a_refusal_is_an_rpc_error_with_the_servers_text():
    server = ScriptedServer(lambda method, arguments: ("rpclib: no", None))
    with pytest.raises(RPCError, match="rpclib: no"):
        Client(server.address).call("x")
    future = Client(server.address).call_async("x")
    future.join()
    assert (future.result, future.error) == (None, "rpclib: no")


def test_structs_and_numpy_numbers_are_sent_as_maps_and_numbers(echo):
    class Pose:
        def to_msgpack(self, *args, **kwargs):
            return {"x_val": np.float32(1.5)}

    answer = Client(echo.address).call("set", Pose(), np.int64(3), np.float64(0.5), np.array([1, 2]))
    assert answer == ["set", {"x_val": 1.5}, 3, 0.5, [1, 2]]
    with pytest.raises(TypeError, match="cannot send object"):
        Client(echo.address).call("set", object())


def test_a_server_that_hangs_up_fails_all_pending_calls_at_once():
    server = ScriptedServer(lambda method, arguments: "hang_up" if method == "die" else None)
    client = Client(server.address, timeout=60)
    pending = client.call_async("wait")
    started = time.monotonic()
    with pytest.raises(TransportError, match="closed by the simulator"):
        client.call("die")
    with pytest.raises(TransportError):
        pending.get()
    assert time.monotonic() - started < 5.0


def test_after_a_loss_the_next_call_connects_again(echo):
    client = Client(echo.address)
    assert client.call("a") == ["a"]
    client.close()
    assert client.call("b") == ["b"]


def test_no_server_is_a_transport_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(*listener.getsockname())
    with pytest.raises(TransportError, match="Retry connection over the limit"):
        Client(address).call("ping")


@pytest.mark.fault(16, does="a call without a reply is a named error, not a wait for ever")
def test_no_reply_in_time_is_a_timeout_and_a_late_reply_changes_nothing():
    server = ScriptedServer(lambda method, arguments: None)
    future = Client(server.address, timeout=0.05).call_async("slow")
    with pytest.raises(TimeoutError):
        future.get()
    future.settle(None, "late")
    assert isinstance(future.error, TimeoutError)


def test_one_client_serves_many_threads(echo):
    client, wrong = Client(echo.address), []

    def work(name):
        for i in range(100):
            if client.call(name, i) != [name, i]:
                wrong.append((name, i))

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_callback_is_called_on_the_reply_and_when_it_is_there_already(echo):
    client, seen = Client(echo.address), threading.Event()
    client.call_async("a").attach_callback(lambda future: seen.set())
    assert seen.wait(2.0)
    done = client.call_async("b")
    done.join()
    results = []
    done.attach_callback(lambda future: results.append(future.result))
    assert results == [["b"]]


@pytest.mark.parametrize(("version", "kept"), [(1, 3), (4, 2)])
def test_cosys_gets_camera_calls_without_the_trailing_argument(version, kept):
    server = ScriptedServer(
        lambda method, arguments: (None, version if method == "getServerVersion" else len(arguments))
    )
    client = Client(server.address)
    assert client.call("simGetImages", [], "", False) == kept
    assert client.call("simPause", False) == 1


def test_the_unmodified_client_imports_on_it():
    install_transport()
    pytest.importorskip("airsim")
    import airsim

    assert (airsim.Vector3r(1.0, 2.0, 3.0) * 2.0).y_val == 4.0  # np.sctypes is back
    assert airsim.string_to_uint8_array(b"\x01\x02").tolist() == [1, 2]  # binary np.fromstring too
    assert np.fromstring("1 2", sep=" ").tolist() == [1.0, 2.0]


# Installer ----------------------------------------------------------------------------------------------------------
@pytest.fixture(autouse=True)
def site(monkeypatch, tmp_path):
    """No test writes into this environment."""
    monkeypatch.setattr(install, "site_packages", lambda: tmp_path)
    return tmp_path


def test_a_plain_import_of_airsim_works_after_the_installer(monkeypatch, site):
    monkeypatch.setattr(install, "installed_version", lambda: "1.8.1")
    monkeypatch.setattr(sys, "path", [str(site)])
    said = []
    install.install(said.append)
    assert said == [f"transport for airsim: {site / 'msgpackrpc.py'}", "airsim 1.8.1 is installed"]
    code = "import msgpackrpc, msgpackrpc.error; print(msgpackrpc.__version__, msgpackrpc.Client.__module__)"
    root = str(Path(install.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), root))}
    told = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert told.split()[0].endswith("+navisplit") and told.split()[1] == "navisplit.airsim.transport"


def test_a_transport_that_is_there_is_left_alone(monkeypatch, site):
    (site / "msgpackrpc").mkdir()
    monkeypatch.setattr(install, "installed_version", lambda: "1.8.1")
    monkeypatch.setattr(sys, "path", [str(site)])
    install.install(lambda line: None)
    assert not (site / "msgpackrpc.py").exists()


def test_the_installer_builds_without_isolation_and_with_a_stub(monkeypatch):
    runs = []

    def run(command, env, **_):
        runs.append((command, env))
        stub = env["PYTHONPATH"].split(":")[0]
        code = "import msgpackrpc; print(msgpackrpc.__file__)"
        runs.append(subprocess.check_output([sys.executable, "-c", code], env={"PYTHONPATH": stub}, text=True))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(install, "installed_version", lambda: None)
    monkeypatch.setattr(install, "subprocess", type("S", (), {"run": staticmethod(run)}))
    install.install(lambda line: None)
    (command, _), stub_file = runs
    assert command[-3:] == ["--no-deps", "--no-build-isolation", "airsim==1.8.1"]
    assert "msgpackrpc" in stub_file


def test_the_installer_does_nothing_twice(monkeypatch):
    monkeypatch.setattr(install, "installed_version", lambda: "1.8.1")
    monkeypatch.setattr(install, "_pip", lambda *_: pytest.fail("pip was called"))
    said = []
    install.install(said.append)
    assert said[-1] == "airsim 1.8.1 is installed"


def test_the_installer_passes_on_pips_words(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "Looking", "ERROR: no network")
    monkeypatch.setattr(install, "installed_version", lambda: None)
    monkeypatch.setattr(install.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SimulatorError, match="no network"):
        install.install(lambda line: None)
