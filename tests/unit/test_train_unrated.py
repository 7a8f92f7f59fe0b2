"""Branches without an entropy coder, as the paper's: no rate, one byte a value."""

import dataclasses

import numpy as np
import pytest
import torch
from depth_fixtures import TINY, tiny_training, write_data

from navisplit.nets.branch_set import load_branch_set
from navisplit.resources import resource_folders
from navisplit.train.augment import to_tensors
from navisplit.train.dataset import DepthData
from navisplit.train.depth import train_depth
from navisplit.train.export import export, load_trained
from navisplit.train.settings import read_training


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    torch.set_num_threads(1)
    return write_data(tmp_path_factory.mktemp("data"))


def test_branches_without_an_entropy_coder_train_without_a_rate_and_use_their_eight_bits(data, tmp_path):
    raw = tuple(dataclasses.replace(b, codec="raw8", limit=127) for b in TINY.branches)
    settings = tiny_training(architecture=dataclasses.replace(TINY, branches=raw))
    train_depth(data, tmp_path / "run", settings, lambda text: None)
    trained = load_trained(tmp_path / "run", settings)
    assert not trained.student.priors
    metrics = export(tmp_path / "run", data, tmp_path / "paper", settings, lambda text: None)
    loaded = load_branch_set(tmp_path / "paper")
    for spec in loaded.branches:
        assert spec.tables.alphabet == 255 and spec.tables.offsets.tolist() == [-127] * spec.channels
        assert metrics[spec.name]["bytes_mean"] == np.prod(spec.shape) + 2, "a byte a value and a slice header"
    images = to_tensors(DepthData(data, "test").take(np.arange(8)))[0]
    symbols = trained.student.eval().quantised(images, raw[1])
    assert symbols.float().std() > 8, "rounding is small beside the values"


def test_the_papers_branches_are_of_the_papers_sizes():
    (path, *_) = [folder / "paper.yaml" for folder in resource_folders("config") if (folder / "paper.yaml").is_file()]
    architecture = read_training(path).architecture
    sizes = [int(np.prod(architecture.symbol_shape(b))) for b in architecture.branches]
    assert sizes == [b.target_bytes for b in architecture.branches] == [1152, 2304, 4608, 9216, 18432]
    assert not any(b.rated for b in architecture.branches)
