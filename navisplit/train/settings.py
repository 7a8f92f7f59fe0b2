"""Settings of the depth training: one frozen object, from YAML, kept in checkpoints and the model card."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from navisplit.config import from_mapping
from navisplit.errors import ConfigError
from navisplit.nets.architecture import Architecture, architecture_from_mapping, check_trunk, integers


@dataclass(frozen=True)
class DepthTraining:
    """How the networks are trained, one after the other. All values are our choice, tuned for one or two CPU cores."""

    start: str = ""  # branch set whose weights training begins with; empty: from nothing
    wide_minutes: float = 36.0  # of computing, on a busy machine it takes longer: a wider network, to begin with
    teacher_minutes: float = 45.0  # the network without bottlenecks
    student_minutes: float = 80.0  # and with them
    wide_widths: tuple[int, ...] = (32, 64, 128)  # the wider network's trunk, as Architecture.trunk_widths
    wide_blocks: tuple[int, ...] = (1, 4)
    batch_size: int = 24
    learning_rate: float = 2e-3
    student_learning_rate: float = 1e-3  # of the last stage: its trunk and body are trained already
    weight_decay: float = 1e-2
    warmup_share: float = 0.02  # of the time, linear
    ema_decay: float = 0.998  # per step
    near_m: float = 5.0  # nearer than this is what a drone can hit within two seconds
    near_weight: float = 2.0  # extra weight of near pixels
    far_weight: float = 1.0  # extra weight of near pixels where they are taken for farther than they are
    student_far_weight: float = 2.0  # the same in the last stage: few bytes leave more doubt, and doubt must brake
    thin_weight: float = 2.0  # extra weight of thin near things: trunks, poles, branches
    distillation_weight: float = 0.5  # of the feature loss; fades to zero
    erasure_share: float = 0.25  # of samples with channels lost
    clip_share: float = 0.6  # of batches, where the tail has a memory: clips for it; the rest are unrelated frames
    amnesia_share: float = 0.15  # of frames of clips whose memory is taken away
    first_bytes: float = 4.0  # times its target, what a branch may spend at the beginning
    rate_gain: float = 0.02  # step of the controller that holds each branch at its target bytes
    seed: int = 0
    threads: int = 1
    checkpoint_s: float = 120.0
    report_s: float = 15.0
    validation_s: float = 300.0
    validation_frames: int = 288  # while it trains; the final report is on the whole test set
    patience: int = 0  # validations without a better near AbsRel until a stage stops early; 0 never does
    architecture: Architecture = field(default_factory=Architecture)

    def __post_init__(self) -> None:
        """Check ranges."""
        positive = ("wide_minutes", "teacher_minutes", "student_minutes", "learning_rate", "student_learning_rate")
        for name in (*positive, "checkpoint_s", "report_s", "validation_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"DepthTraining.{name}: expected a number > 0, got {value!r}.")
        check_trunk("DepthTraining.wide", self.wide_widths, self.wide_blocks)
        for name in ("erasure_share", "amnesia_share", "clip_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"DepthTraining.{name}: expected 0..1, got {getattr(self, name)}.")
        if not 1.0 <= self.first_bytes <= 100.0:
            raise ConfigError(f"DepthTraining.first_bytes: expected 1..100, got {self.first_bytes}.")
        if self.batch_size < 2 or self.threads < 1 or not 0 <= self.ema_decay < 1:
            raise ConfigError(
                "DepthTraining: expected batch_size >= 2, threads >= 1 and ema_decay in [0, 1), "
                f"got {self.batch_size}, {self.threads} and {self.ema_decay}."
            )


def training_from_mapping(values: dict[str, Any]) -> DepthTraining:
    """Build settings from nested mappings. Raises ConfigError on unknown keys or wrong types."""
    lists = {
        key: integers(f"DepthTraining.{key}", values[key]) for key in ("wide_widths", "wide_blocks") if key in values
    }
    scalars = {key: value for key, value in values.items() if key != "architecture" and key not in lists}
    from_mapping(DepthTraining, scalars)  # checks the names and types of what is no list
    if "architecture" in values:
        lists["architecture"] = architecture_from_mapping(values["architecture"])
    return DepthTraining(**scalars, **lists)


def read_training(path: Path | None) -> DepthTraining:
    """Settings from a YAML file; None gives the defaults."""
    if path is None:
        return DepthTraining()
    import yaml

    if not path.is_file():
        raise ConfigError(f"There is no training config {path}. See config/depth.yaml for all settings.")
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, got {type(values).__name__}.")
    return training_from_mapping(values)
