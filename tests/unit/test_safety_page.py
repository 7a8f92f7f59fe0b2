"""docs/safety.md is what the tests say and what the flights measure."""

from __future__ import annotations

from tests import safety_page


def test_every_fault_has_a_test_that_names_it():
    found = safety_page.told()
    assert len(safety_page.names()) == 50
    missing = [number for number in range(1, 51) if number not in found]
    assert not missing and set(found) <= set(range(1, 51))


def test_the_page_is_fresh():
    committed = (safety_page.ROOT / safety_page.PATH).read_text(encoding="utf-8")
    assert committed == safety_page.page(), f"stale: run `python -m tests.safety_page > {safety_page.PATH}`"
