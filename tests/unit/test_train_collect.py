import json

import numpy as np
import pytest

from navisplit.config import CameraConfig
from navisplit.errors import UsageError, WorldError
from navisplit.frames import yaw_of
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import Frame
from navisplit.sim.scene import Material, Scene, SceneObject
from navisplit.train import collect as collecting
from navisplit.train import filming
from navisplit.train.clips import CLIP, MAX_SPEED_MPS, clips_to
from navisplit.train.collect import plan
from navisplit.train.dataset import DepthData
from navisplit.train.poses import AHEAD_M, CLEARANCE_M, HEIGHT_M, TILT_LIMIT, PoseSampler


def box(name, identity, low, high):
    low, high = np.array(low, np.float32), np.array(high, np.float32)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    faces = [
        [0, 1, 3],
        [0, 3, 2],
        [4, 6, 7],
        [4, 7, 5],
        [0, 4, 5],
        [0, 5, 1],
        [2, 3, 7],
        [2, 7, 6],
        [0, 2, 6],
        [0, 6, 4],
    ]
    faces += [[1, 5, 7], [1, 7, 3]]
    vertices, faces = low + corners * (high - low), np.array(faces, np.int32)
    normals = np.tile(np.float32([0, 0, 1]), (8, 1))
    return SceneObject(name, vertices, faces, normals, np.zeros(len(faces), np.int32), identity)


def yard():
    things = [box(f"pillar_{i}", 5, (x, y, 0), (x + 0.5, y + 0.5, 8)) for i, (x, y) in enumerate(GRID)]
    house = box("house", 9, (-6, -6, 0), (6, 6, 7))
    return Scene("test", (box("ground", 1, (-60, -60, -1), (60, 60, 0)), house, *things), (MATERIAL,))


@pytest.fixture(scope="module")
def sampler():
    scene = yard()
    return PoseSampler(scene, SceneQuery(scene))


GRID = [(float(x), float(y)) for x in range(-40, 41, 10) for y in range(-40, 41, 10) if abs(x) > 9 or abs(y) > 9]
MATERIAL = Material("grey", np.full((1, 1, 3), 0.5, np.float32))


def test_poses_are_clear_of_things_above_ground_and_not_inside_a_house(sampler):
    positions, angles = sampler.sample(200, 100, np.random.default_rng(0))
    assert positions.shape == (200, 3) and angles.shape == (200, 3)
    assert (sampler._query.nearest(positions, 5.0)[0] >= CLEARANCE_M - 1e-3).all()
    assert (positions[:, 2] >= HEIGHT_M[0] - 1e-3).all() and (positions[:, 2] <= HEIGHT_M[1] + 1e-3).all()
    assert not ((np.abs(positions[:, :2]) < 6).all(axis=1)).any()


def test_near_poses_face_something_near(sampler):
    positions, angles = sampler.sample(100, 100, np.random.default_rng(1))
    yaw = angles[:, 2]
    hits = np.zeros(100, bool)
    for turn in np.linspace(-0.7, 0.7, 29):
        direction = np.column_stack([np.cos(yaw + turn), np.sin(yaw + turn), np.zeros(100)])
        hits |= sampler._query.cast(positions, direction, AHEAD_M)[1] > 0
    assert hits.mean() > 0.97  # a pillar may fall between two rays


def test_poses_tilt_within_limits_in_all_headings(sampler):
    _, angles = sampler.sample(300, 0, np.random.default_rng(2))
    roll, pitch, yaw = angles.T
    assert np.abs(roll).max() <= TILT_LIMIT + 1e-6 and 0.1 < pitch.std() < 0.2 and 0.06 < roll.std() < 0.14
    assert set(np.floor((yaw % (2 * np.pi)) / (np.pi / 4))) == set(range(8))


