"""What the training loop promises: a budget that is kept, runs that continue as if unbroken, data that is whole."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from depth_fixtures import write_data, write_world
from torch import nn

from navisplit.errors import ModelError, UsageError
from navisplit.train import loop
from navisplit.train.augment import photometric
from navisplit.train.checkpoint import load_checkpoint, save_checkpoint
from navisplit.train.dataset import DepthData, read_dataset_info
from navisplit.train.losses import erase_channels, pixel_weights
from navisplit.train.metrics import DepthMetrics, format_summary
from navisplit.train.packing import Pictures, PictureWriter
from navisplit.train.tables import count_symbols, tables_from_counts


class Line:
    """The smallest stage: learns to double a number."""

    name = "line"

    def __init__(self):
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(0.5), nn.Conv2d(2, 1, 1))
        self.settled = self.validated = self.mood = 0

    def loss(self, rng, progress):
        x = torch.from_numpy(rng.normal(size=(4, 1, 1, 1)).astype(np.float32))
        self.mood += 1
        return (self.network(x) - 2 * x).square().mean(), {"at": progress}

    def validate(self, network):
        self.validated += 1
        assert not network.training
        return {"line": {"abs_rel": 0.5, "near_abs_rel": 0.25}}

    def settle(self, network, rng):
        self.settled += 1

    def state(self):
        return {"mood": self.mood}

    def restore(self, state):
        self.mood = state["mood"]


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train for some steps of one computing second each; returns (trainer, log)."""

    def run(seconds, folder="run", **changes):
        ticks = itertools.count()
        monkeypatch.setattr(loop, "_computing_s", lambda: float(next(ticks)))
        values = dict(checkpoint_s=1e9, report_s=1e9, validation_s=1e9) | changes
        budget = loop.Budget(seconds, 1e-2, 0.0, 0.1, 0.9, 0, **values)
        log = []
        trainer = loop.Trainer(Line(), budget, tmp_path / folder, log.append)
        trainer.run()
        return trainer, log

    return run


def weights(trainer):
    return torch.cat([p.flatten() for p in trainer.stage.network.parameters()])


def test_the_budget_is_computing_time_and_it_is_kept(train):
    trainer, log = train(12)
    assert (trainer.step, trainer.elapsed_s) == (12, 12.0) and trainer.stage.settled == 1
    assert log[-1] == "line: done after 12 steps, 12 s"


def test_what_is_reported_and_validated_does_not_change_what_is_learnt(train):
    quiet, _ = train(8, "quiet")
    talkative, log = train(8, "talkative", report_s=0.0, validation_s=0.0, checkpoint_s=0.0)
    assert torch.equal(weights(quiet), weights(talkative))
    assert talkative.stage.validated > 3 and any("validation line AbsRel 0.500" in line for line in log)
    assert any("loss" in line and "min of computing left" in line for line in log)


def test_a_finished_stage_is_loaded_and_not_trained_or_settled_again(train):
    first, _ = train(6)
    again, log = train(6)
    assert torch.equal(weights(first), weights(again)) and again.stage.settled == 0
    assert again.step == 6 and "resuming" in log[0]


def test_given_more_time_it_goes_on_where_it_stopped_with_its_own_state(train):
    first, _ = train(6)
    longer, _ = train(9)
    assert longer.step == 9 and longer.stage.mood == 9 and longer.stage.settled == 1
    assert not torch.equal(weights(first), weights(longer))
    moments = [s["exp_avg"] for s in longer.optimiser.state.values()]
    assert moments and all(int(s["step"]) == 9 for s in longer.optimiser.state.values())


def test_the_same_seed_learns_the_same(train):
    assert torch.equal(weights(train(7, "a")[0]), weights(train(7, "b")[0]))


def test_weights_decay_but_not_biases():
    decayed, others = loop._parameter_groups(nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)), 0.1)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert [p.ndim for p in decayed["params"]] == [4] and len(others["params"]) == 3


def test_a_checkpoint_is_there_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "a.safetensors"
    save_checkpoint(path, {"g": {"w": torch.ones(2)}}, {"step": 1})
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, {"g": {"w": torch.zeros(2)}}, {"step": 2})
    groups, meta = load_checkpoint(path)
    assert meta["step"] == 1 and groups["g"]["w"].tolist() == [1, 1]
    with pytest.raises(ModelError, match="no checkpoint"):
        load_checkpoint(tmp_path / "none.safetensors")


# Data and figures -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write_data(tmp_path_factory.mktemp("data"), frames=5)
    write_world(folder / "train" / "town-1001", 3, np.random.default_rng(9))
    return folder


