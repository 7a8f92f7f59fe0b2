"""What fuzzing has found: each is a named error now, and stays one."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from navisplit.errors import WorldError
from navisplit.sim.flight.autopilot import nanoseconds
from navisplit.sim.worlds.glb import read_parts
from tests.attacks.fuzz_targets import seeds


def rewritten(change, binary=lambda data: data) -> bytes:
    """The sound GLB with its description and its data changed."""
    (glb,) = seeds("glb")
    length = struct.unpack_from("<I", glb, 12)[0]
    text, rest = json.loads(glb[20 : 20 + length]), glb[20 + length + 8 :]
    change(text)
    described, data = json.dumps(text).encode(), binary(bytearray(rest))
    described += b" " * (-len(described) % 4)
    chunks = struct.pack("<I4s", len(described), b"JSON") + described + struct.pack("<I4s", len(data), b"BIN\0") + data
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def read(tmp_path, data: bytes):
    path = tmp_path / "m.glb"
    path.write_bytes(data)
    return read_parts(path)


def accessor_of(text, kind: str) -> dict:
    return next(a for a in text["accessors"] if a["type"] == kind)


def test_the_rewritten_file_is_sound_where_nothing_is_changed(tmp_path):
    assert read(tmp_path, rewritten(lambda text: None))


@pytest.mark.parametrize("index", [8, 78_125, 2**31 - 1, 2**32 - 1])
def test_a_face_of_a_vertex_that_is_not_there(tmp_path, index):
    """IndexError in trimesh, or none: then the ray caster would have read beyond the end."""

    def binary(data):
        struct.pack_into("<I", data, 0, index)
        return data

    with pytest.raises(WorldError):
        read(tmp_path, rewritten(lambda text: None, binary))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vertex_that_is_not_finite(tmp_path, value):
    def binary(data):
        struct.pack_into("<f", data, 12 * 3 * 4, value)  # behind the indices of a box's 12 faces
        return data

    with pytest.raises(WorldError):
        read(tmp_path, rewritten(lambda text: None, binary))


def test_an_accessor_without_data_that_claims_two_billion_values(tmp_path):
    """It would have been allocated, all zeros."""

    def change(text):
        accessor = accessor_of(text, "VEC3")
        accessor.pop("bufferView")
        accessor["count"] = 2_000_000_000

    with pytest.raises(WorldError, match="claims 2000000000"):
        read(tmp_path, rewritten(change))


@pytest.mark.parametrize("seconds", [1.8e299, -1.8e299, float("inf"), -float("inf")])
def test_a_time_out_beyond_all_numbers_is_a_long_one_or_one_that_is_over(seconds):
    """Found by hypothesis in ``moveToGPS``: seconds times 1e9 overflowed to infinity."""
    assert nanoseconds(seconds) == (10**18 if seconds > 0 else -(10**18))
