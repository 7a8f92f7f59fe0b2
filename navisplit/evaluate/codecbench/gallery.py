"""Frames side by side: what was there, and what each method made of it, with its bytes under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from navisplit.evaluate.codecbench.images import Image
from navisplit.evaluate.codecbench.methods import Method, wire_bytes
from navisplit.evaluate.codecbench.run import Table
from navisplit.evaluate.codecbench.scores import BYTES, SUMS, frame_sums
from navisplit.evaluate.codecbench.verdict import Judge
from navisplit.evaluate.pictures import encode_depth, encode_rgb

WORST, TYPICAL = 3, 2
_NEAR, _PIXELS = SUMS.index("near_relative"), SUMS.index("near_pixels")


@dataclass(frozen=True)
class Cell:
    """One picture: JPEG or PNG bytes and what stands under it."""

    image: bytes
    kind: str  # jpeg, png
    caption: str


@dataclass(frozen=True)
class Strip:
    """All pictures of a frame."""

    title: str
    cells: tuple[Cell, ...]


def strips(table: Table, judge: Judge) -> list[Strip]:
    """The worst near-range errors of our branch at a middle rate, and frames of the ordinary kind."""
    scores, own = judge.scores, sorted(judge.own, key=lambda i: judge.totals[0, i, BYTES])
    middle = own[len(own) // 2]
    rows = scores.rows[:, middle]
    seen = np.flatnonzero(rows[:, _PIXELS] >= 100)
    if not len(seen):
        return []
    order = seen[np.argsort(-(rows[seen, _NEAR] / rows[seen, _PIXELS]))]
    ordinary = order[(np.linspace(0.4, 0.6, TYPICAL) * (len(order) - 1)).astype(int)]
    chosen = [(i, "among the worst near-range errors") for i in order[:WORST]]
    chosen += [(i, "of the ordinary kind") for i in ordinary if i not in order[:WORST]]
    methods = _shown(table.methods, judge, own)
    indices = table.bench.indices(table.data)
    name = scores.methods[middle]
    return [_strip(table, int(indices[i]), f"Clip {indices[i]}, {why} of {name}", methods) for i, why in chosen]


def _shown(methods: Sequence[Method], judge: Judge, own: Sequence[int]) -> list[Method]:
    """Teacher, every branch, the paper's lightest, images at our middle bytes and at our quality, a depth map."""
    sizes, distortion = judge.totals[0, :, BYTES], judge.distortion("near_abs_rel")[0]
    middle = own[len(own) // 2]
    chosen = [*judge.members("teacher"), *own]
    chosen += sorted(judge.members("branch", foreign=True), key=lambda i: sizes[i])[:1]
    for family in ("jpeg", "webp", "avif", "map"):
        members = np.array(judge.members(family), int)
        if not len(members):
            continue
        apart = np.abs(np.log(sizes[members] / sizes[middle]))
        equal = members[apart <= max(apart.min(), np.log(1.3))]
        chosen.append(int(equal[np.argmin(distortion[equal])]))  # the best of those with about our bytes
        good = [int(i) for i in members if distortion[i] <= distortion[own[0]]]
        if good and family != "map":
            chosen.append(min(good, key=lambda i: sizes[i]))
    return [methods[i] for i in dict.fromkeys(chosen)]


def _strip(table: Table, index: int, title: str, methods: Sequence[Method]) -> Strip:
    clip = table.data.clips(np.array([index]))
    rgb, true = clip.rgb[-1], clip.depth[-1]
    cells = [Cell(encode_rgb(rgb), "jpeg", "picture"), Cell(encode_depth(true), "png", "true depth")]
    for method in methods:
        method.see(clip)
        slices = method.encode(method.head(rgb))
        received = method.decode(slices)
        depth = method.tail(received)
        sums = frame_sums(depth, true, clip.segmentation[-1], wire_bytes(slices))
        near = f"near {sums[_NEAR] / sums[_PIXELS]:.2f}" if sums[_PIXELS] else "nothing near"
        if isinstance(method, Image):
            cells.append(Cell(encode_rgb(received, 90), "jpeg", f"{method.name}, {wire_bytes(slices)} B"))
        cells.append(Cell(encode_depth(depth), "png", f"{method.name}, {wire_bytes(slices)} B, {near}"))
    return Strip(title, tuple(cells))
