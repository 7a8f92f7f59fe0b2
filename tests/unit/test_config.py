"""Configuration: validated once, round trips, and a misspelt or wrong value is named instead of ignored."""

import dataclasses
import json
import math

import pytest

from navisplit.config import (
    CameraConfig,
    FlightConfig,
    GuardConfig,
    PolicyConfig,
    TimingConfig,
    from_mapping,
    to_mapping,
)
from navisplit.errors import ConfigError, NaviSplitError, UsageError, nearest_name

ALL = [CameraConfig, GuardConfig, PolicyConfig, TimingConfig, FlightConfig]


@pytest.mark.parametrize("cls", ALL)
def test_defaults_are_valid_and_survive_json(cls):
    config = cls()
    assert from_mapping(cls, json.loads(json.dumps(to_mapping(config)))) == config


@pytest.mark.parametrize("cls", ALL)
def test_configurations_cannot_be_changed(cls):
    config = cls()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, dataclasses.fields(cls)[0].name, None)


def test_values_of_a_nested_mapping_arrive():
    config = from_mapping(FlightConfig, {"branch": "b2", "camera": {"rate_hz": 20}, "guard": {"land_after_s": 7.5}})
    assert (config.branch, config.camera.rate_hz, config.guard.land_after_s) == ("b2", 20.0, 7.5)
    assert isinstance(config.camera.rate_hz, float), "an integer where a float is meant becomes one"
    assert config.policy == PolicyConfig()


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="FlightConfig has no setting 'brnch'. Did you mean 'branch'"):
        from_mapping(FlightConfig, {"brnch": "b0"})
    with pytest.raises(ConfigError, match="Did you mean 'rate_hz'"):
        from_mapping(FlightConfig, {"camera": {"rate_hx": 5}})


@pytest.mark.parametrize(
    ("cls", "values", "name"),
    [
        (CameraConfig, {"width": 256.0}, "width"),
        (CameraConfig, {"width": "256"}, "width"),
        (CameraConfig, {"width": True}, "width"),
        (CameraConfig, {"rate_hz": True}, "rate_hz"),
        (FlightConfig, {"branch": 3}, "branch"),
        (FlightConfig, {"camera": 3}, "camera"),
    ],
)
def test_wrong_types_are_refused(cls, values, name):
    with pytest.raises(ConfigError, match=name):
        from_mapping(cls, values)


@pytest.mark.parametrize(
    ("cls", "values", "name"),
    [
        (CameraConfig, {"width": 0}, "width"),
        (CameraConfig, {"rate_hz": -1.0}, "rate_hz"),
        (CameraConfig, {"rate_hz": math.nan}, "rate_hz"),
        (CameraConfig, {"rate_hz": math.inf}, "rate_hz"),
        (CameraConfig, {"fov_deg": 180.0}, "fov_deg"),
        (GuardConfig, {"brake_after_s": 0.0}, "brake_after_s"),
        (GuardConfig, {"brake_after_s": 2.0}, "brake < hold < land"),
        (GuardConfig, {"hold_after_s": 6.0}, "brake < hold < land"),
        (GuardConfig, {"max_speed_mps": math.inf}, "max_speed_mps"),
        (PolicyConfig, {"speed_mps": 0.0}, "speed_mps"),
        (PolicyConfig, {"min_z_m": 9.0}, "max_z_m"),
        (TimingConfig, {"head_s": -0.1}, "head_s"),
        (FlightConfig, {"byte_weight": -1.0}, "byte_weight"),
    ],
)
@pytest.mark.fault(45, does="refused by name, before the flight")
def test_values_out_of_range_are_refused_by_name(cls, values, name):
    with pytest.raises(ConfigError, match=name):
        from_mapping(cls, values)


def test_derived_values():
    camera = CameraConfig()
    assert camera.period_ns == 100_000_000
    assert (camera.intrinsics.width, camera.intrinsics.height, camera.intrinsics.fx) == (256, 144, pytest.approx(128.0))


def test_the_guards_promises_are_the_designs():
    guard = GuardConfig()
    stages = (guard.brake_after_s, guard.hold_after_s, guard.land_after_s, guard.rearm_after_s)
    assert stages == (0.25, 1.0, 5.0, 1.0)


def test_errors_are_one_tree_with_exit_codes():
    assert issubclass(ConfigError, UsageError) and issubclass(UsageError, NaviSplitError)
    assert (ConfigError.exit_code, NaviSplitError.exit_code) == (2, 1)
    assert nearest_name("forst", ["forest", "city"]) == " Did you mean 'forest'?"
    assert nearest_name("xyz", ["forest", "city"]) == " Known: city, forest."
    assert nearest_name("xyz", []) == " There is none yet."
