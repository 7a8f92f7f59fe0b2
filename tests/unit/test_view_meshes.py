"""What the browser draws is the scene: every triangle, in the place and in the colour of its material."""

from __future__ import annotations

import io
import json
import struct
import time

import numpy as np
import pytest
import trimesh

from navisplit.sim.scene import SKY_DEPTH_M, Material, Scene, SceneObject
from navisplit.sim.things import Thing
from navisplit.sim.view.meshes import CHUNK_TRIANGLES, chunks, glb_of, glb_of_thing
from navisplit.sim.view.pictures import SKY_RGB, depth_colours

RED = Material("red", np.full((1, 1, 3), (0.8, 0.0, 0.0), np.float32))
CHEQUER = Material("chequer", np.array([[[0, 0, 0], [1, 1, 1]], [[1, 1, 1], [0, 0, 0]]], np.float32))
PAINTED = Material("painted", np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]], np.float32), tile_m=None)
MATERIALS = (RED, CHEQUER, PAINTED)
SQUARE = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], np.float32)
HALVES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
UP = np.tile(np.array([0, 0, 1], np.float32), (4, 1))


def square(name: str, *kinds: int, uv=None) -> SceneObject:
    """Two triangles, each of a material."""
    return SceneObject(name, SQUARE, HALVES, UP, np.array(kinds, np.int32), 1, uv=uv)


def field(name: str, count: int) -> SceneObject:
    """``count`` triangles."""
    corners = np.random.default_rng(1).uniform(0, 100, (count // 2 + 2, 3)).astype(np.float32)
    faces = np.random.default_rng(2).integers(0, len(corners), (count, 3)).astype(np.int32)
    return SceneObject(name, corners, faces, corners, np.zeros(count, np.int32), 1)


def drawn(glb: bytes) -> trimesh.Trimesh:
    return trimesh.load(io.BytesIO(glb), file_type="glb", force="mesh", process=False)


def colours(glb: bytes) -> np.ndarray:
    """(F, 3, 3) linear RGB 0..255 at the corners of each triangle; trimesh writes them, but does not read them."""
    (length,) = struct.unpack_from("<I", glb, 12)
    tree, data = json.loads(glb[20 : 20 + length]), glb[28 + length :]
    (primitive,) = tree["meshes"][0]["primitives"]
    accessor = tree["accessors"][primitive["attributes"]["COLOR_0"]]
    assert (accessor["componentType"], accessor["type"], accessor["normalized"]) == (5121, "VEC4", True)
    start = tree["bufferViews"][accessor["bufferView"]]["byteOffset"]
    table = np.frombuffer(data, np.uint8, 4 * accessor["count"], start).reshape(-1, 4)
    return table[drawn(glb).faces][..., :3]


def test_every_triangle_is_drawn_where_it_is_and_looks_where_it_did():
    mesh = drawn(glb_of([square("a", 0, 0), square("b", 0, 0)], MATERIALS))
    assert mesh.faces.shape == (4, 3)
    np.testing.assert_allclose(mesh.triangles, np.tile(SQUARE[HALVES], (2, 1, 1)))
    np.testing.assert_allclose(mesh.vertex_normals, np.tile([0, 0, 1], (len(mesh.vertices), 1)), atol=1e-6)


def test_a_triangle_has_the_mean_colour_of_its_material_also_beside_another():
    seen = colours(glb_of([square("a", 0, 1)], MATERIALS))
    assert seen[0].tolist() == [[204, 0, 0]] * 3
    assert seen[1].tolist() == [[128, 128, 128]] * 3


def test_a_texture_that_is_laid_by_uv_gives_each_corner_its_own_colour():
    uv = np.array([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]], np.float32)  # v grows upwards
    seen = colours(glb_of([square("a", 2, 2, uv=uv)], MATERIALS))
    assert seen[0].tolist() == [[0, 0, 255], [255, 255, 255], [0, 255, 0]]


def test_a_thing_that_was_painted_is_drawn_so():
    assert colours(glb_of_thing(Thing("a", square("a", 1, 1), material=0), MATERIALS))[0, 0].tolist() == [204, 0, 0]


def test_nothing_is_sent_for_an_object_without_triangles():
    empty = SceneObject("e", SQUARE, HALVES[:0], UP, np.zeros(0, np.int32), 1)
    assert glb_of([empty], MATERIALS) == glb_of([], MATERIALS) == b""


def test_the_world_is_cut_into_few_pieces_that_lose_no_object():
    objects = tuple(field(f"o{i}", 900) for i in range(50))
    cut = list(chunks(Scene("s", objects, MATERIALS)))
    assert [o.name for chunk in cut for o in chunk.objects] == [o.name for o in objects]
    assert len({chunk.name for chunk in cut}) == len(cut) <= 50 * 900 / CHUNK_TRIANGLES + 1
    assert [o.name for o in cut[0].without(frozenset({"o1"}))] == [o.name for o in cut[0].objects if o.name != "o1"]


def test_a_world_of_300_000_triangles_is_ready_in_seconds_and_small_enough_to_send():
    objects = tuple(field(f"o{i}", 1000) for i in range(300))
    started = time.perf_counter()
    size = sum(len(glb_of(chunk.objects, MATERIALS)) for chunk in chunks(Scene("s", objects, MATERIALS)))
    assert time.perf_counter() - started < 10.0  # 0.2 s measured on two cores
    assert size < 30e6


def test_depth_is_ranked_by_colour_and_the_sky_is_told_from_the_far():
    near, far, sky = depth_colours(np.array([[1.0, 60.0, SKY_DEPTH_M]], np.float32))[0].astype(int)
    assert near[0] > near[2] and far[2] > far[0]
    assert tuple(sky) == SKY_RGB


@pytest.mark.parametrize("value", [np.inf, 0.0])
def test_depth_at_the_ends_of_the_scale_has_a_colour(value):
    assert depth_colours(np.full((2, 2), value, np.float32)).shape == (2, 2, 3)
