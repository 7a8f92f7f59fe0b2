"""The section of a report on a recorded flight that was flown again: a table, a curve, and strips."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from navisplit.evaluate import page
from navisplit.evaluate.bags import Recording
from navisplit.evaluate.figures import inline, styled
from navisplit.evaluate.pictures import encode_depth, encode_rgb
from navisplit.evaluate.refly import Look, Truth, near_errors

SHOWN, APART = 8, 5  # frames in the strip, at least so many apart
COLUMNS = (
    ("answered", "answered", "{:d}"),
    ("compared", "compared", "{:d}"),
    ("B/frame", "bytes_per_frame", "{:.0f}"),
    ("near AbsRel", "near_abs_rel", "{:.3f}"),
    ("missed", "missed_rate", "{:.1%}"),
    ("of obstacles", "obstacles", "{:.0f}"),
    ("AbsRel", "abs_rel", "{:.3f}"),
    ("delta < 1.25", "delta125", "{:.1%}"),
    ("|log depth| from recorded", "log_depth_from_recorded", "{:.3f}"),
    ("command from recorded, p50 m/s", "command_from_recorded_p50_mps", "{:.2f}"),
)


def section(
    recording: Recording, looks: Mapping[str, Sequence[Look]], table: Sequence[dict[str, Any]], truth: Truth | None
) -> str:
    """HTML of what each way of seeing the recording gave; the first of ``looks`` is the recorded one."""
    rows = [[html.escape(row["name"]), *(page.number(row.get(key), form) for _, key, form in COLUMNS)] for row in table]
    note = (
        "The same pictures through other branches, the vehicle where it was recorded. Against the truth of the world "
        "as it stands (nothing that moves), over the frames that all answered; near: below 5 m."
        if truth is not None
        else "The same pictures through other branches. The world is not known here, so that there is no truth."
    )
    parts = [f"<h2>Flown again, open-loop</h2><p>{note}</p>", page.table(["seen by", *(c[0] for c in COLUMNS)], rows)]
    parts.append(page.figure(_over_time(recording, looks, truth)))
    return "".join(parts) + _strip(recording, looks, truth)


def _over_time(recording: Recording, looks: Mapping[str, Sequence[Look]], truth: Truth | None) -> go.Figure:
    figure, start_ns = go.Figure(), recording.frames[0].stamp_ns
    x = [(f.stamp_ns - start_ns) * 1e-9 for f in recording.frames]
    for name, seen in looks.items():
        y = near_errors(seen, truth) if truth is not None else np.array([look.bytes for look in seen], float)
        figure.add_scatter(x=x, y=y, name=name, mode="lines", line={"width": 1.4})
    figure.update_xaxes(title="seconds since the first picture")
    figure.update_yaxes(rangemode="tozero")
    return styled(figure, "AbsRel of depth below 5 m" if truth is not None else "Bytes of each frame")


def _strip(recording: Recording, looks: Mapping[str, Sequence[Look]], truth: Truth | None) -> str:
    """The frames on which the ways of seeing differ most, in order."""
    chosen = _most_different(list(looks.values()), truth)
    names = ["seen", *looks, *(["truth"] if truth is not None else [])]
    cells = ["<div class='names'>" + "".join(f"<div>{html.escape(name)}</div>" for name in names) + "</div>"]
    for number in chosen:
        frame = recording.frames[number]
        images = [f"<img alt='seen' src='{inline(encode_rgb(frame.rgb), 'jpeg')}'>"]
        for name, seen in looks.items():
            depth = seen[number].depth
            label = html.escape(f"{name}: {seen[number].branch or 'no'} depth")
            images.append(f"<div class='none'>{label}</div>" if depth is None else _depth(depth, label))
        if truth is not None:
            images.append(_depth(truth.depth[number], "truth"))
        caption = f"{(frame.stamp_ns - recording.frames[0].stamp_ns) * 1e-9:.1f} s"
        cells.append(f"<figure>{''.join(images)}<figcaption>{caption}</figcaption></figure>")
    return f"<h2>Where they differ most</h2><div class='flight'><div class='strip'>{''.join(cells)}</div></div>"


def _depth(depth: Any, label: str) -> str:
    return f"<img alt='{label}' src='{inline(encode_depth(depth))}'>"


def _most_different(looks: Sequence[Sequence[Look]], truth: Truth | None) -> list[int]:
    if truth is not None:
        errors = np.array([near_errors(seen, truth) for seen in looks])
        spread = np.nanmax(np.nan_to_num(errors, nan=-1.0), axis=0) - np.nanmin(np.nan_to_num(errors, nan=9.0), axis=0)
        spread[np.isfinite(errors).sum(axis=0) < 2] = -1.0
    else:
        spread = np.array([_apart([seen[i].depth for seen in looks]) for i in range(len(looks[0]))])
    chosen: list[int] = []
    for number in np.argsort(-spread, kind="stable"):
        if len(chosen) == SHOWN:
            break
        if all(abs(int(number) - other) >= APART for other in chosen):
            chosen.append(int(number))
    return sorted(chosen)


def _apart(depths: Sequence[Any]) -> float:
    known = [np.log(d) for d in depths if d is not None]
    return float(np.ptp(np.stack(known), axis=0).mean()) if len(known) > 1 else -1.0