def test_all_frames_come_once_and_in_order_or_evenly_spread(data):
    frames = DepthData(data, "train")
    whole = np.concatenate([b.depth for b in frames.batches(3)])
    assert len(frames) == len(whole) == 8 and [len(b) for b in frames.batches(3)] == [3, 3, 2]
    assert np.array_equal(whole[6], frames.take(np.array([6])).depth[0])
    few = np.concatenate([b.depth for b in frames.batches(3, limit=2)])
    assert np.array_equal(few, whole[[0, 7]])
    assert frames.describe() == {"frames": 8, "worlds": 2, "families": ["forest", "town"], "seeds": [1000, 1001]}


def test_a_frame_keeps_its_picture_depth_and_ids_together_across_worlds(data):
    frames = DepthData(data, "train")
    for index, (world, row) in {4: ("forest-1000", 4), 5: ("town-1001", 0)}.items():
        batch = frames.take(np.array([index]))
        folder = data / "train" / world
        for name in ("depth", "segmentation", "pose"):
            assert np.array_equal(getattr(batch, name)[0], np.load(folder / f"{name}.npy")[row]), name
        assert np.array_equal(batch.rgb[0], Pictures(folder)[row])


def test_pictures_are_kept_to_the_bit_and_damage_is_named(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 16, 3), np.uint8)
    with PictureWriter(tmp_path) as writer:
        for picture in pictures:
            writer.add(picture)
    stored = Pictures(tmp_path)
    assert len(stored) == 3
    for number in (2, 0, 1):
        np.testing.assert_array_equal(stored[number], pictures[number])
    data = (tmp_path / "rgb.webp").read_bytes()
    (tmp_path / "rgb.webp").write_bytes(bytes(40) + data[40:])
    with pytest.raises(UsageError, match="Picture 0 .* damaged"):
        Pictures(tmp_path)[0]
    (tmp_path / "rgb.webp").write_bytes(data[:-1])
    with pytest.raises(UsageError, match="collect"):
        Pictures(tmp_path)


def test_clips_are_whole_and_never_reach_into_the_next_world(data):
    frames = DepthData(data, "train")
    assert frames.clip_count == 2  # of five frames each world
    batch = frames.clips(np.array([1, 0]))
    np.testing.assert_array_equal(batch.rgb, frames.take(np.array([5, 6, 7, 0, 1, 2])).rgb)


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(UsageError, match="navisplit collect"):
        read_dataset_info(tmp_path)


def test_counts_of_symbols_are_those_of_each_channel():
    symbols = np.array([[[[-2, 0]], [[1, 1]]], [[[0, 0]], [[2, 1]]]], np.int16)
    assert count_symbols(symbols, 2).tolist() == [[1, 0, 3, 0, 0], [0, 0, 0, 3, 1]]
    tables = tables_from_counts(count_symbols(np.maximum(symbols, 0), 2), 2)
    assert tables.frequencies.shape == (2, 3) and (tables.frequencies.sum(axis=1) == 2**14).all()
    assert tables.frequencies.min() > 0 and tables.offsets.tolist() == [0, 0]


def test_noise_and_exposure_differ_from_picture_to_picture():
    same = torch.zeros(3, 3, 16, 16)
    made = photometric(same, np.random.default_rng(1))
    assert not torch.allclose(made[0], made[1], atol=0.02) and same.abs().max() == 0  # the input is left alone


def test_pixel_weights_change_what_counts_and_not_how_much():
    depth = torch.full((1, 8, 8), 20.0)
    depth[:, :, :4] = 2.0
    made = pixel_weights(depth, near_m=5.0, near_weight=2.0, thin_weight=0.0)
    assert made.mean() == pytest.approx(1.0) and made[0, 0, 0] / made[0, 0, 7] == pytest.approx(3.0)


def test_lost_channels_are_one_run_as_a_lost_slice_is():
    masks = erase_channels(200, 6, 1.0, torch.Generator().manual_seed(0)).flatten(1)
    changes = (masks.diff(dim=1) != 0).sum(1)
    assert (masks == 0).any(1).all() and (masks == 1).any(1).all() and changes.max() <= 2
    assert erase_channels(5, 1, 1.0, torch.Generator()).all()


def test_figures_do_not_depend_on_how_frames_come_in_batches():
    rng = np.random.default_rng(2)
    predicted, true = rng.uniform(0.5, 30, (2, 6, 72, 128)).astype(np.float32)
    ids = rng.integers(0, 3, (6, 72, 128)).astype(np.uint8)
    whole, parts = DepthMetrics(ground_ids=(0,)), DepthMetrics(ground_ids=(0,))
    whole.add(predicted, true, ids)
    for i in range(6):
        parts.add(predicted[i : i + 1], true[i : i + 1], ids[i : i + 1])
    assert whole.summary() == pytest.approx(parts.summary()) and whole.summary()["frames"] == 6
    assert DepthMetrics().summary() == {"frames": 0.0} and format_summary({"frames": 0.0}) == ""
    assert format_summary({"abs_rel": 0.12345, "bytes_mean": 99.6}) == "AbsRel 0.123 B 100"