def test_a_clip_ends_at_its_pose_and_comes_there_on_a_free_way_at_a_drones_speed(sampler):
    rng = np.random.default_rng(3)
    positions, angles = sampler.sample(100, 50, rng)
    clips = clips_to(positions, angles, sampler._query, rng)
    np.testing.assert_array_equal(clips.positions[:, -1], positions)
    last_yaw = np.array([yaw_of(q) for q in clips.orientations[:, -1]])
    np.testing.assert_allclose(np.exp(1j * last_yaw), np.exp(1j * angles[:, 2]), atol=1e-6)
    step = np.linalg.norm(np.diff(clips.positions, axis=1), axis=2)
    speed = step / np.diff(clips.times, axis=1)
    assert speed.max() < MAX_SPEED_MPS + 1.5 and np.median(speed) > 2.0 and (np.diff(clips.times, axis=1) > 0.05).all()
    np.testing.assert_allclose(speed[:, 0], speed[:, 1], rtol=1e-6)
    assert sampler._query.nearest(clips.positions.reshape(-1, 3), 1.0)[0].min() > 0.34
    for first, last in zip(clips.positions[:, 0], positions, strict=True):
        length = np.linalg.norm(last - first)
        if length > 1e-6:
            assert sampler._query.cast(first[None], (last - first)[None] / length, length)[1][0] < 0
    assert clips.positions.shape == (100, CLIP, 3)


