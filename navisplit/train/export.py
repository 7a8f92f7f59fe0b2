"""From finished checkpoints to a branch set: tables, metrics on worlds never trained on, model card."""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from navisplit.codecs import Tables, codec
from navisplit.errors import ModelError
from navisplit.nets.architecture import Architecture, BranchConfig
from navisplit.nets.blocks import for_inference
from navisplit.nets.branch_set import load_branch_set, save_branch_set
from navisplit.nets.teacher import Teacher
from navisplit.train.augment import to_tensors
from navisplit.train.card import model_card
from navisplit.train.checkpoint import load_checkpoint, restore_module
from navisplit.train.dataset import DepthData
from navisplit.train.golden import write_golden
from navisplit.train.metrics import format_summary
from navisplit.train.progress import Log
from navisplit.train.scoring import ALONE, evaluate
from navisplit.train.settings import DepthTraining
from navisplit.train.student import Student
from navisplit.train.student_stage import StudentStage
from navisplit.train.tables import branch_tables
from navisplit.vehicle.head import MAX_PAYLOAD

BATCH = 24
TABLE_FRAMES = 3000
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Trained:
    """Averaged weights of a run."""

    teacher: Teacher
    student: Student
    notes: dict[str, dict[str, object]]  # of each stage: steps, minutes, whether its budget was used up


def load_trained(run: Path, settings: DepthTraining) -> Trained:
    """The averaged weights of a run folder's checkpoints. Raises ModelError when one is missing or does not fit."""
    teacher, student = Teacher(settings.architecture), Student(settings.architecture)
    notes: dict[str, dict[str, object]] = {}
    for name, network in (("teacher", teacher), ("student", student)):
        path = run / f"{name}.safetensors"
        if not path.is_file():
            raise ModelError(f"There is no checkpoint {path}. Run `navisplit train depth` for longer first.")
        groups, meta = load_checkpoint(path)
        restore_module(network, groups["average"], path)
        notes[name] = {"steps": meta["step"], "minutes": round(meta["elapsed_s"] / 60, 1), "finished": meta["finished"]}
    return Trained(teacher.eval(), student.eval(), notes)


def export(run: Path, data: Path, out: Path, settings: DepthTraining, log: Log) -> dict[str, dict[str, float]]:
    """Write the branch set ``out`` and its card; returns the test metrics of teacher and branches.

    Checkpoints of an unfinished training are exported as they are, and the card says so.
    """
    torch.set_num_threads(settings.threads)
    trained = load_trained(run, settings)
    validation, test = DepthData(data, "validation"), DepthData(data, "test")
    architecture = settings.architecture
    if architecture.memory and not memory_helps(trained.student, architecture, settings, data, log):
        architecture = dataclasses.replace(architecture, memory=False)
        trained.student.tail.recall = None
    log(f"tables: counting symbols on {TABLE_FRAMES} training frames")
    branches = architecture.branches
    symbols = collect_symbols(trained.student, branches, DepthData(data, "train"), TABLE_FRAMES)
    tables = {b.name: branch_tables(symbols[b.name], b) for b in branches}
    symbols = collect_symbols(trained.student, branches, validation)
    expected = {b.name: mean_bytes(symbols[b.name], b, tables[b.name]) for b in branches}
    networks = {"head": trained.student.head, "tail": trained.student.tail, "teacher": trained.teacher}
    digest = save_branch_set(out, architecture, networks, tables, expected)
    log(f"test: {len(test)} frames of {len(test.worlds)} worlds, through the real head, codec and tail")
    metrics = evaluate(load_branch_set(out, with_teacher=True), test)
    for name, values in metrics.items():
        log(f"test {name}: {format_summary(values)}")
    (out / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n")
    shipped = dataclasses.replace(settings, architecture=architecture)
    splits = {name: DepthData(data, name).describe() for name in ("train", "validation", "test")}
    (out / "MODEL_CARD.md").write_text(model_card(out.name, digest, shipped, splits, metrics, trained.notes))
    write_golden(load_branch_set(out))
    log(f"wrote {out} (hash {digest:08x})")
    return metrics


def memory_helps(student: Student, architecture: Architecture, settings: DepthTraining, data: Path, log: Log) -> bool:
    """Whether near depth on validation clips is better with the memory than without, in the mean over branches."""
    validation = DepthData(data, "validation")
    every = dataclasses.replace(settings, validation_frames=len(validation))
    stage = StudentStage(every, DepthData(data, "train"), validation, Teacher(architecture))
    near = {name: values["near_abs_rel"] for name, values in stage.validate(student).items()}
    errors = [float(np.mean([near[b.name + end] for b in architecture.branches])) for end in ("", ALONE)]
    helps = errors[0] < errors[1]
    fate = "stays" if helps else "is left out"
    log(f"memory: near AbsRel {errors[0]:.3f} with it, {errors[1]:.3f} without; it {fate}")
    return helps


def collect_symbols(
    student: Student, branches: tuple[BranchConfig, ...], data: DepthData, limit: int | None = None
) -> dict[str, NDArray[np.int16]]:
    """Symbols (N, C, H, W) of every branch on all frames, or ``limit`` of them, by the folded network that flies."""
    student = for_inference(copy.deepcopy(student))
    found: dict[str, list[NDArray[np.int16]]] = {b.name: [] for b in branches}
    for batch in data.batches(BATCH, limit):
        image, _ = to_tensors(batch)
        for branch in branches:
            found[branch.name].append(student.quantised(image, branch).contiguous().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def mean_bytes(symbols: NDArray[np.int16], branch: BranchConfig, tables: Tables, limit: int = 256) -> float:
    """Mean coded size of some of the frames (N, C, H, W), slices without packet headers."""
    chosen = symbols[np.linspace(0, len(symbols) - 1, min(limit, len(symbols))).astype(int)]
    coder = codec(branch.codec)
    return float(np.mean([sum(map(len, coder.encode(tables.clip(s), tables, MAX_PAYLOAD))) for s in chosen]))
