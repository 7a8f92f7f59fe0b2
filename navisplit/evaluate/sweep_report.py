"""The report of a sweep: curves with their intervals, success against bytes, pairs, and links to every point."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from navisplit.errors import UsageError
from navisplit.evaluate import page
from navisplit.evaluate.arms import Arm
from navisplit.evaluate.compare import compare_all
from navisplit.evaluate.figures import styled
from navisplit.evaluate.sweep import position

PALETTE = ("#1f4e79", "#c0392b", "#2b7a4b", "#d68910", "#8e44ad", "#16a085", "#7f5539", "#444444")
CURVES = (
    ("success_rate", "Success (bands: Wilson 95 %)", ".0%", True),
    ("collision_rate", "Collisions", ".0%", True),
    ("spl", "SPL", ".2f", True),
    ("bytes_per_metre", "Bytes a metre", ".0f", False),
    ("time_to_goal_p50_s", "Median time to the goal, s (flights that got there)", ".1f", False),
    ("age_p95_ms", "Age of a frame when its command is flown, p95, ms", ".0f", False),
)  # fmt: skip
Rows = Sequence[dict[str, Any]]


def render_sweep(table: dict[str, Any], folders: Sequence[Path]) -> str:
    """The HTML of a sweep's report."""
    rows, axes = table["points"], table["axes"]
    if not rows:
        return page.page("A sweep", "no point was flown", "")
    drawn = [curve(rows, axes, name, title, form, share) for name, title, form, share in CURVES]
    drawn.append(pareto(rows))
    body = page.figure(drawn[0], first=True)
    body += "".join(page.pair(drawn[i], drawn[i + 1]) for i in range(1, len(drawn) - 1, 2))
    body += _table(rows) + _pairs(rows, axes, folders)
    episodes = sum(row["episodes"] for row in rows)
    return page.page(f"Success against {axes[0]}", f"{len(rows)} evaluations, {episodes} flights", body)


def series_of(rows: Rows, axes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of each curve, by what the other axes say, in the order of the first axis."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(", ".join(f"{a}={row['values'][a]}" for a in axes[1:]), []).append(row)
    return found


def curve(rows: Rows, axes: Sequence[str], name: str, title: str, form: str, share: bool) -> go.Figure:
    """A figure along the first axis, a line for each combination of the others."""
    figure, axis = go.Figure(), axes[0]
    numbers = [position(axis, row["values"][axis]) for row in rows]
    numeric = None not in numbers
    for (label, points), colour in zip(series_of(rows, axes).items(), PALETTE * len(rows), strict=False):
        known = [p for p in points if p[name] is not None]
        if numeric:
            known.sort(key=lambda p: position(axis, p["values"][axis]) or 0.0)
        x = [position(axis, p["values"][axis]) if numeric else p["values"][axis] for p in known]
        if name == "success_rate":
            low, high = ([p["success_ci95"][i] for p in known] for i in (0, 1))
            figure.add_scatter(x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="none", hoverinfo="skip",
                               fillcolor=_faint(colour), showlegend=False)  # fmt: skip
        text = [f"{p['name']}: {p[name]:{form}}, {p['successes']} of {p['episodes']} reached the goal" for p in known]
        figure.add_scatter(x=x, y=[p[name] for p in known], mode="lines+markers", name=label or title, text=text,
                           hoverinfo="text", line={"color": colour}, showlegend=bool(label))  # fmt: skip
    figure.update_xaxes(title=_axis_title(axis))
    if numeric and min(n for n in numbers if n is not None) > 0 and axis == "bandwidth":
        figure.update_xaxes(type="log")
    figure.update_yaxes(tickformat=form, rangemode="tozero", range=[0, 1.02] if share else None)
    return styled(figure, title, 420 if name == "success_rate" else 340)


def pareto(rows: Rows) -> go.Figure:
    """Success against bytes of every point."""
    known = [r for r in rows if r["bytes_per_frame"] and r["success_rate"] is not None]
    low, high = ([abs(r["success_ci95"][i] - r["success_rate"]) for r in known] for i in (0, 1))
    figure = go.Figure()
    figure.add_scatter(
        x=[r["bytes_per_frame"] for r in known], y=[r["success_rate"] for r in known], mode="markers",
        text=[r["name"] for r in known], hoverinfo="text", marker={"color": PALETTE[0], "size": 8},
        error_y={"type": "data", "symmetric": False, "array": high, "arrayminus": low, "color": "#999"},
    )  # fmt: skip
    figure.update_xaxes(title="bytes a frame (packets whole)", type="log")
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return styled(figure, "Success against bytes", 340)


def _faint(colour: str) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red}, {green}, {blue}, 0.14)"


def _axis_title(axis: str) -> str:
    units = {"speed": "cruise speed, m/s", "bandwidth": "bandwidth, bit/s", "latency": "latency, s",
             "jitter": "jitter, s", "burst": "fades, s", "loss": "packets lost"}  # fmt: skip
    return units.get(axis, axis)


def _table(rows: Rows) -> str:
    cells = []
    for row in rows:
        low, high = row["success_ci95"]
        link = f"<a href='{html.escape(row['folder'])}/report.html'>{html.escape(row['name'])}</a>"
        cells.append([
            link, f"{row['successes']} of {row['episodes']}", page.number(row["success_rate"], "{:.1%}"),
            f"{low:.1%} – {high:.1%}", page.number(row["collision_rate"], "{:.1%}"), page.number(row["spl"], "{:.2f}"),
            page.number(row["bytes_per_frame"], "{:.0f}"), page.number(row["bytes_per_metre"], "{:.0f}"),
            page.number(row["time_to_goal_p50_s"], "{:.1f}"), page.number(row["age_p95_ms"], "{:.0f}"),
            str(row["lost_packets"]),
        ])  # fmt: skip
    columns = ["point", "reached", "success", "95 %", "collisions", "SPL", "B/frame", "B/m", "time s", "p95 ms", "lost"]
    return "<h2>Points</h2>" + page.table(columns, cells)


def _pairs(rows: Rows, axes: Sequence[str], folders: Sequence[Path]) -> str:
    """What the pairs say: curves against the last one at each value; with one curve, its points against the first."""
    by_name = {row["name"]: folder for row, folder in zip(rows, folders, strict=True)}
    if len(axes) > 1:
        values = dict.fromkeys(row["values"][axes[0]] for row in rows)
        groups = [[row for row in rows if row["values"][axes[0]] == value] for value in values]
    else:
        groups = [[*rows[1:], rows[0]]]
    texts = []
    for group in groups:
        arms = [Arm.load(by_name[row["name"]]).named(row["name"]) for row in group]
        try:
            told = compare_all(arms) if len(arms) > 1 else []
            texts += [
                f"<b>{html.escape(c.a)} against {html.escape(c.b)}.</b> {html.escape(c.conclusion)}" for c in told
            ]
        except UsageError as error:  # other worlds: there are no pairs
            texts.append(html.escape(f"Not paired: {error}"))
            break
    return "<h2>Paired comparisons</h2>" + "".join(f"<p>{text}</p>" for text in texts) if texts else ""
