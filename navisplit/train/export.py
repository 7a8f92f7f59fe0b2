"""From finished checkpoints to a branch set: tables, metrics on worlds never trained on, model card."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from navisplit.codecs import Tables, codec
from navisplit.edge.tail import Tail
from navisplit.errors import ModelError
from navisplit.nets.architecture import BranchConfig
from navisplit.nets.blocks import for_inference
from navisplit.nets.branch_set import BranchSet, load_branch_set, save_branch_set
from navisplit.nets.tail import clip_depth
from navisplit.nets.teacher import Teacher
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.train.augment import to_tensors
from navisplit.train.card import model_card
from navisplit.train.checkpoint import load_checkpoint, restore_module
from navisplit.train.dataset import DepthData
from navisplit.train.golden import write_golden
from navisplit.train.loop import Log
from navisplit.train.metrics import DepthMetrics, format_summary
from navisplit.train.settings import DepthTraining
from navisplit.train.stages import Student
from navisplit.train.tables import count_symbols, tables_from_counts
from navisplit.vehicle.head import MAX_PAYLOAD, Head

BATCH = 24
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
    trained = load_trained(run, settings)
    validation, test = DepthData(data, "validation"), DepthData(data, "test")
    log(f"tables: counting symbols on {len(validation)} validation frames")
    symbols = collect_symbols(trained.student, settings.architecture.branches, validation)
    tables = {
        b.name: tables_from_counts(count_symbols(symbols[b.name], b.limit), b.limit)
        if b.rated
        else Tables.uniform(b.channels, 2 * b.limit + 1, -b.limit)
        for b in settings.architecture.branches
    }
    expected = {b.name: mean_bytes(symbols[b.name], b, tables[b.name]) for b in settings.architecture.branches}
    networks = {"head": trained.student.head, "tail": trained.student.tail, "teacher": trained.teacher}
    digest = save_branch_set(out, settings.architecture, networks, tables, expected)
    log(f"test: {len(test)} frames of {len(test.worlds)} worlds, through the real head, codec and tail")
    metrics = evaluate(load_branch_set(out, with_teacher=True), test)
    for name, values in metrics.items():
        log(f"test {name}: {format_summary(values)}")
    (out / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n")
    splits = {name: DepthData(data, name).describe() for name in ("train", "validation", "test")}
    (out / "MODEL_CARD.md").write_text(model_card(out.name, digest, settings, splits, metrics, trained.notes))
    write_golden(load_branch_set(out))
    log(f"wrote {out} (hash {digest:08x})")
    return metrics


def collect_symbols(
    student: Student, branches: tuple[BranchConfig, ...], data: DepthData
) -> dict[str, NDArray[np.int16]]:
    """Symbols (N, C, H, W) of every branch on all frames, by the folded network that flies."""
    student = for_inference(copy.deepcopy(student))
    found: dict[str, list[NDArray[np.int16]]] = {b.name: [] for b in branches}
    for batch in data.batches(BATCH):
        image, _ = to_tensors(batch)
        for branch in branches:
            found[branch.name].append(student.quantised(image, branch).contiguous().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def mean_bytes(symbols: NDArray[np.int16], branch: BranchConfig, tables: Tables, limit: int = 256) -> float:
    """Mean coded size of some of the frames (N, C, H, W), slices without packet headers."""
    chosen = symbols[np.linspace(0, len(symbols) - 1, min(limit, len(symbols))).astype(int)]
    coder = codec(branch.codec)
    return float(np.mean([sum(map(len, coder.encode(tables.clip(s), tables, MAX_PAYLOAD))) for s in chosen]))


def evaluate(branch_set: BranchSet, data: DepthData) -> dict[str, dict[str, float]]:
    """Metrics of the teacher (if loaded) and every branch, frame by frame through head, codec and tail."""
    head, tail = Head(branch_set), Tail(branch_set)
    metrics = {spec.name: DepthMetrics(ground_ids={GROUND_ID}) for spec in branch_set.branches}
    if branch_set.teacher is not None:
        metrics = {"teacher": DepthMetrics(ground_ids={GROUND_ID}), **metrics}
    for frame in data.batches(1):
        if branch_set.teacher is not None:
            with torch.inference_mode():
                depth = clip_depth(branch_set.teacher(to_tensors(frame)[0])[0])
            metrics["teacher"].add(depth.numpy(), frame.depth, frame.segmentation)
        activations = head.trunk(frame.rgb[0])
        for spec in branch_set.branches:
            encoded = head.encode(activations, spec.name)
            symbols, mask = tail.decode(encoded.branch_id, encoded.codec_id, encoded.shape, encoded.slices)
            predicted = tail.infer(encoded.branch_id, symbols, mask)
            metrics[spec.name].add(predicted.depth[None], frame.depth, frame.segmentation)
            metrics[spec.name].add_bytes([encoded.size])
    return {name: m.summary() for name, m in metrics.items()}
