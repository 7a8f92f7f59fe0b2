"""The figures of a report (plotly). Every one takes the episodes and says in its title what is drawn."""

from __future__ import annotations

import base64
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from navisplit.evaluate.episode import Episode, Outcome
from navisplit.evaluate.metrics import wilson
from navisplit.evaluate.pictures import encode_png
from navisplit.evaluate.topdown import TopDown

COLOURS = {
    Outcome.SUCCESS: "#2b7a4b",
    Outcome.COLLISION: "#c0392b",
    Outcome.TIMEOUT: "#d68910",
    Outcome.OUT_OF_BOUNDS: "#8e44ad",
    Outcome.FAILSAFE: "#2471a3",
    Outcome.ERROR: "#222222",
}
LINES = 12  # up to so many flights are drawn one by one, more as mean and range


def inline(image: bytes, kind: str = "png") -> str:
    """A data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def trajectories(episodes: Sequence[Episode], top_down: TopDown | None) -> go.Figure:
    """Flights over the map, coloured by outcome."""
    figure = go.Figure()
    if top_down is not None:
        west, east, south, north = top_down.extent
        figure.add_layout_image(
            source=inline(encode_png(top_down.picture())), xref="x", yref="y", x=west, y=north, sizex=east - west,
            sizey=north - south, sizing="stretch", layer="below",
        )  # fmt: skip
        figure.update_xaxes(range=[west, east]).update_yaxes(range=[south, north])
    every = 1 if len(episodes) <= LINES else 3
    for outcome, colour in COLOURS.items():
        chosen = [e for e in episodes if e.outcome is outcome and e.samples]
        x, y, text = [], [], []
        for e in chosen:
            for s in [*e.samples[::every], e.samples[-1]]:
                x.append(round(s.position[0], 2))
                y.append(round(s.position[1], 2))
                text.append(f"route {e.route_id}, {s.time_s:.1f} s, z {s.position[2]:.1f} m, {s.branch}")
            x.append(None), y.append(None), text.append(None)
        if chosen:
            figure.add_scatter(x=x, y=y, text=text, hoverinfo="text", mode="lines", name=outcome.value,
                               line={"color": colour, "width": 1.6 if outcome is Outcome.SUCCESS else 2.6})  # fmt: skip
    ends = [(e.start, "start", "circle-open") for e in episodes] + [(e.goal, "goal", "star") for e in episodes]
    for label, symbol in (("start", "circle-open"), ("goal", "star")):
        points = [p for p, name, _ in ends if name == label]
        figure.add_scatter(x=[p[0] for p in points], y=[p[1] for p in points], mode="markers", name=label,
                           marker={"symbol": symbol, "color": "#333", "size": 7}, hoverinfo="skip")  # fmt: skip
    lines = {"gridcolor": "rgba(0, 0, 0, 0.07)", "zeroline": False, "constrain": "domain"}  # white ones hide the map
    figure.update_yaxes(scaleanchor="x", title="north, m", **lines).update_xaxes(title="east, m", **lines)
    return styled(figure, "Flights over the map (darker: higher obstacles)", 640)


def success_by(episodes: Sequence[Episode], bins: Sequence[tuple[str, Sequence[Episode]]], title: str) -> go.Figure:
    """Success with Wilson intervals in bins (label, episodes)."""
    bins = [(label, group) for label, group in bins if group]
    rates, above, below, labels = [], [], [], []
    for label, group in bins:
        k, n = sum(e.success for e in group), len(group)
        low, high = wilson(k, n)
        rates.append(k / n), above.append(high - k / n), below.append(k / n - low), labels.append(f"{label}<br>n = {n}")
    error = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": "#333"}
    figure = go.Figure(go.Bar(x=labels, y=rates, error_y=error, marker_color="#6aa884", width=0.5))
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return styled(figure, title)


def difficulty(episodes: Sequence[Episode]) -> list[go.Figure]:
    """Success by how hard (where all routes say so) or how crowded the way is, and how long, in thirds."""
    crowded = _thirds(episodes, [e.metrics.crowding or 0.0 for e in episodes], "{:.0%} – {:.0%}")
    length = _thirds(episodes, [e.metrics.shortest_m for e in episodes], "{:.0f} – {:.0f} m")
    rated = [e.metrics.difficulty for e in episodes if e.metrics.difficulty is not None]
    if len(rated) == len(episodes):
        hard = success_by(episodes, _thirds(episodes, rated, "{:.2f} – {:.2f}"), "Success by the route's difficulty")
    else:
        hard = success_by(episodes, crowded, "Success by crowding (share of the straight line with < 1 m around it)")
    return [
        hard,
        success_by(episodes, length, "Success by the route's length"),
    ]


def bytes_over_time(episodes: Sequence[Episode]) -> go.Figure:
    """Bytes per second on the uplink."""
    figure = go.Figure()
    series = {e.key: _per_second(e) for e in episodes if e.samples}
    if len(series) <= LINES:
        several = len({world for world, _, _ in series}) > 1
        for (world, route, _), rates in series.items():
            name = f"{world} {route}" if several else f"route {route}"
            figure.add_scatter(y=rates, name=name, mode="lines", line={"width": 1.4})
    elif series:
        longest = max(map(len, series.values()))
        table = np.full((len(series), longest), np.nan)
        for row, rates in zip(table, series.values(), strict=True):
            row[: len(rates)] = rates
        flying = np.isfinite(table).sum(axis=0) >= 3
        table = table[:, flying]
        low, mean, high = (
            np.nanpercentile(table, 5, axis=0),
            np.nanmean(table, axis=0),
            np.nanpercentile(table, 95, axis=0),
        )
        seconds = np.arange(len(mean))
        figure.add_scatter(x=seconds, y=high, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip")
        figure.add_scatter(x=seconds, y=low, mode="lines", line={"width": 0}, fill="tonexty", name="5 – 95 %")
        figure.add_scatter(x=seconds, y=mean, mode="lines", name="mean", line={"color": "#1f4e79"})
    figure.update_yaxes(title="bytes per second", rangemode="tozero").update_xaxes(title="seconds since the start")
    return styled(figure, "Bytes over time (uplink, headers included)")


def branch_use(episodes: Sequence[Episode]) -> go.Figure:
    """Share of frames by branch, and the bytes it spent."""
    frames: dict[str, int] = defaultdict(int)
    spent: dict[str, int] = defaultdict(int)
    for sample in (s for e in episodes for s in e.samples):
        frames[sample.branch] += 1
        spent[sample.branch] += sample.bytes
    names = sorted(frames)
    total, sent = sum(frames.values()) or 1, sum(spent.values()) or 1
    figure = go.Figure()
    figure.add_bar(x=names, y=[frames[n] / total for n in names], name="of frames", marker_color="#7f9fc4")
    figure.add_bar(x=names, y=[spent[n] / sent for n in names], name="of bytes", marker_color="#d0a36a")
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return styled(figure, "Branch use")


def latency(episodes: Sequence[Episode]) -> go.Figure:
    """From capture to the first command flown on the frame."""
    values = np.array([s.latency_ms for e in episodes for s in e.samples])
    values = values[np.isfinite(values)]
    figure = go.Figure()
    if values.size:  # counted here: a report of thousands of flights must not carry every frame
        counts, edges = np.histogram(values, bins=40)
        figure.add_bar(x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges), marker_color="#7f9fc4")
    figure.update_xaxes(title="ms").update_yaxes(title="frames")
    return styled(figure, "Age of a frame when its command is flown")


def clearance(episodes: Sequence[Episode]) -> go.Figure:
    """Smallest distance from the body to anything, flight by flight."""
    figure = go.Figure()
    for label, colour, chosen in (
        ("success", COLOURS[Outcome.SUCCESS], [e for e in episodes if e.success]),
        ("not", COLOURS[Outcome.COLLISION], [e for e in episodes if not e.success]),
    ):
        values = [e.metrics.clearance_min_m for e in chosen if e.metrics.clearance_min_m is not None]
        if values:
            figure.add_histogram(x=values, name=label, marker_color=colour, xbins={"start": 0, "size": 0.1})
    figure.update_layout(barmode="stack")
    step = max(1, math.ceil(len(episodes) / 8)) if len(episodes) <= 16 else None  # no half flights
    figure.update_xaxes(title="m").update_yaxes(title="flights", dtick=step)
    return styled(figure, "Smallest clearance of a flight (body surface to nearest surface)")


def _per_second(episode: Episode) -> np.ndarray:
    times = np.array([s.time_s for s in episode.samples]).astype(int)
    whole = times < times[-1] if times[-1] > 0 else np.ones(len(times), bool)  # the last second is not complete
    return np.bincount(times[whole], [s.bytes for s, w in zip(episode.samples, whole, strict=True) if w])


def _thirds(episodes: Sequence[Episode], values: Sequence[float], label: str) -> list[tuple[str, list[Episode]]]:
    """Three bins of about equal size; fewer where many values are equal, one below 6 episodes."""
    array = np.asarray(values, float)
    if not len(array):
        return []
    edges = np.unique(np.percentile(array, [0, 100 / 3, 200 / 3, 100] if len(array) >= 6 else [0, 100]))
    if len(edges) == 1:
        return [(label.format(edges[0], edges[0]), list(episodes))]
    which = np.clip(np.searchsorted(edges, array, side="right") - 1, 0, len(edges) - 2)
    return [
        (label.format(edges[b], edges[b + 1]), [e for e, w in zip(episodes, which, strict=True) if w == b])
        for b in range(len(edges) - 1)
    ]


def styled(figure: go.Figure, title: str, height: int = 360) -> go.Figure:
    """The look of all figures."""
    style: dict[str, Any] = {
        "title": {"text": title, "font": {"size": 15}},
        "template": "plotly_white",
        "height": height,
        "margin": {"l": 55, "r": 15, "t": 45, "b": 50},
        "font": {"family": "system-ui, sans-serif", "size": 12},
    }
    return figure.update_layout(**style)
