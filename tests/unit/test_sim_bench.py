"""The table of ``navisplit bench sim``."""

import numpy as np
from render_scenes import yard

from navisplit.sim.bench import FRAME, bench_steps, sample_views, scene_rows, thread_rows
from navisplit.sim.renderer import RayCaster


def test_every_part_of_the_simulator_with_a_target_has_its_step():
    names = [name for name, _ in bench_steps(None)]
    assert [name for name in names if "50k" in name or "300k" in name or "client" in name or "load" in name] and (
        len(names) >= 5
    )
    assert [name for name, _ in bench_steps("forest")] == ["world forest"]


def test_figures_are_measured_and_targets_stand_beside_them():
    caster = RayCaster(yard(), shadow_resolution=64, ao=False)
    views = sample_views(caster.query, 2, np.random.default_rng(0), FRAME)
    rows = [*scene_rows(caster, views, "yard", {"frame": 1e9, "small": 1e-9}, 1), *thread_rows(caster, 2, 1)]
    assert all(row.value > 0 for row in rows)
    by_name = {row.name: row for row in rows}
    frame, small = by_name["yard: RGB + depth + segmentation 256x144"], by_name["yard: depth batches 64x36"]
    assert (frame.met, small.met) == (False, True)
    assert by_name["yard: nearest surface"].met is None
