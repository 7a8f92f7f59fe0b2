"""How fast the simulator draws and answers, on one core: the figures of ``navisplit bench sim``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Intrinsics, quaternion_from_euler
from navisplit.sim.query import SceneQuery
from navisplit.sim.renderer import CameraView, RayCaster
from navisplit.sim.scene import Scene

_FRAME, _DEPTH = Intrinsics.from_fov(256, 144, 90.0), Intrinsics.from_fov(64, 36, 90.0)
_NEAREST_POINTS = 10_000


def bench(world_scene: Scene, *, poses: int = 40, rounds: int = 3, seed: int = 0) -> dict[str, float]:
    """Measure a scene: CPU time of this thread (other processes still cost cache and turbo), medians over poses.

    ``init_s`` is the second construction, so that compiling is not counted.
    """
    views = sample_views(SceneQuery(world_scene), poses, np.random.default_rng(seed), _FRAME)
    RayCaster(world_scene, shadow_resolution=64).render(views[0])
    started = time.thread_time()
    caster = RayCaster(world_scene)
    init_s = time.thread_time() - started
    small = [CameraView(v.position, v.orientation, _DEPTH) for v in views]
    frame_s = _times(lambda i: caster.render(views[i]), poses, rounds)
    depth_s = _times(lambda i: caster.depth_batch(small), 1, rounds + 1) / poses
    points = np.repeat([v.position for v in views], math.ceil(_NEAREST_POINTS / poses), 0)[:_NEAREST_POINTS]
    nearest = {
        limit: float(_times(lambda i, m=limit: caster.query.nearest(points, m), 1, rounds + 1)[0]) / len(points) * 1e6
        for limit in (1e4, 1.0)
    }
    return {
        "triangles": float(world_scene.triangle_count),
        "init_s": init_s,
        "frame_ms_median": float(np.median(frame_s)) * 1e3,
        "frame_ms_p95": float(np.percentile(frame_s, 95)) * 1e3,
        "frames_per_s": 1.0 / float(np.median(frame_s)),
        "depth_images_per_s": 1.0 / float(depth_s[0]),
        "nearest_us": nearest[1e4],
        "nearest_within_1m_us": nearest[1.0],
    }


def sample_views(query: SceneQuery, count: int, rng: np.random.Generator, camera: Intrinsics) -> list[CameraView]:
    """Random level views 1.5..4 m above what is below, in the middle of the scene and 0.8 m clear where possible."""
    low, high = np.percentile(query.vertices, 20, axis=0), np.percentile(query.vertices, 80, axis=0)
    top = float(query.vertices[:, 2].max()) + 10.0
    views: list[CameraView] = []
    for attempt in range(count * 50):
        start = np.array([*rng.uniform(low[:2], high[:2]), top])
        below = float(query.cast(start, [0.0, 0.0, -1.0], 1e4)[0][0])
        position = start - [0.0, 0.0, min(below, top) - rng.uniform(1.5, 4.0)]
        yaw = rng.uniform(-math.pi, math.pi)
        if query.nearest(position, 0.8)[0][0] >= 0.8 or attempt >= count * 45:
            views.append(CameraView(position, quaternion_from_euler(0.0, 0.0, yaw), camera))
        if len(views) == count:
            break
    return views


def _times(call: Callable[[int], object], count: int, rounds: int) -> NDArray[np.float64]:
    """Shortest CPU time of each of ``count`` calls over the rounds: interruptions only ever add."""
    spent = np.empty((rounds, count))
    for r in range(rounds):
        for i in range(count):
            started = time.thread_time()
            call(i)
            spent[r, i] = time.thread_time() - started
    return spent.min(0)
