"""``navisplit collect``: renders the frames that ``navisplit train depth`` learns from.

Worlds come from the generators: training seeds from 1000 up, validation 900 and 901, test from 800 up of every family.
Worlds that ship have smaller seeds, so none of them is ever trained on; the families kept for testing are tested on
and nothing else. The same seed gives the same data, with any number of workers; worlds that are finished already are
kept, so that an interrupted run continues.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from navisplit.config import CameraConfig
from navisplit.errors import UsageError
from navisplit.sim.weather import CALM, Weather
from navisplit.sim.worlds import build_scene, generate
from navisplit.sim.worlds.registry import (
    check_trainable,
    family_light,
    family_variation,
    family_weather,
    test_families,
    training_families,
)
from navisplit.train.clips import CLIP
from navisplit.train.dataset import DATASET_FILE, FORMAT_VERSION, WORLD_FILE
from navisplit.train.filming import Day, film_world

FIRST_SEED = {"train": 1000, "validation": 900, "test": 800}
VALIDATION_WORLDS = 2  # a family
TEST_WORLDS = (3, 10)
"""A family: at least, and at most, one for each 6,000 frames to train on. Frames of one world are alike, so that what
can be told from a test depends on the number of its worlds."""
SEED_STEP = 1000
"""Training seeds of data set S start at 1000 + 1000 S; validation and test worlds and poses are the same for all S."""
LIGHTS = 3
"""Times of day, each with a weather, of a world: the clips are shared out among them."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class WorldPlan:
    """One world to render."""

    split: str
    family: str
    seed: int
    frames: int
    pose_seed: int
    weather: bool = True  # whether a weather is drawn for each light

    @property
    def folder(self) -> Path:
        """Relative to the data set."""
        return Path(self.split) / f"{self.family}-{self.seed}"


def plan(frames: int, worlds: int, chosen: Sequence[str], seed: int, *, weather: bool = True) -> list[WorldPlan]:
    """What ``collect`` renders: ``frames`` to train on, and 8 to 150 of each world to validate and to test.

    Only worlds to train on vary in density, undergrowth and relief: the others are as the generator makes them.

    Raises UsageError for unknown families and numbers that do not fit.
    """
    check_trainable(chosen)
    if not chosen or len(set(chosen)) != len(chosen):
        raise UsageError(f"Name each family once, got {list(chosen)}; there are {', '.join(training_families())}.")
    if worlds < len(chosen) or frames < worlds or not 0 <= seed < 1000:
        raise UsageError(
            f"Expected at least one world a family, one frame a world and a seed in 0..999; got {worlds} worlds for "
            f"{len(chosen)} families, {frames} frames, seed {seed}."
        )
    shares = [frames // worlds + (i < frames % worlds) for i in range(worlds)]
    plans = [
        WorldPlan("train", chosen[i % len(chosen)], FIRST_SEED["train"] + SEED_STEP * seed + i, share, seed, weather)
        for i, share in enumerate(shares)
    ]
    test_worlds = min(max(frames // 6000, TEST_WORLDS[0]), TEST_WORLDS[1])
    for split, number in (("validation", VALIDATION_WORLDS), ("test", test_worlds)):
        share = min(150, max(8, frames // (16 * number)))
        unseen = sorted(test_families) if split == "test" else []
        for family in [*chosen, *unseen]:
            plans += [WorldPlan(split, family, FIRST_SEED[split] + i, share, 0, weather) for i in range(number)]
    return plans


def collect(out: Path, plans: Sequence[WorldPlan], camera: CameraConfig, log: Log, workers: int = 1) -> int:
    """Render all worlds that are not finished yet; returns the number of frames in the data set."""
    out.mkdir(parents=True, exist_ok=True)
    _write_info(out, camera)
    missing = [world for world in plans if not _finished(out / world.folder, world)]
    log(f"{out}: {len(plans) - len(missing)} of {len(plans)} worlds are there already")
    for number, world in enumerate(_rendered(out, missing, camera, workers), start=1):
        log(f"[{number}/{len(missing)}] {world.folder}: {world.frames} frames")
    return sum(p.frames for p in plans)


def _rendered(out: Path, plans: Sequence[WorldPlan], camera: CameraConfig, workers: int) -> Iterator[WorldPlan]:
    """The worlds, each when it is finished; each by one of ``workers`` processes."""
    if workers == 1:
        for world in plans:
            render_world(out / world.folder, world, camera)
            yield world
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        waiting = {pool.submit(render_world, out / world.folder, world, camera): world for world in plans}
        for done in as_completed(waiting):
            done.result()
            yield waiting[done]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(folder: Path, world: WorldPlan) -> bool:
    path = folder / WORLD_FILE
    return path.is_file() and json.loads(path.read_text()) == _description(world)


def _description(world: WorldPlan) -> dict[str, object]:
    said: dict[str, object] = {"family": world.family, "seed": world.seed, "frames": world.frames}
    said["pose_seed"] = world.pose_seed
    if world.split == "train":
        said["options"] = _options(world)
    if world.weather:
        said["weather"] = [str(weather) for weather in _weathers(world)]
    return said


def _options(world: WorldPlan) -> dict[str, float]:
    return family_variation(world.family, _rng(world, 2)) if world.split == "train" else {}


def _weathers(world: WorldPlan) -> list[Weather]:
    """One for each light, from numbers of their own: poses and lights are the same with and without weather."""
    if not world.weather:
        return [CALM] * LIGHTS
    rng = _rng(world, 1)
    return [family_weather(world.family, rng) for _ in range(LIGHTS)]


def _rng(world: WorldPlan, stream: int) -> np.random.Generator:
    """Numbers of their own for each thing that is drawn."""
    return np.random.default_rng([world.pose_seed, world.seed, zlib.crc32(world.family.encode()), stream])


def render_world(folder: Path, world: WorldPlan, camera: CameraConfig) -> None:
    """Render one world; its description is written last, as the mark that all else is complete."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scene = build_scene(generate(world.family, world.seed, **_options(world)))
    rng = _rng(world, 3)
    lights = [scene.light, *(family_light(world.family, rng) for _ in range(LIGHTS - 1))]
    days = [Day(light, weather) for light, weather in zip(lights, _weathers(world), strict=True)]
    film_world(folder, scene, days, world.frames, camera, _rng(world, 0), world.seed)
    _replace(folder / WORLD_FILE, json.dumps(_description(world)))


def _write_info(out: Path, camera: CameraConfig) -> None:
    """The data set's description. Raises UsageError when the folder holds other data."""
    intrinsics = camera.intrinsics
    info = {
        "version": FORMAT_VERSION,
        "width": intrinsics.width,
        "height": intrinsics.height,
        "intrinsics": [intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy],
        "clip": CLIP,
        "depth": "planar, metres, float16, pixels (2i, 2j)",
    }
    path = out / DATASET_FILE
    if path.is_file() and json.loads(path.read_text()) != info:
        raise UsageError(f"{out} holds frames of another camera, or of another version: choose another --out folder.")
    _replace(path, json.dumps(info, indent=1))


def _replace(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text + "\n")
    os.replace(partial, path)
