"""The HTML of reports: one page that needs nothing else, also no network; plotly's script is in it once."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.15em; margin-top: 2em; }
.sub, figcaption, td, th { color: #555; } .sub { margin-top: 0; }
.facts { display: flex; flex-wrap: wrap; gap: .8em; margin: 1.2em 0; }
.facts div { background: #f4f5f2; border-radius: 6px; padding: .6em 1em; min-width: 8em; }
.facts b { display: block; font-size: 1.35em; font-weight: 600; color: #222; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1em; } .pair > div { min-width: 0; }
.flight { border-top: 1px solid #ddd; padding: .8em 0; } .flight p { margin: .2em 0 .5em; }
.strip { display: flex; gap: 5px; align-items: flex-start; overflow-x: auto; }
.strip figure { margin: 0; } .strip img { display: block; width: 146px; height: 82px; margin-bottom: 3px; }
.strip img.map { width: 168px; height: auto; } .strip .names { flex: 0 0 56px; font-size: 12px; color: #555; }
.strip .names div { height: 82px; margin-bottom: 3px; display: flex; align-items: center; }
.strip figcaption { font-size: 12px; }
.strip .none { width: 146px; height: 82px; margin-bottom: 3px; font-size: 12px; color: #999; background: #f4f5f2;
  display: flex; align-items: center; justify-content: center; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 10px; }
.maps figure { margin: 0; } .maps img { width: 100%; }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: 2px 10px 2px 0; text-align: right; }
td.left, th.left { text-align: left; } .scroll { max-height: 480px; overflow: auto; }
pre { background: #f4f5f2; padding: 1em; overflow: auto; font-size: 12px; }
.success { color: #2b7a4b; } .collision, .error { color: #c0392b; } .timeout { color: #b9770e; }
.failsafe { color: #2471a3; } .out_of_bounds { color: #8e44ad; }
@media (max-width: 800px) { .pair { grid-template-columns: 1fr; } }
"""


def page(title: str, subtitle: str, body: str) -> str:
    """A whole page."""
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head><body>"
        f"<h1>{html.escape(title)}</h1><p class='sub'>{html.escape(subtitle)}</p>{body}</body></html>\n"
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Numbers in a row: (what, value)."""
    cells = "".join(f"<div><b>{html.escape(value)}</b>{html.escape(name)}</div>" for name, value in pairs)
    return f"<div class='facts'>{cells}</div>"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table of cells that are HTML already; the first ``left`` columns are text."""
    kind = ["class='left'" if i < left else "" for i in range(len(columns))]
    head = "".join(f"<th {k}>{html.escape(name)}</th>" for k, name in zip(kind, columns, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td {k}>{cell}</td>" for k, cell in zip(kind, row, strict=True)) + "</tr>" for row in rows
    )
    return f"<div class='scroll'><table><tr>{head}</tr>{body}</table></div>"


def number(value: float | None, form: str) -> str:
    """A number as text, a dash where there is none."""
    return "–" if value is None else form.format(value)


def figure(drawn: Any, *, first: bool = False) -> str:
    """A plotly figure; ``first`` on the page brings the script."""
    from plotly.io import to_html

    return to_html(
        drawn,
        include_plotlyjs=first,
        full_html=False,
        config={"displaylogo": False, "displayModeBar": first, "responsive": True},
    )


def pair(left: Any, right: Any) -> str:
    """Two figures beside each other."""
    return f"<div class='pair'><div>{figure(left)}</div><div>{figure(right)}</div></div>"
