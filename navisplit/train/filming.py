"""Rendering of one world's clips into the files of a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.config import CameraConfig
from navisplit.sim.atmosphere import Conditions
from navisplit.sim.camera.pictures import Film
from navisplit.sim.render.moving import Layers, LiveProbe, MovingLayer
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import CameraView, RayCaster
from navisplit.sim.scene import SKY_DEPTH_M, Light, Scene
from navisplit.sim.things import Things
from navisplit.sim.weather import Weather
from navisplit.train.clips import CLIP, Clips, clips_to
from navisplit.train.packing import PictureWriter
from navisplit.train.poses import PoseSampler

NEAR_SHARE = 0.5
CLEARANCE_M = 0.3
"""Clips keep 0.35 m from what is baked: what is nearer than this moves."""
_WAIT_S = 7.0  # until a car has gone from where the camera is
_TRIES = 5


@dataclasses.dataclass(frozen=True)
class Day:
    """What a share of a world's clips is seen in."""

    light: Light
    weather: Weather


def film_world(
    folder: Path, scene: Scene, days: list[Day], frames: int, camera: CameraConfig, rng: np.random.Generator, seed: int
) -> None:
    """Render ``frames`` frames (whole clips, the last one cut short) into ``folder``; equal inputs, equal files."""
    query = SceneQuery(scene)
    count = -(-frames // CLIP)
    positions, angles = PoseSampler(scene, query).sample(count, round(NEAR_SHARE * count), rng)
    clips = clips_to(positions, angles, query, rng)
    order = rng.permutation(count)  # near and free poses in every light
    height, width = camera.height // 2, camera.width // 2
    depth = np.empty((count, CLIP, height, width), np.float16)
    segmentation = np.empty((count, CLIP, height, width), np.uint8)
    rgb: dict[int, NDArray[np.uint8]] = {}
    for clip, frame, film in _films(scene, query, clips, days, order, camera, seed):
        rgb[clip * CLIP + frame] = film.scene
        depth[clip, frame] = np.minimum(film.frame.depth[::2, ::2], SKY_DEPTH_M)
        segmentation[clip, frame] = film.frame.segmentation[::2, ::2]
    with PictureWriter(folder) as writer:
        for index in range(frames):
            writer.add(rgb[index])
    poses = np.concatenate([clips.positions, clips.orientations], axis=2).reshape(-1, 7)
    np.save(folder / "depth.npy", depth.reshape(-1, height, width)[:frames])
    np.save(folder / "segmentation.npy", segmentation.reshape(-1, height, width)[:frames])
    np.save(folder / "pose.npy", poses[:frames])
    np.save(folder / "time.npy", clips.times.reshape(-1)[:frames])


def _films(
    scene: Scene,
    query: SceneQuery,
    clips: Clips,
    days: list[Day],
    order: NDArray[np.int64],
    camera: CameraConfig,
    seed: int,
) -> Iterator[tuple[int, int, Film]]:
    """(clip, frame, what it sees) of all frames, day by day."""
    renderer, traffic = RayCaster(scene, query=query), _Traffic(scene, query)
    for day, chosen in zip(days, np.array_split(order, len(days)), strict=True):
        for clip in chosen:
            start = traffic.free_time(float(clip), clips.positions[clip])
            for frame in range(CLIP):
                now = start + float(clips.times[clip, frame])
                place, turned = clips.positions[clip, frame], clips.orientations[clip, frame]
                view = CameraView(place, turned, camera.intrinsics)
                conditions = Conditions(day.weather.light(day.light), day.weather, now, seed)
                yield int(clip), frame, Film(renderer, view, conditions, layer=traffic.layer(now))


class _Traffic:
    """The moving things of a scene at any time."""

    def __init__(self, scene: Scene, query: SceneQuery) -> None:
        self._things, self._layers, self._query = Things(scene), Layers(scene), query

    def layer(self, time_s: float) -> MovingLayer | None:
        """Where they are; None where nothing moves."""
        if not self._things.acting:
            return None
        self._things.advance(time_s)
        return self._layers.layer(self._things.things, self._things.hidden, self._things.labels)

    def free_time(self, time_s: float, positions: NDArray[np.float64]) -> float:
        """A time from ``time_s`` on at which nothing that moves is at ``positions`` (N, 3)."""
        for _ in range(_TRIES):
            layer = self.layer(time_s)
            if layer is None:
                break
            probe = LiveProbe(self._query, lambda layer=layer: layer)
            if probe.nearest(positions, 2 * CLEARANCE_M)[0].min() > CLEARANCE_M:
                break
            time_s += _WAIT_S
        return time_s
