"""The RPC table on a flat scene, without sockets, and what is on the wire with the width of every number."""

import msgpack
import pytest
from flight_server import flat_simulation

from navisplit.sim.flight.commands import Task
from navisplit.sim.rpc import server as _server  # noqa: F401  (fills the table)
from navisplit.sim.rpc.codec import encode_response
from navisplit.sim.rpc.pacing import Pacer
from navisplit.sim.rpc.service import Later, Service
from navisplit.sim.rpc.table import RpcFault, call
from navisplit.sim.settings import parse_settings

FREE = {"is_rate": True, "yaw_or_rate": 0.0}
_FIXED = {0xC0: ("nil", 0), 0xC2: ("bool", 0), 0xC3: ("bool", 0), 0xCA: ("f", 4), 0xCB: ("d", 8)}
_FIXED |= {first + n: ("int", 1 << n) for first in (0xCC, 0xD0) for n in range(4)}
_COUNTED = {first + n: (kind, 1 << n) for first, kind in ((0xC4, "bin"), (0xD9, "str")) for n in range(3)}
_COUNTED |= {0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4)}


def make_service(settings="{}", simulation=None):
    """A Service; its ``told`` holds what the operator was told."""
    simulation = simulation or flat_simulation(settings=parse_settings(settings))
    told = []
    service = Service(simulation, Pacer(simulation, 1.0, 0.0), told.append)
    service.told = told
    return service


def refused(service, name, *arguments):
    """The text with which a call is refused."""
    with pytest.raises(RpcFault) as refusal:
        call(name, list(arguments), service)
    return str(refusal.value)


def settled(service, outcome, limit_s=60.0):
    """The result of a call once its picture, move or wait is done; asserts that it ends without an error."""
    if isinstance(outcome, Later):
        return outcome.result()
    if isinstance(outcome, Task):
        end_ns = service.simulation.clock_ns + limit_s * 1e9
        while not outcome.done and service.simulation.clock_ns < end_ns:
            service.simulation.advance(0.1)
        assert outcome.done and outcome.error is None
    return outcome.result if hasattr(outcome, "result") else outcome


def wire(result):
    """A result as a client unpacks it."""
    return msgpack.unpackb(encode_response(0, None, result))[3]


def kind_of(result):
    """What a result is on the wire: "f" float32, "d" float64, "int", "str", "bin" ...; maps and lists of these."""
    return _kind(encode_response(0, None, result), 4)[0]  # behind the array's head, 1, 0 and nil


def _kind(data, at):
    head, at = data[at], at + 1
    if head < 0x80 or head >= 0xE0:
        return "int", at
    if head in _FIXED:
        kind, size = _FIXED[head]
        return kind, at + size
    if head in _COUNTED:
        kind, width = _COUNTED[head]
        count, at = int.from_bytes(data[at : at + width], "big"), at + width
    elif head < 0xA0:
        kind, count = ("map" if head < 0x90 else "array"), head & 15
    else:
        kind, count = "str", head & 31
    if kind in ("bin", "str"):
        return kind, at + count
    if kind == "map":
        fields = {}
        for _ in range(count):
            end = _kind(data, at)[1]
            key = msgpack.unpackb(data[at:end])
            fields[key], at = _kind(data, end)
        return fields, at
    items = []
    for _ in range(count):
        item, at = _kind(data, at)
        items += [] if item in items else [item]
    return items, at
