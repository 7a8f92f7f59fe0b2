"""What reads bytes of strangers, as functions of bytes that raise only for a finding.

Driven by hypothesis in ``test_fuzz.py`` (seconds) and by atheris in ``fuzz_atheris.py`` (as long as you like).
"""

from __future__ import annotations

import functools
import json
import struct
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgpack
from google_crc32c import value as crc32c

from navisplit import wire
from navisplit.errors import NaviSplitError, PacketError
from tests.attacks.packets import answer, features

SDF = """<?xml version="1.0"?><sdf version="1.9"><world name="w"><model name="a"><static>true</static>
<pose>1 2 0.5 0 0 0.3</pose><link name="l"><visual name="v"><geometry><box><size>1 1 1</size></box></geometry>
<material><diffuse>0.5 0.4 0.3 1</diffuse></material></visual><visual name="s"><geometry><sphere><radius>0.5</radius>
</sphere></geometry></visual></link></model><light type="directional" name="sun"><direction>0 0 -1</direction></light>
</world></sdf>"""
ROUTES = "id,start_x,start_y,start_z,start_yaw,goal_x,goal_y,goal_z,length_m\n0,1,2,2,0.5,30,4,2,31\n"
SETTINGS = json.dumps(
    {
        "SettingsVersion": 1.2,
        "SimMode": "Multirotor",
        "ClockSpeed": 2.0,
        "OriginGeopoint": {"Latitude": 47.6, "Longitude": -122.1, "Altitude": 120},
        "Vehicles": {"D": {"VehicleType": "SimpleFlight", "X": 1, "Yaw": 90, "Cameras": {"c": {"X": 0.5}}}},
    }
)


def wire_packets(data: bytes) -> None:
    """A packet behind a right checksum."""
    for candidate in (data, data + struct.pack("<I", crc32c(data))):
        try:
            packet = wire.decode(candidate)
        except PacketError:
            continue
        wire.encode(packet)


def rpc_connection(data: bytes) -> None:
    """A stream of msgpack-RPC from one client: only its own connection may end."""
    from navisplit.sim.rpc.connection import Connection

    served: list[Any] = []
    host = SimpleNamespace(
        accept=lambda c: True,
        serve=lambda *a: served.append(a),
        leave=lambda c: None,
        notify=lambda line: None,
        connections=set(),
    )
    connection = Connection(host, turn_s=1e9)
    connection.data_received(data)
    assert all(isinstance(method, str) and isinstance(arguments, list) for _, _, method, arguments in served)


def settings(data: bytes) -> None:
    """A settings.json."""
    from navisplit.sim.settings import parse_settings

    _named(lambda: parse_settings(data.decode("utf-8", "replace")))


def routes(data: bytes) -> None:
    """A routes file."""
    from navisplit.sim.worlds.routes import read_routes

    _named(lambda: read_routes(_file(data, "f.routes.csv")))


def sdf(data: bytes) -> None:
    """A world."""
    from navisplit.sim.worlds.sdf_reader import read_sdf

    _named(lambda: read_sdf(_file(data, "w.sdf")))


def glb(data: bytes) -> None:
    """Meshes."""
    from navisplit.sim.worlds.glb import read_parts

    _named(lambda: read_parts(_file(data, "m.glb")))


def branch_set(data: bytes) -> None:
    """The description of a branch set; its weights are behind the hash."""
    from navisplit.nets.branch_set import _parse, _read_spec

    folder = _file(data, "branches.json").parent
    _named(lambda: _parse(_read_spec(folder), folder))


@functools.cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Sound inputs of a target, to be broken."""
    if name == "wire_packets":
        return tuple(wire.encode(p)[:-4] for p in (features(), answer()))
    if name == "rpc_connection":
        calls = ([0, 1, "ping", []], [2, "reset", []], [0, 2, "moveByVelocity", [1.0, 0.0, 0.0, 1.0, 0, {"a": 1}, ""]])
        return tuple(msgpack.packb(call) for call in calls)
    if name == "glb":
        return (_glb(),)
    if name == "branch_set":
        return ((Path(__file__).resolve().parents[2] / "models" / "paper" / "branches.json").read_bytes(),)
    return ({"sdf": SDF, "routes": ROUTES, "settings": SETTINGS}[name].encode(),)


def _glb() -> bytes:
    import trimesh

    return trimesh.Scene({"box": trimesh.creation.box()}).export(file_type="glb")


def _named(read: Callable[[], Any]) -> None:
    """Read; an error of NaviSplit's own tree is an answer, any other is a finding."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read()
        except NaviSplitError as error:
            assert str(error)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="navisplit_fuzz_")


def _file(data: bytes, name: str) -> Path:
    path = Path(_folder().name) / name
    path.write_bytes(data)
    return path


TARGETS: dict[str, Callable[[bytes], None]] = {
    f.__name__: f for f in (wire_packets, rpc_connection, settings, routes, sdf, glb, branch_set)
}
