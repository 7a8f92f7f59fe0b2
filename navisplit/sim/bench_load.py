"""How long worlds take to load, and the simulator to answer: rows of ``navisplit bench sim``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from navisplit.sim.bench import Row
from navisplit.sim.bench_client import port_of
from navisplit.sim.render.renderer import RayCaster
from navisplit.sim.scene import Scene

_FIRST_S, _CACHED_S = 3.0, 1.0  # targets

LARGE: dict[str, dict[str, float]] = {
    "forest": {"size_m": 250.0},
    "neighbourhood": {"size_m": 262.0},
    "urban": {"size_m": 205.0},
    "warehouse": {"size_m": 190.0},
    "ruins": {"size_m": 220.0},
}
"""Options of the generators for worlds of about 300,000 triangles, with seed 3."""


def large_rows() -> Iterator[Row]:
    """``load_rows`` of generated worlds of about 300,000 triangles, one of each family."""
    from navisplit.sim.worlds import generate, write_sdf

    for family, options in LARGE.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{family}_300k.sdf"
            write_sdf(generate(family, 3, **options), path)
            yield from load_rows(str(path))


def load_rows(world: str) -> Iterator[Row]:
    """From the world's file to a ray caster, without and with what is kept on disk; kernels are compiled by now."""
    from navisplit.sim.worlds import load_scene

    name = Path(world).stem
    with _empty_cache() as folder:
        RayCaster(load_scene(world))  # imports and compiles
        for path in folder.rglob("*.npz"):
            path.unlink()
        for state, target in (("first", _FIRST_S), ("cached", _CACHED_S)):
            scene: list[Scene] = []
            wall_s, cpu_s = _spent(lambda s=scene: s.append(RayCaster(load_scene(world)).scene))
            note = f"wall time; {cpu_s:.2f} s of CPU, {scene[0].triangle_count:,} triangles"
            yield Row(f"load of {name}, {state}", wall_s, "s", target, True, note)


def start_rows(world: str = "forest") -> Iterator[Row]:
    """From the command to the first answer, in a process of its own: the load, and Python with its libraries."""
    with _empty_cache():
        for state in ("first", "cached"):
            started = time.perf_counter()
            command = [sys.executable, "-m", "navisplit", "sim", "--world", world, "--port", "0", "--headless"]
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                port_of(server)
                wall_s = time.perf_counter() - started
            finally:
                server.kill()
                server.wait()
            yield Row(f"start of navisplit sim in {world}, {state}", wall_s, "s", note="wall time, libraries and all")


@contextmanager
def _empty_cache() -> Iterator[Path]:
    """A cache folder of our own for a while."""
    previous = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if previous is not None:
                os.environ["XDG_CACHE_HOME"] = previous


def _spent(call: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU time of all threads, s."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu
