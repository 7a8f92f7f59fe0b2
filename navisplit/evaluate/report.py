"""The report of an evaluation, or of a single flight: one HTML file that needs nothing else, also no network."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from navisplit.evaluate.episode import Episode, Outcome
from navisplit.evaluate.metrics import wilson
from navisplit.evaluate.topdown import TopDown

WORST = 10

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.15em; margin-top: 2em; }
.sub, figcaption, td, th { color: #555; } .sub { margin-top: 0; }
.facts { display: flex; flex-wrap: wrap; gap: .8em; margin: 1.2em 0; }
.facts div { background: #f4f5f2; border-radius: 6px; padding: .6em 1em; min-width: 8em; }
.facts b { display: block; font-size: 1.35em; font-weight: 600; color: #222; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1em; } .pair > div { min-width: 0; }
.flight { border-top: 1px solid #ddd; padding: .8em 0; } .flight p { margin: .2em 0 .5em; }
.strip { display: flex; gap: 4px; align-items: flex-start; overflow-x: auto; }
.strip figure { margin: 0; } .strip img { display: block; width: 146px; margin-bottom: 3px; }
.strip img.map { width: 168px; } .strip figcaption { font-size: 12px; }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: 2px 10px 2px 0; text-align: right; }
td.left, th.left { text-align: left; } .scroll { max-height: 480px; overflow: auto; }
pre { background: #f4f5f2; padding: 1em; overflow: auto; font-size: 12px; }
.success { color: #2b7a4b; } .collision, .error { color: #c0392b; } .timeout { color: #b9770e; }
.failsafe { color: #2471a3; } .out_of_bounds { color: #8e44ad; }
@media (max-width: 800px) { .pair { grid-template-columns: 1fr; } }
"""


def write_report(
    episodes: Sequence[Episode],
    summary: dict[str, Any],
    out_dir: Path,
    top_down: TopDown | None = None,
    title: str = "",
) -> Path:
    """Write ``report.html`` into a folder and return its path. ``episodes`` may be one flight, or none."""
    path = out_dir / "report.html"
    path.write_text(render_report(episodes, summary, top_down, title), encoding="utf-8")
    return path


def render_report(
    episodes: Sequence[Episode], summary: dict[str, Any], top_down: TopDown | None = None, title: str = ""
) -> str:
    """The HTML of a report; plotly's script is in it once."""
    from navisplit.evaluate import figures

    title = title or _title(episodes, summary)
    several = len(episodes) > 1
    sections = [_figure(figures.trajectories(episodes, top_down), first=True)]
    if several:
        sections.append(_pair(*figures.difficulty(episodes)))
    sections.append(_pair(figures.bytes_over_time(episodes), figures.branch_use(episodes)))
    sections.append(_pair(figures.latency(episodes), figures.clearance(episodes)) if several
                    else _figure(figures.latency(episodes)))  # fmt: skip
    pictured = [e for e in worst(episodes) if e.pictures]
    if pictured:
        name = "The worst flights" if several else "The end of the flight"
        sections.append(f"<h2>{name}</h2>" + "".join(_strip(e, top_down) for e in pictured))
    sections.append("<h2>Flights</h2>" + _table(episodes))
    sections.append(f"<h2>Summary</h2><pre>{html.escape(json.dumps(summary, indent=1))}</pre>")
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>"
        f"<h1>{html.escape(title)}</h1><p class='sub'>{html.escape(_subtitle(summary))}</p>{_facts(episodes, summary)}"
        f"{''.join(sections)}</body></html>\n"
    )


def worst(episodes: Sequence[Episode], count: int = WORST) -> list[Episode]:
    """Flights that failed, then those that came nearest to something."""
    return sorted(episodes, key=lambda e: (e.success, e.metrics.clearance_min_m or 0.0, e.route_id))[:count]


def _title(episodes: Sequence[Episode], summary: dict[str, Any]) -> str:
    config = summary.get("config") or {}
    branch = (config.get("flight") or {}).get("branch", "")
    world = Path(str(config.get("world", ""))).stem
    if len(episodes) == 1:
        return f"Flight of route {episodes[0].route_id} in {world}, {branch}".strip(", ")
    return f"{len(episodes)} flights in {world}, {branch}".strip(", ")


def _subtitle(summary: dict[str, Any]) -> str:
    flight = (summary.get("config") or {}).get("flight") or {}
    policy = flight.get("policy") or {}
    parts = [
        f"policy {policy['name']} at {policy['speed_mps']:g} m/s" if policy else "",
        f"link {flight['link']}" if flight.get("link") else "",
        f"models {flight.get('models')} {summary['model_hash']}" if summary.get("model_hash") else "",
        f"seeds {', '.join(map(str, summary.get('seeds') or []))}",
        f"commit {summary['git'][:10]}" if summary.get("git") else "",
    ]
    return " · ".join(p for p in parts if p)


