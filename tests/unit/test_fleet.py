"""Ctrl-C while a flight is being noted: it is noted once, and whole; so are those in the air."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from navisplit.evaluate.fleet import Alone, Processes


class Pool:
    """Flies at once."""

    def submit(self, work, job):
        future: Future = Future()
        future.set_result(f"flight {job}")
        return future


def processes(workers: int) -> Processes:
    fleet = Processes.__new__(Processes)
    fleet._workers, fleet._pool = workers, Pool()
    return fleet


@pytest.mark.parametrize("fleet", [processes(2), Alone(SimpleNamespace(fly=lambda job: f"flight {job}"))])
def test_ctrl_c_in_the_midst_of_a_note_lets_it_end_and_notes_nothing_twice(fleet):
    begun, noted = [], []

    def note(job, episode):
        begun.append(job)
        if len(begun) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        noted.append((job, episode))

    with pytest.raises(KeyboardInterrupt):
        fleet.run([1, 2, 3, 4], note)
    assert [job for job, _ in noted] == begun and len(set(begun)) == len(begun) < 4
    assert all(episode == f"flight {job}" for job, episode in noted)


def test_all_are_flown_and_noted_when_nothing_comes_between():
    noted = []
    processes(3).run([1, 2, 3, 4, 5], lambda job, episode: noted.append(job))
    assert sorted(noted) == [1, 2, 3, 4, 5]
