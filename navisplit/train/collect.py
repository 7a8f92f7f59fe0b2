"""``navisplit collect``: renders the frames that ``navisplit train depth`` learns from.

Worlds come from the generators: training seeds from 1000 up, validation 900 and 901, test 800 to 802 of every family.
Worlds that ship have smaller seeds, so none of them is ever trained on. The same seed gives the same data; worlds that
are finished already are kept, so that an interrupted run continues.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from navisplit.config import CameraConfig
from navisplit.errors import UsageError
from navisplit.sim.atmosphere import Conditions
from navisplit.sim.camera.pictures import Film
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import CameraView, RayCaster
from navisplit.sim.scene import SKY_DEPTH_M
from navisplit.sim.weather import CALM, Weather
from navisplit.sim.worlds import build_scene, generate
from navisplit.sim.worlds.registry import check_trainable, family_light, family_weather, training_families
from navisplit.train.dataset import DATASET_FILE, WORLD_FILE
from navisplit.train.poses import PoseSampler

FIRST_SEED = {"train": 1000, "validation": 900, "test": 800}
WORLDS_PER_FAMILY = {"validation": 2, "test": 3}
SEED_STEP = 1000
"""Training seeds of data set S start at 1000 + 1000 S; validation and test worlds and poses are the same for all S."""
NEAR_SHARE = 0.5
LIGHTS = 3
"""Times of day, each with a weather, of a world: the frames are shared out among them."""

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
    """What ``collect`` renders: ``frames`` to train on, an eighteenth of it to validate, a sixteenth to test, or more.

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
    for split, number in WORLDS_PER_FAMILY.items():
        share = min(150, max(8, frames // (16 * number)))
        plans += [WorldPlan(split, f, FIRST_SEED[split] + i, share, 0, weather) for f in chosen for i in range(number)]
    return plans


def collect(out: Path, plans: Sequence[WorldPlan], camera: CameraConfig, log: Log) -> int:
    """Render all worlds that are not finished yet; returns the number of frames in the data set."""
    out.mkdir(parents=True, exist_ok=True)
    _write_info(out, camera)
    for number, world in enumerate(plans, start=1):
        folder = out / world.folder
        if _finished(folder, world):
            log(f"[{number}/{len(plans)}] {world.folder}: kept")
            continue
        shutil.rmtree(folder, ignore_errors=True)
        _render_world(folder, world, camera)
        log(f"[{number}/{len(plans)}] {world.folder}: {world.frames} frames")
    return sum(p.frames for p in plans)


def _finished(folder: Path, world: WorldPlan) -> bool:
    path = folder / WORLD_FILE
    return path.is_file() and json.loads(path.read_text()) == _description(world)


def _description(world: WorldPlan) -> dict[str, object]:
    said: dict[str, object] = {"family": world.family, "seed": world.seed, "frames": world.frames}
    said["pose_seed"] = world.pose_seed
    if world.weather:
        said["weather"] = [str(weather) for weather in _weathers(world)]
    return said


def _weathers(world: WorldPlan) -> list[Weather]:
    """One for each light, from numbers of their own: poses and lights are the same with and without weather."""
    if not world.weather:
        return [CALM] * LIGHTS
    rng = np.random.default_rng([world.pose_seed, world.seed, zlib.crc32(world.family.encode()), 1])
    return [family_weather(world.family, rng) for _ in range(LIGHTS)]


def _render_world(folder: Path, world: WorldPlan, camera: CameraConfig) -> None:
    """Render one world; its description is written last, as the mark that all else is complete."""
    folder.mkdir(parents=True)
    scene = build_scene(generate(world.family, world.seed))
    query = SceneQuery(scene)
    rng = np.random.default_rng([world.pose_seed, world.seed, zlib.crc32(world.family.encode())])
    positions, orientations = PoseSampler(scene, query).sample(world.frames, round(NEAR_SHARE * world.frames), rng)
    order = rng.permutation(world.frames)  # near and free poses under every light
    height, width = camera.height, camera.width
    rgb = np.empty((world.frames, height, width, 3), np.uint8)
    depth = np.empty((world.frames, height // 2, width // 2), np.float16)
    segmentation = np.empty((world.frames, height // 2, width // 2), np.uint8)
    renderer = RayCaster(scene, query=query)
    light = scene.light
    for frames, weather in zip(np.array_split(order, LIGHTS), _weathers(world), strict=True):
        for i in frames:
            now = Conditions(weather.light(light), weather, float(i), world.seed)
            film = Film(renderer, CameraView(positions[i], orientations[i], camera.intrinsics), now)
            frame = film.frame
            rgb[i] = film.scene
            depth[i] = np.minimum(frame.depth[::2, ::2], SKY_DEPTH_M)
            segmentation[i] = frame.segmentation[::2, ::2]
        light = family_light(world.family, rng)
    np.save(folder / "rgb.npy", rgb)
    np.save(folder / "depth.npy", depth)
    np.save(folder / "segmentation.npy", segmentation)
    np.save(folder / "pose.npy", np.column_stack([positions, np.stack(orientations)]))
    _replace(folder / WORLD_FILE, json.dumps(_description(world)))


def _write_info(out: Path, camera: CameraConfig) -> None:
    """The data set's description. Raises UsageError when the folder holds data of another camera."""
    intrinsics = camera.intrinsics
    info = {
        "version": 1,
        "width": intrinsics.width,
        "height": intrinsics.height,
        "intrinsics": [intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy],
        "depth": "planar, metres, float16, pixels (2i, 2j)",
    }
    path = out / DATASET_FILE
    if path.is_file() and json.loads(path.read_text()) != info:
        raise UsageError(f"{out} holds frames of another camera: choose another --out folder.")
    _replace(path, json.dumps(info, indent=1))


def _replace(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text + "\n")
    os.replace(partial, path)
