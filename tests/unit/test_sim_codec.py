"""The wire: golden bytes of the real server, and nothing that a client can send that is not answered or refused."""

import asyncio
import json
import math
import struct

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sim_service import make_service

from navisplit.sim.rpc import structs
from navisplit.sim.rpc.codec import Double, encode_response, encoded, unpacker
from navisplit.sim.rpc.connection import Connection
from navisplit.sim.rpc.service import Later
from navisplit.sim.rpc.table import METHODS, RpcFault, call

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def text(value):
    return bytes([0xA0 + len(value)]) + value.encode()


# Golden bytes ---------------------------------------------------------------------------------------------------------
VECTOR = b"\x83" + b"".join(text(f"{axis}_val") + b"\xca" + struct.pack(">f", v) for axis, v in zip("xyz", (1, -2, 0.5), strict=True))  # fmt: skip  # noqa: E501
TURN = b"\x84" + b"".join(text(f"{axis}_val") + b"\xca" + struct.pack(">f", v) for axis, v in zip("wxyz", (1, 0, 0, 0), strict=True))  # fmt: skip  # noqa: E501
GOLDEN = {
    "ping": ((1, None, True), "94 01 01 c0 c3"),
    "nothing": ((4, None, None), "94 01 04 c0 c0"),
    "a false": ((300, None, False), "94 01 cd 01 2c c0 c2"),
    "an error": ((14, "no", None), "94 01 0e a2 6e 6f c0"),
    "an empty picture": ((2, None, b""), "94 01 02 c0 c4 00"),
    "bytes": ((2, None, bytes([7, 8])), "94 01 02 c0 c4 02 07 08"),
    "depth": ((3, None, np.full(8, 1.5, np.float32)), "94 01 03 c0 98" + " ca 3f c0 00 00" * 8),
    "a float": ((5, None, 0.1), "94 01 05 c0 ca 3d cc cc cd"),
    "a double": ((5, None, Double(47.641468)), "94 01 05 c0 cb 40 47 d2 1b 9f 98 b7 1c"),
    "a stamp": ((6, None, 1_790_000_000_123_456_789), "94 01 06 c0 cf 18 d7 5b 84 2b 4e cd 15"),
    "no id": ((6, None, -1), "94 01 06 c0 ff"),
    "indices": ((7, None, np.array([0, 1, 200, 70000])), "94 01 07 c0 94 00 01 cc c8 ce 00 01 11 70"),
    "names": ((7, None, ["A", "B"]), "94 01 07 c0 92 a1 41 a1 42"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_replies_are_the_real_servers_bytes(name):
    reply, golden = GOLDEN[name]
    assert encode_response(*reply) == bytes.fromhex(golden)
    assert encode_response(*reply[:2], encoded(reply[2])) == bytes.fromhex(golden)  # also when encoded elsewhere


def test_a_pose_is_a_map_of_maps_of_single_floats():
    pose = structs.pose(np.array([1.0, -2.0, 0.5]), np.array([0.0, 0.0, 0.0, 1.0]))
    assert encode_response(9, None, pose) == b"\x94\x01\x09\xc0\x82" + text("position") + VECTOR + text("orientation") + TURN  # fmt: skip  # noqa: E501


def test_a_long_text_and_a_large_array_have_longer_heads():
    assert encode_response(0, "e" * 119, None)[3:5] == b"\xd9\x77"
    assert encode_response(0, None, np.zeros(70_000, np.float32))[4:9] == b"\xdd\x00\x01\x11\x70"


def test_a_number_beyond_single_precision_is_the_largest_and_not_a_failure():
    assert msgpack.unpackb(encode_response(0, None, -1e300))[3] == pytest.approx(-3.4028235e38)
    assert msgpack.unpackb(encode_response(0, None, math.inf))[3] == math.inf


# What comes in --------------------------------------------------------------------------------------------------------
class Host:
    """A server that takes note."""

    def __init__(self):
        self.connections, self.served, self.told = set(), [], []

    def accept(self, connection):
        return True

    def serve(self, connection, number, method, arguments):
        self.served.append((number, method, arguments))

    def leave(self, connection):
        pass

    def notify(self, line):
        self.told.append(line)


class Wireless(asyncio.Transport):
    """Nothing goes out."""

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def is_closing(self):
        return False

    def close(self):
        pass


def received(*pieces):
    """What a connection makes of bytes: the requests that it serves, and whether it refuses the rest."""
    host = Host()
    connection = Connection(host, turn_s=math.inf)
    connection.connection_made(Wireless())
    for piece in pieces:
        connection.data_received(piece)
        if host.told:
            break
    return host.served, bool(host.told)


def test_a_client_that_sends_much_at_once_is_served_in_turns():
    async def turns():
        host = Host()
        connection = Connection(host, turn_s=0.0)
        connection.connection_made(Wireless())
        connection.data_received(msgpack.packb([0, 1, "ping", []]) * 5)
        counts = [len(host.served)]
        while len(host.served) < 5 and len(counts) < 50:
            await asyncio.sleep(0)  # the others' turn
            counts.append(len(host.served))
        return counts

    counts = asyncio.run(turns())
    assert counts[0] == 1 and counts[-1] == 5 and max(np.diff(counts)) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@QUICK
@given(st.binary(max_size=300))
@example(b"\xc1")
@example(b"\x93\x02\xa4ping\x90" * 3)
def test_any_bytes_are_requests_or_refused_or_waited_for(data):
    served, _ = received(data)
    assert all(isinstance(method, str) and isinstance(arguments, list) for _, method, arguments in served)


@QUICK
@given(VALUES)
def test_any_message_is_a_request_or_refused(value):
    served, refused = received(msgpack.packb(value))
    is_request = isinstance(value, list) and len(value) == 4 and value[0] == 0 and not isinstance(value[0], bool)
    assert refused or served
    assert not served or is_request or (isinstance(value, list) and value[0] == 2)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 2**30), st.text(max_size=20), st.lists(VALUES, max_size=3)), max_size=4),
       st.lists(st.integers(1, 40), max_size=8))  # fmt: skip
