"""How fast the simulator is on this machine: the table of ``navisplit bench sim``, each figure beside its target.

Everything but loading, threads and the client is CPU time of one thread: other processes cost it cache and turbo, but
not time. Of several rounds the shortest counts, because interruptions only ever add; over poses it is the median.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Intrinsics, quaternion_from_euler
from navisplit.sim.render.moving import Layers
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import CameraView, RayCaster
from navisplit.sim.scene import Scene
from navisplit.sim.things import Thing

FRAME, SMALL = Intrinsics.from_fov(256, 144, 90.0), Intrinsics.from_fov(64, 36, 90.0)
WORLDS = {
    "neighbourhood 50k": ("neighbourhood", {"size_m": 124.0, "density": 1.6}),
    "forest 50k": ("forest", {"size_m": 100.0}),
    "neighbourhood 300k": ("neighbourhood", {"size_m": 262.0}),
    "forest 300k": ("forest", {"size_m": 265.0}),
}
"""Worlds of about so many triangles: family and options of the generator, with seed 0. Forests are the hardest."""

TARGETS = {"50k": {"frame": 150.0, "small": 4000.0}, "300k": {"frame": 120.0}}

_NEAREST_POINTS = 10_000
_THINGS = 20


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    value: float | None  # None: not measured, see note
    unit: str
    target: float | None = None
    at_most: bool = False  # the target is an upper bound
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or no measurement."""
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {**asdict(self), "met": self.met}


Step = Callable[[], Iterator[Row]]


def bench_steps(world: str | None, poses: int = 40, rounds: int = 5) -> list[tuple[str, Step]]:
    """What to measure, step by step; ``world``: only a world by name or path, against no target.

    A new part of the simulator adds its own step here.
    """
    if world is not None:
        return [(f"world {world}", lambda: _world_rows(_load(world), world, {}, poses, rounds))]
    steps: list[tuple[str, Step]] = []
    for title in WORLDS:

        def measure(title: str = title) -> Iterator[Row]:
            return _world_rows(_generated(title), title, TARGETS[title.split()[-1]], poses, rounds)

        steps.append((f"{title} triangles", measure))
    steps.append(("two threads", lambda: thread_rows(RayCaster(_generated("forest 50k")), poses, rounds)))
    steps.append(("100 drones and a lidar", _fleet_rows))
    steps.append(("loading the worlds that ship, and large ones", _load_rows))
    steps.append(("AirSim's client", _client_rows))
    return steps


def _fleet_rows() -> Iterator[Row]:
    from navisplit.sim.bench_fleet import bench_fleet

    figures = bench_fleet(_generated("forest 50k"))
    yield Row(f"{figures['drones']:.0f} drones", figures["drones_times_real_time"], "x real", 1.0)
    yield Row("lidar sweep of 10,000 points", figures["lidar_sweep_ms"], "ms")


def _load_rows() -> Iterator[Row]:
    from navisplit.sim.bench_load import large_rows, load_rows, start_rows
    from navisplit.sim.worlds import world_names

    for world in world_names():
        yield from load_rows(world)
    yield from large_rows()
    yield from start_rows()


def _client_rows() -> Iterator[Row]:
    from navisplit.sim.bench_client import client_rows

    return client_rows()


def _world_rows(scene: Scene, title: str, targets: dict[str, float], poses: int, rounds: int) -> Iterator[Row]:
    caster = RayCaster(scene)
    views = sample_views(caster.query, poses, np.random.default_rng(0), FRAME)
    return scene_rows(caster, views, title, targets, rounds)


def scene_rows(
    caster: RayCaster, views: Sequence[CameraView], title: str, targets: dict[str, float], rounds: int
) -> Iterator[Row]:
    """Frames, depth batches, moving things and distance queries in one scene; ``targets``: of ``frame``, ``small``."""
    caster.render(views[0])
    note = f"{caster.scene.triangle_count:,} triangles"
    frame_s = _times(lambda i: caster.render(views[i]), len(views), rounds)
    slow_ms = float(np.percentile(frame_s, 95)) * 1e3
    yield Row(
        f"{title}: RGB + depth + segmentation 256x144", 1.0 / float(np.median(frame_s)), "frames/s",
        targets.get("frame"), note=f"{note}, p95 {slow_ms:.1f} ms",
    )  # fmt: skip
    small = [CameraView(v.position, v.orientation, SMALL) for v in views]
    depth_s = float(_times(lambda i: caster.depth_batch(small), 1, rounds + 2)[0]) / len(views)
    yield Row(f"{title}: depth batches 64x36", 1.0 / depth_s, "images/s", targets.get("small"), note=note)
    layers, things = Layers(caster.scene), _things(caster, views)
    layer = layers.layer(things, frozenset(), {})
    caster.render(views[0], layer)
    moved_s = _times(lambda i: caster.render(views[i], layer), len(views), rounds)
    share = float(np.median(moved_s / frame_s)) - 1.0
    update_s = float(_times(lambda i: layers.layer(things, frozenset(), {}), 1, rounds + 5)[0])
    note = f"{_THINGS} things of {len(things[0].shape.faces)} triangles; a frame takes {share:+.0%}"
    yield Row(f"{title}: snapshot of moving things", update_s * 1e3, "ms", 1.0, True, note)
    points = np.repeat([v.position for v in views], math.ceil(_NEAREST_POINTS / len(views)), 0)[:_NEAREST_POINTS]
    for limit in (1e4, 1.0):
        spent = float(_times(lambda i, m=limit: caster.query.nearest(points, m), 1, rounds + 1)[0])
        within = "" if limit > 1e3 else f" within {limit:.0f} m"
        yield Row(f"{title}: nearest surface{within}", spent / len(points) * 1e6, "us")


def _things(caster: RayCaster, views: Sequence[CameraView]) -> list[Thing]:
    """Drones of car size, hung in front of the cameras."""
    shape = Layers(caster.scene).airframe
    places = [np.asarray(v.position) + [4.0, 0.0, 0.0] for v in views]
    return [Thing(f"t{i}", shape, tuple(places[i % len(places)]), scale=(6.0, 6.0, 6.0)) for i in range(_THINGS)]


def thread_rows(caster: RayCaster, poses: int, rounds: int) -> Iterator[Row]:
    """Whole frames by two threads against one, in wall time: it needs two idle cores to show what it can."""
    views = sample_views(caster.query, poses, np.random.default_rng(0), FRAME)
    caster.render(views[0])
    spent: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, times in spent.items():
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(caster.render, views[:2]))
                started = time.perf_counter()
                list(pool.map(caster.render, views))
                times.append(time.perf_counter() - started)
    load = f", load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    yield Row("two threads against one", min(spent[1]) / min(spent[2]), "x", 1.7, note=f"wall time{load}")


def _load(world: str) -> Scene:
    from navisplit.sim.worlds import load_scene

    return load_scene(world)


def _generated(title: str) -> Scene:
    from navisplit.sim.worlds import build_scene, generate

    family, options = WORLDS[title]
    return build_scene(generate(family, 0, **options))


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
    """Shortest CPU time of each of ``count`` calls over the rounds."""
    spent = np.empty((rounds, count))
    for r in range(rounds):
        for i in range(count):
            started = time.thread_time()
            call(i)
            spent[r, i] = time.thread_time() - started
    return spent.min(0)
