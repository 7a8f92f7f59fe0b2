"""The report of an evaluation, or of a single flight: one HTML file that needs nothing else, also no network."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from navisplit.evaluate import page
from navisplit.evaluate.episode import Episode, Outcome
from navisplit.evaluate.metrics import wilson
from navisplit.evaluate.topdown import TopDown

WORST = 10


def write_report(
    episodes: Sequence[Episode],
    summary: dict[str, Any],
    out_dir: Path,
    maps: Mapping[str, TopDown] | None = None,
    title: str = "",
    more: str = "",
) -> Path:
    """Write ``report.html`` into a folder and return its path. ``episodes`` may be one flight, or none."""
    path = out_dir / "report.html"
    path.write_text(render_report(episodes, summary, maps, title, more), encoding="utf-8")
    return path


def render_report(
    episodes: Sequence[Episode],
    summary: dict[str, Any],
    maps: Mapping[str, TopDown] | None = None,
    title: str = "",
    more: str = "",
) -> str:
    """The HTML of a report; ``maps`` by the names of worlds, ``more``: sections before the table of flights."""
    from navisplit.evaluate import figures

    maps, several = maps or {}, len(episodes) > 1
    sections = [_facts(episodes, summary), _where(episodes, maps)]
    if several:
        sections.append(page.pair(*figures.difficulty(episodes)))
    sections.append(page.pair(figures.bytes_over_time(episodes), figures.branch_use(episodes)))
    sections.append(page.pair(figures.latency(episodes), figures.clearance(episodes)) if several
                    else page.figure(figures.latency(episodes)))  # fmt: skip
    pictured = [e for e in worst(episodes) if e.pictures]
    if pictured:
        name = "The worst flights" if several else "The end of the flight"
        sections.append(f"<h2>{name}</h2>" + "".join(_strip(e, maps.get(e.world)) for e in pictured))
    sections.append(more + "<h2>Flights</h2>" + _table(episodes))
    sections.append(f"<h2>Summary</h2><pre>{html.escape(json.dumps(summary, indent=1))}</pre>")
    return page.page(title or _title(episodes, summary), _subtitle(summary), "".join(sections))


def _where(episodes: Sequence[Episode], maps: Mapping[str, TopDown]) -> str:
    """Flights over the map of their world; a small map of each, and success by world, where there are several."""
    from navisplit.evaluate import figures

    worlds = sorted({e.world for e in episodes})
    if len(worlds) <= 1:
        return page.figure(figures.trajectories(episodes, maps.get(worlds[0]) if worlds else None), first=True)
    groups = {world: [e for e in episodes if e.world == world] for world in worlds}
    drawn = figures.success_by(episodes, list(groups.items()), "Success by world (Wilson 95 %)")
    cells = []
    for world, flown in groups.items():
        if world in maps:
            ends = [(e.positions(), figures.COLOURS[e.outcome]) for e in flown if len(e.samples) > 1]
            image = figures.inline(maps[world].overview(ends))
            reached = f"{sum(e.success for e in flown)} of {len(flown)}"
            cells.append(
                f"<figure><img alt='flights in {html.escape(world)}' src='{image}'>"
                f"<figcaption>{html.escape(world)}: {reached}</figcaption></figure>"
            )
    return page.figure(drawn, first=True) + f"<div class='maps'>{''.join(cells)}</div>"


def worst(episodes: Sequence[Episode], count: int = WORST) -> list[Episode]:
    """Flights that failed, then those that came nearest to something."""
    return sorted(episodes, key=lambda e: (e.success, e.metrics.clearance_min_m or 0.0, e.key))[:count]


def _title(episodes: Sequence[Episode], summary: dict[str, Any]) -> str:
    config = summary.get("config") or {}
    branch = (config.get("flight") or {}).get("branch", "")
    world = Path(str(config.get("world", ""))).stem
    if len(episodes) == 1:
        route = f" of route {episodes[0].route_id}" if episodes[0].route_id >= 0 else ""
        return f"Flight{route}{f' in {world}' if world else ''}, {branch}".strip(", ")
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
        facts.append(("SPL", page.number(summary.get("spl"), "{:.3f}")))
    facts.append(("bytes per frame", page.number(summary.get("bytes_per_frame"), "{:.0f}")))
    facts.append(("bytes per metre", page.number(summary.get("bytes_per_metre"), "{:.0f}")))
    ages = summary.get("latency_ms") or {}
    facts.append(("latency p50 / p95", " / ".join(page.number(ages.get(p), "{:.0f}") for p in ("p50", "p95")) + " ms"))
    return page.facts(facts)


def _strip(episode: Episode, top_down: TopDown | None) -> str:
    """The end of a flight: the map, and below each other what was seen, what was thought, and what was there."""
    from navisplit.evaluate.figures import inline

    m = episode.metrics
    near = page.number(m.clearance_min_m, "{:.2f} m")
    detail = "" if episode.outcome is Outcome.TIMEOUT else episode.detail
    text = (
        f"<p>{html.escape(_flight_name(episode))}: <b class='{episode.outcome.value}'>{episode.outcome.value}</b> "
        f"{html.escape(detail)} after {m.time_s:.1f} s, {m.goal_distance_m:.1f} m from the goal; "
        f"smallest clearance {near}.</p>"
    )
    cells = []
    if top_down is not None and len(episode.samples) > 1:
        crop = inline(top_down.crop(episode.positions(), episode.goal))
        cells.append(
            f"<figure><img class='map' alt='map' src='{crop}'><figcaption>24 m around the end</figcaption></figure>"
        )
    known = any(picture.truth_png for picture in episode.pictures)
    names = ["seen", "thought", "truth"][: 3 if known else 2]
    cells.append("<div class='names'>" + "".join(f"<div>{name}</div>" for name in names) + "</div>")
    for picture in episode.pictures:
        images = [
            f"<img alt='{name}' src='{inline(data, kind)}'>" if data else f"<div class='none'>{none}</div>"
            for name, data, kind, none in (
                ("what the drone saw", picture.rgb_jpeg, "jpeg", ""),
                ("what the edge thought", picture.depth_png, "png", "no answer"),
                ("what was there", picture.truth_png, "png", ""),
            )[: len(names)]
        ]
        caption = f"{picture.time_s:.1f} s {html.escape(picture.branch)}".strip()
        cells.append(f"<figure>{''.join(images)}<figcaption>{caption}</figcaption></figure>")
    return f"<div class='flight'>{text}<div class='strip'>{''.join(cells)}</div></div>"


def _flight_name(episode: Episode) -> str:
    return f"{episode.world}, route {episode.route_id}" if episode.world else f"Route {episode.route_id}"


def _table(episodes: Sequence[Episode]) -> str:
    columns = (
        ("time s", "time_s", "{:.1f}"), ("path m", "path_m", "{:.1f}"), ("shortest m", "shortest_m", "{:.1f}"),
        ("SPL", "spl", "{:.2f}"), ("mean m/s", "speed_mean_mps", "{:.2f}"), ("max m/s", "speed_max_mps", "{:.2f}"),
        ("clearance m", "clearance_min_m", "{:.2f}"), ("B/frame", "bytes_per_frame", "{:.0f}"),
        ("B/m", "bytes_per_metre", "{:.0f}"), ("p95 ms", "age_p95_ms", "{:.0f}"), ("stale", "stale_commands", "{:d}"),
        ("energy J", "energy_j", "{:.0f}"),
    )  # fmt: skip
    rows = [
        [html.escape(e.world), str(e.route_id), f"<span class='{e.outcome.value}'>{e.outcome.value}</span>"]
        + [page.number(getattr(e.metrics, name), form) for _, name, form in columns]
        for e in episodes
    ]
    return page.table(["world", "route", "outcome", *(c[0] for c in columns)], rows, left=3)
