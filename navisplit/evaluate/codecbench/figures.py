"""The plots of the codec report (plotly): rate-distortion, and encoder size x rate against distortion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from navisplit.evaluate.codecbench.methods import Method
from navisplit.evaluate.codecbench.scores import BYTES, interval
from navisplit.evaluate.codecbench.verdict import Judge

AXES = {
    "near_abs_rel": "AbsRel below 5 m",
    "delta125": "share of pixels with delta < 1.25",
    "missed_rate": "missed obstacles",
}
PARAMETER_BYTES = 4.0  # float32
_COLOURS = {
    "branch": "#c0392b", "alone": "#e8a29a", "trim": "#d35400", "loss": "#16a085",
    "paper": "#8e44ad", "teacher": "#222222",
    "float32": "#888888", "features8": "#aaaaaa",
    "uniform-context": "#0b3d66",
    "uniform-channel": "#1f77b4", "uniform-dense": "#6fa8dc", "uniform-zstd": "#76c7c0", "crbq": "#d68910",
    "jpeg": "#7f6a4f", "webp": "#2b7a4b", "avif": "#8fbc5a", "map": "#e377c2",
}  # fmt: skip


def groups(methods: Sequence[Method]) -> dict[str, list[int]]:
    """Lines of the plots: families, but another branch set and each network on board are lines of their own."""
    found: dict[str, list[int]] = {}
    for i, method in enumerate(methods):
        key, _, argument = method.name.partition(":")
        if "/" in argument and key in ("branch", "map"):
            owner = argument.partition("/")[0]
            key = owner if key == "branch" else f"map of {owner}"
        found.setdefault(key, []).append(i)
    return found


def rate_distortion(judge: Judge, methods: Sequence[Method], measure: str) -> go.Figure:
    """A measure against the mean bytes on the wire; our branches with 95 % intervals."""
    figure = go.Figure()
    values, sizes = judge.figures[measure][0], judge.totals[0, :, BYTES]
    for key, members in groups(methods).items():
        order = sorted(members, key=lambda i: sizes[i])
        figure.add_scatter(x=sizes[order], y=values[order], **_style(key, [methods[i].name for i in order]),
                           error_y=_errors(judge, measure, order) if key == "branch" else None)  # fmt: skip
    if "teacher" in judge.index:
        level = float(values[judge.index["teacher"]])
        figure.add_hline(y=level, line={"dash": "dot", "color": "#222", "width": 1}, annotation_text="teacher")
    figure.update_xaxes(type="log", title="bytes on the wire a frame, mean")
    _bound(figure, values, measure)
    return _styled(figure, f"{AXES[measure]} against bytes", legend=measure == "near_abs_rel")


def encoder_rate(judge: Judge, methods: Sequence[Method], measure: str) -> go.Figure:
    """SC2's ExR-D: encoder size (bytes of float32 weights) x bytes a frame; codecs without weights are left out."""
    figure = go.Figure()
    values, sizes = judge.figures[measure][0], judge.totals[0, :, BYTES]
    product = sizes * np.array([PARAMETER_BYTES * m.cost.parameters for m in methods])
    for key, members in groups(methods).items():
        order = sorted((i for i in members if product[i] > 0), key=lambda i: product[i])
        if order:
            names = [methods[i].name for i in order]
            figure.add_scatter(x=product[order], y=values[order], **_style(key, names))
    figure.update_xaxes(type="log", title="encoder bytes x bytes a frame")
    _bound(figure, values, measure)
    return _styled(figure, f"ExR-D: {AXES[measure]}")


def _errors(judge: Judge, measure: str, order: Sequence[int]) -> dict[str, Any]:
    values = judge.figures[measure]
    bounds = np.array([interval(values[1:, i]) for i in order])
    middle = values[0, order]
    return {"type": "data", "symmetric": False, "array": bounds[:, 1] - middle, "arrayminus": middle - bounds[:, 0]}


def _style(key: str, names: Sequence[str]) -> dict[str, Any]:
    ours = key == "branch"
    map_ = key.startswith("map")
    colour = _COLOURS.get(key, _COLOURS["map" if map_ else "paper"])
    return {
        "mode": "lines+markers",
        "name": "our branches" if ours else key,
        "text": list(names),
        "hovertemplate": "%{text}: %{y:.3f} at %{x:.0f}<extra></extra>",
        "line": {"color": colour, "width": 3.0 if ours else 1.2, "dash": "dot" if map_ else "solid"},
        "marker": {"size": 9 if ours else 5, "symbol": "star" if key == "teacher" else "x" if map_ else "circle"},
    }


def _bound(figure: go.Figure, values: np.ndarray, measure: str) -> None:
    """Settings that destroy the picture would press all others together: the axis ends at twice the median."""
    title = {"title": AXES[measure]}
    if measure == "near_abs_rel":
        low, middle = np.nanmin(values), np.nanmedian(values)
        figure.update_yaxes(range=[0.9 * low, 2.0 * middle], **title)
    else:
        figure.update_yaxes(**title)


def _styled(figure: go.Figure, title: str, *, legend: bool = False) -> go.Figure:
    return figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        template="plotly_white",
        height=430,
        margin={"l": 55, "r": 15, "t": 45, "b": 50},
        font={"family": "system-ui, sans-serif", "size": 12},
        showlegend=legend,
        legend={"font": {"size": 11}},
    )
