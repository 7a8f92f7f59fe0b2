"""What is kept on disk from a world makes the next start quick, and never makes a picture wrong."""

import os

import numpy as np
import pytest
from render_scenes import MATERIALS, box, ground, view

from navisplit.sim.render import baked
from navisplit.sim.render.baked import cache_folder, fingerprint, recall
from navisplit.sim.render.renderer import RayCaster
from navisplit.sim.scene import Scene

SCENE = Scene("plot", (ground(cells=4), box("crate", (10, 0, 1), (2, 2, 2), 1, 7)), MATERIALS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, and scenes of any size are worth keeping."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for module in ("query", "surface", "renderer"):
        monkeypatch.setattr(f"navisplit.sim.render.{module}.WORTH_TRIANGLES", 0)
    return cache_folder()


def picture():
    return RayCaster(SCENE, shadow_resolution=64).render(view()).rgb.tobytes()


def test_a_second_start_bakes_nothing_and_draws_the_same_bytes(folder, monkeypatch):
    first = picture()
    kinds = {path.name.split("-")[0] for path in folder.iterdir()}
    assert kinds == {"hierarchy", "surface", "atlas", "shadow"}

    def refuse(*_):
        raise AssertionError("baked again")

    for place in ("bvh.build_nodes", "surface.bake_exposure", "atlas._pack", "shadow._bake"):
        monkeypatch.setattr(f"navisplit.sim.render.{place}", refuse)
    assert picture() == first


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other", "foreign"])
def test_a_broken_file_is_made_anew(folder, damage):
    first = picture()
    for path in list(folder.iterdir()):
        data = bytearray(path.read_bytes())
        if damage == "cut":
            del data[len(data) // 2 :]
        elif damage == "flipped":
            data[len(data) // 2] ^= 0xFF
        elif damage == "empty":
            data.clear()
        elif damage == "other":
            np.savez(path, depth=np.zeros(3), links=np.full((4, 3), 99, np.int32))
            continue
        else:
            np.savez(path, what=np.array([object()], dtype=object))
            continue
        path.write_bytes(data)
    assert picture() == first


@pytest.mark.parametrize(
    ("name", "value"),
    [("links", 10**6), ("links", -5), ("order", 10**6), ("order", 0)],
)
def test_a_hierarchy_that_leads_astray_is_refused(folder, name, value):
    first = picture()
    (path,) = folder.glob("hierarchy-*")
    arrays = dict(np.load(path))
    arrays[name][:, ...] = value
    np.savez(path, **arrays)
    assert picture() == first


def test_another_world_light_or_version_is_not_taken_from_the_file(folder, monkeypatch):
    picture()
    before = set(folder.iterdir())
    RayCaster(Scene("b", (*SCENE.objects, box("more", (5, 5, 1), (1, 1, 1), 1, 3)), MATERIALS), shadow_resolution=64)
    names = {path.name.split("-")[0] for path in set(folder.iterdir()) - before}
    assert names == {"hierarchy", "surface", "shadow"}  # the materials are the same
    for change in ("VERSION", "_code"):
        before = set(folder.iterdir())
        monkeypatch.setattr(baked, change, 10**6 if change == "VERSION" else lambda: "other")
        picture()
        assert len(set(folder.iterdir()) - before) == 4


def test_the_folder_stays_small_and_keeps_what_was_used_last(folder, monkeypatch):
    monkeypatch.setattr(baked, "LIMIT_BYTES", 40_000)

    def keep(name):
        return recall("x", name, lambda: {"a": np.zeros(2000)}, lambda a: True)

    keep("a")
    os.utime(next(folder.glob("x-*-a.npz")), (1, 1))
    keep("b")
    os.utime(next(folder.glob("x-*-b.npz")), (2, 2))
    keep("a")  # used again
    keep("c")
    assert sorted(path.name[-5] for path in folder.iterdir()) == ["a", "c"]


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "navisplit").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert recall("x", "k", lambda: {"a": np.arange(3)}, lambda a: True)["a"].tolist() == [0, 1, 2]


def test_hashes_tell_type_shape_and_content_apart():
    a = np.arange(6, dtype=np.int32)
    other = [a.reshape(2, 3), a.astype(np.int64), a[::-1], a.view(np.float32), a.copy()]
    assert [fingerprint(a) == fingerprint(b) for b in other] == [False] * 4 + [True]
    assert fingerprint(a, 1) != fingerprint(a, 2) != fingerprint(a, "2")
