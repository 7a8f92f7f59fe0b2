"""``navisplit train depth``: the three stages, each resuming where it was stopped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import cast

import torch
from torch import nn

from navisplit.errors import UsageError
from navisplit.nets.branch_set import trainable_networks
from navisplit.nets.teacher import Teacher, Unsplit
from navisplit.train.dataset import DepthData, read_dataset_info
from navisplit.train.loop import Budget, Stage, Trainer
from navisplit.train.metrics import format_summary
from navisplit.train.progress import Log
from navisplit.train.settings import DepthTraining, training_from_mapping
from navisplit.train.student_stage import StudentStage
from navisplit.train.unsplit_stage import teacher_stage, wide_stage

SETTINGS_FILE = "settings.json"


def train_depth(data: Path, run: Path, settings: DepthTraining, log: Log) -> None:
    """Train all stages into checkpoints in ``run``; returns at once where they are finished already.

    Raises UsageError when ``run`` holds a training with other settings.
    """
    torch.set_num_threads(settings.threads)
    read_dataset_info(data)
    train, validation = DepthData(data, "train"), DepthData(data, "validation")
    _keep_settings(run, settings)
    log(f"{len(train)} frames of {len(train.worlds)} worlds, {len(validation)} to validate; checkpoints in {run}")
    start = trainable_networks(settings.start, settings.architecture) if settings.start else None

    def train_stage(stage: Stage, minutes: float, learning_rate: float) -> nn.Module:
        network = Trainer(stage, _budget(settings, minutes, learning_rate), run, log).run()
        _tell(stage.name, stage.validate(network), log)
        return network

    if start is None or start[2] is None:
        wide = train_stage(wide_stage(settings, train, validation), settings.wide_minutes, settings.learning_rate)
        stage = teacher_stage(settings, train, validation, cast(Unsplit, wide))
    else:
        stage = teacher_stage(settings, train, validation)
        stage.network.load_state_dict(start[2].state_dict())
    teacher = cast(Teacher, train_stage(stage, settings.teacher_minutes, settings.learning_rate))
    student_stage = StudentStage(settings, train, validation, teacher)
    if start is not None:
        student_stage.network.head.load_state_dict(start[0].state_dict())
        student_stage.network.tail.load_state_dict(start[1].state_dict(), strict=False)  # it may have no memory
    train_stage(student_stage, settings.student_minutes, settings.student_learning_rate)


def _tell(stage: str, metrics: dict[str, dict[str, float]], log: Log) -> None:
    words = "; ".join(f"{name} {format_summary(values)}" for name, values in metrics.items())
    log(f"{stage}: final validation {words}")


def with_minutes(settings: DepthTraining, minutes: float | None) -> DepthTraining:
    """The same settings with another total time, shared out in the same proportion."""
    if minutes is None:
        return settings
    stages = ("wide_minutes", "teacher_minutes", "student_minutes")
    scale = minutes / sum(getattr(settings, stage) for stage in stages)
    return dataclasses.replace(settings, **{stage: getattr(settings, stage) * scale for stage in stages})


def stored_settings(run: Path) -> DepthTraining:
    """Settings of a run folder. Raises UsageError when it is none."""
    path = run / SETTINGS_FILE
    if not path.is_file():
        raise UsageError(
            f"{run} is no training run ({SETTINGS_FILE} is missing). Start one with `navisplit train depth`."
        )
    return training_from_mapping(json.loads(path.read_text()))


def _keep_settings(run: Path, settings: DepthTraining) -> None:
    """Checkpoints only continue under the settings they began with, but for time, threads and reporting."""
    if (run / SETTINGS_FILE).is_file():
        stored = stored_settings(run)
        free = {"wide_minutes", "teacher_minutes", "student_minutes", "threads"}
        free |= {"checkpoint_s", "report_s", "validation_s", "validation_frames", "patience"}
        changed = [
            f.name
            for f in dataclasses.fields(settings)
            if f.name not in free and getattr(stored, f.name) != getattr(settings, f.name)
        ]
        if changed:
            raise UsageError(
                f"{run} holds a training with other {', '.join(changed)}: continue it with the same settings, or "
                "choose another --run folder."
            )
    run.mkdir(parents=True, exist_ok=True)
    (run / SETTINGS_FILE).write_text(json.dumps(dataclasses.asdict(settings), indent=1) + "\n")


def _budget(settings: DepthTraining, minutes: float, learning_rate: float) -> Budget:
    return Budget(
        seconds=60.0 * minutes,
        learning_rate=learning_rate,
        weight_decay=settings.weight_decay,
        warmup_share=settings.warmup_share,
        ema_decay=settings.ema_decay,
        seed=settings.seed,
        checkpoint_s=settings.checkpoint_s,
        report_s=settings.report_s,
        validation_s=settings.validation_s,
        patience=settings.patience,
    )