def test_requests_arrive_whole_however_the_bytes_are_cut(requests, cuts):
    data = b"".join(msgpack.packb([0, *request]) for request in requests)
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    served, refused = received(*pieces, data)
    assert not refused
    assert msgpack.packb(served) == msgpack.packb(requests)  # compares NaN as well


@QUICK
@given(VALUES)
def test_what_is_encoded_is_decoded(value):
    plain = msgpack.unpackb(encode_response(1, None, value), strict_map_key=False)
    singles = msgpack.unpackb(msgpack.packb(value, use_single_float=False))
    assert len(plain) == 4 and _alike(plain[3], singles)


def _alike(got, wanted):
    if isinstance(wanted, float):
        return math.isnan(got) if math.isnan(wanted) else got == pytest.approx(max(-3.4028235e38, min(3.4028235e38, wanted)) if math.isfinite(wanted) else wanted, rel=1e-6, abs=1e-37)  # fmt: skip  # noqa: E501
    if isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(_alike, got, wanted))
    if isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(_alike(got[key], wanted[key]) for key in wanted)
    return got == wanted


def test_the_unpacker_keeps_bounds():
    for data in (b"\xdd\x00\x04\x00\x00", b"\xdf\x00\x00\x10\x00", b"\xc7\x01\x05x"):
        stream = unpacker()
        stream.feed(data)
        with pytest.raises((ValueError, msgpack.UnpackException)):
            next(iter(stream))


# What is asked --------------------------------------------------------------------------------------------------------
NUMBERS = st.floats() | st.floats(-100, 100) | st.integers(-1000, 1000)
VECTORS = st.fixed_dictionaries({}, optional=dict.fromkeys(("x_val", "y_val", "z_val"), NUMBERS))
TURNS = st.fixed_dictionaries({}, optional=dict.fromkeys(("w_val", "x_val", "y_val", "z_val"), NUMBERS))
POSES = st.fixed_dictionaries({}, optional={"position": VECTORS, "orientation": TURNS})
REST = ("linear_velocity", "angular_velocity", "linear_acceleration", "angular_acceleration")
KINDS = {
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**64 - 1) | st.integers(-2, 20),
    "float": NUMBERS,
    "str": st.sampled_from(["", "0", "front_center", "tree_1", "ground", ".*", "Cube", "("]) | st.text(max_size=10),
    "RCData": st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("roll", "pitch", "yaw", "throttle"), NUMBERS) | {"is_initialized": st.booleans()}
    ),
    "map": st.dictionaries(st.text(max_size=5), VALUES, max_size=3),
    "Vector3r": VECTORS,
    "Pose": POSES,
    "YawMode": st.fixed_dictionaries({}, optional={"is_rate": st.booleans(), "yaw_or_rate": NUMBERS}),
    "GeoPoint": st.fixed_dictionaries({}, optional=dict.fromkeys(("latitude", "longitude", "altitude"), NUMBERS)),
    "ImageRequest": st.fixed_dictionaries(
        {},
        optional={
            "camera_name": st.sampled_from(["", "0", "3", "x"]),
            "image_type": st.integers(-2, 12),
            "pixels_as_float": st.booleans(),
            "compress": st.booleans(),
        },
    ),
    "KinematicsState": st.fixed_dictionaries(
        {}, optional={"position": VECTORS, "orientation": TURNS} | dict.fromkeys(REST, VECTORS)
    ),
}


def arguments_of(draw, name):
    made = []
    for parameter, kind in METHODS[name].parameters:
        if parameter == "output_file":
            made.append("grid.binvox")
        elif kind.startswith("["):
            made.append(draw(st.lists(KINDS[kind[1:-1]], max_size=3)))
        else:
            made.append(draw(KINDS[kind]))
    return made


@settings(QUICK, max_examples=400)
@given(st.data())
def test_whatever_is_asked_is_answered_or_refused_and_the_flight_stays_finite(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    service = make_service(json.dumps({"Recording": {"Folder": str(tmp_path)}}))
    for name in data.draw(st.lists(st.sampled_from(sorted(METHODS)), min_size=1, max_size=4)):
        arguments = arguments_of(data.draw, name)
        try:
            outcome = call(name, arguments, service)
            if isinstance(outcome, Later):
                outcome = outcome.result()
        except RpcFault:
            continue
        if not hasattr(outcome, "when_done"):
            encode_response(0, None, outcome)
    service.simulation.advance(0.03)
    assert np.isfinite(service.simulation.vehicle().pilot.body).all()
