"""``navisplit evaluate --bag``: a recorded flight scored as any other, and flown again with other branches."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from navisplit.errors import UsageError


def evaluate_bag(context: typer.Context, bag: Path, out: Path, worlds: Sequence[str], *, as_json: bool) -> None:
    """Write episodes.csv, summary.json and report.html of a bag; with --branch also refly.json."""
    from navisplit.evaluate.bags import load_world, read_bag
    from navisplit.evaluate.single_flight import write_flight

    given = {name for name in context.params if _given(context, name)}
    unfit = given - {"bag", "out", "world", "branch", "models", "byte_weight", "max_bytes", "seed", "policy", "as_json"}
    if unfit or len(worlds) > 1:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(unfit)) or "several --world"
        raise UsageError(f"--bag: a recorded flight is as it was flown; {names} cannot be given with it.")
    recording = read_bag(bag, worlds[0] if worlds else "")
    query = load_world(recording)
    if query is None and worlds:
        raise UsageError(f"--world {worlds[0]}: there is no such world; expected the one that was flown in.")
    more, table = _flown_again(context, recording, query) if "branch" in given else ("", [])
    report = write_flight(
        out, recording.episode, world=recording.world, config=recording.config, query=query,
        model_hash=recording.model_hash, real_time_factor=None, more=more,
    )  # fmt: skip
    if table:
        (out / "refly.json").write_text(json.dumps(table, indent=1) + "\n")
    if as_json:
        print((out / "summary.json").read_text() if not table else json.dumps(table, indent=1))
        return
    episode = recording.episode
    print(f"outcome    {episode.outcome.value}  {episode.detail}")
    print(f"time       {episode.metrics.time_s:.1f} s, path {episode.metrics.path_m:.1f} m")
    for row in table:
        near = f"  near AbsRel {row['near_abs_rel']:.3f}" if "near_abs_rel" in row else ""
        missed = f"  missed {row['missed_rate']:.1%} of {row['obstacles']:.0f}" if "missed_rate" in row else ""
        size = row["bytes_per_frame"]
        print(f"{row['name']:10} {row['answered']} of {row['frames']} frames answered  {size:.0f} B{near}{missed}")
    print(f"report     {report}")


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _flown_again(context: typer.Context, recording: Any, query: Any) -> tuple[str, list[dict[str, Any]]]:
    """The report's section and its table."""
    from navisplit.evaluate.refly import RECORDED, models_for, recorded_looks, refly, score_all, truth_of
    from navisplit.evaluate.refly_report import section

    truth = None
    if query is not None:
        from navisplit.sim.render.renderer import RayCaster

        truth = truth_of(recording, RayCaster(query.scene, shadow_resolution=16, ao=False, query=query))
    config = _changed(context, recording.config)
    looks = {RECORDED: recorded_looks(recording)}
    for branch in _names(context.params["branch"]):
        changed, models = models_for(config, branch)
        looks[branch] = refly(recording, changed, models, truth, context.params["seed"])
    table = score_all(looks, recording, truth)
    return section(recording, looks, table, truth), table


def _changed(context: typer.Context, config: Any) -> Any:
    """The recorded flight's configuration with the options that were given."""
    names = {"models": "models", "byte_weight": "byte_weight", "max_bytes": "max_frame_bytes"}
    given = {field: context.params[name] for name, field in names.items() if _given(context, name)}
    if _given(context, "policy"):
        given["policy"] = dataclasses.replace(config.policy, name=context.params["policy"])
    return dataclasses.replace(config, **given)


def _names(text: str) -> list[str]:
    """``b0,b2``; but the shares of a random gate are one name."""
    return [text] if text.startswith("random:") else [name.strip() for name in text.split(",") if name.strip()]
