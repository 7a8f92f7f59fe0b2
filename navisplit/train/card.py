"""MODEL_CARD.md, generated from what was measured: nothing in it is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping

from navisplit.nets.branch import HeadNetwork
from navisplit.nets.tail import TailNetwork
from navisplit.nets.teacher import Teacher
from navisplit.nets.trunk import parameter_count
from navisplit.sim.worlds.registry import test_families
from navisplit.train.scoring import UNSEEN
from navisplit.train.settings import DepthTraining

_COLUMNS = {
    "abs_rel": ("AbsRel", "{:.3f}"),
    "delta125": ("delta < 1.25", "{:.3f}"),
    "rmse_m": ("RMSE (m)", "{:.2f}"),
    "near_abs_rel": ("near AbsRel (< 5 m)", "{:.3f}"),
    "missed_rate": ("missed obstacles", "{:.3f}"),
    "bytes_mean": ("bytes mean", "{:.0f}"),
    "bytes_p50": ("p50", "{:.0f}"),
    "bytes_p95": ("p95", "{:.0f}"),
}


def model_card(
    name: str,
    digest: int,
    settings: DepthTraining,
    splits: Mapping[str, Mapping[str, object]],
    metrics: Mapping[str, Mapping[str, float]],
    notes: Mapping[str, Mapping[str, object]],
) -> str:
    """The card as Markdown."""
    test = splits["test"]
    parts = [
        "---\nlicense: apache-2.0\ntags: [depth-estimation, split-computing, drone]\n---",
        f"# Branch set `{name}` ({digest:08x})",
        "Monocular depth, cut in two: the head runs on a drone, its quantised features cross a radio link, the tail "
        "runs on an edge server. Input: 256x144 RGB of a 90 degree camera. Output: planar depth 128x72 in 0.3 .. 50 m "
        "and its uncertainty. Licence: Apache-2.0.",
        "## Measured",
        f"On the last frames of the clips of {test['worlds']} worlds never trained on (families "
        f"{_listed(test['families'])}, seeds {_listed(test['seeds'])}; {test['frames']} frames), every frame through "
        "the real head, entropy coder and tail. `alone`: without memory of the frames before. Bytes are the coded "
        "slices of a frame, without packet headers. The teacher has no bottleneck and no memory and runs on one "
        "machine only; the branches began as it and were trained for longer.",
        metrics_table({name: values for name, values in metrics.items() if not name.endswith(UNSEEN)}),
        f"The same on {_listed(sorted(test_families))}, a family that nothing was trained on:",
        metrics_table({n.removesuffix(UNSEEN): v for n, v in metrics.items() if n.endswith(UNSEEN)}),
        "A near obstacle is a blob of at least 8 pixels (of 128x72) of one object nearer than 5 m, ground excluded; it "
        "is missed when the median over its pixels of predicted / true depth exceeds 1.5. The sky counts as 50 m.",
        "## Sizes",
        _sizes(settings),
        "## Training",
        _training(settings, splits, notes),
        "Data is rendered by this package's own simulator; no picture and no weight of anyone else is used.",
        "## Limits",
        "Trained on rendered worlds only. It has never seen a real camera's picture, night, water, glass or thin "
        "wires. Branch tables fit its training worlds: elsewhere the bytes grow.",
        "## Train it again",
        "```\nnavisplit collect --out data/depth\n"
        f"navisplit train depth --data data/depth --out models/{name} --config config/depth.yaml\n"
        f"navisplit train gate --models {name}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def metrics_table(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """One row a model."""
    lines = [
        "| | " + " | ".join(label for label, _ in _COLUMNS.values()) + " |",
        "|---|" + "---|" * len(_COLUMNS),
    ]
    for name, values in metrics.items():
        cells = [form.format(values[key]) if key in values else "-" for key, (_, form) in _COLUMNS.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _sizes(settings: DepthTraining) -> str:
    architecture = settings.architecture
    head, tail, teacher = HeadNetwork(architecture), TailNetwork(architecture), Teacher(architecture)
    lines = [
        f"Parameters: head {parameter_count(head):,} (trunk {parameter_count(head.trunk):,}), "
        f"tail {parameter_count(tail):,}, teacher {parameter_count(teacher):,}.",
        "",
        "| branch | symbols (C, H, W) | codec | target bytes |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {b.name} | {architecture.symbol_shape(b)} | {b.codec} | {b.target_bytes} |" for b in architecture.branches
    ]
    return "\n".join(lines)


def _training(
    settings: DepthTraining, splits: Mapping[str, Mapping[str, object]], notes: Mapping[str, Mapping[str, object]]
) -> str:
    lines = [
        f"- {split}: {about['frames']} frames, {about['worlds']} worlds ({_listed(about['families'])}; seeds "
        f"{_listed(about['seeds'])})"
        for split, about in splits.items()
    ]
    lines += [
        f"- {stage}: {about['steps']} steps of {settings.batch_size} frames in {about['minutes']} minutes of computing"
        + ("" if about["finished"] else " (**not finished**)")
        for stage, about in notes.items()
    ]
    return "\n".join([*lines, f"- seed {settings.seed}, bf16 autocast, AdamW, averaged weights"])


def _listed(values: object) -> str:
    items = list(values) if isinstance(values, (list, tuple)) else [values]
    if len(items) > 3 and all(isinstance(v, int) for v in items) and items == list(range(items[0], items[-1] + 1)):
        return f"{items[0]}..{items[-1]}"
    return ", ".join(map(str, items))
