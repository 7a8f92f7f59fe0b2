"""Settings of the depth training: from YAML, checked, and those that ship."""

import pytest
from depth_fixtures import tiny_training

from navisplit.errors import ConfigError
from navisplit.train.depth import with_minutes
from navisplit.train.settings import read_training, training_from_mapping


def test_settings_come_from_yaml_and_misspelt_ones_are_refused(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("batch_size: 8\narchitecture: {detail_width: 16}\n")
    settings = read_training(path)
    assert settings.batch_size == 8 and settings.architecture.detail_width == 16
    path.write_text("batchsize: 8\n")
    with pytest.raises(ConfigError, match="batch_size"):
        read_training(path)
    with pytest.raises(ConfigError):
        read_training(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="threads"):
        training_from_mapping({"threads": 0})


def test_the_shipped_config_is_the_default():
    from pathlib import Path

    from navisplit.train.settings import DepthTraining

    assert read_training(Path(__file__).parents[2] / "config" / "depth.yaml") == DepthTraining()


def test_minutes_are_shared_out_in_proportion():
    settings = with_minutes(tiny_training(wide_minutes=10.0, teacher_minutes=20.0, student_minutes=30.0), 12.0)
    assert (settings.wide_minutes, settings.teacher_minutes, settings.student_minutes) == (2.0, 4.0, 6.0)
