"""The table of ``navisplit bench sim``."""

import os

import numpy as np
from render_scenes import yard

from navisplit.sim import bench_client
from navisplit.sim.bench import FRAME, WORLDS, bench_steps, sample_views, scene_rows, thread_rows
from navisplit.sim.bench_load import load_rows
from navisplit.sim.render.renderer import RayCaster
from navisplit.sim.worlds import build_scene, generate, write_sdf


def test_worlds_of_both_sizes_threads_loading_and_the_client_are_measured_unless_one_world_is_asked_for():
    names = " | ".join(name for name, _ in bench_steps(None))
    assert all(part in names for part in ("50k", "300k", "threads", "loading", "client"))
    assert [name for name, _ in bench_steps("forest")] == ["world forest"]


def test_the_load_of_a_world_is_told_without_and_with_what_is_kept_and_the_users_cache_is_left_alone(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    write_sdf(generate("ruins", 0, size_m=60), tmp_path / "small.sdf")
    first, cached = load_rows(str(tmp_path / "small.sdf"))
    assert ("first" in first.name, first.target, "cached" in cached.name, cached.target) == (True, 3.0, True, 1.0)
    assert first.value > 0 and cached.value > 0 and os.environ["XDG_CACHE_HOME"] == "/nowhere"


def test_without_airsims_client_its_row_says_what_to_do(monkeypatch):
    monkeypatch.setattr(bench_client, "_client_class", lambda: None)
    (row,) = bench_client.client_rows()
    assert (row.value, row.met) == (None, None) and "install-airsim" in row.note


def test_figures_are_measured_and_targets_stand_beside_them():
    caster = RayCaster(yard(), shadow_resolution=64, ao=False)
    views = sample_views(caster.query, 2, np.random.default_rng(0), FRAME)
    rows = [*scene_rows(caster, views, "yard", {"frame": 1e9, "small": 1e-9}, 1), *thread_rows(caster, 2, 1)]
    assert all(row.value > 0 for row in rows)
    by_name = {row.name: row for row in rows}
    frame, small = by_name["yard: RGB + depth + segmentation 256x144"], by_name["yard: depth batches 64x36"]
    assert (frame.met, small.met) == (False, True)
    assert by_name["yard: nearest surface"].met is None


def test_the_bench_worlds_have_about_the_triangles_that_their_names_say():
    for title, (family, options) in WORLDS.items():
        wanted = 1000 * int(title.split()[-1].removesuffix("k"))
        if wanted < 100_000:  # the others take seconds
            assert 0.8 < build_scene(generate(family, 0, **options)).triangle_count / wanted < 1.25
