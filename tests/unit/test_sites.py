"""The worlds of an evaluation: texts to worlds, routes shared among them, the same worlds on every machine."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from navisplit.errors import NaviSplitError, RouteError, UsageError
from navisplit.evaluate.sites import Recipe, open_sites, parse_world, routes_digest
from navisplit.sim.worlds import Route, making, write_routes


def test_a_text_is_a_world_that_exists_or_new_ones_by_their_seeds(tmp_path):
    assert parse_world("forest") == ["forest"] and parse_world("my/town.sdf") == ["my/town.sdf"]
    assert parse_world("urban:7") == [Recipe("urban", 7)]
    many = parse_world("forest:9500..9502,density=1.4")
    assert [r.name for r in many] == [f"forest-{seed}-density1.4" for seed in (9500, 9501, 9502)]
    odd = tmp_path / "forest:1"
    odd.write_text("a file of that name")
    assert parse_world(str(odd)) == [str(odd)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("forst:1", "Did you mean 'forest'"),
        ("forest:1,densty=2", "expected options of 'forest'"),
        ("forest:1,density=much", "NAME=NUMBER"),
        ("forest:9..3", "rising seeds"),
    ],
)
def test_a_text_that_does_not_fit_is_told_before_anything_is_made(text, told):
    with pytest.raises(UsageError, match=told):
        parse_world(text)


@pytest.fixture
def generator(monkeypatch):
    """Worlds that cost nothing; their file says how they were asked for."""
    made = []

    def make(family, seed, out, *, routes, rules, options=None, weather=None):
        made.append((family, seed, routes))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(f"{family} {seed} {options}")
        ways = [Route(i, np.array([seed, i, 2.0]), 0.0, np.array([9.0, i, 2])) for i in range(routes)]
        if ways:
            write_routes(out.with_name(f"{out.stem}.routes.csv"), ways)

    monkeypatch.setattr(making, "make_world", make)
    return made


def test_routes_are_shared_among_the_worlds_and_worlds_are_made_once(generator, tmp_path):
    found = open_sites(["forest:1..3"], "8", tmp_path)
    assert [(site.name, len(routes)) for site, routes in found] == [("forest-1", 3), ("forest-2", 3), ("forest-3", 2)]
    assert all(routes == 50 for _, _, routes in generator)  # fewer are the first of these, whatever is asked for
    again = open_sites(["forest:1..3"], "90", tmp_path / "other")
    assert [len(routes) for _, routes in again] == [30, 30, 30]
    assert routes_digest(again[0][1][:3]) == routes_digest(found[0][1])
    open_sites(["forest:1..3"], "8", tmp_path)
    assert len(generator) == 6


def test_each_world_gets_a_route_and_a_file_of_routes_belongs_to_one(generator, tmp_path):
    with pytest.raises(RouteError, match="at least one for each of the 3 worlds"):
        open_sites(["forest:1..3"], "2", tmp_path)
    with pytest.raises(UsageError, match="expected one --world, got 2"):
        open_sites(["forest:1..2"], "mine.csv", tmp_path)
    with pytest.raises(UsageError, match="'forest-1' is there twice"):
        open_sites(["forest:1..2", "forest:1"], "6", tmp_path)


def test_a_world_that_is_on_another_machine_is_made_there_once_more_or_refused(generator, tmp_path):
    ((site, _),) = open_sites(["forest:4"], "2", tmp_path)
    assert site.find() == site.file
    elsewhere = dataclasses.replace(site, file=tmp_path / "not" / "here" / site.file.name)
    assert elsewhere.find().read_text() == site.file.read_text()
    with pytest.raises(NaviSplitError, match="another one on this machine"):
        dataclasses.replace(elsewhere, digest="00000000").find()


def test_routes_that_differ_have_another_digest():
    way = Route(0, np.zeros(3), 0.0, np.array([9.0, 0, 2]))
    assert routes_digest([way]) != routes_digest([dataclasses.replace(way, goal=np.array([9.0, 0, 2.1]))])
    assert routes_digest([way]) == routes_digest([dataclasses.replace(way, length_m=12.0)])  # not what is flown
