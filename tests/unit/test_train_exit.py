"""What ``navisplit train exit`` promises: an exit that learned something, in the branch set's folder, bound to it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from depth_fixtures import TINY, write_data

from navisplit.codecs import Tables
from navisplit.config import FlightConfig
from navisplit.errors import ConfigError, UsageError
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.branch_set import load_branch_set, save_branch_set
from navisplit.nets.exit import META_FILE, load_exit
from navisplit.nets.tail import TailNetwork
from navisplit.train.dataset import DepthData
from navisplit.train.exit import ExitTraining, nearest, train_exit
from navisplit.vehicle.onboard_exit import exit_factory

GRID = dataclasses.replace(TINY, height=48, width=128)  # 6 x 16 features


def write_set(folder, architecture):
    torch.manual_seed(0)
    tables = {b.name: Tables.uniform(b.channels, 2 * b.limit + 1, -b.limit) for b in architecture.branches}
    networks = {"head": HeadNetwork(architecture), "tail": TailNetwork(architecture)}
    save_branch_set(folder, architecture, networks, tables, {"b0": 8.0, "b1": 60.0})
    return str(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exit")
    data, models = write_data(folder / "data", 60, 48, 128), write_set(folder / "mine", GRID)
    lines = []
    found = train_exit(
        models, data, ExitTraining(frames=48, validation_frames=12, epochs=60, batch_size=12), lines.append
    )
    return models, data, found, lines


def test_it_learns_how_near_things_are(trained):
    models, data, _, _ = trained
    branch_set = load_branch_set(models)
    net = load_exit(branch_set.path, models_hash=branch_set.hash, channels=branch_set.head.trunk.channels)
    batch = next(DepthData(data, "validation").batches(40))
    with torch.inference_mode():
        said = net(branch_set.head.trunk(torch.from_numpy(batch.rgb)).float()).numpy()
    true = nearest(batch.depth)
    assert np.abs(said - true).mean() < 0.6 * np.abs(np.median(true) - true).mean()


def test_the_card_says_what_it_measured_and_flights_find_it(trained):
    models, _, found, lines = trained
    branch_set = load_branch_set(models)
    notes = json.loads((branch_set.path / META_FILE).read_text())["training"]
    assert {name: notes[name] for name in found} == found and set(found) >= {"missed", "false_alarms"}
    assert "missed" in lines[-1]
    assert exit_factory(branch_set)(FlightConfig()) is not None


def test_a_set_without_an_exit_flies_without(tmp_path):
    assert exit_factory(load_branch_set(write_set(tmp_path / "bare", GRID))) is None


def test_a_grid_that_does_not_fit_is_told_before_anything_is_computed(tmp_path):
    models = write_set(tmp_path / "small", TINY)
    with pytest.raises(UsageError, match="4 x 8"):
        train_exit(models, tmp_path / "nowhere", ExitTraining(), print)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError):
        ExitTraining(quantile=1.0)
