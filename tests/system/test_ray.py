"""`--workers ray` flies on a Ray cluster with the very result of one process; skipped where Ray is not installed."""

from __future__ import annotations

import json

import pytest
from test_evaluate_command import run, yard  # noqa: F401 (a fixture)

pytest.importorskip("ray", reason="ray is missing: pip install 'navisplit[ray]'")


def test_a_ray_cluster_gives_the_same_flights_as_one_process(yard, tmp_path):  # noqa: F811
    for workers in ("1", "ray"):
        done = run(
            yard, "--routes", "3", "--link", "lte", "--workers", workers, "--out", str(tmp_path / workers), "--json"
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["episodes"] == 3
    assert (tmp_path / "1/episodes.csv").read_bytes() == (tmp_path / "ray/episodes.csv").read_bytes()


def test_a_cluster_that_is_not_there_is_told_in_a_sentence(yard, tmp_path):  # noqa: F811
    done = run(yard, "--routes", "3", "--workers", "ray:127.0.0.1:1", "--out", str(tmp_path / "out"))
    assert done.returncode == 1 and "no cluster answers" in done.stderr and "Traceback" not in done.stderr