def test_the_same_generator_gives_the_same_poses(sampler):
    first, second = (sampler.sample(20, 10, np.random.default_rng(7))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_world_without_ground_is_refused():
    scene = Scene("void", (box("thing", 5, (0, 0, 0), (1, 1, 1)),), (MATERIAL,))
    with pytest.raises(WorldError, match="ground"):
        PoseSampler(scene, SceneQuery(scene))


def test_splits_share_no_world_and_frames_add_up():
    plans = plan(1000, 7, ["forest"], seed=0)
    train = [p for p in plans if p.split == "train"]
    assert sum(p.frames for p in train) == 1000 and [p.seed for p in train] == list(range(1000, 1007))
    assert {p.seed for p in plans if p.split == "validation"} == {900, 901}
    assert {p.seed for p in plans if p.split == "test"} == {800, 801, 802}
    assert {p.family for p in plans if p.split != "test"} == {"forest"}
    assert {p.family for p in plans if p.split == "test"} == {"forest", "ruins"}  # one that nothing was trained on
    assert len({p.folder for p in plans}) == len(plans)


def test_another_seed_trains_on_other_worlds_and_tests_on_the_same():
    first, second = (plan(100, 4, ["forest"], seed) for seed in (0, 1))
    assert not {p.folder for p in first if p.split == "train"} & {p.folder for p in second if p.split == "train"}
    assert [p for p in first if p.split == "test"] == [p for p in second if p.split == "test"]


def test_impossible_plans_are_usage_errors():
    with pytest.raises(UsageError, match="forest"):
        plan(100, 4, ["forrest"], 0)
    with pytest.raises(UsageError, match="at least one"):
        plan(2, 4, ["forest"], 0)
    with pytest.raises(UsageError, match="once"):
        plan(100, 4, ["forest", "forest"], 0)


class Painter:
    """Stands in for the ray caster: pictures that tell from where they were taken, and how many were."""

    pictures = 0

    def __init__(self, scene, *, query):
        self.light, self.lights = scene.light, 0

    def set_light(self, light):
        self.light, self.lights = light, self.lights + 1

    def render(self, view, layer=None):
        Painter.pictures += 1
        height, width = view.intrinsics.height, view.intrinsics.width
        depth = np.full((height, width), 7.0, np.float32)
        depth[::2, ::2] = view.position[2]
        depth[0, 0] = 65504.0
        shade = int(abs(view.position[0])) + 70 * self.lights
        return Frame(np.full((height, width, 3), shade, np.uint8), depth, np.full((height, width), 5, np.uint8))


@pytest.fixture
def render(monkeypatch):
    monkeypatch.setattr(collecting, "generate", lambda family, seed, **options: None)
    monkeypatch.setattr(collecting, "build_scene", lambda world: yard())
    monkeypatch.setattr(filming, "RayCaster", Painter)
    Painter.pictures = 0
    plans = [p for p in plan(9, 1, ["forest"], 0, weather=False) if p.split == "train"]
    return lambda folder: collecting.collect(folder, plans, CameraConfig(width=32, height=16), lambda text: None)


def test_the_same_seed_gives_the_same_frames(render, tmp_path):
    assert render(tmp_path / "a") == render(tmp_path / "b") == 9
    for name in ("rgb.webp", "depth.npy", "segmentation.npy", "pose.npy", "time.npy"):
        one, two = ((tmp_path / d / "train" / "forest-1000" / name).read_bytes() for d in "ab")
        assert one == two, name


def test_depth_is_that_of_even_pixels_and_keeps_the_sky(render, tmp_path):
    render(tmp_path)
    batch = DepthData(tmp_path, "train").take(np.arange(9))
    pose = np.load(tmp_path / "train" / "forest-1000" / "pose.npy")
    assert batch.depth.shape == (9, 8, 16) and (batch.depth[:, 0, 0] == 65504.0).all()
    np.testing.assert_allclose(batch.depth[:, 3, 3], pose[:, 2], rtol=1e-3)


def test_an_interrupted_run_renders_only_what_is_missing(render, tmp_path):
    render(tmp_path)
    render(tmp_path)
    assert Painter.pictures == 9
    (tmp_path / "train" / "forest-1000" / "world.json").unlink()  # as if it had been cut short
    render(tmp_path)
    assert Painter.pictures == 18 and len(DepthData(tmp_path, "train")) == 9


def test_frames_of_another_camera_are_not_mixed_in(render, tmp_path):
    render(tmp_path)
    with pytest.raises(UsageError, match="another camera"):
        collecting.collect(tmp_path, [], CameraConfig(width=64, height=32), lambda text: None)


def test_weather_is_drawn_by_seed_recorded_and_seen_at_the_same_poses(monkeypatch, tmp_path):
    monkeypatch.setattr(collecting, "generate", lambda family, seed, **options: None)
    monkeypatch.setattr(collecting, "build_scene", lambda world: yard())
    camera = CameraConfig(width=32, height=16)

    def render(folder, weather):
        (world,) = (p for p in plan(9, 1, ["forest"], 1, weather=weather) if p.split == "train")
        collecting.collect(tmp_path / folder, [world], camera, log.append)
        batch = DepthData(tmp_path / folder, "train").take(np.arange(9))
        arrays = {"rgb": batch.rgb, "depth": batch.depth, "pose": batch.pose}
        return arrays, json.loads((tmp_path / folder / world.folder / "world.json").read_text())

    log: list[str] = []
    (clear, plain), (wet, said) = render("clear", False), render("wet", True)
    again, _ = render("again", True)
    assert "weather" not in plain and len(said["weather"]) == collecting.LIGHTS
    assert set(said["weather"]) != {"none"}
    changed = (wet["rgb"] != clear["rgb"]).reshape(9, -1).any(axis=1)
    assert changed.sum() == sum(CLIP for weather in said["weather"] if weather != "none")
    for name in ("depth", "pose"):
        np.testing.assert_array_equal(wet[name], clear[name])
    np.testing.assert_array_equal(wet["rgb"], again["rgb"])
    render("wet", True)
    render("clear", True)
    assert log[-2:] == [f"{tmp_path / 'clear'}: 0 of 1 worlds are there already", "[1/1] train/forest-2000: 9 frames"]


def test_two_of_five_lights_are_calm_and_all_are_under_a_roof():
    plans = plan(300, 100, ["forest", "warehouse"], 0)
    drawn = {f: [w for p in plans if p.family == f for w in collecting._weathers(p)] for f in ("forest", "warehouse")}
    assert all(weather.calm for weather in drawn["warehouse"])
    assert 0.3 < np.mean([weather.calm for weather in drawn["forest"]]) < 0.5


def test_a_large_data_set_is_tested_on_more_worlds():
    """Frames of one world are alike: verdicts on 15 worlds are wide."""
    plans = plan(60_000, 80, ["forest", "urban"], seed=0)
    assert {p.seed for p in plans if p.split == "test" and p.family == "ruins"} == set(range(800, 810))
    assert {p.frames for p in plans if p.split != "train"} == {150}