def _facts(episodes: Sequence[Episode], summary: dict[str, Any]) -> str:
    facts: list[tuple[str, str]] = []
    if len(episodes) == 1:
        m = episodes[0].metrics
        facts += [("outcome", episodes[0].outcome.value), ("time", f"{m.time_s:.1f} s"), ("path", f"{m.path_m:.1f} m")]
        facts += [("mean / max speed", f"{m.speed_mean_mps:.1f} / {m.speed_max_mps:.1f} m/s")]
    else:
        k, n = sum(e.success for e in episodes), len(episodes)
        low, high = wilson(k, n)
        facts.append((f"success, {k} of {n}", f"{k / n:.1%}" if n else "–"))
        facts.append(("95 % interval (Wilson)", f"{low:.1%} – {high:.1%}"))
        for outcome, count in Counter(e.outcome for e in episodes).items():
            if outcome is not Outcome.SUCCESS:
                facts.append((outcome.value.replace("_", " "), str(count)))
        facts.append(("SPL", _number(summary.get("spl"), "{:.3f}")))
    facts.append(("bytes per frame", _number(summary.get("bytes_per_frame"), "{:.0f}")))
    facts.append(("bytes per metre", _number(summary.get("bytes_per_metre"), "{:.0f}")))
    ages = summary.get("latency_ms") or {}
    facts.append(("latency p50 / p95", " / ".join(_number(ages.get(p), "{:.0f}") for p in ("p50", "p95")) + " ms"))
    return (
        "<div class='facts'>"
        + "".join(f"<div><b>{html.escape(v)}</b>{html.escape(k)}</div>" for k, v in facts)
        + "</div>"
    )


def _strip(episode: Episode, top_down: TopDown | None) -> str:
    from navisplit.evaluate.figures import inline

    m = episode.metrics
    near = _number(m.clearance_min_m, "{:.2f} m")
    text = (
        f"<p>Route {episode.route_id}: <b class='{episode.outcome.value}'>{episode.outcome.value}</b> "
        f"{html.escape(episode.detail)} after {m.time_s:.1f} s, {m.goal_distance_m:.1f} m from the goal; "
        f"smallest clearance {near}.</p>"
    )
    cells = []
    if top_down is not None and len(episode.samples) > 1:
        crop = inline(top_down.crop(episode.positions(), episode.goal))
        cells.append(
            f"<figure><img class='map' alt='map' src='{crop}'><figcaption>24 m around the end</figcaption></figure>"
        )
    for picture in episode.pictures:
        images = ""
        if picture.rgb_jpeg:
            images += f"<img alt='what the drone saw' src='{inline(picture.rgb_jpeg, 'jpeg')}'>"
        if picture.depth_png:
            images += f"<img alt='what the edge thought' src='{inline(picture.depth_png)}'>"
        cells.append(f"<figure>{images}<figcaption>{picture.time_s:.1f} s</figcaption></figure>")
    return f"<div class='flight'>{text}<div class='strip'>{''.join(cells)}</div></div>"


def _table(episodes: Sequence[Episode]) -> str:
    columns = (
        ("time s", "time_s", "{:.1f}"), ("path m", "path_m", "{:.1f}"), ("shortest m", "shortest_m", "{:.1f}"),
        ("SPL", "spl", "{:.2f}"), ("mean m/s", "speed_mean_mps", "{:.2f}"), ("max m/s", "speed_max_mps", "{:.2f}"),
        ("clearance m", "clearance_min_m", "{:.2f}"), ("B/frame", "bytes_per_frame", "{:.0f}"),
        ("B/m", "bytes_per_metre", "{:.0f}"), ("p95 ms", "age_p95_ms", "{:.0f}"), ("stale", "stale_commands", "{:d}"),
        ("energy J", "energy_j", "{:.0f}"),
    )  # fmt: skip
    head = "<tr><th>route</th><th class='left'>outcome</th>" + "".join(f"<th>{c[0]}</th>" for c in columns) + "</tr>"
    rows = []
    for e in episodes:
        cells = "".join(f"<td>{_number(getattr(e.metrics, name), form)}</td>" for _, name, form in columns)
        rows.append(f"<tr><td>{e.route_id}</td><td class='left {e.outcome.value}'>{e.outcome.value}</td>{cells}</tr>")
    return f"<div class='scroll'><table>{head}{''.join(rows)}</table></div>"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _figure(figure: Any, *, first: bool = False) -> str:
    from plotly.io import to_html

    return to_html(
        figure,
        include_plotlyjs=first,
        full_html=False,
        config={"displaylogo": False, "displayModeBar": first, "responsive": True},
    )


def _pair(left: Any, right: Any) -> str:
    return f"<div class='pair'><div>{_figure(left)}</div><div>{_figure(right)}</div></div>"
