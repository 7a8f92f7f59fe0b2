"""Evaluations as a comparison reads them: flights by world, route and seed, and what may be paired with what."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from navisplit.errors import UsageError
from navisplit.evaluate.episode import Outcome, read_csv

Key = tuple[str, int, int]  # world, route, seed
MEANS = {
    "spl": "SPL",
    "time_to_goal_s": "time to goal, s",
    "bytes_per_frame": "bytes a frame",
    "bytes_per_metre": "bytes a metre",
    "clearance_min_m": "smallest clearance, m",
    "energy_j": "energy, J",
}
"""Figures whose paired differences are told, where both flights have them."""


@dataclass(frozen=True)
class Arm:
    """One evaluation, as read from its folder."""

    name: str
    success: Mapping[Key, bool]
    config: dict[str, Any]
    bytes_per_frame: float | None
    figures: Mapping[Key, Mapping[str, float]] = field(default_factory=dict)  # of MEANS, where they apply

    @classmethod
    def load(cls, folder: Path) -> Arm:
        """Read an evaluation's folder. Raises UsageError when it is not one."""
        rows = read_csv(folder / "episodes.csv")
        try:
            summary = json.loads((folder / "summary.json").read_text())
            by_key = {(r.get("world") or "", int(r["route_id"]), int(r["seed"])): r for r in rows}
            figures = {k: {name: float(r[name]) for name in MEANS if r.get(name)} for k, r in by_key.items()}
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{folder} is not an evaluation ({error}). Write one with `navisplit evaluate --out`."
            ) from error
        success = {k: r["outcome"] == Outcome.SUCCESS.value for k, r in by_key.items()}
        return cls(str(folder), success, summary.get("config") or {}, summary.get("bytes_per_frame"), figures)

    def named(self, name: str) -> Arm:
        """The same under another name."""
        return dataclasses.replace(self, name=name)


def common_keys(a: Arm, b: Arm) -> list[Key]:
    """Flights that both made. Raises UsageError where there is none, or equal names are other worlds or radios."""
    common = sorted(a.success.keys() & b.success.keys())
    if not common:
        raise UsageError(_why_none(a, b))
    sites_a, sites_b = a.config.get("sites") or {}, b.config.get("sites") or {}
    for world in sorted({key[0] for key in common} & sites_a.keys() & sites_b.keys()):
        left, right = sites_a[world], sites_b[world]
        shared = left.get("route_ids") == right.get("route_ids")
        if left.get("world") != right.get("world") or (shared and left.get("ways") != right.get("ways")):
            raise UsageError(
                f"World '{world}' or its routes were changed between {a.name} and {b.name}: flights of the same number "
                "are not the same flights. Evaluate both again in one world with the same routes."
            )
    links = [(arm.config.get("flight") or {}).get("link") for arm in (a, b)]
    if links[0] == links[1] and a.config.get("link_digest") != b.config.get("link_digest"):
        raise UsageError(
            f"The link '{links[0]}' was another radio when {b.name} was flown than for {a.name}: its file was changed "
            "in between. Evaluate both again with one file."
        )
    return common


def _why_none(a: Arm, b: Arm) -> str:
    worlds, seeds = ([sorted({key[i] for key in arm.success}) for arm in (a, b)] for i in (0, 2))
    if not set(worlds[0]) & set(worlds[1]):
        named = " and ".join(
            f"{arm.name} flew {', '.join(w) or 'nothing'}" for arm, w in zip((a, b), worlds, strict=True)
        )
        return f"{named}: their routes are not the same flights. Evaluate both in one world to compare them."
    if not set(seeds[0]) & set(seeds[1]):
        return (
            f"{a.name} was flown with seed {seeds[0]} and {b.name} with {seeds[1]}: their links and random choices "
            "differ, so that nothing is paired. Evaluate both with the same --seed."
        )
    return f"{a.name} and {b.name} have no route in common; evaluate both with the same --routes."


def settings_differ(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Settings that are not equal, other than those that one usually compares."""
    expected = {
        "flight.branch",
        "flight.models",
        "flight.byte_weight",
        "flight.policy.name",
        "policy_hash",
        "link_digest",  # where it may differ, flight.link does
        "routes",
        "route_ids",
        "world",
        "sites",
    }
    notes = []
    for key in sorted(a.keys() | b.keys()):
        name, left, right = f"{prefix}{key}", a.get(key), b.get(key)
        if name in expected:
            continue
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            notes += settings_differ(left, right, f"{name}.")
        elif left != right:
            notes.append(f"{name} differs: {left} and {right}; the comparison is of that, too.")
    return notes


def paired_values(a: Arm, b: Arm, common: list[Key], name: str) -> np.ndarray:
    """(N, 2) values of a figure on the flights where both have it."""
    empty: dict[str, float] = {}
    pairs = [(a.figures.get(k, empty).get(name), b.figures.get(k, empty).get(name)) for k in common]
    return np.array([pair for pair in pairs if None not in pair], float).reshape(-1, 2)
