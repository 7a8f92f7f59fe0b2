"""The same head and tail in four run times: torch as it is, TorchScript, torch.compile and ONNX Runtime.

Each on one thread, in turns on the same pictures, so that a busy machine is equally slow for all.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from navisplit.errors import UsageError
from navisplit.evaluate.bench import WARM_UP
from navisplit.nets.branch_set import BranchSet
from navisplit.nets.portable import (
    INPUT,
    OUTPUT,
    PortableHead,
    PortableTail,
    export_onnx,
    picture_like,
    symbols_like,
)

EAGER, SCRIPT, COMPILED, ONNX = "torch", "TorchScript", "torch.compile", "ONNX Runtime"
HALF_TOLERANCE = 1e-3
"""A symbol may differ between run times where its value is this close to half way between two integers."""

Run = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Timing:
    """One run time of one part."""

    part: str  # head b0, tail b0, ...
    runtime: str
    ms: float  # median of thread CPU time; NaN where it does not run here
    note: str  # how its answers differ from torch's, or why it does not run


@dataclass(frozen=True)
class Equality:
    """Symbols of an exported head against the vehicle's own, over some pictures."""

    branch: str
    symbols: int
    equal: int
    furthest: float  # of the differing ones: largest distance of the value from a rounding boundary

    @property
    def same(self) -> bool:
        """Whether all that differ do so at a rounding boundary."""
        return self.furthest <= HALF_TOLERANCE


def export_heads(models: BranchSet, folder: Path) -> dict[str, Path]:
    """``head_<branch>.onnx`` of every branch. Raises UsageError without the package onnx."""
    _require("onnx")
    return {
        spec.name: export_onnx(
            PortableHead(models, spec.name), picture_like(models), folder / f"head_{spec.name}.onnx", (OUTPUT,)
        )
        for spec in models.branches
    }


def check_heads(models: BranchSet, paths: dict[str, Path], pictures: Sequence[NDArray[np.uint8]]) -> list[Equality]:
    """Every exported head in ONNX Runtime against the head that flies, on pictures (H, W, 3)."""
    from navisplit.vehicle.head import Head

    head, results = Head(models), []
    for branch, path in paths.items():
        run, reference = _onnx(path), PortableHead(models, branch).eval()
        count = equal = 0
        furthest = 0.0
        for rgb in pictures:
            image = torch.from_numpy(np.array(rgb[None]))
            found = run(image)[0][0].numpy()
            expected = head.symbols(head.trunk(rgb), branch)
            differs = found != expected
            count, equal = count + differs.size, equal + int((~differs).sum())
            if differs.any():
                with torch.inference_mode():
                    values = reference.values(image)[0].numpy()[differs]
                apart = np.abs(values - np.floor(values) - 0.5)
                apart[np.abs(found[differs].astype(int) - expected[differs]) > 1] = np.inf
                furthest = max(furthest, float(apart.max()))
        results.append(Equality(branch, count, equal, furthest))
    return results


def compare_runtimes(models: BranchSet, pictures: Sequence[NDArray[np.uint8]], branches: Sequence[str]) -> list[Timing]:
    """Medians of every run time for head and tail of some branches."""
    torch.set_num_threads(1)
    images = [torch.from_numpy(np.array(rgb[None])) for rgb in pictures]
    timings = []
    for branch in branches:
        head, tail = PortableHead(models, branch).eval(), PortableTail(models, branch).eval()
        with torch.inference_mode():
            symbols = [head(image) for image in images]
        timings += _compare(f"head {branch}", head, picture_like(models), images, _symbol_note)
        timings += _compare(f"tail {branch}", tail, symbols_like(models, branch), symbols, _depth_note)
    return timings


def _compare(
    part: str, module: nn.Module, example: Tensor, inputs: Sequence[Tensor], describe: Callable[[Any, Any], str]
) -> list[Timing]:
    """All run times of one module, in turns."""
    runs, failed = _runs(module, example)
    spent: dict[str, list[float]] = {name: [] for name in runs}
    answers: dict[str, list[tuple[Tensor, ...]]] = {name: [] for name in runs}
    for x in [*inputs[:1]] * WARM_UP + list(inputs):
        for name, run in runs.items():
            started = time.thread_time_ns()
            answer = run(x)
            spent[name].append((time.thread_time_ns() - started) * 1e-6)
            answers[name].append(answer)
    return [
        Timing(part, name, float(np.median(times[WARM_UP:])), describe(answers[name], answers[EAGER]))
        for name, times in spent.items()
    ] + [Timing(part, name, float("nan"), why) for name, why in failed.items()]


def _runs(module: nn.Module, example: Tensor) -> tuple[dict[str, Run], dict[str, str]]:
    """The module in each run time, warmed up, and why others do not run here."""
    runs: dict[str, Run] = {}
    failed: dict[str, str] = {}
    for name, build in ((EAGER, _eager), (SCRIPT, _script), (COMPILED, _compiled), (ONNX, _exported)):
        try:
            run = build(module, example)
            run(example)
            runs[name] = run
        except Exception as error:  # a compiler or a package that is missing shows up as anything
            failed[name] = f"does not run here: {type(error).__name__}: {str(error).strip().splitlines()[0][:90]}"
    return runs, failed


def _eager(module: nn.Module, example: Tensor) -> Run:
    def run(x: Tensor) -> tuple[Tensor, ...]:
        with torch.inference_mode():
            return _tuple(module(x))

    return run


def _script(module: nn.Module, example: Tensor) -> Run:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on shapes, which are constant here
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(module, (example,)).eval()))
    return _eager(traced, example)


def _compiled(module: nn.Module, example: Tensor) -> Run:
    return _eager(torch.compile(module), example)


def _exported(module: nn.Module, example: Tensor) -> Run:
    _require("onnx")
    with tempfile.TemporaryDirectory() as folder:
        outputs = (OUTPUT,) if isinstance(module, PortableHead) else ("depth", "spread")
        return _onnx(export_onnx(module, example, Path(folder) / "module.onnx", outputs))


def _onnx(path: Path) -> Run:
    """An ONNX file in ONNX Runtime, on one thread."""
    onnxruntime = _require("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    def run(x: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(y) for y in session.run(None, {INPUT: x.numpy()}))

    return run


def _require(package: str) -> Any:
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        raise UsageError(f"The package {package} is missing: `pip install onnx onnxruntime`.") from error


def _tuple(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def _symbol_note(found: Sequence[tuple[Tensor, ...]], expected: Sequence[tuple[Tensor, ...]]) -> str:
    differ = sum(int((a[0] != b[0]).sum()) for a, b in zip(found, expected, strict=True))
    return f"{differ} of {sum(b[0].numel() for b in expected)} symbols differ"


def _depth_note(found: Sequence[tuple[Tensor, ...]], expected: Sequence[tuple[Tensor, ...]]) -> str:
    apart = max(float((a[0].log() - b[0].log()).abs().max()) for a, b in zip(found, expected, strict=True))
    return f"log depth differs by at most {apart:.1g}"
