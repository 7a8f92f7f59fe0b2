"""``codec.csv``, ``summary.json`` and ``report.html`` of a benchmark."""

from __future__ import annotations

import csv
import html
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from navisplit.evaluate.codecbench.by_family import by_family
from navisplit.evaluate.codecbench.by_family import section as by_family_section
from navisplit.evaluate.codecbench.gallery import Strip, strips
from navisplit.evaluate.codecbench.methods import Method
from navisplit.evaluate.codecbench.run import STEPS, Table
from navisplit.evaluate.codecbench.scores import FIGURES, RESAMPLES, Scores, interval
from navisplit.evaluate.codecbench.verdict import Finding, Judge, overall
from navisplit.evaluate.figures import inline

CSV_FILE, SUMMARY_FILE, REPORT_FILE = "codec.csv", "summary.json", "report.html"
WITH_INTERVAL = ("near_abs_rel", "delta125", "missed_rate")

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.15em; margin-top: 2em; } h3 { font-size: 1em; }
.sub, figcaption, td, th { color: #555; } .sub { margin-top: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1em; } .pair > div { min-width: 0; }
.strip { display: flex; gap: 6px; align-items: flex-start; flex-wrap: wrap; }
.strip figure { margin: 0; width: 168px; } .strip img { display: block; width: 168px; height: 95px; }
.strip figcaption { font-size: 11.5px; line-height: 1.3; margin: 2px 0 6px; }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: 2px 9px 2px 0; text-align: right; }
td.left, th.left { text-align: left; } tr.ours td { color: #222; font-weight: 600; } .scroll { overflow: auto; }
.met { color: #2b7a4b; } .missed { color: #c0392b; } .open { color: #b9770e; } .apart { color: #999; }
@media (max-width: 800px) { .pair { grid-template-columns: 1fr; } }
"""

_METHOD = """\
Every method runs the same four steps on every frame (head, encode, decode, tail), through real bitstreams. Bytes
are whole packets as on the wire: payload in slices of at most 1,200 B, and for each packet header, vehicle state
and CRC (71 B); UDP and IP are not counted. Integer tables ship with the model and cost no bytes: those of our
branches were counted at the end of their training, those of the rANS baselines on validation frames; scales of
8-bit features, JPEG's Huffman tables and the containers of WebP and AVIF are part of each frame. Uniform
quantisation, float32 and 8-bit features are the trunk's output; the server runs the richest branch's bottleneck on
them, unrounded. CR+BQ sends a branch's channels in 8 bit without entropy coder (SC2, arXiv 2203.08875). The teacher
never saw coding artefacts. A depth map is made by head and tail of a branch on board: its encoder is the whole
network. What is measured is the last frame of each clip; branches of a set with a memory have received the clip's
frames before it by the same branch ("alone": they have not, and decode the same packets). Pictures and maps have no
memory. Times are medians of thread CPU time on one core, all methods taking turns on the same frames. Equal
quality: our branches' curve is linear in log bytes between branches, on its lower convex hull. Intervals are 95 %
percentiles of a bootstrap over {unit} ({count} resamples), paired. Missed obstacles alone can be bought off by
calling everything near: read them together with AbsRel."""


def write(table: Table, scores: Scores, times: dict[str, np.ndarray], out: Path) -> dict[str, Any]:
    """Write the three files into a folder; returns the summary."""
    out.mkdir(parents=True, exist_ok=True)
    judge = Judge(scores, times)
    rows = [_row(i, method, judge) for i, method in enumerate(table.methods)]
    findings = judge.findings()
    summary = _summary(table, scores, rows, findings)
    with (out / CSV_FILE).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (out / SUMMARY_FILE).write_text(json.dumps(_finite(summary), indent=1) + "\n")
    (out / REPORT_FILE).write_text(_page(table, judge, rows, findings, summary), encoding="utf-8")
    return summary


def _row(index: int, method: Method, judge: Judge) -> dict[str, Any]:
    """All that was measured of one method."""
    sizes = judge.scores.sizes(index)
    p50, p95, p99 = np.percentile(sizes, [50, 95, 99])
    row: dict[str, Any] = {"method": method.name, "family": method.title}
    row |= {"parameters": method.cost.parameters, "macs": method.cost.macs}
    row |= {
        "bytes_mean": float(sizes.mean()),
        "bytes_p50": float(p50),
        "bytes_p95": float(p95),
        "bytes_p99": float(p99),
    }
    for name in FIGURES:
        row[name] = float(judge.figures[name][0, index])
        if name in WITH_INTERVAL:
            row[f"{name}_low"], row[f"{name}_high"] = interval(judge.figures[name][1:, index])
    times = judge.times.get(method.name)
    medians = np.median(times, axis=0) if times is not None and len(times) else np.full(len(STEPS), np.nan)
    return row | {f"{step}_ms": float(ms) for step, ms in zip(STEPS, medians, strict=True)}


def _summary(
    table: Table, scores: Scores, rows: list[dict[str, Any]], findings: dict[str, list[Finding]]
) -> dict[str, Any]:
    bench = table.bench
    return {
        "data": {"folder": bench.data.name, "split": bench.split, "frames": scores.frames,
                 "worlds": [table.data.worlds[i] for i in np.unique(scores.worlds)]},
        "models": {name: f"{s.hash:08x}" for name, s in table.context.sets.items()},
        "bootstrap": scores.unit,
        "verdicts": {target: {"verdict": overall(found), "findings": [asdict(f) for f in found]}
                     for target, found in findings.items()},
        "families": by_family(scores, table.data.worlds),
        "methods": {row["method"]: {k: v for k, v in row.items() if k != "method"} for row in rows},
    }  # fmt: skip


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinity: null in their place."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _page(
    table: Table, judge: Judge, rows: list[dict[str, Any]], findings: dict[str, list[Finding]], summary: dict[str, Any]
) -> str:
    from navisplit.evaluate.codecbench import figures

    data, models = summary["data"], ", ".join(f"{n} ({h})" for n, h in summary["models"].items())
    title = f"Codec benchmark: {data['frames']} frames of {len(data['worlds'])} worlds never trained on"
    methods = table.methods
    sections = [
        "<h2>Verdicts</h2>" + "".join(_target(target, found) for target, found in findings.items()),
        "<h2>Rate and distortion</h2>",
        _figure(figures.rate_distortion(judge, methods, "near_abs_rel"), first=True),
        _pair(*(figures.rate_distortion(judge, methods, m) for m in ("delta125", "missed_rate"))),
        _pair(*(figures.encoder_rate(judge, methods, m) for m in ("near_abs_rel", "delta125"))),
        "<p class='sub'>Colours as above. Image codecs have no encoder weights: their product is zero, not drawn.</p>",
        by_family_section(summary["families"]),
        "<h2>Side by side</h2>" + "".join(map(_strip, strips(table, judge))),
        "<h2>All methods</h2>" + _table(rows),
        f"<h2>How it was measured</h2><p>{html.escape(_METHOD.format(unit=judge.scores.unit, count=RESAMPLES))}</p>",
    ]
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>"
        f"<h1>{html.escape(title)}</h1><p class='sub'>{html.escape(models)}; worlds "
        f"{html.escape(', '.join(data['worlds']))}</p>{''.join(sections)}</body></html>\n"
    )


def _target(target: str, findings: Sequence[Finding]) -> str:
    word = overall(findings)
    counts = ", ".join(f"{number} {w}" for w, number in Counter(f.verdict for f in findings).items())
    head = f"<h3>{html.escape(target)}: <span class='{_class(word)}'>{word}</span></h3>"
    if not findings:
        return head + "<p class='sub'>What it is compared with was not measured (is the branch set missing?).</p>"
    lines = "".join(
        f"<tr><td class='left'>{html.escape(f.subject)}</td><td>{_number(f.value)}</td>"
        f"<td>{_number(f.interval[0])} to {_number(f.interval[1])}</td><td>&le; {f.limit:.4g}</td>"
        f"<td class='left {_class(f.verdict)}'>{f.verdict}</td><td class='left'>{html.escape(f.note)}</td></tr>"
        for f in findings
    )
    return (
        f"{head}<details{' open' if len(findings) <= 8 else ''}><summary class='sub'>{counts}</summary>"
        f"<div class='scroll'><table><tr><th class='left'>compared with</th><th>figure</th><th>95 %</th><th>limit</th>"
        f"<th class='left'></th><th class='left'></th></tr>{lines}</table></div></details>"
    )


def _class(word: str) -> str:
    return {"met": "met", "missed": "missed", "not comparable": "apart"}.get(word, "open")


def _number(value: float) -> str:
    return "none" if np.isinf(value) else "–" if np.isnan(value) else f"{value:.3f}"


def _strip(strip: Strip) -> str:
    cells = "".join(
        f"<figure><img alt='{html.escape(c.caption)}' src='{inline(c.image, c.kind)}'>"
        f"<figcaption>{html.escape(c.caption)}</figcaption></figure>"
        for c in strip.cells
    )
    return f"<h3>{html.escape(strip.title)}</h3><div class='strip'>{cells}</div>"


def _table(rows: Sequence[dict[str, Any]]) -> str:
    columns = (
        ("weights", "parameters", "{:,.0f}"), ("MACs", "macs", "{:,.0f}"), ("B mean", "bytes_mean", "{:.0f}"),
        ("p50", "bytes_p50", "{:.0f}"), ("p95", "bytes_p95", "{:.0f}"), ("p99", "bytes_p99", "{:.0f}"),
        ("AbsRel", "abs_rel", "{:.3f}"), ("RMSE m", "rmse_m", "{:.2f}"), ("delta < 1.25", "delta125", "{:.3f}"),
        ("near", "near_abs_rel", "{:.3f}"), ("95 %", "near_abs_rel_low", "{:.3f}"), ("", "near_abs_rel_high", "{:.3f}"),
        ("missed", "missed_rate", "{:.3f}"), ("head ms", "head_ms", "{:.2f}"), ("encode", "encode_ms", "{:.2f}"),
        ("decode", "decode_ms", "{:.2f}"), ("tail", "tail_ms", "{:.2f}"),
    )  # fmt: skip
    head = "<tr><th class='left'>method</th>" + "".join(f"<th>{c[0]}</th>" for c in columns) + "</tr>"
    lines, family = [], None
    for row in rows:
        if row["family"] != family:
            family = row["family"]
            lines.append(f"<tr><td class='left' colspan='{len(columns) + 1}'><i>{html.escape(family)}</i></td></tr>")
        own = " class='ours'" if row["method"].startswith("branch:") and "/" not in row["method"] else ""
        cells = "".join(f"<td>{form.format(row[name])}</td>" for _, name, form in columns)
        lines.append(f"<tr{own}><td class='left'>{html.escape(row['method'])}</td>{cells}</tr>")
    return f"<div class='scroll'><table>{head}{''.join(lines)}</table></div>"


def _figure(figure: Any, *, first: bool = False) -> str:
    from plotly.io import to_html

    options = {"displaylogo": False, "displayModeBar": first, "responsive": True}
    return to_html(figure, include_plotlyjs=first, full_html=False, config=options)


def _pair(left: Any, right: Any) -> str:
    return f"<div class='pair'><div>{_figure(left)}</div><div>{_figure(right)}</div></div>"
