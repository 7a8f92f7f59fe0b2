"""The evaluation: frames stream through every method, and only sums are kept.

A frame is the last one of a clip: what remembers may look at the two frames before.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from navisplit.evaluate.codecbench.context import Context
from navisplit.evaluate.codecbench.line_up import line_up
from navisplit.evaluate.codecbench.methods import Depth, Method, make, wire_bytes
from navisplit.evaluate.codecbench.scores import Scores, frame_sums
from navisplit.train.dataset import Batch, DepthData

STEPS = ("head", "encode", "decode", "tail")
PORTION = 16  # frames a worker takes at once
WARM_UP = 2


@dataclass(frozen=True)
class CodecBench:
    """All that defines a comparison."""

    data: Path
    models: str = "default"
    others: tuple[str, ...] = ()  # further branch sets, e.g. ``paper``
    methods: tuple[str, ...] = ()  # empty: the line-up
    split: str = "test"
    frames: int | None = None  # evenly spread over the split; None: the last frame of every clip
    timing_frames: int = 20

    def indices(self, data: DepthData) -> np.ndarray:
        """The clips whose last frames are measured."""
        count = data.clip_count if self.frames is None else min(self.frames, data.clip_count)
        return np.linspace(0, data.clip_count - 1, count).astype(np.int64)


@dataclass
class Table:
    """Methods and data, loaded once in each process."""

    bench: CodecBench
    context: Context
    methods: list[Method]
    data: DepthData = field(repr=False)

    @classmethod
    def load(cls, bench: CodecBench) -> Table:
        """From files; counts the baselines' tables on validation frames. Raises UsageError for unknown methods."""
        import torch

        torch.set_num_threads(1)
        context = Context.load(bench.models, bench.data, bench.others)
        names = bench.methods or tuple(line_up(context))
        return cls(bench, context, [make(name, context) for name in names], DepthData(bench.data, bench.split))

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Sums (frames, methods, SUMS + 1) of the last frames of some clips."""
        return np.stack([self._frame(self.data.clips(np.array([i]))) for i in indices])

    def _frame(self, clip: Batch) -> np.ndarray:
        """What methods have in common is computed once: heads of one key, tails of one key with equal symbols."""
        heads: dict[Any, Any] = {}
        tails: dict[Any, Depth] = {}
        rows = []
        for method in self.methods:
            method.see(clip)
            key = method.head_key or method
            features = heads[key] if key in heads else heads.setdefault(key, method.head(clip.rgb[-1]))
            slices = method.encode(features)
            received = method.decode(slices)
            same: Any = method if method.tail_key is None else (method.tail_key, received.tobytes())
            depth = tails[same] if same in tails else tails.setdefault(same, method.tail(received))
            rows.append(frame_sums(depth, clip.depth[-1], clip.segmentation[-1], wire_bytes(slices)))
        return np.stack(rows)

    def times(self) -> dict[str, np.ndarray]:
        """Thread CPU time in ms (frames, STEPS) of every method; methods take turns frame by frame."""
        spent: dict[str, list[list[float]]] = {m.name: [] for m in self.methods}
        for index in np.linspace(0, self.data.clip_count - 1, self.bench.timing_frames + WARM_UP).astype(np.int64):
            clip = self.data.clips(np.array([index]))
            for method in self.methods:
                method.see(clip)
                spent[method.name].append(_timed(method, clip.rgb[-1]))
        return {name: np.array(rows[WARM_UP:]) for name, rows in spent.items()}


def _timed(method: Method, rgb: np.ndarray) -> list[float]:
    """Milliseconds of the four steps, nothing shared."""
    value: Any = rgb
    spent = []
    for step in STEPS:
        call = getattr(method, step)
        started = time.thread_time_ns()
        value = call(value)
        spent.append((time.thread_time_ns() - started) * 1e-6)
    return spent


_table: Table | None = None  # of a worker process


def _start_worker(bench: CodecBench) -> None:
    global _table
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _table = Table.load(bench)


def _rows_in_worker(indices: np.ndarray) -> np.ndarray:
    if _table is None:
        raise RuntimeError("The worker was not started with _start_worker.")
    return _table.rows(indices)


def measure(
    table: Table, *, workers: int = 1, on_frames: Callable[[int, int], None] = lambda done, total: None
) -> Scores:
    """All frames through all methods; the same for any number of workers. Ctrl-C keeps the frames that are done."""
    indices = table.bench.indices(table.data)
    portions = [indices[i : i + PORTION] for i in range(0, len(indices), PORTION)]
    rows: list[np.ndarray] = []
    try:
        for part in _portions(table, portions, workers):
            rows.append(part)
            on_frames(sum(map(len, rows)), len(indices))
    except KeyboardInterrupt:
        if not rows:
            raise
    stacked = np.concatenate(rows)
    worlds = table.data.world_of_clip(indices[: len(stacked)])
    return Scores(tuple(m.name for m in table.methods), stacked, worlds)


def _portions(table: Table, portions: Sequence[np.ndarray], workers: int) -> Iterator[np.ndarray]:
    if workers == 1:
        yield from map(table.rows, portions)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, _start_worker, (table.bench,)) as pool:
        try:
            yield from pool.map(_rows_in_worker, portions)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
