"""The report of one live or recorded flight: the same files as an evaluation of one route."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from navisplit.config import FlightConfig, to_mapping
from navisplit.evaluate.episode import Episode, write_csv
from navisplit.evaluate.report import write_report
from navisplit.evaluate.summary import summarise
from navisplit.evaluate.topdown import survey_flights

if TYPE_CHECKING:
    from navisplit.sim.render.query import SceneQuery


def load_query(world: str) -> SceneQuery | None:
    """Geometry of the world, for clearances and the map; None where no world is given. Raises WorldError."""
    if not world:
        return None
    from navisplit.sim.render.query import SceneQuery
    from navisplit.sim.worlds import load_scene

    return SceneQuery(load_scene(world))


def write_flight(
    out: Path,
    episode: Episode,
    *,
    world: str,
    config: FlightConfig,
    query: SceneQuery | None,
    model_hash: int,
    real_time_factor: float | None,
    more: str = "",
) -> Path:
    """Write ``episodes.csv``, ``summary.json`` and ``report.html`` into ``out``; returns the report's path.

    ``more``: sections of the report, as ``render_report`` has it.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = Path(world).stem if world else ""
    episode = episode.in_world(name)
    mapping = {"world": name or None, "route_ids": [episode.route_id], "flight": to_mapping(config)}
    summary = summarise([episode], mapping, model_hash, real_time_factor)
    write_csv([episode], out / "episodes.csv")
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    top_down = survey_flights(query, [episode], config.policy.max_z_m) if query is not None else None
    return write_report([episode], summary, out, {name: top_down} if top_down is not None else {}, more=more)
